package flows

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"baom/content"
)

// TestScrub: what must be gone is gone, however it is written; what says what a question is about stays.
func TestScrub(t *testing.T) {
	for in, must := range map[string]string{
		"mon numéro 06 - 12 - 34 - 56 - 78": "34", "06 / 12 / 34 / 56 / 78 appelez": "34", "06, 12, 34, 56, 78": "34",
		"06 – 12 – 34 – 56 – 78": "34", "06: 12; 34; 56; 78;": "34", "06.12 34.56 78": "34", "+212 6 12 34 56 78": "34",
		"٠٦ - ١٢ - ٣٤ - ٥٦": "٣٤", "۰۶ ۱۲ ۳۴ ۵۶": "۳۴", "06 et 12 et 34 et 56 et 78": "34", "06 puis 12 puis 34 point 56": "34",
		"zéro six douze trente-quatre cinquante-six": "douze", "appelez zero six, 12, trente quatre": "trente", "صفر ستة اثنين ثلاثة أربعة": "ثلاثة",
		"０６１２３４５６７８": "34", "0️⃣6️⃣1️⃣2️⃣3️⃣4️⃣": "3", "⓪⑥①②③④": "③", "06\u200b12\u200b34\u200b56": "34", "O6 12 34 56 78": "34",
		"awa.diallo @ gmail.com": "awa.diallo", "awa.diallo(at)gmail.com": "awa.diallo", "awa (at) gmail (dot) com": "awa", "awa arobase gmail point com": "awa",
		"awa point diallo arobase gmail point com": "awa", "awa at gmail.com": "awa", "awa@gmail": "awa", "awa @gmail.com": "awa", "awa＠gmail.com": "awa",
		"mon facebook facebook.com/awa.diallo": "awa", "t.me/awadiallo": "awa", "https://wa.me/awa": "awa", "suivez @awa_d": "awa", "insta awa_diallo": "awa", "insta : awa.diallo": "awa",
		"facebook . com / awadiallo": "awa", "www.awa.info": "awa",
		"née le 12 mars 1990": "1990", "née le 12 mars": "12", "je suis ne le 3 4 90 à Dakar": "90", "né à Saint-Louis du Sénégal en 1990": "1990", "12 mars 1990": "1990", "12 mars 90": "90",
		"مزداد سنة 1990": "1990", "born on March 12 1990": "1990", "12/03/1990": "1990", "ma fille (née 2015)": "2015",
		"passeport A 12 B 345 C6": "345", "CIN JB123456": "123456", "cin j b 12-34-56": "34", "A1234567": "1234", "carte n°U 12345 L": "12345", "AB12 34 56": "AB",
		"dossier 2024/1234": "1234", "2024 2025": "2025",
	} {
		if got := scrub(in); strings.Contains(got, must) {
			t.Errorf("%q -> %q still has %q", in, got, must)
		}
	}
	for _, in := range []string{
		"le récépissé de 3 mois suffit-il en 2024 ?", "j'ai 2 enfants de 4 et 7 ans", "il me doit 400 DH depuis 2 ans", "entre 2019 et 2024, j'ai travaillé",
		"mon bébé né il y a 3 mois", "wach 3andi 7a9 f recepisse b7al lcarte", "n9der nkhdem b recepisse 3 chhor", "de 9 h 30 à 12 h", "9h30 ou 14h15",
		"هل يمكنني العمل بوصل 3 أشهر", "je ne travaille pas", "un ou deux mois", "deux cent euros", "pourquoi ? parce que.", "la carte s.v.p.", "quatre-vingt-dix jours",
		"où est le bureau (BAOM) d'Agadir ?", "on m'a refusé l'entrée à l'école", "ne le dites pas", "I was there at noon",
	} {
		if got := scrub(in); got != in {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

// numbered is a run of four digits or more with at most three signs between them.
var numbered = regexp.MustCompile(`\pN(?:[^\pL\pN]{0,3}\pN){3,}`)

// clean tells what is left that must not be.
func clean(text string) string {
	for _, run := range numbered.FindAllString(norm.NFKC.String(text), -1) {
		year := content.Fold(run)
		if utf8.RuneCountInString(run) != 4 || !strings.HasPrefix(year, "19") && !strings.HasPrefix(year, "20") { // a year alone
			return run
		}
	}
	for _, sign := range []string{"@", "://", ".com", ".me/", "(at)"} {
		if strings.Contains(strings.ToLower(text), sign) {
			return sign
		}
	}
	return ""
}

// FuzzScrub: whatever is written, no number and no address is left, and scrubbing again changes nothing.
func FuzzScrub(f *testing.F) {
	for _, seed := range []string{"06 - 12 - 34", "a@b.c", "x .com", "12 mars 1990", "1990 1 2", "1 2 . com 3 4", "é06́12", "t.me/x", "2024", "19 90", "20\u066124", "½½½½", "(a t)", "1x2x3x4", "((at))", "1234@5678", "… 12 … 34"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := scrub(text)
		if left := clean(got); left != "" {
			t.Fatalf("%q -> %q: %q is left", text, got, left)
		}
		if again := scrub(got); again != got {
			t.Fatalf("%q -> %q -> %q", text, got, again)
		}
	})
}

// TestScrubNumbers hides a number of ten digits in ordinary words, in any script and parted by anything, many times over.
func TestScrubNumbers(t *testing.T) {
	words := strings.Fields("bonjour je voudrais savoir si la carte de séjour suffit pour travailler merci الإقامة wach n9der nkhdem")
	seps := []string{"", " ", "-", " - ", ".", ",", ", ", "/", " / ", "–", " – ", ":", ";", "_", "\u00a0", "\u200f", "|", "*", "+", "(", ") ", "·", "\u202f", " et ", " puis ", " و ", "\n", "'", "~"}
	zeros := []rune{'0', '٠', '۰', '०', '０', '𝟎'}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		zero, n := zeros[r.IntN(len(zeros))], 5+r.IntN(6)
		number, mixed := "", r.IntN(3) == 0
		sep := seps[r.IntN(len(seps))]
		for i := range n {
			if i > 0 && (n-i)%2 == 0 {
				if mixed {
					sep = seps[r.IntN(len(seps))]
				}
				number += sep
			}
			number += string(zero + rune(5+r.IntN(5))) // no year
		}
		var said []string
		for range r.IntN(6) {
			said = append(said, words[r.IntN(len(words))])
		}
		said = append(said, number)
		for range r.IntN(6) {
			said = append(said, words[r.IntN(len(words))])
		}
		got := scrub(strings.Join(said, " "))
		left := 0
		for _, r := range strings.NewReplacer("n9der", "").Replace(got) {
			if unicode.IsNumber(r) {
				left++
			}
		}
		if left > 0 {
			t.Fatalf("%q -> %q", strings.Join(said, " "), got)
		}
	}
}
