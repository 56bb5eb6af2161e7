// Package console is the officers' web console: where the officers of an office see who waits, take a case, read what
// the person said and sent, answer, leave notes for colleagues, hand the case on and close it.
//
// Pages are made on the server, forms are posted and redirected, and everything works without script by reloading.
// With script, server-sent events tell a page that something changed; the page then asks for its live parts again and
// merges them in, without losing what somebody types. What an officer may do is decided by bot.Desk alone; this
// package knows who is at the keyboard. Every word comes from content.
package console

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"baom/bot"
	"baom/content"
)

//go:embed templates static
var files embed.FS

// Config is what a Console is made of. All fields but PublicURL, Content, Notices and Phone are needed.
type Config struct {
	Desk     *bot.Desk
	Cases    bot.Cases
	Journal  bot.Journal             // only watched
	Lib      func() *content.Library // asked for at every use, so that content can be reloaded
	Sessions scs.Store               // of log-ins
	Content  Content                 // nil: it is never read again

	// PublicURL is where people reach the program, such as https://baom.example. Where it begins with https the
	// cookies are bound to the host and never sent in the clear. Empty: plain http on this machine.
	PublicURL string

	// Second are the roles that work only with a second factor.
	Second []string

	Log      *slog.Logger
	Now      func() time.Time
	Location *time.Location // the offices' time zone

	Notices *Notices // nil: officers are told nothing outside the console

	Phone *Phone // nil: without WhatsApp; set before the first request

	Demo bool // every page says that nobody in it exists
}

// Content tells an administrator of the content in force, and reads it again.
type Content interface {
	// State is since when the content is in force, and why a later change of it is not.
	State() (loaded time.Time, fault error)
	// Reload reads it again; with a fault, what is in force stays.
	Reload(ctx context.Context) error
}

// A Console serves the officers' pages. It is safe for concurrent use.
type Console struct {
	Config
	origin    *http.CrossOriginProtection
	sessions  *scs.SessionManager
	https     bool
	templates map[content.Lang]*template.Template
	assets    map[string]asset
	limits    limits // of passphrases

	codeLimits limits // of codes
	streams    streams
	reading    chan struct{} // of workbooks, one at a time
	presence   presence
	hashing    chan struct{} // as many at once as memory allows: each takes 64 MiB
}

// New makes a Console, or says which part of it is missing or broken.
func New(cfg Config) (*Console, error) {
	if cfg.Desk == nil || cfg.Cases == nil || cfg.Journal == nil || cfg.Lib == nil || cfg.Sessions == nil ||
		cfg.Log == nil || cfg.Now == nil || cfg.Location == nil {
		return nil, errors.New("console: the configuration is incomplete")
	}
	c := &Console{Config: cfg, origin: http.NewCrossOriginProtection(), hashing: make(chan struct{}, 2), reading: make(chan struct{}, 1)}
	if cfg.PublicURL != "" {
		u, err := url.Parse(cfg.PublicURL)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("console: the public address is not a URL: %q", cfg.PublicURL)
		}
		c.https = u.Scheme == "https"
		if err := c.origin.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("console: the public address: %w", err)
		}
	}
	c.sessions = scs.New()
	c.sessions.Store = cfg.Sessions
	c.sessions.Lifetime = bot.Workday
	c.sessions.HashTokenInStore = true
	c.sessions.Cookie.Name = c.cookie("session")
	c.sessions.Cookie.Persist = false
	c.sessions.Cookie.Secure = c.https
	c.sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) { c.fail(w, r, nil, err) }
	c.limits, c.codeLimits = newLimits(), newCodeLimits()
	var err error
	if c.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if c.templates, err = c.parse(); err != nil {
		return nil, err
	}
	return c, nil
}

// cookie is the name of one of the console's cookies. The prefix makes browsers refuse it from another host or in the
// clear.
func (c *Console) cookie(name string) string {
	if c.https {
		return "__Host-console-" + name
	}
	return "console-" + name
}

// Handler serves everything under /console/.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range c.handlers() {
		mux.Handle(pattern, h)
	}
	c.origin.SetDenyHandler(c.public(func(http.ResponseWriter, *http.Request) error { return errOrigin }))
	return headers(c.sessions.LoadAndSave(c.origin.Handler(mux)))
}

