// Package telegramtest is a strict Bot API for tests: long polling with real offsets, webhooks with the secret and
// Telegram's repetition, HTML and sizes checked as Telegram does, files both ways, and faults on demand. People are
// driven through it as if they held a telephone.
package telegramtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/net/html"
)

// A Server is the Bot API of one bot.
type Server struct {
	URL   string
	Token string

	t       testing.TB
	http    *httptest.Server
	mu      sync.Mutex
	wake    chan struct{} // closed and replaced whenever something changes
	updates []map[string]any
	next    int64
	message int
	chats   map[int64]*Person
	files   map[string][]byte
	queries map[string]bool // pressed buttons: answered or not
	faults  map[string][]Fault
	webhook string
	secret  string
	calls   map[string]int
	problem []string
}

// A Fault is what a call of a method meets instead of its answer.
type Fault struct {
	Status int // answered instead of doing it: 429, 403, 400, 500
	Retry  int // retry_after of a 429, seconds
	Text   string
	Drop   bool // the connection is cut after the call was done
}

// New starts a Bot API that ends with the test. Whatever the bot does that Telegram would refuse fails the test.
func New(t testing.TB) *Server {
	s := &Server{Token: "1000001:test-token", t: t, wake: make(chan struct{}), next: 1, message: 100, chats: map[int64]*Person{},
		files: map[string][]byte{}, queries: map[string]bool{}, faults: map[string][]Fault{}, calls: map[string]int{}}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, p := range s.problem {
			t.Errorf("the bot broke a rule of the Bot API: %s", p)
		}
	})
	return s
}

// Fail makes the next calls of a method meet faults, one each.
func (s *Server) Fail(method string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = append(s.faults[method], faults...)
}

// Calls is how often a method was called.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Unanswered is how many pressed buttons still turn.
func (s *Server) Unanswered() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, answered := range s.queries {
		if !answered {
			n++
		}
	}
	return n
}

func (s *Server) changed() {
	close(s.wake)
	s.wake = make(chan struct{})
}

func (s *Server) breaks(format string, args ...any) {
	s.problem = append(s.problem, fmt.Sprintf(format, args...))
}

// ServeHTTP answers the Bot API's calls and downloads.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, ok := strings.CutPrefix(r.URL.Path, "/file/bot"+s.Token+"/"); ok {
		s.mu.Lock()
		data, ok := s.files[path]
		s.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
		return
	}
	method, ok := strings.CutPrefix(r.URL.Path, "/bot"+s.Token+"/")
	if !ok {
		answer(w, 401, nil, "Unauthorized", 0)
		return
	}
	form, uploads, err := params(r)
	if err != nil {
		answer(w, 400, nil, "Bad Request: "+err.Error(), 0)
		return
	}
	s.mu.Lock()
	s.calls[method]++
	var fault *Fault
	if list := s.faults[method]; len(list) > 0 {
		fault, s.faults[method] = &list[0], list[1:]
	}
	s.mu.Unlock()
	if fault != nil && fault.Status != 0 {
		answer(w, fault.Status, nil, fault.Text, fault.Retry)
		return
	}
	var (
		status int
		result any
		text   string
	)
	if method == "getUpdates" {
		status, result, text = s.getUpdates(r, form)
	} else {
		s.mu.Lock()
		status, result, text = s.call(method, form, uploads)
		s.mu.Unlock()
	}
	if fault != nil && fault.Drop {
		panic(http.ErrAbortHandler)
	}
	answer(w, status, result, text, 0)
}

func answer(w http.ResponseWriter, status int, result any, text string, retry int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status == 200 {
		json.NewEncoder(w).Encode(map[string]any{"ok": true, "result": result})
		return
	}
	out := map[string]any{"ok": false, "error_code": status, "description": text}
	if retry > 0 {
		out["parameters"] = map[string]any{"retry_after": retry}
	}
	json.NewEncoder(w).Encode(out)
}

// params reads a call's parameters in any of the three ways the Bot API takes them.
func params(r *http.Request) (form map[string]string, uploads map[string][]byte, err error) {
	form, uploads = map[string]string{}, map[string][]byte{}
	switch ct := r.Header.Get("Content-Type"); {
	case strings.HasPrefix(ct, "multipart/form-data"):
		if err := r.ParseMultipartForm(64 << 20); err != nil {
			return nil, nil, err
		}
		for k, v := range r.MultipartForm.Value {
			form[k] = v[0]
		}
		for k, files := range r.MultipartForm.File {
			f, err := files[0].Open()
			if err != nil {
				return nil, nil, err
			}
			data, err := io.ReadAll(f)
			f.Close()
			if err != nil {
				return nil, nil, err
			}
			uploads[k], form[k+".name"] = data, files[0].Filename
		}
	case strings.HasPrefix(ct, "application/json"):
		var raw map[string]json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
			return nil, nil, err
		}
		for k, v := range raw {
			if text := ""; json.Unmarshal(v, &text) == nil {
				form[k] = text
			} else {
				form[k] = string(v)
			}
		}
	default:
		if err := r.ParseForm(); err != nil {
			return nil, nil, err
		}
		for k, v := range r.Form {
			form[k] = v[0]
		}
	}
	return form, uploads, nil
}

