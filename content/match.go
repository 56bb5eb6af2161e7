package content

import (
	"slices"
	"strings"
)

// finish builds what is looked up by words.
func (lib *Library) finish() {
	add := func(id, words string) {
		if f := Fold(words); f != "" && !slices.Contains(lib.names[id], f) {
			lib.names[id] = append(lib.names[id], f)
		}
	}
	for id, label := range lib.labels {
		for _, l := range Langs() {
			add(id, label[l])
		}
	}
	for id, list := range lib.choices {
		for _, w := range list {
			add(id, w)
		}
	}
	for _, l := range Langs() {
		add("lang."+string(l), l.Name())
		add("lang."+string(l), string(l))
	}
	for _, o := range lib.offices {
		for _, l := range Langs() {
			add("commune."+o.ID, o.Name[l])
		}
		for _, w := range o.Also {
			add("commune."+o.ID, w)
		}
	}
	for _, a := range lib.answers {
		for _, l := range Langs() {
			add("answer."+a.ID, a.Title[l])
		}
	}
	for _, f := range lib.form.Fields {
		for _, l := range Langs() {
			add("field."+f.ID, f.Label[l])
		}
	}
	lib.places = lib.gazetteer()
	lib.index = NewIndex(lib.units())
}

// Match is the option that a person means by plain words: one whose label, in any language, or one of whose words is
// what they wrote; else the only one whose label or words are most of what they wrote; else the only one that differs by
// a slip of one letter. ok is false where none or several are meant.
func (lib *Library) Match(text string, options []string) (id string, ok bool) {
	said := Fold(text)
	if said == "" || len(said) > 200 {
		return "", false
	}
	for _, o := range options {
		if slices.Contains(lib.names[o], said) {
			return o, true
		}
	}
	best, length, tie := "", 0, false
	padded := " " + said + " "
	for _, o := range options {
		for _, n := range lib.names[o] {
			if len(n) < 3 || 2*len(n) < len(said) || !strings.Contains(padded, " "+n+" ") {
				continue // a word in passing is not a choice
			}
			switch {
			case len(n) > length:
				best, length, tie = o, len(n), false
			case len(n) == length && o != best:
				tie = true
			}
		}
	}
	if best != "" {
		return best, !tie
	}
	for _, o := range options {
		for _, n := range lib.names[o] {
			if len(n) >= 5 && oneSlip(said, n) {
				if best != "" && best != o {
					return "", false
				}
				best = o
			}
		}
	}
	return best, best != ""
}

// oneSlip reports whether a and b differ by one letter inserted, dropped, changed or swapped with its neighbour.
func oneSlip(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(y)-len(x) > 1 {
		return false
	}
	i := 0
	for i < len(x) && x[i] == y[i] {
		i++
	}
	if len(x) < len(y) {
		return slices.Equal(x[i:], y[i+1:])
	}
	if i == len(x) || slices.Equal(x[i+1:], y[i+1:]) {
		return true
	}
	return i+1 < len(x) && x[i] == y[i+1] && x[i+1] == y[i] && slices.Equal(x[i+2:], y[i+2:])
}

// Command is the command that a whole message is, such as back, menu or officer, or "".
func (lib *Library) Command(text string) string {
	if len(text) > 60 {
		return ""
	}
	return lib.commands[Fold(strings.TrimPrefix(strings.TrimSpace(text), "/"))]
}

// A danger is a kind of danger with the phrases that tell it, each folded and cut into words; a word that ends in *
// stands for every word that begins so.
type danger struct {
	kind    string
	phrases [][]string
	unless  [][]string
}

// dangerRank orders kinds where a message tells of several: what cannot wait comes first.
func dangerRank(kind string) int {
	return slices.Index([]string{"suicide", "medical", "child", "trafficking", "violence", "arrest"}, kind)
}

// foldPhrase folds a phrase but keeps the stars at the end of its words.
func foldPhrase(phrase string) string {
	var out []string
	for _, w := range strings.Fields(phrase) {
		stem, star := strings.CutSuffix(w, "*")
		f := strings.Fields(Fold(stem))
		if star && len(f) > 0 {
			f[len(f)-1] += "*"
		}
		out = append(out, f...)
	}
	return strings.Join(out, " ")
}

// Danger is the kind of danger a message tells of (violence, trafficking, arrest, suicide, child, medical), or "".
func (lib *Library) Danger(text string) string {
	words := strings.Fields(Fold(text))
	for _, d := range lib.dangers {
		if containsAny(words, d.phrases) && !containsAny(words, d.unless) {
			return d.kind
		}
	}
	return ""
}

func containsAny(words []string, phrases [][]string) bool {
	for i := range words {
		for _, p := range phrases {
			if begins(words[i:], p) {
				return true
			}
		}
	}
	return false
}

func begins(words, phrase []string) bool {
	if len(phrase) > len(words) {
		return false
	}
	for i, p := range phrase {
		if stem, star := strings.CutSuffix(p, "*"); star {
			if !strings.HasPrefix(words[i], stem) {
				return false
			}
		} else if words[i] != p {
			return false
		}
	}
	return true
}
