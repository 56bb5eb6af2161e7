package content_test

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"baom/content"
)

// ours is the program's own content, read once.
var ours = sync.OnceValues(func() (*content.Library, error) { return content.Load(content.Builtin()) })

func builtin(t testing.TB) *content.Library {
	t.Helper()
	lib, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// files is a small sound content.
func files() map[string]string {
	page := func(hello, yes, profile, a1, group, other string) string {
		return "pages:\n  hello: |\n    " + hello + "\n  intake.profile: |\n    " + profile + "\nlabels:\n  consent.yes: " + yes + "\n  profile.rpt: " + other +
			"\n  need.A1: " + a1 + "\n  group.A: " + group + "\n"
	}
	return map[string]string{
		"pages/fr.yaml":       page("Bonjour {name}.", "Oui", "Qui ?", "Carte de séjour", "Papiers", "Un autre pays"),
		"pages/ar.yaml":       page("مرحبا {name}.", "نعم", "من ؟", "بطاقة الإقامة", "وثائق", "بلد آخر"),
		"pages/en.yaml":       page("Hello {name}.", "\"Yes\"", "Who?", "Residence card", "Papers", "Another country"),
		"words/commands.yaml": "back: {fr: [retour], ar: [رجوع]}\nmenu: {fr: [menu]}\n",
		"words/choices.yaml":  "consent.yes: {fr: [d'accord, ok], en: [sure]}\n",
		"words/danger.yaml":   "violence: {fr: [me frappe, battue par], unless: [femme battue]}\n",
		"needs.yaml":          "- {id: A1, group: A, profiles: [rpt]}\n",
		"offices.yaml": `offices:
  - id: agadir
    letters: AG
    name: {fr: Agadir, ar: أكادير, en: Agadir}
    province: {fr: Agadir}
    lat: 30.42
    lon: -9.6
    coordinates: exact
    hours: {mon: "09:00-12:00 14:00-16:30", tue: "09:00-12:00"}
    hours-confirmed: true
    phone: "05 28 00 00 00"
communes:
  - {name: {fr: Anza, ar: أنزا}, office: agadir}
`,
		"structures.yaml": `- id: cnss
  name: {fr: CNSS, ar: الصندوق, en: CNSS}
  for: {fr: pensions, ar: معاشات, en: pensions}
  needs: [A1]
  phone: "3939"
  phone-confirmed: true
  source: https://www.cnss.ma
  verified: "2026-11-24"
  confidence: high
`,
		"forms/register.yaml": "columns: [{id: profile}]\n",
		"forms/intake.yaml": `id: intake
fields:
  - id: profile
    kind: choice
    required: true
    options: [profile.rpt]
    column: {fr: Profil, ar: الفئة, en: Profile}
    label: {fr: Profil, ar: الفئة, en: Profile}
`,
		"answers/fr/card.md": `---
id: card
profiles: [rpt]
needs: [A1]
title: La carte
ask:
  fr: [ma carte, la carte de séjour, avoir une carte]
then: [card]
structures: [cnss]
sources: [{url: "https://example.org/a", seen: 2026-11-24, says: oui}]
confidence: high
reviewed: 2026-11-24
review-by: 2027-11-24
---
**Oui.**
`,
		"answers/ar/card.md": "---\ntitle: البطاقة\nask: {ar: [بطاقتي]}\nstatus: reviewed\nfrom: \"c361fa19\"\n---\nنعم.\n",
		"answers/en/card.md": "---\ntitle: The card\nstatus: draft\nfrom: \"c361fa19\"\n---\nYes.\n",
	}
}

func layer(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// faultsOf are the faults in an error of Load.
func faultsOf(err error) []content.Fault {
	var list []content.Fault
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			var f content.Fault
			if errors.As(e, &f) {
				list = append(list, f)
			}
		}
	}
	return list
}

func TestBuiltinHasNoFault(t *testing.T) {
	lib := builtin(t)
	if len(lib.PageIDs()) == 0 || len(lib.Answers()) == 0 || len(lib.Needs()) == 0 || len(lib.Structures()) == 0 || len(lib.Offices()) != 16 {
		t.Fatalf("%d pages, %d answers, %d needs, %d structures, %d offices", len(lib.PageIDs()), len(lib.Answers()), len(lib.Needs()), len(lib.Structures()), len(lib.Offices()))
	}
	for _, a := range lib.Answers() {
		if _, ok := lib.Need(slices.Concat(a.Needs, []string{"Z9"})[0]); !ok {
			t.Errorf("%s: need %v is not there", a.ID, a.Needs)
		}
	}
}

