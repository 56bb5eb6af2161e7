package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"baom/content"
	"baom/flows"
)

// An Inbox is what officers keep beside the cases: labels, replies ready to send, views of the queue, drafts, replies
// that wait for their time, and who is away.
type Inbox interface {
	// Count counts what each query selects, to countLimit at most; Limit and Before say nothing.
	Count(ctx context.Context, queries []Query) ([]int, error)

	// OfficeOf is the office of a case. ErrNotFound.
	OfficeOf(ctx context.Context, caseID int64) (string, error)

	// Labels lists an office's own labels by name. AddLabel returns the one of that name, folded, made if need be; DropLabel
	// takes one off its cases and the list.
	Labels(ctx context.Context, office string) ([]Label, error)
	AddLabel(ctx context.Context, office, name string) (Label, error)
	DropLabel(ctx context.Context, office string, id int64) error

	// Canned lists an office's ready replies by name. SaveCanned creates (ID 0) or replaces one of its office: ErrNotFound.
	Canned(ctx context.Context, office string) ([]Canned, error)
	SaveCanned(ctx context.Context, c *Canned) error
	DropCanned(ctx context.Context, office string, id int64) error

	// Views lists an officer's saved views in the order in which they were saved.
	Views(ctx context.Context, officer int64) ([]View, error)
	SaveView(ctx context.Context, officer int64, v View) error
	DropView(ctx context.Context, officer, id int64) error

	// Draft is what an officer has begun to write in a case, or "". KeepDraft replaces it; "" removes it.
	Draft(ctx context.Context, caseID, officer int64) (string, error)
	KeepDraft(ctx context.Context, caseID, officer int64, text string) error

	// Pending lists the replies of a case that wait for their time, the first to go first. Cancel takes one back and
	// returns what it said: ErrConflict where it has gone.
	Pending(ctx context.Context, caseID int64) ([]Pending, error)
	Cancel(ctx context.Context, caseID, id int64) (Pending, error)

	// Retry puts a failed line of a case into the outbox again. ErrConflict: it has not failed, or its words are gone.
	Retry(ctx context.Context, caseID, line int64) error

	// Absences lists who of an office ("" for all) is or will be away on a day or later. SetAbsence replaces an officer's;
	// one without an end removes it.
	Absences(ctx context.Context, office string, day time.Time) ([]Absence, error)
	SetAbsence(ctx context.Context, a Absence) error
}

// A Label is a word of an office's own, put on cases.
type Label struct {
	ID   int64
	Name string
}

// A Canned reply is one that an office keeps ready, in one or several languages. Its placeholders are Placeholders.
type Canned struct {
	ID      int64
	Office  string
	Name    string // for officers
	Texts   content.Text
	Officer int64  // who changes it
	By      string // display name of who changed it last
	At      time.Time
}

// A View is a queue as an officer likes to see it: the filters of its address, without words that were searched for.
type View struct {
	ID    int64
	Name  string
	Query string
}

// A Pending is a reply that waits for its time.
type Pending struct {
	ID      int64
	Message Message // without the file's data when listed
	Officer int64
	By      string // display name
	At      time.Time
	Due     time.Time
	Timed   bool      // for a time that was chosen; else for as long as it can be taken back
	Waited  time.Time // the case's Waiting before
	Unread  int       // and its Unread
}

// An Absence is the days on which an officer is away, both included; they are dates, whatever their zone.
type Absence struct {
	Officer      int64
	Since, Until time.Time
}

// Holds reports whether the officer is away on a day.
func (a Absence) Holds(day time.Time) bool {
	d := day.Format(time.DateOnly)
	return a.Since.Format(time.DateOnly) <= d && d <= a.Until.Format(time.DateOnly)
}

// A Word is one word of a search: it is found in a name, in the last digits of a phone, in the needs or in the labels.
type Word struct {
	Text   string
	Needs  []string
	Labels []int64
}

// The bounds of what an office and an officer keep.
const (
	MaxLabels    = 40  // of an office
	MaxLabel     = 30  // characters
	MaxCanned    = 200 // of an office
	MaxViews     = 12  // of an officer
	MaxName      = 60  // characters of the name of a canned reply or a view
	MaxScheduled = 60 * 24 * time.Hour
)

// Placeholders are what can stand in a canned reply, in braces, for what is known of the case.
func Placeholders() []string { return []string{"prenom", "reference", "bureau", "agent"} }

