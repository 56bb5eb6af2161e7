package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// A model is what a journal is, in memory: a few conversations, each with its entries in order, the messages that wait,
// and what the session counts.
type model struct {
	t     *testing.T
	words int // said so far: each text is another
	seed  uint64
	rng   *rand.Rand
	at    *clock
	log   []string
	peers map[string]*modelPeer
}

type modelPeer struct {
	filed   map[string]bool
	inbox   []modelEntry // in the order filed
	outbox  []modelMessage
	before  []modelMessage // the farewells to who they were before they were forgotten, each the head of its own
	counted int
	by      *storage.Store // that answered last
	lines   int            // of the person, the bot and officers, as in the transcript
}

type modelEntry struct {
	key, text string
	due       time.Time
}

type modelMessage struct {
	text string
	due  time.Time
}

// TestJournalIsItsModel plays random games on two stores with one database and on the model, one move at a time, and
// holds each answer of the stores to the model's.
func TestJournalIsItsModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			db, redisURL := storagetest.Env(t)
			at := &clock{time.Now().Truncate(time.Second)}
			if seed%3 == 0 {
				redisURL = ""
			}
			m := &model{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), at: at, peers: map[string]*modelPeer{}}
			o := storage.Options{DatabaseURL: db, RedisURL: redisURL, Now: at.now}
			stores := []*storage.Store{storagetest.Open(t, o), storagetest.Open(t, o)}
			for range 250 {
				s := stores[m.rng.IntN(2)]
				switch n := m.rng.IntN(20); {
				case n < 4:
					m.receive(s)
				case n < 8:
					m.atOnce(s)
				case n < 12:
					m.turn(s)
				case n < 18:
					m.deliver(s)
				default:
					at.Time = at.Add(time.Duration(m.rng.IntN(90)) * time.Second)
				}
				if t.Failed() {
					t.Fatalf("seed %d after %v", seed, m.log)
				}
			}
			m.settle(stores)
		})
	}
}

func (m *model) say(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }

func (m *model) peer(id string) *modelPeer {
	if m.peers[id] == nil {
		m.peers[id] = &modelPeer{filed: map[string]bool{}}
	}
	return m.peers[id]
}

func (m *model) receive(s *storage.Store) {
	id, n := fmt.Sprint("p", m.rng.IntN(4)), m.rng.IntN(400)
	e := entry(id, n, fmt.Sprint("w", n))
	p := m.peer(id)
	m.say("receive %s %s", id, e.Key)
	fresh, err := s.Receive(m.t.Context(), e)
	if err != nil || fresh != !p.filed[e.Key] {
		m.t.Errorf("fresh %v, %v", fresh, err)
	}
	if fresh {
		p.filed[e.Key] = true
		p.lines++
		p.inbox = append(p.inbox, modelEntry{e.Key, e.Input.Text, m.at.Time})
	}
}

// atOnce is an entry that is answered as it arrives, if nothing of its conversation is due.
func (m *model) atOnce(s *storage.Store) {
	id, n := fmt.Sprint("p", m.rng.IntN(4)), m.rng.IntN(400)
	e := entry(id, n, fmt.Sprint("w", n))
	p := m.peer(id)
	due, waiting := p.head(m.at.Add(time.Minute)) >= 0, len(p.outbox) > 0 // what falls due within a minute counts as waiting
	was, stale := !p.filed[e.Key], false
	m.say("at once %s %s", id, e.Key)
	fresh, deliver, err := s.Answer(m.t.Context(), e, func(sess flows.Session, _ bot.Entry) bot.Turn {
		if !was || due {
			return bot.Turn{Session: flows.Session{Misses: -1}, Send: []bot.Message{{Text: "never"}}}
		}
		if sess.Misses != p.counted { // the other store's last copy is still under way: what is said now must not count
			if stale = true; p.by == s {
				m.t.Errorf("answer to %s with %d counted; the model has %d", id, sess.Misses, p.counted)
			}
			return bot.Turn{Session: flows.Session{Misses: -1}, Send: []bot.Message{{Text: "never"}}}
		}
		p.by = s
		p.filed[e.Key] = true
		p.lines++
		p.counted++
		sess.Misses++
		return m.answer(p, sess, e)
	})
	if err != nil || fresh != was {
		m.t.Errorf("fresh %v, %v", fresh, err)
	}
	if fresh && (due || stale) {
		p.filed[e.Key] = true
		p.lines++
		p.inbox = append(p.inbox, modelEntry{e.Key, e.Input.Text, m.at.Time})
	}
	if taken := deliver != nil; taken != (fresh && !due && !stale) {
		m.t.Errorf("taken %v: fresh %v, due %v, stale %v", taken, fresh, due, stale)
	}
	if deliver == nil {
		return
	}
	said, sent := len(p.outbox), 0
	if err := deliver(m.t.Context(), func(_ context.Context, msg bot.Message) (string, error) { sent++; return m.send(msg) }); err != nil {
		m.t.Error(err)
	}
	if waiting && sent > 0 || !waiting && said > 0 && sent == 0 {
		m.t.Errorf("waiting %v, and %d of %d were in hand", waiting, sent, said)
	}
}

