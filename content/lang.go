package content

import "slices"

// A Lang is a language baom can speak, by its ISO 639 code.
type Lang string

// The languages baom speaks. Every page exists in French, Arabic and English; in the others what is missing falls
// back as Chain says.
const (
	French    Lang = "fr"
	Arabic    Lang = "ar"
	English   Lang = "en"
	Spanish   Lang = "es"
	Darija    Lang = "ary" // Moroccan Arabic, in Arabic script; people also type it in Latin letters
	Tachelhit Lang = "shi" // in Latin letters; people also type Tifinagh
)

// Langs lists the languages in the order in which they are offered.
func Langs() []Lang {
	return []Lang{French, Arabic, English, Spanish, Darija, Tachelhit}
}

// Complete lists the languages in which nothing may be missing.
func Complete() []Lang { return []Lang{French, Arabic, English} }

// Known reports whether l is a language baom speaks.
func (l Lang) Known() bool { return slices.Contains(Langs(), l) }

// Chain is where to look for a text in l: l itself, then the languages its speakers most likely read, French last.
func (l Lang) Chain() []Lang {
	switch l {
	case Arabic:
		return []Lang{Arabic, French}
	case English:
		return []Lang{English, French}
	case Spanish:
		return []Lang{Spanish, French}
	case Darija:
		return []Lang{Darija, Arabic, French}
	case Tachelhit:
		return []Lang{Tachelhit, Arabic, French}
	}
	return []Lang{French}
}

// Dir is the direction in which l is written: "rtl" or "ltr".
func (l Lang) Dir() string {
	if l == Arabic || l == Darija {
		return "rtl"
	}
	return "ltr"
}

// Name is what l calls itself.
func (l Lang) Name() string {
	switch l {
	case Arabic:
		return "العربية"
	case English:
		return "English"
	case Spanish:
		return "Español"
	case Darija:
		return "الدارجة"
	case Tachelhit:
		return "Tachelḥit"
	}
	return "Français"
}

// A Text is a text in several languages.
type Text map[Lang]string

// In is the text in l, or in the first language of l's Chain that has it, or empty.
func (t Text) In(l Lang) string {
	for _, c := range l.Chain() {
		if s := t[c]; s != "" {
			return s
		}
	}
	return ""
}
