package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// A clock is a time that a test moves.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

// A hand on the database, beside the stores.
type operator struct {
	t    testing.TB
	conn *pgx.Conn
}

func operate(t testing.TB, db string) *operator {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return &operator{t, conn}
}

func (o *operator) exec(sql string) {
	o.t.Helper()
	if _, err := o.conn.Exec(o.t.Context(), sql); err != nil {
		o.t.Fatal(err)
	}
}

func (o *operator) count(sql string) (n int) {
	o.t.Helper()
	if err := o.conn.QueryRow(o.t.Context(), sql).Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

// kill cuts every other connection to the database that the condition selects.
func (o *operator) kill(where string) int {
	o.t.Helper()
	return o.count(`select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid() and ` + where)
}

// until waits for a condition on the database to hold.
func (o *operator) until(sql string) {
	o.t.Helper()
	for range 1000 {
		if o.count(`select (`+sql+`)::int`) == 1 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	o.t.Fatalf("never: %s", sql)
}

// TestCrashBetween cuts the connection, or the whole process, in the middle of each boundary. What was in hand is as if
// it had not begun, and it is done by whoever comes next.
func TestCrashBetween(t *testing.T) {
	t.Run("ABC", crashAnswer)
	t.Run("A", crashReceive)
	t.Run("B", crashTurn)
	t.Run("C", crashDeliver)
	t.Run("D", crashFetch)
	t.Run("E", crashChange)
}

// crashReceive cuts the connection while the entry waits for its conversation's lock.
func crashReceive(t *testing.T) {
	db, _ := storagetest.Env(t)
	s, o, holder := storagetest.Open(t, storage.Options{DatabaseURL: db}), operate(t, db), operate(t, db)
	receive(t, s, entry("7", 1, "un"))
	holder.exec(`begin; select 1 from conversations for update`)
	failed := make(chan error)
	go func() {
		_, err := s.Receive(t.Context(), entry("7", 2, "deux"))
		failed <- err
	}()
	o.until(`exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`)
	o.kill(`wait_event_type = 'Lock'`)
	if err := <-failed; err == nil {
		t.Error("an entry whose connection was cut was acknowledged")
	}
	holder.exec(`rollback`)
	if n := o.count(`select count(*) from messages`); n != 1 {
		t.Errorf("%d entries are filed", n)
	}
	fresh := false
	again(t, func() (err error) { fresh, err = s.Receive(t.Context(), entry("7", 2, "deux")); return err })
	if !fresh || o.count(`select count(*) from inbox`) != 2 {
		t.Error("the entry is not filed when it comes again")
	}
}

// living waits until so many stores show that they live: what they take in hand from then on bears their number.
func living(t *testing.T, db string, n int) {
	t.Helper()
	operate(t, db).until(fmt.Sprintf(`(select count(*) from pg_stat_activity where datname = current_database() and query = 'listen baom' and state = 'idle') = %d`, n))
	time.Sleep(20 * time.Millisecond) // from Postgres' answer to what the store makes of it
}

// sendSoon waits until what a process that is gone had in hand goes out. The store's clock stands still: it does not wait
// for the lease.
func sendSoon(t *testing.T, s *storage.Store) (out []bot.Message) {
	t.Helper()
	for range 2000 {
		if out = append(out, sendAll(t, s, bot.Telegram)...); len(out) > 0 {
			return out
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// crashAnswer ends the process between the commit of an entry with its turn and the send of what it says: that goes out
// when the others see that it is gone, as the same message, in order. An entry whose commit was cut is not acknowledged and not kept.
func crashAnswer(t *testing.T) {
	db, _ := storagetest.Env(t)
	at := &clock{time.Now()}
	a := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	b := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	living(t, db, 2)
	o, holder := operate(t, db), operate(t, db)
	receive(t, b, entry("8", 1, "autre"))
	drain(t, b, echo)
	holder.exec(`begin; lock table messages in exclusive mode`)
	failed := make(chan error)
	go func() {
		_, _, err := a.Answer(t.Context(), entry("8", 2, "coupé"), echo)
		failed <- err
	}()
	o.until(`exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`)
	o.kill(`wait_event_type = 'Lock'`)
	if err := <-failed; err == nil {
		t.Error("an entry whose connection was cut was acknowledged")
	}
	holder.exec(`rollback`)
	if n := o.count(`select count(*) from messages where author = 'person'`); n != 1 {
		t.Errorf("%d entries are filed", n)
	}
	sendAll(t, b, bot.Telegram)
	var fresh bool
	var deliver bot.Deliver
	again(t, func() (err error) {
		fresh, deliver, err = a.Answer(t.Context(), entry("7", 1, "un"), echo)
		return err
	})
	if !fresh || deliver == nil {
		t.Fatal("the entry was not answered")
	}
	a.Close()
	lines, err := b.Transcript(t.Context(), bot.Peer{Channel: bot.Telegram, ID: "7"}, 0)
	if err != nil || len(lines) != 3 || lines[1].Status != bot.Waiting {
		t.Fatal(lines, err)
	}
	sent := sendSoon(t, b)
	if len(sent) != 2 || sent[0].ID != lines[1].ID || sent[1].ID != lines[2].ID || sent[0].Attempt != 1 || sent[0].Text != "1 un" || sent[1].Text != "2 un" {
		t.Errorf("after the crash %+v went out", sent)
	}
	if fresh, deliver, err := b.Answer(t.Context(), entry("7", 1, "un"), echo); fresh || deliver != nil || err != nil {
		t.Errorf("sent again by the network: fresh %v, %v", fresh, err)
	}
}

// crashTurn cuts the connection in the step, more often than a bad entry would be tried: an outage is nobody's fault.
func crashTurn(t *testing.T) {
	db, _ := storagetest.Env(t)
	at := &clock{time.Now()}
	s, o := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now}), operate(t, db)
	receive(t, s, entry("7", 1, "un"))
	receive(t, s, entry("7", 2, "deux"))
	cuts := 0
	for range 12 {
		if err := s.Turn(t.Context(), func(sess flows.Session, e bot.Entry) bot.Turn {
			cuts++
			if e.Input.Text != "un" {
				t.Errorf("%q overtook what failed", e.Input.Text)
			}
			o.kill(`state = 'idle in transaction'`)
			return echo(sess, e)
		}); err == nil {
			t.Fatal("a turn whose connection was cut succeeded")
		}
		// A connection is cut before its locks are let go.
		o.until(`not exists (select 1 from pg_locks where relation = 'conversations'::regclass and pid <> pg_backend_pid())`)
		at.Time = at.Add(time.Minute)
	}
	if cuts != 12 || o.count(`select count(*) from outbox`) != 0 || o.count(`select count(*) from set_aside`) != 0 {
		t.Errorf("%d cuts left something", cuts)
	}
	var heard string
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn { heard += e.Input.Text + " "; return echo(sess, e) })
	if heard != "un deux " {
		t.Errorf("afterwards the dialogue heard %q", heard)
	}
}

// crashDeliver ends the process between the send and the mark. The message goes out again when the others see that it is
// gone, as the same message; nothing overtakes it. From one that hangs it is taken when the lease is over, and not before.
func crashDeliver(t *testing.T) {
	db, _ := storagetest.Env(t)
	at := &clock{time.Now()}
	a := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	b := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	living(t, db, 2)
	receive(t, a, entry("7", 1, "un"))
	drain(t, a, echo)
	var first bot.Message
	if err := a.Deliver(t.Context(), bot.Telegram, func(_ context.Context, m bot.Message) (string, error) { first = m; a.Close(); return "x", nil }); err == nil {
		t.Error("a mark that was never made is no error")
	}
	sent := sendSoon(t, b)
	if len(sent) != 2 || sent[0].ID != first.ID || sent[0].Attempt != 1 || sent[0].Text != "1 un" || sent[1].Text != "2 un" {
		t.Errorf("after the crash %+v went out", sent)
	}
	c := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	receive(t, c, entry("7", 2, "deux"))
	drain(t, c, echo)
	living(t, db, 2)
	if err := c.Deliver(t.Context(), bot.Telegram, func(_ context.Context, m bot.Message) (string, error) {
		for range 3 { // the others look several times
			time.Sleep(500 * time.Millisecond)
			if left := sendAll(t, b, bot.Telegram); len(left) != 0 {
				t.Errorf("%+v went out while the lease lasted", left)
			}
		}
		at.Time = at.Add(61 * time.Second)
		if sent := sendAll(t, b, bot.Telegram); len(sent) != 2 || sent[0].ID != m.ID || sent[0].Text != "1 deux" {
			t.Errorf("after the lease %+v went out", sent)
		}
		return "x", nil
	}); err != nil {
		t.Error(err)
	}
}

// crashFetch ends the process between the fetch of a file and its storing.
func crashFetch(t *testing.T) {
	db, _ := storagetest.Env(t)
	at := &clock{time.Now()}
	a := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	b := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	living(t, db, 2)
	e := entry("7", 1, "")
	e.Input.Kind, e.Media = flows.Voice, &bot.Media{Ref: []byte("ref")}
	receive(t, a, e)
	file := func(context.Context, bot.Media) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte("ogg"))), nil
	}
	if err := a.Fetch(t.Context(), bot.Telegram, func(ctx context.Context, m bot.Media) (io.ReadCloser, error) { a.Close(); return file(ctx, m) }); err == nil {
		t.Error("a file that was never stored is no error")
	}
	again(t, func() error { return b.Fetch(t.Context(), bot.Telegram, file) }) // not after the lease: the clock stands still
	lines, err := b.Transcript(t.Context(), e.Peer, 0)
	if err != nil || len(lines) != 1 {
		t.Fatal(lines, err)
	}
	if m, err := b.Attachment(t.Context(), e.Peer, lines[0].ID); err != nil || string(m.Data) != "ogg" || m.State != bot.MediaReady {
		t.Errorf("the file is %+v, %v", m, err)
	}
}

// crashChange cuts the connection in an officer's change.
func crashChange(t *testing.T) {
	db, _ := storagetest.Env(t)
	s, o := storagetest.Open(t, storage.Options{DatabaseURL: db}), operate(t, db)
	c := aCase(t, s, "7", 1)
	if _, err := s.Change(t.Context(), c.ID, func(c *bot.Case) (bot.CaseWork, error) {
		o.kill(`state = 'idle in transaction'`)
		c.Urgent = "medical"
		return bot.CaseWork{Lines: []bot.Line{{Author: bot.ByNote, Text: "note"}}, Messages: []bot.Message{{Text: "mots"}}}, nil
	}); err == nil {
		t.Error("a change whose connection was cut succeeded")
	}
	k, lines, err := s.Case(t.Context(), c.ID)
	if err != nil || k.Urgent != "" || len(lines) != 3 {
		t.Errorf("half a change was kept: %+v, %d lines, %v", k, len(lines), err)
	}
}
