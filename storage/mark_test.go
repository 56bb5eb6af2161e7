package storage_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// TestMarkOutage takes the database away between a send and its mark. The process lives and knows that the message went
// out: it marks it as soon as it can, and nothing goes out twice; nor is what could not be sent forgotten for a minute.
func TestMarkOutage(t *testing.T) {
	db, _ := storagetest.Env(t)
	at := &clock{time.Now()}
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	config, err := pgx.ParseConfig(db)
	if err != nil {
		t.Fatal(err)
	}
	name := config.Database
	config.Database = "postgres"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	o := &operator{t, conn}
	sends := 0
	var back sync.WaitGroup
	t.Cleanup(back.Wait)
	outage := func(ctx context.Context, m bot.Message) (string, error) {
		sends++
		o.exec(`alter database ` + name + ` allow_connections false`)
		o.exec(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '` + name + `' and backend_type = 'client backend'`)
		o.until(`not exists (select 1 from pg_stat_activity where datname = '` + name + `' and backend_type = 'client backend')`)
		back.Go(func() {
			time.Sleep(time.Second)
			o.exec(`alter database ` + name + ` allow_connections true`)
		})
		return "x", nil
	}
	_, deliver, err := s.Answer(t.Context(), entry("7", 1, "un"), one)
	if err != nil || deliver == nil {
		t.Fatal(err)
	}
	if err := deliver(t.Context(), outage); err != nil {
		t.Errorf("in hand: %v", err)
	}
	back.Wait()
	receive(t, s, entry("7", 2, "deux"))
	drain(t, s, one)
	if err := s.Deliver(t.Context(), bot.Telegram, outage); err != nil {
		t.Errorf("claimed: %v", err)
	}
	back.Wait()
	receive(t, s, entry("7", 3, "trois"))
	drain(t, s, one)
	if err := s.Deliver(t.Context(), bot.Telegram, func(ctx context.Context, m bot.Message) (string, error) {
		outage(ctx, m)
		return "", &bot.SendError{After: 5 * time.Second, Why: "occupé", Err: context.DeadlineExceeded}
	}); err != nil {
		t.Errorf("to be sent again: %v", err)
	}
	back.Wait()
	at.Time = at.Add(6 * time.Second) // before the lease is over
	if left := sendAll(t, s, bot.Telegram); len(left) != 1 || left[0].Text != "trois" {
		t.Errorf("%+v went out again", left)
	}
	at.Time = at.Add(61 * time.Second)
	if left := sendAll(t, s, bot.Telegram); len(left) != 0 || sends != 3 {
		t.Errorf("%+v went out again, after %d sends", left, sends)
	}
}

// one answers each entry with its words.
func one(s flows.Session, e bot.Entry) bot.Turn {
	return bot.Turn{Session: s, Send: []bot.Message{{Text: e.Input.Text}}}
}
