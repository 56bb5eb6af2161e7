package content

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A page is a text cut at its slots: words, slot, words, slot … beginning and ending with words.
type page []string

// parsePage cuts a text at its {slots}, whose names are of lower-case letters, dots and hyphens.
func parsePage(text string) (page, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("is empty")
	}
	var p page
	for {
		before, rest, ok := strings.Cut(text, "{")
		if !ok {
			return append(p, text), nil
		}
		slot, after, closed := strings.Cut(rest, "}")
		if !closed || slot == "" || strings.Trim(slot, "abcdefghijklmnopqrstuvwxyz-.") != "" {
			return nil, fmt.Errorf("a slot is a name in braces, such as {office}; found {%s", head(rest, 12))
		}
		p = append(p, before, slot)
		text = after
	}
}

// head is the first n characters of a text.
func head(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// slots lists the names of a page's slots, each once, in order.
func (p page) slots() []string {
	var list []string
	for i := 1; i < len(p); i += 2 {
		list = append(list, p[i])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Page is a page in a language, or in the next of the language's Chain that has it, with its slots filled; a slot that
// is not given is left out. What fills a slot is escaped: a person's words never become markup. An unknown page is
// empty.
func (lib *Library) Page(id string, l Lang, slots map[string]string) string {
	langs := lib.pages[id]
	for _, c := range l.Chain() {
		if p, ok := langs[c]; ok {
			return p.fill(slots)
		}
	}
	return ""
}

// fill is the page's text with its slots filled.
func (p page) fill(slots map[string]string) string {
	if len(p) == 1 {
		return p[0]
	}
	size := 0
	for i, part := range p {
		if i%2 == 0 {
			size += len(part)
		} else {
			size += len(slots[part])
		}
	}
	var out strings.Builder
	out.Grow(size + 8) // a little room for escapes
	for i, part := range p {
		if i%2 == 0 {
			out.WriteString(part)
		} else {
			out.WriteString(Escape(slots[part]))
		}
	}
	return out.String()
}

// HasPage reports whether there is a page by that id.
func (lib *Library) HasPage(id string) bool { return lib.pages[id] != nil }

// PageIDs lists the pages.
func (lib *Library) PageIDs() []string { return slices.Sorted(maps.Keys(lib.pages)) }

// Label is the short text of a choice: from the pages' labels, or the name of a language (lang.fr), country
// (country.SN), office (commune.agadir), field (field.age) or answer (answer.<id>). It is empty for an unknown id.
func (lib *Library) Label(id string, l Lang) string {
	if t, ok := lib.labels[id]; ok {
		return t.In(l)
	}
	kind, value, _ := strings.Cut(id, ".")
	switch kind {
	case "lang":
		if Lang(value).Known() {
			return Lang(value).Name()
		}
	case "country":
		return CountryName(value, l)
	case "commune":
		if o := lib.Office(value); o != nil {
			return o.Name.In(l)
		}
	case "field":
		for _, f := range lib.form.Fields {
			if f.ID == value {
				return f.Label.In(l)
			}
		}
	case "answer":
		if a := lib.byID[value]; a != nil {
			return a.Title.In(l)
		}
	}
	return ""
}

// Option is the choice by that id, labelled in a language.
func (lib *Library) Option(id string, l Lang) Option {
	return Option{ID: id, Label: lib.Label(id, l)}
}