// getUpdates is a long poll: it confirms what lies before the offset, and sends the rest again until it is confirmed.
func (s *Server) getUpdates(r *http.Request, form map[string]string) (int, any, string) {
	offset, _ := strconv.ParseInt(form["offset"], 10, 64)
	timeout, _ := strconv.Atoi(form["timeout"])
	deadline := time.After(time.Duration(timeout) * time.Second)
	for {
		s.mu.Lock()
		if s.webhook != "" {
			s.mu.Unlock()
			return 409, nil, "Conflict: can't use getUpdates method while webhook is active"
		}
		kept := s.updates[:0]
		for _, u := range s.updates {
			if u["update_id"].(int64) >= offset {
				kept = append(kept, u)
			}
		}
		s.updates = kept
		out := append([]map[string]any{}, kept[:min(100, len(kept))]...)
		wake := s.wake
		s.mu.Unlock()
		if len(out) > 0 {
			return 200, out, ""
		}
		select {
		case <-wake:
		case <-deadline:
			return 200, out, ""
		case <-r.Context().Done():
			return 200, out, ""
		}
	}
}

// call does everything but getUpdates; the server is locked.
func (s *Server) call(method string, form map[string]string, uploads map[string][]byte) (int, any, string) {
	switch method {
	case "getMe":
		return 200, map[string]any{"id": 1000001, "is_bot": true, "first_name": "BAOM", "username": "baom_test_bot"}, ""
	case "setWebhook":
		s.webhook, s.secret = form["url"], form["secret_token"]
		s.changed()
	case "deleteWebhook":
		s.webhook = ""
	case "sendChatAction", "leaveChat":
	case "answerCallbackQuery":
		answered, known := s.queries[form["callback_query_id"]]
		if !known || answered {
			return 400, nil, "Bad Request: query is too old and response timeout expired or query ID is invalid"
		}
		s.queries[form["callback_query_id"]] = true
	case "editMessageReplyMarkup":
		return s.editMarkup(form)
	case "getFile":
		if _, ok := s.files[form["file_id"]]; !ok {
			return 400, nil, "Bad Request: wrong file_id or the file is temporarily unavailable"
		}
		return 200, map[string]any{"file_id": form["file_id"], "file_unique_id": "u", "file_path": form["file_id"]}, ""
	case "sendMessage", "sendVoice", "sendAudio", "sendPhoto", "sendVideo", "sendDocument":
		return s.send(method, form, uploads)
	default:
		s.breaks("unknown method %s", method)
		return 404, nil, "Not Found: method not found"
	}
	return 200, true, ""
}

func (s *Server) editMarkup(form map[string]string) (int, any, string) {
	chat, _ := strconv.ParseInt(form["chat_id"], 10, 64)
	p := s.chats[chat]
	id, _ := strconv.Atoi(form["message_id"])
	if p == nil {
		return 400, nil, "Bad Request: chat not found"
	}
	for _, m := range p.got {
		if m.ID == id {
			if len(m.Buttons) == 0 {
				return 400, nil, "Bad Request: message is not modified"
			}
			m.Buttons = nil
			return 200, true, ""
		}
	}
	return 400, nil, "Bad Request: message to edit not found"
}

// A Button is one button under a message.
type Button struct{ Label, Data string }

// A Message is what a person sees: text as it is shown, its buttons row by row, a file if there is one.
type Message struct {
	ID      int
	Method  string // sendMessage, sendVoice …
	Text    string // without markup
	HTML    string
	Buttons [][]Button
	File    []byte
	Name    string
}

