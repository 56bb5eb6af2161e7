package telegram_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/telegram"
	"baom/handlers/telegram/telegramtest"
)

// A record is a receive function that keeps what it is given, once it is willing to.
type record struct {
	mu      sync.Mutex
	refuse  int // refuse this many first
	entries []bot.Entry
	came    chan struct{}
}

func newRecord() *record { return &record{came: make(chan struct{}, 1000)} }

func (r *record) receive(_ context.Context, e bot.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse > 0 {
		r.refuse--
		return errors.New("the database is away")
	}
	r.entries = append(r.entries, e)
	r.came <- struct{}{}
	return nil
}

func (r *record) wait(t *testing.T, n int) []bot.Entry {
	t.Helper()
	for range n {
		select {
		case <-r.came:
		case <-time.After(20 * time.Second):
			t.Fatalf("%d entries came, not %d", len(r.entries), n)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]bot.Entry{}, r.entries...)
}

// run runs a channel until the test ends and returns it.
func run(t *testing.T, c telegram.Config, receive func(context.Context, bot.Entry) error) *telegram.Telegram {
	t.Helper()
	ch, err := telegram.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ch.Run(ctx, receive) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return ch
}

func TestEntries(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr-FR")
	r := newRecord()
	run(t, telegram.Config{Token: api.Token, APIURL: api.URL, Mode: "poll"}, r.receive)
	p.Send("bonjour")
	p.Send("/start need_A1")
	p.Send("/start")
	p.Edit("bonsoir")
	p.Location(30.4, -9.6)
	p.Sticker()
	p.Voice([]byte("ogg"))
	p.Photo([]byte("jpeg"), "mon reçu")
	p.Document("bail.pdf", "application/pdf", []byte("pdf"))
	p.PressData(1, "abc|answer.rpt.civil.birth")
	got := r.wait(t, 10)
	for i, want := range []flows.Input{
		{Text: "bonjour"}, {Choice: "need.A1"}, {Choice: "start"}, {Text: "bonsoir", Edited: true},
		{Kind: flows.Location, Lat: 30.4, Lon: -9.6}, {Kind: flows.Sticker}, {Kind: flows.Voice}, {Kind: flows.Image, Text: "mon reçu"},
		{Kind: flows.Document}, {Choice: "answer.rpt.civil.birth"},
	} {
		in := got[i].Input
		if in.Text != want.Text || in.Choice != want.Choice || in.Kind != want.Kind || in.Edited != want.Edited || in.Lat != want.Lat || in.Slots["hint.lang"] != "fr" {
			t.Errorf("entry %d is %+v, want %+v", i, in, want)
		}
		if got[i].Peer != (bot.Peer{Channel: bot.Telegram, ID: "42"}) || !strings.HasPrefix(got[i].Key, "tg:") || in.At.IsZero() {
			t.Errorf("entry %d is %+v", i, got[i])
		}
	}
	if m := got[8].Media; m == nil || m.Name != "bail.pdf" || m.Mime != "application/pdf" || m.State != bot.MediaWanted {
		t.Errorf("the document is %+v", m)
	}
}

// TestNothingLost shows that the offset passes only what is filed: refused updates come again, in order, and a second
// process that starts where the first died misses none.
func TestNothingLost(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	r := newRecord()
	r.refuse = 3
	for _, w := range []string{"un", "deux", "trois"} {
		p.Send(w)
	}
	api.Fail("getUpdates", telegramtest.Fault{Status: 500, Text: "oops"}, telegramtest.Fault{Drop: true})
	run(t, telegram.Config{Token: api.Token, APIURL: api.URL, Mode: "poll"}, r.receive)
	var words []string
	for _, e := range r.wait(t, 3) {
		words = append(words, e.Input.Text)
	}
	if got := strings.Join(words, " "); got != "un deux trois" {
		t.Errorf("filed %q", got)
	}
}

func TestUnknownToken(t *testing.T) {
	api := telegramtest.New(t)
	ch, err := telegram.New(telegram.Config{Token: "1:wrong", APIURL: api.URL, Mode: "poll"})
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Run(t.Context(), newRecord().receive); err == nil || !strings.Contains(err.Error(), "BAOM_TELEGRAM_TOKEN") {
		t.Errorf("an unknown token: %v", err)
	}
	if _, err := telegram.New(telegram.Config{Token: "not a token"}); err == nil {
		t.Error("a token that is none was taken")
	}
}

