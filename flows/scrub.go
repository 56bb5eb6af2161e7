package flows

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"baom/content"
)

// scrub takes out of a question what could lead to somebody: numbers of four digits or more in any script, however they are
// parted or spelled, dates of birth, papers' numbers, and addresses. A year that stands alone stays, and so do small numbers.
// Where it cannot tell it takes out: a question without its numbers is still a question.
func scrub(text string) string {
	parts := strings.Split(strings.ToValidUTF8(text, " "), hole)
	for i := range parts {
		parts[i] = norm.NFKC.String(parts[i])
	}
	text = strings.Join(parts, hole)
	for range 20 { // what is taken out may bring together what stood around it
		next := scrubOnce(text)
		if next == text {
			break
		}
		text = next
	}
	return text
}

// hole stands where something was taken out.
const hole = "…"

// A piece is a run of digits, or of letters, or one word between spaces.
type piece struct {
	from, to int // in runes
	digits   bool
	folded   string
	means    sense
}

// A scrubber marks what is to be taken out of a text.
type scrubber struct {
	text   []rune
	hidden []bool
	words  []piece // between spaces
	pieces []piece // digits and letters
}

func scrubOnce(text string) string {
	s := &scrubber{text: []rune(text)}
	s.hidden = make([]bool, len(s.text))
	s.split()
	s.numbers()
	s.births()
	s.mixed()
	s.addresses()
	var out []string
	for _, w := range s.words {
		word := ""
		for i := w.from; i < w.to; i++ {
			if s.hidden[i] { // a word of which something is taken out goes whole
				word = hole
				break
			}
			word += string(s.text[i])
		}
		if word != hole || len(out) == 0 || out[len(out)-1] != hole {
			out = append(out, word)
		}
	}
	return strings.Join(out, " ")
}

func (s *scrubber) split() {
	for i := 0; i < len(s.text); {
		if unicode.IsSpace(s.text[i]) {
			i++
			continue
		}
		from := i
		for i < len(s.text) && !unicode.IsSpace(s.text[i]) {
			i++
		}
		s.words = append(s.words, piece{from: from, to: i, folded: content.Fold(string(s.text[from:i]))}.understood())
	}
	kind := func(r rune) int {
		switch {
		case unicode.IsNumber(r):
			return 1
		case unicode.IsLetter(r):
			return 2
		case unicode.IsMark(r):
			return 3
		}
		return 0
	}
	for i := 0; i < len(s.text); {
		from, k := i, kind(s.text[i])
		for i++; i < len(s.text) && k != 0 && (kind(s.text[i]) == k || k == 2 && kind(s.text[i]) == 3); i++ {
		}
		if k == 1 || k == 2 {
			s.pieces = append(s.pieces, piece{from: from, to: i, digits: k == 1, folded: content.Fold(string(s.text[from:i]))}.understood())
		}
	}
}

func (p piece) understood() piece {
	p.means = senses[p.folded]
	return p
}

func (s *scrubber) hide(from, to int) {
	for i := from; i < to; i++ {
		s.hidden[i] = true
	}
}

// year reports whether a piece is a year of a life.
func (s *scrubber) year(p piece) bool {
	return p.digits && p.to-p.from == 4 && len(p.folded) == 4 && (strings.HasPrefix(p.folded, "19") || strings.HasPrefix(p.folded, "20"))
}

// maxGap is how many signs may stand between two groups of digits of one number.
const maxGap = 8

// numbers takes out groups of digits that stand together, whatever signs part them, and numbers that are spelled or parted
// by words.
func (s *scrubber) numbers() {
	p := s.pieces
	for i := 0; i < len(p); {
		if !p[i].digits && p[i].means&spelled == 0 {
			i++
			continue
		}
		// Groups with nothing but signs between them are one number; numbers with a joining word between them may be one.
		first, last := i, i
		loose, alike, all, dated := 0, 0, 0, false
		for {
			digits, lone, from := 0, true, last
			for ; ; last++ {
				if p[last].digits {
					digits += p[last].to - p[last].from
				} else {
					alike++
				}
				if last+1 == len(p) || p[last+1].from-p[last].to > maxGap || !p[last+1].digits && p[last+1].means&spelled == 0 ||
					p[last+1].from == p[last].to { // a letter that is glued to a digit, as in 3andi
					break
				}
				lone = false
			}
			all += digits
			if lone = lone && s.year(p[from]); !lone {
				loose += digits
			}
			if digits >= 4 && !lone {
				s.hide(p[from].from, p[last].to)
			}
			next := last + 1
			for next < len(p) && next <= last+2 && s.joins(p[next]) {
				next++
			}
			if next == last+1 || next == len(p) || p[next].from-p[next-1].to > maxGap || !p[next].digits && p[next].means&spelled == 0 {
				break
			}
			for _, word := range p[last+1 : next] {
				dated = dated || word.means&months != 0
			}
			last = next
		}
		if loose >= 5 && last > first || alike+loose >= 5 && alike > 0 || alike >= 3 && p[first].means&zeros != 0 || dated && all >= 4 {
			s.hide(p[first].from, p[last].to)
		}
		i = last + 1
	}
}

