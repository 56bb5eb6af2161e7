package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/tools/txtar"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// A reader goes through the pages of a running program without a browser.
type reader struct {
	t *testing.T
	http.Client
	url string
}

// reader opens the program's pages: of nobody, or of an officer of the demonstration.
func (r *running) reader(t *testing.T, login string) *reader {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	read := &reader{t: t, url: r.url, Client: http.Client{Jar: jar, Timeout: time.Minute}}
	if login != "" {
		pass := r.out.find(t, `with the passphrase (\S+) as`)
		resp, err := read.PostForm(r.url+"/console/login", url.Values{"login": {login}, "passphrase": {pass}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || strings.HasSuffix(resp.Request.URL.Path, "/login") {
			t.Fatalf("%s does not come in: %s %s", login, resp.Status, resp.Request.URL)
		}
	}
	return read
}

// lang chooses the language of the pages.
func (r *reader) lang(lang string) {
	r.t.Helper()
	resp, err := r.PostForm(r.url+"/console/lang", url.Values{"lang": {lang}, "back": {"/console/login"}})
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
}

// get reads a page: its status, what kind of thing it is, and its text.
func (r *reader) get(path string) (status int, kind, body string) {
	r.t.Helper()
	resp, err := r.Get(r.url + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(data)
}

var digits = regexp.MustCompile(`\d+`)

// walk calls seen with every page that links lead to from a first one, and the forms that ask for pages, filled in: one of each kind,
// told apart by the path without its numbers and by the names of what follows it. So a new page is walked as soon as another
// one leads to it.
func (r *reader) walk(from []string, seen func(path string, doc *html.Node, source string)) {
	r.t.Helper()
	kinds := map[string]bool{}
	for queue := slices.Clone(from); len(queue) > 0; queue = queue[1:] {
		u, err := url.Parse(queue[0])
		if err != nil || u.Host != "" || u.Scheme != "" {
			continue
		}
		var names []string
		for name := range u.Query() {
			names = append(names, name)
		}
		slices.Sort(names)
		kind := digits.ReplaceAllString(u.Path, "N") + "?" + strings.Join(names, "&")
		if kinds[kind] || strings.Contains(u.Path, "/static/") || strings.Contains(u.Path, "/media/") || strings.HasSuffix(u.Path, "/events") {
			continue
		}
		kinds[kind] = true
		status, mime, source := r.get(u.RequestURI())
		if status != 200 && (status > 499 || !slices.Contains(from, queue[0])) {
			r.t.Errorf("%s answers %d", u, status)
		}
		if !strings.HasPrefix(mime, "text/html") {
			continue
		}
		doc, err := html.Parse(strings.NewReader(source))
		if err != nil {
			r.t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(source), "<!doctype") {
			seen(u.RequestURI(), doc, source)
		}
		for n := range doc.Descendants() {
			if n.Data != "a" && (n.Data != "form" || attr(n, "method") != "" && attr(n, "method") != "get") {
				continue
			}
			if to, err := u.Parse(attr(n, "href") + attr(n, "action")); err == nil && strings.HasPrefix(to.Path, "/") {
				to.Scheme, to.Host, to.Fragment = "", "", ""
				if n.Data == "form" {
					to.RawQuery = filledIn(n).Encode()
				}
				queue = append(queue, to.RequestURI())
			}
		}
	}
}

// filledIn is a form as it is sent where the first of every choice is taken.
func filledIn(form *html.Node) url.Values {
	values := url.Values{}
	for n := range form.Descendants() {
		switch name := attr(n, "name"); {
		case name == "" || values.Has(name):
		case n.Data == "select":
			for o := range n.Descendants() {
				if value := attr(o, "value"); o.Data == "option" && value != "" && !values.Has(name) {
					values.Set(name, value)
				}
			}
		case n.Data == "input" && attr(n, "type") != "checkbox" && attr(n, "type") != "radio":
			values.Set(name, attr(n, "value"))
		}
	}
	return values
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// TestDemo: the demonstration says on every page that it is one, and shows an office at work to each role; it is the same
// when it is started again, and what was added is gone.
func TestDemo(t *testing.T) {
	r := serveAs(t, nil, []string{"serve", "-demo"}, "BAOM_SEARCH_LEARNS=off")
	for _, o := range demoOfficers() {
		read, pages := r.reader(t, o.Login), 0
		read.walk([]string{"/console/"}, func(path string, doc *html.Node, source string) {
			pages++
			if !strings.Contains(source, `class="demo"`) && !strings.Contains(source, `id="demo"`) {
				t.Errorf("%s sees %s, which does not say that it is a demonstration", o.Login, path)
			}
		})
		if want := map[string]int{bot.RoleSupervisor: 3, bot.RoleNetwork: 3}[o.Role]; pages < max(want, 3) || want == 0 && pages < 12 {
			t.Errorf("%s sees %d pages", o.Login, pages)
		}
	}
	nobody := r.reader(t, "")
	for _, path := range []string{"/", "/?lang=ar", "/?lang=es", "/?lang=ary", "/?lang=shi"} {
		if _, _, source := nobody.get(path); !regexp.MustCompile(`id="demo">[^<]{10}`).MatchString(source) {
			t.Errorf("%s does not say that it is a demonstration", path)
		}
	}

	// The office as it is: cases in every state, in several languages, one urgent, and figures above the threshold.
	var states, langs []string
	list, err := r.store.Queue(t.Context(), bot.Query{States: []string{bot.StateOpen, bot.StateClaimed, bot.StateClosed}, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	urgent, rated := 0, 0
	for _, k := range list {
		if k.Channel == bot.Imported {
			continue
		}
		states, langs = append(states, k.State), append(langs, string(k.Lang))
		if k.Urgent != "" {
			urgent++
		}
		if k.Score > 0 {
			rated++
		}
	}
	for _, what := range []string{bot.StateOpen, bot.StateClaimed, bot.StateClosed, "fr", "ar", "es", "ary", "en"} {
		if !slices.Contains(append(states, langs...), what) {
			t.Errorf("the demonstration has no case that is %q", what)
		}
	}
	if urgent == 0 || rated == 0 || len(list) < 150 {
		t.Errorf("%d urgent, %d rated, of %d", urgent, rated, len(list))
	}
	data, err := invented.ReadFile("demo/conversations.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for n := range txtar.Parse(data).Files {
		lines, err := transcriptOf(t.Context(), r, n+1)
		if err != nil || len(lines) < 3 {
			t.Fatalf("conversation %d: %d lines, %v", n+1, len(lines), err)
		}
	}
}

func transcriptOf(ctx context.Context, r *running, n int) (lines []bot.Line, err error) {
	for _, channel := range []bot.Channel{bot.Web, bot.Telegram, bot.WhatsApp} {
		if lines, err = r.store.Transcript(ctx, bot.Peer{Channel: channel, ID: fmt.Sprintf("demo-%d", n)}, 0); err == nil {
			return lines, nil
		}
	}
	return nil, err
}

// TestDemoApart: a demonstration is made anew at each start, touches no record of real people, and no real person is received
// in one.
func TestDemoApart(t *testing.T) {
	db, _ := storagetest.Env(t)
	env := []string{"BAOM_DATABASE_URL=" + db, "BAOM_SECRET_KEY=" + fmt.Sprintf("%x", storagetest.Secret()), "BAOM_HTTP_ADDR=127.0.0.1:0", "BAOM_SEARCH_LEARNS=off", "HOME=" + t.TempDir()}
	start := func(wants string, args ...string) (code int, log string) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		defer stop()
		out := newOutput()
		p := &program{env: env, stdin: strings.NewReader(""), stdout: out, stderr: out}
		done := make(chan int, 1)
		go func() { done <- p.run(ctx, args) }()
		if wants != "" {
			out.find(t, wants)
			stop()
		}
		return <-done, out.buf.String()
	}
	references := func() (list []string) {
		t.Helper()
		store := storagetest.Open(t, storage.Options{DatabaseURL: db})
		cases, err := store.Queue(t.Context(), bot.Query{States: []string{bot.StateOpen, bot.StateClaimed, bot.StateClosed}, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range cases {
			if k.Channel == bot.Imported {
				k.Reference = k.Opened.Format(time.DateOnly) // taken over by an officer, who draws another one each time
			}
			list = append(list, fmt.Sprint(k.Reference, k.State, k.Answers, k.Outcome, k.Score, k.Unread))
		}
		slices.Sort(list)
		return list
	}
	if code, log := start(`(console)   http`, "serve", "-demo"); code != 0 {
		t.Fatalf("the first start: %d\n%s", code, log)
	}
	first := references()
	visitor := bot.Entry{Peer: bot.Peer{Channel: bot.Web, ID: "visitor"}, Key: "web:1", Input: flows.Input{Text: "bonjour"}}
	tried := storagetest.Open(t, storage.Options{DatabaseURL: db})
	if _, err := tried.Receive(t.Context(), visitor); err != nil {
		t.Fatal(err)
	}
	if code, log := start(`(console)   http`, "serve", "-demo"); code != 0 {
		t.Fatalf("the second start: %d\n%s", code, log)
	}
	if second := references(); !slices.Equal(first, second) {
		t.Errorf("the demonstration is another one:\n%v\n%v", first, second)
	}
	if lines, err := tried.Transcript(t.Context(), visitor.Peer, 0); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("what was tried is still there: %v %v", lines, err)
	}
	if code, log := start("", "serve"); code != 1 || !strings.Contains(log, "the database holds a demonstration") {
		t.Errorf("real people are received in a demonstration: %d\n%s", code, log)
	}

	// A record with somebody in it.
	db, _ = storagetest.Env(t)
	env[0] = "BAOM_DATABASE_URL=" + db
	store := storagetest.Open(t, storage.Options{DatabaseURL: db})
	if _, err := store.Receive(t.Context(), visitor); err != nil {
		t.Fatal(err)
	}
	if code, log := start("", "serve", "-demo"); code != 1 || !strings.Contains(log, "no demonstration") {
		t.Errorf("a demonstration on a record of real people: %d\n%s", code, log)
	}
	if lines, err := store.Transcript(t.Context(), visitor.Peer, 0); err != nil || len(lines) != 1 {
		t.Errorf("what a real person wrote: %v %v", lines, err)
	}
	for _, channel := range []string{"BAOM_TELEGRAM_TOKEN=1:a", "BAOM_WHATSAPP=on"} {
		env = append(env[:5:5], channel)
		if code, log := start("", "serve", "-demo"); code != 1 || !strings.Contains(log, "never together with real channels") {
			t.Errorf("a demonstration with %s: %d\n%s", channel, code, log)
		}
	}
}
