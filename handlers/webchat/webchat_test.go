package webchat_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// builtin is the program's own content, read once for all tests of the package: it does not change.
var builtin = sync.OnceValues(func() (*content.Library, error) { return content.Load(content.Builtin()) })

// A world is the chat on a real record, served over real HTTP, with an echo in the bot's place.
type world struct {
	t     *testing.T
	url   string
	lib   *content.Library
	store *storage.Store
	lost  atomic.Int32 // how many of the next messages the record does not take
	away  atomic.Bool  // the network is

	server *httptest.Server
}

// A journal is the store, which can be made to be away.
type journal struct {
	*storage.Store
	lost *atomic.Int32
}

func (j journal) Receive(ctx context.Context, e bot.Entry) (bool, error) {
	if j.lost.Load() > 0 {
		j.lost.Add(-1)
		return false, errors.New("the record is away")
	}
	return j.Store.Receive(ctx, e)
}

func newWorld(t *testing.T, change func(*webchat.Config)) *world {
	t.Helper()
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, lib: lib, store: storagetest.New(t)}
	c := webchat.Config{Journal: journal{w.store, &w.lost}, Lib: func() *content.Library { return lib }, Secret: storagetest.Secret(), Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if change != nil {
		change(&c)
	}
	chat, err := webchat.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	handler := chat.Handler()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.away.Load() {
			panic(http.ErrAbortHandler)
		}
		if r.URL.Path == "/a-site" {
			io.WriteString(rw, `<!doctype html><html lang="ar" dir="rtl"><title>Commune</title><h1>جماعة أكادير</h1><script src="/embed.js" async></script></html>`)
			return
		}
		handler.ServeHTTP(rw, r)
	}))
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	w.server, w.url = server, server.URL
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.work(ctx, chat)
	}()
	t.Cleanup(func() { stop(); server.Close(); <-done })
	return w
}

// work takes turns and delivers until ctx ends.
func (w *world) work(ctx context.Context, chat *webchat.Chat) {
	news := w.store.Watch(ctx, bot.TopicInbox, bot.TopicOutbox(bot.Web))
	for ctx.Err() == nil {
		turn := w.store.Turn(ctx, w.echo)
		sent := w.store.Deliver(ctx, bot.Web, chat.Send)
		if turn != nil && sent != nil {
			<-news
		}
	}
}

// echo says again what was said. It opens a case for who asks for one, and forgets who wants to be forgotten.
func (w *world) echo(s flows.Session, e bot.Entry) bot.Turn {
	lang := content.Lang(strings.TrimPrefix(e.Input.Choice, "lang."))
	if lang.Known() {
		s.Lang = lang
	}
	say := func(text string, ids ...string) bot.Turn {
		m := bot.Message{Lang: s.Lang, Text: text}
		for _, id := range ids {
			m.Choices = append(m.Choices, w.lib.Option(id, s.Lang))
		}
		return bot.Turn{Session: s, Send: []bot.Message{m}}
	}
	switch {
	case e.Input.Event != "":
		return bot.Turn{Session: s}
	case lang.Known():
		return say(w.lib.Page("welcome.consent", s.Lang, nil), "consent.yes", "consent.no", "menu.language")
	case e.Input.Choice == "consent.yes":
		return say(w.lib.Page("menu", s.Lang, nil), "menu.ask", "menu.intake", "menu.office", "menu.officer", "menu.language", "menu.data")
	case e.Input.Choice == "menu.officer":
		t := say(w.lib.Page("handoff.waiting.open", s.Lang, nil))
		t.Case = &bot.CaseChange{Open: true, Reference: "AG-7F3K-92", Office: "agadir", Answers: map[string]string{"profile": "rpt", "need": "A1"}}
		return t
	case e.Input.Choice == "erase.yes":
		t := say(w.lib.Page("data.erased", s.Lang, nil))
		t.Forget = true
		return t
	case e.Input.Kind != flows.Text:
		return say(w.lib.Page("kept."+string(e.Input.Kind), s.Lang, nil))
	}
	return say("**écho** "+content.Escape(e.Input.Text+e.Input.Choice), "menu.menu")
}

