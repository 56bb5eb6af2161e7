package content

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of matching a choice by words: in a longer message a choice's word may stand by chance.
const (
	maxSaid      = 400 // bytes read at all
	maxContained = 15  // words of a message in which a choice's words are looked for
	maxMisspelt  = 6   // words of a message in which they are looked for with a slip
	slipLetters  = 5   // letters of a word in which a slip is forgiven
)

// A choiceNames is every name of every choice: its labels in all languages and the words people use for it.
type choiceNames struct {
	ids     map[string][]string     // folded name → choices
	longest map[string]int          // first word of a name → words of the longest name that begins so
	of      map[string][]choiceName // choice → its names
}

// A choiceName is a folded name of a choice.
type choiceName struct {
	text  string
	words int
	slip  bool // has a word in which a slip is forgiven
}

// nameTable gathers the names of the choices.
func (lib *Library) nameTable() choiceNames {
	t := choiceNames{map[string][]string{}, map[string]int{}, map[string][]choiceName{}}
	add := func(id string, texts ...string) {
		for _, text := range texts {
			f := Fold(text)
			if f == "" || slices.Contains(t.ids[f], id) {
				continue
			}
			t.ids[f] = append(t.ids[f], id)
			words := appendWords(nil, f)
			t.longest[words[0]] = max(t.longest[words[0]], len(words))
			t.of[id] = append(t.of[id], choiceName{f, len(words), slices.ContainsFunc(words, longWord)})
		}
	}
	every := func(id string, text Text) {
		for _, l := range Langs() {
			add(id, text[l])
		}
	}
	for id, label := range lib.labels {
		every(id, label)
	}
	for id, list := range lib.choices {
		add(id, list...)
	}
	for _, l := range Langs() {
		add("lang."+string(l), l.Name(), string(l))
	}
	for _, o := range lib.offices {
		every("commune."+o.ID, o.Name)
		add("commune."+o.ID, o.Also...)
	}
	for _, a := range lib.answers {
		every("answer."+a.ID, a.Title)
	}
	for _, f := range lib.form.Fields {
		every("field."+f.ID, f.Label)
	}
	return t
}

// longWord reports whether a word is long enough for a slip to be forgiven.
func longWord(word string) bool {
	return len(word) >= slipLetters && utf8.RuneCountInString(word) >= slipLetters
}

// Match is the option that a person means by plain words: the first one whose label, in any language, or one of whose
// words is what they wrote; else the only one whose label or words stand in a short message; else the only one that
// stands there but for a slip in a word of five letters or more. A name within a longer name of another option does not
// count: "pas d'accord" is not "d'accord". ok is false where none or several are meant.
func (lib *Library) Match(text string, options []string) (id string, ok bool) {
	if len(options) == 0 || len(text) > maxSaid {
		return "", false
	}
	said := Fold(text)
	for _, o := range options {
		if slices.Contains(lib.names.ids[said], o) {
			return o, true
		}
	}
	var space [maxContained]string
	words := appendWords(space[:0], said)
	if len(words) == 0 || len(words) > maxContained {
		return "", false
	}
	if id, any := lib.contained(said, words, options); any {
		return id, id != ""
	}
	if len(words) > maxMisspelt {
		return "", false
	}
	return lib.misspelt(said, words, options)
}

// A mention is where a name stands in a message, from one word to before another.
type mention struct {
	from, to int
	id       string
}

// within reports whether m is a part of what another mention covers.
func (m mention) within(o mention) bool {
	return o.from <= m.from && m.to <= o.to && o.to-o.from > m.to-m.from
}