// joins reports whether a word may stand within a number: "et", a month, the single capital of a paper's number.
func (s *scrubber) joins(p piece) bool {
	r := s.text[p.from]
	return !p.digits && (p.means&joining != 0 || p.means&months != 0 || p.to-p.from == 1 && r >= 'A' && r <= 'Z')
}

// births takes out the numbers that follow a word of birth, but an age.
func (s *scrubber) births() {
	left := 0
	for i, p := range s.pieces {
		raw := strings.ToLower(string(s.text[p.from:p.to]))
		next := ""
		if i+1 < len(s.pieces) {
			next = s.pieces[i+1].folded
		}
		switch {
		case p.means&birth != 0, strings.HasPrefix(raw, "né"), p.folded == "ne" && (next == "le" || next == "en" || next == "a" || next == "au"):
			left = 10
		case left > 0:
			left--
			if p.digits && (p.to-p.from > 2 || senses[next]&ages == 0) {
				s.hide(p.from, p.to)
				if senses[next]&months != 0 {
					s.hide(s.pieces[i+1].from, s.pieces[i+1].to)
				}
			}
		}
	}
}

// mixed takes out words of letters and four digits or more: the numbers of papers.
func (s *scrubber) mixed() {
	for _, w := range s.words {
		digits, letters := 0, 0
		for _, r := range s.text[w.from:w.to] {
			switch {
			case unicode.IsNumber(r):
				digits++
			case unicode.IsLetter(r):
				letters++
			}
		}
		if digits >= 4 && letters > 0 && !hour.MatchString(string(s.text[w.from:w.to])) {
			s.hide(w.from, w.to)
		}
	}
}

// hour is a time of day.
var hour = regexp.MustCompile(`^\(?([01]?\d|2[0-4])[hH][0-5]\d[.,;!?)]?$`)

// atSign is an at sign within a word, as it is and as people hide it.
var atSign = regexp.MustCompile(`@|.[(\[{<]\s*at\s*[)\]}>]|[(\[{<]\s*at\s*[)\]}>].|arr?oba[sz]e?`)

// addresses takes out what leads to somebody over a network: anything around an at sign, however it is written, anything
// with the end of a domain in it, and names as networks give them.
func (s *scrubber) addresses() {
	for i, w := range s.words {
		raw := strings.ToLower(string(s.text[w.from:w.to]))
		trimmed := strings.TrimFunc(raw, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != '@' && r != '_' })
		sign := atSign.MatchString(raw)
		said := w.means&atSigns != 0 || w.folded == "at" && raw != "at" || w.folded == "at" && i+1 < len(s.words) && senses[firstOf(s.words[i+1].folded)]&providers != 0
		switch {
		case sign || said:
			s.hide(w.from, w.to)
			alone := said || !strings.ContainsFunc(trimmed, func(r rune) bool { return r != '@' })
			if alone || strings.HasPrefix(trimmed, "@") && strings.Contains(trimmed, ".") {
				s.around(i, -1)
			}
			if alone || strings.HasSuffix(trimmed, "@") {
				s.around(i, +1)
			}
		case strings.Contains(raw, "://"), strings.HasPrefix(raw, "www."), strings.Contains(trimmed, "_"), domain(raw):
			s.hide(w.from, w.to)
			if s.text[w.from] == '.' {
				s.around(i, -1)
			}
			if i+1 < len(s.words) && s.text[s.words[i+1].from] == '/' {
				s.around(i, +1)
			}
		case i > 0 && (raw == "." || raw == "point" || raw == "dot" || raw == "(dot)" || raw == "[dot]") && i+1 < len(s.words) && senses[firstOf(s.words[i+1].folded)]&domains != 0:
			s.hide(w.from, w.to)
			s.around(i, -1)
			s.around(i, +1)
		case strings.ContainsAny(strings.Trim(trimmed, "."), ".") && i > 0 && (s.words[i-1].means&networks != 0 || i > 1 && s.words[i-2].means&networks != 0):
			s.hide(w.from, w.to)
		}
	}
}