// Two libraries of the same files say and understand the same: nothing depends on the order of a map.
func TestLoadIsDeterministic(t *testing.T) {
	options := []string{"menu.ask", "menu.intake", "menu.case", "menu.office", "menu.officer", "menu.language", "menu.data", "consent.yes", "consent.no", "skip"}
	say := func() []string {
		lib, err := content.Load(content.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range lib.Warnings() {
			out = append(out, f.Error())
		}
		for _, said := range []string{"oui", "dossier", "non merci", "ou est le bureau", "mon dossier svp", "je veux parler", "wakha", "لا"} {
			id, _ := lib.Match(said, options)
			out = append(out, said+" → "+id+" "+lib.Command(said)+" "+lib.Danger(said))
		}
		return out
	}
	want := say()
	for range 5 {
		if diff := cmp.Diff(want, say()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestLayers(t *testing.T) {
	base := files()
	base["pages/web.fr.yaml"] = "pages: {web.intro: Bienvenue}\nlabels: {web.send: Envoyer}\n"
	base["pages/web.ar.yaml"] = "pages: {web.intro: مرحبا}\nlabels: {web.send: إرسال}\n"
	base["pages/web.en.yaml"] = "pages: {web.intro: Welcome}\nlabels: {web.send: Send}\n"
	over := map[string]string{
		"pages/fr.yaml":       "pages:\n  hello: Salut {name} !\n  web.intro: Chez nous\nlabels: {consent.yes: Bien sûr}\n",
		"pages/es.yaml":       "pages: {hello: \"Hola {name}.\"}\n",
		"words/choices.yaml":  "consent.yes: {es: [vale], en: [yep]}\n",
		"words/commands.yaml": "back: {es: [atrás]}\n",
		"offices.yaml":        strings.Replace(base["offices.yaml"], "fr: Agadir,", "fr: Agadir-ville,", 1),
		"answers/fr/card.md":  strings.Replace(base["answers/fr/card.md"], "**Oui.**", "**Non.**\n<!-- more -->\nParce que.", 1),
	}
	lib, err := content.Load(layer(base), layer(over))
	if err != nil {
		t.Fatal(err)
	}
	id := func(text string) string { id, _ := lib.Match(text, []string{"consent.yes"}); return id }
	card := lib.Answer("card")
	for _, c := range []struct{ what, got, want string }{
		{"a page is replaced in its language", lib.Page("hello", content.French, map[string]string{"name": "Awa"}), "Salut Awa !"},
		{"and stays in the others", lib.Page("hello", content.English, map[string]string{"name": "Awa"}), "Hello Awa."},
		{"a language may be added", lib.Page("hello", content.Spanish, map[string]string{"name": "Awa"}), "Hola Awa."},
		{"and falls back", lib.Page("intake.profile", content.Spanish, nil), "Qui ?"},
		{"another file's page is replaced", lib.Page("web.intro", content.French, nil), "Chez nous"},
		{"a label", lib.Label("consent.yes", content.French), "Bien sûr"},
		{"a label left alone", lib.Label("profile.rpt", content.French), "Un autre pays"},
		{"words of a new language", id("vale"), "consent.yes"},
		{"words of a replaced list", id("yep"), "consent.yes"},
		{"words replaced", id("sure"), ""},
		{"words of another language", id("ok"), "consent.yes"},
		{"commands", lib.Command("atras") + lib.Command("RETOUR") + lib.Command("/back") + lib.Command("/Menu"), "backbackbackmenu"},
		{"a whole file", lib.Label("commune.agadir", content.French), "Agadir-ville"},
		{"an answer", card.Body.In(content.French) + " " + card.More.In(content.French), "**Non.** Parce que."},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, not %q", c.what, c.got, c.want)
		}
	}
	if !card.Stale[content.Arabic] || card.Stale[content.French] {
		t.Errorf("the French text changed, stale are %v", card.Stale)
	}
}

// One sound content; each fault, put into it alone, is told with its file and line.
func TestFaults(t *testing.T) {
	card := files()["answers/fr/card.md"]
	for _, c := range []struct {
		name, file, old, new string
		want                 string // of the fault, or of the warning if it begins with "warning: "
	}{
		{"unknown key of a file of pages", "pages/fr.yaml", "labels:", "label:", `pages/fr.yaml:6: there is no key "label" here`},
		{"unknown key of an office", "offices.yaml", "coordinates:", "cordinates:", `offices.yaml:8: there is no key "cordinates" here`},
		{"unknown key of front matter", "answers/fr/card.md", "then:", "and:", `answers/fr/card.md:8: there is no key "and" here`},
		{"a text where a list is due", "answers/fr/card.md", "profiles: [rpt]", "profiles: rpt", `answers/fr/card.md:3: "rpt" should be a list`},
		{"a word where a number is due", "offices.yaml", "lat: 30.42", "lat: north", `offices.yaml:6: "north" should be a number`},
		{"broken YAML", "answers/fr/card.md", "needs: [A1]", "needs: [A1", `answers/fr/card.md:`},
		{"key twice", "pages/fr.yaml", "  intake.profile: |", "  hello: |\n    Encore\n  intake.profile: |", "pages/fr.yaml:4: page hello is there already, in pages/fr.yaml on line 2"},
		{"page missing in a language", "pages/en.yaml", "  hello: |\n    Hello {name}.\n", "", "pages/fr.yaml:2: page hello is missing in en"},
		{"page missing in French", "pages/fr.yaml", "  hello: |\n    Bonjour {name}.\n", "", "pages/ar.yaml:2: page hello is missing in fr"},
		{"label missing", "pages/ar.yaml", "  consent.yes: نعم\n", "", "pages/fr.yaml:7: label consent.yes is missing in ar"},
		{"slots differ", "pages/en.yaml", "{name}", "{nom}", "pages/en.yaml:2: page hello has the slots [nom], in French [name]"},
		{"slot unclosed", "pages/en.yaml", "{name}", "{name", "pages/en.yaml:2: page hello: a slot is a name in braces"},
		{"long label", "pages/fr.yaml", "Carte de séjour", "Carte de séjour ou de résidence", "warning: pages/fr.yaml:9: label need.A1 has 31 characters"},
		{"very long label", "pages/fr.yaml", "Carte de séjour", strings.Repeat("carte ", 11), "pages/fr.yaml:9: label need.A1 has 65 characters"},
		{"heading in a page", "pages/fr.yaml", "    Bonjour {name}.", "    Bonjour {name}.\n    # Titre", "pages/fr.yaml:4: page hello: has a heading"},
		{"not a language", "pages/zz.yaml", "", "pages: {}", `pages/zz.yaml: "zz" is not a language`},
		{"unknown command", "words/commands.yaml", "menu:", "menus:", `words/commands.yaml:2: there is no command "menus"`},
		{"unknown tag", "words/commands.yaml", "ar: [رجوع]", "arabe: [رجوع]", `words/commands.yaml:1: back: "arabe" is not one of`},
		{"a word of two commands", "words/commands.yaml", "fr: [menu]", "fr: [Retour !]", `words/commands.yaml:2: "Retour !" means both back and menu`},
		{"words of no choice", "words/choices.yaml", "consent.yes", "consent.oui", "words/choices.yaml:1: there is no choice consent.oui"},
		{"unknown danger", "words/danger.yaml", "violence", "fire", `words/danger.yaml:1: there is no danger "fire"`},
		{"a star of one letter", "words/danger.yaml", "battue par", "b* par", `words/danger.yaml:1: violence: "b* par"`},
		{"unknown need", "answers/fr/card.md", "needs: [A1]", "needs: [A9]", "answers/fr/card.md:4: there is no need A9"},
		{"unknown profile", "answers/fr/card.md", "profiles: [rpt]", "profiles: [mre]", `answers/fr/card.md:3: there is no profile "mre"`},
		{"unknown follow-up", "answers/fr/card.md", "then: [card]", "then: [card, gone]", "answers/fr/card.md:8: then: there is no answer gone"},
		{"unknown structure", "answers/fr/card.md", "structures: [cnss]", "structures: [cmr]", "answers/fr/card.md:9: structures: there is no cmr"},
		{"id and file differ", "answers/fr/card.md", "id: card", "id: cart", `answers/fr/card.md:2: the id is "cart"`},
		{"no source", "answers/fr/card.md", "sources: [{url: \"https://example.org/a\", seen: 2026-11-24, says: oui}]\n", "", "answers/fr/card.md:2: has no source"},
		{"source without a day", "answers/fr/card.md", "seen: 2026-11-24", "seen: hier", "answers/fr/card.md:10: a source has a url and the day"},
		{"bad date", "answers/fr/card.md", "review-by: 2027-11-24", "review-by: 2027-13-24", "answers/fr/card.md:13: review-by is a day"},
		{"confidence", "answers/fr/card.md", "confidence: high", "confidence: sûr", "answers/fr/card.md:11: confidence is one of"},
		{"few phrasings", "answers/fr/card.md", "ma carte, la carte de séjour, avoir une carte", "ma carte", "answers/fr/card.md:6: has 1 French phrasings"},
		{"phrasings wanted", "answers/fr/card.md", "ma carte, la carte", "ma carte, la carte", "warning: answers/fr/card.md:6: has 3 phrasings of fr; 8 are found"},
		{"a draft without sources", "answers/fr/card.md", "sources: [{url: \"https://example.org/a\", seen: 2026-11-24, says: oui}]\nconfidence: high", "confidence: low\nstatus: draft", "warning: answers/fr/card.md:2: has no source"},
		{"a sure draft", "answers/fr/card.md", "confidence: high", "confidence: high\nstatus: draft", "answers/fr/card.md:11: a draft has the confidence low"},
		{"a recording of nothing", "answers/fr/gone.ogg", "", "OggS", "answers/fr/gone.ogg: is the recording of no answer"},
		{"a recording that is none", "answers/fr/card.ogg", "", "RIFF", "answers/fr/card.ogg: is no voice note in Ogg Opus"},
		{"long body", "answers/fr/card.md", "**Oui.**", strings.Repeat("é", 901), "answers/fr/card.md:15: has 901 characters"},
		{"unclosed bold", "answers/fr/card.md", "**Oui.**", "Oui.\n**Non.", "answers/fr/card.md:16: has ** that does not close"},
		{"link to nowhere", "answers/fr/card.md", "**Oui.**", "[ici](javascript:alert(1))", "answers/fr/card.md:15: has a link that is not"},
		{"tag of HTML after the fold", "answers/fr/card.md", "**Oui.**", "Oui.\n<!-- more -->\nPlus.\n<b>Non</b>", "answers/fr/card.md:18: has a tag of HTML"},
		{"no front matter", "answers/fr/card.md", "---\nid", "id", "answers/fr/card.md:1: should begin with a line ---"},
		{"shared phrasing", "answers/fr/other.md", "", strings.NewReplacer("id: card", "id: other", "ma carte, la carte de séjour, avoir une carte", `autre chose, encore autre chose, "Ma carte ?"`).Replace(card), `answers/fr/other.md:7: "Ma carte ?" is also a phrasing of card`},
		{"translation of nothing", "answers/en/gone.md", "", "---\ntitle: Gone\nstatus: draft\nfrom: x\n---\nGone.\n", "answers/en/gone.md: translates gone"},
		{"bad status", "answers/en/card.md", "status: draft", "status: new", `answers/en/card.md:3: status is draft or reviewed, not "new"`},
		{"stale", "answers/en/card.md", "c361fa19", "00000000", "warning: answers/en/card.md:4: was translated from revision"},
		{"no translation", "answers/en/card.md", "*", "", "warning: answers/fr/card.md: is not translated into en"},
		{"need without a label", "needs.yaml", "id: A1", "id: A2", "needs.yaml:1: A2 has no label need.A2"},
		{"need twice", "needs.yaml", "profiles: [rpt]}\n", "profiles: [rpt]}\n- {id: A1, group: A}\n", "needs.yaml:2: the need A1 is there twice"},
		{"unknown alert", "needs.yaml", "profiles: [rpt]", "alert: fire", `needs.yaml:1: A1: there is no danger "fire"`},
		{"bad hours", "offices.yaml", "14:00-16:30", "14:00-13:30", `offices.yaml:9: agadir: mon: "14:00-13:30" ends before`},
		{"hours of no day", "offices.yaml", "tue:", "mar:", "offices.yaml:9: agadir: the days of the week are"},
		{"place at sea", "offices.yaml", "lon: -9.6", "lon: 9.6", "offices.yaml:6: agadir: 30.42, 9.6 is not in Morocco"},
		{"bad letters", "offices.yaml", "letters: AG", "letters: A1", "offices.yaml:3: agadir: letters are two capitals"},
		{"bad closing day", "offices.yaml", "coordinates:", "closed: [18/11]\n    coordinates:", `offices.yaml:8: agadir: closed on "18/11"`},
		{"bad phone", "offices.yaml", `"05 28 00 00 00"`, `"05 28"`, `offices.yaml:11: agadir: "05 28" is not a telephone number`},
		{"commune of no office", "offices.yaml", "office: agadir", "office: rabat", "offices.yaml:13: Anza: there is no office rabat"},
		{"structure without a source", "structures.yaml", "  source: https://www.cnss.ma\n", "", "structures.yaml:1: cnss has no source"},
		{"phone not confirmed", "structures.yaml", "phone-confirmed: true", "phone-confirmed: false", "warning: structures.yaml:1: cnss: the telephone is given"},
		{"option without a label", "forms/intake.yaml", "options: [profile.rpt]", "options: [profile.rpt, profile.mdm]", "forms/intake.yaml:3: profile: there is no label profile.mdm"},
		{"unknown column", "forms/register.yaml", "id: profile", "id: profil", `forms/register.yaml:1: there is no column "profil"`},
		{"column without a heading", "forms/register.yaml", "id: profile", "id: opened", "forms/register.yaml:1: opened has no heading in fr"},
		{"unknown kind", "forms/intake.yaml", "kind: choice", "kind: choose", `forms/intake.yaml:3: profile: there is no kind "choose"`},
		{"required of nobody known", "forms/intake.yaml", "required: true", "required: [everyone]", `forms/intake.yaml:5: there is no profile "everyone"`},
		{"missing file", "needs.yaml", "*", "", "needs.yaml: is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := files()
			switch {
			case c.old == "*":
				delete(broken, c.file)
			case c.old == "":
				broken[c.file] = c.new
			default:
				if !strings.Contains(broken[c.file], c.old) {
					t.Fatalf("%s does not contain %q", c.file, c.old)
				}
				broken[c.file] = strings.Replace(broken[c.file], c.old, c.new, 1)
			}
			lib, err := content.Load(layer(broken))
			var all []string
			for _, f := range faultsOf(err) {
				all = append(all, f.Error())
			}
			if lib != nil {
				for _, f := range lib.Warnings() {
					all = append(all, "warning: "+f.Error())
				}
			}
			if !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, c.want) }) {
				t.Errorf("no fault %q, but:\n%s", c.want, strings.Join(all, "\n"))
			}
		})
	}
}

