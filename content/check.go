package content

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// check proves what has been read against itself: every translation, link, slot and code.
func (r *reader) check() {
	r.checkPages()
	r.checkLabels()
	r.checkChoices()
	r.checkAnswers()
	r.checkNeeds()
	r.checkOffices()
	r.checkStructures()
	r.checkForm()
	r.checkRegister()
}

// where is the place of a page or label in the first language that has it, in the order of Langs.
func (r *reader) where(what string) Fault {
	for _, l := range Langs() {
		if f, ok := r.at[what+" "+string(l)]; ok {
			return f
		}
	}
	return Fault{File: "pages"}
}

func (r *reader) checkPages() {
	for _, id := range r.lib.PageIDs() {
		langs := r.lib.pages[id]
		at := r.where("page " + id)
		for _, l := range Complete() {
			if _, ok := langs[l]; !ok {
				r.fault(at.File, at.Line, "page %s is missing in %s", id, l)
			}
		}
		master, ok := langs[French]
		if !ok {
			continue
		}
		for _, l := range slices.Sorted(maps.Keys(langs)) {
			if want, got := master.slots(), langs[l].slots(); !slices.Equal(want, got) {
				at := r.at["page "+id+" "+string(l)]
				r.fault(at.File, at.Line, "page %s has the slots %v, in French %v", id, got, want)
			}
		}
	}
}

func (r *reader) checkLabels() {
	for _, id := range slices.Sorted(maps.Keys(r.lib.labels)) {
		at := r.where("label " + id)
		for _, l := range Complete() {
			if r.lib.labels[id][l] == "" {
				r.fault(at.File, at.Line, "label %s is missing in %s", id, l)
			}
		}
	}
}

func (r *reader) checkChoices() {
	const file = "words/choices.yaml"
	for _, id := range slices.Sorted(maps.Keys(r.lib.choices)) {
		if r.lib.Label(id, French) == "" {
			r.fault(file, r.line(file, id), "there is no choice %s", id)
		}
		for _, w := range r.lib.choices[id] {
			if Fold(w) == "" {
				r.fault(file, r.line(file, id), "%s: %q has no letters", id, w)
			}
		}
	}
}

func (r *reader) checkAnswers() {
	asked := map[string]string{} // tag and folded phrasing → answer
	for _, a := range r.lib.answers {
		name := "answers/fr/" + a.ID + ".md"
		for _, l := range Complete() {
			if a.Body[l] == "" {
				r.warn(name, 0, "is not translated into %s", l)
			}
		}
		for i, id := range a.Then {
			if r.lib.byID[id] == nil {
				r.fault(name, r.line(name, "then", i), "then: there is no answer %s", id)
			}
		}
		for i, id := range a.Structures {
			if r.lib.Structure(id) == nil {
				r.fault(name, r.line(name, "structures", i), "structures: there is no %s in the directory", id)
			}
		}
		r.checkNeedCodes(name, a.Needs, "needs")
		r.checkProfiles(name, a.Profiles, "profiles")
		if a.Status[French] != "draft" {
			for _, want := range wantedAsks() {
				if n := len(a.Ask[want.tag]); n < want.n && a.Body[want.of] != "" {
					r.warn(name, r.line(name, "ask"), "has %d phrasings of %s; %d are found by more people", n, want.tag, want.n)
				}
			}
		}
		for _, tag := range slices.Sorted(maps.Keys(a.Ask)) {
			for _, ask := range a.Ask[tag] {
				key := tag + " " + Fold(ask)
				if other := asked[key]; other != "" && other != a.ID {
					r.fault(name, r.line(name, "ask", tag), "%q is also a phrasing of %s", ask, other)
				}
				asked[key] = a.ID
			}
		}
	}
}

type wantedAsk struct {
	tag string
	of  Lang // where the answer is told in this language
	n   int
}

// wantedAsks are how many phrasings an answer should have: people who write in haste, in Darija or with mistakes are found
// by them.
func wantedAsks() []wantedAsk {
	return []wantedAsk{{"fr", French, 8}, {"ar", Arabic, 5}, {"en", English, 5}, {"ary-Latn", French, 3}, {"ary", French, 3}}
}

// checkProfiles and checkNeedCodes report unknown codes of a list at a path of a file.
func (r *reader) checkProfiles(file string, profiles []string, path ...any) {
	for _, p := range profiles {
		if !slices.Contains(profileIDs, p) {
			r.fault(file, r.line(file, path...), "there is no profile %q: %s", p, strings.Join(profileIDs, ", "))
		}
	}
}

