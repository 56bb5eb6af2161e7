package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/local"
	"baom/storage/storagetest"
)

// saving is how a test saves: with the tools of Postgres or without.
func saving(db string, tools bool) storage.BackupOptions {
	o := storage.BackupOptions{DatabaseURL: db, Now: time.Now}
	if tools {
		o.Tool = func(ctx context.Context, name string, major int) string {
			return local.PostgresTool(ctx, "", name, major)
		}
	}
	return o
}

// TestBackupWhileMessagesArrive saves the record in both forms while people write and are answered, restores it into an
// empty database, and finds there one moment of it: nobody's line broken, every id free, nothing in clear.
func TestBackupWhileMessagesArrive(t *testing.T) {
	for _, tools := range []bool{false, true} {
		t.Run(map[bool]string{false: "copy", true: "pg_dump"}[tools], func(t *testing.T) {
			db, redis := storagetest.Env(t)
			s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
			officer(t, s)
			operate(t, db).exec(`create schema whatsapp; create table whatsapp.keys (key text); insert into sessions values ('t', 'd', now() + interval '1 day')`)
			for n := range 20 {
				receive(t, s, entry(fmt.Sprint("person-", n%4), n, fmt.Sprint("mot secret ", n)))
			}
			drain(t, s, echo)
			ctx, stop := context.WithCancel(t.Context())
			var work sync.WaitGroup
			work.Go(func() {
				for n := 20; ctx.Err() == nil; n++ {
					if _, err := s.Receive(ctx, entry(fmt.Sprint("person-", n%4), n, fmt.Sprint("mot secret ", n))); err != nil && ctx.Err() == nil {
						t.Error(err)
					}
				}
			})
			work.Go(func() {
				for ctx.Err() == nil {
					if err := s.Turn(ctx, echo); err != nil && !errors.Is(err, bot.ErrIdle) && ctx.Err() == nil {
						t.Error(err)
					}
				}
			})
			var file bytes.Buffer
			saved, err := storage.Backup(t.Context(), saving(db, tools), &file)
			stop()
			work.Wait()
			if err != nil {
				t.Fatal(err)
			}
			if saved.Rows() < 40 || (saved.Form == "pg_dump") != tools {
				t.Errorf("%d rows were saved as %s", saved.Rows(), saved.Form)
			}
			for _, word := range []string{"secret 1", "person-1", string(storagetest.Secret())} {
				if bytes.Contains(file.Bytes(), []byte(word)) {
					t.Errorf("the backup holds %q", word)
				}
			}
			fresh, _ := storagetest.Empty(t)
			restored, err := storage.Restore(t.Context(), saving(fresh, tools), bytes.NewReader(file.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if restored.Rows() != saved.Rows() {
				t.Errorf("%d rows of %d came back", restored.Rows(), saved.Rows())
			}
			if _, err := storage.Restore(t.Context(), saving(fresh, tools), bytes.NewReader(file.Bytes())); err == nil || !strings.Contains(err.Error(), "not empty") {
				t.Errorf("a second restore into the same database: %v", err)
			}
			if err := storage.ForgetLive(t.Context(), fresh, redis); err != nil {
				t.Fatal(err)
			}
			again := storagetest.Open(t, storage.Options{DatabaseURL: fresh, RedisURL: redis})
			unbroken(t, again)
			if n := operate(t, fresh).count(`select (select count(*) from information_schema.tables where table_schema = 'whatsapp') + (select count(*) from sessions)`); n != 0 {
				t.Error("the keys of a telephone or of a browser came back")
			}
			// Life goes on in it: the next ids are free, and the sessions of the time that is lost are not believed.
			for n := range 4 {
				receive(t, again, entry(fmt.Sprint("person-", n), 1000000+n, "après"))
			}
			drain(t, again, echo)
			unbroken(t, again)
		})
	}
}

var numbered = regexp.MustCompile(`mot secret (\d+)$`)

// unbroken checks that the lines of each person are numbered without a gap, each line handled or still to be.
func unbroken(t *testing.T, s *storage.Store) {
	t.Helper()
	for p := range 4 {
		lines, err := s.Transcript(t.Context(), bot.Peer{Channel: bot.Telegram, ID: fmt.Sprint("person-", p)}, 0)
		if err != nil {
			t.Fatal(err)
		}
		next := p
		for _, l := range lines {
			if m := numbered.FindStringSubmatch(l.Text); l.Author == bot.ByPerson && m != nil {
				if m[1] != fmt.Sprint(next) {
					t.Fatalf("person %d: line %s follows where %d was due", p, m[1], next)
				}
				next += 4
			}
		}
		if next < 20 {
			t.Errorf("person %d has lines up to %d", p, next)
		}
	}
}

// TestRestoreRefuses: what is not whole, not ours or of another version is refused in plain words, and leaves the database
// empty, so that the right one can follow.
func TestRestoreRefuses(t *testing.T) {
	db, redis := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
	for n := range 8 {
		receive(t, s, entry("1", n, "bonjour"))
	}
	save := func(tools bool) []byte {
		var file bytes.Buffer
		if _, err := storage.Backup(t.Context(), saving(db, tools), &file); err != nil {
			t.Fatal(err)
		}
		return file.Bytes()
	}
	whole, dumped := save(false), save(true)
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	rows := bytes.Index(whole, []byte("PGCOPY\n")) // of the first table, whose rows follow
	for rows >= 0 && bytes.Equal(whole[rows+19:rows+21], []byte{0xff, 0xff}) {
		rows += 19 + bytes.Index(whole[rows+19:], []byte("PGCOPY\n"))
	}
	otherVersion := ""
	newer := regexp.MustCompile(`"Schema": \d+`).ReplaceAllFunc(whole, func(said []byte) []byte {
		said = bytes.Clone(said)
		said[len(said)-1] ^= 1 // of as many digits: the file's parts keep their lengths
		otherVersion = "is of version " + strings.Fields(string(said))[1]
		return said
	})
	fresh, _ := storagetest.Empty(t)
	for _, tt := range []struct {
		name, want string
		tools      bool
		file       []byte
	}{
		{"nothing", "no backup of baom", false, nil},
		{"another file", "no backup of baom", false, []byte(strings.Repeat("x", 2048))},
		{"another version", otherVersion, false, newer},
		{"cut in the middle", "not whole", false, whole[:len(whole)/2]},
		{"cut before the sums", "not whole", false, whole[:bytes.LastIndex(whole, []byte("sums.json"))]},
		{"one bit of a row", "", false, flip(whole, rows+60)},
		{"a dump cut in the middle", "not whole", true, dumped[:len(dumped)/2]},
		{"a dump without its tool", "no pg_restore", false, dumped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := storage.Restore(t.Context(), saving(fresh, tt.tools), bytes.NewReader(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("restore says %v, not %q", err, tt.want)
			}
		})
	}
	if _, err := storage.Restore(t.Context(), saving(fresh, false), bytes.NewReader(whole)); err != nil {
		t.Errorf("after all that was refused, the whole backup: %v", err)
	}
}

// TestRestoredSessions: the live sessions in Redis are of a time that a restore takes back; none of them comes up again
// when the revisions have come that far once more.
func TestRestoredSessions(t *testing.T) {
	db, redis := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
	step := func(flow string) func(flows.Session, bot.Entry) bot.Turn {
		return func(s flows.Session, e bot.Entry) bot.Turn {
			if flow == "again" && s.Flow == "lost" {
				t.Error("a session of the time that was taken back came up again")
			}
			s.Flow = flow
			return bot.Turn{Session: s}
		}
	}
	turns := func(s *storage.Store, from, to int, flow string) {
		for n := from; n < to; n++ {
			receive(t, s, entry("1", n, "x"))
			drain(t, s, step(flow))
		}
	}
	turns(s, 0, 2, "saved")
	var file bytes.Buffer
	if _, err := storage.Backup(t.Context(), saving(db, false), &file); err != nil {
		t.Fatal(err)
	}
	turns(s, 2, 4, "lost")
	fresh, _ := storagetest.Empty(t)
	if _, err := storage.Restore(t.Context(), saving(fresh, false), &file); err != nil {
		t.Fatal(err)
	}
	if err := storage.ForgetLive(t.Context(), fresh, redis); err != nil {
		t.Fatal(err)
	}
	turns(storagetest.Open(t, storage.Options{DatabaseURL: fresh, RedisURL: redis}), 2, 6, "again")
}