// handlers are all there are, by pattern. A test holds them against the table of who may do what.
func (c *Console) handlers() map[string]http.Handler {
	all := map[string]http.Handler{
		"GET /console/static/{version}/{name}": http.HandlerFunc(c.static),
		"GET /console/worker.js":               http.HandlerFunc(c.worker),
	}
	for pattern, h := range map[string]visitor{
		"GET /console/login":  c.loginPage,
		"POST /console/login": c.login,

		"GET /console/login/code":  c.codePage,
		"POST /console/login/code": c.code,

		"POST /console/lang": c.setLang,
		"/console/":          func(http.ResponseWriter, *http.Request) error { return bot.ErrNotFound },
	} {
		all[pattern] = c.public(h)
	}
	for _, routes := range []map[string]member{c.routes(), c.dossierRoutes()} {
		for pattern, h := range routes {
			all[pattern] = c.signed(h)
		}
	}
	return all
}

// routes are the pages and actions of those who have logged in.
func (c *Console) routes() map[string]member {
	return map[string]member{
		"GET /console/{$}":                     c.queue,
		"GET /console/list":                    c.queueList,
		"GET /console/events":                  c.queueEvents,
		"GET /console/cases/{case}":            c.casePage,
		"GET /console/cases/{case}/live":       c.caseLive,
		"GET /console/cases/{case}/events":     c.caseEvents,
		"GET /console/media/{case}/{line}":     c.media,
		"POST /console/cases/{case}/claim":     c.claim,
		"POST /console/cases/{case}/take":      c.take,
		"POST /console/cases/{case}/reply":     c.reply,
		"POST /console/cases/{case}/note":      c.note,
		"POST /console/cases/{case}/release":   c.release,
		"POST /console/cases/{case}/hand":      c.hand,
		"POST /console/cases/{case}/propose":   c.propose,
		"POST /console/cases/{case}/recall":    c.recall,
		"POST /console/cases/{case}/return":    c.giveBack,
		"POST /console/cases/{case}/close":     c.close,
		"POST /console/cases/{case}/reopen":    c.reopen,
		"POST /console/cases/{case}/card":      c.card,
		"GET /console/questions":               c.questions,
		"POST /console/questions":              c.answerQuestions,
		"GET /console/questions/patch":         c.questionsPatch,
		"GET /console/content":                 c.contentPage,
		"POST /console/content":                c.reloadContent,
		"GET /console/cases/{case}/sheet":      c.sheet,
		"GET /console/cases/{case}/receipt":    c.receipt,
		"GET /console/figures":                 c.figures,
		"GET /console/figures.xlsx":            c.figuresExcel,
		"GET /console/report":                  c.report,
		"GET /console/imports":                 c.imports,
		"POST /console/imports":                c.addImport,
		"GET /console/imports/{import}":        c.importPage,
		"POST /console/imports/{import}/plan":  c.planImport,
		"POST /console/imports/{import}/take":  c.takeImport,
		"POST /console/imports/{import}/drop":  c.dropImport,
		"GET /console/register":                c.register,
		"GET /console/register/list":           c.registerList,
		"GET /console/register.xlsx":           c.registerExcel,
		"GET /console/account":                 c.account,
		"GET /console/guide":                   c.guide,
		"POST /console/account":                c.changePassphrase,
		"POST /console/logout":                 c.logout,
		"GET /console/officers":                c.officers,
		"POST /console/officers":               c.addOfficer,
		"POST /console/officers/{id}/disabled": c.setDisabled,
		"POST /console/officers/{id}/renew":    c.renewPassphrase,
		"GET /console/officers/{id}":           c.officer,
		"POST /console/officers/{id}/rights":   c.setRights,
		"GET /console/audit":                   c.audit,
		"POST /console/officers/{id}/second":   c.resetSecond,
		"GET /console/account/second":          c.second,
		"POST /console/account/second":         c.confirmSecond,
		"POST /console/account/second/begin":   c.beginSecond,
		"POST /console/account/second/codes":   c.renewCodes,
		"POST /console/account/second/drop":    c.dropSecond,

		"POST /console/officers/{id}/logins/{login}/end": c.endLogin,

		"GET /console/whatsapp":         c.keeper(c.whatsapp),
		"GET /console/whatsapp/live":    c.keeper(c.whatsappLive),
		"POST /console/whatsapp/pair":   c.keeper(c.pairPhone),
		"POST /console/whatsapp/unpair": c.keeper(c.unpairPhone),

		"POST /console/search":                                   c.search,
		"POST /console/views":                                    c.saveView,
		"POST /console/views/{id}/drop":                          c.dropView,
		"POST /console/cases/{case}/labels":                      c.tag,
		"POST /console/labels/{id}/drop":                         c.dropLabel,
		"GET /console/canned":                                    c.canned,
		"POST /console/canned":                                   c.saveCanned,
		"POST /console/canned/{id}/drop":                         c.dropCanned,
		"GET /console/cases/{case}/insert":                       c.inserts,
		"POST /console/cases/{case}/draft":                       c.draft,
		"POST /console/cases/{case}/pending/{pending}/back":      c.takeBack,
		"POST /console/cases/{case}/lines/{line}/retry":          c.retry,
		"POST /console/cases/{case}/meeting":                     c.meet,
		"POST /console/cases/{case}/meeting/off":                 c.callOff,
		"POST /console/cases/{case}/meetings/{meeting}/attended": c.attended,
		"POST /console/cases/{case}/remind":                      c.remind,
		"GET /console/meetings":                                  c.meetings,
		"GET /console/absences":                                  c.absences,
		"POST /console/absences":                                 c.setAbsence,
		"POST /console/account/push":                             c.addPush,
		"POST /console/account/mail":                             c.addMail,
		"POST /console/account/telegram":                         c.linkTelegram,
		"POST /console/account/ways/{id}/drop":                   c.dropWay,
		"POST /console/account/ways/{id}/try":                    c.tryWay,
		"POST /console/absences/{id}/share":                      c.share,
	}
}

