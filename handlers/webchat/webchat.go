// Package webchat is the public chat page: one small page that works on a phone on a slow network, in Arabic from right
// to left, and without script by reloading.
//
// A conversation belongs to a random id in a signed cookie. What a person sends is acknowledged only after it is filed
// durably, under a key the page chose, so that sending again is harmless. The transcript is the mailbox: the page asks
// for the lines after the last one it has, by server-sent events, and loses or repeats none over any reconnection.
package webchat

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

//go:embed templates static
var files embed.FS

// Config is what the chat needs.
type Config struct {
	Journal   bot.Journal
	Lib       *content.Library
	Secret    []byte // signs the cookie
	PublicURL string // https makes the cookie Secure and lets other sites embed the page
	Log       *slog.Logger
	Now       func() time.Time // in the offices' time zone
	Limits    Limits           // zero: DefaultLimits
}

// Chat is the page and its channel. It implements bot.Messenger.
type Chat struct {
	Config
	key     []byte
	pages   map[content.Lang]*template.Template
	css, js string
	limits  *limiter
	https   bool
}

var _ bot.Messenger = (*Chat)(nil)

// New makes the chat.
func New(c Config) (*Chat, error) {
	mac := hmac.New(sha256.New, c.Secret)
	mac.Write([]byte("baom web chat cookie"))
	ch := &Chat{Config: c, pages: map[content.Lang]*template.Template{}, key: mac.Sum(nil), https: strings.HasPrefix(c.PublicURL, "https://")}
	if ch.Limits == (Limits{}) {
		ch.Limits = DefaultLimits()
	}
	ch.limits = newLimiter(ch.Limits, c.Now)
	for name, into := range map[string]*string{"static/chat.css": &ch.css, "static/chat.js": &ch.js} {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("web chat: %w", err)
		}
		*into = string(data)
	}
	for _, l := range content.Langs() {
		page, err := template.New("page.html").Funcs(ch.funcs(l)).ParseFS(files, "templates/*.html")
		if err != nil {
			return nil, fmt.Errorf("web chat: %w", err)
		}
		ch.pages[l] = page
	}
	return ch, nil
}

func (c *Chat) funcs(l content.Lang) template.FuncMap {
	return template.FuncMap{
		"label": func(id string) string { return c.Lib.Label(id, l) },
		"page":  func(id string) string { return c.Lib.Page(id, l, nil) },
		"html":  content.HTML,
		"after": func(id string) string { _, v, _ := strings.Cut(id, "."); return v },
	}
}

// Channel implements bot.Messenger.
func (c *Chat) Channel() bot.Channel { return bot.Web }

// Run implements bot.Messenger. What arrives comes through the pages, which file it themselves.
func (c *Chat) Run(ctx context.Context, _ func(context.Context, bot.Entry) error) error {
	<-ctx.Done()
	return nil
}

// Send implements bot.Messenger. The transcript is the mailbox, and the page reads it when it is there.
func (c *Chat) Send(_ context.Context, m bot.Message) (string, error) {
	return fmt.Sprintf("web:%d", m.ID), nil
}

// Open implements bot.Messenger: files come with their message and are never fetched later.
func (c *Chat) Open(context.Context, bot.Media) (io.ReadCloser, error) {
	return nil, &bot.SendError{Permanent: true, Why: "fichier introuvable", Err: errors.New("the page keeps no files")}
}

// Handler serves the page at / and everything of it below /chat/.
func (c *Chat) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.serve)
	mux.HandleFunc("GET /chat/events", c.events)
	mux.HandleFunc("GET /chat/lines", c.lines)
	mux.HandleFunc("GET /chat/media/{line}", c.media)
	mux.HandleFunc("GET /embed.js", c.embed)
	mux.HandleFunc("POST /chat/send", c.send)
	mux.HandleFunc("POST /chat/leave", c.leave)
	guard := http.NewCrossOriginProtection()
	return guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Permissions-Policy", "microphone=(self), geolocation=(self), camera=()")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		mux.ServeHTTP(w, r)
	}))
}

const cookieName = "baom_chat"