func (s *Server) send(method string, form map[string]string, uploads map[string][]byte) (int, any, string) {
	chat, err := strconv.ParseInt(form["chat_id"], 10, 64)
	p := s.chats[chat]
	if err != nil || p == nil {
		return 400, nil, "Bad Request: chat not found"
	}
	if p.blocked {
		return 403, nil, "Forbidden: bot was blocked by the user"
	}
	s.message++
	m := &Message{ID: s.message, Method: method, HTML: form["text"]}
	limit := 4096
	if method != "sendMessage" {
		m.HTML, limit = form["caption"], 1024
		field := strings.ToLower(strings.TrimPrefix(method, "send"))
		if m.File, m.Name = uploads[field], form[field+".name"]; len(m.File) == 0 {
			return 400, nil, "Bad Request: there is no " + field + " in the request"
		}
	}
	m.Text = m.HTML
	if form["parse_mode"] == "HTML" {
		if m.Text, err = plain(m.HTML); err != nil {
			s.breaks("HTML %q: %v", m.HTML, err)
			return 400, nil, "Bad Request: can't parse entities: " + err.Error()
		}
	}
	if n := len(utf16.Encode([]rune(m.Text))); n > limit || n == 0 && method == "sendMessage" {
		s.breaks("a text of %d units", n)
		return 400, nil, "Bad Request: message is too long"
	}
	if markup := form["reply_markup"]; markup != "" {
		var k struct {
			Rows [][]struct {
				Text string `json:"text"`
				Data string `json:"callback_data"`
			} `json:"inline_keyboard"`
		}
		if err := json.Unmarshal([]byte(markup), &k); err != nil {
			s.breaks("reply_markup %q", markup)
			return 400, nil, "Bad Request: can't parse reply keyboard markup JSON object"
		}
		for _, row := range k.Rows {
			var out []Button
			for _, b := range row {
				if b.Text == "" || len(b.Data) < 1 || len(b.Data) > 64 {
					s.breaks("a button %q with data %q", b.Text, b.Data)
					return 400, nil, "Bad Request: BUTTON_DATA_INVALID"
				}
				out = append(out, Button{b.Text, b.Data})
			}
			m.Buttons = append(m.Buttons, out)
		}
	}
	p.got = append(p.got, m)
	s.changed()
	return 200, map[string]any{"message_id": m.ID, "date": time.Now().Unix(), "chat": p.chat(), "text": m.Text}, ""
}

// plain checks HTML as Telegram does and returns its text.
func plain(src string) (string, error) {
	var out strings.Builder
	var open []string
	for z := html.NewTokenizer(strings.NewReader(src)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				return "", z.Err()
			}
			if len(open) > 0 {
				return "", fmt.Errorf("can't find end tag corresponding to start tag %s", open[len(open)-1])
			}
			return out.String(), nil
		case html.TextToken:
			out.WriteString(string(z.Text()))
		case html.StartTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "b", "strong", "i", "em", "u", "s", "a", "code", "pre", "blockquote", "tg-spoiler":
				open = append(open, string(name))
			default:
				return "", fmt.Errorf("unsupported start tag %q", name)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				return "", fmt.Errorf("unexpected end tag %q", name)
			}
			open = open[:len(open)-1]
		default:
			return "", errors.New("unsupported markup")
		}
	}
}

// A Person is somebody with a telephone, in a private chat with the bot.
type Person struct {
	ID   int64
	Lang string

	s       *Server
	got     []*Message
	read    int
	blocked bool
}

// Person makes somebody, with the language of their telephone.
func (s *Server) Person(id int64, lang string) *Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &Person{ID: id, Lang: lang, s: s}
	s.chats[id] = p
	return p
}

func (p *Person) chat() map[string]any {
	return map[string]any{"id": p.ID, "type": "private", "first_name": "P"}
}

func (p *Person) from() map[string]any {
	return map[string]any{"id": p.ID, "is_bot": false, "first_name": "P", "language_code": p.Lang}
}

// update hands an update over: to the poll, or to the webhook until it answers 200.
func (p *Person) update(kind string, body map[string]any) {
	s := p.s
	s.mu.Lock()
	id := s.next
	s.next++
	u := map[string]any{"update_id": id, kind: body}
	hook, secret := s.webhook, s.secret
	if hook == "" {
		s.updates = append(s.updates, u)
		s.changed()
	}
	s.mu.Unlock()
	if hook != "" {
		s.post(hook, secret, u)
	}
}

// post posts an update as Telegram does: again, until it is taken.
func (s *Server) post(hook, secret string, u map[string]any) {
	body, err := json.Marshal(u)
	if err != nil {
		s.t.Error(err)
		return
	}
	for try := range 60 {
		req, err := http.NewRequest(http.MethodPost, hook, bytes.NewReader(body))
		if err != nil {
			s.t.Error(err)
			return
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return
			}
		}
		time.Sleep(time.Duration(min(try+1, 10)) * 20 * time.Millisecond)
	}
	s.t.Errorf("the webhook %s took no update", hook)
}

func (p *Person) message(fields map[string]any) map[string]any {
	p.s.mu.Lock()
	p.s.message++
	m := map[string]any{"message_id": p.s.message, "date": time.Now().Unix(), "chat": p.chat(), "from": p.from()}
	p.s.mu.Unlock()
	for k, v := range fields {
		m[k] = v
	}
	return m
}

// Send writes words.
func (p *Person) Send(text string) {
	m := map[string]any{"text": text}
	if strings.HasPrefix(text, "/") {
		word, _, _ := strings.Cut(text, " ")
		m["entities"] = []map[string]any{{"type": "bot_command", "offset": 0, "length": len(word)}}
	}
	p.update("message", p.message(m))
}

