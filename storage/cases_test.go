package storage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// TestQueue fills two offices' queues and lists them in every way.
func TestQueue(t *testing.T) {
	s, at := atClock(t)
	ctx := t.Context()
	names, refs := map[int64]string{}, map[string]string{}
	for i, c := range []struct{ name, office, need, urgent string }{
		{"a", "agadir", "A1", ""}, {"b", "tiznit", "G2", ""}, {"c", "agadir", "A1", "violence"}, {"d", "agadir", "G2", ""},
		{"e", "tiznit", "A1", "medical"}, {"f", "agadir", "G2", ""}, {"g", "agadir", "A1", ""}} {
		at.Time = at.Add(time.Minute)
		receive(t, s, entry(c.name, 1, c.name))
		refs[c.name] = flows.Reference("AG", uint64(i))
		drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
			return bot.Turn{Session: sess, Case: &bot.CaseChange{Open: true, Reference: refs[c.name], Office: c.office, Urgent: c.urgent, Answers: map[string]string{"need": c.need}}}
		})
		list, err := s.Queue(ctx, bot.Query{Reference: refs[c.name]})
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		names[list[0].ID] = c.name
	}
	id := func(name string) int64 {
		for id, n := range names {
			if n == name {
				return id
			}
		}
		t.Fatal(name)
		return 0
	}
	officer := bot.Officer{Login: "amina", Name: "Amina Test", Hash: "h", Role: bot.RoleOfficer, Office: "agadir"}
	if err := s.SaveOfficer(ctx, &officer); err != nil {
		t.Fatal(err)
	}
	change := func(name string, f func(*bot.Case)) {
		t.Helper()
		if _, err := s.Change(ctx, id(name), func(c *bot.Case) (bot.CaseWork, error) { f(c); return bot.CaseWork{}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	change("a", func(c *bot.Case) {
		c.State, c.Officer, c.Claimed, c.Waiting = bot.StateClaimed, officer.ID, at.Time, time.Time{}
	})
	change("f", func(c *bot.Case) { c.State, c.Closed, c.Outcome = bot.StateClosed, at.Add(time.Hour), "informed" })
	change("g", func(c *bot.Case) { c.State, c.Closed, c.Outcome = bot.StateClosed, at.Add(2*time.Hour), "informed" })
	closed := []string{bot.StateClosed}
	all := []string{bot.StateOpen, bot.StateClaimed, bot.StateClosed}
	for want, q := range map[string]bot.Query{
		"c e b d a": {},
		"c d a":     {Offices: []string{"agadir"}},
		"c d":       {Offices: []string{"agadir"}, States: []string{bot.StateOpen}},
		"a":         {Officer: officer.ID},
		"c e a":     {Need: "A1"},
		"b":         {Reference: strings.ToLower(strings.ReplaceAll(refs["b"], "-", " "))},
		"f":         {Reference: refs["f"]},
		"":          {Reference: "AG-2222-22"},
		"g f":       {States: closed},
		"g f e d c": {States: all, Limit: 5},
		"e b":       {Limit: 2, Before: id("c")},
		"a ":        {Before: id("d")},
		"f ":        {States: closed, Before: id("g")},
		"c b a":     {States: all, Before: id("d")},
	} {
		list, err := s.Queue(ctx, q)
		var got []string
		for _, c := range list {
			got = append(got, names[c.ID])
		}
		if err != nil || strings.Join(got, " ") != strings.TrimSpace(want) {
			t.Errorf("%+v lists %v, want %s (%v)", q, got, want, err)
		}
	}
}

// TestReopened shows that a conversation belongs to the newest of its cases that are open, whichever is closed.
func TestReopened(t *testing.T) {
	s := storagetest.New(t)
	n := 0
	state := func(id int64, state string) {
		t.Helper()
		if _, err := s.Change(t.Context(), id, func(c *bot.Case) (bot.CaseWork, error) {
			c.State, c.Closed = state, time.Time{}
			if state == bot.StateClosed {
				c.Closed = time.Now()
			}
			return bot.CaseWork{}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	belongs := func(want int64) {
		t.Helper()
		n++
		receive(t, s, entry("7", 100+n, "mots"))
		drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
			if e.Case != want {
				t.Errorf("the entry belongs to case %d, not %d", e.Case, want)
			}
			return bot.Turn{Session: sess}
		})
	}
	first := aCase(t, s, "7", 1).ID
	state(first, bot.StateClosed)
	belongs(0)
	receive(t, s, entry("7", 2, "encore"))
	drain(t, s, open(flows.Reference("TZ", 2)))
	list, err := s.Queue(t.Context(), bot.Query{})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	second := list[0].ID
	state(first, bot.StateOpen)
	belongs(second)
	state(second, bot.StateClosed)
	belongs(first)
	state(first, bot.StateClosed)
	belongs(0)
	// What they think of it belongs to the case closed last.
	receive(t, s, entry("7", 3, "5"))
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		return bot.Turn{Session: sess, Case: &bot.CaseChange{Score: 5, Comment: "merci"}}
	})
	if c, _, err := s.Case(t.Context(), first); err != nil || c.Score != 5 || c.Comment != "merci" {
		t.Errorf("rated: %+v, %v", c, err)
	}
}

// TestWithdraw shows that a case can be closed by its person, and rated and commented after.
func TestWithdraw(t *testing.T) {
	s := storagetest.New(t)
	c := aCase(t, s, "7", 1)
	receive(t, s, entry("7", 2, "j'arrête"))
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		return bot.Turn{Session: sess, Case: &bot.CaseChange{Withdraw: true, Relay: true}}
	})
	k, lines, err := s.Case(t.Context(), c.ID)
	if err != nil || k.State != bot.StateClosed || k.Outcome != "withdrawn" || k.Unread != 2 || k.Last != "j'arrête" {
		t.Errorf("%+v, %v", k, err)
	}
	if l := lines[len(lines)-1]; l.Event != "withdrawn" {
		t.Errorf("the transcript ends with %+v", l)
	}
}