// visitor is a browser without script.
func (w *world) visitor() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 20 * time.Second}
}

// An answer is what the server answered.
type answer struct {
	*http.Response
	body string
}

// do sends a request made of a method, a path, a body and headers by name and value.
func (w *world) do(c *http.Client, method, path string, body io.Reader, headers ...string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	resp, err := c.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp, string(data)}
}

func (w *world) get(c *http.Client, path string, headers ...string) answer {
	w.t.Helper()
	return w.do(c, http.MethodGet, path, nil, headers...)
}

// post sends a form, fields by name and value, as a browser without script does.
func (w *world) post(c *http.Client, fields ...string) answer {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return w.do(c, http.MethodPost, "/chat/send", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
}

// upload sends a file, with fields, as the page's script does.
func (w *world) upload(c *http.Client, name, mime string, data []byte, fields ...string) answer {
	w.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`}, "Content-Type": {mime}})
	if err != nil {
		w.t.Fatal(err)
	}
	part.Write(data)
	for i := 0; i < len(fields); i += 2 {
		m.WriteField(fields[i], fields[i+1])
	}
	m.Close()
	return w.do(c, http.MethodPost, "/chat/send", &body, "Content-Type", m.FormDataContentType(), "Accept", "application/json")
}

// A line is one as the script gets it.
type line struct {
	ID   int64
	Me   bool
	HTML string
}

func (w *world) lines(c *http.Client, query string) []line {
	w.t.Helper()
	var list []line
	if a := w.get(c, "/chat/lines?"+query); a.StatusCode != 200 || json.Unmarshal([]byte(a.body), &list) != nil {
		w.t.Fatalf("lines?%s: %s %s", query, a.Status, a.body)
	}
	return list
}

// field is the value of the first field of that name on a page.
func field(page, name string) string {
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return m[1]
}

func TestFirstPage(t *testing.T) {
	w := newWorld(t, nil)
	for lang, dir := range map[string]string{"fr": "ltr", "ar": "rtl", "en": "ltr", "es": "ltr"} {
		c := w.visitor()
		a := w.get(c, "/", "Accept-Language", lang+"-MA,"+lang+";q=0.9,en;q=0.5", "Accept-Encoding", "gzip")
		if len(a.body) > 30_000 {
			t.Errorf("%s: the page weighs %d bytes", lang, len(a.body))
		}
		z, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		page := string(data)
		if !strings.Contains(page, `<html lang="`+lang+`" dir="`+dir+`">`) || !strings.Contains(page, w.lib.Label("web.exit", content.Lang(lang))) {
			t.Errorf("%s: it is not in that language", lang)
		}
		doc, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			for _, a := range n.Attr {
				if (a.Key == "src" || a.Key == "href" && n.Data == "link") && !strings.HasPrefix(a.Val, "data:") {
					t.Errorf("%s: the page needs %s", lang, a.Val)
				}
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
					t.Errorf("%s: <%s %s> is against the policy", lang, n.Data, a.Key)
				}
			}
		}
		if len(a.Cookies()) > 0 {
			t.Errorf("%s: looking at the page opened a conversation: %v", lang, a.Cookies())
		}
		policy := a.Header.Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`script-src 'nonce-(\w+)'`).FindStringSubmatch(policy)
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || nonce == nil || !strings.Contains(page, `<script nonce="`+nonce[1]+`">`) {
			t.Errorf("%s: the policy is %s", lang, policy)
		}
		if a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.Header.Get("Permissions-Policy"), "microphone=(self), geolocation=(self)") {
			t.Errorf("%s: %v", lang, a.Header)
		}
	}
	if a := w.get(w.visitor(), "/wp-login.php"); a.StatusCode != 404 || !strings.Contains(a.body, `id="composer"`) {
		t.Errorf("an unknown address: %s", a.Status)
	}
}

func TestWithoutScript(t *testing.T) {
	w := newWorld(t, nil)
	c := w.visitor()
	first := w.get(c, "/", "Accept-Language", "en")
	a := w.post(c, "id", field(first.body, "id"), "invite", field(first.body, "invite"), "choice", "lang.ar")
	if a.StatusCode != 200 || a.Request.Method != http.MethodGet || a.Request.URL.Path != "/" || !strings.Contains(a.body, `lang="ar" dir="rtl"`) || !strings.Contains(a.body, w.lib.Label("consent.yes", content.Arabic)) {
		t.Fatalf("after a language is chosen: %s %s", a.Status, a.body)
	}
	const hostile = `<script>alert(1)</script> "><img src=x onerror=alert(2)> **gras**` + "\n& fin"
	a = w.post(c, "id", "m1", "text", hostile)
	for _, want := range []string{`&lt;script&gt;alert(1)&lt;/script&gt; &#34;&gt;&lt;img src=x onerror=alert(2)&gt; **gras**<br>&amp; fin`, "<strong>écho</strong>", `name="choice" value="menu.menu"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page does not show %s", want)
		}
	}
	if strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") {
		t.Error("a person's words became markup")
	}
	if n := strings.Count(a.body, `class="bot open"`); n != 1 {
		t.Errorf("%d lines offer their choices", n)
	}
	// The same form sent again, as by a second press, is the same message; another one is not.
	w.post(c, "id", "m1", "text", hostile)
	if a = w.post(c, "id", "m2", "text", "encore"); strings.Count(a.body, "<strong>écho</strong>") != 2 {
		t.Errorf("%d answers to two messages", strings.Count(a.body, "<strong>écho</strong>"))
	}
	long := strings.Repeat("ش", 4001)
	for _, tt := range []struct {
		name, field, value, say string
		status                  int
	}{
		{"nothing", "text", " \n ", "web.empty", 400},
		{"too much", "text", long, "web.long", 413},
		{"a place that is none", "lat", "91", "web.sorry", 400},
		{"a place that is no number", "lat", "NaN", "web.sorry", 400},
	} {
		a := w.post(c, "id", "x", "lon", "", tt.field, tt.value)
		if a.StatusCode != tt.status || !strings.Contains(a.body, content.Plain(w.lib.Page(tt.say, content.Arabic, nil))) {
			t.Errorf("%s: %s", tt.name, a.Status)
		}
		if tt.name == "too much" && !strings.Contains(a.body, ">"+long+"</textarea>") {
			t.Error("words that could not be taken are lost")
		}
	}
	if a := w.post(c, "id", "m3", "text", long[2:]); a.StatusCode != 200 {
		t.Errorf("4,000 characters: %s", a.Status)
	}
	if a := w.post(c, "text", "sans clé"); a.StatusCode != 200 || !strings.Contains(a.body, "sans clé") {
		t.Errorf("without a key: %s", a.Status)
	}
}

// TestOnlyWhatIsFiled shows that a message is acknowledged only after the record has it, and is not lost when the record
// was away.
func TestOnlyWhatIsFiled(t *testing.T) {
	w := newWorld(t, nil)
	c := w.visitor()
	w.lost.Store(2)
	a := w.post(c, "id", "1", "text", "mon mari me frappe")
	if a.StatusCode != 503 || !strings.Contains(a.body, ">mon mari me frappe</textarea>") || !strings.Contains(a.body, `role="alert"`) {
		t.Errorf("the page without script: %s", a.Status)
	}
	script := []string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"}
	if a := w.do(c, http.MethodPost, "/chat/send", strings.NewReader("id=1&text=un&after=0"), script...); a.StatusCode != 503 || strings.ContainsAny(a.body, "<>") {
		t.Errorf("the script: %s %s", a.Status, a.body)
	}
	if len(a.Cookies()) > 0 {
		t.Errorf("nothing was filed, and the cookies are %v", a.Cookies())
	}
	a = w.do(c, http.MethodPost, "/chat/send", strings.NewReader("id=1&text=un&after=0"), script...)
	var answer struct{ Lines []line }
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || a.StatusCode != 200 || len(answer.Lines) == 0 || !answer.Lines[0].Me || !strings.Contains(answer.Lines[0].HTML, "un") {
		t.Errorf("filed at last: %s %s", a.Status, a.body)
	}
}

// TestFirstMessageTwice: the answer to the first message, which would have set the cookie, is lost. Sent again, it is
// still the same message of the same conversation.
func TestFirstMessageTwice(t *testing.T) {
	w := newWorld(t, nil)
	page := w.get(w.visitor(), "/").body
	fields := []string{"id", field(page, "id"), "invite", field(page, "invite"), "text", "bonjour"}
	a, b := w.visitor(), w.visitor() // the same browser: what it was told the first time never arrived
	w.post(a, fields...)
	if again := w.post(b, fields...); strings.Count(again.body, "<strong>écho</strong>") != 1 {
		t.Errorf("sent twice, it was answered %d times", strings.Count(again.body, "<strong>écho</strong>"))
	}
	if first, again := ids(w.lines(a, "")), ids(w.lines(b, "")); len(first) != 2 || !slices.Equal(first, again) {
		t.Errorf("sent twice, it is the lines %v and %v", first, again)
	}
	// Whose invitation is forged begins a conversation of their own.
	fields[3] = strings.Replace(fields[3], fields[3][:4], "0000", 1)
	if a := w.post(w.visitor(), fields...); a.StatusCode != 200 || strings.Count(a.body, "<strong>écho</strong>") != 1 {
		t.Errorf("with a forged invitation: %s", a.Status)
	}
	if n := len(w.lines(b, "")); n != 2 {
		t.Errorf("the conversation has %d lines", n)
	}
}

func TestCookies(t *testing.T) {
	at := time.Now()
	w := newWorld(t, func(c *webchat.Config) {
		c.PublicURL, c.Now = "https://baom.example", func() time.Time { return at }
		c.Embedders = []string{"https://commune.example"}
	})
	send := func(path string) *http.Cookie {
		a := w.do(http.DefaultClient, http.MethodPost, path, strings.NewReader("text=x"), "Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json")
		if a.StatusCode != 204 || len(a.Cookies()) != 1 {
			t.Fatalf("%s: %s %v", path, a.Status, a.Cookies())
		}
		return a.Cookies()[0]
	}
	own, guest := send("/chat/send"), send("/chat/send?embedded=1")
	for k, sameSite := range map[*http.Cookie]http.SameSite{own: http.SameSiteLaxMode, guest: http.SameSiteNoneMode} {
		if !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly || k.Path != "/" || k.MaxAge != 90*24*3600 || k.SameSite != sameSite || k.Partitioned != (k == guest) {
			t.Errorf("the cookie is %v", k)
		}
	}
	if w.get(http.DefaultClient, "/chat/lines", "Cookie", guest.Name+"="+guest.Value).StatusCode != 200 {
		t.Error("a page within another site's does not find its conversation")
	}
	id, mac, _ := strings.Cut(own.Value, ".")
	for _, forged := range []string{"", ".", id, id + ".", id + "." + strings.ToUpper(mac), strings.Repeat("a", 32) + "." + mac, own.Value + "x"} {
		if a := w.get(http.DefaultClient, "/chat/lines", "Cookie", own.Name+"="+forged); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("the cookie %q: %s", forged, a.Status)
		}
	}
	for path, ancestors := range map[string]string{"/": "frame-ancestors 'none'", "/?embedded=1": "frame-ancestors 'self' https://commune.example"} {
		if policy := w.get(http.DefaultClient, path).Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, ancestors) {
			t.Errorf("%s may be framed by: %s", path, policy)
		}
	}
	if a := w.get(http.DefaultClient, "/embed.js"); !strings.HasPrefix(a.Header.Get("Content-Type"), "text/javascript") || !strings.Contains(a.body, w.lib.Label("web.chat", content.Arabic)) {
		t.Errorf("the script for other sites: %s", a.Status)
	}
}

func TestLeave(t *testing.T) {
	w := newWorld(t, func(c *webchat.Config) { c.Exit = "https://weather.example/agadir" })
	c := w.visitor()
	w.post(c, "id", "1", "text", "secret")
	away := &http.Client{Jar: c.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if a := w.do(away, http.MethodPost, "/chat/leave", strings.NewReader("away=1"), "Content-Type", "application/x-www-form-urlencoded"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "https://weather.example/agadir" {
		t.Errorf("leaving in haste leads to %s", a.Header.Get("Location"))
	}
	if a := w.get(c, "/"); strings.Contains(a.body, "secret") || !strings.Contains(a.Header.Get("Content-Security-Policy"), "form-action 'self' https://weather.example;") {
		t.Error("the page has not forgotten")
	}
	w.post(c, "id", "2", "text", "secret")
	if a := w.do(c, http.MethodPost, "/chat/leave", nil); a.StatusCode != 200 || strings.Contains(a.body, "secret") || !strings.Contains(a.body, content.Plain(w.lib.Page("web.left", content.French, nil))) {
		t.Errorf("leaving: %s", a.Status)
	}
}

func TestAnotherCannotRead(t *testing.T) {
	w := newWorld(t, nil)
	c := w.visitor()
	if a := w.upload(c, "photo.png", "image/png", png, "id", "f1", "text", "voici"); a.StatusCode != http.StatusNoContent {
		t.Fatalf("upload: %s", a.Status)
	}
	path := "/chat/media/" + strconv.FormatInt(w.lines(c, "")[0].ID, 10)
	a := w.get(c, path)
	if a.StatusCode != 200 || a.body != string(png) || a.Header.Get("Content-Type") != "image/png" || a.Header.Get("X-Content-Type-Options") != "nosniff" ||
		a.Header.Get("Content-Disposition") != "inline; filename=photo.png" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("one's own picture: %s %v", a.Status, a.Header)
	}
	if a := w.get(c, path, "Range", "bytes=1-3"); a.StatusCode != 206 || a.body != "PNG" {
		t.Errorf("a part of it: %s %q", a.Status, a.body)
	}
	other := w.visitor()
	w.post(other, "id", "x", "text", "moi")
	for name, c := range map[string]*http.Client{"nobody": w.visitor(), "another": other} {
		if a := w.get(c, path); a.StatusCode != 404 || strings.Contains(a.body, "PNG") {
			t.Errorf("%s: %s", name, a.Status)
		}
	}
	if list := w.lines(other, ""); len(list) == 0 || strings.Contains(list[0].HTML, "voici") {
		t.Errorf("another reads %v", list)
	}
}

// png is the beginning of a picture.
var png = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89")

// archive is a ZIP file with entries by name and content.
func archive(t *testing.T, entries ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		f, err := z.CreateHeader(&zip.FileHeader{Name: entries[i]})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, entries[i+1])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUploads(t *testing.T) {
	w := newWorld(t, nil)
	c := w.visitor()
	for i, tt := range []struct {
		name, file, said string
		data             []byte
		status           int
		kind, mime       string // as it comes back
	}{
		{"a picture", "a.png", "image/png", png, 204, "img", "image/png"},
		{"a picture that says it is a page", "a.html", "text/html", png, 204, "img", "image/png"},
		{"a PDF", "acte de naissance.pdf", "application/pdf", []byte("%PDF-1.4 x"), 204, "file", "application/octet-stream"},
		{"a recording", "v.webm", "audio/webm;codecs=opus", []byte("\x1a\x45\xdf\xa3 webm"), 204, "audio", "audio/webm"},
		{"an Apple recording", "v.mp4", "audio/mp4", []byte("\x00\x00\x00\x1cftypiso5\x00\x00\x02\x00"), 204, "audio", "audio/mp4"},
		{"a film", "v.mp4", "video/mp4", []byte("\x00\x00\x00\x1cftypisom\x00\x00\x02\x00"), 204, "video", "video/mp4"},
		{"an old telephone's recording", "v.amr", "audio/amr", []byte("#!AMR\n\x3c"), 204, "file", "application/octet-stream"},
		{"an iPhone's picture", "a.heic", "image/heic", []byte("\x00\x00\x00\x24ftypheic\x00\x00\x00\x00"), 204, "file", "application/octet-stream"},
		{"a text", "a.docx", "", archive(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w/>"), 204, "file", "application/octet-stream"},
		{"an open text", "a.odt", "", archive(t, "mimetype", "application/vnd.oasis.opendocument.text", "content.xml", "<o/>"), 204, "file", "application/octet-stream"},
		{"an old text", "a.doc", "", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old"), 204, "file", "application/octet-stream"},
		{"a text with macros", "a.docx", "", archive(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w/>", "word/vbaProject.bin", "x"), 415, "", ""},
		{"an archive with the parts of a text", "a.docx", "", archive(t, "word/document.xml", "<w/>"), 415, "", ""},
		{"an archive", "a.docx", "", archive(t, "virus.exe", "MZ"), 415, "", ""},
		{"a page that says it is a picture", "a.png", "image/png", []byte("<!doctype html><script>alert(1)</script>"), 415, "", ""},
		{"a drawing with a script", "a.svg", "image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), 415, "", ""},
		{"a program", "a.png", "image/png", []byte("MZ\x90\x00\x03\x00\x00\x00\x04\x00"), 415, "", ""},
		{"nothing in it", "a.png", "image/png", nil, 415, "", ""},
		{"too large", "a.png", "image/png", append(slices.Clone(png), make([]byte, bot.MaxMedia)...), 413, "", ""},
	} {
		a := w.upload(c, tt.file, tt.said, tt.data, "id", "u"+strconv.Itoa(i), "text", "légende "+strconv.Itoa(i))
		if a.StatusCode != tt.status {
			t.Errorf("%s: %s", tt.name, a.Status)
			continue
		}
		if tt.status != 204 {
			if len(a.body) < 20 || strings.ContainsAny(a.body, "<*") {
				t.Errorf("%s is refused with %q", tt.name, a.body)
			}
			continue
		}
		list := w.lines(c, "")
		k := slices.IndexFunc(list, func(l line) bool { return strings.Contains(l.HTML, "légende "+strconv.Itoa(i)+"<") })
		if k < 0 || !strings.Contains(list[k].HTML, map[string]string{"img": "<img", "audio": "<audio", "video": "<video", "file": `class="file"`}[tt.kind]) {
			t.Errorf("%s is shown as %v", tt.name, list)
			continue
		}
		got := w.get(c, "/chat/media/"+strconv.FormatInt(list[k].ID, 10))
		if got.Header.Get("Content-Type") != tt.mime || got.body != string(tt.data) || (tt.kind == "file") != strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment;") {
			t.Errorf("%s comes back as %v", tt.name, got.Header)
		}
	}
	// A file's name is only a name; a part that cannot be read is not passed over.
	if a := w.upload(c, `a"b.png`, "image/png", png, "id", "q", "text", "nom"); a.StatusCode != 400 {
		t.Errorf("a part that cannot be read: %s", a.Status)
	}
	w.upload(c, `..\..\etc/<b>passwd%22`, "image/png", png, "id", "n", "text", "nom")
	list := w.lines(c, "")
	if k := slices.IndexFunc(list, func(l line) bool { return strings.Contains(l.HTML, "nom<") }); k < 0 || !strings.Contains(list[k].HTML, `alt="bpasswd%22"`) {
		t.Errorf("a file's hostile name is shown in %v", list[len(list)-2:])
	}
}

// A listener is a page's stream of events.
type listener struct {
	resp *http.Response
	in   *bufio.Scanner
}

// listen opens a stream after a line. When it returns, the server knows of it.
func (w *world) listen(c *http.Client, after string) *listener {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.t.Context(), 30*time.Second)
	w.t.Cleanup(stop)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/chat/events", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", after)
	resp, err := (&http.Client{Jar: c.Jar}).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("events: %s", resp.Status)
	}
	return &listener{resp, bufio.NewScanner(resp.Body)}
}