// visitor is the peer whose cookie a request carries; ok is false without a good one.
func (c *Chat) visitor(r *http.Request) (bot.Peer, bool) {
	cookie, err := r.Cookie(c.cookieName(cookieName))
	if err != nil {
		return bot.Peer{}, false
	}
	id, mac, ok := strings.Cut(cookie.Value, ".")
	if !ok || len(id) != 32 || !hmac.Equal([]byte(mac), []byte(c.sign(id))) {
		return bot.Peer{}, false
	}
	return bot.Peer{Channel: bot.Web, ID: id}, true
}

func (c *Chat) sign(id string) string {
	m := hmac.New(sha256.New, c.key)
	m.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}

// cookieName adds the prefix that ties a cookie to this host over https.
func (c *Chat) cookieName(name string) string {
	if c.https {
		return "__Host-" + name
	}
	return name
}

func (c *Chat) setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	k := &http.Cookie{Name: c.cookieName(name), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if c.https { // so that a commune's site can embed the page; posts are guarded by CrossOriginProtection
		k.Secure, k.SameSite, k.Partitioned = true, http.SameSiteNoneMode, true
	}
	http.SetCookie(w, k)
}

// newVisitor makes a peer and gives the browser its cookie.
func (c *Chat) newVisitor(w http.ResponseWriter) bot.Peer {
	var b [16]byte
	rand.Read(b[:])
	id := hex.EncodeToString(b[:])
	c.setCookie(w, cookieName, id+"."+c.sign(id), 90*24*3600)
	return bot.Peer{Channel: bot.Web, ID: id}
}

// lang is the language of the page around the conversation: the one chosen in it, else the browser's.
func (c *Chat) lang(r *http.Request) content.Lang {
	if l := content.Lang(r.URL.Query().Get("lang")); l.Known() {
		return l
	}
	if k, err := r.Cookie(c.cookieName("baom_lang")); err == nil && content.Lang(k.Value).Known() {
		return content.Lang(k.Value)
	}
	matcher := language.NewMatcher([]language.Tag{language.French, language.Arabic, language.English, language.Spanish})
	tags, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	_, i, sure := matcher.Match(tags...)
	if sure == language.No {
		return content.French
	}
	return []content.Lang{content.French, content.Arabic, content.English, content.Spanish}[i]
}

// view is what the page shows.
type view struct {
	Lang     content.Lang
	Nonce    string
	CSS      template.CSS
	JS       template.JS
	Words    template.JS
	Lines    []lineView
	Last     int64
	Start    []content.Option
	Fresh    string
	Notice   string
	Embedded bool
}

func (c *Chat) serve(w http.ResponseWriter, r *http.Request) {
	c.render(w, r, "", http.StatusOK)
}

// render writes the page, with a notice if something was wrong.
func (c *Chat) render(w http.ResponseWriter, r *http.Request, notice string, status int) {
	l := c.lang(r)
	var nonce [16]byte
	rand.Read(nonce[:])
	v := view{Lang: l, Nonce: base64.RawURLEncoding.EncodeToString(nonce[:]), CSS: template.CSS(c.css), JS: template.JS(c.js), Notice: notice,
		Fresh: rand.Text(), Embedded: r.URL.Query().Get("embedded") != ""}
	for _, lang := range content.Langs() {
		v.Start = append(v.Start, content.Option{ID: "lang." + string(lang), Label: lang.Name()})
	}
	words, err := json.Marshal(map[string]string{"offline": c.Lib.Page("web.offline", l, nil), "slow": c.Lib.Page("web.slow", l, nil), "large": c.Lib.Page("web.large", l, nil),
		"sending": c.Lib.Label("web.sending", l), "sent": c.Lib.Label("web.sent", l), "failed": c.Lib.Label("web.failed", l), "file": c.Lib.Label("web.file", l),
		"voice": c.Lib.Label("web.voice", l), "place": c.Lib.Label("web.place", l)})
	if err != nil {
		c.fail(w, r, err)
		return
	}
	v.Words = template.JS(words)
	if peer, ok := c.visitor(r); ok {
		lines, err := c.Journal.Transcript(r.Context(), peer, 0)
		if err != nil && !errors.Is(err, bot.ErrNotFound) {
			c.fail(w, r, err)
			return
		}
		for _, line := range lines {
			v.Lines = append(v.Lines, c.lineView(line, l))
			v.Last = line.ID
		}
	}
	var out bytes.Buffer
	if err := c.pages[l].ExecuteTemplate(&out, "page.html", v); err != nil {
		c.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(l))
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding, Accept-Language, Cookie")
	ancestors := "'self'"
	if c.https {
		ancestors = "https:"
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+v.Nonce+"'; style-src 'nonce-"+v.Nonce+"'; img-src 'self' data:; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "+ancestors)
	write(w, r, status, out.Bytes())
}

