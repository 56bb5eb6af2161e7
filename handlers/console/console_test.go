package console_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/console"
	"baom/handlers/notice"
	"baom/storage"
	"baom/storage/storagetest"
)

// builtin is the program's own content, read once for all tests of the package: it does not change.
var builtin = sync.OnceValues(func() (*content.Library, error) { return content.Load(content.Builtin()) })

const passphrase = "quatre mots bien choisis"

// hash is made once for all tests: it is slow on purpose.
var hash = sync.OnceValues(func() (string, error) { return console.HashPassphrase(passphrase) })

// A world is a console on a real record, served over real HTTP, with officers of two offices.
type world struct {
	t        *testing.T
	store    *storage.Store
	desk     *bot.Desk
	url      string
	console  *console.Console
	officers map[string]*bot.Officer
	arrivals int
	zone     *time.Location
	peers    map[int64]bot.Peer // by case
	told     chan string        // notices to officers by Telegram and mail
	notifier *bot.Notifier
}

func newWorld(t *testing.T) *world {
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Africa/Casablanca")
	if err != nil {
		t.Fatal(err)
	}
	db, _ := storagetest.Env(t)
	store := storagetest.Open(t, storage.Options{DatabaseURL: db})
	w := &world{t: t, store: store, desk: &bot.Desk{Cases: store, Questions: store, Register: store, Imports: store, Meetings: store, Now: time.Now, Lib: func() *content.Library { return lib }}, officers: map[string]*bot.Officer{}, zone: zone, peers: map[int64]bot.Peer{}, told: make(chan string, 100)}
	private, key, err := store.PushKey(t.Context(), notice.NewPushKey)
	if err != nil {
		t.Fatal(err)
	}
	push := &notice.Push{Public: key, Private: private, Contact: "https://baom.example"}
	told := func(_ context.Context, way bot.Way, n bot.Notice) error {
		w.told <- way.Kind + ": " + n.Text
		return nil
	}
	notices := &console.Notices{Notices: store, Key: key, Subscription: notice.Subscription, Host: notice.Host, Notifier: &bot.Notifier{Notices: store, Cases: store, Lib: w.desk.Lib, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Send: map[string]func(context.Context, bot.Way, bot.Notice) error{bot.ByPush: push.Send, bot.ByTelegram: told, bot.ByMail: told}}}
	w.notifier = notices.Notifier
	c, err := console.New(console.Config{Notices: notices, Desk: w.desk, Cases: store, Journal: store, Lib: func() *content.Library { return lib }, Sessions: store.Sessions(),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: time.Now, Location: zone})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	server := httptest.NewUnstartedServer(c.Handler())
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(func() { stop(); server.Close() })
	w.url, w.console = server.URL, c
	h, err := hash()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []bot.Officer{
		{Login: "amina", Name: "Amina El Idrissi", Role: bot.RoleOfficer, Office: "agadir"},
		{Login: "karim", Name: "Karim Ouhaddou", Role: bot.RoleOfficer, Office: "agadir"},
		{Login: "latifa", Name: "لطيفة بناني", Role: bot.RoleHead, Office: "agadir"},
		{Login: "omar", Name: "Omar Achtouk", Role: bot.RoleOfficer, Office: "tiznit"},
		{Login: "root", Name: "Administration", Role: bot.RoleAdmin},
		{Login: "samir", Name: "Samir Tazi", Role: bot.RoleSupervisor, Office: "agadir"},
		{Login: "nadia", Name: "Nadia Ouali", Role: bot.RoleNetwork},
	} {
		o.Hash = h
		if err := store.SaveOfficer(t.Context(), &o); err != nil {
			t.Fatal(err)
		}
		w.officers[o.Login] = &o
	}
	return w
}

// An arrival is somebody who opens a case.
type arrival struct {
	office, urgent string
	lang           content.Lang
	channel        bot.Channel
	answers        map[string]string
	words          string
	media          *bot.Media
}

// arrive opens a case through the journal, as the dialogue does, and returns its id.
func (w *world) arrive(a arrival) int64 {
	w.t.Helper()
	w.arrivals++
	if a.lang == "" {
		a.lang = content.French
	}
	if a.channel == "" {
		a.channel = bot.Web
	}
	if a.office == "" {
		a.office = "agadir"
	}
	if a.answers == nil {
		a.answers = map[string]string{"need": "A1", "profile": "rpt"}
	}
	peer := bot.Peer{Channel: a.channel, ID: fmt.Sprintf("person-%d", w.arrivals)}
	reference := flows.Reference("AG", uint64(w.arrivals)*7919)
	w.say(peer, a.words, a.media, bot.Turn{Session: flows.Session{Lang: a.lang, Consent: "yes"},
		Case: &bot.CaseChange{Open: true, Relay: true, Reference: reference, Office: a.office, Answers: a.answers, Urgent: a.urgent}})
	list, err := w.store.Queue(w.t.Context(), bot.Query{Reference: reference})
	if err != nil || len(list) != 1 {
		w.t.Fatalf("the new case is not there: %v %v", list, err)
	}
	w.peers[list[0].ID] = peer
	return list[0].ID
}

