package console

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"baom/bot"
	"baom/content"
)

// number is a number of the path, which names something: ErrNotFound where it is none.
func number(r *http.Request, name string) (int64, error) {
	n, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%s: %w", name, bot.ErrNotFound)
	}
	return n, nil
}

// small bounds a form without files.
func small(w http.ResponseWriter, r *http.Request) { r.Body = http.MaxBytesReader(w, r.Body, 256<<10) }

// onwards goes to a page after something was done there.
func (c *Console) onwards(w http.ResponseWriter, r *http.Request, what, to string) error {
	c.done(r, what)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// besides adds to a case's page what officers keep beside it: labels, the draft, what waits, who else is there.
func (c *Console) besides(r *http.Request, who *bot.Officer, v *caseView) (err error) {
	ctx, k := r.Context(), v.Case
	if v.Labels, err = c.Desk.Labels(ctx, who, k.Office); err != nil {
		return err
	}
	for _, l := range v.Labels {
		if slices.Contains(k.Labels, l.ID) {
			v.Tags = append(v.Tags, l.Name)
		}
	}
	if v.Pending, err = c.Desk.Pending(ctx, who, k.ID); err != nil {
		return err
	}
	if n := len(v.Lines); n > 0 {
		v.Seen = v.Lines[n-1].ID
	}
	if k.Officer != 0 && !v.Mine && k.State == bot.StateClaimed {
		if v.HolderAway, err = c.Desk.Away(ctx, k.Officer); err != nil {
			return err
		}
		v.MayTake = v.MayTake || v.HolderAway
	}
	absences, err := c.Desk.Absences(ctx, who, k.Office)
	if err != nil {
		return err
	}
	v.Away = map[int64]time.Time{}
	for _, a := range absences {
		if a.Holds(c.Now().In(c.Location)) {
			v.Away[a.Officer] = a.Until
		}
	}
	v.markNew(r)
	v.Neighbours = c.presence.others(k.ID, who.ID, c.Now())
	return nil
}

// begun is what the reply's field holds: the draft, and after it what was chosen to be inserted.
func (c *Console) begun(r *http.Request, who *bot.Officer, k *bot.Case) (string, error) {
	draft, err := c.Desk.Draft(r.Context(), who, k.ID)
	if err != nil || r.URL.Query().Get("insert") == "" {
		return draft, err
	}
	in, err := c.Desk.Inserted(r.Context(), who, k, r.URL.Query().Get("insert"))
	if errors.Is(err, bot.ErrNotFound) {
		return draft, nil
	}
	return strings.TrimSpace(draft + "\n\n" + in.Text), err
}

// neighbours says who else is at a case, as a fragment of one line.
func (c *Console) neighbours(l content.Lang, id int64, who *bot.Officer) (string, error) {
	var b bytes.Buffer
	err := c.templates[l].ExecuteTemplate(&b, "neighbours", c.presence.others(id, who.ID, c.Now()))
	return strings.ReplaceAll(b.String(), "\n", " "), err
}

// draft keeps what an officer types.
func (c *Console) draft(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	id, err := caseID(r)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(r.FormValue("text"), "\r\n", "\n")
	if err := c.Desk.KeepDraft(r.Context(), who, id, text); err != nil {
		return err
	}
	c.presence.types(id, who, c.Now(), text != "")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// takeBack takes a reply back before it goes.
func (c *Console) takeBack(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	pending, err := number(r, "pending")
	if err != nil {
		return err
	}
	return c.act(w, r, "back", func(id int64) (*bot.Case, error) { return nil, c.Desk.TakeBack(r.Context(), who, id, pending) })
}

func (c *Console) retry(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	line, err := number(r, "line")
	if err != nil {
		return err
	}
	return c.act(w, r, "retry", func(id int64) (*bot.Case, error) { return nil, c.Desk.Retry(r.Context(), who, id, line) })
}

// tag puts labels on a case.
func (c *Console) tag(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("labels: %w: %w", bot.ErrInvalid, err)
	}
	var labels []int64
	for _, text := range r.PostForm["label"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("label: %w", bot.ErrInvalid)
		}
		labels = append(labels, id)
	}
	return c.act(w, r, "labels", func(id int64) (*bot.Case, error) {
		return c.Desk.Tag(r.Context(), who, id, labels, r.PostForm.Get("new"))
	})
}

