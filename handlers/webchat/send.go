package webchat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// maxText is the longest message, in characters.
const maxText = 4000

// send files what a person wrote, pressed or attached. With script the answer is 204; without it is the page again.
func (c *Chat) send(w http.ResponseWriter, r *http.Request) {
	scripted := strings.Contains(r.Header.Get("Accept"), "application/json")
	refuse := func(page string, status int) {
		text := c.Lib.Page(page, c.lang(r), nil)
		if scripted {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(status)
			io.WriteString(w, text)
			return
		}
		c.render(w, r, text, status)
	}
	peer, known := c.visitor(r)
	if !c.limits.allow(peer.ID, address(r), !known) {
		w.Header().Set("Retry-After", "10")
		refuse("web.slow", http.StatusTooManyRequests)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, bot.MaxMedia+1<<20)
	e, why := c.read(r)
	if why != "" {
		status := http.StatusBadRequest
		if why == "web.large" {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(why, status)
		return
	}
	if !known {
		peer = c.newVisitor(w)
	}
	e.Peer, e.Input.At = peer, c.Now()
	if l := c.lang(r); !known {
		e.Input.Slots = map[string]string{"hint.lang": string(l)}
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	news := c.Journal.Watch(ctx, bot.TopicPeer(peer))
	if _, err := c.Journal.Receive(ctx, e); err != nil {
		c.Log.Error("web chat: a message could not be filed", "error", err)
		refuse("web.sorry", http.StatusServiceUnavailable)
		return
	}
	if l := content.Lang(strings.TrimPrefix(e.Input.Choice, "lang.")); l.Known() {
		c.setCookie(w, "baom_lang", string(l), 90*24*3600)
		w.Header().Set("X-Reload", "1")
	}
	if scripted {
		if w.Header().Get("X-Reload") != "" {
			c.await(ctx, peer, news)
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	c.await(ctx, peer, news)
	http.Redirect(w, r, "/#end", http.StatusSeeOther)
}

// await gives the answer a moment to come, for a page that will not hear of it otherwise.
func (c *Chat) await(ctx context.Context, peer bot.Peer, news <-chan struct{}) {
	timeout := time.After(2 * time.Second)
	for {
		if lines, err := c.Journal.Transcript(ctx, peer, 0); err != nil || len(lines) > 0 && lines[len(lines)-1].Author != bot.ByPerson {
			return
		}
		select {
		case <-news:
		case <-timeout:
			return
		case <-ctx.Done():
			return
		}
	}
}

// read makes an entry of a form; why names the page that tells what is wrong with it.
func (c *Chat) read(r *http.Request) (e bot.Entry, why string) {
	err := r.ParseMultipartForm(1 << 20)
	if errors.Is(err, http.ErrNotMultipart) {
		err = r.ParseForm()
	}
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return e, "web.large"
	}
	if err != nil {
		return e, "web.sorry"
	}
	id := r.PostFormValue("id")
	if id == "" {
		id = strconv.FormatInt(c.Now().UnixNano(), 36) // a choice pressed without script
	}
	if len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' }) {
		return e, "web.sorry"
	}
	e.Key = "web:" + id
	e.Input.Text = strings.TrimSpace(strings.ToValidUTF8(r.PostFormValue("text"), ""))
	if utf8.RuneCountInString(e.Input.Text) > maxText {
		e.Input.Text = string([]rune(e.Input.Text)[:maxText])
	}
	e.Input.Choice = r.PostFormValue("choice")
	if len(e.Input.Choice) > 100 {
		return e, "web.sorry"
	}
	if lat, lon := r.PostFormValue("lat"), r.PostFormValue("lon"); lat != "" {
		x, err1 := strconv.ParseFloat(lat, 64)
		y, err2 := strconv.ParseFloat(lon, 64)
		if err1 != nil || err2 != nil || x < -90 || x > 90 || y < -180 || y > 180 {
			return e, "web.sorry"
		}
		e.Input.Kind, e.Input.Lat, e.Input.Lon = flows.Location, x, y
	}
	if f, header, err := r.FormFile("file"); err == nil {
		defer f.Close()
		if why := readFile(&e, f, header); why != "" {
			return e, why
		}
	}
	if e.Input.Text == "" && e.Input.Choice == "" && e.Input.Kind == flows.Text {
		return e, "web.empty"
	}
	return e, ""
}

// readFile takes an uploaded file, by what it is and not by what it says it is.
func readFile(e *bot.Entry, f multipart.File, header *multipart.FileHeader) (why string) {
	if header.Size > bot.MaxMedia {
		return "web.large"
	}
	if header.Size == 0 && header.Filename == "" {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(f, bot.MaxMedia+1))
	if err != nil || len(data) > bot.MaxMedia {
		return "web.large"
	}
	mime := http.DetectContentType(data)
	if said := header.Header.Get("Content-Type"); strings.HasPrefix(said, "audio/") && (strings.HasPrefix(mime, "video/webm") || mime == "application/ogg" || strings.HasPrefix(mime, "video/mp4")) {
		mime, _, _ = strings.Cut(said, ";") // a recording: the container says video
	}
	kind, ok := kindOf(mime)
	if !ok || len(data) == 0 {
		return "web.type"
	}
	if mime == "application/zip" && !strings.Contains(".docx.odt.xlsx.ods.pptx.zip", strings.ToLower(filepath.Ext(header.Filename))) {
		return "web.type"
	}
	e.Input.Kind = kind
	e.Media = &bot.Media{Kind: kind, Mime: mime, Name: fileName(header.Filename), Size: int64(len(data)), Data: data, State: bot.MediaReady}
	return ""
}

// fileName is a name without a path and within bounds.
func fileName(s string) string {
	s = filepath.Base(strings.ReplaceAll(s, "\\", "/"))
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '"' || r == '/' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > 100 {
		s = string(r[len(r)-100:])
	}
	return s
}

// events streams the lines after the last one the page has, then each as it comes.
func (c *Chat) events(w http.ResponseWriter, r *http.Request) {
	peer, ok := c.visitor(r)
	if !ok {
		http.Error(w, "no conversation", http.StatusUnauthorized)
		return
	}
	leave, ok := c.limits.listen(peer.ID)
	if !ok {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages", http.StatusTooManyRequests)
		return
	}
	defer leave()
	after := lastSeen(r)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	news := c.Journal.Watch(r.Context(), bot.TopicPeer(peer))
	beat := time.NewTicker(20 * time.Second)
	defer beat.Stop()
	io.WriteString(w, ": welcome\n\n")
	for {
		lines, err := c.Journal.Transcript(r.Context(), peer, after)
		if err != nil && !errors.Is(err, bot.ErrNotFound) {
			return // the page comes back
		}
		for _, l := range lines {
			data, err := c.lineJSON(l, c.lang(r))
			if err != nil {
				return
			}
			fmt.Fprintf(w, "id: %d\ndata: %s\n\n", l.ID, data)
			after = l.ID
		}
		if err := out.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case _, ok := <-news:
			if !ok {
				return
			}
		case <-beat.C:
			io.WriteString(w, ": still here\n\n")
		}
	}
}

// lastSeen is the id of the last line that the page has.
func lastSeen(r *http.Request) int64 {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = r.URL.Query().Get("after")
	}
	n, _ := strconv.ParseInt(id, 10, 64) // anything else: from the beginning
	return n
}