// A visitor handles a request of anybody; a member one of an officer who has logged in. What goes wrong is returned:
// fail makes a page of it.
type (
	visitor func(http.ResponseWriter, *http.Request) error
	member  func(http.ResponseWriter, *http.Request, *bot.Officer) error
)

func (c *Console) public(h visitor) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			c.fail(w, r, nil, err)
		}
	})
}

func (c *Console) signed(h member) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := c.whois(r)
		if err != nil {
			c.fail(w, r, nil, err)
			return
		}
		if who == nil {
			c.toLogin(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if c.lacksSecond(who) && !strings.HasPrefix(r.URL.Path, secondPage) && r.URL.Path != "/console/logout" {
			c.toSecond(w, r)
			return
		}
		if err := h(w, r, who); err != nil {
			c.fail(w, r, who, err)
		}
	})
}

// headers are those of every answer: nothing from elsewhere, nothing inline, in nobody's frame.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "+
			"media-src 'self' blob:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=(), interest-cohort=()")
		h.Set("X-Robots-Tag", "noindex")
		next.ServeHTTP(w, r)
	})
}

// The errors that only the web knows.
var (
	errOrigin  = errors.New("a form from another site")
	errTooMany = errors.New("too many tries")
	errTooBig  = errors.New("too big")
)

// A problem is a page that says what went wrong and how to go on.
type problem struct {
	Status int
	Name   string // of the page's words: console.problem.<name>
	Holder string // who holds the case, where somebody was faster
	Case   string // id of the case it was about
	Kept   string // what the officer had typed, so that it is not lost
}

// fail maps an error to a status and a page. It is the only place that does.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, who *bot.Officer, err error) {
	p := problem{Status: http.StatusInternalServerError, Name: "internal"}
	var overtaken *bot.Overtaken
	switch {
	case r.Context().Err() != nil && errors.Is(err, context.Canceled):
		return // nobody is there any more
	case errors.As(err, &overtaken):
		p = problem{Status: http.StatusConflict, Name: "conflict." + overtaken.State, Holder: overtaken.Holder}
	case errors.Is(err, bot.ErrConflict):
		p.Status, p.Name = http.StatusConflict, "conflict"
	case errors.Is(err, bot.ErrNotFound):
		p.Status, p.Name = http.StatusNotFound, "missing"
	case errors.Is(err, bot.ErrForbidden):
		p.Status, p.Name = http.StatusForbidden, "forbidden"
	case errors.Is(err, bot.ErrInvalid):
		p.Status, p.Name = http.StatusUnprocessableEntity, "invalid"
	case errors.Is(err, errOrigin):
		p.Status, p.Name = http.StatusForbidden, "origin"
	case errors.Is(err, errTooMany):
		p.Status, p.Name = http.StatusTooManyRequests, "many"
		w.Header().Set("Retry-After", "30")
	case errors.Is(err, errTooBig):
		p.Status, p.Name = http.StatusRequestEntityTooLarge, "big"
	default:
		c.Log.Error("console", "method", r.Method, "route", r.Pattern, "error", err)
	}
	if p.Case = r.PathValue("case"); strings.Trim(p.Case, "0123456789") != "" || p.Status == http.StatusNotFound || p.Status == http.StatusForbidden {
		p.Case = ""
	}
	if r.Method == http.MethodPost && r.MultipartForm != nil || r.PostForm != nil {
		p.Kept = r.PostForm.Get("text")
	}
	if err := c.render(w, r, who, p.Status, "problem", "console.problem."+p.Name+".title", p); err != nil {
		c.Log.Error("console", "route", r.Pattern, "error", err)
	}
}
