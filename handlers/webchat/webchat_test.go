package webchat_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/webchat"
	"baom/storage"
	"baom/storage/storagetest"
)

// A world is the chat on a real record, with an echo in the bot's place.
type world struct {
	t     *testing.T
	url   string
	store *storage.Store
}

func newWorld(t *testing.T, limits webchat.Limits) *world {
	t.Helper()
	lib, err := content.Load(content.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	store := storagetest.New(t)
	chat, err := webchat.New(webchat.Config{Journal: store, Lib: lib, Secret: storagetest.Secret(), Log: slog.New(slog.DiscardHandler), Now: time.Now, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(chat.Handler())
	t.Cleanup(server.Close)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		news := store.Watch(ctx, bot.TopicInbox)
		for ctx.Err() == nil {
			err := store.Turn(ctx, func(s flows.Session, e bot.Entry) bot.Turn {
				return bot.Turn{Session: s, Send: []bot.Message{{Text: "**écho** " + content.Escape(e.Input.Text+e.Input.Choice), Choices: []content.Option{{ID: "menu.menu", Label: "Menu"}}}}}
			})
			if errors.Is(err, bot.ErrIdle) {
				<-news
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return &world{t, server.URL, store}
}

// A visitor is a browser without script.
func (w *world) visitor() *http.Client {
	jar := &jar{}
	return &http.Client{Jar: jar, Timeout: 20 * time.Second}
}

// jar keeps every cookie of one host.
type jar struct{ cookies []*http.Cookie }

func (j *jar) SetCookies(_ *url.URL, c []*http.Cookie) { j.cookies = append(j.cookies, c...) }
func (j *jar) Cookies(*url.URL) []*http.Cookie         { return j.cookies }

// post sends a form and returns the status and the page that follows.
func (w *world) post(c *http.Client, fields url.Values) (int, string) {
	w.t.Helper()
	resp, err := c.PostForm(w.url+"/chat/send", fields)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (w *world) get(c *http.Client, path string) (int, string, http.Header) {
	w.t.Helper()
	resp, err := c.Get(w.url + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func TestWithoutScript(t *testing.T) {
	w := newWorld(t, webchat.Limits{})
	c := w.visitor()
	status, page, header := w.get(c, "/")
	if status != 200 || !strings.Contains(page, `value="lang.ar"`) || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the first page: %d %s", status, header)
	}
	if len(page) > 40<<10 {
		t.Errorf("the first page has %d bytes", len(page))
	}
	status, page = w.post(c, url.Values{"id": {"a1"}, "text": {"<script>alert(1)</script> bonjour"}})
	if status != 200 || !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt; bonjour") || !strings.Contains(page, "<strong>écho</strong>") {
		t.Errorf("after sending: %d %s", status, page)
	}
	if strings.Contains(page, "<script>alert") {
		t.Error("a person's words became markup")
	}
	if _, err := html.Parse(strings.NewReader(page)); err != nil {
		t.Error(err)
	}
	// The same form sent again, as by going back, is the same message.
	w.post(c, url.Values{"id": {"a1"}, "text": {"<script>alert(1)</script> bonjour"}})
	if _, page, _ = w.get(c, "/"); strings.Count(page, "écho") != 1 {
		t.Error("a message sent twice was handled twice")
	}
	if status, page = w.post(c, url.Values{"id": {"a2"}}); status != 400 || !strings.Contains(page, `role="alert"`) {
		t.Errorf("an empty message: %d", status)
	}
	resp, err := c.PostForm(w.url+"/chat/leave", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestAnotherCannotRead(t *testing.T) {
	w := newWorld(t, webchat.Limits{})
	c := w.visitor()
	if status := w.upload(c, "f1", "photo.png", "image/png", png()); status != http.StatusNoContent {
		t.Fatalf("upload: %d", status)
	}
	_, lines, _ := w.get(c, "/chat/lines")
	var list []struct{ ID int64 }
	if err := json.Unmarshal([]byte(lines), &list); err != nil || len(list) == 0 {
		t.Fatalf("%s, %v", lines, err)
	}
	path := "/chat/media/" + itoa(list[0].ID)
	if status, body, h := w.get(c, path); status != 200 || body != string(png()) || h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("own picture: %d %v", status, h)
	}
	if status, _, _ := w.get(w.visitor(), path); status != 404 {
		t.Errorf("without a cookie: %d", status)
	}
	other := w.visitor()
	w.post(other, url.Values{"id": {"x"}, "text": {"moi"}})
	if status, _, _ := w.get(other, path); status != 404 {
		t.Errorf("another person: %d", status)
	}
	forged := w.visitor()
	forged.Jar.SetCookies(nil, []*http.Cookie{{Name: "baom_chat", Value: strings.Repeat("a", 32) + ".AAAAAAAAAAAAAAAAAAAAAA"}})
	if status, _, _ := w.get(forged, "/chat/lines"); status != http.StatusUnauthorized {
		t.Errorf("a forged cookie: %d", status)
	}
}

func TestUploads(t *testing.T) {
	w := newWorld(t, webchat.Limits{})
	c := w.visitor()
	for _, tt := range []struct {
		name, file, mime string
		data             []byte
		want             int
	}{
		{"a picture", "a.png", "image/png", png(), 204},
		{"a PDF", "a.pdf", "application/pdf", []byte("%PDF-1.4 x"), 204},
		{"a recording", "v.webm", "audio/webm", []byte("\x1a\x45\xdf\xa3 webm"), 204},
		{"a page that says it is a picture", "a.png", "image/png", []byte("<!doctype html><script>alert(1)</script>"), 400},
		{"a program", "a.exe", "image/png", []byte("MZ\x90\x00\x03\x00\x00\x00\x04\x00"), 400},
		{"too large", "a.png", "image/png", append(png(), make([]byte, bot.MaxMedia)...), 413},
	} {
		if got := w.upload(c, strings.ReplaceAll(tt.name, " ", "-"), tt.file, tt.mime, tt.data); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// upload sends a file as the page's script does.
func (w *world) upload(c *http.Client, id, name, mime string, data []byte) int {
	w.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	m.WriteField("id", id)
	part, err := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`}, "Content-Type": {mime}})
	if err != nil {
		w.t.Fatal(err)
	}
	part.Write(data)
	m.Close()
	req, err := http.NewRequest(http.MethodPost, w.url+"/chat/send", &body)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// png is a picture of one point.
func png() []byte {
	return []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89")
}

// TestEvents shows that a page that loses its stream and comes back misses nothing and sees nothing twice.
func TestEvents(t *testing.T) {
	w := newWorld(t, webchat.Limits{})
	c := w.visitor()
	w.post(c, url.Values{"id": {"1"}, "text": {"un"}})
	var seen []string
	last := "0"
	read := func(until int) {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/chat/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Last-Event-ID", last)
		resp, err := (&http.Client{Jar: c.Jar}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for in := bufio.NewScanner(resp.Body); len(seen) < until && in.Scan(); {
			if id, ok := strings.CutPrefix(in.Text(), "id: "); ok {
				last = id
				seen = append(seen, id)
			}
		}
	}
	read(2)
	w.post(c, url.Values{"id": {"2"}, "text": {"deux"}}) // while nobody listens
	read(4)
	if strings.Join(seen, " ") != "1 2 3 4" {
		t.Errorf("the page saw lines %v", seen)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, webchat.Limits{PerMinute: 2, NewPerHour: 2, Pages: 1, PagesInAll: 10, PerAddressMin: 100})
	c := w.visitor()
	var got []int
	for i := range 5 {
		status, _ := w.post(c, url.Values{"id": {itoa(int64(i))}, "text": {"x"}})
		got = append(got, status)
	}
	if got[1] != 200 || got[2] != 200 || got[4] != http.StatusTooManyRequests {
		t.Errorf("one conversation: %v", got)
	}
	w.post(w.visitor(), url.Values{"id": {"a"}, "text": {"x"}})
	if status, _ := w.post(w.visitor(), url.Values{"id": {"a"}, "text": {"x"}}); status != http.StatusTooManyRequests {
		t.Errorf("a third conversation: %d", status)
	}
}

func TestCrossSite(t *testing.T) {
	w := newWorld(t, webchat.Limits{})
	req, err := http.NewRequest(http.MethodPost, w.url+"/chat/send", strings.NewReader("text=x"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://elsewhere.example")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("another site's form: %d", resp.StatusCode)
	}
}

func itoa(n int64) string {
	data, _ := json.Marshal(n) // a number
	return string(data)
}
