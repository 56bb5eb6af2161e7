package storage_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
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
	for _, mode := range []string{"with", "without", "flushed", "at once", "at once, without"} {
		t.Run(mode, func(t *testing.T) {
			storagetest.RealRedis(t)
			db, redisURL := storagetest.Env(t)
			if strings.HasSuffix(mode, "without") {
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
			crowd(t, ctx, a, b, strings.HasPrefix(mode, "at once"))
		})
	}
}

// crowd writes and works on both stores. atOnce: most entries are answered as they arrive.
func crowd(t *testing.T, ctx context.Context, a, b *storage.Store, atOnce bool) {
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
	worker := func(do func() error) {
		work.Go(func() {
			for ctx.Err() == nil && left.Load() > 0 {
				if err := do(); errors.Is(err, bot.ErrIdle) {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for i, s := range []*storage.Store{a, b, a, b, a, b, a, b} {
		worker(func() error { return s.Turn(ctx, step) })
		if i < 4 {
			worker(func() error { return s.Deliver(ctx, bot.Telegram, send) })
		}
	}
	for p := range people {
		writing.Go(func() {
			for n := range words {
				s := a
				if (p+n)%2 == 0 {
					s = b
				}
				for range 1 + rand.IntN(2) { // some arrive twice
					if atOnce && rand.IntN(4) > 0 {
						_, deliver, err := s.Answer(ctx, entry(fmt.Sprint(p), n, fmt.Sprint(n)), step)
						if err != nil {
							t.Error(err)
						}
						if deliver != nil {
							work.Go(func() {
								if err := deliver(ctx, send); err != nil {
									t.Error(err)
								}
							})
						}
						continue
					}
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
	want := "person:motssecrets au sujet de la pension|event:opened|bot:ouvert|note:à rappeler|officer:Bonjour de la part d'Amina"
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

// TestDumpShowsNobody reads every row of every table and every key and value of Redis, with all bytes as they are, after a
// conversation full of words that stand out, and finds none of them.
func TestDumpShowsNobody(t *testing.T) {
	storagetest.RealRedis(t)
	db, redisURL := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL})
	ctx := t.Context()
	e := entry("212612345678@peer", 1, "motssecrets")
	e.Media = &bot.Media{Kind: flows.Document, Mime: "application/pdf", Name: "NomFichier.pdf", Data: []byte("OctetsSecrets")}
	receive(t, s, e)
	e = entry("212612345678@peer", 2, "encore motssecrets")
	e.Media = &bot.Media{Kind: flows.Voice, Ref: []byte("RefSecret"), State: bot.MediaWanted}
	receive(t, s, e)
	receive(t, s, bot.Entry{Peer: e.Peer, Key: "tg:3", Input: flows.Input{Kind: flows.Location, Lat: 29.69734, Lon: -9.73162, Choice: "choixsecret", Slots: map[string]string{"s": "slotsecret"}}})
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		turn := open(flows.Reference("TZ", 5))(sess, e)
		turn.Session.Slots = map[string]string{"first-name": "Zahra-Unique", "slot": "slotsecret"}
		turn.Send[0].Text = "ReponseSecrete"
		turn.Case.Comment, turn.Asked = "CommentaireSecret", []flows.Asked{{Question: "motssecrets ?", Lang: "fr", Outcome: "declined"}}
		turn.Later = []bot.Entry{{Key: fmt.Sprint("timer:", e.Key), Due: time.Now().Add(time.Hour), Input: flows.Input{Event: "r", Slots: map[string]string{"s": "slotsecret"}}}}
		return turn
	})
	list, err := s.Queue(ctx, bot.Query{})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if _, err := s.Change(ctx, list[0].ID, func(*bot.Case) (bot.CaseWork, error) {
		return bot.CaseWork{Lines: []bot.Line{{Author: bot.ByNote, Text: "NoteSecrete"}},
			Messages: []bot.Message{{Text: "ReponseSecrete", Media: &bot.Media{Kind: flows.Image, Name: "NomFichier.png", Data: []byte("OctetsSecrets")}}},
			Entries:  []bot.Entry{{Key: "case:1:1", Input: flows.Input{Event: "claimed", Slots: map[string]string{"s": "slotsecret"}}}}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	receive(t, s, entry("goodbye-7654321", 1, "motssecrets"))
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		return bot.Turn{Session: sess, Forget: e.Peer.ID == "goodbye-7654321", Send: []bot.Message{{Text: "AdieuSecret"}}}
	})
	all := strings.ToLower(dump(t, db, redisURL))
	for _, word := range []string{"tiznit", "timer:tg:3", "application/pdf", "session:"} { // what may be seen is seen: the test looks
		if !strings.Contains(all, word) {
			t.Errorf("the dump does not show %q", word)
		}
	}
	for _, word := range []string{"motssecrets", "zahra", "98765432", "12345678", "7654321", "octetssecrets", "nomfichier", "refsecret", "reponsesecrete",
		"commentairesecret", "29.69", "choixsecret", "slotsecret", "notesecrete", "adieusecret"} {
		if strings.Contains(all, word) {
			t.Errorf("the dump shows %q", word)
		}
	}
}

// dump is every row of every table as text, followed by the bytes that it writes as hexadecimal, and all that Redis holds.
func dump(t *testing.T, db, redisURL string) string {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `select table_name::text from information_schema.tables where table_schema = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 14 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	var out strings.Builder
	hexadecimal := regexp.MustCompile(`\\x[0-9a-f]*`)
	for _, table := range tables {
		rows, err := conn.Query(ctx, `select t::text from `+pgx.Identifier{table}.Sanitize()+` t`)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			out.WriteString(line + "\n")
			for _, h := range hexadecimal.FindAllString(line, -1) {
				data, err := hex.DecodeString(h[2:])
				if err != nil {
					t.Fatal(err)
				}
				out.Write(append(data, '\n'))
			}
		}
	}
	o, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	defer client.Close()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("redis holds %v, %v", keys, err)
	}
	for _, k := range keys {
		out.WriteString(k + "\n" + client.Get(ctx, k).Val() + "\n")
	}
	return out.String()
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

// TestForgottenElsewhere lets one process forget people who write to another, which still remembers their conversation:
// whatever is acknowledged is either erased with what came before, or filed for somebody new who can be answered.
func TestForgottenElsewhere(t *testing.T) {
	db, _ := storagetest.Env(t)
	a, b, o := storagetest.Open(t, storage.Options{DatabaseURL: db}), storagetest.Open(t, storage.Options{DatabaseURL: db}), operate(t, db)
	peer := bot.Peer{Channel: bot.Telegram, ID: "7"}
	receive(t, b, entry("7", 1, "bonjour"))
	if err := a.Forget(t.Context(), peer); err != nil {
		t.Fatal(err)
	}
	if !receive(t, b, entry("7", 1, "bonjour")) {
		t.Error("who was forgotten has written before")
	}
	for n := range 60 {
		var both sync.WaitGroup
		both.Go(func() {
			if err := a.Forget(t.Context(), peer); err != nil && !errors.Is(err, bot.ErrNotFound) {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, err := b.Receive(t.Context(), entry("7", 10+n, "encore")); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if n := o.count(`select count(*) from messages m join conversations c on c.id = m.conversation join people p on p.id = c.person
			where p.wrapped is null and m.body is not null`); n != 0 {
			t.Fatalf("%d lines were filed for nobody", n)
		}
	}
	drain(t, a, echo)
	if st, err := a.Stats(t.Context()); err != nil || st.Inbox != 0 || st.SetAside != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestLogIns shows that the console's log-ins are kept until they expire, and that expired ones are removed.
func TestLogIns(t *testing.T) {
	db, _ := storagetest.Env(t)
	at := &clock{time.Now()}
	s, o := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now}), operate(t, db)
	for token, expiry := range map[string]time.Duration{"short": time.Hour, "long": 3 * time.Hour} {
		if err := s.Sessions().Commit(token, []byte("data"), at.Add(expiry)); err != nil {
			t.Fatal(err)
		}
	}
	at.Time = at.Add(2 * time.Hour)
	if _, err := s.Purge(t.Context(), storage.DefaultRetention()); err != nil {
		t.Fatal(err)
	}
	if data, found, err := s.Sessions().Find("long"); err != nil || !found || string(data) != "data" {
		t.Errorf("a log-in that has not expired: %q, %v, %v", data, found, err)
	}
	if n := o.count(`select count(*) from sessions`); n != 1 {
		t.Errorf("%d log-ins are kept", n)
	}
}

// TestPurgeWaits shows that nobody is forgotten who writes while the rules are being applied.
func TestPurgeWaits(t *testing.T) {
	db, _ := storagetest.Env(t)
	at := &clock{time.Now()}
	s, o := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now}), operate(t, db)
	receive(t, s, entry("7", 1, "bonjour"))
	at.Time = at.AddDate(0, 0, 31)
	o.exec(`begin; update conversations set seen_at = now() + interval '31 days'`)
	forgotten := make(chan int)
	go func() {
		n, err := s.Purge(t.Context(), storage.DefaultRetention())
		if err != nil {
			t.Error(err)
		}
		forgotten <- n
	}()
	o.until(`exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`)
	o.exec(`commit`)
	if n := <-forgotten; n != 0 {
		t.Errorf("%d people were forgotten who had just written", n)
	}
}

// TestRefused shows that nothing a person writes is kept once they have said no.
func TestRefused(t *testing.T) {
	now := time.Now()
	db, redisURL := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL, Now: func() time.Time { return now }})
	var files []int64
	first, second := entry("7", 1, "avant"), entry("7", 2, "non")
	first.Media = &bot.Media{Kind: flows.Image, Name: "photo", Data: []byte("photo")}
	second.Media = &bot.Media{Kind: flows.Voice, Ref: []byte("ref")}
	receive(t, s, first)
	receive(t, s, second)
	receive(t, s, entry("7", 3, "après"))
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		if e.Media != nil {
			files = append(files, e.ID)
		}
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
	for _, line := range files {
		if m, err := s.Attachment(t.Context(), peer, line); err != nil || m.State != bot.MediaErased || m.Data != nil || m.Name != "" {
			t.Errorf("a file is kept: %+v, %v", m, err)
		}
	}
	if err := s.Fetch(t.Context(), bot.Telegram, nil); !errors.Is(err, bot.ErrIdle) {
		t.Errorf("a file is still wanted: %v", err)
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
	receive(t, s, entry("has a case", 2, "me revoilà"))
	now = now.AddDate(0, 0, 2)
	if n, _ := s.Purge(t.Context(), storage.DefaultRetention()); n != 0 {
		t.Error("somebody who still writes was forgotten")
	}
	k, lines, err := s.Case(t.Context(), c.ID)
	if err != nil || !k.Erased || k.Answers["first-name"] != "" || k.Answers["need"] != "G2" || k.Last != "" {
		t.Errorf("a year after it was closed the case is %+v, %v", k, err)
	}
	for _, l := range lines {
		if l.Text != "" {
			t.Errorf("a line of it is kept: %+v", l)
		}
	}
	now = now.AddDate(0, 0, 31)
	if n, _ := s.Purge(t.Context(), storage.DefaultRetention()); n != 1 {
		t.Error("not forgotten once they were silent too")
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
		idle := false
		for range 20 { // what follows is not taken while the poison waits to be tried again
			err := s.Turn(t.Context(), func(sess flows.Session, e bot.Entry) bot.Turn {
				heard = append(heard, e.Input.Text)
				turn := echo(sess, e)
				if e.Input.Text == "poison" {
					turn.Case = &bot.CaseChange{Open: true, Reference: "\x00"}
				}
				return turn
			})
			if idle = errors.Is(err, bot.ErrIdle); idle {
				break
			}
		}
		if !idle {
			t.Fatalf("the workers never rest; heard %q", heard)
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

func TestWrongSecret(t *testing.T) {
	db, _ := storagetest.Env(t)
	storagetest.Open(t, storage.Options{DatabaseURL: db})
	_, err := storage.Open(t.Context(), storage.Options{DatabaseURL: db, Secret: []byte("another key, also of 32 bytes ...")[:32], Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "does not open this database") {
		t.Errorf("a wrong key: %v", err)
	}
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

// TestStepFailed shows that an entry whose step panicked is set aside with its trace, once, and that the words said about
// it go out.
func TestStepFailed(t *testing.T) {
	s := storagetest.New(t)
	receive(t, s, entry("7", 1, "mots"))
	steps := 0
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		steps++
		return bot.Turn{Session: sess, Failed: "trace", Send: []bot.Message{{Text: "pardon"}}}
	})
	sent := sendAll(t, s, bot.Telegram)
	if st, err := s.Stats(t.Context()); err != nil || steps != 1 || st.SetAside != 1 || len(sent) != 1 {
		t.Errorf("%d steps, %+v, sent %+v, %v", steps, st, sent, err)
	}
}