// Edit changes an earlier message.
func (p *Person) Edit(text string) {
	p.update("edited_message", p.message(map[string]any{"text": text, "edit_date": time.Now().Unix()}))
}

// Location shares a place.
func (p *Person) Location(lat, lon float64) {
	p.update("message", p.message(map[string]any{"location": map[string]any{"latitude": lat, "longitude": lon}}))
}

// Sticker sends a sticker.
func (p *Person) Sticker() {
	p.update("message", p.message(map[string]any{"sticker": map[string]any{"file_id": "st", "file_unique_id": "st", "type": "regular", "width": 1, "height": 1}}))
}

// file puts bytes where the bot can download them.
func (p *Person) file(kind string, data []byte) string {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	id := fmt.Sprintf("%s/file_%d", kind, len(p.s.files))
	p.s.files[id] = data
	return id
}

// Voice sends a voice note.
func (p *Person) Voice(data []byte) {
	id := p.file("voice", data)
	p.update("message", p.message(map[string]any{"voice": map[string]any{"file_id": id, "file_unique_id": "u", "duration": 3, "mime_type": "audio/ogg", "file_size": len(data)}}))
}

// Photo sends a photo with a caption.
func (p *Person) Photo(data []byte, caption string) {
	id := p.file("photos", data)
	p.update("message", p.message(map[string]any{"caption": caption, "photo": []map[string]any{
		{"file_id": "small", "file_unique_id": "s", "width": 90, "height": 90, "file_size": 10},
		{"file_id": id, "file_unique_id": "u", "width": 800, "height": 600, "file_size": len(data)}}}))
}

// Document sends a file with a name.
func (p *Person) Document(name, mime string, data []byte) {
	id := p.file("documents", data)
	p.update("message", p.message(map[string]any{"document": map[string]any{"file_id": id, "file_unique_id": "u", "file_name": name, "mime_type": mime, "file_size": len(data)}}))
}

// Press presses the newest button with that label, or with data that ends in that id.
func (p *Person) Press(label string) {
	p.s.t.Helper()
	p.s.mu.Lock()
	var found *Message
	data := ""
	for i := len(p.got) - 1; i >= 0 && found == nil; i-- {
		for _, row := range p.got[i].Buttons {
			for _, b := range row {
				if b.Label == label || strings.HasSuffix(b.Data, "|"+label) || b.Data == label {
					found, data = p.got[i], b.Data
				}
			}
		}
	}
	p.s.mu.Unlock()
	if found == nil {
		p.s.t.Fatalf("no button %q in sight; the person sees %s", label, p.Screen())
	}
	p.PressData(found.ID, data)
}

// PressData presses a button that is not in sight any more.
func (p *Person) PressData(message int, data string) {
	p.s.mu.Lock()
	p.s.message++
	id := "q" + strconv.Itoa(p.s.message)
	p.s.queries[id] = false
	p.s.mu.Unlock()
	p.update("callback_query", map[string]any{"id": id, "from": p.from(), "chat_instance": "1", "data": data,
		"message": map[string]any{"message_id": message, "date": time.Now().Unix(), "chat": p.chat(), "text": "q"}})
}

// Block blocks the bot, or lets it write again.
func (p *Person) Block(blocked bool) {
	p.s.mu.Lock()
	p.blocked = blocked
	p.s.mu.Unlock()
}

// Read waits for the next message that has not been read.
func (p *Person) Read() Message {
	p.s.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		p.s.mu.Lock()
		if p.read < len(p.got) {
			m := *p.got[p.read]
			p.read++
			p.s.mu.Unlock()
			return m
		}
		wake := p.s.wake
		p.s.mu.Unlock()
		select {
		case <-wake:
		case <-deadline:
			p.s.t.Fatalf("nothing more came; the person sees %s", p.Screen())
		}
	}
}

// Expect reads messages until one holds the words, and returns it.
func (p *Person) Expect(words string) Message {
	p.s.t.Helper()
	for range 20 {
		if m := p.Read(); strings.Contains(m.Text, words) {
			return m
		}
	}
	p.s.t.Fatalf("%q did not come; the person sees %s", words, p.Screen())
	return Message{}
}

// Got is everything that has arrived.
func (p *Person) Got() []Message {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	var out []Message
	for _, m := range p.got {
		out = append(out, *m)
	}
	return out
}

// Screen is the last messages as text, for errors.
func (p *Person) Screen() string {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	var out strings.Builder
	for _, m := range p.got[max(0, len(p.got)-3):] {
		fmt.Fprintf(&out, "\n%q", m.Text)
		for _, row := range m.Buttons {
			fmt.Fprintf(&out, " %v", row)
		}
	}
	return out.String()
}
