// Package telegramtest is a strict Bot API for tests, and people with telephones who write to the bot.
//
// A Server listens on a loopback address and behaves as Telegram's own does where it matters to a bot: updates are
// delivered again until they are confirmed by a later offset or by a webhook's 200; of two polls at once the older one
// gets 409; HTML is checked by Telegram's rules; texts, captions and buttons have their limits; a press is answered once;
// files go both ways. What Telegram would answer with an error it answers with the same error, and where the bot itself
// is at fault (markup that cannot be read, a text or button too long, a missing parameter) the test fails.
//
//	api := telegramtest.New(t)
//	// start the bot with api.Token and api.URL, polling or with a webhook
//	amina := api.Person(42, "fr") // the language of her telephone
//	amina.Send("/start")
//	amina.Press("Français") // the newest button with that label, or with that option's id
//	m := amina.Read()       // the next message, with Text as she sees it and its Buttons
//	amina.Expect("dossier") // reads on until the words come
//	amina.Voice(ogg)        // also Photo, Document, Location, Contact …
//
// Whatever waits does so until Patience has passed, then fails the test and says what the person sees. Faults are
// ordered for the next calls of a method with Fail; what the bot asked for is looked up with Calls and Requests.
package telegramtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Server is the Bot API of one bot.
type Server struct {
	URL      string        // for the bot: the address of the API
	Token    string        // for the bot
	Patience time.Duration // how long a person waits for something: 20 seconds unless set before they begin

	t      testing.TB
	http   *httptest.Server
	closed chan struct{} // the test has ended
	posts  sync.WaitGroup

	mu       sync.Mutex
	wake     chan struct{} // closed and replaced whenever something changes
	updates  []update      // not confirmed yet, oldest first
	next     int64         // id of the next update
	polls    int           // number of the newest poll
	message  int           // id of the last message
	hook     hook
	posting  map[int64]bool      // chats whose updates are being posted
	allowed  map[string]bool     // kinds of updates that the bot wants; nil: what Telegram sends unasked
	chats    map[int64]*Person   // private chats
	files    map[string]file     // by id
	queries  map[string]bool     // pressed buttons: answered or not
	faults   map[string][]Fault  // by method
	requests map[string][]Params // by method
	problem  []string
}

// An update waits until it is confirmed.
type update struct {
	id   int64
	chat int64
	json []byte
}

// A hook is where updates are posted; its URL is empty while the bot polls.
type hook struct{ url, secret string }

// A file can be asked for by its id and downloaded by its path.
type file struct {
	path string
	data []byte
}

// Params are the parameters of one call. A file that came with it is under its own name as "<name>, <n> bytes".
type Params map[string]string

// A Fault is what one call of a method meets instead of its answer. Exactly one of Status, Drop and DropBefore is set;
// the zero Fault lets a call through.
type Fault struct {
	Status     int    // answered instead of doing it: 400, 401, 403, 429, 500 …
	Retry      int    // retry_after of a 429, in seconds
	Text       string // the description that goes with Status
	Drop       bool   // the call is done, and the connection cut before its answer
	DropBefore bool   // the connection is cut and nothing done
}

// New starts a Bot API that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{Token: "1000001:test-token", Patience: 20 * time.Second, t: t, closed: make(chan struct{}), wake: make(chan struct{}), next: 1, message: 100,
		posting: map[int64]bool{}, chats: map[int64]*Person{}, files: map[string]file{}, queries: map[string]bool{}, faults: map[string][]Fault{}, requests: map[string][]Params{}}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	t.Cleanup(func() {
		close(s.closed)
		s.posts.Wait()
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

// Fail makes the next calls of a method meet faults, one each, in order. The method "file" is the download of a file.
func (s *Server) Fail(method string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = append(s.faults[method], faults...)
}

// Times is a fault that comes n times, for Fail.
func Times(n int, f Fault) []Fault {
	out := make([]Fault, n)
	for i := range out {
		out[i] = f
	}
	return out
}

// Calls is how often a method was called, faults included.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests[method])
}

// Requests is what a method was called with, oldest first.
func (s *Server) Requests(method string) []Params {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Params{}, s.requests[method]...)
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

// Pending is how many updates the bot has not confirmed yet.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.updates)
}

