package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// A caseView is one case with its transcript and what may be done.
type caseView struct {
	Case     *bot.Case
	Lines    []lineView
	Facts    []fact
	Phone    string // as the person gave it, to call
	Mine     bool   // the officer holds it
	Handed   bool   // … by a colleague's hand, and has not answered yet
	MayReply bool
	Directs  bool // may release, hand over, close
	MayTake  bool // may take it from its holder
	Peers    []bot.Officer
	Offices  []content.Office // that another office can be proposed from
	MayAsk   bool             // the bot can ask the person
	Grounds  []string         // on which the case can go to another office at once
	Points   []point          // where the bot can go on
	Outcomes []string
	Places   []content.Structure // for an orientation, those that suit the need first
	Suits    int                 // how many of them do
	Langs    []content.Lang

	Draft      string        // what the officer has begun to write
	Seen       int64         // the newest line of the page
	Held       bool          // a reply was held back: something was said meanwhile
	Since      int64         // … after this line
	Labels     []bot.Label   // of the office
	Tags       []string      // names of those on the case
	Pending    []bot.Pending // replies that wait for their time
	Neighbours []neighbour
	HolderAway bool
	Away       map[int64]time.Time // colleagues who are away, until when
	Meeting    meetingForm

	Dossier dossierView
}

// Tagged reports whether a label is on the case.
func (v caseView) Tagged(id int64) bool { return slices.Contains(v.Case.Labels, id) }

// A point is where the bot can go on with the person.
type point struct{ ID, Label string }

// points are where the bot can go on with the person of a case.
func (c *Console) points(k *bot.Case, l content.Lang) (list []point) {
	for _, id := range flows.Points(c.Lib().Form(), k.Answers["profile"]) {
		list = append(list, point{ID: id, Label: c.Lib().Label(pointLabel(id), l)})
	}
	return list
}

// grounds are those on which an officer can give a case to another office at once.
func grounds(k *bot.Case, who *bot.Officer, mayAsk bool) (list []string) {
	if k.Urgent != "" {
		list = append(list, bot.GroundDanger)
	}
	if !mayAsk {
		list = append(list, bot.GroundSpoken)
	}
	if who.Leads(k.Office) {
		list = append(list, bot.GroundLaw)
	}
	return list
}

// A fact is one answer of the intake.
type fact struct {
	Label, Value string
	Own          bool // in the person's own words
}

// A lineView is a line of the transcript with what surrounds it.
type lineView struct {
	bot.Line
	Day     bool   // it is the first of its day
	Same    bool   // the line before it has the same author
	Pressed string // the words of the choice that was pressed
	Mime    string // of a file that can be shown in place
	Sort    string // audio, image, video or pdf
	New     bool   // it came while a reply was being written
}

// A linePart is what the template of one line is given.
type linePart struct {
	Case *bot.Case
	Line lineView
}

func (c *Console) casePage(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v, err := c.caseView(r, who)
	if err != nil {
		return err
	}
	if v.MayReply {
		if v.Draft, err = c.begun(r, who, v.Case); err != nil {
			return err
		}
	}
	c.presence.glance(v.Case.ID, who, c.Now())
	return c.render(w, r, who, http.StatusOK, "case", "console.case.title", v)
}

// caseLive is what can change on a case's page, alone.
func (c *Console) caseLive(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v, err := c.caseView(r, who)
	if err != nil {
		return err
	}
	return c.write(w, r, http.StatusOK, "case-live", v)
}

func (c *Console) caseEvents(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	if _, _, err := c.Desk.Open(r.Context(), who, id); err != nil {
		return err
	}
	changed, leave := c.presence.look(id, who)
	defer leave()
	return c.stream(w, r, who, feed{topics: []bot.Topic{bot.TopicCase(id)}, still: func() error {
		if err := c.stillIn(r, who); err != nil {
			return err
		}
		return c.Desk.MayOpen(r.Context(), who, id) // it may have gone to another office
	},
		presence: changed, neighbour: func() (string, error) { return c.neighbours(c.lang(r), id, who) }})
}

func caseID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("case"), 10, 64)
	if err != nil || id <= 0 {
		return 0, fmt.Errorf("case: %w", bot.ErrNotFound)
	}
	return id, nil
}