func TestSmallContentIsSound(t *testing.T) {
	lib, err := content.Load(layer(files()))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range lib.Warnings() {
		if !strings.Contains(w.Msg, "are found by more people") {
			t.Errorf("warning: %v", w)
		}
	}
	f := lib.Form().Fields[0]
	if !f.RequiredOf("rpt") || !f.AskedOf("") {
		t.Errorf("required: true is required of all and asked of all: %+v", f)
	}
	if found := lib.Find(content.Query{Text: "ma carte", Lang: content.Darija}); len(found.Hits) == 0 || found.Hits[0].ID != "card" || found.Hits[0].Lang != "ary" {
		t.Errorf("found %+v", found)
	}
}

// All faults of all files are told at once, in the order of files and lines.
func TestEveryFaultAtOnce(t *testing.T) {
	broken := files()
	broken["needs.yaml"] = "- {id: A2, group: B}\n"
	broken["pages/en.yaml"] = strings.ReplaceAll(broken["pages/en.yaml"], "{name}", "you")
	_, err := content.Load(layer(broken))
	var got []string
	for _, f := range faultsOf(err) {
		got = append(got, f.File)
	}
	if !slices.IsSorted(got) || len(got) < 4 {
		t.Errorf("faults in %v: %v", got, err)
	}
}

