package content

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// check proves what has been read against itself: every translation, link, slot and code.
func (r *reader) check() {
	r.checkPages()
	r.checkAnswers()
	r.checkCodes()
}

func (r *reader) checkPages() {
	for _, id := range r.lib.PageIDs() {
		langs := r.lib.pages[id]
		for _, l := range Complete() {
			if _, ok := langs[l]; !ok {
				r.fault("pages", 0, "page %s is missing in %s", id, l)
			}
		}
		for l, p := range langs {
			if want, got := langs[French].slots(), p.slots(); langs[French] != nil && !slices.Equal(want, got) {
				r.fault("pages", 0, "page %s has the slots %v in %s and %v in French", id, got, l, want)
			}
		}
	}
	for id, label := range r.lib.labels {
		for _, l := range Complete() {
			if label[l] == "" {
				r.fault("pages", 0, "label %s is missing in %s", id, l)
			}
		}
	}
}

func (r *reader) checkAnswers() {
	asked := map[string]string{}
	for _, a := range r.lib.answers {
		name := "answers/fr/" + a.ID + ".md"
		for _, l := range Complete() {
			if a.Body[l] == "" {
				r.warn(name, 0, "is not translated into %s", l)
			}
		}
		for _, id := range a.Then {
			if r.lib.byID[id] == nil {
				r.fault(name, r.line(name, "then"), "then: there is no answer %s", id)
			}
		}
		for _, id := range a.Structures {
			if r.lib.Structure(id) == nil {
				r.warn(name, r.line(name, "structures"), "structures: there is no %s in the directory", id)
			}
		}
		for _, code := range a.Needs {
			if _, ok := r.lib.Need(code); !ok {
				r.fault(name, r.line(name, "needs"), "needs: there is no need %s", code)
			}
		}
		r.checkProfiles(name, a.Profiles)
		for tag, list := range a.Ask {
			for _, phrase := range list {
				key := tag + " " + Fold(phrase)
				if other := asked[key]; other != "" && other != a.ID {
					r.warn(name, 0, "%q is also a phrasing of %s", phrase, other)
				}
				asked[key] = a.ID
			}
		}
	}
}

func (r *reader) checkProfiles(name string, profiles []string) {
	for _, p := range profiles {
		if !slices.Contains([]string{"mdm", "ret", "rpt", "ad", "other"}, p) {
			r.fault(name, 0, "there is no profile %q: mdm, ret, rpt, ad, other", p)
		}
	}
}

func (r *reader) checkCodes() {
	seen := map[string]bool{}
	once := func(file, what, id string) {
		if id == "" || seen[what+id] {
			r.fault(file, 0, "the %s %q is empty or there twice", what, id)
		}
		seen[what+id] = true
	}
	label := func(file, id string) {
		if r.lib.Label(id, French) == "" {
			r.fault(file, 0, "there is no label %s", id)
		}
	}
	for _, n := range r.lib.needs {
		once("needs.yaml", "need", n.ID)
		r.checkProfiles("needs.yaml", n.Profiles)
		label("needs.yaml", "need."+n.ID)
		label("needs.yaml", "group."+n.Group)
	}
	for _, o := range r.lib.offices {
		once("offices.yaml", "office", o.ID)
		once("offices.yaml", "letters", o.Letters)
		for _, l := range Complete() {
			if o.Name[l] == "" {
				r.fault("offices.yaml", 0, "%s has no name in %s", o.ID, l)
			}
		}
	}
	if len(r.lib.offices) == 0 {
		r.fault("offices.yaml", 0, "there is no office")
	}
	for _, s := range r.lib.structs {
		once("structures.yaml", "structure", s.ID)
		if s.Phone != "" && !s.PhoneConfirmed {
			r.warn("structures.yaml", 0, "the telephone of %s is not confirmed", s.ID)
		}
	}
	kinds := []string{"choice", "need", "name", "country", "commune", "age", "contact", "words"}
	for _, f := range r.lib.form.Fields {
		once("forms/intake.yaml", "field", f.ID)
		if !slices.Contains(kinds, f.Kind) {
			r.fault("forms/intake.yaml", 0, "%s: there is no kind %q: %s", f.ID, f.Kind, strings.Join(kinds, ", "))
		}
		r.checkProfiles("forms/intake.yaml", f.Profiles)
		for _, id := range f.Options {
			label("forms/intake.yaml", id)
		}
		for _, l := range Complete() {
			if f.Label[l] == "" || f.Column[l] == "" {
				r.fault("forms/intake.yaml", 0, "%s has no label or column in %s", f.ID, l)
			}
		}
		if !r.lib.HasPage("intake."+f.ID) && !r.lib.HasPage("intake."+f.Kind) {
			r.fault("forms/intake.yaml", 0, "%s has no page intake.%s that asks it", f.ID, f.ID)
		}
	}
	if len(r.lib.form.Fields) == 0 || r.lib.form.Fields[0].ID != "profile" {
		r.fault("forms/intake.yaml", 0, "the first field is profile: what is asked depends on it")
	}
}

// A Row is one line of a table that a command prints; the first row is its heading.
type Row []string

// Coverage tells how much of the pages, labels and answers each language has.
func Coverage(lib *Library) []Row {
	rows := []Row{{"language", "pages", "labels", "answers", "drafts", "stale"}}
	for _, l := range Langs() {
		var pages, labels, answers, drafts, stale int
		for _, langs := range lib.pages {
			if _, ok := langs[l]; ok {
				pages++
			}
		}
		for _, t := range lib.labels {
			if t[l] != "" {
				labels++
			}
		}
		for _, a := range lib.answers {
			if a.Body[l] != "" {
				answers++
			}
			if a.Status[l] == "draft" {
				drafts++
			}
			if a.Stale[l] {
				stale++
			}
		}
		rows = append(rows, Row{string(l), fmt.Sprintf("%d/%d", pages, len(lib.pages)), fmt.Sprintf("%d/%d", labels, len(lib.labels)),
			fmt.Sprintf("%d/%d", answers, len(lib.answers)), itoa(drafts), itoa(stale)})
	}
	return rows
}

// Fresh is the yearly review list: the answers by the day on which they are to be reviewed, then the telephone numbers
// and hours that nobody has confirmed.
func Fresh(lib *Library, now time.Time) []Row {
	rows := []Row{{"what", "review by", "days left", "confidence", "to verify"}}
	answers := slices.Clone(lib.answers)
	slices.SortStableFunc(answers, func(a, b *Answer) int { return a.ReviewBy.Compare(b.ReviewBy) })
	for _, a := range answers {
		var drafts []string
		for _, l := range Langs() {
			if a.Status[l] == "draft" {
				drafts = append(drafts, string(l))
			}
		}
		verify := ""
		if len(drafts) > 0 {
			verify = "drafts: " + strings.Join(drafts, " ")
		}
		rows = append(rows, Row{a.ID, a.ReviewBy.Format(time.DateOnly), itoa(int(a.ReviewBy.Sub(now).Hours() / 24)), a.Confidence, verify})
	}
	for _, o := range lib.offices {
		if !o.HoursConfirmed || o.Phone == "" {
			rows = append(rows, Row{"office " + o.ID, "-", "-", "-", "hours and telephone"})
		}
	}
	for _, s := range lib.structs {
		if !s.PhoneConfirmed {
			rows = append(rows, Row{"structure " + s.ID, "-", "-", s.Confidence, "telephone"})
		}
	}
	return rows
}