// head is the index of the entry to be handled next, or -1.
func (p *modelPeer) head(now time.Time) int {
	return slices.IndexFunc(p.inbox, func(e modelEntry) bool { return !e.due.After(now) })
}

func (m *model) turn(s *storage.Store) {
	called := false
	err := s.Turn(m.t.Context(), func(sess flows.Session, e bot.Entry) bot.Turn {
		called = true
		p := m.peer(e.Peer.ID)
		i := p.head(m.at.Time)
		if i < 0 || p.inbox[i].key != e.Key || p.inbox[i].text != e.Input.Text || sess.Misses != p.counted {
			m.t.Errorf("turn of %s got %q %q with %d counted; the model has %+v at %d and %d counted", e.Peer.ID, e.Key, e.Input.Text, sess.Misses, p.inbox, i, p.counted)
			return bot.Turn{Session: sess}
		}
		p.inbox = slices.Delete(p.inbox, i, i+1)
		p.counted++
		sess.Misses++
		return m.answer(p, sess, e)
	})
	if errors.Is(err, bot.ErrIdle) {
		err = nil
		for id, p := range m.peers {
			if p.head(m.at.Time) >= 0 {
				m.t.Errorf("idle, but %s has %+v", id, p.inbox)
			}
		}
	} else if !called {
		m.t.Error("neither idle nor a step")
	}
	if err != nil {
		m.t.Error(err)
	}
}

// answer is what a step makes of an entry, by chance, and what that means in the model.
func (m *model) answer(p *modelPeer, sess flows.Session, e bot.Entry) bot.Turn {
	turn := bot.Turn{Session: sess}
	for range m.rng.IntN(3) {
		m.words++
		text := fmt.Sprint(m.words, " to ", e.Key)
		turn.Send = append(turn.Send, bot.Message{Text: text})
		p.outbox = append(p.outbox, modelMessage{text, m.at.Time})
		p.lines++
	}
	switch kind := m.rng.IntN(12); {
	case kind < 3: // sets a timer, or sets it anew
		key, text, due := fmt.Sprint("timer:", kind), fmt.Sprint("set by ", e.Key), m.at.Add(time.Duration(1+m.rng.IntN(100))*time.Second)
		turn.Later = []bot.Entry{{Key: key, Due: due, Input: flows.Input{Event: "reminder", Text: text}}}
		if i := slices.IndexFunc(p.inbox, func(e modelEntry) bool { return e.key == key }); i >= 0 {
			p.inbox[i].text, p.inbox[i].due = text, due
		} else if !p.filed[key] {
			p.filed[key] = true
			p.inbox = append(p.inbox, modelEntry{key, text, due})
		}
		m.say("turn %s %s sets %s %s", e.Peer.ID, e.Key, key, due)
	case kind == 3:
		turn.Cancel = []string{"timer:"}
		p.inbox = slices.DeleteFunc(p.inbox, func(e modelEntry) bool {
			cancelled := e.key[0] == 't' && e.key[1] == 'i' && e.due.After(m.at.Time)
			if cancelled {
				delete(p.filed, e.key)
			}
			return cancelled
		})
		m.say("turn %s %s cancels", e.Peer.ID, e.Key)
	case kind == 4:
		turn.Forget = true
		if turn.Send = turn.Send[:min(1, len(turn.Send))]; len(turn.Send) > 0 {
			p.before = append(p.before, modelMessage{turn.Send[0].Text, m.at.Time})
		}
		*p = modelPeer{filed: map[string]bool{}, before: p.before}
		m.say("turn %s %s forgets", e.Peer.ID, e.Key)
	default:
		m.say("turn %s %s", e.Peer.ID, e.Key)
	}
	return turn
}

