package content_test

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	lib := builtin(t)
	yesNo := []string{"consent.yes", "consent.no"}
	profiles := []string{"profile.mdm", "profile.ret", "profile.rpt", "profile.ad", "profile.other"}
	menu := []string{"menu.ask", "menu.intake", "menu.case", "menu.office", "menu.officer", "menu.language", "menu.data"}
	gender := []string{"gender.f", "gender.m", "gender.x", "skip"}
	work := []string{"work.employed", "work.self", "work.farm", "work.unemployed", "work.student", "work.retired", "work.home", "work.other", "skip"}
	langs := []string{"lang.fr", "lang.ar", "lang.en", "lang.es", "lang.ary", "lang.shi"}
	for _, c := range []struct {
		said    string
		options []string
		want    string
	}{
		{"Oui, d'accord", yesNo, "consent.yes"}, // the label
		{"OK !", yesNo, "consent.yes"},
		{"d’accord", yesNo, "consent.yes"},
		{"Wakha", yesNo, "consent.yes"},
		{"نَعَم", yesNo, "consent.yes"},
		{"Yes, please", yesNo, "consent.yes"}, // another language than theirs
		{"non", yesNo, "consent.no"},
		{"لا", yesNo, "consent.no"},
		{"لا، ما بغيتش", yesNo, "consent.no"},
		{"je ne suis pas d'accord", yesNo, "consent.no"}, // "d'accord" stands within "pas d'accord"
		{"oui et non", yesNo, ""},                        // both
		{"la carte de séjour", yesNo, ""},                // "la" is no in Darija, but not here
		{"peut-être", yesNo, ""},
		{"", yesNo, ""},
		{"?!", yesNo, ""},
		{"je vis à l'étranger", profiles, "profile.mdm"},
		{"bonjour je suis une veuve", profiles, "profile.ad"},
		{"je suis refugié au maroc", profiles, "profile.rpt"},
		{"je suis etrangere et veuve", profiles, ""},
		{"je suis de retoure", profiles, "profile.ret"}, // a slip
		{"je suis de retour au pays depuis deux ans", profiles, "profile.ret"},
		{"orphelien", profiles, "profile.ad"},
		{"ouvrir un dosier", menu, "menu.intake"},
		{"je prefere ne pas dire", gender, "gender.x"}, // also a word for skip; the first option counts
		{"je passe", gender, "skip"},
		{"non je suis une femme", gender, "gender.f"}, // "non" alone passes over the question, but more is said
		{"sans travail", work, "work.unemployed"},
		{"english", langs, "lang.en"},
		{"العربية", langs, "lang.ar"},
		{"francai", langs, "lang.fr"},
		{"oui " + strings.Repeat("très ", 20), yesNo, ""}, // too long to be an answer
		{"oui", nil, ""},
	} {
		if got, ok := lib.Match(c.said, c.options); got != c.want || ok != (c.want != "") {
			t.Errorf("%q means %q (%v), not %q", c.said, got, ok, c.want)
		}
	}
}

func TestCommand(t *testing.T) {
	lib := builtin(t)
	for said, want := range map[string]string{
		"Menu": "menu", "/menu": "menu", " /officer ": "officer", "Retour !": "back", "رجوع": "back", "7bes": "stop", "un agent": "officer", "/supprimer": "forget",
		"السلام عليكم ورحمة الله وبركاته": "hello", "annuler": "cancel",
		"je veux revenir au menu": "", "": "", "/": "", strings.Repeat("menu ", 50): "",
	} {
		if got := lib.Command(said); got != want {
			t.Errorf("%q is the command %q, not %q", said, got, want)
		}
	}
}

func TestDanger(t *testing.T) {
	lib := builtin(t)
	for _, c := range []struct{ said, want string }{
		{"Aidez-moi, il me frappe tous les jours", "violence"},
		{"mon mari m'a frappée", "violence"}, // me frapp*
		{"rajli kaydrebni", "violence"},
		{"كان راجلي كيضربني", "violence"},
		{"يَضْرِبُني", "violence"},
		{"my husband beats me", "violence"},
		{"JE VEUX MOURIR", "suicide"},
		{"il me frappe et je veux mourir", "suicide"}, // the one that cannot wait
		{"bghit nmout", "suicide"},
		{"la police m'a arrêté hier", "arrest"},
		{"ana sghir w bou7di", "child"},
		{"on me force à travailler", "trafficking"},
		{"aide pour femme battue par son mari", ""},
		{"aide pour femme battue, il me frappe", "violence"}, // the exception covers its own words alone
		{"accident du travail", ""},
		{"ma pension s'est arrêtée", ""},
		{"comment renouveler ma carte de séjour ?", ""},
		{"il m'a encore frappée hier soir", "violence"},
		{"my husband still always beats me", "violence"},
		{"راجلي ديما كيضربني", "violence"},
		{"je veux vraiment mourir", "suicide"},
		{"la douane m'a encore arrêté", ""},
		{"", ""},
	} {
		if got := lib.Danger(c.said); got != c.want {
			t.Errorf("%q tells of %q, not %q", c.said, got, c.want)
		}
	}
}

var said = []struct{ name, text string }{
	{"word", "oui"},
	{"sentence", "je suis de retour au pays depuis deux ans"},
	{"accents", "Je suis réfugié et je cherche à être régularisé"},
	{"arabic", "زوجي كان في الخارج وأريد معاشه"},
	{"slip", "orphelien"},
}

func BenchmarkMatch(b *testing.B) {
	lib := builtin(b)
	options := []string{"profile.mdm", "profile.ret", "profile.rpt", "profile.ad", "profile.other"}
	for _, s := range said {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				lib.Match(s.text, options)
			}
		})
	}
}

func BenchmarkCommand(b *testing.B) {
	lib := builtin(b)
	for _, s := range said {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				lib.Command(s.text)
			}
		})
	}
}

func BenchmarkDanger(b *testing.B) {
	lib := builtin(b)
	for _, s := range said {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				lib.Danger(s.text)
			}
		})
	}
}
