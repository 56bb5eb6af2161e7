package storage_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// TestClockBack sets the clock back by an hour, between processes and under one that runs. What waits to be handled, to be
// sent and to be posted is not overtaken by what comes after it, and does not wait for an hour.
func TestClockBack(t *testing.T) {
	db, _ := storagetest.Env(t)
	ahead := time.Now()
	var by atomic.Int64
	now := func() time.Time { return ahead.Add(time.Duration(by.Load())) }
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: now})
	c := aCase(t, s, "7", 1)
	var heard []string
	step := func(sess flows.Session, e bot.Entry) bot.Turn {
		heard = append(heard, e.Input.Text)
		return bot.Turn{Session: sess, Send: []bot.Message{{Text: "à " + e.Input.Text}}}
	}
	reply := func(s *storage.Store, text string) {
		t.Helper()
		if _, err := s.Change(t.Context(), c.ID, func(k *bot.Case) (bot.CaseWork, error) {
			k.State, k.Officer, k.Claimed = bot.StateClaimed, anOfficer(t, s), now()
			return bot.CaseWork{Pending: []bot.Pending{{Message: bot.Message{Text: text}, Officer: k.Officer, At: now(), Due: now().Add(5 * time.Second)}}}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	answer := func(s *storage.Store, n int, text string) {
		t.Helper()
		if _, _, err := s.Answer(t.Context(), entry("7", n, text), step); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, s, entry("7", 2, "un"))
	receive(t, s, entry("7", 3, "deux"))
	reply(s, "réponse une")
	s.Close()

	by.Store(int64(-time.Hour))
	s = storagetest.Open(t, storage.Options{DatabaseURL: db, Now: now})
	heard = nil // a step on arrival that does not count
	answer(s, 4, "trois")
	reply(s, "réponse deux")
	heard = nil
	o := operate(t, db)
	o.until(`not exists (select 1 from inbox where due > '` + now().UTC().Format(time.RFC3339Nano) + `')`) // a start looks at once
	drain(t, s, step)
	if !slices.Equal(heard, []string{"un", "deux", "trois"}) {
		t.Errorf("after a start with the clock set back, %q was heard", heard)
	}
	by.Add(int64(6 * time.Second))
	for range 2 {
		again(t, func() error { return s.Post(t.Context()) })
	}
	var out []string
	for _, m := range sendAll(t, s, bot.Telegram) {
		out = append(out, m.Text)
	}
	if got := strings.Join(out, ", "); !strings.HasSuffix(got, "à un, à deux, à trois, réponse une, réponse deux") {
		t.Errorf("after a start with the clock set back, %s went out", got)
	}

	receive(t, s, entry("7", 5, "quatre"))
	reply(s, "réponse trois")
	by.Add(int64(-time.Hour))
	answer(s, 6, "cinq")
	reply(s, "réponse quatre")
	o.until(`not exists (select 1 from inbox where due > '` + now().UTC().Format(time.RFC3339Nano) + `')`) // it notices
	heard = nil
	drain(t, s, step)
	if !slices.Equal(heard, []string{"quatre", "cinq"}) {
		t.Errorf("after the clock was set back, %q was heard", heard)
	}
	by.Add(int64(6 * time.Second))
	for range 2 {
		again(t, func() error { return s.Post(t.Context()) })
	}
	out = nil
	for _, m := range sendAll(t, s, bot.Telegram) {
		out = append(out, m.Text)
	}
	if got := strings.Join(out, ", "); got != "à quatre, à cinq, réponse trois, réponse quatre" {
		t.Errorf("after the clock was set back, %s went out", got)
	}
}

// anOfficer is the officer of the office who works on cases here.
func anOfficer(t *testing.T, s *storage.Store) int64 {
	t.Helper()
	if o, err := s.OfficerByLogin(context.Background(), "amina"); err == nil {
		return o.ID
	}
	o := &bot.Officer{Login: "amina", Name: "Amina", Hash: "x", Role: bot.RoleAdmin}
	if err := s.SaveOfficer(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	return o.ID
}

// TestOnlyTimersWait: what is to happen later says so by its key; anything else would be taken for what a clock has put off,
// and would happen at once.
func TestOnlyTimersWait(t *testing.T) {
	s := storagetest.New(t)
	receive(t, s, entry("7", 1, "un"))
	drain(t, s, open("AG-7F3K-92"))
	cases, err := s.Queue(t.Context(), bot.Query{})
	if err != nil || len(cases) != 1 {
		t.Fatal(cases, err)
	}
	remind := func(key string) error {
		_, err := s.Change(t.Context(), cases[0].ID, func(*bot.Case) (bot.CaseWork, error) {
			return bot.CaseWork{Entries: []bot.Entry{{Key: key, Due: time.Now().Add(time.Hour), Input: flows.Input{Event: flows.EventReminder}}}}, nil
		})
		return err
	}
	if err := remind("meeting:1"); err == nil {
		t.Error("an entry that is no timer may be due later")
	}
	if err := remind(bot.Timer + "meeting:1"); err != nil {
		t.Error(err)
	}
	if err := s.Turn(t.Context(), echo); !errors.Is(err, bot.ErrIdle) {
		t.Errorf("a timer is due at once: %v", err)
	}
}