// say files a message and takes turns until it has been handled as turn says.
func (w *world) say(peer bot.Peer, words string, media *bot.Media, turn bot.Turn) {
	w.t.Helper()
	w.arrivals++
	ctx := w.t.Context()
	e := bot.Entry{Peer: peer, Key: fmt.Sprintf("web:%d", w.arrivals), Input: flows.Input{Text: words, At: time.Now()}, Media: media}
	if media != nil {
		e.Input.Kind = media.Kind
	}
	if _, err := w.store.Receive(ctx, e); err != nil {
		w.t.Fatal(err)
	}
	for mine := false; !mine; {
		err := w.store.Turn(ctx, func(s flows.Session, got bot.Entry) bot.Turn {
			if mine = got.Key == e.Key; mine {
				return turn
			}
			return bot.Turn{Session: s}
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// peerOf is the person of the n-th arrival: arrivals count by two.
func (w *world) relay(n int, words string, media *bot.Media) {
	w.t.Helper()
	w.say(bot.Peer{Channel: bot.Web, ID: fmt.Sprintf("person-%d", n)}, words, media,
		bot.Turn{Session: flows.Session{Lang: content.French, Consent: "yes"}, Case: &bot.CaseChange{Relay: true}})
}

// A browser is a client with cookies that does not follow redirects.
type browser struct {
	w *world
	*http.Client
}

func (w *world) browser(login string) *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	b := &browser{w, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if login != "" {
		if status, to, _ := b.post("/console/login", url.Values{"login": {login}, "passphrase": {passphrase}}); status != 303 || to != "/console/" {
			w.t.Fatalf("%s cannot log in: %d %s", login, status, to)
		}
	}
	return b
}

func (b *browser) do(r *http.Request) (status int, location, body string) {
	b.w.t.Helper()
	response, err := b.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Location"), string(data)
}

func (b *browser) get(path string) (status int, location, body string) {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, b.w.url+path, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) post(path string, form url.Values) (status int, location, body string) {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// page gets a page that must be well, and parses it.
func (b *browser) page(path string) *html.Node {
	b.w.t.Helper()
	status, _, body := b.get(path)
	if status != 200 {
		b.w.t.Fatalf("GET %s: %d\n%s", path, status, body)
	}
	return parse(b.w.t, body)
}

func parse(t *testing.T, body string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// all are the elements for which is is true.
func all(n *html.Node, is func(*html.Node) bool) (found []*html.Node) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && is(d) {
			found = append(found, d)
		}
	}
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func class(name string) func(*html.Node) bool {
	return func(n *html.Node) bool {
		for _, c := range strings.Fields(attr(n, "class")) {
			if c == name {
				return true
			}
		}
		return false
	}
}

func text(n *html.Node) string {
	var s strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			s.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(s.String()), " ")
}

func texts(ns []*html.Node) (list []string) {
	for _, n := range ns {
		list = append(list, text(n))
	}
	return list
}

// TestRights walks every route as everybody, as testdata/rights.txt has it. The routes are those of the handler itself: a
// new one that is not in the table fails.
func TestRights(t *testing.T) {
	w := newWorld(t)
	picture := &bot.Media{Kind: flows.Image, Mime: "image/png", Data: png, State: bot.MediaReady, Size: int64(len(png))}
	browsers := map[string]*browser{"": w.browser("")}
	people := []string{"", "omar", "amina", "latifa", "root", "samir", "nadia"} // nobody, another office's officer, officer, head, administrator, supervisor, coordinator
	for _, login := range people[1:] {
		browsers[login] = w.browser(login)
	}
	list, err := console.ReadSheet(listOf2026(t))
	if err != nil {
		t.Fatal(err)
	}
	mux, met := http.NewServeMux(), map[string]bool{}
	for _, pattern := range w.console.Patterns() {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	for _, tt := range rights(t) {
		route := tt.route
		for i, login := range people {
			id := w.arrive(arrival{words: "bonjour", media: picture})
			_, lines, err := w.store.Case(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			var line int64
			for _, l := range lines {
				if l.Media != nil {
					line = l.ID
				}
			}
			switch tt.state {
			case "held":
				_, err = w.desk.Claim(t.Context(), w.officers["amina"], id)
			case "pending":
				w.desk.Undo = time.Hour
				_, err = w.desk.Reply(t.Context(), w.officers["amina"], id, "Bonjour.", nil)
				w.desk.Undo = 0
			case "steps":
				_, err = w.desk.AddSteps(t.Context(), w.officers["amina"], id, []bot.Step{{Text: content.Text{content.French: "Apporter une photo"}, Doer: bot.DoerPerson}})
			case "closed":
				_, err = w.desk.Close(t.Context(), w.officers["amina"], id, bot.Closing{Outcome: "other"})
			}
			if err != nil {
				t.Fatal(err)
			}
			held := &bot.Import{Office: "agadir", Officer: w.officers["karim"].ID, Sheet: list}
			if err := w.store.SaveImport(t.Context(), held); err != nil {
				t.Fatal(err)
			}
			var things [4]string
			if slices.ContainsFunc([]string{"{view}", "{label}", "{canned}", "{pending}"}, func(thing string) bool { return strings.Contains(route, thing) }) {
				things = w.things(id)
			}
			way := &bot.Way{Officer: w.officers["amina"].ID, Kind: bot.ByTelegram, Address: "4711", Lang: content.French}
			if strings.Contains(route, "{way}") {
				if err := w.store.AddWay(t.Context(), way); err != nil {
					t.Fatal(err)
				}
			}
			method, path, _ := strings.Cut(route, " ")
			if k, _, err := w.store.Case(t.Context(), id); err == nil && len(k.Steps) > 0 {
				path = strings.ReplaceAll(path, "{step}", fmt.Sprint(k.Steps[0].ID))
			}
			path = strings.NewReplacer("{way}", fmt.Sprint(way.ID), "{view}", things[0], "{label}", things[1], "{canned}", things[2], "{pending}", things[3], "{import}", fmt.Sprint(held.ID), "{case}", fmt.Sprint(id), "{line}", fmt.Sprint(line), "{id}", fmt.Sprint(w.officers["karim"].ID)).Replace(path)
			form := url.Values{}
			for k, v := range tt.form {
				form.Set(k, strings.NewReplacer("{who}", login, "{karim}", fmt.Sprint(w.officers["karim"].ID), "{today}", time.Now().Format(time.DateOnly), "{tomorrow}", time.Now().AddDate(0, 0, 1).Format(time.DateOnly)).Replace(v[0]))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			var body io.Reader
			if method == http.MethodPost {
				body = strings.NewReader(form.Encode())
			}
			r, err := http.NewRequestWithContext(ctx, method, w.url+path, body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			_, pattern := mux.Handler(r)
			met[pattern] = true
			response, err := browsers[login].Do(r)
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			response.Body.Close()
			if pattern == "POST /console/logout" && login != "" {
				browsers[login] = w.browser(login)
			}
			got, to := response.StatusCode, response.Header.Get("Location")
			switch {
			case got == 303 && strings.HasPrefix(to, "/console/login"), got == 401 && strings.HasSuffix(r.URL.Path, "/events"):
				got = 0
			}
			if got != tt.want[i] {
				t.Errorf("%s as %q: got %d %s, want %d", route, login, got, to, tt.want[i])
			}
			if csp := response.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("%s as %q: policy %q", route, login, csp)
			}
		}
	}
	for _, pattern := range w.console.Patterns() {
		if !met[pattern] {
			t.Errorf("testdata/rights.txt does not say who may do %s", pattern)
		}
	}
}

// A right is a line of testdata/rights.txt: what each of people gets for a request. 0 stands for the log-in page.
type right struct {
	route string
	want  []int
	state string
	form  url.Values
}

// rights reads the table. Whatever it says, nobody gets at a thing of Agadir who does not work there.
func rights(t *testing.T) (list []right) {
	t.Helper()
	data, err := os.ReadFile("testdata/rights.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 11 {
			t.Fatalf("a line of %d columns: %s", len(f), line)
		}
		k := right{route: f[0] + " " + f[1], state: f[9]}
		for _, said := range f[2:9] {
			status := 0
			if said != "login" {
				if status, err = strconv.Atoi(said); err != nil {
					t.Fatalf("%s: %v", k.route, err)
				}
			}
			k.want = append(k.want, status)
		}
		if f[10] != "-" {
			if k.form, err = url.ParseQuery(f[10]); err != nil {
				t.Fatalf("%s: %v", k.route, err)
			}
		}
		for _, i := range []int{1, 5, 6} {
			if strings.Contains(k.route, "{") && k.want[i] != 403 && k.want[i] != 404 || strings.Contains(k.route, "{") && k.want[0] != 0 {
				t.Errorf("%s: the table lets people at it from elsewhere: %v", k.route, k.want)
			}
		}
		list = append(list, k)
	}
	return list
}

// things are the ids of a view of Amina's, a label and a ready reply of Agadir, made if need be, and of what waits in a
// case.
func (w *world) things(id int64) (ids [4]string) {
	w.t.Helper()
	ctx, amina := w.t.Context(), w.officers["amina"]
	if views, err := w.desk.Views(ctx, amina); err != nil || len(views) == 0 {
		if err := errors.Join(err, w.desk.SaveView(ctx, amina, bot.View{Name: "v", Query: "waits=us"})); err != nil {
			w.t.Fatal(err)
		}
	}
	label, err := w.store.AddLabel(ctx, "agadir", "à suivre")
	canned := bot.Canned{Office: "agadir", Officer: amina.ID, Name: "bonjour", Texts: content.Text{content.French: "Bonjour {prenom}."}, At: time.Now()}
	err = errors.Join(err, w.store.SaveCanned(ctx, &canned))
	views, err1 := w.desk.Views(ctx, amina)
	pending, err2 := w.store.Pending(ctx, id)
	if err := errors.Join(err, err1, err2); err != nil || len(views) == 0 {
		w.t.Fatal(views, err)
	}
	ids = [4]string{fmt.Sprint(views[0].ID), fmt.Sprint(label.ID), fmt.Sprint(canned.ID), "1"}
	if len(pending) > 0 {
		ids[3] = fmt.Sprint(pending[0].ID)
	}
	return ids
}

// TestForeignForms are refused, whoever is logged in.
func TestForeignForms(t *testing.T) {
	w := newWorld(t)
	b := w.browser("amina")
	id := w.arrive(arrival{words: "bonjour"})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s/console/cases/%d/claim", w.url, id), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "https://elsewhere.example")
	if status, _, _ := b.do(r); status != 403 {
		t.Errorf("a form from elsewhere: %d", status)
	}
	if c, _, _ := w.store.Case(t.Context(), id); c == nil || c.State != bot.StateOpen {
		t.Errorf("it was obeyed: %+v", c)
	}
}

// TestLogin is who gets in, and that guessing is slowed without locking the honest out.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	known := w.browser("amina")
	status, _, body := w.browser("").post("/console/login", url.Values{"login": {"amina"}, "passphrase": {"pas la bonne phrase"}})
	if status != 401 || !strings.Contains(body, "phrase de passe ne va pas") {
		t.Errorf("a wrong passphrase: %d", status)
	}
	if status, _, other := w.browser("").post("/console/login", url.Values{"login": {"personne"}, "passphrase": {"pas la bonne phrase"}}); status != 401 ||
		strings.ReplaceAll(other, "personne", "amina") != body {
		t.Errorf("an unknown login is told apart: %d", status)
	}
	next := w.browser("")
	if _, to, _ := next.get("/console/cases/12"); to != "/console/login?next=%2Fconsole%2Fcases%2F12" {
		t.Errorf("the way to the log-in page is %q", to)
	}
	if _, to, _ := next.post("/console/login", url.Values{"login": {"AMINA "}, "passphrase": {passphrase}, "next": {"/console/cases/12"}}); to != "/console/cases/12" {
		t.Errorf("and back: %q", to)
	}
	for _, bad := range []string{"//evil.example/console/", "https://evil.example/console/", "/", `/console/\evil`, "/console/../../x"} {
		if _, to, _ := w.browser("").post("/console/login", url.Values{"login": {"amina"}, "passphrase": {passphrase}, "next": {bad}}); to != "/console/" && !strings.HasPrefix(to, "/console/") {
			t.Errorf("next=%q leads to %q", bad, to)
		}
	}

	// Somebody guesses at Amina's passphrase from many addresses. Amina's own device still gets in.
	stopped := 0
	for i := range 60 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/console/login",
			strings.NewReader(url.Values{"login": {"amina"}, "passphrase": {"devine devine"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
		if status, _, _ := w.browser("").do(r); status == 429 {
			stopped++
		}
	}
	if stopped < 20 {
		t.Errorf("guessing from 60 addresses was stopped %d times only", stopped)
	}
	if status, to, _ := known.post("/console/login", url.Values{"login": {"amina"}, "passphrase": {passphrase}}); status != 303 {
		t.Errorf("the honest officer is locked out on a known device: %d %s", status, to)
	}
	if status, _, _ := w.browser("karim").get("/console/"); status != 200 {
		t.Errorf("and others too: %d", status)
	}
}

// TestSessionsEnd: log-out, a disabled officer, a new passphrase.
func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	out := func(b *browser) bool { _, to, _ := b.get("/console/"); return strings.HasPrefix(to, "/console/login") }
	a, elsewhere := w.browser("amina"), w.browser("amina")
	if status, to, _ := a.post("/console/account", url.Values{"old": {passphrase}, "new": {"cinq mots bien mieux choisis"}, "again": {"cinq mots bien mieux choisis"}}); status != 303 || to != "/console/account" {
		t.Fatalf("change of passphrase: %d %s", status, to)
	}
	if out(a) || !out(elsewhere) {
		t.Error("a new passphrase ends the other log-ins and keeps this one")
	}
	a.post("/console/logout", nil)
	if !out(a) {
		t.Error("log-out")
	}
	k := w.browser("karim")
	root := w.browser("root")
	if status, _, body := root.post(fmt.Sprintf("/console/officers/%d/disabled", w.officers["karim"].ID), url.Values{"disabled": {"yes"}}); status != 303 {
		t.Fatalf("disable: %d %s", status, body)
	}
	if !out(k) {
		t.Error("a disabled officer is out at once")
	}
	if status, _, _ := w.browser("").post("/console/login", url.Values{"login": {"karim"}, "passphrase": {passphrase}}); status != 401 {
		t.Errorf("and cannot come back: %d", status)
	}
	status, _, body := root.post("/console/officers", url.Values{"login": {"sara"}, "name": {"Sara"}, "role": {"head"}, "office": {"tiznit"}})
	secrets := all(parse(t, body), class("secret"))
	if status != 200 || len(secrets) != 1 {
		t.Fatalf("a new officer's passphrase is shown: %d, %d", status, len(secrets))
	}
	if status, _, _ := w.browser("").post("/console/login", url.Values{"login": {"sara"}, "passphrase": {text(secrets[0])}}); status != 303 {
		t.Errorf("and works: %d", status)
	}
	if _, _, body := root.get("/console/officers"); strings.Contains(body, text(secrets[0])) {
		t.Error("it is shown again")
	}
}

// TestTwoOfficers: the second sees who has it, with a way on, and keeps what they typed.
func TestTwoOfficers(t *testing.T) {
	w := newWorld(t)
	id := w.arrive(arrival{words: "bonjour"})
	path := fmt.Sprintf("/console/cases/%d", id)
	a, k := w.browser("amina"), w.browser("karim")
	if status, to, _ := a.post(path+"/claim", nil); status != 303 || to != path {
		t.Fatalf("claim: %d %s", status, to)
	}
	status, _, body := k.post(path+"/claim", nil)
	doc := parse(t, body)
	if status != 409 || !strings.Contains(text(doc), "Amina El Idrissi suit déjà ce dossier") {
		t.Errorf("the second: %d %s", status, text(doc))
	}
	if ways := all(doc, func(n *html.Node) bool { return n.Data == "a" && attr(n, "href") == path }); len(ways) != 1 {
		t.Errorf("%d ways back to the case", len(ways))
	}
	if status, _, body := k.post(path+"/reply", url.Values{"text": {"Je m'en occupe <b>vite</b>"}}); status != 409 || !strings.Contains(body, "Je m&#39;en occupe &lt;b&gt;vite") {
		t.Errorf("what was typed is lost: %d", status)
	}
	doc = k.page(path)
	if len(all(doc, func(n *html.Node) bool { return class("reply")(n) && n.Data == "form" })) != 0 || !strings.Contains(text(doc), "Amina El Idrissi suit ce dossier") {
		t.Error("the colleague is offered to reply")
	}
	if len(all(a.page(path), class("reply"))) != 1 {
		t.Error("the holder cannot reply")
	}
}

// TestHostileWords: nothing that a person writes becomes markup, wherever it is shown.
func TestHostileWords(t *testing.T) {
	w := newWorld(t)
	evil := `<script>alert(1)</script><img src=x onerror=alert(2)>" onmouseover="alert(3) [x](javascript:alert(4)) **gras** {{.}}`
	id := w.arrive(arrival{words: evil, answers: map[string]string{"need": "A1", "profile": "rpt", "first-name": evil, "words": evil},
		media: &bot.Media{Kind: flows.Document, Mime: "text/html", Name: evil + ".html", Data: []byte("<script>alert(5)</script>"), State: bot.MediaReady}})
	b := w.browser("amina")
	for _, path := range []string{"/console/", fmt.Sprintf("/console/cases/%d", id), b.search(evil)} {
		doc := b.page(path)
		bad := all(doc, func(n *html.Node) bool {
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || strings.Contains(a.Val, "javascript:") && a.Key == "href" {
					return true
				}
			}
			return n.Data == "script" && attr(n, "src") == "" || n.Data == "img" && attr(n, "src") == "x"
		})
		if len(bad) > 0 {
			t.Errorf("%s: %d elements made of a person's words, first %q %v", path, len(bad), bad[0].Data, bad[0].Attr)
		}
	}
	doc := b.page(fmt.Sprintf("/console/cases/%d", id))
	words := all(doc, func(n *html.Node) bool { return class("words")(n) && attr(n, "dir") == "auto" })
	if len(words) == 0 || text(words[0]) != strings.Join(strings.Fields(evil), " ") {
		t.Errorf("the words are not shown as they are: %q", texts(words))
	}
	for _, l := range all(doc, class("doc")) {
		response, err := b.Get(w.url + attr(l, "href"))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if h := response.Header; h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") ||
			!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("a page sent by a person could run: %v", h)
		}
	}
}

// png is a picture of one dot.
var png = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0P\x0f\x00\x03\x86\x01\x80Z4}k\x00\x00\x00\x00IEND\xaeB`\x82")

// TestReplyWithFile sends a file of each sort and looks at what went out and how it is shown.
func TestReplyWithFile(t *testing.T) {
	w := newWorld(t)
	id := w.arrive(arrival{words: "bonjour"})
	path := fmt.Sprintf("/console/cases/%d", id)
	b := w.browser("amina")
	webm := append([]byte("\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm"), make([]byte, 64)...)
	for _, tt := range []struct {
		name, declared string
		data           []byte
		voice          string
		kind           flows.Kind
		mime, shown    string // the element that shows it
	}{
		{"photo.png", "image/png", png, "", flows.Image, "image/png", "img"},
		{"voice.webm", "audio/webm", webm, "yes", flows.Voice, "audio/webm", "audio"},
		{"fiche.pdf", "application/pdf", []byte("%PDF-1.4 rien"), "", flows.Document, "application/pdf", "a"},
		{"photo.jpg", "image/jpeg", []byte("<html><script>1</script>"), "", flows.Document, "text/html", "a"},
	} {
		var form bytes.Buffer
		m := multipart.NewWriter(&form)
		m.WriteField("text", "")
		m.WriteField("voice", tt.voice)
		m.WriteField("seconds", "14")
		part, err := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename=%q`, tt.name)}, "Content-Type": {tt.declared}})
		if err != nil {
			t.Fatal(err)
		}
		part.Write(tt.data)
		m.Close()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path+"/reply", &form)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", m.FormDataContentType())
		if status, to, body := b.do(r); status != 303 || to != path {
			t.Fatalf("%s: %d %s", tt.name, status, body)
		}
		var sent bot.Message
		err = w.store.Deliver(t.Context(), bot.Web, func(_ context.Context, m bot.Message) (string, error) { sent = m; return "1", nil })
		if err != nil || sent.Media == nil || sent.Media.Kind != tt.kind || sent.Media.Mime != tt.mime || !bytes.Equal(sent.Media.Data, tt.data) {
			t.Fatalf("%s went out as %+v, %v", tt.name, sent.Media, err)
		}
		files := all(b.page(path), func(n *html.Node) bool { return strings.HasPrefix(attr(n, "src")+attr(n, "href"), "/console/media/") })
		last := files[len(files)-1]
		if last.Data != tt.shown {
			t.Errorf("%s is shown by <%s>, want <%s>", tt.name, last.Data, tt.shown)
		}
		if _, _, body := b.get(attr(last, "src") + attr(last, "href")); body != string(tt.data) {
			t.Errorf("%s comes back as %d bytes", tt.name, len(body))
		}
	}
	if status, to, _ := b.post(path+"/reply", url.Values{"text": {"  "}}); status != 422 {
		t.Errorf("an empty reply: %d %s", status, to)
	}
}

