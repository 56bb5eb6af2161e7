package content

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed pages words forms answers *.yaml
var builtin embed.FS

// Builtin is the content that the program carries.
func Builtin() fs.FS { return builtin }

// A Library is all content, read and proven sound. It is immutable and safe for concurrent use.
type Library struct {
	pages    map[string]map[Lang]page
	labels   map[string]Text
	commands map[string]string // folded words → command
	choices  map[string][]string
	dangers  []danger
	form     *Form
	needs    []Need
	offices  []Office
	communes []Commune
	ramadan  []period
	structs  []Structure
	answers  []*Answer
	byID     map[string]*Answer
	index    *Index
	names    map[string][]string // option id → folded labels in every language and words of choices.yaml
	places   []place
	warnings []Fault
}

// A Fault is something wrong in a file of content. A warning does not keep the program from starting.
type Fault struct {
	File    string
	Line    int // 0 if it concerns the file as a whole
	Msg     string
	Warning bool
}

// Error is the fault with its place.
func (f Fault) Error() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Msg)
	}
	return f.File + ": " + f.Msg
}

// Load reads the layers, lowest first: a file replaces its namesake below it, but pages and words are merged key by
// key. It returns every fault at once, joined; warnings are kept in the library.
func Load(layers ...fs.FS) (*Library, error) {
	r := &reader{layers: layers, lib: &Library{
		pages: map[string]map[Lang]page{}, labels: map[string]Text{}, commands: map[string]string{}, choices: map[string][]string{},
		byID: map[string]*Answer{}, names: map[string][]string{},
	}}
	r.readPages()
	r.readWords()
	r.readPlain()
	r.readAnswers()
	if len(r.faults) == 0 {
		r.check()
	}
	var errs []error
	for _, f := range r.faults {
		if f.Warning {
			r.lib.warnings = append(r.lib.warnings, f)
		} else {
			errs = append(errs, f)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	r.lib.finish()
	return r.lib, nil
}

// Warnings are the faults that did not keep the library from loading.
func (lib *Library) Warnings() []Fault { return lib.warnings }

// A reader gathers a library and its faults from the layers.
type reader struct {
	layers []fs.FS
	lib    *Library
	faults []Fault
	at     map[string]Fault // where a page, label or answer was read, for faults found later
}

func (r *reader) fault(file string, line int, format string, args ...any) {
	r.faults = append(r.faults, Fault{File: file, Line: line, Msg: fmt.Sprintf(format, args...)})
}

func (r *reader) warn(file string, line int, format string, args ...any) {
	r.faults = append(r.faults, Fault{File: file, Line: line, Msg: fmt.Sprintf(format, args...), Warning: true})
}

// glob lists the files of a pattern in any layer, each once, in order of name.
func (r *reader) glob(pattern string) []string {
	var names []string
	for _, l := range r.layers {
		found, _ := fs.Glob(l, pattern)
		names = append(names, found...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// top is the file in the highest layer that has it.
func (r *reader) top(name string) ([]byte, bool) {
	for i := len(r.layers) - 1; i >= 0; i-- {
		if data, err := fs.ReadFile(r.layers[i], name); err == nil {
			return data, true
		} else if !errors.Is(err, fs.ErrNotExist) {
			r.fault(name, 0, "cannot be read: %v", err)
		}
	}
	return nil, false
}

// yaml decodes a file strictly: an unknown key is a fault.
func (r *reader) yaml(name string, data []byte, into any) bool {
	if len(data) > 4<<20 {
		r.fault(name, 0, "is larger than 4 MB")
		return false
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		line := 0
		fmt.Sscanf(err.Error(), "yaml: line %d:", &line)
		var types *yaml.TypeError
		if errors.As(err, &types) {
			for _, e := range types.Errors {
				fmt.Sscanf(e, "line %d:", &line)
				r.fault(name, line, "%s", e)
			}
			return false
		}
		r.fault(name, line, "%v", err)
		return false
	}
	return true
}

// langOf is the language named before a file's ending, such as fr in pages/web.fr.yaml.
func langOf(name string) Lang {
	base := strings.TrimSuffix(path.Base(name), ".yaml")
	return Lang(base[strings.LastIndexByte(base, '.')+1:])
}

func (r *reader) readPages() {
	for _, name := range r.glob("pages/*.yaml") {
		lang := langOf(name)
		if !lang.Known() {
			r.fault(name, 0, "%q is not a language; there are %v", lang, Langs())
			continue
		}
		for _, layer := range r.layers {
			data, err := fs.ReadFile(layer, name)
			if err != nil {
				continue
			}
			var file struct{ Pages, Labels map[string]string }
			if !r.yaml(name, data, &file) {
				continue
			}
			for id, text := range file.Pages {
				if r.lib.pages[id] == nil {
					r.lib.pages[id] = map[Lang]page{}
				}
				p, err := parsePage(text)
				if err != nil {
					r.fault(name, lineOf(data, id), "page %s: %v", id, err)
				}
				r.lib.pages[id][lang] = p
			}
			for id, label := range file.Labels {
				if r.lib.labels[id] == nil {
					r.lib.labels[id] = Text{}
				}
				if n := len([]rune(label)); n > 60 {
					r.fault(name, lineOf(data, id), "label %s has %d characters; a button takes 60 at most", id, n)
				}
				r.lib.labels[id][lang] = label
			}
		}
	}
}

// lineOf is the line on which a key stands, or 0.
func lineOf(data []byte, key string) int {
	for i, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(strings.Trim(strings.TrimSpace(line), `"'`), key) {
			return i + 1
		}
	}
	return 0
}

// words is a list of words a person may use, by language tag (fr, ar, en, es, ary, ary-Latn, shi).
type words map[string][]string

func (r *reader) readWords() {
	var commands, choices map[string]words
	if r.words("words/commands.yaml", &commands) {
		for id, w := range commands {
			r.lib.commands[Fold(id)] = id
			for _, list := range w {
				for _, word := range list {
					if other := r.lib.commands[Fold(word)]; other != "" && other != id {
						r.warn("words/commands.yaml", 0, "%q means both %s and %s", word, other, id)
						continue
					}
					r.lib.commands[Fold(word)] = id
				}
			}
		}
	}
	if r.words("words/choices.yaml", &choices) {
		for id, w := range choices {
			for _, list := range w {
				r.lib.choices[id] = append(r.lib.choices[id], list...)
			}
		}
	}
	var dangers map[string]words
	if r.words("words/danger.yaml", &dangers) {
		for kind, w := range dangers {
			d := danger{kind: kind}
			for tag, list := range w {
				for _, phrase := range list {
					if folded := strings.Fields(foldPhrase(phrase)); len(folded) > 0 && tag != "unless" {
						d.phrases = append(d.phrases, folded)
					} else if len(folded) > 0 {
						d.unless = append(d.unless, folded)
					}
				}
			}
			r.lib.dangers = append(r.lib.dangers, d)
		}
		slices.SortFunc(r.lib.dangers, func(a, b danger) int { return dangerRank(a.kind) - dangerRank(b.kind) })
	}
}

// words reads a file of words from every layer, a later one's key replacing an earlier one's.
func (r *reader) words(name string, into *map[string]words) bool {
	*into = map[string]words{}
	for _, layer := range r.layers {
		data, err := fs.ReadFile(layer, name)
		if err != nil {
			continue
		}
		var one map[string]words
		if !r.yaml(name, data, &one) {
			return false
		}
		for k, v := range one {
			(*into)[k] = v
		}
	}
	return true
}

func (r *reader) readPlain() {
	read := func(name string, into any) {
		if data, ok := r.top(name); ok {
			r.yaml(name, data, into)
		} else {
			r.fault(name, 0, "is missing")
		}
	}
	r.lib.form = &Form{}
	read("forms/intake.yaml", r.lib.form)
	read("needs.yaml", &r.lib.needs)
	var offices struct {
		Offices  []Office
		Communes []Commune
		Ramadan  []period `yaml:"ramadan-dates"`
	}
	read("offices.yaml", &offices)
	r.lib.offices, r.lib.communes, r.lib.ramadan = offices.Offices, offices.Communes, offices.Ramadan
	for i := range r.lib.offices {
		o := &r.lib.offices[i]
		o.ramadan = r.lib.ramadan
		if err := o.parse(); err != nil {
			r.fault("offices.yaml", 0, "%s: %v", o.ID, err)
		}
	}
	read("structures.yaml", &r.lib.structs)
}

// Form is the intake: the questions that make a case file.
func (lib *Library) Form() *Form { return lib.form }

// Needs lists the needs by code, in the order in which they are offered.
func (lib *Library) Needs() []Need { return lib.needs }

// Need finds a need by its code.
func (lib *Library) Need(code string) (Need, bool) {
	i := slices.IndexFunc(lib.needs, func(n Need) bool { return n.ID == code })
	if i < 0 {
		return Need{}, false
	}
	return lib.needs[i], true
}

// A Need is what a person may come for, by the code of the offices' register.
type Need struct {
	ID       string
	Group    string
	Profiles []string // who has it; empty: everybody
	Alert    string   // kind of danger that it means, or empty
}

// A Form is a list of questions. The intake, the console's walk-in page and the figures read the same one.
type Form struct {
	ID     string
	Fields []Field
}

// A Field is one question of a form.
type Field struct {
	ID        string
	Kind      string              // choice, need, name, country, commune, age, contact, words
	Profiles  []string            `yaml:"profiles"` // asked of these; empty: of everybody
	Required  []string            `yaml:"required"` // cannot be skipped by these; "all": by nobody
	Sensitive bool                // can always be skipped, and is not in any list
	Options   []string            // ids of the choices
	Suggest   map[string][]string // country codes to offer, by profile; "other" for the rest
	Column    Text                // heading of its column in the register
	Label     Text                // its name in a summary
}

// AskedOf reports whether the question is put to a profile. While the profile is unknown every question may be.
func (f Field) AskedOf(profile string) bool {
	return len(f.Profiles) == 0 || slices.Contains(f.Profiles, profile)
}

// RequiredOf reports whether a profile cannot skip the question.
func (f Field) RequiredOf(profile string) bool {
	return !f.Sensitive && (slices.Contains(f.Required, "all") || slices.Contains(f.Required, profile))
}

// Value is an answer to a field as people read it: the label of a choice, the name of a country, the words as they
// are.
func (lib *Library) Value(f Field, value string, l Lang) string {
	prefix := map[string]string{"country": "country.", "commune": "commune.", "age": "age.", "need": "need.", "contact": "contact."}[f.Kind]
	if f.Kind == "choice" && len(f.Options) > 0 {
		prefix, _, _ = strings.Cut(f.Options[0], ".")
		prefix += "."
	}
	if f.Kind == "words" && strings.HasPrefix(value, "kind.") {
		return lib.Label(value, l)
	}
	if prefix == "" {
		return value
	}
	if label := lib.Label(prefix+value, l); label != "" {
		return label
	}
	return value
}

// Answers lists the entries of the content base by id.
func (lib *Library) Answers() []*Answer { return lib.answers }

// Answer finds an entry; nil if there is none.
func (lib *Library) Answer(id string) *Answer { return lib.byID[id] }

// Find searches the answers. An id found is that of an answer; the language it is spoken in is the person's.
func (lib *Library) Find(q Query) Found { return lib.index.Search(q) }

// An Answer is one entry of the content base: who has the right, the steps, the papers, the cost, the delay, where.
type Answer struct {
	ID         string
	Profiles   []string
	Needs      []string
	Title      Text
	Ask        map[string][]string // phrasings by language tag
	Then       []string            // ids of follow-ups
	Structures []string
	Law        []string
	Sources    []Source
	Confidence string // high, medium, low
	Reviewed   time.Time
	ReviewBy   time.Time
	Body       Text
	More       Text
	Status     map[Lang]string // of a translation: draft or reviewed
	Stale      map[Lang]bool   // translated from an earlier French text
	revision   string
}

// A Source is where a fact of an answer comes from.
type Source struct {
	URL  string
	Seen string // the day it was read
	Says string
}