// Until waits until something holds that changes with the bot's calls; what names it in the failure.
func (s *Server) Until(what string, holds func() bool) {
	s.t.Helper()
	deadline := time.After(s.Patience)
	for {
		s.mu.Lock()
		wake := s.wake
		s.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-wake:
		case <-deadline:
			s.t.Fatalf("still not so: %s", what)
		}
	}
}

// changed wakes whoever waits; the server is locked.
func (s *Server) changed() {
	close(s.wake)
	s.wake = make(chan struct{})
}

// breaks notes that the bot broke a rule; the server is locked.
func (s *Server) breaks(format string, args ...any) {
	s.problem = append(s.problem, fmt.Sprintf(format, args...))
}

// ServeHTTP answers the Bot API's calls and downloads.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, download := strings.CutPrefix(r.URL.Path, "/file/bot"+s.Token+"/")
	method, ok := strings.CutPrefix(r.URL.Path, "/bot"+s.Token+"/")
	if download {
		method, ok = "file", true
	}
	if !ok {
		answer(w, 401, nil, "Unauthorized", 0)
		return
	}
	form, uploads, err := params(r)
	if err != nil {
		answer(w, 400, nil, "Bad Request: "+err.Error(), 0)
		return
	}
	fault := s.called(method, form, uploads)
	switch {
	case fault.DropBefore:
		panic(http.ErrAbortHandler)
	case fault.Status != 0:
		answer(w, fault.Status, nil, fault.Text, fault.Retry)
		return
	case download:
		s.download(w, r, path)
		return
	}
	status, result, text := s.do(r, method, form, uploads)
	if fault.Drop {
		panic(http.ErrAbortHandler)
	}
	answer(w, status, result, text, 0)
}

// called notes a call and takes the fault that it meets.
func (s *Server) called(method string, form map[string]string, uploads map[string]upload) (fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := Params{}
	for k, v := range form {
		seen[k] = v
	}
	for k, u := range uploads {
		seen[k] = fmt.Sprintf("%s, %d bytes", u.name, len(u.data))
	}
	s.requests[method] = append(s.requests[method], seen)
	if list := s.faults[method]; len(list) > 0 {
		fault, s.faults[method] = list[0], list[1:]
	}
	s.changed()
	return fault
}

func (s *Server) do(r *http.Request, method string, form map[string]string, uploads map[string]upload) (int, any, string) {
	if method == "getUpdates" {
		return s.getUpdates(r, form)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed()
	return s.call(method, form, uploads)
}

func (s *Server) download(w http.ResponseWriter, r *http.Request, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.path == path {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(f.data)
			return
		}
	}
	http.NotFound(w, r)
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

// An upload is a file that came with a call.
type upload struct {
	name string
	data []byte
}

// params reads a call's parameters in any of the ways the Bot API takes them.
func params(r *http.Request) (form map[string]string, uploads map[string]upload, err error) {
	form, uploads = map[string]string{}, map[string]upload{}
	for k, v := range r.URL.Query() {
		form[k] = v[0]
	}
	switch ct := r.Header.Get("Content-Type"); {
	case strings.HasPrefix(ct, "multipart/form-data"):
		err = multipartParams(r, form, uploads)
	case strings.HasPrefix(ct, "application/json"):
		var data []byte
		if data, err = io.ReadAll(r.Body); err == nil && len(data) > 0 {
			err = jsonParams(data, form)
		}
	default:
		err = r.ParseForm()
		for k, v := range r.PostForm {
			form[k] = v[0]
		}
	}
	return form, uploads, err
}

// jsonParams reads parameters written as JSON; what is no text stays as it is written.
func jsonParams(data []byte, form map[string]string) error {
	var raw map[string]json.RawMessage
	err := json.Unmarshal(data, &raw)
	for k, v := range raw {
		if text := ""; json.Unmarshal(v, &text) == nil {
			form[k] = text
		} else {
			form[k] = string(v)
		}
	}
	return err
}

func multipartParams(r *http.Request, form map[string]string, uploads map[string]upload) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return err
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(io.LimitReader(part, 64<<20))
		if err != nil {
			return err
		}
		if name := part.FileName(); name != "" {
			uploads[part.FormName()] = upload{name, data}
		} else {
			form[part.FormName()] = string(data)
		}
	}
	for k, v := range form { // a file may be named by another part
		if other, is := strings.CutPrefix(v, "attach://"); is {
			uploads[k] = uploads[other]
			delete(form, k)
		}
	}
	return nil
}
