package content

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxItem is how long one thing to do may be, in characters.
const maxItem = 200

// papersWords begin the part of an answer that lists the papers. An answer names its parts as its readers do.
var papersWords = []string{"papiers", "les papiers", "papers", "the papers", "useful papers", "الوثائق", "الأوراق", "أوراق", "وثائق", "الوراق", "papeles", "los papeles", "documentos"}

// Checklist reads what an answer asks to be done: its numbered steps, and the papers that it names, one each. What is no
// list, or longer than an item may be, is left out. Nothing of it is Markdown.
func Checklist(text string) (steps, papers []string) {
	blocks := Markdown(text)
	for i, b := range blocks {
		switch {
		case b.Kind == Numbers:
			steps = appendItems(steps, b)
		case b.Kind == Paragraph && len(b.Items[0]) > 0 && b.Items[0][0].Bold && namesPapers(b.Items[0][0].Text):
			rest := strings.Trim(spell(b.Items[0][1:]), " :\n")
			if rest == "" && i+1 < len(blocks) && blocks[i+1].Kind == Bullets {
				papers = appendItems(papers, blocks[i+1])
				continue
			}
			for _, part := range parts(rest) {
				papers = appendItem(papers, part)
			}
		}
	}
	return steps, papers
}

func namesPapers(label string) bool {
	folded := Fold(label)
	return slices.ContainsFunc(papersWords, func(w string) bool {
		w = Fold(w)
		return folded == w || strings.HasPrefix(folded, w+" ")
	})
}

func appendItems(list []string, b Block) []string {
	for _, item := range b.Items {
		list = appendItem(list, spell(item))
	}
	return list
}

func appendItem(list []string, item string) []string {
	if item = strings.Trim(strings.Join(strings.Fields(item), " "), " ."); item == "" || utf8.RuneCountInString(item) > maxItem {
		return list
	}
	return append(list, item)
}

// spell is what spans say.
func spell(spans []Span) string {
	var out strings.Builder
	for _, s := range spans {
		out.WriteString(s.Text)
	}
	return out.String()
}

// parts are the members of a list within its first sentence, parted by commas that stand outside brackets.
func parts(s string) (list []string) {
	depth, from := 0, 0
	for i, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case depth > 0:
		case r == '.' && (i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\n'), r == '\n':
			return append(list, s[from:i])
		case r == ',' || r == ';' || r == '،' || r == '؛':
			list = append(list, s[from:i])
			from = i + utf8.RuneLen(r)
		}
	}
	return append(list, s[from:])
}