// TestEveryPageInEveryLanguage renders each page in each language: no word is missing, directions are right, nothing
// comes from elsewhere, ids are unique, fields have labels.
func TestEveryPageInEveryLanguage(t *testing.T) {
	w := newWorld(t)
	open := w.arrive(arrival{words: "mon mari me frappe", urgent: "violence", lang: content.Arabic,
		answers: map[string]string{"need": "I1", "profile": "mdm", "first-name": "فاطمة", "phone": "+212612345678", "residence": "FR", "age": "35-49"}})
	closed := w.arrive(arrival{words: "merci"})
	structures := w.desk.Lib().Structures()
	if _, err := w.desk.Close(t.Context(), w.officers["amina"], closed, bot.Closing{Outcome: "oriented", Structure: structures[0].ID, Words: "Allez-y."}); err != nil {
		t.Fatal(err)
	}
	handed := w.arrive(arrival{words: "et moi"})
	if _, err := w.desk.Hand(t.Context(), w.officers["amina"], handed, bot.To{Officer: w.officers["latifa"].ID}, "à suivre"); err != nil {
		t.Fatal(err)
	}
	w.things(open)
	meeting := time.Now().Add(24 * time.Hour)
	for _, do := range []func() (*bot.Case, error){
		func() (*bot.Case, error) { return w.desk.Meet(t.Context(), w.officers["latifa"], open, meeting, 45) },
		func() (*bot.Case, error) {
			return w.desk.Meet(t.Context(), w.officers["latifa"], open, meeting.Add(time.Hour), 45)
		},
		func() (*bot.Case, error) { return w.desk.CallOff(t.Context(), w.officers["latifa"], open) },
		func() (*bot.Case, error) { return w.desk.Meet(t.Context(), w.officers["latifa"], open, meeting, 45) },
	} {
		if _, err := do(); err != nil {
			t.Fatal(err)
		}
	}
	w.desk.Undo = time.Hour
	if _, err := w.desk.Send(t.Context(), w.officers["latifa"], open, bot.Reply{Text: "Je vous écoute."}); err != nil {
		t.Fatal(err)
	}
	if err := w.desk.SetAbsence(t.Context(), w.officers["karim"], bot.Absence{Officer: w.officers["karim"].ID, Since: time.Now(), Until: time.Now()}); err != nil {
		t.Fatal(err)
	}
	head, nobody := w.browser("latifa"), w.browser("")
	for kind, why := range map[string]string{bot.ByMail: "", bot.ByTelegram: "blocked"} {
		way := &bot.Way{Officer: w.officers["latifa"].ID, Kind: kind, Address: "latifa@agadir.example", Lang: content.French}
		if err := errors.Join(w.store.AddWay(t.Context(), way), w.store.Tried(t.Context(), way.ID, why, false)); err != nil {
			t.Fatal(err)
		}
	}
	_, imported, _ := head.upload("agadir", listOf2026(t))
	for _, lang := range []content.Lang{content.French, content.Arabic, content.English} {
		for _, b := range []*browser{head, nobody} {
			if status, to, _ := b.post("/console/lang", url.Values{"lang": {string(lang)}, "back": {"/console/account"}}); status != 303 || to != "/console/account" {
				t.Fatalf("choose %s: %d %s", lang, status, to)
			}
		}
		check := func(path string, doc *html.Node) {
			t.Helper()
			root := all(doc, func(n *html.Node) bool { return n.Data == "html" })[0]
			if attr(root, "lang") != string(lang) || attr(root, "dir") != lang.Dir() {
				t.Errorf("%s in %s: lang=%s dir=%s", path, lang, attr(root, "lang"), attr(root, "dir"))
			}
			seen := map[string]bool{}
			for _, n := range all(doc, func(*html.Node) bool { return true }) {
				if id := attr(n, "id"); id != "" && seen[id] {
					t.Errorf("%s in %s: id %q twice", path, lang, id)
				} else {
					seen[id] = true
				}
				for _, a := range []string{"src", "href", "action"} {
					if v := attr(n, a); v != "" && !strings.HasPrefix(v, "/console/") && !strings.HasPrefix(v, "?show=") && !strings.HasPrefix(v, "#") && !strings.HasPrefix(v, "tel:") {
						t.Errorf("%s in %s: <%s %s=%q> leads elsewhere", path, lang, n.Data, a, v)
					}
				}
				if attr(n, "style") != "" || n.Data == "style" || n.Data == "script" && n.FirstChild != nil {
					t.Errorf("%s in %s: something inline in <%s>", path, lang, n.Data)
				}
				if (n.Data == "input" && attr(n, "type") != "hidden" || n.Data == "textarea" || n.Data == "select") && attr(n, "id") == "" && !within(n, "label") {
					t.Errorf("%s in %s: <%s name=%q> has no label", path, lang, n.Data, attr(n, "name"))
				}
			}
			said := text(doc)
			for _, code := range all(doc, func(n *html.Node) bool { return n.Data == "code" }) {
				said = strings.ReplaceAll(said, text(code), "") // placeholders are shown as they are typed
			}
			if strings.Contains(said, "console.") || strings.Contains(said, "{") {
				t.Errorf("%s in %s: a word is missing: %s", path, lang, said)
			}
		}
		for _, path := range []string{"/console/", "/console/?tab=mine", "/console/?tab=all", "/console/?tab=closed", head.search("zz"), "/console/account", "/console/guide", "/console/officers", fmt.Sprintf("/console/officers/%d", w.officers["amina"].ID), "/console/audit", "/console/account/second",
			fmt.Sprint("/console/cases/", open), fmt.Sprint("/console/cases/", closed), fmt.Sprint("/console/cases/", handed),
			"/console/register", "/console/register?state=closed&need=Z9", "/console/figures", "/console/figures?year=2020", "/console/report",
			"/console/imports", imported, imported + "?show=faulty", imported + "?show=duplicate",
			fmt.Sprintf("/console/cases/%d/sheet", open), fmt.Sprintf("/console/cases/%d/receipt", open), fmt.Sprintf("/console/cases/%d/receipt", closed),
			"/console/?tab=all&waits=us&need=A1", head.search("fatima"), "/console/canned", "/console/absences", "/console/meetings", "/console/meetings?day=" + meeting.In(w.zone).Format(time.DateOnly), fmt.Sprint("/console/cases/", open, "/insert")} {
			check(path, head.page(path))
		}
		_, _, body := head.get("/console/cases/999999")
		check("missing", parse(t, body))
		check("/console/login", nobody.page("/console/login"))
	}
}

