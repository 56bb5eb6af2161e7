package telegramtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Push hands the bot an update of any kind, such as "message" in a group or "my_chat_member", as Telegram would: if the
// bot asked for that kind, until it is confirmed. The person drivers are made of it.
func (s *Server) Push(kind string, chat int64, body map[string]any) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.allowed != nil && !s.allowed[kind] {
		return
	}
	raw, err := json.Marshal(map[string]any{"update_id": s.next, kind: body})
	if err != nil {
		s.t.Errorf("push %s: %v", kind, err)
		return
	}
	s.updates = append(s.updates, update{s.next, chat, raw})
	s.next++
	s.deliver()
	s.changed()
}

// allow reads which kinds of updates the bot wants; without a list it is as before. The server is locked.
func (s *Server) allow(list string) {
	if list == "" {
		return
	}
	var kinds []string
	if err := json.Unmarshal([]byte(list), &kinds); err != nil {
		s.breaks("allowed_updates %q is no list", list)
		return
	}
	s.allowed = nil
	for _, k := range kinds {
		if s.allowed == nil {
			s.allowed = map[string]bool{}
		}
		s.allowed[k] = true
	}
}

// getUpdates is a long poll: it confirms what lies before the offset, and sends the rest again until it is confirmed.
func (s *Server) getUpdates(r *http.Request, form map[string]string) (int, any, string) {
	offset, _ := strconv.ParseInt(form["offset"], 10, 64)
	timeout, _ := strconv.Atoi(form["timeout"])
	limit, _ := strconv.Atoi(form["limit"])
	if limit < 1 || limit > 100 {
		limit = 100
	}
	deadline := time.After(time.Duration(timeout) * time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allow(form["allowed_updates"])
	s.polls++
	mine := s.polls
	s.confirm(offset)
	s.changed()
	for {
		switch {
		case s.hook.url != "":
			return 409, nil, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
		case s.polls != mine:
			return 409, nil, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
		}
		if out := s.first(limit); len(out) > 0 || timeout == 0 {
			return 200, out, ""
		}
		wake := s.wake
		s.mu.Unlock()
		ended := false
		select {
		case <-wake:
		case <-deadline:
			ended = true
		case <-r.Context().Done():
			ended = true
		case <-s.closed:
			ended = true
		}
		s.mu.Lock()
		if ended {
			return 200, []json.RawMessage{}, ""
		}
	}
}

// confirm forgets the updates before an offset; a negative one leaves that many from the end.
func (s *Server) confirm(offset int64) {
	if offset < 0 {
		s.updates = s.updates[max(0, len(s.updates)+int(offset)):]
		return
	}
	kept := []update{}
	for _, u := range s.updates {
		if u.id >= offset {
			kept = append(kept, u)
		}
	}
	s.updates = kept
}

func (s *Server) first(limit int) []json.RawMessage {
	out := []json.RawMessage{}
	for _, u := range s.updates[:min(limit, len(s.updates))] {
		out = append(out, u.json)
	}
	return out
}

// deliver posts what waits to the webhook: a chat's updates one after another, chats beside one another. The server is
// locked.
func (s *Server) deliver() {
	if s.hook.url == "" {
		return
	}
	for _, u := range s.updates {
		if !s.posting[u.chat] {
			s.posting[u.chat] = true
			s.posts.Go(func() { s.postAll(u.chat) })
		}
	}
}

// postAll posts a chat's updates in order, each until it is taken, as Telegram does, only with less time between.
func (s *Server) postAll(chat int64) {
	for failures := 0; ; {
		hook, next := s.toPost(chat)
		if next == nil {
			return
		}
		if s.post(hook, next.json) {
			failures = 0
			s.posted(next.id)
			continue
		}
		failures++
		select {
		case <-s.closed:
			return
		case <-time.After(min(time.Duration(failures)*20*time.Millisecond, 500*time.Millisecond)):
		}
	}
}

// toPost is the oldest update of a chat and where to post it; without one the chat is no longer being posted.
func (s *Server) toPost(chat int64) (hook, *update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hook.url != "" {
		for _, u := range s.updates {
			if u.chat == chat {
				return s.hook, &u
			}
		}
	}
	s.posting[chat] = false
	return hook{}, nil
}

func (s *Server) posted(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := []update{}
	for _, u := range s.updates {
		if u.id != id {
			kept = append(kept, u)
		}
	}
	s.updates = kept
	s.changed()
}

// post posts one update, and reports whether it was taken.
func (s *Server) post(h hook, body []byte) bool {
	req, err := http.NewRequest(http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	if h.secret != "" {
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", h.secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode >= 300 {
		return false
	}
	s.answered(resp)
	return true
}

// answered makes the call that the answer to a webhook's post may be. Nobody hears what became of it.
func (s *Server) answered(resp *http.Response) {
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || len(data) == 0 {
		return
	}
	form := map[string]string{}
	err = jsonParams(data, form)
	method := form["method"]
	delete(form, "method")
	if err != nil || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") || method == "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.breaks("the answer to a webhook's post is no call: %.100q", data)
		return
	}
	s.called(method, form, nil)
	s.do(nil, method, form, nil)
}
