package bot

import (
	"sync"
	"time"
)

// Typing shows that an answer is on its way where none has left within a moment. K names a person on a channel. It is
// safe for concurrent use.
type Typing[K comparable] struct {
	After time.Duration
	Show  func(K)

	mu     sync.Mutex
	timers map[K]*time.Timer
}

// maxTyping bounds how many answers are waited for at once.
const maxTyping = 10000

// Begin waits for an answer to somebody, unless one is waited for.
func (t *Typing[K]) Begin(who K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timers[who] != nil || len(t.timers) >= maxTyping {
		return
	}
	if t.timers == nil {
		t.timers = map[K]*time.Timer{}
	}
	var timer *time.Timer
	timer = time.AfterFunc(t.After, func() {
		t.mu.Lock()
		mine := t.timers[who] == timer // else the answer left just now
		if mine {
			delete(t.timers, who)
		}
		t.mu.Unlock()
		if mine {
			t.Show(who)
		}
	})
	t.timers[who] = timer
}

// End says that an answer leaves.
func (t *Typing[K]) End(who K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if timer := t.timers[who]; timer != nil {
		timer.Stop()
		delete(t.timers, who)
	}
}

// Waits reports whether an answer to somebody is waited for.
func (t *Typing[K]) Waits(who K) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.timers[who] != nil
}

// Stop waits for nothing any more.
func (t *Typing[K]) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, timer := range t.timers {
		timer.Stop()
	}
	clear(t.timers)
}

// Parts remembers how much of a message that takes several has gone out already, so that a second try goes on where the
// first was stopped. It is a courtesy within one process: after a crash a message is sent from its beginning. It is safe for
// concurrent use.
type Parts struct {
	mu   sync.Mutex
	sent map[int64]int // by message: how many parts have gone out
}

// maxParts bounds how many messages are remembered.
const maxParts = 1000

// Take returns how many parts of a message have gone out, and forgets it.
func (p *Parts) Take(message int64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.sent[message]
	delete(p.sent, message)
	return n
}

// Put notes that so many parts of a message have gone out. A message without an id is not remembered.
func (p *Parts) Put(message int64, n int) {
	if message == 0 || n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent == nil || len(p.sent) >= maxParts {
		p.sent = map[int64]int{}
	}
	p.sent[message] = n
}