// heads are the messages that may be sent next, if they are due.
func (p *modelPeer) heads() []*modelMessage {
	var heads []*modelMessage
	if len(p.outbox) > 0 {
		heads = append(heads, &p.outbox[0])
	}
	for i := range p.before {
		heads = append(heads, &p.before[i])
	}
	return heads
}

func (m *model) deliver(s *storage.Store) {
	called := false
	err := s.Deliver(m.t.Context(), bot.Telegram, func(_ context.Context, msg bot.Message) (string, error) {
		called = true
		return m.send(msg)
	})
	m.delivered(called, err)
}

// send is a message that goes out, or not yet, by chance.
func (m *model) send(msg bot.Message) (string, error) {
	p := m.peer(msg.Peer.ID)
	heads := p.heads()
	i := slices.IndexFunc(heads, func(w *modelMessage) bool { return w.text == msg.Text && !w.due.After(m.at.Time) })
	if i < 0 {
		m.t.Errorf("sent %q to %s; the model has %+v and %+v", msg.Text, msg.Peer.ID, p.outbox, p.before)
		return "x", nil
	}
	if m.rng.IntN(4) == 0 {
		wait := time.Duration(1+m.rng.IntN(50)) * time.Second
		heads[i].due = m.at.Add(wait)
		m.say("retry %s %q", msg.Peer.ID, msg.Text)
		return "", &bot.SendError{After: wait, Err: errors.New("busy")}
	}
	m.say("sent %s %q", msg.Peer.ID, msg.Text)
	sent := func(w modelMessage) bool { return w.text == msg.Text }
	p.outbox, p.before = slices.DeleteFunc(p.outbox, sent), slices.DeleteFunc(p.before, sent)
	return "x", nil
}

func (m *model) delivered(called bool, err error) {
	if errors.Is(err, bot.ErrIdle) {
		err = nil
		for id, p := range m.peers {
			for _, h := range p.heads() {
				if !h.due.After(m.at.Time) {
					m.t.Errorf("idle, but for %s waits %+v", id, *h)
				}
			}
		}
	} else if !called {
		m.t.Error("neither idle nor a message")
	}
	if err != nil {
		m.t.Error(err)
	}
}

// settle lets everything fall due and be done, and holds the transcripts to the model.
func (m *model) settle(stores []*storage.Store) {
	for i := 0; ; i++ {
		left := 0
		for _, p := range m.peers {
			left += len(p.inbox) + len(p.outbox) + len(p.before)
		}
		if left == 0 {
			break
		}
		if i > 20000 || m.t.Failed() {
			m.t.Fatalf("seed %d: %d things are never done, after %v", m.seed, left, m.log)
		}
		m.at.Time = m.at.Add(10 * time.Second)
		m.turn(stores[i%2])
		m.deliver(stores[i%2])
	}
	for id, p := range m.peers {
		lines, err := stores[0].Transcript(m.t.Context(), bot.Peer{Channel: bot.Telegram, ID: id}, 0)
		if p.lines == 0 && errors.Is(err, bot.ErrNotFound) {
			continue
		}
		if err != nil || len(lines) != p.lines {
			m.t.Errorf("seed %d: the transcript of %s has %d lines, the model %d (%v)", m.seed, id, len(lines), p.lines, err)
		}
	}
}
