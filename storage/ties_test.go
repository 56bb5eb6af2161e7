package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// Where two things of a conversation meet: its locks, its names, its files, its wishes, its erasure.

// pair is two stores on one record.
func pair(t *testing.T) (string, *storage.Store, *storage.Store) {
	db, redis := storagetest.Env(t)
	return db, storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis}), storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
}

const waitingLocks = `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`

// TestForgottenWhileNamed: who is erased while an entry waits for their conversation is somebody new, and is heard.
func TestForgottenWhileNamed(t *testing.T) {
	db, s, other := pair(t)
	o := operate(t, db)
	receive(t, s, wa(number, hidden, 1, "un"))
	drain(t, s, open("AG-7F3K-92"))
	o.exec(`begin`)
	o.exec(`select 1 from people for update`)
	forgotten := make(chan error, 1)
	go func() { forgotten <- s.Forget(t.Context(), bot.Peer{Channel: bot.WhatsApp, ID: number}) }()
	operate(t, db).until(`(` + waitingLocks + `) = 1`)
	arrived := make(chan error, 1)
	go func() {
		_, err := other.Receive(t.Context(), wa(number, hidden, 2, "deux"))
		arrived <- err
	}()
	operate(t, db).until(`(` + waitingLocks + `) >= 2`)
	o.exec(`commit`)
	if err := <-forgotten; err != nil {
		t.Fatal(err)
	}
	t.Log("arrival:", <-arrived)
	for i := 3; i < 6; i++ {
		if _, err := s.Receive(t.Context(), wa(number, hidden, i, "encore")); err != nil {
			t.Errorf("the person cannot write any more: %v", err)
		}
		_, _, err := other.Answer(t.Context(), wa(number, "", 10+i, "encore"), echo)
		if err != nil {
			t.Errorf("the person cannot write any more: %v", err)
		}
	}
}

// TestFetchedWhileMerged: a file that is fetched while its conversation becomes part of another is not lost.
func TestFetchedWhileMerged(t *testing.T) {
	for _, early := range []bool{true, false} {
		t.Run(fmt.Sprint("early=", early), func(t *testing.T) {
			db, s, _ := pair(t)
			o := operate(t, db)
			wanted := wa(hidden, "", 3, "voix")
			wanted.Input.Kind, wanted.Media = flows.Voice, &bot.Media{Kind: flows.Voice, Mime: "audio/ogg", State: bot.MediaWanted, Ref: []byte("where it is")}
			receive(t, s, wanted)
			receive(t, s, wa(number, "", 4, "numéro"))
			drain(t, s, func(f flows.Session, e bot.Entry) bot.Turn {
				f.Lang = content.French
				if e.Peer.ID == number {
					return open("AG-7F3K-92")(f, e)
				}
				return bot.Turn{Session: f}
			})
			fetching, go1, done := make(chan bool), make(chan bool), make(chan error, 1)
			go func() {
				done <- s.Fetch(context.Background(), bot.WhatsApp, func(context.Context, bot.Media) (io.ReadCloser, error) {
					fetching <- true
					<-go1
					return io.NopCloser(strings.NewReader("une voix")), nil
				})
			}()
			select {
			case <-fetching:
			case err := <-done:
				t.Fatal("nothing was fetched:", err)
			}
			o.exec(`begin`)
			if early {
				o.exec(`select 1 from media_wanted for update`) // where the merge comes after the files' bytes, before it sees the commit
			} else {
				o.exec(`select 1 from people for update`) // the merge's last statement
			}
			merged := make(chan error, 1)
			go func() {
				_, err := s.Receive(context.Background(), wa(number, hidden, 5, "les deux"))
				merged <- err
			}()
			operate(t, db).until(`(` + waitingLocks + `) = 1`)
			go1 <- true
			operate(t, db).until(`(` + waitingLocks + `) >= 2`)
			o.exec(`commit`)
			if err := <-merged; err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			o.exec(`update media_wanted set due = now()`)
			_ = s.Fetch(context.Background(), bot.WhatsApp, func(context.Context, bot.Media) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("une voix")), nil
			})
			lines, err := s.Transcript(t.Context(), bot.Peer{Channel: bot.WhatsApp, ID: number}, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				if l.Media == nil {
					continue
				}
				m, err := s.Attachment(t.Context(), bot.Peer{Channel: bot.WhatsApp, ID: number}, l.ID)
				if err != nil || string(m.Data) != "une voix" {
					t.Errorf("the voice is %+v: %v; wanted rows %d", m, err, o.count(`select count(*) from media_wanted`))
				}
			}
		})
	}
}

