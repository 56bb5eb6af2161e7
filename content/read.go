package content

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// asciiDigits rewrites Arabic-Indic and Persian digits as ASCII.
func asciiDigits(s string) string {
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
	if len(text) > 40 {
		return 0, false
	}
	s := strings.ToLower(strings.TrimSpace(asciiDigits(text)))
	for _, p := range [...]string{"n°", "nº", "n.", "no.", "num", "numéro", "numero", "number", "رقم", "#"} {
		if rest, ok := strings.CutPrefix(s, p); ok && strings.Trim(rest, "0123456789.)- ") == "" {
			s = strings.TrimSpace(rest)
			break
		}
	}
	s = strings.TrimRight(s, ".) -")
	if s == "" || len(s) > 4 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// The words around an age: what follows an age, what says that it is another's, and what one says besides.
var (
	ageUnits  = wordSetOf("an ans annee annees year years yr yrs yo y ano anos سنه سنوات عام عاما اعوام سنين 3am 3amm sna snin 3aman aam usggas isggasn")
	ageOthers = wordSetOf(`enfant enfants fille filles fils garcons bebe mois jour jours semaine semaines child children kids kid son sons daughter daughters month months week weeks days
 hijo hijos hija hijas meses اطفال طفل اولاد شهر اشهر شهور ايام يوم drari wlad weld bnat chhor chher`)
	ageTalk = wordSetOf(`j ai je suis age agee de moi mon est a et demi environ presque bientot i am m my is old im tengo edad mi عمري عندي انا لدي في عمر من العمر ana 3ndi 3andi 3mri f 3omri و w`)
)

func wordSetOf(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[Fold(w)] = true
	}
	return set
}

// numberWords are numbers in words, folded; what stands together is added up, and "quatre vingt" is eighty.
var numberWords = map[string]int{
	"un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7, "huit": 8, "neuf": 9, "dix": 10, "onze": 11, "douze": 12, "treize": 13,
	"quatorze": 14, "quinze": 15, "seize": 16, "vingt": 20, "vingts": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "septante": 70, "nonante": 90,
	"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
	"fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
	"واحد": 1, "اثنان": 2, "اثنين": 2, "ثلاثه": 3, "ثلاث": 3, "اربعه": 4, "اربع": 4, "خمسه": 5, "خمس": 5, "سته": 6, "ست": 6, "سبعه": 7, "سبع": 7, "ثمانيه": 8, "ثماني": 8,
	"تسعه": 9, "تسع": 9, "عشره": 10, "عشر": 10, "عشرون": 20, "عشرين": 20, "ثلاثون": 30, "ثلاثين": 30, "اربعون": 40, "اربعين": 40, "خمسون": 50, "خمسين": 50,
	"ستون": 60, "ستين": 60, "سبعون": 70, "سبعين": 70, "ثمانون": 80, "ثمانين": 80, "تسعون": 90, "تسعين": 90,
	"wahd": 1, "jouj": 2, "tlata": 3, "rb3a": 4, "reb3a": 4, "khmsa": 5, "khemsa": 5, "setta": 6, "sta": 6, "seb3a": 7, "sb3a": 7, "tmenya": 8, "tmnya": 8, "ts3oud": 9, "tes3oud": 9,
	"3echrin": 20, "3chrin": 20, "tlatin": 30, "rb3in": 40, "reb3in": 40, "khmsin": 50, "khemsin": 50, "settin": 60, "stin": 60, "seb3in": 70, "sb3in": 70, "tmanin": 80,
}

// ReadAge reads an age ("37 ans", "٣٧", "j'ai 37", "trente-sept") or a year of birth ("né en 1988", "12/03/1988"), given
// the year it is now, as one of the brackets 0-17, 18-24, 25-34, 35-49, 50-64, 65+. Where several numbers could be the
// age, or the number is that of children or months, it reads nothing.
func ReadAge(text string, year int) (bracket string, ok bool) {
	if len(text) > 300 {
		return "", false
	}
	folded := Fold(text)
	for _, b := range ageBrackets {
		if folded == Fold(b) && b != "65+" {
			return b, true
		}
	}
	words := appendWords(nil, folded)
	var ages, sure, years []int
	for i, w := range words {
		n, unit, ok := ageToken(w)
		if !ok {
			continue
		}
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch {
		case n >= 1900 && n <= year && unit == "":
			years = append(years, year-n)
		case ageOthers[next] || n > 115:
		case unit != "" || ageUnits[next]:
			sure = append(sure, n)
		default:
			ages = append(ages, n)
		}
	}
	switch {
	case len(sure) == 1:
		return bracketOf(sure[0] - below(folded)), true
	case len(sure) > 1:
		return "", false
	case len(years) == 1 && years[0] <= 115:
		return bracketOf(years[0]), true
	case len(ages) == 1 && len(years) == 0:
		return bracketOf(ages[0] - below(folded)), true
	case len(ages)+len(years) == 0:
		return wordedAge(words)
	}
	return "", false
}

