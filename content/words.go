package content

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// wordTags are the tags of the ways in which people write: the languages, and Darija in Latin letters.
var wordTags = []string{"fr", "ar", "en", "es", "ary", "ary-Latn", "shi"}

// commandIDs are the commands that a whole message may be.
var commandIDs = []string{"back", "menu", "officer", "language", "stop", "help", "forget", "cancel", "hello", "thanks"}

// dangerKinds are the kinds of danger; where a message tells of several, what comes first here cannot wait.
var dangerKinds = []string{"suicide", "medical", "child", "trafficking", "violence", "arrest"}

// A lexicon is words by id and tag, with the line of each id.
type lexicon struct {
	words map[string]map[string][]string
	lines map[string]int
}

// ids lists a lexicon's ids in order.
func (x lexicon) ids() []string { return slices.Sorted(maps.Keys(x.words)) }

// each calls f with the words of an id, in the order of the tags.
func (x lexicon) each(id string, f func(tag, word string)) {
	for _, tag := range slices.Sorted(maps.Keys(x.words[id])) {
		for _, w := range x.words[id][tag] {
			f(tag, w)
		}
	}
}

// lexicon reads a file of words from every layer; a later one's list for an id and a tag replaces an earlier one's.
func (r *reader) lexicon(name string, extra ...string) lexicon {
	x := lexicon{map[string]map[string][]string{}, map[string]int{}}
	tags := append(slices.Clip(wordTags), extra...)
	for _, layer := range r.layers {
		data, ok := r.read(layer, name)
		if !ok {
			continue
		}
		root := r.tree(name, 1, data)
		if root == nil {
			continue
		}
		r.trees[name] = root
		var file map[string]map[string][]string
		if !r.decode(name, root, &file) {
			continue
		}
		for id, byTag := range file {
			if x.words[id] == nil {
				x.words[id] = map[string][]string{}
			}
			x.lines[id] = r.line(name, id)
			maps.Copy(x.words[id], byTag)
		}
		eachPair(root, func(id, byTag *yaml.Node) {
			eachPair(byTag, func(tag, _ *yaml.Node) {
				if !slices.Contains(tags, tag.Value) {
					r.fault(name, tag.Line, "%s: %q is not one of %s", id.Value, tag.Value, strings.Join(tags, ", "))
				}
			})
		})
	}
	if len(x.words) == 0 {
		r.fault(name, 0, "is missing or empty")
	}
	return x
}

func (r *reader) readWords() {
	r.readCommands(r.lexicon("words/commands.yaml"))
	choices := r.lexicon("words/choices.yaml")
	for _, id := range choices.ids() {
		choices.each(id, func(_, word string) { r.lib.choices[id] = append(r.lib.choices[id], word) })
	}
	dangers := r.lexicon("words/danger.yaml", "unless")
	for _, id := range dangers.ids() {
		if id == dangerBetween {
			dangers.each(id, func(_, word string) { r.lib.dangers.between = append(r.lib.dangers.between, Fold(word)) })
			continue
		}
		kind := slices.Index(dangerKinds, id)
		if kind < 0 {
			r.fault("words/danger.yaml", dangers.lines[id], "there is no danger %q: %s", id, strings.Join(dangerKinds, ", "))
			continue
		}
		dangers.each(id, func(tag, phrase string) {
			if !r.lib.dangers.add(kind, tag == "unless", phrase) {
				r.fault("words/danger.yaml", dangers.lines[id], "%s: %q has no words, or a star of fewer than three letters", id, phrase)
			}
		})
	}
}

func (r *reader) readCommands(x lexicon) {
	const file = "words/commands.yaml"
	for _, id := range x.ids() {
		if !slices.Contains(commandIDs, id) {
			r.fault(file, x.lines[id], "there is no command %q: %s", id, strings.Join(commandIDs, ", "))
			continue
		}
		x.each(id, func(tag, word string) {
			folded := Fold(word)
			switch other := r.lib.commands[folded]; {
			case folded == "":
				r.fault(file, x.lines[id], "%s: %q has no letters", id, word)
			case other != "" && other != id:
				r.fault(file, x.lines[id], "%q means both %s and %s", word, other, id)
			default:
				r.lib.commands[folded] = id
			}
		})
	}
	for _, id := range commandIDs { // a command is always known by its id, unless the word means another
		if r.lib.commands[id] == "" {
			r.lib.commands[id] = id
		}
	}
}