func within(n *html.Node, name string) bool {
	for p := range n.Ancestors() {
		if p.Data == name {
			return true
		}
	}
	return false
}

// TestQueueOrder: urgent first, then who waits longest; tabs; search by a reference however it is written.
func TestQueueOrder(t *testing.T) {
	w := newWorld(t)
	first := w.arrive(arrival{words: "premier"})
	second := w.arrive(arrival{words: "second"})
	urgent := w.arrive(arrival{words: "vite", urgent: "child"})
	w.arrive(arrival{words: "ailleurs", office: "tiznit"})
	b := w.browser("amina")
	ids := func(path string) string {
		var list []string
		for _, n := range all(b.page(path), func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "case-") && n.Data == "li" }) {
			list = append(list, strings.TrimPrefix(attr(n, "id"), "case-"))
		}
		return strings.Join(list, " ")
	}
	if got, want := ids("/console/"), fmt.Sprint(urgent, first, second); got != want {
		t.Errorf("the queue is %s, want %s", got, want)
	}
	if _, err := w.desk.Claim(t.Context(), w.officers["amina"], second); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.Close(t.Context(), w.officers["karim"], first, bot.Closing{Outcome: "informed"}); err != nil {
		t.Fatal(err)
	}
	for tab, want := range map[string]string{"open": fmt.Sprint(urgent), "mine": fmt.Sprint(second), "all": fmt.Sprint(urgent, second), "closed": fmt.Sprint(first)} {
		if got := ids("/console/?tab=" + tab); got != want {
			t.Errorf("tab %s is %s, want %s", tab, got, want)
		}
	}
	c, _, err := w.store.Case(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range []string{c.Reference, strings.ToLower(c.Reference), strings.ReplaceAll(c.Reference, "-", " ")} {
		if got := ids(b.search(typed)); got != fmt.Sprint(first) {
			t.Errorf("search %q finds %q", typed, got)
		}
	}
	if doc := b.page(b.search("AG-0000-00")); !strings.Contains(text(doc), "ne semble pas juste") {
		t.Error("a slip in a reference is not said")
	}
}