func (r *reader) checkNeedCodes(file string, codes []string, path ...any) {
	for _, c := range codes {
		if _, ok := r.lib.Need(c); !ok {
			r.fault(file, r.line(file, path...), "there is no need %s", c)
		}
	}
}

// A register is the ids of a kind of thing, each of which may be there once.
type register map[string]bool

func (g register) take(r *reader, file string, line int, what, id string) {
	switch {
	case id == "":
		r.fault(file, line, "a %s has no id", what)
	case g[id]:
		r.fault(file, line, "the %s %s is there twice", what, id)
	}
	g[id] = true
}

func (r *reader) checkNeeds() {
	const file = "needs.yaml"
	ids := register{}
	for i, n := range r.lib.needs {
		line := r.line(file, i)
		ids.take(r, file, line, "need", n.ID)
		r.checkProfiles(file, n.Profiles, i)
		for _, label := range []string{"need." + n.ID, "group." + n.Group} {
			if r.lib.Label(label, French) == "" {
				r.fault(file, line, "%s has no label %s in the pages", n.ID, label)
			}
		}
		if n.Alert != "" && !slices.Contains(dangerKinds, n.Alert) {
			r.fault(file, line, "%s: there is no danger %q: %s", n.ID, n.Alert, strings.Join(dangerKinds, ", "))
		}
	}
}

func (r *reader) checkOffices() {
	const file = "offices.yaml"
	if len(r.lib.offices) == 0 {
		r.fault(file, 0, "there is no office")
	}
	ids, letters, called := register{}, register{}, map[string]string{}
	for i, o := range r.lib.offices {
		line := r.line(file, "offices", i)
		ids.take(r, file, line, "office", o.ID)
		letters.take(r, file, line, "pair of letters", o.Letters)
		if strings.ContainsAny(o.Letters, "ILO") {
			r.warn(file, r.line(file, "offices", i, "letters"), "%s: I, L and O are taken for 1 and 0 when a reference is copied by hand", o.ID)
		}
		for _, l := range Complete() {
			if o.Name[l] == "" || o.Province.In(l) == "" {
				r.fault(file, line, "%s has no name or province in %s", o.ID, l)
			}
		}
		for _, n := range slices.Concat([]string{o.Name[French], o.Name[Arabic]}, o.Also) {
			if other := called[Fold(n)]; other != "" && other != o.ID {
				r.fault(file, line, "%q is a name of both %s and %s", n, other, o.ID)
			}
			called[Fold(n)] = o.ID
		}
	}
	for i, c := range r.lib.communes {
		line := r.line(file, "communes", i)
		if c.Name[French] == "" || c.Name[Arabic] == "" {
			r.fault(file, line, "a commune has no name in French or Arabic")
		}
		for _, n := range slices.Concat([]string{c.Name[French], c.Name[Arabic]}, c.Also) {
			if other := called[Fold(n)]; other != "" && other != c.Office {
				r.warn(file, line, "%q leads to %s already, not to %s", n, other, c.Office)
			} else if n != "" {
				called[Fold(n)] = c.Office
			}
		}
		if c.Office != "" && r.lib.Office(c.Office) == nil {
			r.fault(file, line, "%s: there is no office %s", c.Name[French], c.Office)
		}
		if c.Office == "" && !inMorocco(c.Lat, c.Lon) {
			r.fault(file, line, "%s has neither an office nor a place in Morocco", c.Name[French])
		}
	}
}

func (r *reader) checkStructures() {
	const file = "structures.yaml"
	ids := register{}
	for i, s := range r.lib.structs {
		line := r.line(file, i)
		ids.take(r, file, line, "structure", s.ID)
		r.checkProfiles(file, s.Whom, i, "whom")
		r.checkNeedCodes(file, s.Needs, i, "needs")
		for _, l := range Complete() {
			if s.Name[l] == "" || s.For[l] == "" {
				r.fault(file, line, "%s has no name, or nothing under for, in %s", s.ID, l)
			}
		}
		if s.Source == "" {
			r.fault(file, line, "%s has no source", s.ID)
		}
		if !isDay(s.Verified) {
			r.fault(file, line, "%s: verified is a day such as 2026-11-24, not %q", s.ID, s.Verified)
		}
		if !slices.Contains(confidences, s.Confidence) {
			r.fault(file, line, "%s: confidence is one of %s, not %q", s.ID, strings.Join(confidences, ", "), s.Confidence)
		}
		if s.URL != "" && !isURL(s.URL) {
			r.fault(file, line, "%s: %q is not an address such as https://…", s.ID, s.URL)
		}
		if (s.Lat != 0 || s.Lon != 0) && !isPlace(s.Lat, s.Lon) {
			r.fault(file, line, "%s: %g, %g is not a place", s.ID, s.Lat, s.Lon)
		}
		for _, phone := range []string{s.Phone, s.PhoneUnverified} {
			if phone != "" && !isPhone(phone) {
				r.fault(file, line, "%s: %q is not a telephone number", s.ID, phone)
			}
		}
		if s.Phone != "" && !s.PhoneConfirmed {
			r.warn(file, line, "%s: the telephone is given to people but not confirmed", s.ID)
		}
	}
}

