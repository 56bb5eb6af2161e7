package content

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold brings a text to the form in which texts are compared: lower case, without accents; Arabic letter forms and
// marks brought to one, Tifinagh to Latin, digits to ASCII; everything else but letters and digits becomes one space.
// Fold is idempotent.
func Fold(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	space := false
	put := func(r rune) {
		if space && out.Len() > 0 {
			out.WriteByte(' ')
		}
		space = false
		out.WriteRune(r)
	}
	text := func(s string) {
		for _, r := range s {
			put(r)
		}
	}
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if !ascii {
		s = strings.ToValidUTF8(s, " ")
		s = norm.NFKD.String(s)
	}
	for _, r := range s {
		switch {
		case r < 0x80:
			switch {
			case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				put(r)
			case r >= 'A' && r <= 'Z':
				put(r + 32)
			default:
				space = true
			}
		case unicode.Is(unicode.Mn, r) || r == 'ـ': // marks and the Arabic lengthening stroke
		case r == 'ə', r == 'Ə':
			put('e')
		case r == 'œ', r == 'Œ':
			text("oe")
		case r == 'æ', r == 'Æ':
			text("ae")
		case r == 'ß', r == 'ẞ':
			text("ss")
		case r == 'ø', r == 'Ø':
			put('o')
		case r == 'ɣ', r == 'Ɣ':
			text("gh")
		case r == 'ɛ', r == 'Ɛ':
			put('3')
		case r >= '٠' && r <= '٩':
			put(r - '٠' + '0')
		case r >= '۰' && r <= '۹':
			put(r - '۰' + '0')
		case r >= 0x2d30 && r <= 0x2d7f:
			text(tifinagh(r))
		case unicode.IsLetter(r):
			put(arabicForm(unicode.ToLower(r)))
		case unicode.IsDigit(r):
			put(r)
		default:
			space = true
		}
	}
	return out.String()
}

// arabicForm brings the forms of an Arabic letter to one: alef, yeh, teh marbuta, the letters Moroccans add for g, p, v.
func arabicForm(r rune) rune {
	switch r {
	case 'أ', 'إ', 'آ', 'ٱ':
		return 'ا'
	case 'ى', 'ی':
		return 'ي'
	case 'ة', 'ہ', 'ۀ':
		return 'ه'
	case 'گ', 'ڭ', 'ݣ', 'ک':
		return 'ك'
	case 'پ':
		return 'ب'
	case 'ڤ', 'ڥ':
		return 'ف'
	case 'ؤ':
		return 'و'
	case 'ئ':
		return 'ي'
	}
	return r
}

// tifinagh is the Latin writing of a Tifinagh letter (IRCAM), without its dots.
func tifinagh(r rune) string {
	const letters = "ⴰaⴱbⴳgⴷdⴹdⴻeⴼfⴽkⵀhⵃhⵄ3ⵅkhⵇqⵉiⵊjⵍlⵎmⵏnⵓuⵔrⵕrⵖghⵙsⵚsⵛchⵜtⵟtⵡwⵢyⵣzⵥz"
	i := strings.IndexRune(letters, r)
	if i < 0 {
		return ""
	}
	rest := letters[i+len(string(r)):]
	end := strings.IndexFunc(rest, func(r rune) bool { return r >= 0x2d30 && r <= 0x2d7f })
	if end < 0 {
		end = len(rest)
	}
	return rest[:end]
}