func TestWebhook(t *testing.T) {
	r := newRecord()
	ch := run(t, telegram.Config{Token: "1:abc", APIURL: "http://127.0.0.1:1", Mode: "webhook", Secret: "s3cret"}, r.receive)
	hook := httptest.NewServer(ch.Webhook())
	defer hook.Close()
	body := `{"update_id":7,"message":{"message_id":1,"date":1700000000,"chat":{"id":42,"type":"private"},"from":{"id":42,"is_bot":false,"first_name":"P"},"text":"bonjour"}}`
	post := func(body, secret string) int {
		req, err := http.NewRequest(http.MethodPost, hook.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for try := 0; post(body, "s3cret") == 503 && try < 100; try++ { // Run may not have begun yet
		time.Sleep(10 * time.Millisecond)
	}
	r.mu.Lock()
	r.refuse = 1
	r.mu.Unlock()
	for _, c := range []struct {
		name, body, secret string
		want               int
	}{
		{"the database is away", body, "s3cret", 503}, {"it is back", body, "s3cret", 200}, {"wrong secret", body, "wrong", 401}, {"no secret", body, "", 401},
		{"broken", `{"update_id":`, "s3cret", 400}, {"too large", `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, "s3cret", 413},
		{"a group", strings.Replace(body, "private", "group", 1), "s3cret", 200},
	} {
		if got := post(c.body, c.secret); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if got := r.wait(t, 2); len(got) != 2 || got[0].Input.Text != "bonjour" {
		t.Errorf("filed %+v", got)
	}
}

func TestSend(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	ch, err := telegram.New(telegram.Config{Token: api.Token, APIURL: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	peer := bot.Peer{Channel: bot.Telegram, ID: "42"}
	send := func(m bot.Message) string {
		t.Helper()
		m.Peer = peer
		id, err := ch.Send(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	id := send(bot.Message{ID: 5, Text: "**Bonjour** *vous* <b>\n\n- un & deux\n- trois", Choices: []content.Option{
		{ID: "consent.yes", Label: "Oui"}, {ID: "consent.no", Label: "Non"}, {ID: "x", Label: "Un choix dont le texte est long"}, {ID: "y", Label: "Fin"}}})
	m := p.Read()
	if m.Text != "Bonjour vous <b>\n\n• un & deux\n• trois" || len(m.Buttons) != 3 || len(m.Buttons[0]) != 2 || m.Buttons[0][0].Data != "5|consent.yes" {
		t.Errorf("the person sees %+v", m)
	}
	send(bot.Message{ID: 6, Text: "suite", Keyboard: id, Officer: "Amina Test"})
	if m := p.Read(); m.Text != "Amina : suite" {
		t.Errorf("the officer's words are %q", m.Text)
	}
	for try := 0; len(p.Got()[0].Buttons) > 0 && try < 200; try++ {
		time.Sleep(10 * time.Millisecond)
	}
	if len(p.Got()[0].Buttons) > 0 {
		t.Error("the old keyboard is still there")
	}
	long := strings.Repeat("Un paragraphe de quelques mots seulement.\n\n", 300)
	send(bot.Message{ID: 7, Text: long, Choices: []content.Option{{ID: "z", Label: "Z"}}})
	parts := 0
	for words := 0; words < 300; parts++ {
		m := p.Read()
		words += strings.Count(m.Text, "paragraphe")
		if last := words == 300; last != (len(m.Buttons) == 1) {
			t.Error("the choices stand under the last part")
		}
	}
	if parts < 3 {
		t.Errorf("%d parts", parts)
	}
	send(bot.Message{ID: 8, Text: "écoutez", Media: &bot.Media{Kind: flows.Voice, Mime: "audio/ogg", Data: []byte("ogg")}})
	send(bot.Message{ID: 9, Media: &bot.Media{Kind: flows.Document, Mime: "application/pdf", Name: "guide.pdf", Data: []byte("pdf")}})
	if m := p.Read(); m.Method != "sendVoice" || string(m.File) != "ogg" || m.Text != "écoutez" {
		t.Errorf("the voice note is %+v", m)
	}
	if m := p.Read(); m.Method != "sendDocument" || m.Name != "guide.pdf" {
		t.Errorf("the document is %+v", m)
	}
}

func TestSendErrors(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	ch, err := telegram.New(telegram.Config{Token: api.Token, APIURL: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	try := func(peer string) *bot.SendError {
		t.Helper()
		_, err := ch.Send(t.Context(), bot.Message{Peer: bot.Peer{Channel: bot.Telegram, ID: peer}, Text: "x"})
		var e *bot.SendError
		if !errors.As(err, &e) {
			t.Fatalf("%v is no SendError", err)
		}
		if strings.Contains(err.Error(), api.Token) {
			t.Errorf("the error shows the token: %v", err)
		}
		return e
	}
	api.Fail("sendMessage", telegramtest.Fault{Status: 429, Retry: 7, Text: "Too Many Requests: retry after 7"})
	if e := try("42"); e.Permanent || e.After != 7*time.Second {
		t.Errorf("flood: %+v", e)
	}
	api.Fail("sendMessage", telegramtest.Fault{Status: 502, Text: "Bad Gateway"})
	if e := try("42"); e.Permanent {
		t.Errorf("a gateway's error: %+v", e)
	}
	api.Fail("sendMessage", telegramtest.Fault{Drop: true})
	if e := try("42"); e.Permanent {
		t.Errorf("a cut connection: %+v", e)
	}
	p.Block(true)
	if e := try("42"); !e.Permanent || !strings.Contains(e.Why, "bloqué") {
		t.Errorf("blocked: %+v", e)
	}
	if e := try("43"); !e.Permanent {
		t.Errorf("an unknown chat: %+v", e)
	}
}

func TestOpen(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	r := newRecord()
	ch := run(t, telegram.Config{Token: api.Token, APIURL: api.URL, Mode: "poll"}, r.receive)
	p.Voice([]byte("des octets"))
	m := r.wait(t, 1)[0].Media
	f, err := ch.Open(t.Context(), *m)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || string(data) != "des octets" {
		t.Errorf("%q, %v", data, err)
	}
	gone, _ := json.Marshal(map[string]string{"id": "no such file"})
	var e *bot.SendError
	if _, err := ch.Open(t.Context(), bot.Media{Ref: gone}); !errors.As(err, &e) || !e.Permanent {
		t.Errorf("a file that is gone: %v", err)
	}
}

func TestPressIsAnswered(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	r := newRecord()
	ch := run(t, telegram.Config{Token: api.Token, APIURL: api.URL, Mode: "poll"}, r.receive)
	if _, err := ch.Send(t.Context(), bot.Message{ID: 1, Peer: bot.Peer{Channel: bot.Telegram, ID: "42"}, Text: "?", Choices: []content.Option{{ID: "consent.yes", Label: "Oui"}}}); err != nil {
		t.Fatal(err)
	}
	p.Read()
	p.Press("Oui")
	r.wait(t, 1)
	for try := 0; (api.Unanswered() > 0 || len(p.Got()[0].Buttons) > 0) && try < 300; try++ {
		time.Sleep(10 * time.Millisecond)
	}
	if api.Unanswered() > 0 || len(p.Got()[0].Buttons) > 0 {
		t.Error("the button still turns, or is still there")
	}
}

func FuzzHTML(f *testing.F) {
	for _, s := range []string{"**a *b* c**", "[x](https://a.b/?q=\"<)", "1. a\n2. b\n\n- c", "05 37 54 54 00", "<script>&amp;", "**\\*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 {
			return
		}
		out := telegram.HTML(s)
		depth := 0
		for rest := out; ; {
			i := strings.IndexByte(rest, '<')
			if i < 0 {
				break
			}
			end := strings.IndexByte(rest[i:], '>')
			if end < 0 {
				t.Fatalf("%q: a tag does not end", out)
			}
			tag := rest[i+1 : i+end]
			switch name := strings.TrimPrefix(strings.Fields(tag + " ")[0], "/"); name {
			case "b", "i", "a":
			default:
				t.Fatalf("%q: tag %q", out, tag)
			}
			if tag[0] == '/' {
				depth--
			} else {
				depth++
			}
			rest = rest[i+end+1:]
		}
		if depth != 0 {
			t.Fatalf("%q is not balanced", out)
		}
	})
}

func FuzzWebhook(f *testing.F) {
	f.Add(`{"update_id":1,"message":{"chat":{"id":1,"type":"private"},"text":"x"}}`)
	f.Add(`{"update_id":1,"callback_query":{"id":"1","message":{"date":0,"chat":{"id":1,"type":"private"}},"data":"a|b"}}`)
	f.Add(`{"message":{"chat":{"type":"private"},"photo":[],"venue":{},"voice":{"file_size":99999999999}}}`)
	ch, err := telegram.New(telegram.Config{Token: "1:abc", APIURL: "http://127.0.0.1:1", Mode: "webhook", Secret: "s"})
	if err != nil {
		f.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go ch.Run(ctx, func(context.Context, bot.Entry) error { return nil })
	f.Fuzz(func(t *testing.T, body string) {
		req := httptest.NewRequest(http.MethodPost, "/telegram/webhook", strings.NewReader(body))
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", "s")
		ch.Webhook().ServeHTTP(httptest.NewRecorder(), req)
	})
}

func BenchmarkWebhook(b *testing.B) {
	ch, err := telegram.New(telegram.Config{Token: "1:abc", APIURL: "http://127.0.0.1:1", Mode: "webhook", Secret: "s"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go ch.Run(ctx, func(context.Context, bot.Entry) error { return nil })
	body := `{"update_id":7,"message":{"message_id":1,"date":1700000000,"chat":{"id":42,"type":"private"},"from":{"id":42,"is_bot":false,"first_name":"P","language_code":"fr"},"text":"bonjour"}}`
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequest(http.MethodPost, "/telegram/webhook", strings.NewReader(body))
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", "s")
		ch.Webhook().ServeHTTP(httptest.NewRecorder(), req)
	}
}