// ageToken reads a word that is a number, or a number with its unit such as 37ans; not one of Arabizi, such as 3ndi.
func ageToken(w string) (n int, unit string, ok bool) {
	end := 0
	for end < len(w) && w[end] >= '0' && w[end] <= '9' {
		end++
	}
	if end == 0 || end > 4 || end < len(w) && (!ageUnits[w[end:]] || ageUnits[w]) {
		return 0, "", false
	}
	n, err := strconv.Atoi(w[:end])
	return n, w[end:], err == nil
}

// below is 1 where a text says "under" an age.
func below(folded string) int {
	for _, w := range [...]string{"moins de ", "under ", "less than ", "اقل من ", "menos de ", "9el mn ", "qel mn "} {
		if strings.Contains(folded, w) {
			return 1
		}
	}
	return 0
}

// wordedAge reads an age in words, where nothing else is said.
func wordedAge(words []string) (string, bool) {
	sum, said := 0, 0
	for i, w := range words {
		rest, joined := strings.CutPrefix(w, "و")
		n, ok := numberWords[w]
		if !ok && joined {
			n, ok = numberWords[rest]
		}
		switch {
		case ok && n == 20 && i > 0 && words[i-1] == "quatre":
			sum += 76
		case ok:
			sum += n
			said++
		case !ageTalk[w] && !ageUnits[w]:
			return "", false
		}
	}
	if said == 0 || sum < 5 || sum > 115 {
		return "", false
	}
	return bracketOf(sum), true
}

// ageBrackets are the classes of age that a case file keeps.
var ageBrackets = [...]string{"0-17", "18-24", "25-34", "35-49", "50-64", "65+"}

func bracketOf(age int) string {
	for i, from := range [...]int{18, 25, 35, 50, 65} {
		if age < from {
			return ageBrackets[i]
		}
	}
	return ageBrackets[5]
}

// introductions are what people say before their name, folded.
var introductions = setOf("je m appelle", "je me nomme", "je suis", "moi c est", "c est", "mon nom est", "mon nom c est", "mon prenom est", "mon prenom c est", "nom", "prenom",
	"nom de famille", "mon nom", "mon prenom", "bonjour", "bonsoir", "bonjour je m appelle", "bonjour je suis", "bonjour moi c est", "my name is", "my name s", "i am", "i m", "name",
	"first name", "last name", "hello i am", "hello my name is", "hi i am", "hi my name is", "me llamo", "mi nombre es", "soy", "nombre", "ismi", "smiti", "smiyti", "smyti", "smiti hiya",
	"smiyti hiya", "ana", "ana smiti", "ana ismi", "nkki", "nkki ism inu", "ism inu",
	"اسمي", "سميتي", "سميتي هي", "انا", "انا اسمي", "انا سميتي", "الاسم", "السلام عليكم", "السلام عليكم انا", "السلام عليكم اسمي")

// notNames are words that make a message a sentence rather than a name, folded.
var notNames = setOf("je", "j", "tu", "nous", "vous", "veux", "voudrais", "besoin", "pas", "ne", "pourquoi", "comment", "quand", "combien", "quel", "quelle", "merci", "dire", "donner", "avec", "pour",
	"et", "mais", "votre", "mon", "ma", "mes", "i", "want", "need", "have", "do", "don", "not", "why", "how", "what", "my", "your", "the", "and", "but", "to", "quiero", "necesito", "tengo",
	"porque", "bghit", "khassni", "khasni", "wach", "3lach", "3ndi", "mabghitch", "dyali", "machi", "اريد", "احتاج", "عندي", "لماذا", "كيف", "هل", "ليس", "لا", "بغيت", "خاصني", "علاش", "واش", "ماشي",
	"مابغيتش", "ديالي", "شكرا")

func setOf(texts ...string) map[string]bool {
	set := make(map[string]bool, len(texts))
	for _, t := range texts {
		set[t] = true
	}
	return set
}

// The bounds of a name.
const (
	maxNameRunes = 60
	maxNameWords = 6
)

// ReadName reads a person's first or family name: what introduces it ("je m'appelle", "ismi", "اسمي", "my name is") is
// dropped and Latin letters are capitalised. It refuses digits, questions, sentences and anything over sixty characters.
func ReadName(text string) (name string, ok bool) {
	if len(text) > 4*(maxNameRunes+40) || strings.ContainsAny(text, "?؟\n\r\t") || !utf8.ValidString(text) {
		return "", false
	}
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) { // marks of direction and the like, which keyboards put in
			return -1
		}
		return r
	}, text)
	name = trimName(afterIntroduction(trimName(name)))
	words := strings.Fields(name)
	if len(words) == 0 || len(words) > maxNameWords || utf8.RuneCountInString(name) > maxNameRunes {
		return "", false
	}
	for i, w := range words {
		for _, part := range strings.Fields(Fold(w)) {
			if notNames[part] {
				return "", false
			}
		}
		if !strings.ContainsFunc(w, unicode.IsLetter) || strings.ContainsFunc(w, notInName) {
			return "", false
		}
		words[i] = capitalise(w)
	}
	return strings.Join(words, " "), true
}

func trimName(s string) string { return strings.Trim(s, " .,;:!\"«»()،\u00a0") }

func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) && !strings.ContainsRune("'’ʼʿ-.", r)
}