// around takes out the word before or after one, and what hangs on it by a sign that is spelled: "point", "/".
func (s *scrubber) around(i, step int) {
	for j := i + step; j >= 0 && j < len(s.words); j += step {
		s.hide(s.words[j].from, s.words[j].to)
		k := j + step
		if k < 0 || k >= len(s.words) || s.words[k].means&signs == 0 && strings.Trim(string(s.text[s.words[k].from:s.words[k].to]), "./-_()[]") != "" {
			return
		}
		s.hide(s.words[k].from, s.words[k].to)
		j = k
	}
}

// domain reports whether a word has the end of a domain in it, as in facebook.com/name.
func domain(raw string) bool {
	for i, part := range strings.FieldsFunc(raw, func(r rune) bool { return r == '.' || r == '\u3002' || r == '\u2024' }) {
		end := strings.IndexFunc(part, func(r rune) bool { return !unicode.IsLetter(r) })
		if end < 0 {
			end = len(part)
		}
		if (i > 0 || strings.HasPrefix(raw, ".")) && senses[part[:end]]&domains != 0 {
			return true
		}
	}
	return false
}

func firstOf(folded string) string {
	first, _, _ := strings.Cut(folded, " ")
	return first
}

// A sense is what a word can mean to the scrubber; it may have several.
type sense uint16

// The senses.
const (
	zeros   sense = 1 << iota // begins a number that is spelled
	spelled                   // is part of one
	joining                   // stands between two parts of a number
	months
	birth
	ages      // follows an age
	atSigns   // an at sign as people say it
	signs     // other signs of an address
	providers // of mail
	networks
	domains // ends of domains
)

// senses are those of each word, folded.
var senses = func() map[string]sense {
	all := map[string]sense{}
	for means, words := range map[sense]string{
		zeros | spelled: `zero zeros cero oh صفر`,
		spelled: `un une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt vingts trente quarante cinquante soixante septante huitante nonante cent cents mille
			one two three four five seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand double triple
			uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa ciento mil
			واحد اثنان اثنين اتنين جوج ثلاثه تلاته اربعه خمسه سته سبعه ثمانيه تمنيه تسعه تسعود عشره عشر عشرين عشرون ثلاثين ثلاثون اربعين اربعون خمسين خمسون ستين ستون سبعين سبعون ثمانين ثمانون تسعين تسعون ميه مائه
			jouj zouj tlata khamsa setta sebaa tmenya tesoud`,
		joining: `et puis ensuite point tiret barre slash espace virgule and then dash dot comma space y luego guion و ثم w ou`,
		months: `janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre janv fevr sept oct nov dec
			january february march april may june july august september october november december jan feb mar apr jun jul aug sep
			enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
			يناير فبراير مارس ابريل ماي مايو يونيو يوليوز يوليو غشت اغسطس شتنبر سبتمبر اكتوبر نونبر نوفمبر دجنبر ديسمبر`,
		birth:     `nee nees naissance naissances nais birth born birthday nacido nacida nacimiento مولود مولوده ولدت ازداد ازدادت مزداد مزداده ازدياد الازدياد ميلاد الميلاد ولاده الولاده`,
		ages:      `an ans annee annees mois semaine semaines jour jours year years month months week weeks day days ano anos mes meses dia dias سنه سنوات شهر اشهر شهور اسبوع يوم ايام عام اعوام`,
		atSigns:   `arobase arobas arobaze arrobase arobace arroba aroba اروباز اروبا ات`,
		signs:     `point dot punto tiret underscore slash نقطه`,
		providers: `gmail googlemail hotmail yahoo outlook live icloud proton protonmail orange laposte msn menara`,
		networks:  `facebook fb insta instagram ig snap snapchat tiktok telegram tg twitter x linkedin messenger skype whatsapp wa فيسبوك انستغرام`,
		domains:   `com net org ma fr me info es be it de nl uk io co app link gl ly page site online eu sn ci ml cm gn bf ng edu gov gob gouv biz tv gg us ca ch pt dz tn mr eg xyz dev name club shop mail`,
	} {
		for _, word := range strings.Fields(words) {
			all[word] |= means
		}
	}
	return all
}()