// Search is the query of what an officer typed into the search box, in any office they may see: a reference, or words of
// which each must be found. In l the needs are looked for by their names. doubtful is true where it looks like a
// reference whose check digits do not fit.
func (d *Desk) Search(ctx context.Context, who *Officer, q Query, typed string, l content.Lang) (_ Query, doubtful bool, err error) {
	if reference, ok := flows.ParseReference(typed); ok {
		q.Reference = reference
		return q, false, nil
	}
	folded := content.Fold(typed)
	if digits := strings.ReplaceAll(folded, " ", ""); len(digits) >= 4 && strings.Trim(digits, "0123456789") == "" {
		q.Words = []Word{{Text: digits}}
		return q, false, nil
	}
	office := who.Office
	if len(q.Offices) == 1 {
		office = q.Offices[0]
	}
	var labels []Label
	if office != "" && who.May(office) {
		if labels, err = d.Cases.Labels(ctx, office); err != nil {
			return q, false, err
		}
	}
	all := strings.Fields(folded)
	for _, text := range all[:min(len(all), 8)] {
		if len([]rune(text)) < 3 && len(all) > 1 {
			continue // an article, most likely
		}
		w := Word{Text: text}
		for _, n := range d.Lib().Needs() {
			if contains(d.Lib().Label("need."+n.ID, l), text) || text == strings.ToLower(n.ID) {
				w.Needs = append(w.Needs, n.ID)
			}
		}
		for _, label := range labels {
			if contains(label.Name, text) {
				w.Labels = append(w.Labels, label.ID)
			}
		}
		q.Words = append(q.Words, w)
	}
	if len(q.Words) == 0 {
		q.Words = []Word{{Text: folded}}
	}
	return q, looksLikeReference(typed), nil
}

// within reports whether a word of the name begins with text, which is folded.
func contains(name, text string) bool {
	return strings.Contains(" "+content.Fold(name), " "+text)
}