func (c *Chat) lineJSON(l bot.Line, lang content.Lang) ([]byte, error) {
	var out bytes.Buffer
	if err := c.pages[lang].ExecuteTemplate(&out, "line", c.lineView(l, lang)); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		ID   int64  `json:"id"`
		HTML string `json:"html"`
	}{l.ID, out.String()})
}

// lines is what events sends, at once, for pages that cannot listen.
func (c *Chat) lines(w http.ResponseWriter, r *http.Request) {
	peer, ok := c.visitor(r)
	if !ok {
		http.Error(w, "no conversation", http.StatusUnauthorized)
		return
	}
	lines, err := c.Journal.Transcript(r.Context(), peer, lastSeen(r))
	if err != nil && !errors.Is(err, bot.ErrNotFound) {
		c.fail(w, r, err)
		return
	}
	list := make([]json.RawMessage, 0, len(lines))
	for _, l := range lines {
		data, err := c.lineJSON(l, c.lang(r))
		if err != nil {
			c.fail(w, r, err)
			return
		}
		list = append(list, data)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(list)
}

// media gives a person a file of their own conversation.
func (c *Chat) media(w http.ResponseWriter, r *http.Request) {
	peer, ok := c.visitor(r)
	line, err := strconv.ParseInt(r.PathValue("line"), 10, 64)
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	m, err := c.Journal.Attachment(r.Context(), peer, line)
	if errors.Is(err, bot.ErrNotFound) || err == nil && len(m.Data) == 0 {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	mime := m.Mime
	if kind, ok := kindOf(mime); !ok || kind == flows.Document {
		w.Header().Set("Content-Disposition", "attachment")
		mime = "application/octet-stream"
	}
	w.Header().Set("Content-Type", mime)
	w.Header().Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.Data))
}

