package webchat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// How a stream of events keeps up.
const (
	heartbeat = 20 * time.Second // a word when there is nothing to say, and a look whether there is
	writeTime = 30 * time.Second // within which the other side must take what we say
	waitTime  = 25 * time.Second // how long a request for lines may wait for one
)

// events streams the lines after the last one the page has, then each as it comes. The event "gone" says that the
// conversation is erased, "elsewhere" that newer pages have taken this one's place: it asks for lines instead.
func (c *Chat) events(w http.ResponseWriter, r *http.Request) {
	peer, ok := c.visitor(r)
	if !ok {
		http.Error(w, "no conversation", http.StatusUnauthorized)
		return
	}
	done, evicted, ok := c.limits.listen(peer.ID)
	if !ok {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages", http.StatusServiceUnavailable)
		return
	}
	defer done()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	s := &stream{w: w, out: http.NewResponseController(w)}
	news := c.Journal.Watch(r.Context(), bot.TopicPeer(peer))
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	s.say("retry: 2000\n\n")
	for after := lastSeen(r); s.err == nil; {
		lines, err := c.Journal.Transcript(r.Context(), peer, after)
		switch {
		case errors.Is(err, bot.ErrNotFound):
			s.say("event: gone\ndata:\n\n")
			s.flush()
			return
		case err != nil:
			c.fail(r, "a transcript cannot be read", err)
			return // the page comes back
		}
		for _, l := range lines {
			data, err := c.lineJSON(l, r)
			if err != nil {
				c.fail(r, "a line cannot be shown", err)
				return
			}
			s.say("id: %d\ndata: %s\n\n", l.ID, data)
			after = l.ID
		}
		s.flush()
		if s.err == nil {
			c.reached(peer, lines)
		}
		select {
		case <-r.Context().Done():
			return
		case <-evicted:
			s.say("event: elsewhere\ndata:\n\n")
			s.flush()
			return
		case _, ok := <-news:
			if !ok {
				return
			}
		case <-beat.C:
			s.say(": still here\n\n")
		}
	}
}

// A stream writes events to one page until that fails.
type stream struct {
	w   io.Writer
	out *http.ResponseController
	err error
}

func (s *stream) say(format string, args ...any) {
	if s.err == nil {
		s.out.SetWriteDeadline(time.Now().Add(writeTime)) // where it cannot be set, the heartbeat finds out later
		_, s.err = fmt.Fprintf(s.w, format, args...)
	}
}

func (s *stream) flush() {
	if s.err == nil {
		s.err = s.out.Flush()
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

// lineJSON is a line as the script takes it: its id, whether it is the person's own, and how it looks.
func (c *Chat) lineJSON(l bot.Line, r *http.Request) ([]byte, error) {
	lang := c.lang(r)
	v := c.lineView(l, lang)
	if embedded(r) {
		v.Query = "?embedded=1"
	}
	var out bytes.Buffer
	if err := c.pages[lang].ExecuteTemplate(&out, "line", v); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		ID   int64  `json:"id"`
		Me   bool   `json:"me,omitempty"`
		HTML string `json:"html"`
	}{l.ID, l.Author == bot.ByPerson, out.String()})
}

// reached tells that a page has some lines.
func (c *Chat) reached(peer bot.Peer, lines []bot.Line) {
	for _, l := range slices.Backward(lines) {
		if l.Author != bot.ByPerson && c.Reached != nil {
			c.Reached(bot.Receipt{Peer: peer, UpTo: l.ID})
			return
		}
	}
}

// after is the lines after one, as the script takes them.
func (c *Chat) after(r *http.Request, peer bot.Peer, after int64) ([]json.RawMessage, error) {
	lines, err := c.Journal.Transcript(r.Context(), peer, after)
	if err != nil {
		return nil, err
	}
	list := make([]json.RawMessage, 0, len(lines))
	for _, l := range lines {
		data, err := c.lineJSON(l, r)
		if err != nil {
			return nil, err
		}
		list = append(list, data)
	}
	c.reached(peer, lines)
	return list, nil
}

// lines is what events sends, at once, for pages that cannot listen. With wait it waits for a line to come.
func (c *Chat) lines(w http.ResponseWriter, r *http.Request) {
	peer, ok := c.visitor(r)
	if !ok {
		http.Error(w, "no conversation", http.StatusUnauthorized)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), waitTime)
	defer cancel()
	var news <-chan struct{} // nil: it does not wait
	if r.URL.Query().Get("wait") != "" {
		if done, evicted, ok := c.limits.listen(peer.ID); ok {
			defer done()
			news = c.Journal.Watch(ctx, bot.TopicPeer(peer))
			go func() {
				select {
				case <-evicted:
					cancel()
				case <-ctx.Done():
				}
			}()
		}
	}
	for {
		list, err := c.after(r, peer, lastSeen(r))
		if errors.Is(err, bot.ErrNotFound) {
			http.Error(w, "erased", http.StatusGone)
			return
		}
		if err != nil {
			c.fail(r, "a transcript cannot be read", err)
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		if len(list) == 0 && news != nil {
			if _, more := <-news; more {
				continue
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(list)
		return
	}
}

// media gives a person a file of their own conversation: whoever else asks is told that there is none.
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
		c.fail(r, "a file cannot be read", err)
		http.Error(w, content.Plain(c.Lib().Page("web.trouble", c.lang(r), nil)), http.StatusServiceUnavailable)
		return
	}
	disposition, kind := "inline", m.Mime
	if !inline(kind) || m.Kind == flows.Document {
		disposition, kind = "attachment", "application/octet-stream"
	}
	if value := mime.FormatMediaType(disposition, map[string]string{"filename": fileName(m.Name)}); m.Name != "" && value != "" {
		disposition = value
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", disposition)
	h.Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.Data))
}