func TestReview(t *testing.T) {
	lib, err := content.Load(layer(files()))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2027, 11, 26, 0, 0, 0, 0, time.UTC)
	if late := lib.Overdue(now); len(late) != 1 || !late[0].Warning || late[0].File != "answers/fr/card.md" {
		t.Errorf("overdue: %v", late)
	}
	if late := lib.Overdue(now.AddDate(0, 0, -3)); len(late) != 0 {
		t.Errorf("not yet overdue: %v", late)
	}
	want := []content.Row{
		{"what", "review by", "days left", "confidence", "to verify"},
		{"card", "2027-11-24", "-2", "high", "proofread: en"},
		{"structure cnss", "2027-11-24", "-2", "high", "entry"},
	}
	if diff := cmp.Diff(want, content.Fresh(lib, now)); diff != "" {
		t.Error(diff)
	}
	rows := map[string]content.Row{}
	for _, r := range content.Coverage(lib) {
		rows[r[0]] = r
	}
	if diff := cmp.Diff(content.Row{"en", "2/2", "4/4", "1/1", "1", "0"}, rows["en"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(content.Row{"es", "0/2", "0/4", "0/1", "0", "0"}, rows["es"]); diff != "" {
		t.Error(diff)
	}
}

func TestPageAndLabel(t *testing.T) {
	lib := builtin(t)
	if got := lib.Page("handoff.claimed", content.English, map[string]string{"officer": "**Amina** [x](https://evil.example) <b>"}); !strings.Contains(got, `\*\*Amina\*\* \[x\](https\://evil.example) \<b\>`) {
		t.Errorf("a name became markup: %s", got)
	}
	for _, c := range []struct {
		id   string
		lang content.Lang
		want string
	}{
		{"lang.ary", content.French, "الدارجة"}, {"country.SN", content.French, "Sénégal"}, {"commune.agadir", content.Darija, "أكادير"},
		{"profile.rpt", content.Spanish, "Je viens d'un autre pays"}, {"nothing.at.all", content.French, ""}, {"lang.zz", content.French, ""},
	} {
		if got := lib.Option(c.id, c.lang); got != (content.Option{ID: c.id, Label: c.want}) && (c.lang != content.Spanish || got.Label == "") {
			t.Errorf("%s in %s is %q", c.id, c.lang, got.Label)
		}
	}
	if lib.Page("no.such.page", content.French, nil) != "" || lib.HasPage("no.such.page") {
		t.Error("an unknown page is empty")
	}
	for _, id := range lib.PageIDs() {
		for _, l := range content.Langs() {
			if lib.Page(id, l, nil) == "" {
				t.Errorf("page %s says nothing in %s", id, l)
			}
		}
	}
}

// FuzzLoad: whatever is in the files, Load returns a library or faults, each with its file.
func FuzzLoad(f *testing.F) {
	base := files()
	f.Add(base["pages/fr.yaml"], base["answers/fr/card.md"], base["offices.yaml"])
	f.Add("pages: {a: *b}\nlabels: &b [1]", "---\n---\n", "offices: {}\n")
	f.Add("pages:\n  a: &a [*a]\n", "---\nask: {fr: [~, '']}\n---\n<!-- more -->\n", "&a [*a]")
	f.Add("? [a]\n: b", "---\r\nid: card\r\n---\r\nOui", "offices:\n- hours: {mon: \"99:99-1:1\"}\nramadan-dates: [{}]")
	f.Fuzz(func(t *testing.T, pages, answer, offices string) {
		m := maps.Clone(base)
		m["pages/fr.yaml"], m["answers/fr/card.md"], m["offices.yaml"] = pages, answer, offices
		lib, err := content.Load(layer(m))
		if (lib == nil) == (err == nil) {
			t.Fatal("a library or faults")
		}
		for _, fault := range faultsOf(err) {
			if fault.File == "" || fault.Msg == "" || fault.Line < 0 {
				t.Errorf("%+v", fault)
			}
		}
		if lib != nil {
			lib.Page("hello", content.French, map[string]string{"name": answer})
			lib.FindOffice(pages)
		}
	})
}

func BenchmarkPage(b *testing.B) {
	lib := builtin(b)
	slots := map[string]string{"reference": "AG-7F3K-92", "office": "Ait Melloul", "officer": "Amina"}
	b.ReportAllocs()
	for b.Loop() {
		lib.Page("case.claimed", content.Darija, slots)
	}
}
