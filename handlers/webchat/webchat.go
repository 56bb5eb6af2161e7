// Package webchat is the public chat page: one small page that works on a phone on a slow network, in Arabic from right
// to left, and without script by reloading.
//
// A conversation belongs to a random id in a signed cookie; opening the page opens none, only writing or pressing does.
// What a person sends is acknowledged only after it is filed durably, under a key the page chose, so that sending again
// is harmless: until then the page keeps it and says so.
//
// The transcript is the mailbox. Its lines have ids that only grow, the page knows the last one it has, and asks for
// what follows: by server-sent events, by a request that waits, or by being loaded again. Whichever way, and over any
// reconnection, it loses and repeats nothing, and nothing about a page has to be kept between two requests.
//
// The page makes no request to anybody else, keeps nothing on the device but the cookie and what is not yet sent, and
// forgets both when asked to.
package webchat

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"baom/bot"
	"baom/content"
)

//go:embed templates static
var files embed.FS

// Config is what the chat needs.
type Config struct {
	Journal   bot.Journal
	Lib       func() *content.Library // asked for at every use, so that content can be reloaded
	Secret    []byte                  // signs the cookie
	PublicURL string                  // as people reach the page; https makes the cookie Secure and lets other sites embed the page
	Log       *slog.Logger
	Now       func() time.Time // in the offices' time zone
	Rand      io.Reader        // of the conversations' ids; nil: crypto/rand
	Limits    Limits           // zero: DefaultLimits

	// Embedders are the sites that may show the chat in a frame, as sources of frame-ancestors (https://commune.example).
	// Empty is any site over https if PublicURL is https, else this one only.
	Embedders []string

	// Exit is the address a person leaves to in haste: a page that says nothing about them. Empty is DefaultExit.
	Exit string

	Reached func(bot.Receipt) // is told what pages have fetched; it does not wait; nil: nobody is

	Demo bool // the page says that it is a demonstration
}

// DefaultExit is a page that anybody could have open.
const DefaultExit = "https://www.google.com/"

// Chat is the page and its channel. It implements bot.Messenger, and is safe for concurrent use.
type Chat struct {
	Config
	key        []byte
	pages      map[content.Lang]*template.Template
	css, js    string
	embedded   string // the script for other sites
	limits     *limiter
	https      bool
	exitOrigin string
}

var _ bot.Messenger = (*Chat)(nil)

// New makes the chat.
func New(c Config) (*Chat, error) {
	if len(c.Secret) == 0 {
		return nil, errors.New("web chat: a secret to sign the cookie with is needed")
	}
	mac := hmac.New(sha256.New, c.Secret)
	mac.Write([]byte("baom web chat cookie"))
	ch := &Chat{Config: c, pages: map[content.Lang]*template.Template{}, key: mac.Sum(nil), https: strings.HasPrefix(c.PublicURL, "https://")}
	if ch.Limits == (Limits{}) {
		ch.Limits = DefaultLimits()
	}
	if ch.Rand == nil {
		ch.Rand = rand.Reader
	}
	if ch.Exit == "" {
		ch.Exit = DefaultExit
	}
	exit, err := url.Parse(ch.Exit)
	if err != nil || exit.Scheme != "https" && exit.Scheme != "http" || exit.Host == "" || strings.ContainsAny(exit.Host, "; ,'") {
		return nil, fmt.Errorf("web chat: the exit %q is no address of the web", ch.Exit)
	}
	ch.exitOrigin = exit.Scheme + "://" + exit.Host
	for _, e := range ch.Embedders {
		if e == "" || strings.ContainsAny(e, "; ,\r\n") {
			return nil, fmt.Errorf("web chat: %q is no site that could embed the page", e)
		}
	}
	ch.limits = newLimiter(ch.Limits, c.Now)
	if err := ch.load(); err != nil {
		return nil, fmt.Errorf("web chat: %w", err)
	}
	return ch, nil
}

// load reads the page's parts, a template for each language.
func (c *Chat) load() error {
	for name, into := range map[string]*string{"static/chat.css": &c.css, "static/chat.js": &c.js, "static/embed.js": &c.embedded} {
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		*into = squeeze(string(data))
	}
	for _, l := range content.Langs() {
		page, err := template.New("page.html").Funcs(c.funcs(l)).ParseFS(files, "templates/*.html")
		if err != nil {
			return err
		}
		c.pages[l] = page
	}
	return nil
}

// squeeze leaves out what only the reader of a source needs: the indents and the lines that are comments.
func squeeze(source string) string {
	var out strings.Builder
	for line := range strings.Lines(source) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

func (c *Chat) funcs(l content.Lang) template.FuncMap {
	return template.FuncMap{
		"label": func(id string) string { return c.Lib().Label(id, l) },
		"page":  func(id string) string { return c.Lib().Page(id, l, nil) },
		"html":  content.HTML,
		"plain": content.Plain,
		"demo":  func() bool { return c.Demo },
		"tail":  func(id string) string { _, v, _ := strings.Cut(id, "."); return v },
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
	mux.HandleFunc("GET /{$}", c.show)
	mux.HandleFunc("GET /chat/events", c.events)
	mux.HandleFunc("GET /chat/lines", c.lines)
	mux.HandleFunc("GET /chat/media/{line}", c.media)
	mux.HandleFunc("GET /embed.js", c.embed)
	mux.HandleFunc("POST /chat/send", c.send)
	mux.HandleFunc("POST /chat/leave", c.leave)
	mux.HandleFunc("GET /chat/{path...}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, home(r), http.StatusSeeOther) })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		c.render(w, r, notice{page: "web.lostpage", status: http.StatusNotFound})
	})
	guard := http.NewCrossOriginProtection()
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		guard.AddTrustedOrigin(u.Scheme + "://" + u.Host) // a proxy may have changed the Host; it is an origin by its making
	}
	return guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Permissions-Policy", "microphone=(self), geolocation=(self), camera=(), payment=(), usb=()")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	}))
}

// embed is the script that other sites put the chat's button on their pages with.
func (c *Chat) embed(w http.ResponseWriter, _ *http.Request) {
	words := map[content.Lang][2]string{}
	for _, l := range content.Langs() {
		words[l] = [2]string{c.Lib().Label("web.chat", l), c.Lib().Label("web.close", l)}
	}
	data, err := json.Marshal(words)
	if err != nil { // cannot be: they are strings
		data = []byte("{}")
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	io.WriteString(w, strings.Replace(c.embedded, `"WORDS"`, string(data), 1))
}

// fail logs what went wrong on our side, unless it is that the other side went away.
func (c *Chat) fail(r *http.Request, what string, err error) {
	if r.Context().Err() == nil {
		c.Log.Error("web chat: "+what, "error", err)
	}
}
