package storage

import (
	"context"
	"slices"
	"sync"
	"time"

	"baom/bot"
)

// hands are the messages that were born claimed by this process: in the outbox with a lease, and on their way out. What
// is said next in the same conversation comes after them, in order, without waiting for their marks.
type hands struct {
	mu sync.Mutex
	by map[int64][]*claim // by conversation, in order
	n  int
}

// maxInHand bounds the messages in hand; what comes beyond them waits in the outbox.
const maxInHand = 1024

func (h *hands) room() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n < maxInHand
}

// of are the ids of what is in hand of a conversation, and the last of it: what is said next comes after that one, even
// where it has left the hand meanwhile.
func (h *hands) of(conversation int64) (ids []int64, last *claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids = []int64{}
	for _, cl := range h.by[conversation] {
		ids, last = append(ids, cl.id), cl
	}
	return ids, last
}

// take takes an arrival's messages into the hand, after the last that was in it before the commit. keyboard is that of
// the conversation as it was committed.
func (h *hands) take(a *arrival, ids []int64, last *claim, until time.Time, caseID *int64, keyboard string) []*claim {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := h.by[a.id]
	born := make([]*claim, len(ids))
	for i, id := range ids {
		m := a.turn.Send[i]
		m.ID, m.Peer, m.Keyboard = id, a.entry.Peer, keyboard
		cl := &claim{message: m, id: id, conversation: a.id, person: a.person, caseID: caseID, until: until, gone: make(chan struct{})}
		cl.before, last = last, cl
		line, born[i] = append(line, cl), cl
	}
	if len(ids) > 0 {
		h.by[a.id] = line
		h.n += len(ids)
	}
	return born
}

// drop lets go of a message.
func (h *hands) drop(cl *claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := h.by[cl.conversation]
	i := slices.Index(line, cl)
	if i < 0 {
		return
	}
	h.n--
	if line = slices.Delete(line, i, i+1); len(line) == 0 {
		delete(h.by, cl.conversation)
	} else {
		h.by[cl.conversation] = line
	}
}

// delivery is what sends an arrival's messages and marks them, or nil if none is in hand.
func (s *Store) delivery(a *arrival) bot.Deliver {
	if !a.taken {
		return nil
	}
	return func(ctx context.Context, send func(context.Context, bot.Message) (string, error)) error {
		var failed error
		for _, cl := range a.born {
			if err := s.hand(ctx, cl, send); err != nil && failed == nil {
				failed = err
			}
		}
		return failed
	}
}

// hand sends one message in hand, after the one before it, and marks the outcome. Where that one did not go out this one
// goes back into the outbox, where it waits behind it; so it does where its lease is nearly over.
func (s *Store) hand(ctx context.Context, cl *claim, send func(context.Context, bot.Message) (string, error)) error {
	before := cl.before
	left := cl.until.Sub(s.now()) - lease/4
	sending, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	follows := left > 0
	if before != nil {
		cl.before = nil // it may be forgotten
		select {
		case <-before.gone:
			cl.message.Keyboard = before.after
			follows = follows && before.sent && sending.Err() == nil
		case <-sending.Done():
			follows = false
		}
	}
	if !follows {
		close(cl.gone)
		s.hands.drop(cl)
		_, err := s.pool.Exec(context.WithoutCancel(ctx), `update outbox set due = $2, attempts = attempts - 1, holder = null where message = $1 and due = $3`, cl.id, s.now(), cl.until)
		s.hub.poke(bot.TopicOutbox(cl.message.Peer.Channel))
		return err
	}
	external, sendErr := send(sending, cl.message)
	cl.sent = sendErr == nil
	if len(cl.message.Choices) > 0 {
		cl.after = external
	}
	if !cl.sent { // what follows must find it in the outbox, with its new due time
		err := s.insist(func() error { return s.mark(context.WithoutCancel(ctx), cl, "", sendErr) })
		s.hands.drop(cl)
		close(cl.gone)
		return err
	}
	close(cl.gone)
	err := s.insist(func() error { return s.markSent(ctx, cl, external, false) })
	s.hands.drop(cl)
	return err
}
