package content

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is how large a file of content may be, in bytes.
const maxFile = 4 << 20

// A reader gathers a library and its faults from the layers.
type reader struct {
	layers []fs.FS
	lib    *Library
	faults []Fault
	trees  map[string]*yaml.Node // files decoded by yaml, for the lines of faults found later
	at     map[string]Fault      // where a page or label was read, by kind, id and language
	more   map[string]int        // line on which an answer's body begins, by file
}

func newReader(layers []fs.FS) *reader {
	return &reader{
		layers: layers,
		lib: &Library{
			pages: map[string]map[Lang]page{}, labels: map[string]Text{}, commands: map[string]string{}, choices: map[string][]string{},
			byID: map[string]*Answer{}, form: &Form{},
		},
		trees: map[string]*yaml.Node{}, at: map[string]Fault{}, more: map[string]int{},
	}
}

func (r *reader) fault(file string, line int, format string, args ...any) {
	r.faults = append(r.faults, Fault{File: file, Line: line, Msg: fmt.Sprintf(format, args...)})
}

func (r *reader) warn(file string, line int, format string, args ...any) {
	r.faults = append(r.faults, Fault{File: file, Line: line, Msg: fmt.Sprintf(format, args...), Warning: true})
}

// glob lists the files of a pattern in any layer, each once, in order of name.
func (r *reader) glob(pattern string) []string {
	var found []string
	for _, l := range r.layers {
		in, _ := fs.Glob(l, pattern)
		found = append(found, in...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// read is a layer's file; ok is false if the layer does not have it.
func (r *reader) read(layer fs.FS, name string) (data []byte, ok bool) {
	data, err := fs.ReadFile(layer, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false
	case err != nil:
		r.fault(name, 0, "cannot be read: %v", err)
		return nil, false
	case len(data) > maxFile:
		r.fault(name, 0, "is larger than %d MB", maxFile>>20)
		return nil, false
	}
	return data, true
}

// top is the file in the highest layer that has it.
func (r *reader) top(name string) (data []byte, ok bool) {
	for _, layer := range slices.Backward(r.layers) {
		if data, ok := r.read(layer, name); ok {
			return data, true
		}
	}
	return nil, false
}

// tree parses a YAML file, which begins on the given line of its file; nil if it is faulty.
func (r *reader) tree(name string, line int, data []byte) *yaml.Node {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil {
		r.yamlFault(name, line, err)
		return nil
	}
	if len(doc.Content) != 1 {
		r.fault(name, line, "is empty")
		return nil
	}
	shift(doc.Content[0], line-1, map[*yaml.Node]bool{})
	return doc.Content[0]
}

// shift moves the lines of a tree down.
func shift(n *yaml.Node, by int, seen map[*yaml.Node]bool) {
	if by == 0 || seen[n] {
		return
	}
	seen[n] = true
	n.Line += by
	for _, c := range n.Content {
		shift(c, by, seen)
	}
}

// yamlFault tells an error of the YAML library with its line.
func (r *reader) yamlFault(name string, first int, err error) {
	var types *yaml.TypeError
	if errors.As(err, &types) {
		for _, e := range types.Errors {
			line, msg := cutLine(e)
			r.fault(name, line, "%s", plainer(msg))
		}
		return
	}
	line, msg := cutLine(strings.TrimPrefix(err.Error(), "yaml: "))
	if line > 0 {
		line += first - 1
	}
	r.fault(name, line, "%s", msg)
}

// cutLine parts "line 12: message".
func cutLine(s string) (line int, msg string) {
	rest, ok := strings.CutPrefix(s, "line ")
	if n, msg, cut := strings.Cut(rest, ": "); ok && cut {
		if line, err := strconv.Atoi(n); err == nil {
			return line, msg
		}
	}
	return 0, s
}

// plainer says in an editor's words what the YAML library says in a programmer's.
func plainer(msg string) string {
	what, into, ok := strings.Cut(msg, " into ")
	if _, value, quoted := strings.Cut(what, " `"); ok && quoted {
		what = strconv.Quote(strings.TrimSuffix(value, "`"))
	} else {
		what = "this"
	}
	switch {
	case !ok:
		return msg
	case strings.HasPrefix(into, "[]"):
		return what + " should be a list, such as [one, two]"
	case strings.HasPrefix(into, "map[") || strings.HasSuffix(into, "Text"):
		return what + " should be keys and values, such as {fr: …, ar: …}"
	case strings.HasPrefix(into, "float") || strings.HasPrefix(into, "int"):
		return what + " should be a number"
	case strings.HasPrefix(into, "bool"):
		return what + " should be true or false"
	}
	return what + " should be a text"
}

// decode reads a tree strictly into a value: an unknown key is a fault.
func (r *reader) decode(name string, n *yaml.Node, into any) bool {
	before := len(r.faults)
	r.strict(name, n, reflect.TypeOf(into))
	if err := n.Decode(into); err != nil {
		r.yamlFault(name, 1, err)
	}
	return len(r.faults) == before
}

// strict reports the keys of a tree that the type does not have.
func (r *reader) strict(name string, n *yaml.Node, t reflect.Type) {
	n = resolved(n)
	switch t.Kind() {
	case reflect.Pointer:
		r.strict(name, n, t.Elem())
	case reflect.Slice:
		for _, c := range n.Content {
			if n.Kind == yaml.SequenceNode {
				r.strict(name, c, t.Elem())
			}
		}
	case reflect.Map:
		eachPair(n, func(_, value *yaml.Node) { r.strict(name, value, t.Elem()) })
	case reflect.Struct:
		keys := map[string]reflect.Type{}
		for _, f := range reflect.VisibleFields(t) {
			if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); f.IsExported() && key != "-" {
				keys[cmp.Or(key, strings.ToLower(f.Name))] = f.Type
			}
		}
		eachPair(n, func(key, value *yaml.Node) {
			if sub, ok := keys[key.Value]; ok {
				r.strict(name, value, sub)
			} else {
				r.fault(name, key.Line, "there is no key %q here", key.Value)
			}
		})
	}
}

// resolved is the node that an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	for range 10 {
		if n.Kind != yaml.AliasNode {
			break
		}
		n = n.Alias
	}
	return n
}