// write sends a page, compressed where the browser takes it.
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

func (c *Chat) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		c.Log.Error("web chat", "path", r.URL.Path, "error", err)
	}
	http.Error(w, c.Lib.Page("web.sorry", c.lang(r), nil), http.StatusServiceUnavailable)
}

func (c *Chat) embed(w http.ResponseWriter, r *http.Request) {
	data, err := files.ReadFile("static/embed.js")
	if err != nil {
		c.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Write(data)
}

// leave makes this device forget the conversation; the office keeps it.
func (c *Chat) leave(w http.ResponseWriter, r *http.Request) {
	c.setCookie(w, cookieName, "", -1)
	c.setCookie(w, "baom_lang", "", -1)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// lineView is one line as the page shows it.
type lineView struct {
	ID      int64
	Class   string // me, bot, officer
	Name    string
	Body    template.HTML
	Media   *mediaView
	Choices []content.Option
	Time    string
	ISO     string
	State   string
}

type mediaView struct {
	Kind flows.Kind
	URL  string // empty while the file is not at hand
	Name string
}

func (c *Chat) lineView(l bot.Line, lang content.Lang) lineView {
	v := lineView{ID: l.ID, Class: string(l.Author), Choices: l.Choices, Time: l.At.In(c.Now().Location()).Format("15:04"), ISO: l.At.UTC().Format(time.RFC3339)}
	switch l.Author {
	case bot.ByPerson:
		v.Class = "me"
		text := l.Text
		if l.Choice != "" {
			text = c.Lib.Label(l.Choice, lang)
		}
		v.Body = plain(text)
		v.State = c.Lib.Label("web.sent", lang)
	case bot.ByOfficer:
		v.Name, _, _ = strings.Cut(l.Name, " ")
		v.Name += " · " + c.Lib.Label("web.officer", lang)
		fallthrough
	default:
		v.Body = content.HTML(l.Text)
		if l.Status == bot.Failed {
			v.State = c.Lib.Label("web.failed", lang)
		}
	}
	if l.Erased {
		v.Body = template.HTML("<em>" + template.HTMLEscapeString(c.Lib.Label("web.erased", lang)) + "</em>")
		v.Choices = nil
	}
	if l.Kind == flows.Location && !l.Erased {
		v.Body = plain(c.Lib.Label("kind.location", lang))
	}
	if m := l.Media; m != nil && !l.Erased {
		v.Media = &mediaView{Kind: l.Kind, Name: m.Name}
		if v.Media.Name == "" {
			v.Media.Name = c.Lib.Label("kind."+string(l.Kind), lang)
		}
		switch m.State {
		case bot.MediaReady:
			v.Media.URL = fmt.Sprintf("/chat/media/%d", l.ID)
		case bot.MediaLost:
			v.Media.Kind, v.Media.Name = "", c.Lib.Label("web.lost", lang)
		default:
			v.Media.Kind, v.Media.Name = "", c.Lib.Label("web.wanted", lang)
		}
	}
	return v
}

// plain is a person's words: text, never markup.
func plain(s string) template.HTML {
	if s == "" {
		return ""
	}
	return template.HTML(`<p dir="auto">` + strings.ReplaceAll(template.HTMLEscapeString(s), "\n", "<br>") + "</p>")
}

// kindOf is what kind of thing a type of file is; ok is false for types that are not taken.
func kindOf(mime string) (flows.Kind, bool) {
	base, _, _ := strings.Cut(mime, ";")
	switch {
	case slices.Contains([]string{"image/jpeg", "image/png", "image/gif", "image/webp"}, base):
		return flows.Image, true
	case strings.HasPrefix(base, "audio/"), base == "application/ogg":
		return flows.Voice, true
	case strings.HasPrefix(base, "video/"):
		return flows.Video, true
	case base == "application/pdf", base == "application/zip", base == "text/plain":
		return flows.Document, true
	}
	return "", false
}