func looksLikeReference(typed string) bool {
	s := strings.NewReplacer(" ", "", "-", "").Replace(strings.ToUpper(typed))
	return len(s) == 8 && strings.Trim(s[:2], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && strings.ContainsAny(s[2:], "0123456789")
}

// Count counts the cases that each query selects among those the officer may see.
func (d *Desk) Count(ctx context.Context, who *Officer, queries []Query) ([]int, error) {
	queries = slices.Clone(queries)
	for i := range queries {
		if err := who.scope(&queries[i]); err != nil {
			return nil, err
		}
	}
	return d.Cases.Count(ctx, queries)
}

// scope holds a query to the offices that the officer may see.
func (o *Officer) scope(q *Query) error {
	if o.Role != RoleAdmin && len(q.Offices) == 0 {
		q.Offices = []string{o.Office}
	}
	for _, office := range q.Offices {
		if !o.May(office) {
			return fmt.Errorf("queue: %w", ErrForbidden)
		}
	}
	if o.Disabled {
		return fmt.Errorf("queue: %w", ErrForbidden)
	}
	return nil
}

// Labels lists the labels of an office.
func (d *Desk) Labels(ctx context.Context, who *Officer, office string) ([]Label, error) {
	if !who.May(office) {
		return nil, fmt.Errorf("labels: %w", ErrForbidden)
	}
	return d.Cases.Labels(ctx, office)
}

// DropLabel takes a label off every case of the office and its list; it belongs to who leads the office.
func (d *Desk) DropLabel(ctx context.Context, who *Officer, office string, id int64) error {
	if !who.Leads(office) {
		return fmt.Errorf("drop a label: %w", ErrForbidden)
	}
	return d.Cases.DropLabel(ctx, office, id)
}

// Tag puts exactly these labels of the office on a case, and one more that is named, made if need be. Whoever may see the
// case may.
func (d *Desk) Tag(ctx context.Context, who *Officer, id int64, labels []int64, more string) (*Case, error) {
	office, err := d.reach(ctx, who, id)
	if err != nil {
		return nil, err
	}
	known, err := d.Cases.Labels(ctx, office)
	if err != nil {
		return nil, err
	}
	for _, l := range labels {
		if !slices.ContainsFunc(known, func(k Label) bool { return k.ID == l }) {
			return nil, fmt.Errorf("a label of another office: %w", ErrInvalid)
		}
	}
	labels = slices.Clone(labels)
	if more = strings.Join(strings.Fields(more), " "); more != "" {
		same := slices.ContainsFunc(known, func(k Label) bool { return content.Fold(k.Name) == content.Fold(more) })
		if utf8.RuneCountInString(more) > MaxLabel || content.Fold(more) == "" || !utf8.ValidString(more) || len(known) >= MaxLabels && !same {
			return nil, fmt.Errorf("a label: %w", ErrInvalid)
		}
		l, err := d.Cases.AddLabel(ctx, office, more)
		if err != nil {
			return nil, err
		}
		labels = append(labels, l.ID)
	}
	slices.Sort(labels)
	return d.change(ctx, who, id, func(w *work) error {
		if w.c.Office != office {
			return w.overtaken()
		}
		w.c.Labels = slices.Compact(labels)
		return nil
	})
}

// reach is the office of a case that the officer may work on.
func (d *Desk) reach(ctx context.Context, who *Officer, id int64) (string, error) {
	office, err := d.Cases.OfficeOf(ctx, id)
	if err == nil && !who.May(office) {
		err = fmt.Errorf("a case of another office: %w", ErrForbidden)
	}
	return office, err
}

// MayOpen is an error where the officer may not see a case, or not any more.
func (d *Desk) MayOpen(ctx context.Context, who *Officer, id int64) error {
	_, err := d.reach(ctx, who, id)
	return err
}

// Canned lists the ready replies of an office.
func (d *Desk) Canned(ctx context.Context, who *Officer, office string) ([]Canned, error) {
	if !who.May(office) {
		return nil, fmt.Errorf("canned replies: %w", ErrForbidden)
	}
	return d.Cases.Canned(ctx, office)
}

// SaveCanned makes or changes a ready reply of an office; anybody of the office may.
func (d *Desk) SaveCanned(ctx context.Context, who *Officer, c Canned) error {
	if !who.May(c.Office) || d.Lib().Office(c.Office) == nil {
		return fmt.Errorf("save a canned reply: %w", ErrForbidden)
	}
	c.Name = strings.Join(strings.Fields(c.Name), " ")
	texts := content.Text{}
	for l, text := range c.Texts {
		text, err := words(text)
		if err != nil || !l.Known() {
			return fmt.Errorf("save a canned reply: %w", ErrInvalid)
		}
		if text != "" {
			texts[l] = text
		}
	}
	if c.Name == "" || utf8.RuneCountInString(c.Name) > MaxName || !utf8.ValidString(c.Name) || len(texts) == 0 {
		return fmt.Errorf("save a canned reply: %w", ErrInvalid)
	}
	if c.ID == 0 {
		if all, err := d.Cases.Canned(ctx, c.Office); err != nil {
			return err
		} else if len(all) >= MaxCanned {
			return fmt.Errorf("%d canned replies: %w", len(all), ErrInvalid)
		}
	}
	c.Texts, c.At, c.Officer = texts, d.Now(), who.ID
	return d.Cases.SaveCanned(ctx, &c)
}

// DropCanned removes a ready reply of an office.
func (d *Desk) DropCanned(ctx context.Context, who *Officer, office string, id int64) error {
	if !who.May(office) {
		return fmt.Errorf("drop a canned reply: %w", ErrForbidden)
	}
	return d.Cases.DropCanned(ctx, office, id)
}

// Fill puts what is known of the case into the placeholders of a text, in l. One of which nothing is known goes, with the
// space before it.
func (d *Desk) Fill(text string, who *Officer, c *Case, l content.Lang) string {
	values := map[string]string{"prenom": c.Answers["first-name"], "reference": c.Reference, "agent": who.First()}
	if o := d.Lib().Office(c.Office); o != nil {
		values["bureau"] = o.Name.In(l)
	}
	if values["prenom"] == flows.Declined {
		values["prenom"] = ""
	}
	for _, name := range Placeholders() {
		if values[name] == "" {
			text = strings.ReplaceAll(text, " {"+name+"}", "")
		}
		text = strings.ReplaceAll(text, "{"+name+"}", content.Escape(values[name]))
	}
	return text
}

// An Insert is something ready to be said: a canned reply, an answer or a structure of the base.
type Insert struct {
	ID    string // canned:12, answer:rpt.work or structure:cnss
	Kind  string // canned, answer or structure
	Title string
	Text  string // in the person's language, as it goes into the reply
}

// Inserts finds what could be said to the person of a case: with words, what they name, the office's own first; without,
// the office's replies, the answers to the case's need and the structures that serve it.
func (d *Desk) Inserts(ctx context.Context, who *Officer, id int64, typed string, ui content.Lang) (*Case, []Insert, error) {
	c, _, err := d.Open(ctx, who, id)
	if err != nil {
		return nil, nil, err
	}
	canned, err := d.Cases.Canned(ctx, c.Office)
	if err != nil {
		return nil, nil, err
	}
	said, lang, lib := strings.Fields(content.Fold(typed)), spoken(c), d.Lib()
	named := func(text string) bool {
		text = " " + content.Fold(text)
		return !slices.ContainsFunc(said, func(w string) bool { return !strings.Contains(text, " "+w) })
	}
	var list []Insert
	add := func(in Insert) {
		if in.Text != "" && !slices.ContainsFunc(list, func(o Insert) bool { return o.ID == in.ID }) {
			list = append(list, in)
		}
	}
	for _, r := range canned {
		if named(r.Name+" "+text(r.Texts, lang)) && len(list) < 8 {
			add(d.cannedInsert(r, who, c))
		}
	}
	before := len(list)
	for _, a := range d.answersFor(c, typed, ui) {
		if len(list)-before < 6 {
			add(Insert{ID: "answer:" + a.ID, Kind: "answer", Title: a.Title.In(ui), Text: a.Body.In(lang)})
		}
	}
	before = len(list)
	for _, s := range lib.Structures() {
		if len(list)-before < 6 && (len(said) > 0 && named(s.Name.In(ui)+" "+s.Name.In(lang)+" "+s.For.In(ui)) || len(said) == 0 && slices.Contains(s.Needs, c.Answers["need"])) {
			described, _ := flows.Describe(lib, &s, lang)
			add(Insert{ID: "structure:" + s.ID, Kind: "structure", Title: s.Name.In(ui), Text: described})
		}
	}
	return c, list, nil
}

// answersFor are the answers that typed asks for, or those to the case's need where nothing was typed.
func (d *Desk) answersFor(c *Case, typed string, ui content.Lang) (list []*content.Answer) {
	lib := d.Lib()
	if strings.TrimSpace(typed) == "" {
		for _, a := range lib.Answers() {
			if slices.Contains(a.Needs, c.Answers["need"]) && (len(a.Profiles) == 0 || slices.Contains(a.Profiles, c.Answers["profile"])) {
				list = append(list, a)
			}
		}
		return list
	}
	for _, hit := range lib.Find(content.Query{Text: typed, Lang: ui, Profile: c.Answers["profile"], Limit: 6}).Hits {
		if a := lib.Answer(hit.ID); a != nil {
			list = append(list, a)
		}
	}
	return list
}

// Inserted is one insert by its id, as it goes into a reply to the person of a case. ErrNotFound.
func (d *Desk) Inserted(ctx context.Context, who *Officer, c *Case, id string) (Insert, error) {
	if !who.May(c.Office) {
		return Insert{}, fmt.Errorf("insert: %w", ErrForbidden)
	}
	kind, of, _ := strings.Cut(id, ":")
	lang, lib := spoken(c), d.Lib()
	switch kind {
	case "canned":
		all, err := d.Cases.Canned(ctx, c.Office)
		if err != nil {
			return Insert{}, err
		}
		for _, r := range all {
			if itoa(r.ID) == of {
				return d.cannedInsert(r, who, c), nil
			}
		}
	case "answer":
		if a := lib.Answer(of); a != nil {
			return Insert{ID: id, Kind: kind, Title: a.Title.In(lang), Text: a.Body.In(lang)}, nil
		}
	case "structure":
		if s := lib.Structure(of); s != nil {
			described, _ := flows.Describe(lib, s, lang)
			return Insert{ID: id, Kind: kind, Title: s.Name.In(lang), Text: described}, nil
		}
	}
	return Insert{}, fmt.Errorf("insert: %w", ErrNotFound)
}

func (d *Desk) cannedInsert(r Canned, who *Officer, c *Case) Insert {
	lang := spoken(c)
	return Insert{ID: "canned:" + itoa(r.ID), Kind: "canned", Title: r.Name, Text: d.Fill(text(r.Texts, lang), who, c, lang)}
}

// text is a canned reply in a language its reader understands, or in any that there is.
func text(t content.Text, l content.Lang) string {
	if s := t.In(l); s != "" {
		return s
	}
	for _, any := range content.Langs() {
		if t[any] != "" {
			return t[any]
		}
	}
	return ""
}

// spoken is the language of the case's person.
func spoken(c *Case) content.Lang {
	if c.Lang.Known() {
		return c.Lang
	}
	return content.French
}

// Views lists the officer's saved views.
func (d *Desk) Views(ctx context.Context, who *Officer) ([]View, error) {
	return d.Cases.Views(ctx, who.ID)
}

// SaveView keeps a view for the officer.
func (d *Desk) SaveView(ctx context.Context, who *Officer, v View) error {
	v.Name = strings.Join(strings.Fields(v.Name), " ")
	all, err := d.Cases.Views(ctx, who.ID)
	switch {
	case err != nil:
		return err
	case !who.Works():
		return fmt.Errorf("save a view: %w", ErrForbidden)
	case v.Name == "" || utf8.RuneCountInString(v.Name) > MaxName || !utf8.ValidString(v.Name) || len(v.Query) > 500 || len(all) >= MaxViews:
		return fmt.Errorf("save a view: %w", ErrInvalid)
	}
	return d.Cases.SaveView(ctx, who.ID, v)
}

// DropView removes one of the officer's views.
func (d *Desk) DropView(ctx context.Context, who *Officer, id int64) error {
	if !who.Works() {
		return fmt.Errorf("drop a view: %w", ErrForbidden)
	}
	return d.Cases.DropView(ctx, who.ID, id)
}

// Draft is what the officer has begun to write in a case.
func (d *Desk) Draft(ctx context.Context, who *Officer, id int64) (string, error) {
	if _, err := d.reach(ctx, who, id); err != nil {
		return "", err
	}
	return d.Cases.Draft(ctx, id, who.ID)
}

// KeepDraft keeps what the officer has begun to write in a case.
func (d *Desk) KeepDraft(ctx context.Context, who *Officer, id int64, text string) error {
	if _, err := d.reach(ctx, who, id); err != nil {
		return err
	}
	if len(text) > 4*MaxReply || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return fmt.Errorf("a draft: %w", ErrInvalid)
	}
	if strings.TrimSpace(text) == "" {
		text = ""
	}
	return d.Cases.KeepDraft(ctx, id, who.ID, text)
}