// contained is the only option named in a message; any tells whether there was one at all, id is empty if there were
// several.
func (lib *Library) contained(said string, words, options []string) (id string, any bool) {
	var space [8]mention
	found := space[:0]
	start := 0
	for i, w := range words {
		end := start + len(w)
		for n := 1; n <= lib.names.longest[w] && i+n <= len(words); n++ {
			if n > 1 {
				end += 1 + len(words[i+n-1])
			}
			if n == 1 && !telling(w, i) {
				continue
			}
			if ids := lib.names.ids[said[start:end]]; len(ids) > 0 {
				if k := slices.IndexFunc(options, func(o string) bool { return slices.Contains(ids, o) }); k >= 0 {
					found = append(found, mention{i, i + n, options[k]})
				}
			}
		}
		start += len(w) + 1
	}
	return onlyOption(found)
}

// telling reports whether a single word may be looked for in a message: of two letters only an Arabic one that the
// message begins with, such as لا.
func telling(word string, at int) bool {
	n := utf8.RuneCountInString(word)
	return n >= 3 || n == 2 && len(word) == 4 && at == 0
}

// onlyOption is the one option that the mentions name; to pass over a question counts only where nothing else is named.
func onlyOption(found []mention) (id string, any bool) {
	several := false
	for _, m := range found {
		if slices.ContainsFunc(found, m.within) {
			continue
		}
		switch {
		case id == "" || id == "skip":
			id = m.id
		case m.id != id && m.id != "skip":
			several = true
		}
	}
	if several {
		return "", true
	}
	return id, id != ""
}

// misspelt is the only option that a message names with a slip.
func (lib *Library) misspelt(said string, words, options []string) (id string, ok bool) {
	for _, o := range options {
		for _, n := range lib.names.of[o] {
			if !n.slip || o == id || !(oneSlip(said, n.text) || n.slipsInto(words, 0) >= 0) {
				continue
			}
			if id != "" {
				return "", false
			}
			id = o
		}
	}
	return id, id != ""
}

// slipsInto is where the name stands in the words of a message, from at on, with a slip in one of its long words; -1 if
// it does not.
func (n choiceName) slipsInto(words []string, at int) int {
	for i := at; i+n.words <= len(words); i++ {
		if n.slipOf(words[i : i+n.words]) {
			return i
		}
	}
	return -1
}

// slipOf reports whether the words, as many as the name has, are the name with a slip in one of its long words.
func (n choiceName) slipOf(words []string) bool {
	first, last := words[0], words[len(words)-1]
	if first[0] != n.text[0] && last[len(last)-1] != n.text[len(n.text)-1] {
		return false // one slip spares the beginning or the end
	}
	if n.words == 1 {
		return first != n.text && oneSlip(first, n.text)
	}
	slips, rest := 0, n.text
	for _, w := range words {
		word, after, _ := strings.Cut(rest, " ")
		rest = after
		if w == word {
			continue
		}
		if slips++; slips > 1 || !longWord(word) || !oneSlip(w, word) {
			return false
		}
	}
	return slips == 1
}

// oneSlip reports whether two different texts differ by one letter inserted, dropped, changed or swapped with its
// neighbour.
func oneSlip(a, b string) bool {
	if d := len(a) - len(b); d > utf8.UTFMax || -d > utf8.UTFMax {
		return false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	for i > 0 && (i < len(a) && !utf8.RuneStart(a[i]) || i < len(b) && !utf8.RuneStart(b[i])) {
		i--
	}
	a, b = a[i:], b[i:]
	j := 0
	for j < len(a) && j < len(b) && a[len(a)-1-j] == b[len(b)-1-j] {
		j++
	}
	for j > 0 && !utf8.RuneStart(a[len(a)-j]) {
		j--
	}
	a, b = a[:len(a)-j], b[:len(b)-j]
	if len(a) > 2*utf8.UTFMax || len(b) > 2*utf8.UTFMax {
		return false
	}
	m, n := utf8.RuneCountInString(a), utf8.RuneCountInString(b)
	if m == 2 && n == 2 {
		_, wa := utf8.DecodeRuneInString(a)
		_, wb := utf8.DecodeRuneInString(b)
		return a[:wa] == b[wb:] && a[wa:] == b[:wb]
	}
	return max(m, n) == 1
}