// TestFirstPage weighs the queue with all that it loads, before compression.
func TestFirstPage(t *testing.T) {
	w := newWorld(t)
	for range 12 {
		w.arrive(arrival{words: "Bonjour, je voudrais savoir quels papiers il faut pour renouveler ma carte de séjour."})
	}
	b := w.browser("amina")
	weight := len(b.must("/console/"))
	for _, n := range all(b.page("/console/"), func(n *html.Node) bool { return n.Data == "script" || n.Data == "link" }) {
		weight += len(b.must(attr(n, "src") + attr(n, "href")))
	}
	if weight < 50_000 || weight > 100_000 {
		t.Errorf("the first page weighs %d bytes", weight)
	}
}

func (b *browser) must(path string) string {
	b.w.t.Helper()
	_, _, body := b.get(path)
	return body
}

// search is the address to which a search leads.
func (b *browser) search(typed string) string {
	b.w.t.Helper()
	status, to, body := b.post("/console/search", url.Values{"q": {typed}})
	if status != 303 || !strings.HasPrefix(to, "/console/?") {
		b.w.t.Fatalf("a search: %d %s %s", status, to, body)
	}
	return to
}

// TestSearchedForNobodySees: no address holds what was searched for, on whichever page of it; another log-in, and the same
// officer's next, read nothing out of one.
func TestSearchedForNobodySees(t *testing.T) {
	w := newWorld(t)
	for range 51 { // more than a page
		w.arrive(arrival{words: "bonjour", answers: map[string]string{"need": "A1", "profile": "rpt", "first-name": "Fatoumata"}})
	}
	b := w.browser("amina")
	to := b.search("Fatoumata")
	next := 0
	for path := to; path != ""; {
		doc := b.page(path)
		found := all(doc, func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "case-") })
		next += len(found)
		for _, n := range all(doc, func(n *html.Node) bool { return n.Type == html.ElementNode }) {
			for _, a := range n.Attr {
				if strings.Contains(strings.ToLower(a.Val), "fatoumata") && attr(n, "id") != "q" {
					t.Errorf("%s: %s=%q", n.Data, a.Key, a.Val)
				}
			}
		}
		path = ""
		for _, n := range all(doc, func(n *html.Node) bool { return strings.Contains(attr(n, "href"), "before=") }) {
			path = attr(n, "href")
		}
	}
	if next != 51 {
		t.Errorf("the search finds %d", next)
	}
	if strings.Contains(strings.ToLower(to), "fatoumata") {
		t.Errorf("the address is %s", to)
	}
	for who, other := range map[string]*browser{"a colleague": w.browser("karim"), "the next log-in": w.browser("amina")} {
		if doc := other.page(to); strings.Contains(text(doc), "Fatoumata") && len(all(doc, func(n *html.Node) bool { return attr(n, "id") == "q" && attr(n, "value") != "" })) > 0 {
			t.Errorf("%s reads what was searched for", who)
		}
	}
	if doc := b.page("/console/?q=Fatoumata"); attr(all(doc, func(n *html.Node) bool { return attr(n, "id") == "q" })[0], "value") != "" {
		t.Error("a name in an address is searched for: it would go on being written there")
	}
}