// eachPair calls f with the keys and values of a mapping, in their order.
func eachPair(n *yaml.Node, f func(key, value *yaml.Node)) {
	if n = resolved(n); n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(n.Content[i], resolved(n.Content[i+1]))
	}
}

// line is where something stands in a file that was read: the path is of keys (string) and positions (int), as far as
// it leads; 0 if the file has no tree.
func (r *reader) line(name string, path ...any) int {
	n := r.trees[name]
	if n == nil {
		return 0
	}
	n, line := resolved(n), n.Line
	for _, step := range path {
		var next *yaml.Node
		switch step := step.(type) {
		case string:
			eachPair(n, func(key, value *yaml.Node) {
				if key.Value == step {
					next, line = value, key.Line
				}
			})
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = resolved(n.Content[step])
				line = n.Content[step].Line
			}
		}
		if next == nil {
			return line
		}
		n = next
	}
	return line
}

// langOf is the language named before a file's ending, such as fr in pages/web.fr.yaml.
func langOf(name string) Lang {
	base := strings.TrimSuffix(path.Base(name), ".yaml")
	return Lang(base[strings.LastIndexByte(base, '.')+1:])
}

// readPages reads the pages and labels, layer by layer, so that a higher layer's win whatever their file's name is.
func (r *reader) readPages() {
	for _, layer := range r.layers {
		files, _ := fs.Glob(layer, "pages/*.yaml")
		seen := map[string]Fault{} // where this layer has a page or label, by kind, id and language
		for _, name := range files {
			lang := langOf(name)
			if !lang.Known() {
				r.fault(name, 0, "%q is not a language; a file of pages is named such as fr.yaml or web.fr.yaml, for one of %v", lang, Langs())
			} else if data, ok := r.read(layer, name); ok {
				r.pagesFile(name, lang, data, seen)
			}
		}
	}
}

func (r *reader) pagesFile(name string, lang Lang, data []byte, seen map[string]Fault) {
	root := r.tree(name, 1, data)
	if root == nil {
		return
	}
	if root.Kind != yaml.MappingNode {
		r.fault(name, root.Line, "should have the keys pages and labels")
	}
	entry := func(kind string, read func(string, Lang, *yaml.Node, *yaml.Node)) func(key, value *yaml.Node) {
		return func(key, value *yaml.Node) {
			what := kind + " " + key.Value
			at := Fault{File: name, Line: key.Line, Msg: what}
			switch before, twice := seen[what+" "+string(lang)]; {
			case twice:
				r.fault(name, key.Line, "%s is there already, in %s on line %d", what, before.File, before.Line)
			case value.Kind != yaml.ScalarNode:
				r.fault(name, value.Line, "%s should be a text", what)
			case !isID(key.Value):
				r.fault(name, key.Line, "%s: an id has letters, digits and . - + _ alone, %d at most", what, maxID)
			default:
				seen[what+" "+string(lang)] = at
				r.at[what+" "+string(lang)] = at
				read(name, lang, key, value)
			}
		}
	}
	eachPair(root, func(part, entries *yaml.Node) {
		switch part.Value {
		case "pages":
			eachPair(entries, entry("page", r.page))
		case "labels":
			eachPair(entries, entry("label", r.label))
		default:
			r.fault(name, part.Line, "there is no key %q here: pages, labels", part.Value)
		}
	})
}

