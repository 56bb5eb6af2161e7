package content

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"  L'Été, à  ŒUVRE ! ": "l ete a oeuvre", "أَكادير ـــ ٢٠": "اكادير 20", "ⴰⴳⴰⴷⵉⵔ": "agadir", "Tachelḥit": "tachelhit", "ß": "ss", "ẞ0": "ss0", "\xf0Ż": "z", "": "",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add("Été à l'œuvre")
	f.Add("بطاقة الإقامة ٣")
	f.Fuzz(func(t *testing.T, s string) {
		once := Fold(s)
		if !utf8.ValidString(once) || once != strings.TrimSpace(once) || strings.Contains(once, "  ") {
			t.Fatalf("Fold(%q) = %q", s, once)
		}
		if twice := Fold(once); twice != once {
			t.Fatalf("Fold(%q) = %q, folded again %q", s, once, twice)
		}
	})
}

func FuzzIdentify(f *testing.F) {
	f.Add("bonjour madame")
	f.Add("wach kayn chi 7ell")
	f.Fuzz(func(t *testing.T, s string) {
		if tag, c := Identify(s); c < 0 || c > 1 || tag == "" && c != 0 {
			t.Fatalf("Identify(%q) = %q, %g", s, tag, c)
		}
	})
}

func FuzzCountry(f *testing.F) {
	f.Add("je viens du mali")
	f.Fuzz(func(t *testing.T, s string) {
		if code, sure := Country(s); sure != (code != "") || sure && CountryName(code, French) == "" {
			t.Fatalf("Country(%q) = %q, %v", s, code, sure)
		}
	})
}

func TestIdentify(t *testing.T) {
	for text, want := range map[string]string{
		"Bonjour, je voudrais savoir combien coûte la carte": "fr", "hello I need help with my papers": "en", "hola necesito ayuda con mis papeles": "es",
		"أريد أن أسأل عن بطاقة الإقامة": "ar", "واش كاين شي حل ديال الوراق": "ary", "bghit n3ref 7o9o9i": "ary-Latn", "wach khassni visa bach ndkhol": "ary-Latn",
		"ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ": "zgh-Tfng", "azul manik antgit": "shi",
	} {
		if got, _ := Identify(text); got != want {
			t.Errorf("Identify(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCountry(t *testing.T) {
	for text, want := range map[string]string{
		"sénégalais": "SN", "je viens du mali": "ML", "السنغال": "SN", "ivoirienne": "CI", "cote d'ivoire": "CI", "Guinée Conakry": "GN", "ana mn lmali": "ML", "senegalese": "SN",
		"je suis camerounais": "CM", "marocaine": "MA", "Pays-Bas": "NL", "سوري": "SY", "burkinabé": "BF", "senegallais": "SN",
	} {
		if got, sure := Country(text); got != want || !sure {
			t.Errorf("Country(%q) = %q, %v, want %q", text, got, sure, want)
		}
	}
	for _, text := range []string{"zzzz", "je ne sais pas", "", "Tombouctou"} {
		if got, sure := Country(text); sure {
			t.Errorf("Country(%q) = %q", text, got)
		}
	}
}

// TestFind asks the real base real questions: what must be found, and what must be declined.
func TestFind(t *testing.T) {
	lib, err := Load(Builtin())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"renouvelement carte sejour": "rpt.residence-card.renew", "mon bebe est né comment le declarer": "rpt.civil.birth", "l'ecole ne veut pas prendre mon fils": "rpt.school.enrol",
		"patron paie pas": "rpt.work.unpaid", "qui peut signer le certificat de vie": "mre.pension.life-certificate", "wakala mn lkharij": "mre.proxy",
		"كيف أصرح بولادة طفلي": "rpt.civil.birth", "how long can my car stay": "mre.customs.car-temporary", "j'ai pas recu ma retraite ce mois": "mre.pension.stopped",
	} {
		found := lib.Find(Query{Text: text, Lang: French})
		hit := false
		for _, h := range found.Hits[:min(3, len(found.Hits))] {
			hit = hit || h.ID == want
		}
		if !hit || found.Verdict == None {
			t.Errorf("%q: %s %v, want %s", text, found.Verdict, found.Hits[:min(3, len(found.Hits))], want)
		}
	}
	for _, text := range []string{"quel temps fait-il demain", "recette du tajine aux pruneaux", "I lost my credit card PIN", "qui a gagné le match hier"} {
		if found := lib.Find(Query{Text: text, Lang: French}); found.Verdict == Sure {
			t.Errorf("%q is answered with %v", text, found.Hits[0])
		}
	}
}

func BenchmarkFind(b *testing.B) {
	lib, err := Load(Builtin())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		lib.Find(Query{Text: "comment renouveler ma carte de séjour expirée", Lang: French})
	}
}

func BenchmarkIdentify(b *testing.B) {
	for b.Loop() {
		Identify("bonjour je voudrais savoir comment renouveler ma carte")
	}
}

func BenchmarkCountry(b *testing.B) {
	for b.Loop() {
		Country("je viens du sénégal")
	}
}

// TestOrdinaryQuestionsAreNoDanger asks every phrasing of the base: only those of the entries on danger itself may alarm.
func TestOrdinaryQuestionsAreNoDanger(t *testing.T) {
	lib, err := Load(Builtin())
	if err != nil {
		t.Fatal(err)
	}
	ofDanger := []string{"rpt.gbv", "rpt.trafficking", "rpt.work.abuse", "rpt.minor.unaccompanied", "rpt.arrest.rights", "rpt.complaint.police"}
	for _, a := range lib.Answers() {
		for tag, list := range a.Ask {
			for _, q := range list {
				if kind := lib.Danger(q); kind != "" && !slices.Contains(ofDanger, a.ID) {
					t.Errorf("%s, %s: %q is taken for %s", a.ID, tag, q, kind)
				}
			}
		}
	}
	for text, want := range map[string]string{
		"mon mari me frappe": "violence", "rajli kaydrebni": "violence", "يضربني زوجي": "violence", "je veux mourir": "suicide", "bghit nmout": "suicide",
		"la police m'a arrêté": "arrest", "my boss took my passport": "trafficking", "je suis mineur et seul": "child", "j'ai eu un accident du travail": "", "ma pension s'est arrêtée": "",
	} {
		if got := lib.Danger(text); got != want {
			t.Errorf("Danger(%q) = %q, want %q", text, got, want)
		}
	}
}
