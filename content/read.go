package content

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// digits rewrites Arabic-Indic and Persian digits as ASCII.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '٠' && r <= '٩':
			return r - '٠' + '0'
		case r >= '۰' && r <= '۹':
			return r - '۰' + '0'
		}
		return r
	}, s)
}

// ReadNumber reads a message that is just a number, as one answers a numbered list: "2", "2.", "2)", "n° 2", "٢".
func ReadNumber(text string) (int, bool) {
	s := strings.ToLower(strings.TrimSpace(digits(text)))
	for _, p := range []string{"n°", "nº", "no.", "num", "رقم"} {
		s = strings.TrimSpace(strings.TrimPrefix(s, p))
	}
	s = strings.TrimRight(s, ".) -")
	if len(s) == 0 || len(s) > 4 {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}

// ReadAge reads an age ("37 ans", "٣٧", "j'ai 37") or a year of birth ("né en 1988"), given the year it is now, as one
// of the brackets 0-17, 18-24, 25-34, 35-49, 50-64, 65+.
func ReadAge(text string, year int) (bracket string, ok bool) {
	found := -1
	for _, f := range strings.FieldsFunc(digits(text), func(r rune) bool { return r < '0' || r > '9' }) {
		n, err := strconv.Atoi(f)
		if err != nil || found >= 0 {
			return "", false // two numbers: we do not guess
		}
		found = n
	}
	if found >= 1900 && found <= year {
		found = year - found
	}
	switch {
	case found < 0 || found > 115:
		return "", false
	case found < 18:
		return "0-17", true
	case found < 25:
		return "18-24", true
	case found < 35:
		return "25-34", true
	case found < 50:
		return "35-49", true
	case found < 65:
		return "50-64", true
	}
	return "65+", true
}

// introductions are what people say before their name.
var introductions = [...]string{
	"je m appelle", "je suis", "mon nom est", "mon prenom est", "moi c est", "c est", "my name is", "i am", "i m", "me llamo", "mi nombre es", "soy",
	"ismi", "smiti", "smiyti", "smyti", "ana", "اسمي", "سميتي", "انا", "إسمي", "أنا",
}

// ReadName reads a person's first or family name: what introduces it is dropped and Latin letters are capitalised. It
// refuses digits, questions, sentences and anything over sixty characters.
func ReadName(text string) (name string, ok bool) {
	name = strings.Trim(strings.TrimSpace(text), " .,;:!\"«»")
	if name == "" || utf8.RuneCountInString(name) > 90 || strings.ContainsAny(name, "?؟@/<>0123456789\n") || digits(name) != name {
		return "", false
	}
	folded := Fold(name)
	for _, intro := range introductions {
		if rest, cut := strings.CutPrefix(folded, Fold(intro)+" "); cut {
			words := strings.FieldsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r == '\'' || r == '’' })
			keep := len(strings.Fields(rest))
			if keep > len(words) {
				return "", false
			}
			name = strings.Join(words[len(words)-keep:], " ")
			break
		}
	}
	words := strings.Fields(name)
	if len(words) == 0 || len(words) > 4 || utf8.RuneCountInString(name) > 60 {
		return "", false
	}
	for i, w := range words {
		if !strings.ContainsFunc(w, unicode.IsLetter) {
			return "", false
		}
		words[i] = capitalise(w)
	}
	return strings.Join(words, " "), true
}

// capitalise writes each part of a word with a capital first letter, if it is all in lower or all in upper case.
func capitalise(w string) string {
	if w != strings.ToLower(w) && w != strings.ToUpper(w) {
		return w
	}
	start := true
	return strings.Map(func(r rune) rune {
		out := unicode.ToLower(r)
		if start {
			out = unicode.ToUpper(r)
		}
		start = r == '-' || r == '\''
		return out
	}, w)
}

// ReadPhone reads a telephone number inside a message, as +<country><number>. A national number is Moroccan, or of
// the country of residence given by its code, where that is known here.
func ReadPhone(text, country string) (number string, ok bool) {
	var d strings.Builder
	plus := false
	for _, r := range digits(text) {
		switch {
		case r >= '0' && r <= '9':
			d.WriteRune(r)
		case r == '+' && d.Len() == 0:
			plus = true
		}
	}
	n := d.String()
	if rest, cut := strings.CutPrefix(n, "00"); cut && !plus {
		n, plus = rest, true
	}
	if plus {
		return "+" + n, len(n) >= 8 && len(n) <= 15 && n[0] != '0'
	}
	codes := map[string]string{"FR": "33", "BE": "32", "NL": "31", "DE": "49", "IT": "39", "ES": "34"}
	if (n == "" || len(n) != 10 || n[0] != '0') && !(country == "ES" && len(n) == 9) {
		return "", false
	}
	code := "212"
	if c := codes[country]; c != "" && !strings.HasPrefix(n, "06") && !strings.HasPrefix(n, "07") {
		code = c
	}
	if country == "FR" && (n[:2] == "06" || n[:2] == "07") { // mobiles look alike in both countries: keep what was written
		return n, true
	}
	return "+" + code + strings.TrimPrefix(n, "0"), true
}