func (r *reader) page(name string, lang Lang, key, value *yaml.Node) {
	p, err := parsePage(value.Value)
	if err != nil {
		r.fault(name, key.Line, "page %s: %v", key.Value, err)
		return
	}
	start := value.Line
	if value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		start++
	}
	for _, u := range unsupported(value.Value) {
		r.fault(name, start+u.line, "page %s: %s", key.Value, u.msg)
	}
	if r.lib.pages[key.Value] == nil {
		r.lib.pages[key.Value] = map[Lang]page{}
	}
	r.lib.pages[key.Value][lang] = p
}

// The longest id, in bytes, that fits beside a message's number in a button's data, and the longest labels, in
// characters, that channels show whole and at all.
const (
	maxID    = 43
	goodName = 24
	maxName  = 60
)

func isID(id string) bool {
	return id != "" && len(id) <= maxID && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+_") == ""
}

func (r *reader) label(name string, lang Lang, key, value *yaml.Node) {
	id, label := key.Value, strings.TrimSpace(value.Value)
	n := len([]rune(label))
	button := !strings.HasPrefix(id, "console.") && !strings.HasPrefix(id, "web.")
	switch {
	case n == 0:
		r.fault(name, key.Line, "label %s is empty", id)
	case n > maxName:
		r.fault(name, key.Line, "label %s has %d characters; a button takes %d at most", id, n, maxName)
	case n > goodName && button:
		r.warn(name, key.Line, "label %s has %d characters; some telephones cut a button after %d", id, n, goodName)
	}
	if r.lib.labels[id] == nil {
		r.lib.labels[id] = Text{}
	}
	r.lib.labels[id][lang] = label
}

// readPlain reads the files of which the highest layer's is taken as it is.
func (r *reader) readPlain() {
	read := func(name string, into any) {
		data, ok := r.top(name)
		if !ok {
			r.fault(name, 0, "is missing")
			return
		}
		if n := r.tree(name, 1, data); n != nil {
			r.trees[name] = n
			requiredOfAll(n)
			r.decode(name, n, into)
		}
	}
	read("forms/intake.yaml", r.lib.form)
	read("forms/register.yaml", &r.lib.register)
	read("needs.yaml", &r.lib.needs)
	var file struct {
		Offices  []Office
		Communes []Commune
		Regions  []string
		Ramadan  []period `yaml:"ramadan-dates"`
	}
	read("offices.yaml", &file)
	r.lib.offices, r.lib.communes, r.lib.regions = file.Offices, file.Communes, file.Regions
	for i := range r.lib.offices {
		o := &r.lib.offices[i]
		o.fasts = file.Ramadan
		o.parse(func(key, format string, args ...any) {
			r.fault("offices.yaml", r.line("offices.yaml", "offices", i, key), o.ID+": "+format, args...)
		})
	}
	for i, p := range file.Ramadan {
		if !isDay(p.From) || !isDay(p.To) || p.To < p.From {
			r.fault("offices.yaml", r.line("offices.yaml", "ramadan-dates", i), "from and to are days such as 2027-02-08, in this order")
		}
	}
	read("structures.yaml", &r.lib.structs)
}

// requiredOfAll rewrites "required: true" of a form's fields as "required: [all]".
func requiredOfAll(root *yaml.Node) {
	eachPair(root, func(part, fields *yaml.Node) {
		if part.Value != "fields" {
			return
		}
		for _, field := range fields.Content {
			eachPair(field, func(key, value *yaml.Node) {
				if key.Value != "required" || value.Tag != "!!bool" {
					return
				}
				all := value.Value == "true"
				*value = yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: value.Line, Column: value.Column}
				if all {
					value.Content = []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: "all", Line: value.Line}}
				}
			})
		}
	})
}
