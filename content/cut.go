package content

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Units is the length of a text in UTF-16 units, as messaging networks count it.
func Units(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// Cut is where to cut a text that must not be longer than a limit in UTF-16 units, in bytes: between paragraphs where it
// can, else between lines or words, else at least not between a letter and its marks. It is the text's end where that is
// not over the limit.
func Cut(text string, limit int) int {
	end, n := len(text), 0
	for i, r := range text {
		if n += utf16.RuneLen(r); n > limit {
			end = i
			break
		}
	}
	if end == len(text) {
		return end
	}
	for _, sep := range []string{"\n\n", "\n", " "} {
		if i := strings.LastIndex(text[:end], sep); i > end/3 {
			return i
		}
	}
	for i := end; i > end-64 && i > 0; { // no word ends here: at least leave a letter with its marks
		r, _ := utf8.DecodeRuneInString(text[i:])
		before, n := utf8.DecodeLastRuneInString(text[:i])
		if !unicode.Is(unicode.M, r) && r != '\u200d' && before != '\u200d' {
			return i
		}
		i -= n
	}
	return end
}