// address is where a request comes from, for the limits: the network of an IPv6 address counts as one.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return ip.Mask(net.CIDRMask(64, 128)).String()
	}
	return host
}

// Limits bound what one conversation and one address can do. Behind a reverse proxy all addresses are the proxy's: the
// per-address limits are wide on purpose, and the proxy should have its own.
type Limits struct {
	PerMinute     int // messages a minute of one conversation
	NewPerHour    int // new conversations an hour from one address
	Pages         int // pages that listen to one conversation
	PagesInAll    int
	PerAddressMin int // messages a minute from one address
}

// DefaultLimits suit an office.
func DefaultLimits() Limits {
	return Limits{PerMinute: 40, NewPerHour: 300, Pages: 4, PagesInAll: 5000, PerAddressMin: 1200}
}

// maxRemembered bounds the memory of the limits.
const maxRemembered = 20000

// A limiter holds the buckets of the limits.
type limiter struct {
	Limits
	now   func() time.Time
	mu    sync.Mutex
	talk  map[string]*rate.Limiter
	fresh map[string]*rate.Limiter
	pages map[string]int
	all   int
}

func newLimiter(l Limits, now func() time.Time) *limiter {
	return &limiter{Limits: l, now: now, talk: map[string]*rate.Limiter{}, fresh: map[string]*rate.Limiter{}, pages: map[string]int{}}
}

// allow counts a message of a conversation, or the first of a new one.
func (l *limiter) allow(peer, address string, first bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.talk)+len(l.fresh) > maxRemembered {
		clear(l.talk)
		clear(l.fresh)
	}
	bucket := func(m map[string]*rate.Limiter, key string, n int, per time.Duration) *rate.Limiter {
		if m[key] == nil {
			m[key] = rate.NewLimiter(rate.Every(per/time.Duration(n)), n)
		}
		return m[key]
	}
	now := l.now()
	if !bucket(l.talk, "a:"+address, l.PerAddressMin, time.Minute).AllowN(now, 1) {
		return false
	}
	if first {
		return bucket(l.fresh, address, l.NewPerHour, time.Hour).AllowN(now, 1)
	}
	return bucket(l.talk, peer, l.PerMinute, time.Minute).AllowN(now, 1)
}

// listen counts a page that listens; leave uncounts it.
func (l *limiter) listen(peer string) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pages[peer] >= l.Pages || l.all >= l.PagesInAll {
		return nil, false
	}
	l.pages[peer]++
	l.all++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all--
		if l.pages[peer]--; l.pages[peer] == 0 {
			delete(l.pages, peer)
		}
	}, true
}