// hear reads until there are n ids or the stream ends, closes it, and returns the ids and the last event's name.
func (l *listener) hear(n int) (ids []string, event string) {
	defer l.resp.Body.Close()
	for len(ids) < n && l.in.Scan() {
		if id, ok := strings.CutPrefix(l.in.Text(), "id: "); ok {
			ids = append(ids, id)
		}
		if name, ok := strings.CutPrefix(l.in.Text(), "event: "); ok {
			event = name
		}
	}
	return ids, event
}

func ids(list []line) (all []string) {
	for _, l := range list {
		all = append(all, strconv.FormatInt(l.ID, 10))
	}
	return all
}

// TestEvents shows that a page that loses its stream and comes back misses nothing and sees nothing twice, that a page
// which is one too many is told so, and that an erased conversation ends.
func TestEvents(t *testing.T) {
	w := newWorld(t, func(c *webchat.Config) { c.Limits = webchat.DefaultLimits(); c.Limits.Pages = 1 })
	c := w.visitor()
	w.post(c, "id", "1", "text", "un")
	seen, _ := w.listen(c, "0").hear(1)
	for i := 2; i <= 5; i++ {
		w.post(c, "id", strconv.Itoa(i), "text", "encore") // while nobody listens
		more, _ := w.listen(c, seen[len(seen)-1]).hear(1 + i%2)
		seen = append(seen, more...)
	}
	if rest := 10 - len(seen); rest > 0 {
		more, _ := w.listen(c, seen[len(seen)-1]).hear(rest)
		seen = append(seen, more...)
	}
	all := ids(w.lines(c, ""))
	if len(all) != 10 || !slices.Equal(seen, all) {
		t.Errorf("the page saw lines %v of %v", seen, all)
	}

	// Live: what is said while a page listens comes without asking. A second page takes the first one's place.
	first := w.listen(c, all[9])
	second := w.listen(c, all[9])
	if ids, event := first.hear(1); event != "elsewhere" || len(ids) != 0 {
		t.Errorf("the page that is one too many heard %v %q", ids, event)
	}
	w.post(c, "id", "6", "text", "pendant")
	w.post(c, "id", "7", "text", "encore")
	heard, _ := second.hear(4)
	if newest := ids(w.lines(c, "after="+all[9])); !slices.Equal(heard, newest) {
		t.Errorf("live, the page heard %v of %v", heard, newest)
	}
	waiting := make(chan []line, 1)
	go func() { waiting <- w.lines(c, "wait=1&after="+heard[len(heard)-1]) }()
	w.post(c, "id", "8", "text", "attendu")
	if list := <-waiting; len(list) == 0 || !strings.Contains(list[0].HTML, "attendu") {
		t.Errorf("a request that waits is answered with %v", list)
	}
	third := w.listen(c, heard[len(heard)-1])
	a := w.post(c, "id", "9", "choice", "erase.yes")
	if strings.Contains(a.body, "attendu") || !strings.Contains(a.body, content.Plain(w.lib.Page("web.gone", content.French, nil))) {
		t.Errorf("the page after erasing: %s", a.body)
	}
	if _, event := third.hear(9); event != "gone" {
		t.Errorf("the page that listened heard %q", event)
	}
	if a := w.get(c, "/chat/lines"); a.StatusCode != http.StatusGone && a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the lines of an erased conversation: %s", a.Status)
	}
}

