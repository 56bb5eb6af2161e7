package webchat

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// shown is how many lines a page has at first; the older ones are a press away.
const shown = 40

// view is what the page shows.
type view struct {
	Lang     content.Lang
	Langs    []content.Option // the languages, by their own names
	Nonce    string
	CSS      template.CSS
	JS       template.JS
	Words    template.JS // the script's, as JSON
	Lines    []lineView
	Last     int64 // id of the last line, from which the script goes on
	Older    bool  // lines are left out at the top
	Key      string
	Invite   string // an invitation, on a page without a conversation
	Notice   string
	Trouble  bool // the transcript could not be read
	Draft    string
	Embedded bool
	Query    template.URL // what the addresses of this page carry on
	Exit     string
}

// Begin reports whether the page is the first one, that says who we are.
func (v view) Begin() bool { return len(v.Lines) == 0 && !v.Trouble }

// A notice is what the page has to say beside the conversation.
type notice struct {
	page   string // its id; empty: nothing
	status int
	draft  string // words that could not be taken, for the person to send again
}

// show is the page as it is loaded.
func (c *Chat) show(w http.ResponseWriter, r *http.Request) {
	n, query := notice{status: http.StatusOK}, r.URL.Query()
	if query.Get("left") != "" {
		n.page = "web.left"
	} else if l := content.Lang(query.Get("lang")); l.Known() {
		c.setCookie(w, langCookie, string(l), cookieTime)
	}
	c.render(w, r, n)
}

