package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// gathered runs what each of n goroutines does so that all of it meets in as few groups as can be: the first group waits
// for a lock until everybody is there.
func gathered(t *testing.T, db string, n int, do func(i int)) {
	t.Helper()
	o, holder := operate(t, db), operate(t, db)
	holder.exec(`begin; lock table messages in exclusive mode`)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	o.until(`exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`)
	time.Sleep(50 * time.Millisecond) // those who come later make up a group too
	holder.exec(`rollback`)
	all.Wait()
}

// TestPoisonInGroup shows that turns that cannot be committed do not spoil those that share their transaction, on arrival
// and in the queue: everybody else is answered at once, and the poisoned entries are set aside after their tries.
func TestPoisonInGroup(t *testing.T) {
	const people = 40
	poisoned := func(p string) bool { return p == "3" || p == "17" || p == "18" }
	step := func(sess flows.Session, e bot.Entry) bot.Turn {
		turn := echo(sess, e)
		if poisoned(e.Peer.ID) {
			turn.Session.Lang = "\x00"
		}
		if e.Peer.ID == "18" { // one that goes beside the line
			turn.Case = &bot.CaseChange{Open: true, Reference: "\x00"}
		}
		return turn
	}
	for _, way := range []string{"on arrival", "in the queue"} {
		t.Run(way, func(t *testing.T) {
			db, redisURL := storagetest.Env(t)
			at := &clock{time.Now()}
			s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL, Now: at.now})
			for p := range people {
				receive(t, s, entry(fmt.Sprint(p), 0, "bonjour"))
			}
			drain(t, s, echo)
			sendAll(t, s, bot.Telegram)
			var mu sync.Mutex
			var answered []string
			note := func(_ context.Context, m bot.Message) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				answered = append(answered, m.Peer.ID+" "+m.Text)
				return "x", nil
			}
			if way == "on arrival" {
				gathered(t, db, people, func(p int) {
					fresh, deliver, err := s.Answer(t.Context(), entry(fmt.Sprint(p), 1, "mot"), step)
					if err != nil || !fresh || (deliver == nil) != poisoned(fmt.Sprint(p)) {
						t.Errorf("person %d: fresh %v, in hand %v, %v", p, fresh, deliver != nil, err)
					}
					if deliver != nil {
						if err := deliver(t.Context(), note); err != nil {
							t.Error(err)
						}
					}
				})
			} else {
				gathered(t, db, people, func(p int) { receive(t, s, entry(fmt.Sprint(p), 1, "mot")) })
				_ = s.Turn(t.Context(), step) // the error is that of the poisoned
				_ = s.Turn(t.Context(), step)
				for s.Deliver(t.Context(), bot.Telegram, note) == nil {
				}
			}
			var want []string
			for p := range people {
				if id := fmt.Sprint(p); !poisoned(id) {
					want = append(want, id+" 1 mot", id+" 2 mot")
				}
			}
			slices.Sort(want)
			slices.Sort(answered)
			if got := strings.Join(answered, ", "); got != strings.Join(want, ", ") {
				t.Errorf("answered were %s", got)
			}
			for range 8 {
				for !errors.Is(s.Turn(t.Context(), step), bot.ErrIdle) {
				}
				at.Time = at.Add(time.Minute)
			}
			if st, err := s.Stats(t.Context()); err != nil || st.SetAside != 3 || st.Inbox != 0 || st.Outbox != 0 {
				t.Errorf("at the end %+v, %v", st, err)
			}
		})
	}
}

// TestAnswerPassesOver shows that a conversation that somebody else holds does not hold up the others of its group: what
// arrives for it is filed when it is free, and handled after what is being handled.
func TestAnswerPassesOver(t *testing.T) {
	db, _ := storagetest.Env(t)
	s, o, holder := storagetest.Open(t, storage.Options{DatabaseURL: db}), operate(t, db), operate(t, db)
	receive(t, s, entry("7", 1, "un"))
	drain(t, s, echo)
	sendAll(t, s, bot.Telegram)
	holder.exec(`begin; select 1 from conversations for update`)
	held := make(chan error)
	go func() {
		fresh, deliver, err := s.Answer(t.Context(), entry("7", 2, "deux"), echo)
		if !fresh || deliver != nil {
			t.Error("an entry of a conversation that is held was answered at once")
		}
		held <- err
	}()
	o.until(`exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`)
	if _, deliver, err := s.Answer(t.Context(), entry("8", 1, "libre"), echo); err != nil || deliver == nil {
		t.Errorf("somebody else was not answered meanwhile: %v", err)
	}
	holder.exec(`rollback`)
	if err := <-held; err != nil {
		t.Error(err)
	}
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		if sess.Misses != 1 || e.Input.Text != "deux" {
			t.Errorf("the turn got %q with %d counted", e.Input.Text, sess.Misses)
		}
		return echo(sess, e)
	})
}

// TestHandsInOrder shows that what is said while the message before it is still on its way goes out after it, and where
// that one does not go out waits behind it in the outbox.
func TestHandsInOrder(t *testing.T) {
	for _, refused := range []bool{false, true} {
		s, at := atClock(t)
		_, first, err := s.Answer(t.Context(), entry("7", 1, "un"), echo)
		if err != nil || first == nil {
			t.Fatal(err)
		}
		_, second, err := s.Answer(t.Context(), entry("7", 2, "deux"), echo)
		if err != nil || second == nil {
			t.Fatal("what is said while something is in hand is not in hand", err)
		}
		var mu sync.Mutex
		var sent []string
		send := func(_ context.Context, m bot.Message) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			if refused && m.Text == "2 un" && m.Attempt == 0 {
				return "", &bot.SendError{After: time.Second, Why: "débordé", Err: errors.New("429")}
			}
			sent = append(sent, m.Text)
			return "x", nil
		}
		var both sync.WaitGroup
		both.Go(func() {
			if err := second(t.Context(), send); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(20 * time.Millisecond)
		if err := first(t.Context(), send); err != nil {
			t.Error(err)
		}
		both.Wait()
		if refused {
			if got := strings.Join(sent, ", "); got != "1 un" {
				t.Errorf("went out before the one that was refused: %s", got)
			}
			at.Time = at.Add(2 * time.Second)
			for _, m := range sendAll(t, s, bot.Telegram) {
				sent = append(sent, m.Text)
			}
		}
		if got := strings.Join(sent, ", "); got != "1 un, 2 un, 1 deux, 2 deux" {
			t.Errorf("went out as %s", got)
		}
		if st, err := s.Stats(t.Context()); err != nil || st.Outbox != 0 {
			t.Errorf("%+v, %v", st, err)
		}
	}
}
