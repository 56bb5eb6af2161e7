package storage_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"baom/bot"
	"baom/storage"
	"baom/storage/storagetest"
)

// token waits for news, long enough for any machine.
func token(t *testing.T, news <-chan struct{}, of string) {
	t.Helper()
	select {
	case _, ok := <-news:
		if !ok {
			t.Fatalf("the watch of %s has ended", of)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("no news of %s", of)
	}
}

// quiet takes what tokens there are, until there are none for a while: opening a store wakes everybody once.
func quiet(news <-chan struct{}) {
	for {
		select {
		case <-news:
		case <-time.After(300 * time.Millisecond):
			return
		}
	}
}

// TestWatch shows that news travels from process to process, also after the notifications' connection was cut, that
// tokens nobody took are one, and that a watch ends with its context.
func TestWatch(t *testing.T) {
	db, _ := storagetest.Env(t)
	a, o := storagetest.Open(t, storage.Options{DatabaseURL: db}), operate(t, db)
	b := storagetest.Open(t, storage.Options{DatabaseURL: db})
	c := aCase(t, a, "7", 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	news := a.Watch(ctx, bot.TopicCase(c.ID), bot.TopicOffice("tiznit"))
	other := a.Watch(ctx, bot.TopicCase(c.ID+1))
	inbox := a.Watch(ctx, bot.TopicInbox)
	o.until(`(select count(*) from pg_stat_activity where datname = current_database() and query = 'listen baom') = 2`)
	quiet(news)
	quiet(other)
	touch := func() {
		t.Helper()
		if _, err := b.Change(t.Context(), c.ID, func(*bot.Case) (bot.CaseWork, error) { return bot.CaseWork{}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	touch()
	token(t, news, "the case in another process")
	select {
	case <-other:
		t.Error("news of another case")
	default:
	}
	receive(t, b, entry("8", 1, "mots"))
	token(t, inbox, "the inbox in another process")
	if o.kill(`query = 'listen baom'`) != 2 {
		t.Fatal("nobody listens")
	}
	quiet(news)
	o.until(`(select count(*) from pg_stat_activity where datname = current_database() and query = 'listen baom') = 2`)
	quiet(news)
	touch()
	token(t, news, "the case after the connection was cut")
	for range 50 {
		if _, err := a.Change(t.Context(), c.ID, func(*bot.Case) (bot.CaseWork, error) { return bot.CaseWork{}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(news) > 1 {
		t.Errorf("%d tokens wait", len(news))
	}
	cancel()
	for range 3 {
		if _, ok := <-news; !ok {
			return
		}
	}
	t.Error("the watch goes on after its context")
}

// TestHold shows that a lock is one process's, that its loss is noticed, and that the next one can then have it.
func TestHold(t *testing.T) {
	db, _ := storagetest.Env(t)
	a, o := storagetest.Open(t, storage.Options{DatabaseURL: db}), operate(t, db)
	b := storagetest.Open(t, storage.Options{DatabaseURL: db})
	held, release, ok, err := a.Hold(t.Context(), "telegram")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, ok, err := b.Lock(t.Context(), "telegram"); ok || err != nil {
		t.Errorf("held twice: %v", err)
	}
	if r, ok, err := b.Lock(t.Context(), "whatsapp"); !ok || err != nil {
		t.Errorf("another lock: %v, %v", ok, err)
	} else {
		r()
	}
	if held.Err() != nil {
		t.Error("lost without a reason")
	}
	o.until(`(select count(*) from pg_locks where locktype = 'advisory' and objsubid = 1 and database = (select oid from pg_database where datname = current_database())) = 1`)
	if o.kill(`pid in (select pid from pg_locks where locktype = 'advisory' and objsubid = 1 and database = (select oid from pg_database where datname = current_database()))`) != 1 {
		t.Fatal("nobody holds the lock")
	}
	select {
	case <-held.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the loss is not noticed")
	}
	release() // does nothing more
	take := func(s *storage.Store) func() {
		t.Helper()
		o.until(`not exists (select 1 from pg_locks where locktype = 'advisory' and objsubid = 1 and database = (select oid from pg_database where datname = current_database()))`)
		held, release, ok, err := s.Hold(t.Context(), "telegram")
		if !ok || err != nil || held.Err() != nil {
			t.Fatalf("not to be had: %v, %v", ok, err)
		}
		return release
	}
	take(b)()
	take(a)()
}

// TestMigrate shows that several processes may migrate at once, and that a store does not open on tables that are not
// those it knows.
func TestMigrate(t *testing.T) {
	db, _ := storagetest.Env(t)
	o := operate(t, db)
	want := o.count(`select max(version_id) from goose_db_version`)
	refused := func(words string) {
		t.Helper()
		s, err := storage.Open(t.Context(), storage.Options{DatabaseURL: db, Secret: storagetest.Secret(), Now: time.Now})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("opened with %v", err)
		}
	}
	o.exec(`insert into goose_db_version (version_id, is_applied) values (9999, true)`)
	refused("run a newer baom")
	o.exec(`delete from goose_db_version where version_id = 9999`)
	o.exec(`drop schema public cascade; create schema public`)
	refused("run baom migrate")
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			if err := storage.Migrate(t.Context(), db); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if got := o.count(`select max(version_id) from goose_db_version`); got != want {
		t.Errorf("migrated to %d, not %d", got, want)
	}
	s := storagetest.Open(t, storage.Options{DatabaseURL: db})
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	s.Close()
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a closed store is ready")
	}
}
