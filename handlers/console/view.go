package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"baom/bot"
	"baom/content"
)

// tongues are the languages of the interface, as offered.
func tongues() []content.Lang { return []content.Lang{content.French, content.Arabic, content.English} }

// A page is what every template is given: who looks at it, where, and in View what the page is about.
type page struct {
	Who   *bot.Officer  // nil before log-in
	Title string        // id of its words
	Name  string        // of the template
	Path  string        // to come back to
	Done  string        // what has just been done
	Alarm bot.LinkState // of WhatsApp's link, where who looks must do something
	Phone bool          // who looks after WhatsApp's link
	View  any
	Body  template.HTML // the page's own template, already made; empty: the layout names it
}

// Tongues are the languages of the interface.
func (page) Tongues() []content.Lang { return tongues() }

// Dossier reports whether the page shows how a case goes on: it has a style sheet of its own.
func (p page) Dossier() bool { return slices.Contains([]string{"case", "checklist", "walkin"}, p.Name) }

// Manages reports whether who looks at the page manages officers.
func (p page) Manages() bool { return p.Who != nil && p.Who.Leads(p.Who.Office) }

// Works reports whether who looks at the page works on people's cases.
func (p page) Works() bool { return p.Who != nil && p.Who.Works() }

// Administers reports whether who looks at the page is an administrator.
func (p page) Administers() bool { return p.Who != nil && p.Who.Role == bot.RoleAdmin }

// lang is the language of the interface for a request: the one chosen on this device, or what its browser asks for.
func (c *Console) lang(r *http.Request) content.Lang {
	if cookie, err := r.Cookie(c.cookie("lang")); err == nil && slices.Contains(tongues(), content.Lang(cookie.Value)) {
		return content.Lang(cookie.Value)
	}
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err == nil {
		for _, tag := range wanted {
			base, _ := tag.Base()
			if l := content.Lang(base.String()); slices.Contains(tongues(), l) {
				return l
			}
		}
	}
	return content.French
}