func (c *Console) caseView(r *http.Request, who *bot.Officer) (caseView, error) {
	id, err := caseID(r)
	if err != nil {
		return caseView{}, err
	}
	k, lines, err := c.Desk.Open(r.Context(), who, id)
	if err != nil {
		return caseView{}, err
	}
	l := c.lang(r)
	v := caseView{Case: k, Mine: k.State == bot.StateClaimed && k.Officer == who.ID, Outcomes: bot.Outcomes()}
	v.Handed = v.Mine && k.Claimed.IsZero()
	v.MayReply = !k.Erased && k.Via != "" && (v.Mine || k.State == bot.StateOpen)
	v.Directs = k.State == bot.StateOpen || v.Mine || k.State == bot.StateClaimed && who.Leads(k.Office)
	v.MayTake = k.State == bot.StateClaimed && !v.Mine && who.Leads(k.Office)
	v.Lines = c.lines(lines, l)
	v.Facts, v.Phone = c.facts(k, l)
	v.Meeting = c.meetingForm(k)
	if v.Directs {
		if v.Peers, err = c.Desk.Colleagues(r.Context(), who, k.Office); err != nil {
			return caseView{}, err
		}
		v.Offices = slices.DeleteFunc(slices.Clone(c.Lib().Offices()), func(o content.Office) bool { return o.ID == k.Office || !bot.Receives(&o) })
		v.MayAsk = !k.Erased && k.Channel != bot.Imported && k.Reachable
		v.Grounds, v.Points = grounds(k, who, v.MayAsk), c.points(k, l)
		v.Places, v.Suits = c.places(k, l)
	}
	if err := c.dossier(r, who, &v); err != nil {
		return caseView{}, err
	}
	return v, c.besides(r, who, &v)
}

// places are the structures of the directory, those for the need of the case first, each part by name.
func (c *Console) places(k *bot.Case, l content.Lang) (all []content.Structure, suits int) {
	all = slices.Clone(c.Lib().Structures())
	rank := func(s content.Structure) int {
		if slices.Contains(s.Needs, k.Answers["need"]) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b content.Structure) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.Name.In(l), b.Name.In(l))
	})
	for suits < len(all) && rank(all[suits]) == 0 {
		suits++
	}
	return all, suits
}

// facts are the intake's answers in the form's order.
func (c *Console) facts(k *bot.Case, l content.Lang) (facts []fact, phone string) {
	for _, f := range c.Lib().Form().Fields {
		value := k.Answers[f.ID]
		if value == "" || value == flows.Declined || f.ID == "need" {
			continue
		}
		shown := fact{Label: f.Label.In(l), Value: c.Lib().Value(f, value, l)}
		switch {
		case f.Kind == "words" || f.Kind == "name":
			shown.Own = true
		case f.ID == "profile":
			shown.Value = c.Lib().Label("console.profile."+value, l)
		}
		facts = append(facts, shown)
	}
	return facts, k.Answers["phone"]
}

// lines prepares a transcript for showing: the words of what was pressed are those that were offered.
func (c *Console) lines(lines []bot.Line, l content.Lang) []lineView {
	offered := map[string]string{}
	views := make([]lineView, 0, len(lines))
	var last time.Time
	for _, line := range lines {
		v := lineView{Line: line}
		at := line.At.In(c.Location)
		v.Day = last.IsZero() || at.YearDay() != last.YearDay() || at.Year() != last.Year()
		last = at
		if n := len(views); n > 0 && !v.Day {
			v.Same = views[n-1].Author == line.Author && views[n-1].Name == line.Name && line.Author != bot.ByNote
		}
		for _, o := range line.Choices {
			offered[o.ID] = o.Label
		}
		if line.Choice != "" {
			if v.Pressed = c.Lib().Label(line.Choice, l); v.Pressed == "" {
				v.Pressed = offered[line.Choice]
			}
			if v.Pressed == "" {
				if a := c.Lib().Answer(line.Choice); a != nil {
					v.Pressed = a.Title.In(l)
				} else {
					v.Pressed = line.Choice
				}
			}
		}
		if line.Media != nil {
			v.Mime, v.Sort = inPlace(line.Media.Mime)
		}
		views = append(views, v)
	}
	return views
}