// TestOfficersAndTurnsDoNotDeadlock lets officers change a case while its person writes and their turns change it too.
func TestOfficersAndTurnsDoNotDeadlock(t *testing.T) {
	db, redisURL := storagetest.Env(t)
	a := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL})
	b := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL})
	c := aCase(t, a, "7", 1)
	const each = 60
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var work sync.WaitGroup
	var mu sync.Mutex
	heard := map[string]int{}
	step := func(sess flows.Session, e bot.Entry) bot.Turn {
		mu.Lock()
		heard[e.Key]++
		mu.Unlock()
		return bot.Turn{Session: sess, Send: []bot.Message{{Text: "r"}}, Case: &bot.CaseChange{Relay: true, Urgent: "medical"}}
	}
	for i, s := range []*storage.Store{a, b} {
		work.Go(func() { // an officer
			for n := range each {
				if _, err := s.Change(ctx, c.ID, func(c *bot.Case) (bot.CaseWork, error) {
					c.Unread = 0
					return bot.CaseWork{Entries: []bot.Entry{{Key: fmt.Sprint("case:", i, ":", n), Input: flows.Input{Event: "e"}}}, Messages: []bot.Message{{Text: "m"}}}, nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
		work.Go(func() { // the person
			for n := range each {
				if _, err := s.Receive(ctx, entry("7", 100+i*each+n, "mots")); err != nil {
					t.Error(err)
				}
			}
		})
		for range 2 { // workers
			work.Go(func() {
				for ctx.Err() == nil {
					mu.Lock()
					done := len(heard) == 4*each
					mu.Unlock()
					if done {
						return
					}
					if err := s.Turn(ctx, step); err != nil && !errors.Is(err, bot.ErrIdle) {
						t.Error(err)
					}
				}
			})
		}
	}
	work.Wait()
	for key, n := range heard {
		if n != 1 {
			t.Errorf("%s was heard %d times", key, n)
		}
	}
	if len(heard) != 4*each {
		t.Errorf("%d entries were heard", len(heard))
	}
}

// TestMarkAndTurnDoNotDeadlock lets a message be marked as sent while a turn of its conversation is about to touch the
// same lines.
func TestMarkAndTurnDoNotDeadlock(t *testing.T) {
	for name, turn := range map[string]bot.Turn{
		"refuses": {Discard: true},
		"forgets": {Forget: true},
		"opens":   {Case: &bot.CaseChange{Open: true, Office: "tiznit", Reference: flows.Reference("TZ", 1)}},
	} {
		for outcome, sendErr := range map[string]error{"sent": nil, "failed": &bot.SendError{Permanent: true, Err: errors.New("403")}} {
			t.Run(name+" "+outcome, func(t *testing.T) {
				db, _ := storagetest.Env(t)
				s, o := storagetest.Open(t, storage.Options{DatabaseURL: db}), operate(t, db)
				receive(t, s, entry("7", 1, "un"))
				drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
					return bot.Turn{Session: sess, Send: []bot.Message{{Text: "a", Choices: []content.Option{{ID: "menu.menu", Label: "Menu"}}}}}
				})
				receive(t, s, entry("7", 2, "deux"))
				marked := make(chan error, 1)
				if err := s.Turn(t.Context(), func(flows.Session, bot.Entry) bot.Turn {
					go func() {
						marked <- s.Deliver(t.Context(), bot.Telegram, func(context.Context, bot.Message) (string, error) { return "x", sendErr })
					}()
					o.until(`exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`)
					return turn
				}); err != nil {
					t.Error(err)
				}
				if err := <-marked; err != nil {
					t.Error(err)
				}
			})
		}
	}
}