func (c *Console) setLang(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	l := content.Lang(r.FormValue("lang"))
	if !slices.Contains(tongues(), l) {
		return fmt.Errorf("language: %w", bot.ErrInvalid)
	}
	http.SetCookie(w, &http.Cookie{Name: c.cookie("lang"), Value: string(l), Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, Secure: c.https, SameSite: http.SameSiteLaxMode})
	back := local(r.FormValue("back"))
	if u, err := url.Parse(r.FormValue("back")); err == nil && u.Path == "/console/login" {
		back = "/console/login?next=" + url.QueryEscape(local(u.Query().Get("next")))
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}

// render writes a whole page. Nothing is written if the template fails.
func (c *Console) render(w http.ResponseWriter, r *http.Request, who *bot.Officer, status int, name, title string, view any) error {
	p := page{Who: who, Title: title, Name: name, Path: r.URL.RequestURI(), View: view, Alarm: c.alarm(r.Context(), who), Phone: c.Phone != nil && who != nil && who.Role == bot.RoleAdmin}
	if who != nil && status == http.StatusOK {
		p.Done = c.sessions.PopString(r.Context(), keyDone)
	}
	if slices.Contains(ownPages, name) {
		var b bytes.Buffer
		if err := c.templates[c.lang(r)].ExecuteTemplate(&b, name, p); err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
		p.Body = template.HTML(b.String())
	}
	return c.write(w, r, status, "layout", p)
}

// ownPages are the pages of the register, the figures, the imports and the appointments: they have a style sheet of their own.
var ownPages = []string{"register", "figures", "imports", "import", "meetings", "meeting-sure", "audit"}

func (c *Console) write(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	var b bytes.Buffer
	if err := c.templates[c.lang(r)].ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a reader that is gone is no fault of ours
	return nil
}

// parse reads the templates once for each language, with its words bound to them.
func (c *Console) parse() (map[content.Lang]*template.Template, error) {
	all := map[content.Lang]*template.Template{}
	for _, l := range tongues() {
		t, err := template.New("").Funcs(c.funcs(l)).ParseFS(files, "templates/*.html")
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		all[l] = t
	}
	return all, nil
}

func (c *Console) funcs(l content.Lang) template.FuncMap {
	w := wording{lib: c.Lib, lang: l, now: func() time.Time { return c.Now().In(c.Location) }, in: c.Location}
	return template.FuncMap{
		"t": w.text, "label": w.label, "ago": w.ago, "since": w.since, "exact": w.exact, "clock": w.clock, "day": w.day, "date": w.date, "size": w.size, "length": w.length,
		"office": w.office, "event": w.event,
		"lang": func() content.Lang { return l }, "dir": l.Dir,
		"asset":    func(name string) string { return "/console/static/" + c.assets[name].version + "/" + name },
		"markdown": content.HTML,
		"iso":      func(t time.Time) string { return t.In(c.Location).Format(time.RFC3339) },
		"near":     w.near,
		"month":    func(t time.Time) string { return t.Format("01/2006") },
		"coords":   func(lat, lon float64) string { return fmt.Sprintf("%.5f, %.5f", lat, lon) },
		"pair":     func(k *bot.Case, l lineView) linePart { return linePart{k, l} },
		"dict":     dict,
		"maxwords": func() int { return bot.MaxReply },
		"foldable": less, "span": w.span, "mark": w.mark,
		"page": func(id string) string { return c.Lib().Page(id, l, nil) },
		"demo": func() bool { return c.Demo },
		"due":  func(k bot.Case) bool { return k.Due(c.Now()) },
		"inc":  func(i int) int { return i + 1 },
	}
}

// dict is what a template of a part is given: names and values in turn.
func dict(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}

// wording says things in the language of the interface.
type wording struct {
	lib  func() *content.Library
	lang content.Lang
	now  func() time.Time
	in   *time.Location
}

// text is the label or page of an id, as plain text, with its slots given as names and values in turn.
func (w wording) text(id string, slots ...any) (string, error) {
	if s := w.lib().Label(id, w.lang); s != "" && len(slots) == 0 {
		return s, nil
	}
	values := map[string]string{}
	for i := 0; i+1 < len(slots); i += 2 {
		values[fmt.Sprint(slots[i])] = fmt.Sprint(slots[i+1])
	}
	s := content.Plain(w.lib().Page(id, w.lang, values))
	if s == "" {
		return "", fmt.Errorf("no words for %q in %s", id, w.lang)
	}
	return strings.TrimSpace(s), nil
}

// label is the label of an option, need, profile …, or the page of that id; the id itself where there is neither.
func (w wording) label(id string) string {
	if s, err := w.text(id); err == nil {
		return s
	}
	return id
}

func (w wording) office(id string) string {
	if o := w.lib().Office(id); o != nil {
		return o.Name.In(w.lang)
	}
	return id
}

// ago is how long ago something was, as people say it.
func (w wording) ago(t time.Time) (string, error) {
	now, t := w.now(), t.In(w.in)
	since := now.Sub(t)
	switch {
	case since < time.Minute:
		return w.text("console.ago.now")
	case since < time.Hour:
		return w.text("console.ago.minutes", "n", int(since.Minutes()))
	case days(t, now) == 0 || since < 6*time.Hour:
		return w.text("console.ago.hours", "n", int(since.Hours()))
	case days(t, now) == 1:
		return w.text("console.ago.yesterday", "time", t.Format("15:04"))
	case days(t, now) < 60:
		return w.text("console.ago.days", "n", days(t, now))
	}
	return w.date(t)
}

// since is for how long something has lasted.
func (w wording) since(t time.Time) (string, error) {
	switch d := w.now().Sub(t); {
	case d < time.Minute:
		return w.text("console.since.now")
	case d < time.Hour:
		return w.text("console.since.minutes", "n", int(d.Minutes()))
	case d < 48*time.Hour:
		return w.text("console.since.hours", "n", int(d.Hours()))
	default:
		return w.text("console.since.days", "n", int(d.Hours()/24))
	}
}

// days is how many midnights lie between two times of the same zone.
func days(from, to time.Time) int {
	a := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
	b := time.Date(to.Year(), to.Month(), to.Day(), 0, 0, 0, 0, time.UTC)
	return int(b.Sub(a).Hours() / 24)
}

func (w wording) clock(t time.Time) string { return t.In(w.in).Format("15:04") }

// date is a day with its month and, unless it is this one, its year.
func (w wording) date(t time.Time) (string, error) {
	t = t.In(w.in)
	year := ""
	if t.Year() != w.now().Year() {
		year = " " + strconv.Itoa(t.Year())
	}
	month, err := w.text("console.month." + strconv.Itoa(int(t.Month())))
	return strconv.Itoa(t.Day()) + " " + month + year, err
}

// exact is a day and a time.
func (w wording) exact(t time.Time) (string, error) {
	date, err := w.date(t)
	return date + " " + w.clock(t), err
}

// day is a day as a heading.
func (w wording) day(t time.Time) (string, error) {
	t = t.In(w.in)
	switch days(t, w.now()) {
	case 0:
		return w.text("console.today")
	case 1:
		return w.text("console.yesterday")
	}
	weekday, err := w.text("console.weekday." + strconv.Itoa(int(t.Weekday())))
	date, err1 := w.date(t)
	return weekday + " " + date, errors.Join(err, err1)
}

// size is the size of a file.
func (w wording) size(n int64) (string, error) {
	if n < 1_000_000 {
		return w.text("console.size.kb", "n", max(1, n/1000))
	}
	return w.text("console.size.mb", "n", strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64))
}

