package content

import (
	"strings"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/arabic"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/french"
	"github.com/blevesearch/snowballstem/spanish"
)

// stem reduces a folded word to its stem: by Arabic rules where it is in Arabic letters, else by those of the language
// it is in; Darija and Tamazight in Latin letters have none.
func stem(env *snowballstem.Env, lang, w string) string {
	if len(w) < 4 {
		return w
	}
	arab := isArabic(w)
	if !arab && lang != "fr" && lang != "en" && lang != "es" {
		return w
	}
	env.SetCurrent(w)
	switch {
	case arab:
		arabic.Stem(env)
	case lang == "fr":
		french.Stem(env)
	case lang == "en":
		english.Stem(env)
	default:
		spanish.Stem(env)
	}
	return env.Current()
}

// isArabic reports whether a folded word begins with an Arabic letter.
func isArabic(w string) bool { return w != "" && w[0] >= 0xd8 && w[0] <= 0xdb }

// tagLang brings the tags of test sets and of variants to the tags used here: fra to fr, arb+apc to ar.
func tagLang(tag string) string {
	base, _, _ := strings.Cut(tag, "+")
	base, _, _ = strings.Cut(base, "-")
	switch base {
	case "fra":
		return "fr"
	case "arb", "apc":
		return "ar"
	case "eng":
		return "en"
	case "spa":
		return "es"
	}
	return base
}

// skeleton writes a word of Moroccan Arabic by its consonants, the same from Arabic letters and from the Latin letters
// and digits of chat: واش and wach, خدمة and 5edma. It is empty for a word of which too little would remain.
func skeleton(w string) string {
	var out [24]byte
	n := 0
	put := func(c byte) {
		if n < len(out) && (n == 0 || out[n-1] != c) {
			out[n] = c
			n++
		}
	}
	if isArabic(w) {
		if rest, ok := strings.CutPrefix(w, "ال"); ok {
			w = rest
		}
		for _, r := range w {
			if c, ok := arabicSkeleton[r]; ok {
				put(c)
			}
		}
	} else {
		for i := 0; i < len(w); i++ {
			c := w[i]
			next := byte(0)
			if i+1 < len(w) {
				next = w[i+1]
			}
			switch {
			case next == 'h' && (c == 'c' || c == 's'):
				put('c')
				i++
			case next == 'h' && c == 'k':
				put('x')
				i++
			case next == 'h' && c == 'g':
				put('g')
				i++
			case c >= 0x80:
				return ""
			default:
				if k := latinSkeleton[c]; k != 0 {
					put(k)
				}
			}
		}
	}
	s := out[:n]
	if n >= 3 && s[n-1] == 'h' { // the feminine ending, which chat leaves out
		s = s[:n-1]
	}
	if len(s) >= 3 && s[0] == 'l' { // the article
		s = s[1:]
	}
	if len(s) < 2 {
		return ""
	}
	return string(s)
}

var arabicSkeleton = map[rune]byte{'ب': 'b', 'ت': 't', 'ث': 't', 'ج': 'j', 'ح': 'h', 'خ': 'x', 'د': 'd', 'ذ': 'd', 'ر': 'r', 'ز': 'z', 'س': 's',
	'ش': 'c', 'ص': 's', 'ض': 'd', 'ط': 't', 'ظ': 'd', 'ع': '3', 'غ': 'g', 'ف': 'f', 'ق': 'q', 'ك': 'k', 'ل': 'l', 'م': 'm', 'ن': 'n', 'ه': 'h'}

var latinSkeleton = [128]byte{'b': 'b', 'p': 'b', 't': 't', '6': 't', 'j': 'j', 'h': 'h', '7': 'h', '5': 'x', 'x': 'x', 'd': 'd', 'r': 'r', 'z': 'z',
	's': 's', '3': '3', 'f': 'f', 'v': 'f', 'q': 'q', '9': 'q', '8': 'q', 'g': 'q', 'k': 'k', 'c': 'k', 'l': 'l', 'm': 'm', 'n': 'n'}
