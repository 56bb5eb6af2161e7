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
		for _, r := range bareArabic(w) {
			if c, ok := arabicSkeleton[r]; ok {
				put(c)
			}
		}
	} else {
		if rest, ok := strings.CutSuffix(w, "k"); ok && len(rest) >= 4 { // the pronoun, as from an Arabic word
			w = rest
		}
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

// What is written together with an Arabic word, the longest first: before it conjunction, preposition and article, after
// it pronouns and the endings of gender and number. formPrefixes are the letters that verbs and nouns put before a root.
var (
	arabicPrefixes = strings.Fields("وبال وكال وفال فبال وال بال كال فال ولل فلل لل ال")
	arabicSuffixes = strings.Fields("ناهم كما هما تما كمو تها تهم تكم تنا ها هم هن كم كن نا ني ان ات ون ين يه يا ه ي ك")
	formPrefixes   = strings.Fields("است مست وا و ف ب ل س ا ي ت ن ك م")
)

// bareArabic takes the article with what precedes it and two endings off a word, where three letters remain.
func bareArabic(w string) string {
	w = cutPrefix(w, arabicPrefixes)
	for range 2 {
		for _, s := range arabicSuffixes {
			if rest, ok := strings.CutSuffix(w, s); ok && len(rest) >= 3*2 {
				w = rest
				break
			}
		}
	}
	return w
}

func cutPrefix(w string, prefixes []string) string {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(w, p); ok && len(rest) >= 3*2 {
			return rest
		}
	}
	return w
}

// radicals are the consonants of an Arabic word without two letters of its form either: mostly what is left of its root,
// though a root that begins like a form may lose a letter, alike in all its words that do. Empty: too little would remain.
func radicals(w string) string {
	return consonants(cutPrefix(cutPrefix(bareArabic(w), formPrefixes), formPrefixes))
}

// consonants writes a bare Arabic word by its consonants.
func consonants(w string) string {
	var out [24]byte
	n := 0
	for _, r := range w {
		if c, ok := arabicSkeleton[r]; ok && n < len(out) && (n == 0 || out[n-1] != c) {
			out[n] = c
			n++
		}
	}
	if n < 2 {
		return ""
	}
	return string(out[:n])
}

var arabicSkeleton = map[rune]byte{'ب': 'b', 'ت': 't', 'ث': 't', 'ج': 'j', 'ح': 'h', 'خ': 'x', 'د': 'd', 'ذ': 'd', 'ر': 'r', 'ز': 'z', 'س': 's',
	'ش': 'c', 'ص': 's', 'ض': 'd', 'ط': 't', 'ظ': 'd', 'ع': '3', 'غ': 'g', 'ف': 'f', 'ق': 'q', 'ك': 'k', 'ل': 'l', 'م': 'm', 'ن': 'n', 'ه': 'h'}

var latinSkeleton = [128]byte{'b': 'b', 'p': 'b', 't': 't', '6': 't', 'j': 'j', 'h': 'h', '7': 'h', '5': 'x', 'x': 'x', 'd': 'd', 'r': 'r', 'z': 'z',
	's': 's', '3': '3', 'f': 'f', 'v': 'f', 'q': 'q', '9': 'q', '8': 'q', 'g': 'q', 'k': 'k', 'c': 'k', 'l': 'l', 'm': 'm', 'n': 'n'}