func TestLimits(t *testing.T) {
	at := time.Now()
	w := newWorld(t, func(c *webchat.Config) {
		c.Now = func() time.Time { return at }
		c.Limits = webchat.Limits{PerMinute: 2, NewPerHour: 2, Pages: 1, PagesInAll: 1, PerAddressMin: 7, Uploads: 1}
	})
	c := w.visitor()
	for i, want := range []int{200, 200, 200, 429} { // the first is the conversation's beginning
		a := w.post(c, "id", strconv.Itoa(i), "text", "message "+strconv.Itoa(i))
		if a.StatusCode != want {
			t.Errorf("message %d of a conversation: %s", i, a.Status)
		}
		if want == 429 && (!strings.Contains(a.body, ">message 3</textarea>") || a.Header.Get("Retry-After") == "" || !strings.Contains(a.body, content.Plain(w.lib.Page("web.slow", content.French, nil)))) {
			t.Error("who is too fast is not told so, or loses the words")
		}
	}
	at = at.Add(30 * time.Second)
	if a := w.post(c, "id", "4", "text", "x"); a.StatusCode != 200 {
		t.Errorf("half a minute later: %s", a.Status)
	}
	if a := w.post(w.visitor(), "id", "a", "text", "x"); a.StatusCode != 200 {
		t.Errorf("a second conversation: %s", a.Status)
	}
	if a := w.post(w.visitor(), "id", "a", "text", "x"); a.StatusCode != 429 {
		t.Errorf("a third conversation: %s", a.Status)
	}
	from := func(forwarded string) int {
		return w.do(w.visitor(), http.MethodPost, "/chat/send", strings.NewReader("id=b&text=x"), "Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-For", forwarded).StatusCode
	}
	for i, tt := range []struct {
		forwarded string
		want      int
	}{{"1.2.3.4, 41.92.0.1", 200}, {"5.6.7.8, 41.92.0.1", 200}, {"9.9.9.9, 41.92.0.1", 429}, {"41.92.0.2", 200}, {"2001:db8::1", 200}, {"2001:db8::ffff:2", 200}, {"2001:db8::3:0:0:3", 429}} {
		if got := from(tt.forwarded); got != tt.want {
			t.Errorf("%d. by a proxy for %s: %d", i, tt.forwarded, got)
		}
	}
	defer w.listen(c, "0").resp.Body.Close()
	if a := w.get(c, "/chat/events"); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("one page too many in all: %s", a.Status)
	}
}