// render writes the page: the conversation if there is one, and what there is to say beside it.
func (c *Chat) render(w http.ResponseWriter, r *http.Request, n notice) {
	v := c.frame(r)
	v.Draft = n.draft
	if peer, ok := c.visitor(r); ok {
		switch lines, err := c.Journal.Transcript(r.Context(), peer, 0); {
		case errors.Is(err, bot.ErrNotFound):
			if n.page == "" {
				n.page = "web.gone"
			}
			for _, name := range []string{chatCookie, embeddedCookie} {
				c.setCookie(w, name, "", -1)
			}
		case err != nil:
			c.fail(r, "a transcript cannot be read", err)
			n.page, n.status, v.Trouble = "web.trouble", http.StatusServiceUnavailable, true
		default:
			c.fill(&v, lines, r.URL.Query().Get("all") != "")
			c.reached(peer, lines)
		}
	}
	if v.Begin() {
		v.Invite = c.invitation()
	}
	if n.page != "" {
		v.Notice = c.Lib().Page(n.page, v.Lang, nil)
	}
	var out bytes.Buffer
	if err := c.pages[v.Lang].ExecuteTemplate(&out, "page.html", v); err != nil {
		c.fail(r, "the page cannot be made", err)
		http.Error(w, c.Lib().Page("web.trouble", v.Lang, nil), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(v.Lang))
	h.Set("Vary", "Accept-Encoding, Accept-Language, Cookie")
	h.Set("Content-Security-Policy", c.policy(v))
	write(w, r, n.status, out.Bytes())
}

// policy lets the page use its own script, style, files and addresses, and nothing else.
func (c *Chat) policy(v view) string {
	ancestors := "'none'"
	if v.Embedded {
		ancestors = "'self'"
		switch {
		case len(c.Embedders) > 0:
			ancestors += " " + strings.Join(c.Embedders, " ")
		case c.https:
			ancestors += " https:"
		}
	}
	return "default-src 'none'; script-src 'nonce-" + v.Nonce + "'; style-src 'nonce-" + v.Nonce + "'; img-src 'self' data: blob:; media-src 'self'; " +
		"connect-src 'self'; form-action 'self' " + c.exitOrigin + "; base-uri 'none'; frame-ancestors " + ancestors
}

// frame is the page around a conversation.
func (c *Chat) frame(r *http.Request) view {
	l := c.lang(r)
	v := view{Lang: l, Nonce: c.random(), CSS: template.CSS(c.css), JS: template.JS(c.js), Key: c.random(), Embedded: embedded(r), Exit: c.Exit}
	if v.Embedded {
		v.Query = "?embedded=1"
	}
	for _, lang := range content.Langs() {
		v.Langs = append(v.Langs, c.Lib().Option("lang."+string(lang), l))
	}
	words := map[string]any{"max": bot.MaxMedia, "long": maxText}
	for key, page := range map[string]string{"offline": "offline", "large": "large", "tooLong": "long", "slow": "slow", "noMic": "nomic", "noPlace": "noplace"} {
		words[key] = c.Lib().Page("web."+page, l, nil)
	}
	for _, label := range []string{"sending", "sent", "waiting", "failed", "voice", "place", "kb", "mb"} {
		words[label] = c.Lib().Label("web."+label, l)
	}
	data, err := json.Marshal(words)
	if err != nil {
		panic(err) // texts and numbers always marshal
	}
	v.Words = template.JS(data)
	return v
}

// fill adds the lines, the newest only unless all are asked for, and opens the choices that are still to be made.
func (c *Chat) fill(v *view, lines []bot.Line, all bool) {
	if len(lines) > shown && !all {
		lines, v.Older = lines[len(lines)-shown:], true
	}
	for _, line := range lines {
		l := c.lineView(line, v.Lang)
		l.Query = v.Query
		v.Lines = append(v.Lines, l)
		v.Last = line.ID
	}
	for i := len(v.Lines) - 1; i >= 0 && v.Lines[i].Class != "me"; i-- {
		if l := &v.Lines[i]; len(l.Choices) > 0 {
			l.Open, l.Key, l.Last = true, v.Key, v.Last
			break
		}
	}
}

// lineView is one line as the page shows it.
type lineView struct {
	ID      int64
	Class   string // me, bot, officer
	Name    string
	Body    template.HTML
	Media   *mediaView
	Choices []content.Option
	Open    bool   // the choices are still to be made
	Key     string // of the open choices' form, with the last line of the page
	Last    int64
	Query   template.URL
	Time    string // as people say it
	ISO     string
	State   string
}

// mediaView is a file of a line.
type mediaView struct {
	Kind flows.Kind // how it is shown; empty: by a word
	URL  string
	Name string

	Length string // of a sound, as a clock shows it
}

func (c *Chat) lineView(l bot.Line, lang content.Lang) lineView {
	v := lineView{ID: l.ID, Class: string(l.Author), Choices: l.Choices, Time: c.clock(l.At, lang), ISO: l.At.UTC().Format(time.RFC3339)}
	switch l.Author {
	case bot.ByPerson:
		v.Class = "me"
		text := l.Text
		if l.Choice != "" {
			id := l.Choice[strings.LastIndexByte(l.Choice, '|')+1:]
			if text = c.Lib().Label(id, lang); text == "" {
				text = id
			}
		}
		v.Body = plain(text)
		v.State = c.Lib().Label("web.sent", lang)
	case bot.ByOfficer:
		v.Name, _, _ = strings.Cut(strings.TrimSpace(l.Name), " ")
		v.Body = content.HTML(l.Text)
	default:
		v.Body = content.HTML(l.Text)
	}
	if l.Author != bot.ByPerson && l.Status == bot.Failed {
		v.State = c.Lib().Label("web.failed", lang)
	}
	if l.Erased {
		v.Body = template.HTML("<p><em>" + template.HTMLEscapeString(c.Lib().Label("web.erased", lang)) + "</em></p>")
		v.Choices = nil
		return v
	}
	if l.Kind == flows.Location {
		v.Media = &mediaView{Kind: flows.Location, Name: c.Lib().Label("web.place", lang)}
	}
	if l.Media != nil {
		v.Media = c.mediaView(l, lang)
	}
	return v
}

func (c *Chat) mediaView(l bot.Line, lang content.Lang) *mediaView {
	switch l.Media.State {
	case bot.MediaReady:
	case bot.MediaErased:
		return &mediaView{Name: c.Lib().Label("web.erased", lang)}
	case bot.MediaLost:
		return &mediaView{Name: c.Lib().Label("web.lost", lang)}
	default:
		return &mediaView{Name: c.Lib().Label("web.wanted", lang)}
	}
	m := &mediaView{Kind: l.Kind, URL: fmt.Sprintf("/chat/media/%d", l.ID), Name: l.Media.Name}
	if m.Name == "" {
		m.Name = c.Lib().Label("kind."+string(l.Kind), lang)
	}
	if n := l.Media.Seconds; n > 0 {
		m.Length = fmt.Sprintf("%d:%02d", n/60, n%60)
	}
	if !inline(l.Media.Mime) {
		m.Kind = flows.Document
	}
	return m
}

// clock is when something was said, as people say it: the time, and the day if it was not today.
func (c *Chat) clock(at time.Time, lang content.Lang) string {
	now := c.Now()
	at = at.In(now.Location())
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	switch {
	case day(at) == day(now):
		return at.Format("15:04")
	case day(at) == day(now.AddDate(0, 0, -1)):
		return c.Lib().Label("web.yesterday", lang) + " " + at.Format("15:04")
	case at.Year() == now.Year():
		return at.Format("02/01 15:04")
	}
	return at.Format("02/01/2006 15:04")
}

// plain is a person's words: text, never markup.
func plain(s string) template.HTML {
	if s == "" {
		return ""
	}
	return template.HTML(`<p dir="auto">` + strings.ReplaceAll(template.HTMLEscapeString(s), "\n", "<br>") + "</p>")
}

// write sends a page, compressed where the browser takes it. Nothing that a stranger chooses is on it beside secrets.
func write(w http.ResponseWriter, r *http.Request, status int, data []byte) {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(status)
		w.Write(data)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := gzip.NewWriter(w)
	z.Write(data)
	z.Close()
}
