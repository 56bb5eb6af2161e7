package content_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"baom/content"
)

func TestReadNumber(t *testing.T) {
	for said, want := range map[string]int{"2": 2, " 2. ": 2, "2)": 2, "n° 2": 2, "N°2": 2, "٢": 2, "۲": 2, "رقم 3": 3, "#4": 4, "12": 12,
		"": -1, "deux": -1, "2 enfants": -1, "12345": -1, "-2": -1, "2,5": -1, "n°": -1, "0612345678": -1} {
		got, ok := content.ReadNumber(said)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is the number %d (%v), not %d", said, got, ok, want)
		}
	}
}

func TestReadAge(t *testing.T) {
	for said, want := range map[string]string{
		"37": "35-49", "37 ans": "35-49", "37ans": "35-49", "j'ai 37 ans et 2 enfants": "35-49", "٣٧": "35-49", "عندي ٣٧ عام": "35-49", "3ndi 37 3am": "35-49",
		"né en 1988": "35-49", "12/03/1988": "35-49", "je suis né le 5 mai 2010": "0-17", "I'm 24": "18-24", "25": "25-34", "65": "65+", "moins de 18 ans": "0-17", "25-34": "25-34",
		"trente-sept ans": "35-49", "j'ai quatre-vingt-deux ans": "65+", "vingt et un": "18-24", "سبعة وثلاثون": "35-49", "twenty four": "18-24", "soixante-dix": "65+",
		"": "", "deux enfants": "", "j'ai 2 enfants": "", "6 mois": "", "37 ou 38": "", "200": "", "2030": "", "3ndi so2al": "", "un": "", "comment ?": "", "0612345678": "",
	} {
		got, ok := content.ReadAge(said, 2026)
		if got != want || ok != (want != "") {
			t.Errorf("%q is the age %q (%v), not %q", said, got, ok, want)
		}
	}
}

func TestReadName(t *testing.T) {
	for said, want := range map[string]string{
		"awa": "Awa", "AWA DIALLO": "Awa Diallo", "Je m'appelle Awa": "Awa", "je m’appelle n'diaye": "N'Diaye", "Bonjour, je m'appelle jean-pierre": "Jean-Pierre", "McDonald": "McDonald",
		"ismi fatima zahra": "Fatima Zahra", "smiti: 3omar": "", "My name is John O'Neil.": "John O'Neil", "اسمي عبد الرحمن": "عبد الرحمن", "أنا سميتي فاطمة": "فاطمة",
		"Nom : Traoré": "Traoré", "me llamo José": "José", "ben abdellah el idrissi": "Ben Abdellah El Idrissi", "\u200fفاطمة\u200f": "فاطمة", "élodie": "Élodie",
		"": "", "?": "", "comment ça va ?": "", "je ne veux pas dire": "", "j'ai 37 ans": "", "Awa2": "", "bghit carte": "", "لا أريد": "", "😀": "", "a@b.c": "",
		strings.Repeat("a", 61): "", strings.Repeat("a ", 10): "", "Awa\nDiallo": "", "je suis": "", "-": "",
	} {
		got, ok := content.ReadName(said)
		if want == "" && ok || want != "" && got != want {
			t.Errorf("%q is the name %q (%v), not %q", said, got, ok, want)
		}
	}
}

func TestReadPhone(t *testing.T) {
	for _, c := range []struct{ said, country, want string }{
		{"06 12 34 56 78", "", "+212612345678"},
		{"appelez-moi au 06.12.34.56.78 le soir", "", "+212612345678"},
		{"٠٦١٢٣٤٥٦٧٨", "", "+212612345678"},
		{"612345678", "", "+212612345678"},
		{"+212 6 12-34-56-78", "FR", "+212612345678"},
		{"+212 (0)6 12 34 56 78", "", "+212612345678"},
		{"00212612345678", "", "+212612345678"},
		{"212612345678", "", "+212612345678"},
		{"+33 6 12 34 56 78", "", "+33612345678"},
		{"0033612345678", "", "+33612345678"},
		{"33612345678", "FR", "+33612345678"},
		{"01 23 45 67 89", "FR", "+33123456789"},
		{"06 12 34 56 78", "FR", "0612345678"}, // French or Moroccan: as it was written
		{"05 28 84 00 00", "FR", "0528840000"},
		{"0471 12 34 56", "BE", "+32471123456"},
		{"612 345 678", "ES", "+34612345678"},
		{"333 123 4567", "IT", "+393331234567"},
		{"0151 12345678", "DE", "+4915112345678"},
		{"06 12 34 56 78 ou 06 12 34 56 78", "", "+212612345678"},
		{"j'ai 37 ans, 0612345678", "", "+212612345678"},
		{"06 12 34 56 78 ou 07 12 34 56 78", "", ""}, // which?
		{"06 12 34", "", ""},
		{"37", "", ""},
		{"AG-7F3K-92", "", ""},
		{"", "", ""},
		{"+0612345678", "", ""},
		{"1234567890123456789", "", ""},
	} {
		got, ok := content.ReadPhone(c.said, c.country)
		if c.want == "" && ok || c.want != "" && got != c.want {
			t.Errorf("%q (%s) is the number %q (%v), not %q", c.said, c.country, got, ok, c.want)
		}
	}
}

func FuzzReadAge(f *testing.F) {
	for _, s := range []string{"37 ans", "né en 1988", "٣٧", "trente-sept", "3ndi 37", "99999999999999999999", "12/03/1988"} {
		f.Add(s, 2026)
	}
	f.Add("1900", 2062)
	brackets := []string{"0-17", "18-24", "25-34", "35-49", "50-64", "65+"}
	f.Fuzz(func(t *testing.T, text string, year int) {
		if got, ok := content.ReadAge(text, year); ok != slices.Contains(brackets, got) {
			t.Errorf("%q in %d: %q, %v", text, year, got, ok)
		}
		content.ReadNumber(text)
	})
}

func FuzzReadName(f *testing.F) {
	for _, s := range []string{"je m'appelle Awa", "اسمي فاطمة", "N'DIAYE", "smiti", "a\u0301", "ﬁ", "ŉ", "\xff", "je m'appelle '"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, ok := content.ReadName(text)
		if !ok {
			return
		}
		if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > 2*60 || strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsAny(name, "0123456789<>@?") {
			t.Errorf("%q is the name %q", text, name)
		}
	})
}

func FuzzReadPhone(f *testing.F) {
	for _, s := range []string{"06 12 34 56 78", "+212 (0)6", "0033612345678", "00", "+", "٠٦١٢٣٤٥٦٧٨", "1.2-3 4", "+310000000"} {
		f.Add(s, "FR")
	}
	f.Fuzz(func(t *testing.T, text, country string) {
		number, ok := content.ReadPhone(text, country)
		if ok && (len(number) < 9 || len(number) > 16 || strings.Trim(strings.TrimPrefix(number, "+"), "0123456789") != "") {
			t.Errorf("%q is the number %q", text, number)
		}
		if again, still := content.ReadPhone(number, country); ok && (!still || again != number) {
			t.Errorf("%q is the number %q, which is %q (%v)", text, number, again, still)
		}
	})
}