// inPlace are the kinds of files that a browser shows without running anything in them; sort is audio, image, video
// or pdf.
func inPlace(declared string) (kind, sort string) {
	kind, _, err := mime.ParseMediaType(declared)
	if err != nil {
		return "", ""
	}
	switch kind {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		return kind, "image"
	case "audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/webm", "audio/wav", "audio/x-wav", "audio/amr", "audio/opus", "audio/x-m4a":
		return kind, "audio"
	case "video/mp4", "video/webm", "video/quicktime", "video/3gpp":
		return kind, "video"
	case "application/pdf":
		return kind, "pdf"
	}
	return "", ""
}

// media serves the file of a line, to whoever may read its case. What a browser could run is only ever downloaded.
func (c *Console) media(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	line, err := strconv.ParseInt(r.PathValue("line"), 10, 64)
	if err != nil {
		return fmt.Errorf("line: %w", bot.ErrNotFound)
	}
	m, err := c.Desk.Attachment(r.Context(), who, id, line)
	if err != nil {
		return err
	}
	if len(m.Data) == 0 {
		return fmt.Errorf("a file that is %s: %w", m.State, bot.ErrNotFound)
	}
	h := w.Header()
	how := "inline"
	kind, sort := inPlace(m.Mime)
	if kind == "" {
		kind, how = "application/octet-stream", "attachment"
	}
	name := m.Name
	if name == "" {
		name = strconv.FormatInt(line, 10)
		if exts, err := mime.ExtensionsByType(kind); err == nil && len(exts) > 0 && sort != "" {
			name += exts[0]
		}
	}
	if d := mime.FormatMediaType(how, map[string]string{"filename": path.Base(strings.ReplaceAll(name, `\`, "/"))}); d != "" {
		how = d
	}
	h.Set("Content-Disposition", how)
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "private, no-store")
	policy := "default-src 'none'; sandbox; frame-ancestors 'none'"
	if sort == "pdf" { // what the browser's own reader needs
		policy = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
	}
	h.Set("Content-Security-Policy", policy)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.Data))
	return nil
}

// act runs a change of a case that a form asked for, and goes back to its page.
func (c *Console) act(w http.ResponseWriter, r *http.Request, what string, do func(id int64) (*bot.Case, error)) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	if r.MultipartForm == nil {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	}
	if _, err := do(id); err != nil {
		return err
	}
	c.done(r, what)
	http.Redirect(w, r, "/console/cases/"+strconv.FormatInt(id, 10), http.StatusSeeOther)
	return nil
}

func (c *Console) claim(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "claim", func(id int64) (*bot.Case, error) { return c.Desk.Claim(r.Context(), who, id) })
}

func (c *Console) take(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "claim", func(id int64) (*bot.Case, error) { return c.Desk.Take(r.Context(), who, id) })
}

func (c *Console) release(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "release", func(id int64) (*bot.Case, error) { return c.Desk.Release(r.Context(), who, id) })
}

func (c *Console) propose(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "propose", func(id int64) (*bot.Case, error) {
		return c.Desk.Propose(r.Context(), who, id, r.FormValue("office"), r.FormValue("text"))
	})
}

func (c *Console) recall(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "recall", func(id int64) (*bot.Case, error) { return c.Desk.Recall(r.Context(), who, id) })
}

// giveBack lets the bot speak with the person again.
func (c *Console) giveBack(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "return", func(id int64) (*bot.Case, error) { return c.Desk.Return(r.Context(), who, id, r.FormValue("point")) })
}

func (c *Console) reopen(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "reopen", func(id int64) (*bot.Case, error) { return c.Desk.Reopen(r.Context(), who, id) })
}

func (c *Console) note(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "note", func(id int64) (*bot.Case, error) { return c.Desk.Note(r.Context(), who, id, r.FormValue("text")) })
}

func (c *Console) close(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "close", func(id int64) (*bot.Case, error) {
		how := bot.Closing{Outcome: r.FormValue("outcome"), Words: r.FormValue("text")}
		if how.Outcome == "oriented" {
			how.Structure = r.FormValue("structure")
		}
		return c.Desk.Close(r.Context(), who, id, how)
	})
}

// hand goes to the queue afterwards where the officer may not see the case any more.
func (c *Console) hand(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	id, err := caseID(r)
	if err != nil {
		return err
	}
	var to bot.To
	kind, value, _ := strings.Cut(r.FormValue("to"), ":")
	switch kind {
	case "officer":
		to.Officer, err = strconv.ParseInt(value, 10, 64)
	case "office":
		to.Office, to.Ground = value, r.FormValue("ground")
	}
	if err != nil {
		return fmt.Errorf("hand: %w", bot.ErrInvalid)
	}
	k, err := c.Desk.Hand(r.Context(), who, id, to, r.FormValue("text"))
	if err != nil {
		return err
	}
	c.done(r, "hand")
	if !who.May(k.Office) {
		http.Redirect(w, r, "/console/", http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r, "/console/cases/"+strconv.FormatInt(id, 10), http.StatusSeeOther)
	return nil
}

// reply sends words, a file, or both.
func (c *Console) reply(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	r.Body = http.MaxBytesReader(w, r.Body, bot.MaxMedia+1<<20)
	if err := r.ParseMultipartForm(bot.MaxMedia + 1<<20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		if big := (*http.MaxBytesError)(nil); errors.As(err, &big) {
			return errTooBig
		}
		return fmt.Errorf("reply: %w: %w", bot.ErrInvalid, err)
	}
	media, err := attached(r)
	if err != nil {
		return err
	}
	reply := bot.Reply{Text: r.FormValue("text"), Media: media}
	reply.Seen, _ = strconv.ParseInt(r.FormValue("seen"), 10, 64)
	what := "reply"
	if c.Desk.Undo > 0 {
		what = "soon"
	}
	if at := r.FormValue("at"); at != "" {
		if reply.At, err = time.ParseInLocation("2006-01-02T15:04", at, c.Location); err != nil {
			return fmt.Errorf("time: %w: %w", bot.ErrInvalid, err)
		}
		what = "later"
	}
	id, err := caseID(r)
	if err != nil {
		return err
	}
	err = c.act(w, r, what, func(id int64) (*bot.Case, error) { return c.Desk.Send(r.Context(), who, id, reply) })
	if passed := (*bot.Passed)(nil); errors.As(err, &passed) {
		return c.held(w, r, who, id, reply.Seen, reply.Text)
	}
	if err == nil {
		c.presence.types(id, who, c.Now(), false)
	}
	return err
}

// attached is the file of a reply's form, or nil. What it is is seen from its bytes, not believed.
func attached(r *http.Request) (*bot.Media, error) {
	file, header, err := r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("file: %w: %w", bot.ErrInvalid, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, bot.MaxMedia+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("file: %w", err)
	case len(data) > bot.MaxMedia:
		return nil, errTooBig
	case len(data) == 0 && header.Filename == "":
		return nil, nil
	}
	name := path.Base(strings.ReplaceAll(header.Filename, `\`, "/"))
	if !utf8.ValidString(name) || len(name) > 200 {
		name = "fichier" + path.Ext(name)
	}
	m := &bot.Media{Name: name, Size: int64(len(data)), Data: data, State: bot.MediaReady}
	m.Kind, m.Mime = sniff(data, header.Header.Get("Content-Type"), r.FormValue("voice") == "yes")
	if m.Seconds, err = strconv.Atoi(r.FormValue("seconds")); err != nil || m.Seconds < 0 || m.Seconds > 3600 {
		m.Seconds = 0
	}
	return m, nil
}

// sniff tells what a file is from its bytes; what was declared only decides between what they leave open. A recording
// of the browser's own is a voice note.
func sniff(data []byte, declared string, voice bool) (flows.Kind, string) {
	seen, _, err := mime.ParseMediaType(http.DetectContentType(data))
	if err != nil {
		seen = "application/octet-stream"
	}
	said, _, err := mime.ParseMediaType(declared)
	if err != nil {
		said = ""
	}
	switch {
	case seen == "application/ogg":
		seen = "audio/ogg"
	case seen == "video/webm" && (voice || said == "audio/webm"):
		seen = "audio/webm"
	case seen == "video/mp4" && (voice || strings.HasPrefix(said, "audio/")):
		seen = "audio/mp4"
	case (seen == "application/zip" || seen == "application/octet-stream") && strings.HasPrefix(said, "application/"):
		seen = said // office documents are zip files
	}
	switch kind, _, _ := strings.Cut(seen, "/"); {
	case voice && kind == "audio":
		return flows.Voice, seen
	case kind == "image":
		if shown, _ := inPlace(seen); shown != "" {
			return flows.Image, seen
		}
	case kind == "video":
		return flows.Video, seen
	}
	return flows.Document, seen
}
