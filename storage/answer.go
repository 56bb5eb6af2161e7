package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/flows"
)

// An arrival is an entry on its way through Answer: the turn that was taken on the session as it was found, and what
// became of both.
type arrival struct {
	known
	entry  bot.Entry
	words  []byte // the entry's sealed line
	found  flows.Session
	rev    int64     // of the session that was found
	turn   *bot.Turn // nil: the entry is only filed
	sealed []byte    // the session after the turn
	lines  [][]byte  // the turn's messages, sealed

	passed       bool     // somebody else holds the conversation, or it is erased
	fresh, taken bool     // the entry was filed now; its turn was committed with it
	born         []*claim // the turn's messages, in hand
	told         news
	err          error
	done         sync.WaitGroup
}

// Answer implements bot.Journal: boundaries A and B in one transaction, and the claim of C.
func (s *Store) Answer(ctx context.Context, e bot.Entry, step func(flows.Session, bot.Entry) bot.Turn) (fresh bool, deliver bot.Deliver, err error) {
	if e.Media != nil || !e.Due.IsZero() || e.Input.Event != "" || e.Deletes != "" {
		fresh, err = s.Receive(ctx, e)
		return fresh, nil, err
	}
	if err := s.check(&e); err != nil {
		return false, nil, err
	}
	for range 3 {
		var a *arrival
		if a, err = s.answer(ctx, e, step); err == nil {
			return a.fresh, s.delivery(a), nil
		}
		if !errors.Is(err, errErased) {
			return false, nil, fmt.Errorf("answer: %w", err)
		}
		s.dropPeer(e.Peer)
	}
	return false, nil, errors.New("answer: the conversation is being erased")
}

// check completes an entry, or says what is wrong with it.
func (s *Store) check(e *bot.Entry) error {
	if e.Key == "" || len(e.Key) > 200 {
		return fmt.Errorf("%w: an entry has a key of at most 200 bytes", bot.ErrInvalid)
	}
	if e.Input.At.IsZero() {
		e.Input.At = s.now()
	}
	return nil
}

func newArrival(k known, e bot.Entry) *arrival {
	a := &arrival{known: k, entry: e}
	a.done.Add(1)
	return a
}

// answer takes an entry's turn on the session as it is known, outside any transaction, and commits the entry with it if
// nothing has happened to the conversation meanwhile and nothing of it waits; else the entry waits for Turn. In this
// process the entries of one conversation go through here one at a time.
func (s *Store) answer(ctx context.Context, e bot.Entry, step func(flows.Session, bot.Entry) bot.Turn) (*arrival, error) {
	k, err := s.conversation(ctx, e.Peer, e.Alias)
	if err != nil {
		return nil, err
	}
	release, err := s.slots.take(ctx, k.id)
	if err != nil {
		return nil, err
	}
	defer func() { release() }()
	a := newArrival(k, e)
	if err := s.find(ctx, a); err != nil {
		return nil, err
	}
	turn := step(a.found, e)
	a.turn = &turn
	if a.words, err = seal(k.aead, "line", k.person, body{Input: &e.Input}); err != nil {
		return nil, err
	}
	if !simple(&turn) {
		s.apart.add(a, true)
	} else if err := a.seal(); err != nil {
		return nil, err
	} else {
		s.line.add(&work{arrival: a}, true)
	}
	a.done.Wait() // not sooner, even where nobody waits for the answer any more: what is committed is in hand
	if a.passed {
		a.fresh, a.err = s.file(context.WithoutCancel(ctx), k, e)
	}
	if a.err != nil {
		return nil, a.err
	}
	switch {
	case !a.fresh:
	case !a.taken:
		s.hub.poke(bot.TopicInbox, bot.TopicPeer(e.Peer))
	default:
		if a.sealed != nil && !s.live.absent() { // the next entry of this conversation waits for the copy, this one does not
			s.live.puts.add(&livePut{conversation: a.id, rev: a.rev + 1, sealed: a.sealed, done: release}, true)
			release = func() {}
		}
		s.hub.poke(a.told...)
	}
	return a, nil
}

// find is the session of a conversation with its revision, as Redis or else the row has it. Whether it still holds is
// seen under the lock.
func (s *Store) find(ctx context.Context, a *arrival) error {
	if rev, sealed := s.live.fetch(a.id); sealed != nil && unseal(a.aead, "session", a.person, sealed, &a.found) == nil {
		a.rev = rev
		return nil
	}
	a.found = flows.Session{}
	var sealed []byte
	err := s.pool.QueryRow(ctx, `select rev, session from conversations where id = $1 and peer_hash = $2`, a.id, a.hash).Scan(&a.rev, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return errErased
	}
	if err != nil {
		return err
	}
	return unseal(a.aead, "session", a.person, sealed, &a.found)
}

// simple reports whether a turn is a new session and words for the person, and no more: that is what goes in groups.
func simple(t *bot.Turn) bool {
	for i := range t.Send {
		if t.Send[i].Media != nil {
			return false
		}
	}
	return t.Case == nil && t.Link == "" && !t.Forget && !t.Discard && t.Failed == "" && len(t.Cancel)+len(t.Later)+len(t.Asked) == 0
}

// seal seals the session after the turn and what it says.
func (a *arrival) seal() (err error) {
	if a.sealed, err = seal(a.aead, "session", a.person, a.turn.Session); err != nil {
		return err
	}
	a.lines = make([][]byte, len(a.turn.Send))
	for i, m := range a.turn.Send {
		if a.lines[i], err = seal(a.aead, "line", a.person, body{Text: m.Text, Lang: m.Lang, Choices: m.Choices, Card: m.Card}); err != nil {
			return err
		}
	}
	return nil
}

// slots let the entries of one conversation through one at a time, in the order in which they came.
type slots struct {
	mu sync.Mutex
	of map[int64]*slot
}

type slot struct {
	free  chan struct{}
	users int
}

func (s *slots) take(ctx context.Context, conversation int64) (release func(), err error) {
	s.mu.Lock()
	l := s.of[conversation]
	if l == nil {
		l = &slot{free: make(chan struct{}, 1)}
		l.free <- struct{}{}
		s.of[conversation] = l
	}
	l.users++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(s.of, conversation)
		}
	}
	select {
	case <-l.free:
		return func() { l.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
