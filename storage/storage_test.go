package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

func entry(peer string, n int, text string) bot.Entry {
	return bot.Entry{Peer: bot.Peer{Channel: bot.Telegram, ID: peer}, Key: fmt.Sprintf("tg:%d", n), Input: flows.Input{Text: text}}
}

// echo answers each entry with its words twice and counts in the session.
func echo(s flows.Session, e bot.Entry) bot.Turn {
	s.Misses++
	s.Lang = content.French
	return bot.Turn{Session: s, Send: []bot.Message{{Text: "1 " + e.Input.Text}, {Text: "2 " + e.Input.Text}}}
}

// drain takes turns until there is nothing to do.
func drain(t testing.TB, s *storage.Store, step func(flows.Session, bot.Entry) bot.Turn) {
	t.Helper()
	for {
		err := s.Turn(t.Context(), step)
		if errors.Is(err, bot.ErrIdle) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// sendAll delivers until there is nothing to do, and returns what went out.
func sendAll(t testing.TB, s *storage.Store, c bot.Channel) (out []bot.Message) {
	t.Helper()
	for {
		err := s.Deliver(t.Context(), c, func(_ context.Context, m bot.Message) (string, error) {
			out = append(out, m)
			return fmt.Sprint("x", m.ID), nil
		})
		if errors.Is(err, bot.ErrIdle) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func receive(t testing.TB, s *storage.Store, e bot.Entry) bool {
	t.Helper()
	fresh, err := s.Receive(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func TestReceiveTurnDeliver(t *testing.T) {
	s := storagetest.New(t)
	if !receive(t, s, entry("7", 1, "bonjour")) || receive(t, s, entry("7", 1, "bonjour")) {
		t.Error("an entry is fresh once")
	}
	receive(t, s, entry("7", 2, "salut"))
	drain(t, s, echo)
	var got []string
	for _, m := range sendAll(t, s, bot.Telegram) {
		if m.Peer.ID != "7" {
			t.Errorf("sent to %q", m.Peer.ID)
		}
		got = append(got, m.Text)
	}
	if want := "1 bonjour|2 bonjour|1 salut|2 salut"; strings.Join(got, "|") != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	lines, err := s.Transcript(t.Context(), bot.Peer{Channel: bot.Telegram, ID: "7"}, 0)
	if err != nil || len(lines) != 6 || lines[0].Text != "bonjour" || lines[5].Status != bot.Sent {
		t.Errorf("transcript %+v, %v", lines, err)
	}
	if _, err := s.Transcript(t.Context(), bot.Peer{Channel: bot.Web, ID: "7"}, 0); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("a stranger's transcript: %v", err)
	}
}

// TestRedisIsDisposable is the contract of the store under load: sixty people write twenty messages each, some twice;
// turns and sends fail now and then; two stores share the work; and Redis is there, away, or flushed every few
// milliseconds. Everybody's messages are handled once and in order, and every reply goes out in order.
func TestRedisIsDisposable(t *testing.T) {
	for _, mode := range []string{"with", "without", "flushed"} {
		t.Run(mode, func(t *testing.T) {
			storagetest.RealRedis(t)
			db, redisURL := storagetest.Env(t)
			if mode == "without" {
				redisURL = ""
			}
			a := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL})
			b := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL})
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if mode == "flushed" {
				o, err := redis.ParseURL(redisURL)
				if err != nil {
					t.Fatal(err)
				}
				client := redis.NewClient(o)
				defer client.Close()
				go func() {
					for ctx.Err() == nil {
						client.FlushAll(ctx)
						time.Sleep(3 * time.Millisecond)
					}
				}()
			}
			crowd(t, ctx, a, b)
		})
	}
}

func crowd(t *testing.T, ctx context.Context, a, b *storage.Store) {
	const people, words = 60, 20
	var mu sync.Mutex
	handled, sent := map[string][]string{}, map[string][]string{}
	var left atomic.Int64
	left.Store(people * words * 2)
	step := func(s flows.Session, e bot.Entry) bot.Turn {
		turn := echo(s, e)
		if rand.IntN(20) == 0 { // the transaction fails after the step
			turn.Case = &bot.CaseChange{Open: true, Office: "x", Reference: strings.Repeat("\x00", 3)}
			return turn
		}
		turn.Session.Slots = map[string]string{"seen": s.Slots["seen"] + " " + e.Input.Text}
		return turn
	}
	send := func(_ context.Context, m bot.Message) (string, error) {
		if rand.IntN(20) == 0 {
			return "", &bot.SendError{After: time.Millisecond, Why: "busy", Err: errors.New("busy")}
		}
		mu.Lock()
		defer mu.Unlock()
		sent[m.Peer.ID] = append(sent[m.Peer.ID], m.Text)
		left.Add(-1)
		return "ok", nil
	}
	var work, writing sync.WaitGroup
	for i, s := range []*storage.Store{a, b, a, b, a, b, a, b} {
		work.Go(func() {
			for ctx.Err() == nil && left.Load() > 0 {
				if i%2 == 0 {
					s.Turn(ctx, step)
				}
				if err := s.Deliver(ctx, bot.Telegram, send); errors.Is(err, bot.ErrIdle) {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for p := range people {
		writing.Go(func() {
			for n := range words {
				s := a
				if (p+n)%2 == 0 {
					s = b
				}
				for range 1 + rand.IntN(2) { // some arrive twice
					if _, err := s.Receive(ctx, entry(fmt.Sprint(p), n, fmt.Sprint(n))); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writing.Wait()
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%d messages are still to be sent", left.Load())
	}
	for p := range people {
		id := fmt.Sprint(p)
		var want []string
		for n := range words {
			want = append(want, fmt.Sprint("1 ", n), fmt.Sprint("2 ", n))
		}
		if got := sent[id]; strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("person %s was sent %v", id, got)
		}
		// The session, read through one more turn, saw every word once and in order.
		receive(t, a, entry(id, 1000, "last"))
	}
	drain(t, a, func(s flows.Session, e bot.Entry) bot.Turn {
		mu.Lock()
		defer mu.Unlock()
		handled[e.Peer.ID] = strings.Fields(s.Slots["seen"])
		return bot.Turn{Session: s}
	})
	for id, got := range handled {
		for n, w := range got {
			if w != fmt.Sprint(n) {
				t.Fatalf("the session of person %s saw %v", id, got)
			}
		}
		if len(got) != words {
			t.Fatalf("the session of person %s saw %d words", id, len(got))
		}
	}
}

// open is a turn that opens a case.
func open(ref string) func(flows.Session, bot.Entry) bot.Turn {
	return func(s flows.Session, e bot.Entry) bot.Turn {
		s.Lang, s.Consent = content.Arabic, "yes"
		return bot.Turn{Session: s, Send: []bot.Message{{Text: "ouvert", Choices: []content.Option{{ID: "menu.menu", Label: "Menu"}}}},
			Case: &bot.CaseChange{Open: true, Relay: true, Reference: ref, Office: "tiznit",
				Answers: map[string]string{"profile": "ad", "need": "G2", "first-name": "Zahra-Unique", "phone": "+212698765432"}}}
	}
}

// aCase makes a case of one person and returns it.
func aCase(t testing.TB, s *storage.Store, peer string, seed uint64) bot.Case {
	t.Helper()
	receive(t, s, entry(peer, 1, "motssecrets au sujet de la pension"))
	ref := flows.Reference("TZ", seed)
	drain(t, s, open(ref))
	list, err := s.Queue(t.Context(), bot.Query{Reference: strings.ToLower(ref)})
	if err != nil || len(list) != 1 {
		t.Fatalf("the queue holds %+v, %v", list, err)
	}
	return list[0]
}

func TestCaseLife(t *testing.T) {
	s := storagetest.New(t)
	ctx := t.Context()
	officer := bot.Officer{Login: " Amina ", Name: "Amina Test", Hash: "h", Role: bot.RoleOfficer, Office: "tiznit", Langs: []content.Lang{"fr"}}
	if err := s.SaveOfficer(ctx, &officer); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveOfficer(ctx, &bot.Officer{Login: "AMINA", Name: "x", Role: bot.RoleAdmin}); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("a login taken: %v", err)
	}
	c := aCase(t, s, "7", 1)
	if c.State != bot.StateOpen || c.Answers["first-name"] != "Zahra-Unique" || c.Unread != 1 || c.Last == "" || c.Waiting.IsZero() || c.Lang != content.Arabic {
		t.Errorf("a new case: %+v", c)
	}
	changed, err := s.Change(ctx, c.ID, func(c *bot.Case) (bot.CaseWork, error) {
		c.State, c.Officer, c.Claimed, c.Unread, c.Waiting = bot.StateClaimed, officer.ID, time.Now(), 0, time.Time{}
		return bot.CaseWork{Messages: []bot.Message{{Text: "Bonjour de la part d'Amina"}}, Lines: []bot.Line{{Author: bot.ByNote, Name: officer.Name, Text: "à rappeler"}},
			Entries: []bot.Entry{{Key: "case:1:1", Input: flows.Input{Event: flows.EventClaimed}}}}, nil
	})
	if err != nil || changed.State != bot.StateClaimed {
		t.Fatalf("%+v, %v", changed, err)
	}
	var seen string
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		seen = e.Input.Event
		if e.Case != c.ID {
			t.Errorf("the entry belongs to case %d", e.Case)
		}
		return bot.Turn{Session: sess}
	})
	if seen != flows.EventClaimed {
		t.Errorf("the dialogue heard %q", seen)
	}
	sent := sendAll(t, s, bot.Telegram)
	if len(sent) != 2 || sent[1].Officer != "Amina Test" || sent[1].Keyboard == "" {
		t.Errorf("sent %+v", sent)
	}
	_, lines, err := s.Case(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		got = append(got, string(l.Author)+":"+l.Text+l.Event)
	}
	want := "person:motssecrets au sujet de la pension|event:opened|bot:ouvert|officer:Bonjour de la part d'Amina|note:à rappeler"
	if strings.Join(got, "|") != want {
		t.Errorf("transcript\n got %s\nwant %s", strings.Join(got, "|"), want)
	}
	if _, err := s.Change(ctx, c.ID, func(*bot.Case) (bot.CaseWork, error) { return bot.CaseWork{}, bot.ErrForbidden }); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("an error of the change comes back as it is: %v", err)
	}
	if _, _, err := s.Case(ctx, 999); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("no such case: %v", err)
	}
}

// TestReferenceTaken shows that a reference that exists already is not used twice: the turn is taken again.
func TestReferenceTaken(t *testing.T) {
	s := storagetest.New(t)
	aCase(t, s, "7", 1)
	receive(t, s, entry("8", 1, "moi aussi"))
	tries := 0
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		tries++
		return open(flows.Reference("TZ", uint64(tries)))(sess, e)
	})
	if tries != 2 {
		t.Errorf("%d tries", tries)
	}
}

// TestDumpShowsNobody copies every table as text and every value of Redis after a conversation with words that stand
// out, and finds none of them.
func TestDumpShowsNobody(t *testing.T) {
	storagetest.RealRedis(t)
	db, redisURL := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL})
	ctx := t.Context()
	e := entry("peer-7654321", 1, "motssecrets")
	e.Media = &bot.Media{Kind: flows.Document, Mime: "application/pdf", Name: "nomfichier.pdf", Data: []byte("octetssecrets")}
	receive(t, s, e)
	e = entry("peer-7654321", 2, "encore motssecrets")
	e.Media = &bot.Media{Kind: flows.Voice, Ref: []byte("refsecret"), State: bot.MediaWanted}
	receive(t, s, e)
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		turn := open(flows.Reference("TZ", 5))(sess, e)
		turn.Session.Slots = map[string]string{"first-name": "Zahra-Unique"}
		turn.Send[0].Text = "reponsesecrete"
		turn.Case.Comment, turn.Asked = "commentairesecret", []flows.Asked{{Question: "motssecrets ?", Lang: "fr", Outcome: "declined"}}
		return turn
	})
	conn, err := pgx.Connect(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `select table_name from information_schema.tables where table_schema = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 10 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	var dump strings.Builder
	for _, table := range tables {
		var text string
		if err := conn.QueryRow(ctx, `select coalesce(string_agg(convert_from(decode(replace(encode(t::text::bytea, 'hex'), '', ''), 'hex'), 'UTF8'), e'\n'), '') from `+table+` t`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		dump.WriteString(text)
	}
	var raw []string // bytea is dumped as hexadecimal: look for the bytes too
	o, _ := redis.ParseURL(redisURL)
	client := redis.NewClient(o)
	defer client.Close()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("redis holds %v, %v", keys, err)
	}
	for _, k := range keys {
		raw = append(raw, k, client.Get(ctx, k).Val())
	}
	all := strings.ToLower(dump.String() + strings.Join(raw, "\n"))
	if !strings.Contains(all, "tiznit") {
		t.Fatal("the dump is empty")
	}
	for _, word := range []string{"motssecrets", "zahra", "98765432", "7654321", "octetssecrets", "nomfichier", "refsecret", "reponsesecrete", "commentairesecret"} {
		if strings.Contains(all, word) || strings.Contains(all, fmt.Sprintf("%x", word)) {
			t.Errorf("the dump shows %q", word)
		}
	}
}

func TestForget(t *testing.T) {
	s := storagetest.New(t)
	c := aCase(t, s, "7", 1)
	peer := bot.Peer{Channel: bot.Telegram, ID: "7"}
	sendAll(t, s, bot.Telegram)
	receive(t, s, entry("7", 2, "supprimer"))
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		return bot.Turn{Session: flows.Session{}, Send: []bot.Message{{Text: "Tout est effacé."}}, Forget: true}
	})
	sent := sendAll(t, s, bot.Telegram)
	if len(sent) != 1 || sent[0].Text != "Tout est effacé." || sent[0].Peer != peer {
		t.Errorf("the farewell is %+v", sent)
	}
	got, lines, err := s.Case(t.Context(), c.ID)
	if err != nil || !got.Erased || got.Answers["first-name"] != "" || got.Answers["need"] != "G2" || got.State != bot.StateClosed {
		t.Errorf("the case is %+v, %v", got, err)
	}
	for _, l := range lines {
		if l.Text != "" || !l.Erased {
			t.Errorf("a line is left: %+v", l)
		}
	}
	if _, err := s.Transcript(t.Context(), peer, 0); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("the transcript: %v", err)
	}
	if err := s.Forget(t.Context(), peer); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("forgetting twice: %v", err)
	}
	receive(t, s, entry("7", 3, "bonjour"))
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		if sess.Misses != 0 || sess.Consent != "" || e.Case != 0 {
			t.Errorf("who comes back is remembered: %+v", sess)
		}
		return bot.Turn{Session: sess}
	})
}

// TestRefused shows that nothing a person writes is kept once they have said no.
func TestRefused(t *testing.T) {
	now := time.Now()
	db, redisURL := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL, Now: func() time.Time { return now }})
	receive(t, s, entry("7", 1, "avant"))
	receive(t, s, entry("7", 2, "non"))
	receive(t, s, entry("7", 3, "après"))
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		return bot.Turn{Session: sess, Discard: e.Input.Text != "avant", Send: []bot.Message{{Text: "r " + e.Input.Text}}}
	})
	peer := bot.Peer{Channel: bot.Telegram, ID: "7"}
	words := func() (out string) {
		lines, err := s.Transcript(t.Context(), peer, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			out += l.Text + "|"
		}
		return out
	}
	if got := words(); strings.Contains(got, "avant|") && !strings.Contains(got, "r avant") || strings.HasPrefix(got, "avant") || strings.Contains(got, "|après") {
		t.Errorf("kept %q", got)
	}
	if n := len(sendAll(t, s, bot.Telegram)); n != 3 {
		t.Errorf("%d replies went out", n)
	}
	now = now.Add(11 * time.Minute)
	if _, err := s.Purge(t.Context(), storage.DefaultRetention()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Trim(words(), "|"); got != "" {
		t.Errorf("after ten minutes %q is kept", got)
	}
	now = now.Add(25 * time.Hour)
	if n, err := s.Purge(t.Context(), storage.DefaultRetention()); err != nil || n != 1 {
		t.Errorf("after a day %d are forgotten, %v", n, err)
	}
}

func TestRetention(t *testing.T) {
	now := time.Now()
	db, _ := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: func() time.Time { return now }})
	c := aCase(t, s, "has a case", 1)
	receive(t, s, entry("silent", 1, "bonjour"))
	drain(t, s, echo)
	for _, step := range []struct {
		days, forgotten int
	}{{29, 0}, {2, 1}, {300, 0}} {
		now = now.AddDate(0, 0, step.days)
		if n, err := s.Purge(t.Context(), storage.DefaultRetention()); err != nil || n != step.forgotten {
			t.Errorf("%d days later: %d forgotten, %v", step.days, n, err)
		}
	}
	if _, err := s.Change(t.Context(), c.ID, func(c *bot.Case) (bot.CaseWork, error) {
		c.State, c.Closed = bot.StateClosed, now
		return bot.CaseWork{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 0, 364)
	if n, _ := s.Purge(t.Context(), storage.DefaultRetention()); n != 0 {
		t.Error("forgotten too early")
	}
	now = now.AddDate(0, 0, 2)
	if n, _ := s.Purge(t.Context(), storage.DefaultRetention()); n != 1 {
		t.Error("not forgotten a year after the case was closed")
	}
}

func TestTimers(t *testing.T) {
	now := time.Now()
	db, _ := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: func() time.Time { return now }})
	var heard []string
	step := func(sess flows.Session, e bot.Entry) bot.Turn {
		heard = append(heard, e.Input.Text+e.Input.Event+e.Input.Slots["what"])
		turn := bot.Turn{Session: sess}
		switch e.Input.Text {
		case "set":
			turn.Later = []bot.Entry{{Key: "timer:a:1", Due: now.Add(time.Hour), Input: flows.Input{Event: "r", Slots: map[string]string{"what": "a"}}},
				{Key: "timer:b:1", Due: now.Add(time.Hour), Input: flows.Input{Event: "r", Slots: map[string]string{"what": "b"}}}}
		case "cancel":
			turn.Cancel = []string{"timer:a"}
		}
		return turn
	}
	receive(t, s, entry("7", 1, "set"))
	drain(t, s, step)
	receive(t, s, entry("7", 2, "cancel"))
	drain(t, s, step)
	now = now.Add(2 * time.Hour)
	drain(t, s, step)
	if got := strings.Join(heard, " "); got != "set cancel rb" {
		t.Errorf("heard %q", got)
	}
}

// TestPoison shows that an entry whose transaction always fails holds back what came after it only for a while, and is
// then set aside.
func TestPoison(t *testing.T) {
	now := time.Now()
	db, _ := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: func() time.Time { return now }})
	receive(t, s, entry("7", 1, "poison"))
	receive(t, s, entry("7", 2, "fine"))
	var heard []string
	for range 8 {
		for {
			err := s.Turn(t.Context(), func(sess flows.Session, e bot.Entry) bot.Turn {
				heard = append(heard, e.Input.Text)
				turn := echo(sess, e)
				if e.Input.Text == "poison" {
					turn.Case = &bot.CaseChange{Open: true, Reference: "\x00"}
				}
				return turn
			})
			if err != nil {
				break
			}
		}
		now = now.Add(time.Minute)
	}
	if got := strings.Join(heard, " "); got != "poison poison poison poison poison fine" {
		t.Errorf("heard %q", got)
	}
	if st, err := s.Stats(t.Context()); err != nil || st.SetAside != 1 || st.Inbox != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestCrashBetween kills the connections in the middle of each boundary: what was in hand is as if it had not begun.
func TestCrashBetween(t *testing.T) {
	db, _ := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db})
	kill := func() {
		conn, err := pgx.Connect(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, s, entry("7", 1, "bonjour"))
	if err := s.Turn(t.Context(), func(sess flows.Session, e bot.Entry) bot.Turn { kill(); return echo(sess, e) }); err == nil {
		t.Error("a turn whose connection was killed succeeded")
	}
	again(t, func() error { return s.Turn(t.Context(), echo) })
	sends := 0
	s.Deliver(t.Context(), bot.Telegram, func(context.Context, bot.Message) (string, error) { sends++; kill(); return "x", nil })
	for range 20 { // the mark may have taken a killed connection: then the lease holds the message, else the next one follows
		s.Deliver(t.Context(), bot.Telegram, func(context.Context, bot.Message) (string, error) { sends++; return "x", nil })
	}
	if sends < 1 || sends > 2 {
		t.Errorf("%d sends of two messages before a lease ran out", sends)
	}
	c := caseOf(t, s)
	if _, err := s.Change(t.Context(), c, func(c *bot.Case) (bot.CaseWork, error) {
		kill()
		c.Urgent = "medical"
		return bot.CaseWork{}, nil
	}); err == nil {
		t.Error("a change whose connection was killed succeeded")
	}
	again(t, func() error {
		k, _, err := s.Case(t.Context(), c)
		if err == nil && k.Urgent != "" {
			t.Error("half a change was kept")
		}
		return err
	})
}

// again calls f until it works: connections killed before are noticed when they are used.
func again(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for range 20 {
		if err = f(); err == nil {
			return
		}
		time.Sleep(300 * time.Millisecond)
	}
	t.Fatal(err)
}

func caseOf(t *testing.T, s *storage.Store) int64 {
	t.Helper()
	again(t, func() error { _, err := s.Receive(t.Context(), entry("9", 1, "dossier")); return err })
	again(t, func() error { return s.Turn(t.Context(), open(flows.Reference("TZ", 9))) })
	list, err := s.Queue(t.Context(), bot.Query{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	return list[0].ID
}

func TestWrongSecret(t *testing.T) {
	db, _ := storagetest.Env(t)
	storagetest.Open(t, storage.Options{DatabaseURL: db})
	_, err := storage.Open(t.Context(), storage.Options{DatabaseURL: db, Secret: []byte("another key, also of 32 bytes ...")[:32], Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "does not open this database") {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestLock(t *testing.T) {
	s := storagetest.New(t)
	release, ok, err := s.Lock(t.Context(), "telegram")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, ok, err := s.Lock(t.Context(), "telegram"); ok || err != nil {
		t.Errorf("taken twice: %v", err)
	}
	release()
	again(t, func() error { // the server lets go when it notices the closed connection
		r, ok, err := s.Lock(t.Context(), "telegram")
		if err == nil && !ok {
			return errors.New("not free again")
		}
		if ok {
			r()
		}
		return err
	})
}

// TestForeignRedis shows that a session in Redis that this record cannot open, as after a restored backup or with another
// installation's Redis, is passed over for the row's.
func TestForeignRedis(t *testing.T) {
	storagetest.RealRedis(t)
	db, redisURL := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL})
	receive(t, s, entry("7", 1, "un"))
	drain(t, s, echo)
	o, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	defer client.Close()
	keys, err := client.Keys(t.Context(), "baom:*:session:*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	for _, k := range keys {
		value := []byte(client.Get(t.Context(), k).Val())
		value[len(value)-1] ^= 1
		client.Set(t.Context(), k, value, 0)
	}
	receive(t, s, entry("7", 2, "deux"))
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		if sess.Misses != 1 {
			t.Errorf("the session is %+v", sess)
		}
		return echo(sess, e)
	})
}

func BenchmarkReceive(b *testing.B) {
	s := storagetest.New(b)
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		peer := fmt.Sprint(n.Add(1))
		for i := 0; pb.Next(); i++ {
			receive(b, s, entry(peer, i, "bonjour"))
		}
	})
}

func BenchmarkTurn(b *testing.B) {
	s := storagetest.New(b)
	for i := range b.N {
		receive(b, s, entry(fmt.Sprint(i%64), i, "bonjour"))
	}
	b.ResetTimer()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Turn(b.Context(), echo); err != nil && !errors.Is(err, bot.ErrIdle) {
				b.Fatal(err)
			}
		}
	})
}