func TestCrossSite(t *testing.T) {
	w := newWorld(t, func(c *webchat.Config) { c.PublicURL = "https://baom.example" })
	for _, tt := range []struct {
		name string
		want int
		head []string
	}{
		{"another site's form", 403, []string{"Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site"}},
		{"another site's form in an old browser", 403, []string{"Origin", "https://elsewhere.example"}},
		{"a neighbour's form", 403, []string{"Origin", "https://www.baom.example", "Sec-Fetch-Site", "same-site"}},
		{"the page behind a proxy that changes the host", 204, []string{"Origin", "https://baom.example", "Host", "10.0.0.7:8080"}},
		{"the page", 204, []string{"Origin", "https://baom.example", "Sec-Fetch-Site", "same-origin"}},
	} {
		head := append([]string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"}, tt.head...)
		for _, path := range []string{"/chat/send", "/chat/leave"} {
			a := w.do(&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, http.MethodPost, path, strings.NewReader("text=x"), head...)
			if (a.StatusCode == 403) != (tt.want == 403) || path == "/chat/send" && a.StatusCode != tt.want || tt.want == 403 && len(a.Cookies()) > 0 {
				t.Errorf("%s: %s %s", tt.name, path, a.Status)
			}
		}
	}
}

// TestLongConversation: an old conversation is not loaded whole at once, and its days are told.
func TestLongConversation(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	w := newWorld(t, func(c *webchat.Config) { c.Now = func() time.Time { return at }; c.Limits = webchat.DefaultLimits() })
	c := w.visitor()
	for i := range 25 {
		if i == 24 {
			at = at.AddDate(0, 0, 1)
		}
		w.post(c, "id", strconv.Itoa(i), "text", "mot "+strconv.Itoa(i)+".")
		at = at.Add(3 * time.Second)
	}
	page := w.get(c, "/").body
	if n := strings.Count(page, `class="me"`); n < 18 || n > 20 || strings.Contains(page, "mot 0.") || !strings.Contains(page, `href="/?all=1"`) {
		t.Errorf("the page shows %d of the person's lines", n)
	}
	if !strings.Contains(page, ">"+w.lib.Label("web.yesterday", content.French)+" 09:31<") || !strings.Contains(page, ">09:31<") {
		t.Error("the days are not told")
	}
	if all := w.get(c, "/?all=1").body; !strings.Contains(all, "mot 0.") || strings.Contains(all, `href="/?all=1"`) {
		t.Error("the whole conversation is not shown")
	}
}