// length is how long a recording is.
func (wording) length(seconds int) string { return fmt.Sprintf("%d:%02d", seconds/60, seconds%60) }

// near says which office a place is near to.
func (w wording) near(lat, lon float64) (string, error) {
	o, km := w.lib().NearestOffice(lat, lon)
	if o == nil {
		return "", nil
	}
	return w.text("console.near", "km", int(km+0.5), "office", o.Name.In(w.lang))
}

// event is the sentence of something that happened to a case.
func (w wording) event(line bot.Line) (string, error) {
	id := "console.event." + line.Event
	name := line.Name
	slots := []any{"officer", name}
	switch line.Event {
	case "handed":
		to := line.Slots["officer"]
		if to == "" {
			to = w.office(line.Slots["office"])
		}
		slots = append(slots, "to", to)
		if ground := line.Slots["ground"]; ground != "" {
			id += ".at-once"
			slots = append(slots, "ground", w.label("console.ground."+ground))
		}
	case "proposed":
		slots = append(slots, "to", w.office(line.Slots["office"]), "reason", line.Slots["reason"])
	case "agreed", "kept", "lapsed":
		slots = []any{"to", w.office(line.Slots["office"]), "from", w.office(line.Slots["from"])}
	case "returned":
		slots = append(slots, "point", w.label(pointLabel(line.Slots["to"])))
	case "closed":
		slots = append(slots, "outcome", w.label("console.outcome."+line.Slots["outcome"]))
		if s := w.lib().Structure(line.Slots["structure"]); s != nil {
			id += ".structure"
			slots = append(slots, "structure", s.Name.In(w.lang))
		}
	case "urgent":
		kind := line.Slots["kind"]
		if kind == "" {
			kind = line.Slots["urgent"]
		}
		slots = []any{"kind", w.label("console.danger." + kind)}
	case "meeting":
		id += "." + line.Slots["how"]
		at, err := time.Parse(time.RFC3339, line.Slots["at"])
		if err != nil {
			return line.Event, nil
		}
		when, err := w.exact(at)
		if err != nil {
			return "", err
		}
		slots = append(slots, "when", when)
	case "received":
		id += "." + line.Slots["how"]
	case "stage":
		slots = append(slots, "stage", w.label("console.stage."+line.Slots["stage"]))
	case "promised", "done", "undone", "dropped":
		if line.Slots["doer"] == bot.DoerOffice {
			id += ".office"
		}
		slots = append(slots, "what", line.Slots["what"])
	case "listed":
		slots = append(slots, "n", line.Slots["n"])
	case "rated":
		slots = []any{"score", line.Slots["score"]}
	default:
		if !w.lib().HasPage(id) && w.lib().Label(id, w.lang) == "" {
			return line.Event, nil
		}
	}
	if s := w.lib().Label(id, w.lang); s != "" {
		return s, nil
	}
	return w.text(id, slots...)
}

// pointLabel is the label of where the bot goes on: a question of the form, or the menu, the survey, the intake.
func pointLabel(id string) string {
	if strings.HasPrefix(id, "field.") {
		return id
	}
	return "console.point." + id
}

// An asset is a file that never changes under its name.
type asset struct {
	version       string
	kind          string
	plain, zipped []byte
}

// spare is what a style sheet is as good without: its notes, and the space around what parts it.
var spare = regexp.MustCompile(`(?s)/\*.*?\*/|\s*([{};,])\s*`)

func readAssets() (map[string]asset, error) {
	all := map[string]asset{}
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		if path.Ext(name) == ".css" {
			data = spare.ReplaceAll(data, []byte("$1"))
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(data); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		kind := mime.TypeByExtension(path.Ext(name))
		if kind == "" {
			kind = "text/plain; charset=utf-8"
		}
		all[path.Base(name)] = asset{version: hex.EncodeToString(sum[:6]), kind: kind, plain: data, zipped: b.Bytes()}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return all, nil
}

func (c *Console) static(w http.ResponseWriter, r *http.Request) {
	a, ok := c.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	if r.PathValue("version") == a.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}