// Pending lists the replies of a case that wait for their time.
func (d *Desk) Pending(ctx context.Context, who *Officer, id int64) ([]Pending, error) {
	if _, err := d.reach(ctx, who, id); err != nil {
		return nil, err
	}
	return d.Cases.Pending(ctx, id)
}

// TakeBack takes a reply back that has not gone yet: its writer's right, that of who holds the case by now, and that of who
// leads the office. What it said becomes the officer's draft again.
func (d *Desk) TakeBack(ctx context.Context, who *Officer, id, pending int64) error {
	seen, err := d.Cases.Queue(ctx, Query{ID: id})
	if err != nil {
		return err
	}
	if len(seen) == 0 {
		return fmt.Errorf("take a reply back: %w", ErrNotFound)
	}
	c := seen[0]
	if !who.May(c.Office) {
		return fmt.Errorf("take a reply back: %w", ErrForbidden)
	}
	list, err := d.Cases.Pending(ctx, id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(p Pending) bool { return p.ID == pending })
	if i < 0 {
		return fmt.Errorf("take a reply back: %w", ErrConflict)
	}
	if list[i].Officer != who.ID && c.Officer != who.ID && !who.Leads(c.Office) {
		return fmt.Errorf("take a reply back: %w", ErrForbidden)
	}
	p, err := d.Cases.Cancel(ctx, id, pending)
	if err != nil {
		return err
	}
	draft, err := d.Cases.Draft(ctx, id, who.ID)
	if err != nil || p.Message.Text == "" {
		return err
	}
	return d.Cases.KeepDraft(ctx, id, who.ID, strings.TrimSpace(p.Message.Text+"\n\n"+draft))
}