// follow opens an event stream; wait is true for an event, false at the end.
func (b *browser) follow(path string) (wait func(what string) bool) {
	t := b.w.t
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.w.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("a stream of %s", kind)
	}
	events := make(chan struct{}, 100)
	go func() {
		defer close(events)
		buf := make([]byte, 4096)
		for {
			n, err := response.Body.Read(buf)
			for range bytes.Count(buf[:n], []byte("event: changed")) {
				events <- struct{}{}
			}
			if err != nil {
				return
			}
		}
	}()
	wait = func(what string) bool {
		t.Helper()
		select {
		case _, ok := <-events:
			return ok
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nothing came", what)
			return false
		}
	}
	if !wait("the first event") {
		t.Fatal("the stream ended at once")
	}
	return wait
}

// TestEvents: a stream says that something changed, soon, and ends when the officer is disabled.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	wait := w.browser("amina").follow("/console/events")
	w.arrive(arrival{words: "bonjour"})
	if !wait("an arrival") {
		t.Fatal("the stream ended on an arrival")
	}
	if err := w.store.SetDisabled(t.Context(), w.officers["amina"].ID, true); err != nil {
		t.Fatal(err)
	}
	w.arrive(arrival{words: "encore"})
	for wait("the end") {
	}
}

// TestEventsOfAnotherOffice: the stream of a case ends once the case has gone to another office, and cannot be opened again.
func TestEventsOfAnotherOffice(t *testing.T) {
	w := newWorld(t)
	id := w.arrive(arrival{words: "bonjour", answers: map[string]string{"need": "A1", "profile": "rpt"}})
	b := w.browser("amina")
	wait := b.follow(fmt.Sprintf("/console/cases/%d/events", id))
	if _, err := w.desk.Note(t.Context(), w.officers["karim"], id, "vu"); err != nil {
		t.Fatal(err)
	}
	if !wait("a note") {
		t.Fatal("the stream ended on a note")
	}
	if _, err := w.desk.Hand(t.Context(), w.officers["latifa"], id, bot.To{Office: "tiznit", Ground: bot.GroundLaw}, "la tutelle est à Tiznit"); err != nil {
		t.Fatal(err)
	}
	for wait("the end") {
	}
	if status, _, _ := b.get(fmt.Sprintf("/console/cases/%d/events", id)); status != 403 {
		t.Errorf("opened again: %d", status)
	}
}