// afterIntroduction drops the longest introduction that a text begins with.
func afterIntroduction(text string) string {
	rest := text
	for i, r := range text {
		if i > 80 {
			break
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) {
			continue
		}
		if introductions[Fold(text[:i])] {
			rest = text[i+utf8.RuneLen(r):]
		}
	}
	if trimName(rest) == "" {
		return text
	}
	return rest
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
		start = !unicode.IsLetter(r) && !unicode.Is(unicode.M, r)
		return out
	}, w)
}

// A plan is how a country writes telephone numbers: its code, and whether a number is national there, with how many of
// its leading digits are left out after the code.
type plan struct {
	country, code string
	national      func(n string) (drop int, ok bool)
}

// Moroccan and French mobile numbers look alike (06, 07), and Dutch ones (06): a resident of those countries may have
// kept either, so theirs stay as they were written.
var plans = [...]plan{
	{"FR", "33", func(n string) (int, bool) { return 1, len(n) == 10 && n[0] == '0' && n[1] >= '1' && n[1] <= '4' }},
	{"BE", "32", func(n string) (int, bool) { return 1, len(n) == 10 && n[:2] == "04" || len(n) == 9 && n[0] == '0' }},
	{"NL", "31", func(n string) (int, bool) {
		return 1, len(n) == 10 && n[0] == '0' && n[1] != '6' && n[1] != '5' && n[1] != '8'
	}},
	{"ES", "34", func(n string) (int, bool) { return 0, len(n) == 9 && n[0] >= '6' }},
	{"IT", "39", func(n string) (int, bool) { return 0, len(n) >= 9 && len(n) <= 10 && n[0] == '3' }},
	{"DE", "49", func(n string) (int, bool) { return 1, len(n) >= 11 && len(n) <= 12 && n[:2] == "01" }},
	{"MA", "212", func(n string) (int, bool) {
		if len(n) == 9 && n[0] >= '5' && n[0] <= '7' {
			return 0, true
		}
		return 1, len(n) == 10 && n[0] == '0' && n[1] >= '5' && n[1] <= '8'
	}},
}

// ReadPhone reads the telephone number in a message, as +<country><number>. A national number is Moroccan, or of the
// country of residence given by its code (FR, BE, NL, ES, IT, DE); one that could be of both stays as it was written,
// without its separators. ok is false where there is no number, or several.
func ReadPhone(text, country string) (number string, ok bool) {
	if len(text) > 300 {
		return "", false
	}
	s := strings.ReplaceAll(asciiDigits(text), "(0)", "")
	s = strings.NewReplacer("/", " ", "(", "", ")", "", "  ", " ").Replace(s)
	for i := 0; i < len(s); {
		c := s[i]
		if c != '+' && (c < '0' || c > '9') {
			i++
			continue
		}
		digits, n := phoneAt(s[i:])
		if !insideWord(s, i) {
			if read, good := diallable(digits, country); good {
				if ok && read != number {
					return "", false
				}
				number, ok = read, true
			}
		}
		i += n
	}
	return number, ok
}

// diallable brings digits to the form in which a number is kept.
func diallable(n, country string) (string, bool) {
	if rest, cut := strings.CutPrefix(n, "00"); cut {
		n = "+" + rest
	}
	if rest, cut := strings.CutPrefix(n, "+"); cut {
		for _, p := range plans { // +212 06…: the zero is not dialled
			if after, has := strings.CutPrefix(rest, p.code+"0"); has && p.country != "IT" {
				if strings.HasPrefix(after, "0") { // no national number begins with two zeros
					return "", false
				}
				rest = p.code + after
			}
		}
		return "+" + rest, len(rest) >= 8 && len(rest) <= 15 && rest[0] != '0'
	}
	if len(n) < 9 || len(n) > 12 {
		return "", false
	}
	for _, p := range plans { // 2126…: the + was left out
		if rest, cut := strings.CutPrefix(n, p.code); cut && len(n) >= 11 && (p.country == country || p.country == "MA") && rest[0] != '0' {
			return "+" + n, true
		}
	}
	home := slices.IndexFunc(plans[:], func(p plan) bool { return p.country == country })
	if home >= 0 {
		if drop, ok := plans[home].national(n); ok {
			return "+" + plans[home].code + n[drop:], true
		}
	}
	drop, moroccan := plans[len(plans)-1].national(n)
	switch shared := country == "FR" || country == "NL"; {
	case moroccan && shared && n[0] == '0':
		return n, true
	case moroccan:
		return "+212" + n[drop:], true
	}
	return n, home >= 0 && len(n) == 10 && n[0] == '0'
}

// isPhone reports whether s can be dialled: a number of the country, of the world, or a short one such as 8350.
func isPhone(s string) bool {
	digits, n := phoneAt(s)
	if n != len(s) {
		return false
	}
	if short := len(digits) >= 2 && len(digits) <= 5 && len(digits) == n && digits[0] != '+' && digits[0] != '0'; short {
		return true
	}
	return len(digits) >= 9 && len(digits) <= maxPhone && (digits[0] == '0' || digits[0] == '+')
}