type insertsView struct {
	Case   *bot.Case
	Search string
	Found  []bot.Insert
}

// inserts is what can be put into a reply: a page, or its list alone for a script.
func (c *Console) inserts(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	v := insertsView{Search: strings.TrimSpace(r.FormValue("q"))}
	if len(v.Search) > 400 {
		v.Search = ""
	}
	if v.Case, v.Found, err = c.Desk.Inserts(r.Context(), who, id, v.Search, c.lang(r)); err != nil {
		return err
	}
	if r.FormValue("part") == "yes" {
		return c.write(w, r, http.StatusOK, "inserts-part", v)
	}
	return c.render(w, r, who, http.StatusOK, "inserts", "console.insert.title", v)
}

// held keeps a reply that was held back as a draft, and shows the case with what has come since.
func (c *Console) held(w http.ResponseWriter, r *http.Request, who *bot.Officer, id, seen int64, text string) error {
	if err := c.Desk.KeepDraft(r.Context(), who, id, text); err != nil {
		return err
	}
	http.Redirect(w, r, fmt.Sprintf("/console/cases/%d?since=%d#words", id, seen), http.StatusSeeOther)
	return nil
}

// markNew marks what has come after the line that an address names: a reply was held back for it.
func (v *caseView) markNew(r *http.Request) {
	seen, err := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
	if err != nil || seen <= 0 {
		return
	}
	for i := range v.Lines {
		v.Lines[i].New = v.Lines[i].ID > seen
		v.Held = v.Held || v.Lines[i].New
	}
	v.Since = seen
}

// officeFor is the office whose things a page shows: the officer's own, or the one that an administrator chose.
func (c *Console) officeFor(r *http.Request, who *bot.Officer) string {
	office := r.FormValue("office")
	if office == "" {
		office = who.Office
	}
	if office == "" {
		office = c.Lib().Offices()[0].ID
	}
	return office
}

// offices are those that an administrator can choose from.
func (c *Console) offices(who *bot.Officer) []content.Office {
	if who.Role == bot.RoleAdmin {
		return c.Lib().Offices()
	}
	return nil
}

type cannedView struct {
	Office       string
	Offices      []content.Office
	Canned       []bot.Canned
	Labels       []bot.Label
	Leads        bool
	Edit         bot.Canned // in the form
	Wrong        bool
	Langs        []content.Lang
	Placeholders []string
}

func (c *Console) canned(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v := cannedView{Edit: bot.Canned{Texts: content.Text{}}}
	v.Edit.ID, _ = strconv.ParseInt(r.FormValue("edit"), 10, 64)
	return c.showCanned(w, r, who, http.StatusOK, v)
}

func (c *Console) showCanned(w http.ResponseWriter, r *http.Request, who *bot.Officer, status int, v cannedView) (err error) {
	v.Office, v.Offices = c.officeFor(r, who), c.offices(who)
	if v.Canned, err = c.Desk.Canned(r.Context(), who, v.Office); err != nil {
		return err
	}
	if v.Labels, err = c.Desk.Labels(r.Context(), who, v.Office); err != nil {
		return err
	}
	v.Leads = who.Leads(v.Office)
	if v.Edit.ID != 0 && !v.Wrong {
		i := slices.IndexFunc(v.Canned, func(k bot.Canned) bool { return k.ID == v.Edit.ID })
		if i < 0 {
			return fmt.Errorf("canned reply: %w", bot.ErrNotFound)
		}
		v.Edit = v.Canned[i]
	}
	v.Langs = content.Langs()
	for _, p := range bot.Placeholders() {
		v.Placeholders = append(v.Placeholders, "{"+p+"}")
	}
	return c.render(w, r, who, status, "canned", "console.canned.title", v)
}

