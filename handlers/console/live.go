package console

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"baom/bot"
)

// streams counts the open event streams, so that no officer and no mistake can exhaust the server.
type streams struct {
	mu  sync.Mutex
	all int
	of  map[int64]int
}

const (
	maxStreams     = 2000             // in all
	maxStreamsOf   = 24               // of one officer: so many tabs
	heartbeat      = 20 * time.Second // keeps proxies from closing a quiet stream
	streamLife     = time.Hour        // then the browser connects again, as itself
	streamPatience = 10 * time.Second // for a browser that does not read
)

func (s *streams) open(who int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || s.of[who] >= maxStreamsOf {
		return false
	}
	if s.of == nil {
		s.of = map[int64]int{}
	}
	s.all++
	s.of[who]++
	return true
}

func (s *streams) close(who int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.of[who]--; s.of[who] == 0 {
		delete(s.of, who)
	}
}

// A feed is what a page is told of.
type feed struct {
	topics    []bot.Topic
	still     func() error    // asked before each event: an error ends the stream
	presence  <-chan struct{} // of who else looks at the page, or nil
	neighbour func() (string, error)
}

// stream sends an event each time something changed on the topics. The first is sent at once: what changed between
// the making of the page and this connection is not missed.
func (c *Console) stream(w http.ResponseWriter, r *http.Request, who *bot.Officer, f feed) error {
	if !c.streams.open(who.ID) {
		return errTooMany
	}
	defer c.streams.close(who.ID)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(streamPatience)) // not every server has deadlines
		if _, err := fmt.Fprint(w, text); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	news := c.Journal.Watch(r.Context(), f.topics...)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	end := time.After(streamLife)
	if !send("retry: 2000\nevent: changed\ndata: 1\n\n") {
		return nil
	}
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-end:
			return nil
		case <-beat.C:
			if !send(": still here\n\n") {
				return nil
			}
		case <-f.presence:
			if said, err := f.neighbour(); err != nil || f.still() != nil || !send("event: presence\ndata: "+said+"\n\n") {
				return nil
			}
		case _, ok := <-news:
			if !ok || f.still() != nil || !send("event: changed\ndata: 1\n\n") {
				return nil
			}
		}
	}
}