func (r *reader) checkForm() {
	const file = "forms/intake.yaml"
	form := r.lib.form
	if form.ID == "" {
		r.fault(file, 0, "has no id")
	}
	if len(form.Fields) == 0 || form.Fields[0].ID != "profile" {
		r.fault(file, r.line(file, "fields"), "the first field is profile: what is asked depends on it")
	}
	ids := register{}
	for i, f := range form.Fields {
		line := r.line(file, "fields", i)
		ids.take(r, file, line, "field", f.ID)
		if !slices.Contains(fieldKinds, f.Kind) {
			r.fault(file, line, "%s: there is no kind %q: %s", f.ID, f.Kind, strings.Join(fieldKinds, ", "))
		}
		r.checkProfiles(file, f.Profiles, "fields", i, "profiles")
		r.checkProfiles(file, slices.DeleteFunc(slices.Clone(f.Required), func(p string) bool { return p == "all" }), "fields", i, "required")
		r.checkOptions(file, line, f)
		for _, profile := range slices.Sorted(maps.Keys(f.Suggest)) {
			r.checkProfiles(file, []string{profile}, "fields", i, "suggest")
			for _, code := range f.Suggest[profile] {
				if CountryName(code, French) == "" {
					r.fault(file, r.line(file, "fields", i, "suggest", profile), "%s: there is no country %s", f.ID, code)
				}
			}
		}
		for _, l := range Complete() {
			if f.Label[l] == "" || f.Column[l] == "" {
				r.fault(file, line, "%s has no label or column in %s", f.ID, l)
			}
		}
		if !r.lib.HasPage("intake."+f.ID) && !r.lib.HasPage("intake."+f.Kind) {
			r.fault(file, line, "%s has no page intake.%s that asks it", f.ID, f.ID)
		}
		if f.Sensitive && len(f.Required) > 0 {
			r.fault(file, line, "%s is sensitive and can be skipped: it cannot be required", f.ID)
		}
	}
}

// checkOptions proves the choices of a field: there are some where its kind has them, they have labels, and they begin
// alike, so that an answer can be kept without the beginning.
func (r *reader) checkOptions(file string, line int, f Field) {
	if chosen := slices.Contains([]string{"choice", "age", "contact"}, f.Kind); chosen != (len(f.Options) > 0) {
		r.fault(file, line, "%s: a field of kind choice, age or contact has options, another has none", f.ID)
	}
	ids := register{}
	for _, id := range f.Options {
		ids.take(r, file, line, "option", id)
		if r.lib.Label(id, French) == "" {
			r.fault(file, line, "%s: there is no label %s", f.ID, id)
		}
		if kind, _, _ := strings.Cut(f.Options[0], "."); !strings.HasPrefix(id, kind+".") {
			r.fault(file, line, "%s: the options begin alike, but %s does not begin with %s", f.ID, id, kind+".")
		}
		if _, bracket, _ := strings.Cut(id, "."); f.Kind == "age" && !slices.Contains(ageBrackets[:], bracket) {
			r.fault(file, line, "%s: %s is not a class of age: %s", f.ID, id, strings.Join(ageBrackets[:], ", "))
		}
	}
}

// Overdue lists, as warnings, the answers that should have been reviewed before a time.
func (lib *Library) Overdue(now time.Time) []Fault {
	var late []Fault
	for _, a := range lib.answers {
		if now.After(a.ReviewBy) {
			late = append(late, Fault{File: "answers/fr/" + a.ID + ".md", Msg: "was to be reviewed by " + a.ReviewBy.Format(time.DateOnly), Warning: true})
		}
	}
	slices.SortStableFunc(late, func(a, b Fault) int { return cmp.Compare(a.Msg, b.Msg) })
	return late
}