// TestWishAfterMerge: who wished to be told is told, also when their conversation has become part of another.
func TestWishAfterMerge(t *testing.T) {
	s := storagetest.New(t)
	who := officer(t, s)
	receive(t, s, wa(hidden, "", 1, "question"))
	drain(t, s, func(v flows.Session, e bot.Entry) bot.Turn {
		v.Lang, v.Consent = content.French, "yes"
		return bot.Turn{Session: v, Asked: []flows.Asked{{Question: "q", Lang: content.French, Outcome: flows.AskWished, Need: "A1"}}}
	})
	time.Sleep(2 * time.Millisecond)
	receive(t, s, wa(number, "", 2, "un"))
	drain(t, s, open("AG-7F3K-92"))
	receive(t, s, wa(number, hidden, 3, "les deux"))
	drain(t, s, echo)
	sendAll(t, s, bot.WhatsApp)
	list, err := s.Questions(t.Context(), 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	w := &bot.Written{Officer: who.ID, Lang: content.French, Title: "t", Text: "x"}
	if err := s.Write(t.Context(), w, []int64{list[0].ID}, func(content.Lang) string { return "voici" }); err != nil {
		t.Fatal(err)
	}
	if w.Told != 1 {
		t.Errorf("told %d, want 1: %d messages", w.Told, len(sendAll(t, s, bot.WhatsApp)))
	}
}

// TestImportedNotes: a note on a case without a conversation is shown.
func TestImportedNotes(t *testing.T) {
	s := storagetest.New(t)
	takeOver(t, s, "agadir", earlier(time.Now().AddDate(0, -1, 0), map[string]string{"last-name": "Traoré", "need": "A1"}))
	k := list(t, s, bot.Selection{})[0]
	if _, err := s.Change(t.Context(), k.ID, func(c *bot.Case) (bot.CaseWork, error) {
		return bot.CaseWork{Lines: []bot.Line{{Author: bot.ByNote, Name: "Amina", Text: "une note"}}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	_, lines, err := s.Case(t.Context(), k.ID)
	if err != nil || len(lines) != 1 {
		t.Errorf("the case shows %d lines, want the note: %v", len(lines), err)
	}
}

// TestTakenBackBeforeTurn: the queue does not show what was taken back before its turn.
func TestTakenBackBeforeTurn(t *testing.T) {
	s := storagetest.New(t)
	receive(t, s, wa(number, "", 1, "bonjour"))
	drain(t, s, open("AG-7F3K-92"))
	receive(t, s, wa(number, "", 2, "un secret"))
	back := wa(number, "", 3, "")
	back.Deletes = "wa:2"
	receive(t, s, back)
	drain(t, s, func(f flows.Session, e bot.Entry) bot.Turn {
		return bot.Turn{Session: f, Case: &bot.CaseChange{Relay: true}}
	})
	cases, err := s.Queue(t.Context(), bot.Query{})
	if err != nil || len(cases) != 1 {
		t.Fatal(cases, err)
	}
	if strings.Contains(fmt.Sprint(cases[0].Last), "secret") {
		t.Errorf("the queue shows what was taken back: %q", cases[0].Last)
	}
}

// TestDraftWhileMerged: a draft that is kept while its case moves to another person can be read, or is none.
func TestDraftWhileMerged(t *testing.T) {
	db, s, _ := pair(t)
	o := operate(t, db)
	who := officer(t, s)
	receive(t, s, wa(hidden, "", 1, "un"))
	drain(t, s, open("AG-7F3K-92"))
	receive(t, s, wa(number, "", 2, "deux"))
	drain(t, s, open("AG-7F3K-93")) // both have a case; the second goes on
	cases, _ := s.Queue(t.Context(), bot.Query{})
	if len(cases) != 2 {
		t.Fatal(cases)
	}
	if cases[0].Reference != "AG-7F3K-92" {
		cases[0] = cases[1]
	}
	o.exec(`begin`)
	o.exec(`select 1 from officers for update`)
	kept := make(chan error, 1)
	go func() { kept <- s.KeepDraft(context.Background(), cases[0].ID, who.ID, "brouillon") }()
	p := operate(t, db)
	p.until(`(` + waitingLocks + `) = 1`)
	merged := make(chan error, 1)
	go func() {
		_, err := s.Receive(context.Background(), wa(number, hidden, 5, "les deux"))
		merged <- err
	}()
	p.until(`(` + waitingLocks + `) = 2`) // the merge waits for the draft
	o.exec(`commit`)
	if err := errors.Join(<-kept, <-merged); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Draft(t.Context(), cases[0].ID, who.ID); err != nil || d != "brouillon" {
		t.Errorf("the draft, and the page of the case with it: %q, %v", d, err)
	}
}

// TestChangedWhileMerged: a change holds the lock of the conversation that the case is of by then.
func TestChangedWhileMerged(t *testing.T) {
	db, s, _ := pair(t)
	o, p := operate(t, db), operate(t, db)
	receive(t, s, wa(hidden, "", 1, "un"))
	drain(t, s, open("AG-7F3K-92"))
	receive(t, s, wa(number, "", 2, "deux"))
	drain(t, s, open("AG-7F3K-93"))
	id := int64(o.count(`select id::int from cases where reference = 'AG-7F3K-92'`))
	o.exec(`begin`)
	o.exec(`select 1 from people for update`)
	merged := make(chan error, 1)
	go func() {
		_, err := s.Receive(context.Background(), wa(number, hidden, 5, "les deux"))
		merged <- err
	}()
	p.until(`(` + waitingLocks + `) = 1`)
	changed := make(chan error, 1)
	go func() {
		_, err := s.Change(context.Background(), id, func(c *bot.Case) (bot.CaseWork, error) {
			n := p.count(`with l as (select c.id from conversations c join cases k on k.conversation = c.id where k.id = ` + fmt.Sprint(id) + ` for no key update of c skip locked) select count(*) from l`)
			if n != 0 {
				t.Error("the conversation of the case is not locked while it is changed")
			}
			return bot.CaseWork{}, nil
		})
		changed <- err
	}()
	p.until(`(` + waitingLocks + `) >= 2`)
	o.exec(`commit`)
	if err := errors.Join(<-changed, <-merged); err != nil {
		t.Fatal(err)
	}
}

// TestForgottenWish: nothing leads to who was erased.
func TestForgottenWish(t *testing.T) {
	db, s, _ := pair(t)
	ask(t, s, "4", 1, content.French, flows.AskDeclined, flows.AskWished)
	if err := s.Forget(t.Context(), bot.Peer{Channel: bot.Telegram, ID: "4"}); err != nil {
		t.Fatal(err)
	}
	s.Purge(t.Context(), storage.DefaultRetention())
	if n := operate(t, db).count(`select count(*) from questions where back is not null`); n != 0 {
		t.Errorf("%d questions still lead to the erased conversation", n)
	}
}

// TestErasedThings: labels and drafts go with an imported case that is forgotten.
func TestErasedThings(t *testing.T) {
	db, s, _ := pair(t)
	who := officer(t, s)
	l, err := s.AddLabel(t.Context(), "agadir", "violences conjugales")
	if err != nil {
		t.Fatal(err)
	}
	takeOver(t, s, "agadir", earlier(time.Now().AddDate(0, -1, 0), map[string]string{"last-name": "Traoré", "need": "A1"}))
	k := list(t, s, bot.Selection{})[0]
	if _, err := s.Change(t.Context(), k.ID, func(c *bot.Case) (bot.CaseWork, error) { c.Labels = []int64{l.ID}; return bot.CaseWork{}, nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.KeepDraft(t.Context(), k.ID, who.ID, "brouillon"); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(t.Context(), bot.Peer{Channel: bot.Imported, ID: k.Reference}); err != nil {
		t.Fatal(err)
	}
	o := operate(t, db)
	if n := o.count(`select count(*) from cases where labels <> '{}'`); n != 0 {
		t.Error("the labels stay")
	}
	if n := o.count(`select count(*) from drafts`); n != 0 {
		t.Error("the draft stays")
	}
}

// TestMigrateWithData: every migration runs on a record that is not empty.
func TestMigrateWithData(t *testing.T) {
	db, _ := storagetest.Env(t)
	o := operate(t, db)
	o.exec(`drop schema public cascade; create schema public`)
	config, err := pgxpool.ParseConfig(db)
	if err != nil {
		t.Fatal(err)
	}
	sqldb := stdlib.OpenDB(*config.ConnConfig)
	defer sqldb.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, sqldb, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	o.exec(`insert into people (wrapped) select 'x' from generate_series(1, 50);
		insert into officers (login, name, hash, role, office) select 'o' || i, 'n', 'h', 'officer', 'agadir' from generate_series(1, 3) i;
		insert into officers (login, name, hash, role) values ('a', 'n', 'h', 'admin');
		insert into conversations (person, channel, peer_hash, peer, seen_at) select id, 'telegram', id::text::bytea, 'p', now() from people;
		insert into cases (person, conversation, reference, office, state, channel, opened_at, closed_at, officer, claimed_at) select id, id, 'R' || id, 'agadir', case when id % 3 = 0 then 'closed' when id % 3 = 1 then 'claimed' else 'open' end, 'telegram', now(), case when id % 3 = 0 then now() end, case when id % 3 = 1 then 1 end, null from people;
		update conversations set open_case = id where id % 3 <> 0;
		insert into messages (conversation, case_id, key, author, body, fleeting, status, at) select i % 50 + 1, case when i % 2 = 0 then i % 50 + 1 end, 'k' || i, case when i % 4 = 0 then 'bot' else 'person' end, case when i % 5 > 0 then 'b'::bytea end, i % 7 = 0, case when i % 4 = 0 then 'sent' end, now() from generate_series(1, 2000) i;
		insert into inbox (message, conversation, key, due) select id, conversation, key, now() from messages where id < 20;
		insert into outbox (message, conversation, channel, due) select id, conversation, 'telegram', now() from messages where author = 'bot' and id < 100;
		insert into media (message, state) select id, 'wanted' from messages where id < 10;
		insert into media_wanted (message, channel, ref, due) select message, 'telegram', 'r', now() from media;
		insert into questions (day, lang, outcome, question) select now(), 'fr', case when i % 2 = 0 then 'useful' else 'declined' end, 'q' from generate_series(1, 30) i`)
	if err := storage.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
}

// TestEventBeforeArrival: an officer closes the case while the person's words wait for the lock: the event comes first.
func TestEventBeforeArrival(t *testing.T) {
	db, s, _ := pair(t)
	p := operate(t, db)
	k := aCase(t, s, "7", 1)
	var order []string
	step := func(f flows.Session, e bot.Entry) bot.Turn {
		order = append(order, e.Input.Event+e.Input.Text)
		return bot.Turn{Session: f, Case: &bot.CaseChange{Relay: e.Input.Event == ""}, Send: []bot.Message{{Text: "transmis"}}}
	}
	answered := make(chan error, 1)
	if _, err := s.Change(t.Context(), k.ID, func(c *bot.Case) (bot.CaseWork, error) {
		go func() {
			_, _, err := s.Answer(context.Background(), entry("7", 2, "une question"), step)
			answered <- err
		}()
		p.until(`(` + waitingLocks + `) = 1`)
		c.State, c.Closed, c.Outcome = bot.StateClosed, time.Now(), "solved"
		return bot.CaseWork{Entries: []bot.Entry{{Key: "case:1", Input: flows.Input{Event: flows.EventClosed}}}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	drain(t, s, step)
	if fmt.Sprint(order) != fmt.Sprint([]string{"une question", flows.EventClosed, "une question"}) && fmt.Sprint(order[len(order)-2:]) != fmt.Sprint([]string{flows.EventClosed, "une question"}) {
		t.Errorf("the order is %q; ids: event %d, words %d", order, p.count(`select id from messages where key = 'case:1'`), p.count(`select id from messages where key = 'tg:2'`))
	}
}

// TestCorrectedThenTakenBack: the corrections of a message go with it.
func TestCorrectedThenTakenBack(t *testing.T) {
	_, s, _ := pair(t)
	receive(t, s, wa(number, "", 1, "bonjour"))
	drain(t, s, open("AG-7F3K-92"))
	edit := wa(number, "", 2, "un secret")
	edit.Key = "wa:1" + bot.Correction + "2"
	edit.Input.Edited = true
	receive(t, s, edit)
	back := wa(number, "", 3, "")
	back.Deletes = "wa:1"
	receive(t, s, back)
	cases, _ := s.Queue(t.Context(), bot.Query{})
	_, lines, _ := s.Case(t.Context(), cases[0].ID)
	for _, l := range lines {
		if l.Text == "un secret" {
			t.Error("the corrected words are still shown after the message was deleted for everybody")
		}
	}
}

// TestMergedInHand: what is in hand of two conversations while they become one goes out once each, in order.
func TestMergedInHand(t *testing.T) {
	db, s, other := pair(t)
	o := operate(t, db)
	step := func(f flows.Session, e bot.Entry) bot.Turn {
		f.Lang = content.French
		return bot.Turn{Session: f, Send: []bot.Message{{Text: "a " + e.Input.Text, Choices: []content.Option{{ID: "x", Label: "X"}}}, {Text: "b " + e.Input.Text, Choices: []content.Option{{ID: "x", Label: "X"}}}}}
	}
	answer := func(e bot.Entry) bot.Deliver {
		_, d, err := s.Answer(t.Context(), e, step)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	var sent []string
	send := func(_ context.Context, m bot.Message) (string, error) {
		sent = append(sent, m.Text+"/"+m.Keyboard)
		return fmt.Sprint("x", m.ID), nil
	}
	one := answer(wa(number, "", 1, "un"))
	time.Sleep(2 * time.Millisecond)
	two := answer(wa(hidden, "", 2, "deux"))
	three := answer(wa(number, hidden, 3, "trois"))
	for _, d := range []bot.Deliver{one, two, three} {
		if d != nil {
			if err := d(t.Context(), send); err != nil {
				t.Error(err)
			}
		}
	}
	drain(t, s, step)
	for _, store := range []*storage.Store{s, other} {
		o.exec(`update outbox set due = now()`)
		for store.Deliver(t.Context(), bot.WhatsApp, send) == nil {
		}
	}
	if n := o.count(`select count(*) from outbox`); n != 0 {
		t.Errorf("%d messages stay", n)
	}
	var words []string
	for _, m := range sent {
		text, _, _ := strings.Cut(m, "/")
		words = append(words, text)
	}
	for _, said := range []string{"un", "deux", "trois"} {
		first, second := slices.Index(words, "a "+said), slices.Index(words, "b "+said)
		if len(words) != 6 || first < 0 || second < first {
			t.Errorf("sent %q", words)
		}
	}
}
