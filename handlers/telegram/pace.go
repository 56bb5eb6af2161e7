package telegram

import (
	"sync"
	"time"
)

// pace keeps to Telegram's limits once Telegram has said that they were passed; before that nobody waits. For a minute
// beyond what it asked, no more than 30 messages leave in a second, and a second passes between two to the same chat.
type pace struct {
	mu      sync.Mutex
	careful time.Time           // until when the limits are kept
	next    time.Time           // when the next message may leave
	chats   map[int64]time.Time // when the next may leave to a chat
}

const (
	everyAll  = time.Second / 30
	everyChat = time.Second
	// shortWait is how long a message is waited with at most; a longer one is put back into the outbox.
	shortWait = 2 * time.Second
)

// reserve is how long a message to a chat has to wait. Its turn is taken, unless the wait is not a short one.
func (p *pace) reserve(chat int64, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !now.Before(p.careful) {
		p.chats = nil
		return 0
	}
	at := now
	for _, t := range []time.Time{p.next, p.chats[chat]} {
		if t.After(at) {
			at = t
		}
	}
	if at.Sub(now) <= shortWait {
		p.next = at.Add(everyAll)
		p.chats[chat] = at.Add(everyChat)
	}
	return at.Sub(now)
}

// flooded notes that Telegram asked to wait before the next message to a chat.
func (p *pace) flooded(chat int64, after time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.chats == nil {
		p.chats = map[int64]time.Time{}
	}
	p.chats[chat] = now.Add(after)
	if until := now.Add(after + time.Minute); until.After(p.careful) {
		p.careful = until
	}
}
