package whatsapp

import (
	"strings"
	"testing"

	"baom/content"
)

func TestRender(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"bold and italic", "**Oui**, *peut-être*.", "*Oui*, _peut-être_."},
		{"within a word there are no marks", "**A**lpha", "Alpha"},
		{"stars that mean nothing", "un ** deux ** trois", "un ∗∗ deux ∗∗ trois"},
		{"lists", "1. un\n2. deux\n\n- a\n- **b**", "1. un\n2. deux\n\n• a\n• *b*"},
		{"a link", "[le site](https://baom.ma/x)", "le site (https://baom.ma/x)"},
		{"a link that shows itself", "https://baom.ma/a_b_c", "https://baom.ma/a_b_c"},
		{"a number", "[appelez](tel:+212528000000)", "appelez (+212528000000)"},
		{"a number that shows itself", "05 37 54 54 00", "05 37 54 54 00"},
		{"a code to dial", `composez \*133\*1\#`, "composez ∗133∗1#"},
		{"one star is none", "note *", "note *"},
		{"underscores", "_pas italique_ et nom_de_fichier", "ˍpas italiqueˍ et nom_de_fichier"},
	} {
		if got := render(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzRender: whatever the Markdown, no words are lost on the way to parts, and parts keep the limit.
func FuzzRender(f *testing.F) {
	for _, s := range []string{"**a *b* c**", "[x](https://a.b/?q=\"<)", "1. a\n2. b\n\n- c", "05 37 54 54 00", "*133*1#", "**\\*", "[a **b** c](tel:+212600000000)",
		strings.Repeat("é🙂", 40), strings.Repeat("mot ", 40), strings.Repeat("à\u0301", 80), "\xe2*\x80*\x80", "_a_ ~b~ `c`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 {
			return
		}
		text := render(s)
		var words []string
		for _, part := range split(text, 50) {
			if n := units(part); n > 50 || n == 0 || strings.TrimSpace(part) != part {
				t.Fatalf("a part of %d units: %q", n, part)
			}
			words = append(words, strings.Fields(part)...)
		}
		if strings.Join(words, "") != strings.Join(strings.Fields(text), "") {
			t.Fatalf("%q in parts is %q", text, words)
		}
		said := ""
		for _, b := range content.Markdown(strings.ToValidUTF8(s, "\ufffd")) {
			for _, item := range b.Items {
				for _, span := range item {
					said += span.Text
				}
			}
		}
		if at, ok := missingLetter(said, text); !ok {
			t.Fatalf("%q lost %q in %q", said, at, text)
		}
	})
}

// missingLetter is the first letter or digit of what was meant that does not stand, in its order, in what is shown.
func missingLetter(meant, shown string) (rune, bool) {
	rest := []rune(shown)
	for _, r := range meant {
		if !wordy(r) {
			continue
		}
		for len(rest) > 0 && rest[0] != r {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return r, false
		}
		rest = rest[1:]
	}
	return 0, true
}

// FuzzCard: a vCard of any shape is read within bounds.
func FuzzCard(f *testing.F) {
	f.Add("BEGIN:VCARD\nFN:Awa\nTEL;waid=1:+33 6\nitem1.TEL:tel:06\nEND:VCARD")
	f.Add("FN\\,:\\n\r\nTEL::::\n;:\n.:")
	f.Fuzz(func(t *testing.T, s string) {
		_, phones := readCard(s)
		if len(phones) > 5 {
			t.Fatalf("%d telephones", len(phones))
		}
		for _, p := range phones {
			if len(p) > 40 || p == "" {
				t.Fatalf("a telephone %q", p)
			}
		}
	})
}

func TestLabelled(t *testing.T) {
	text := "1. Prévenez le patron\n2. Demandez\n\nEst-ce utile ?\n\n1. Oui, merci\n2. Non\n10. Autre"
	for n, want := range map[int]string{1: "Oui, merci", 2: "Non", 10: "Autre", 3: ""} {
		if got := labelled(text, n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
}