func (c *Console) saveCanned(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	k := bot.Canned{Office: c.officeFor(r, who), Name: r.FormValue("name"), Texts: content.Text{}}
	k.ID, _ = strconv.ParseInt(r.FormValue("id"), 10, 64)
	for _, l := range content.Langs() {
		if text := r.FormValue("text-" + string(l)); strings.TrimSpace(text) != "" {
			k.Texts[l] = text
		}
	}
	err := c.Desk.SaveCanned(r.Context(), who, k)
	if errors.Is(err, bot.ErrInvalid) {
		return c.showCanned(w, r, who, http.StatusUnprocessableEntity, cannedView{Edit: k, Wrong: true})
	}
	if err != nil {
		return err
	}
	return c.onwards(w, r, "canned", "/console/canned?office="+url.QueryEscape(k.Office))
}

func (c *Console) dropCanned(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	id, err := number(r, "id")
	if err != nil {
		return err
	}
	office := c.officeFor(r, who)
	if err := c.Desk.DropCanned(r.Context(), who, office, id); err != nil {
		return err
	}
	return c.onwards(w, r, "dropped", "/console/canned?office="+url.QueryEscape(office))
}

func (c *Console) dropLabel(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	id, err := number(r, "id")
	if err != nil {
		return err
	}
	office := c.officeFor(r, who)
	if err := c.Desk.DropLabel(r.Context(), who, office, id); err != nil {
		return err
	}
	return c.onwards(w, r, "dropped", "/console/canned?office="+url.QueryEscape(office))
}

// An absenceRow is an officer with when they are away and how many cases they hold.
type absenceRow struct {
	bot.Officer
	Absence *bot.Absence
	Now     bool // away today
	Held    int
	MaySet  bool
	MayGive bool // their cases can be spread over the colleagues
}

type absencesView struct {
	Office  string
	Offices []content.Office
	Rows    []absenceRow
	Today   string
}

func (c *Console) absences(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	ctx, today := r.Context(), c.Now().In(c.Location)
	v := absencesView{Office: c.officeFor(r, who), Offices: c.offices(who), Today: today.Format(time.DateOnly)}
	list, err := c.Desk.Absences(ctx, who, v.Office)
	if err != nil {
		return err
	}
	team, err := c.Cases.Officers(ctx, v.Office)
	if err != nil {
		return err
	}
	queries := make([]bot.Query, len(team))
	for i, o := range team {
		queries[i] = bot.Query{Offices: []string{v.Office}, Officer: o.ID}
	}
	held, err := c.Desk.Count(ctx, who, queries)
	if err != nil {
		return err
	}
	for i, o := range team {
		row := absenceRow{Officer: o, Held: held[i], MaySet: o.ID == who.ID || who.Leads(v.Office), MayGive: held[i] > 0 && (o.ID == who.ID || who.Leads(v.Office))}
		if k := slices.IndexFunc(list, func(a bot.Absence) bool { return a.Officer == o.ID }); k >= 0 {
			row.Absence, row.Now = &list[k], list[k].Holds(today)
		}
		if !o.Disabled || row.Held > 0 {
			v.Rows = append(v.Rows, row)
		}
	}
	return c.render(w, r, who, http.StatusOK, "absences", "console.absences.title", v)
}

func (c *Console) setAbsence(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	a := bot.Absence{Officer: who.ID}
	if id, err := strconv.ParseInt(r.FormValue("officer"), 10, 64); err == nil {
		a.Officer = id
	}
	if r.FormValue("back") != "yes" {
		var err error
		a.Since, err = time.ParseInLocation(time.DateOnly, r.FormValue("since"), c.Location)
		if err == nil {
			a.Until, err = time.ParseInLocation(time.DateOnly, r.FormValue("until"), c.Location)
		}
		if err != nil {
			return fmt.Errorf("absence: %w", bot.ErrInvalid)
		}
	}
	if err := c.Desk.SetAbsence(r.Context(), who, a); err != nil {
		return err
	}
	return c.onwards(w, r, "absence", "/console/absences?office="+url.QueryEscape(c.officeFor(r, who)))
}

// share spreads the cases of an officer over the colleagues.
func (c *Console) share(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	id, err := number(r, "id")
	if err != nil {
		return err
	}
	if _, err := c.Desk.Redistribute(r.Context(), who, id, r.FormValue("text")); err != nil {
		return err
	}
	return c.onwards(w, r, "share", "/console/absences?office="+url.QueryEscape(c.officeFor(r, who)))
}