// Retry sends a failed line once more; whoever may answer the person may.
func (d *Desk) Retry(ctx context.Context, who *Officer, id, line int64) error {
	c, _, err := d.Open(ctx, who, id)
	if err != nil {
		return err
	}
	if c.State == StateClaimed && c.Officer != who.ID && !who.Leads(c.Office) {
		return &Overtaken{State: c.State, Holder: c.Holder}
	}
	return d.Cases.Retry(ctx, id, line)
}

// Absences lists who of an office is away, or will be.
func (d *Desk) Absences(ctx context.Context, who *Officer, office string) ([]Absence, error) {
	if !who.May(office) {
		return nil, fmt.Errorf("absences: %w", ErrForbidden)
	}
	return d.Cases.Absences(ctx, office, d.Now())
}

// SetAbsence says on which days an officer is away: anybody for themselves, who leads the office for its officers. An end
// that is zero says that they are back.
func (d *Desk) SetAbsence(ctx context.Context, who *Officer, a Absence) error {
	o, err := d.Cases.Officer(ctx, a.Officer)
	if err != nil {
		return err
	}
	if o.ID != who.ID && !who.manages(o) || who.Disabled {
		return fmt.Errorf("an absence: %w", ErrForbidden)
	}
	if !a.Until.IsZero() && (a.Until.Before(a.Since) || a.Until.Sub(a.Since) > 366*24*time.Hour || a.Until.Before(d.Now().AddDate(0, 0, -1))) {
		return fmt.Errorf("an absence: %w", ErrInvalid)
	}
	return d.Cases.SetAbsence(ctx, a)
}