// TestPassphrases are hashed with a salt of their own, and only theirs fits.
func TestPassphrases(t *testing.T) {
	for _, bad := range []string{"", "court", strings.Repeat("x", 201)} {
		if _, err := console.HashPassphrase(bad); !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("a passphrase of %d characters is taken: %v", len(bad), err)
		}
	}
	h, err := hash()
	if err != nil || !strings.HasPrefix(h, "$argon2id$v=19$m=65536,t=1,p=1$") {
		t.Fatalf("hash %q, %v", h, err)
	}
	if !console.VerifyPassphrase(h, passphrase) || console.VerifyPassphrase(h, passphrase+"x") {
		t.Error("the hash fits the wrong one")
	}
	for _, broken := range []string{"", "x", "$argon2id$v=19$m=65536,t=1,p=1$$", h[:len(h)-4], strings.Replace(h, "m=65536", "m=99999999", 1)} {
		if console.VerifyPassphrase(broken, passphrase) || console.VerifyPassphrase(broken, "") {
			t.Errorf("a broken hash lets somebody in: %q", broken)
		}
	}
	for login, ok := range map[string]bool{"amina": true, "a.b-c_9": true, "a": false, "9a": false, "Amina": false, "am ina": false, "أمينة": false, "a\n": false, strings.Repeat("a", 41): false} {
		if err := console.ValidateLogin(login); (err == nil) != ok {
			t.Errorf("login %q: %v", login, err)
		}
	}
	if a, b := console.NewPassphrase(), console.NewPassphrase(); a == b || len(a) != 19 {
		t.Errorf("new passphrases %q %q", a, b)
	}
}
