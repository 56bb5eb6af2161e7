package telegram_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"baom/bot"
	"baom/handlers/telegram"
	"baom/handlers/telegram/telegramtest"
)

// A record is a receive function that keeps what it is given, once it is willing to.
type record struct {
	mu      sync.Mutex
	refuse  func(e bot.Entry) bool // nil: nothing
	entries []bot.Entry
	came    chan struct{}
}

func newRecord() *record { return &record{came: make(chan struct{}, 10000)} }

func (r *record) receive(_ context.Context, e bot.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil && r.refuse(e) {
		return errors.New("the database is away")
	}
	r.entries = append(r.entries, e)
	r.came <- struct{}{}
	return nil
}

// refusing sets what is refused.
func (r *record) refusing(refuse func(bot.Entry) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

// first refuses the first n.
func first(n int) func(bot.Entry) bool {
	return func(bot.Entry) bool { n--; return n >= 0 }
}

// wait waits for n more entries and returns all there are.
func (r *record) wait(t *testing.T, n int) []bot.Entry {
	t.Helper()
	for range n {
		select {
		case <-r.came:
		case <-time.After(20 * time.Second):
			t.Fatalf("not %d more entries came: %v", n, r.words())
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.entries)
}

func (r *record) words() (words []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		words = append(words, e.Peer.ID+":"+e.Input.Text)
	}
	return words
}

// run runs a channel until the test ends, or stop is called, and returns it.
func run(t *testing.T, c telegram.Config, receive func(context.Context, bot.Entry) error) (ch *telegram.Telegram, stop func()) {
	t.Helper()
	ch, err := telegram.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ch.Run(ctx, receive) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return ch, stop
}

func polling(api *telegramtest.Server) telegram.Config {
	return telegram.Config{Token: api.Token, APIURL: api.URL, Mode: "poll"}
}

// TestNothingLost shows that the offset passes only what is filed: what is refused comes again, and in order, whatever
// else fails meanwhile.
func TestNothingLost(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	r := newRecord()
	r.refusing(first(1))
	for _, w := range []string{"un", "deux", "trois"} {
		p.Send(w)
	}
	api.Fail("deleteWebhook", telegramtest.Fault{Status: 502, Text: "Bad Gateway"})
	api.Fail("getUpdates", telegramtest.Fault{Status: 500, Text: "oops"}, telegramtest.Fault{Drop: true})
	run(t, polling(api), r.receive)
	r.wait(t, 3)
	if got := strings.Join(r.words(), " "); got != "42:un 42:deux 42:trois" {
		t.Errorf("filed %q", got)
	}
	api.Until("everything is confirmed", func() bool { return api.Pending() == 0 })
}

// TestCrash kills a process that has filed some updates and confirmed none of them: the next one gets what is missing.
func TestCrash(t *testing.T) {
	api := telegramtest.New(t)
	a, b := api.Person(1, "fr"), api.Person(2, "ar")
	for _, w := range []string{"a", "b", "c", "d", "e"} {
		a.Send(w)
		b.Send(w)
	}
	before, after := newRecord(), newRecord()
	before.refusing(func(e bot.Entry) bool { return e.Input.Text >= "c" }) // the database dies there
	_, crash := run(t, polling(api), before.receive)
	before.wait(t, 4)
	crash()
	run(t, polling(api), after.receive)
	api.Until("everything is confirmed", func() bool { return api.Pending() == 0 })
	seen := map[string][]string{}
	for _, e := range append(before.wait(t, 0), after.wait(t, 0)...) {
		if !slices.Contains(seen[e.Peer.ID], e.Key+" "+e.Input.Text) { // filed twice is filed once, by its key
			seen[e.Peer.ID] = append(seen[e.Peer.ID], e.Key+" "+e.Input.Text)
		}
	}
	if got := strings.Join(append(seen["1"], seen["2"]...), ", "); len(seen) != 2 ||
		got != "tg:1 a, tg:3 b, tg:5 c, tg:7 d, tg:9 e, tg:2 a, tg:4 b, tg:6 c, tg:8 d, tg:10 e" {
		t.Errorf("filed %s", got)
	}
}

// TestOneChatHoldsUpItselfAlone shows that an update which cannot be filed lets other people's through, once each, and
// that its own chat stays in order.
func TestOneChatHoldsUpItselfAlone(t *testing.T) {
	api := telegramtest.New(t)
	r := newRecord()
	refused := make(chan struct{}, 1000)
	r.refusing(func(e bot.Entry) bool {
		if e.Peer.ID == "1" {
			refused <- struct{}{}
		}
		return e.Peer.ID == "1"
	})
	run(t, polling(api), r.receive)
	stuck, other := api.Person(1, "fr"), api.Person(2, "fr")
	stuck.Send("un")
	other.Send("a")
	stuck.Send("deux")
	other.Send("b")
	r.wait(t, 2)
	for range 2 { // it has come, and come again
		<-refused
	}
	if api.Pending() != 4 {
		t.Errorf("the first update is not filed, and %d of 4 are left unconfirmed", api.Pending())
	}
	r.refusing(nil)
	r.wait(t, 2)
	api.Until("everything is confirmed", func() bool { return api.Pending() == 0 })
	if got := strings.Join(r.words(), " "); got != "2:a 2:b 1:un 1:deux" {
		t.Errorf("filed %q", got)
	}
}

// TestUnknownShape shows that an update with a part that the library refuses is read as far as it goes, and holds up
// nothing.
func TestUnknownShape(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	r := newRecord()
	run(t, polling(api), r.receive)
	p.Carry(map[string]any{"text": "transféré", "forward_origin": map[string]any{"type": "from the future", "date": 1}})
	p.Send("après")
	r.wait(t, 2)
	if got := strings.Join(r.words(), " "); got != "42:transféré 42:après" {
		t.Errorf("filed %q", got)
	}
}

func TestConfig(t *testing.T) {
	good := telegram.Config{Token: "123:abc-DEF_1", Mode: "webhook", Secret: "s"}
	for _, c := range []struct {
		name  string
		spoil func(*telegram.Config)
		want  string // in the error
	}{
		{"good", func(*telegram.Config) {}, ""},
		{"mode left out", func(c *telegram.Config) { c.Mode, c.Secret = "", "" }, ""},
		{"no token", func(c *telegram.Config) { c.Token = "not a token" }, "BAOM_TELEGRAM_TOKEN"},
		{"a token with a slash", func(c *telegram.Config) { c.Token = "123:abc/../x" }, "BAOM_TELEGRAM_TOKEN"},
		{"no mode", func(c *telegram.Config) { c.Mode = "push" }, "BAOM_TELEGRAM_MODE"},
		{"webhook without a secret", func(c *telegram.Config) { c.Secret = "" }, "BAOM_TELEGRAM_SECRET"},
		{"a secret that Telegram refuses", func(c *telegram.Config) { c.Secret = "é" }, "BAOM_TELEGRAM_SECRET"},
		{"no address", func(c *telegram.Config) { c.APIURL = "telegram" }, "BAOM_TELEGRAM_API_URL"},
	} {
		config := good
		c.spoil(&config)
		_, err := telegram.New(config)
		if got := c.want != ""; (err != nil) != got || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
	}
}

// TestUnknownToken: a token that Telegram does not know, or no longer, ends the channel with a word that says so.
func TestUnknownToken(t *testing.T) {
	api := telegramtest.New(t)
	api.Fail("getUpdates", telegramtest.Fault{Status: 401, Text: "Unauthorized"})
	wrong := telegram.Config{Token: "1:wrong", APIURL: api.URL, Secret: "s", PublicURL: "https://baom.example"}
	hook := wrong
	hook.Mode = "webhook"
	for name, c := range map[string]telegram.Config{"poll": wrong, "webhook": hook, "revoked while it polls": polling(api)} {
		ch, err := telegram.New(c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		if err := ch.Run(ctx, newRecord().receive); err == nil || !strings.Contains(err.Error(), "BAOM_TELEGRAM_TOKEN") {
			t.Errorf("%s: %v", name, err)
		}
		stop()
	}
}

// A logbook is a log that can be read while it is written.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logbook) log() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// TestConflict: a second program with the same token is named in the log, the token and people's words are not, and
// polling goes on.
func TestConflict(t *testing.T) {
	api := telegramtest.New(t)
	var log logbook
	c := polling(api)
	c.Log = log.log()
	r := newRecord()
	api.Fail("getUpdates", telegramtest.Fault{Status: 409, Text: "Conflict: terminated by other getUpdates request"}, telegramtest.Fault{DropBefore: true})
	run(t, c, r.receive)
	api.Person(42, "fr").Send("mot-secret")
	r.wait(t, 1)
	if got := log.String(); !strings.Contains(got, "another program polls") || strings.Contains(got, api.Token) || strings.Contains(got, "mot-secret") {
		t.Errorf("the log says %s", got)
	}
}

// TestOnePolls: of two processes one holds the right to poll; when it loses that, the other one takes over.
func TestOnePolls(t *testing.T) {
	api := telegramtest.New(t)
	right := make(chan struct{}, 1)
	lose := make(chan func(), 1)
	c := polling(api)
	c.Hold = func(ctx context.Context) (context.Context, func(), bool, error) {
		select {
		case right <- struct{}{}:
			held, cancel := context.WithCancel(ctx)
			lose <- cancel
			return held, func() { cancel() }, true, nil // the right is not given back: it was lost
		default:
			return nil, nil, false, nil
		}
	}
	p := api.Person(42, "fr")
	one, two := newRecord(), newRecord()
	run(t, c, one.receive)
	loses := <-lose
	run(t, c, two.receive)
	p.Send("un")
	one.wait(t, 1)
	api.Until("it is confirmed", func() bool { return api.Pending() == 0 })
	loses()
	<-right // whoever asks next has it
	p.Send("deux")
	api.Until("it is confirmed", func() bool { return api.Pending() == 0 })
	if got := append(one.words(), two.words()...); !slices.Equal(got, []string{"42:un", "42:deux"}) {
		t.Errorf("filed %q", got)
	}
}

const hello = `{"update_id":7,"message":{"message_id":1,"date":1700000000,"chat":{"id":42,"type":"private"},"from":{"id":42,"is_bot":false,"first_name":"P","language_code":"fr"},"text":"bonjour"}}`

// hook runs a channel in webhook mode and returns its handler, once it takes updates.
func hook(t testing.TB, receive func(context.Context, bot.Entry) error) http.Handler {
	t.Helper()
	ch, err := telegram.New(telegram.Config{Token: "1:abc", APIURL: "http://127.0.0.1:1", Mode: "webhook", Secret: "s3cret", Now: func() time.Time { return time.Unix(1800000000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { ch.Run(ctx, receive); close(done) }()
	t.Cleanup(func() { stop(); <-done })
	h := ch.Webhook()
	for post(h, `{"update_id":1}`, "s3cret") == 503 {
		time.Sleep(time.Millisecond)
	}
	return h
}

func post(h http.Handler, body, secret string) int {
	req := httptest.NewRequest(http.MethodPost, "/telegram/webhook", strings.NewReader(body))
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Code
}

func TestWebhookAnswers(t *testing.T) {
	r := newRecord()
	h := hook(t, r.receive)
	r.refusing(first(1))
	for _, c := range []struct {
		name, body, secret string
		want               int
	}{
		{"the database is away", hello, "s3cret", 503}, {"it is back", hello, "s3cret", 200}, {"wrong secret", hello, "wrong", 401}, {"no secret", hello, "", 401},
		{"wrong secret and broken", `{`, "wrong", 401}, {"broken", `{"update_id":`, "s3cret", 400}, {"empty", ``, "s3cret", 400}, {"no object", `[1]`, "s3cret", 400},
		{"no update", `{}`, "s3cret", 400}, {"rubbish behind", `{"update_id":8}x`, "s3cret", 400},
		{"too large", `{"x":"` + strings.Repeat("x", 1<<20) + `"}`, "s3cret", 413},
		{"a group", strings.Replace(hello, "private", "group", 1), "s3cret", 200},
	} {
		if got := post(h, c.body, c.secret); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if got := strings.Join(r.words(), " "); got != "42:bonjour" {
		t.Errorf("filed %q", got)
	}
	idle, err := telegram.New(telegram.Config{Token: "1:abc", Mode: "webhook", Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if got := post(idle.Webhook(), hello, "s"); got != 503 {
		t.Errorf("before Run: %d", got)
	}
}

// TestWebhookDelivers has Telegram told where to post, and posts through the fake, which repeats what is refused.
func TestWebhookDelivers(t *testing.T) {
	api := telegramtest.New(t)
	r := newRecord()
	r.refusing(first(3))
	mux := http.NewServeMux()
	public := httptest.NewServer(mux)
	defer public.Close()
	ch, err := telegram.New(telegram.Config{Token: api.Token, APIURL: api.URL, Mode: "webhook", Secret: "s3cret", PublicURL: public.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("POST /telegram/webhook", ch.Webhook())
	a, b := api.Person(1, "fr"), api.Person(2, "fr")
	a.Send("un") // Telegram keeps what comes before the webhook is set
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- ch.Run(ctx, r.receive) }()
	for _, w := range []string{"deux", "trois"} {
		a.Send(w)
		b.Send(w)
	}
	r.wait(t, 5)
	api.Until("everything is taken", func() bool { return api.Pending() == 0 })
	var ofA []string
	for _, w := range r.words() {
		if strings.HasPrefix(w, "1:") {
			ofA = append(ofA, w)
		}
	}
	if got := strings.Join(ofA, " "); got != "1:un 1:deux 1:trois" {
		t.Errorf("filed %q", got)
	}
	want := telegramtest.Params{"url": public.URL + "/telegram/webhook", "secret_token": "s3cret", "max_connections": "100",
		"allowed_updates": `["message","edited_message","callback_query","my_chat_member"]`}
	for k, v := range want {
		if got := api.Requests("setWebhook")[0][k]; got != v {
			t.Errorf("setWebhook: %s is %q, want %q", k, got, v)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := post(ch.Webhook(), hello, "s3cret"); got != 503 {
		t.Errorf("after Run: %d", got)
	}
}

// FuzzUpdate: whatever is posted with the right secret meets an answer, never a panic; and what is filed has a key, a
// peer, a time and something to say.
func FuzzUpdate(f *testing.F) {
	f.Add(hello)
	f.Add(`{"update_id":1,"callback_query":{"id":"1","message":{"date":0,"chat":{"id":1,"type":"private"}},"data":"a|b"}}`)
	f.Add(`{"update_id":2,"callback_query":null,"edited_message":{"chat":{"id":1,"type":"private"},"location":{}}}`)
	f.Add(`{"update_id":3,"message":{"chat":{"id":1,"type":"private"},"photo":[],"venue":{},"voice":{"file_size":99999999999},"forward_origin":{"type":"?"}}}`)
	f.Add(`{"update_id":4,"my_chat_member":{"chat":{"id":-1,"type":"group"},"new_chat_member":{"status":"member"},"old_chat_member":{"status":"left"}}}`)
	var filed bot.Entry
	h := hook(f, func(_ context.Context, e bot.Entry) error { filed = e; return nil })
	f.Fuzz(func(t *testing.T, body string) {
		filed = bot.Entry{}
		code := post(h, body, "s3cret")
		if code != 200 && code != 400 {
			t.Fatalf("status %d", code)
		}
		if filed.Key != "" && (filed.Peer.ID == "" || filed.Input.At.IsZero() || filed.Input.Text == "" && filed.Input.Choice == "" && filed.Input.Kind == "") {
			t.Fatalf("filed %+v", filed)
		}
	})
}

// BenchmarkWebhook is the way of an update from the handler to receive.
func BenchmarkWebhook(b *testing.B) {
	h := hook(b, func(context.Context, bot.Entry) error { return nil })
	b.ReportAllocs()
	for b.Loop() {
		if code := post(h, hello, "s3cret"); code != 200 {
			b.Fatal(code)
		}
	}
}