// Away reports whether an officer cannot be reached today: on leave, or not an officer any more.
func (d *Desk) Away(ctx context.Context, id int64) (bool, error) {
	o, err := d.Cases.Officer(ctx, id)
	if err != nil || o.Disabled {
		return err == nil, err
	}
	all, err := d.Cases.Absences(ctx, o.Office, d.Now())
	return slices.ContainsFunc(all, func(a Absence) bool { return a.Officer == id && a.Holds(d.Now()) }), err
}

// Redistribute hands the cases that an officer holds to the colleagues of the office who are there, the one with the
// fewest first, those who speak the person's language before others; with nobody there they go back into the queue. It
// belongs to who leads the office, and to the officer. It returns how many found a new place.
func (d *Desk) Redistribute(ctx context.Context, who *Officer, from int64, note string) (n int, err error) {
	if note, err = words(note); err != nil {
		return 0, err
	}
	o, err := d.Cases.Officer(ctx, from)
	if err != nil {
		return 0, err
	}
	if o.ID != who.ID && !who.Leads(o.Office) || o.Office == "" {
		return 0, fmt.Errorf("redistribute: %w", ErrForbidden)
	}
	peers, load, err := d.present(ctx, o)
	if err != nil {
		return 0, err
	}
	list, err := d.Cases.Queue(ctx, Query{Offices: []string{o.Office}, Officer: from, Limit: 500})
	if err != nil {
		return 0, err
	}
	for _, c := range list {
		to := choose(peers, load, c.Lang)
		_, err := d.change(ctx, who, c.ID, func(w *work) error {
			if w.c.State != StateClaimed || w.c.Officer != from {
				return w.overtaken()
			}
			return w.hand(to, To{}, note)
		})
		if err != nil {
			return n, err
		}
		if to != nil {
			load[to.ID]++
		}
		n++
	}
	return n, nil
}

// present are the colleagues of an officer who work on the office's cases and are there today, with how many each holds.
func (d *Desk) present(ctx context.Context, o *Officer) (peers []Officer, load map[int64]int, err error) {
	all, err := d.Cases.Officers(ctx, o.Office)
	if err != nil {
		return nil, nil, err
	}
	load = map[int64]int{}
	for _, p := range all {
		if p.ID == o.ID || !p.May(o.Office) {
			continue
		}
		away, err := d.Away(ctx, p.ID)
		if err != nil {
			return nil, nil, err
		}
		if away {
			continue
		}
		held, err := d.Cases.Count(ctx, []Query{{Offices: []string{o.Office}, Officer: p.ID}})
		if err != nil {
			return nil, nil, err
		}
		peers, load[p.ID] = append(peers, p), held[0]
	}
	return peers, load, nil
}

// choose is the officer for a case of a language, or nil if there is none.
func choose(peers []Officer, load map[int64]int, l content.Lang) *Officer {
	var best *Officer
	speaks := func(o *Officer) bool { return slices.Contains(o.Langs, l) }
	for i := range peers {
		p := &peers[i]
		if best == nil || speaks(p) && !speaks(best) || speaks(p) == speaks(best) && load[p.ID] < load[best.ID] {
			best = p
		}
	}
	return best
}