// maxCommand is the length of the longest message that can be a command, in bytes.
const maxCommand = 120

// Command is the command that a whole message is, or "": back, menu, officer, language, stop, help, forget, cancel,
// hello, thanks.
func (lib *Library) Command(text string) string {
	if len(text) > maxCommand {
		return ""
	}
	return lib.commands[Fold(strings.TrimPrefix(strings.TrimSpace(text), "/"))]
}

// A dangers is the phrases that tell of danger, by their first words.
type dangers struct {
	first   map[string][]tell // by a whole first word
	stem    map[string][]tell // by the beginning of a first word
	widths  []int             // lengths of those beginnings, in bytes
	between []string          // words that change nothing where they stand inside a phrase: "il m'a encore frappée"
}

// dangerBetween is the entry of words/danger.yaml with the words that may stand inside a phrase.
const dangerBetween = "between"

// A tell is a phrase that tells of a danger, or that makes it something else.
type tell struct {
	kind   int // position in dangerKinds
	unless bool
	words  []string // folded; one that ends in * stands for every word that begins so
}

// add takes a phrase in; it reports whether the phrase can be used.
func (d *dangers) add(kind int, unless bool, phrase string) bool {
	if d.first == nil {
		d.first, d.stem = map[string][]tell{}, map[string][]tell{}
	}
	t := tell{kind: kind, unless: unless}
	for _, w := range strings.Fields(phrase) {
		word, star := strings.CutSuffix(w, "*")
		parts := strings.Fields(Fold(word))
		if star {
			if len(parts) == 0 || len([]rune(parts[len(parts)-1])) < 3 {
				return false
			}
			parts[len(parts)-1] += "*"
		}
		t.words = append(t.words, parts...)
	}
	if len(t.words) == 0 {
		return false
	}
	if stem, star := strings.CutSuffix(t.words[0], "*"); star {
		d.stem[stem] = append(d.stem[stem], t)
		if !slices.Contains(d.widths, len(stem)) {
			d.widths = append(d.widths, len(stem))
		}
	} else {
		d.first[t.words[0]] = append(d.first[t.words[0]], t)
	}
	return true
}

// Danger is the kind of danger a message tells of (suicide, medical, child, trafficking, violence, arrest), or "". A
// phrase listed under unless cancels the phrases that it touches, not the rest of the message: who asks about battered
// women and says that she is beaten is in danger.
func (lib *Library) Danger(text string) string {
	var space [64]string
	said := appendWords(space[:0], Fold(text))
	type span struct{ from, to, kind int }
	var found, cancelled []span
	take := func(tells []tell, at int) {
		for _, t := range tells {
			n := lib.dangers.match(t.words, said[at:])
			if n == 0 {
				continue
			}
			s := span{at, at + n, t.kind}
			if t.unless {
				cancelled = append(cancelled, s)
			} else {
				found = append(found, s)
			}
		}
	}
	d := &lib.dangers
	for i, w := range said {
		take(d.first[w], i)
		for _, n := range d.widths {
			if n <= len(w) {
				take(d.stem[w[:n]], i)
			}
		}
	}
	kind := len(dangerKinds)
	for _, f := range found {
		void := slices.ContainsFunc(cancelled, func(c span) bool { return c.kind == f.kind && c.from < f.to && f.from < c.to })
		if !void {
			kind = min(kind, f.kind)
		}
	}
	if kind == len(dangerKinds) {
		return ""
	}
	return dangerKinds[kind]
}

// match is how many words of what was said the phrase covers from its beginning, with those that may stand between its own,
// or 0 if it does not begin there.
func (d *dangers) match(phrase, said []string) int {
	at := 0
	for i, p := range phrase {
		for i > 0 && at < len(said) && !fits(p, said[at]) && slices.Contains(d.between, said[at]) {
			at++
		}
		if at == len(said) || !fits(p, said[at]) {
			return 0
		}
		at++
	}
	return at
}

// fits reports whether a word is that of a phrase, or begins as it does up to its star.
func fits(phrase, word string) bool {
	stem, star := strings.CutSuffix(phrase, "*")
	return word == phrase || star && strings.HasPrefix(word, stem)
}

// appendWords appends the words of a folded text.
func appendWords(list []string, folded string) []string {
	for folded != "" {
		word, rest, _ := strings.Cut(folded, " ")
		list, folded = append(list, word), rest
	}
	return list
}
