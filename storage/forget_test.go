package storage_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// TestErase: a channel forgets who was forgotten, once the farewell has left; tries again where it cannot, and in another
// process after a crash; does so once more a day later; and leaves alone who has written again.
func TestErase(t *testing.T) {
	db, _ := storagetest.Env(t)
	at := &clock{time.Now()}
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	ctx := t.Context()
	var forgotten []string
	forget := func(_ context.Context, p bot.Peer) error {
		forgotten = append(forgotten, string(p.Channel)+":"+p.ID)
		return nil
	}
	idle := func(when string) {
		t.Helper()
		if err := s.Erase(ctx, bot.WhatsApp, forget); !errors.Is(err, bot.ErrIdle) {
			t.Errorf("%s there is something to erase: %v", when, err)
		}
	}
	goodbye := func(n int) {
		t.Helper()
		receive(t, s, wa(number, hidden, n, "supprimer"))
		drain(t, s, func(sess flows.Session, _ bot.Entry) bot.Turn {
			return bot.Turn{Send: []bot.Message{{Text: "Tout est effacé."}}, Forget: true}
		})
	}
	receive(t, s, entry("7", 1, "bonjour")) // a channel that keeps nothing
	drain(t, s, echo)
	sendAll(t, s, bot.Telegram)
	if err := s.Forget(ctx, bot.Peer{Channel: bot.Telegram, ID: "7"}); err != nil {
		t.Fatal(err)
	}
	idle("of a channel that keeps nothing")
	goodbye(1)
	idle("before the farewell has left")
	if sent := sendAll(t, s, bot.WhatsApp); len(sent) != 1 {
		t.Fatalf("the farewell: %+v", sent)
	}
	if err := s.Erase(ctx, bot.Telegram, forget); !errors.Is(err, bot.ErrIdle) {
		t.Errorf("by another channel: %v", err)
	}
	away := errors.New("the database is away")
	if err := s.Erase(ctx, bot.WhatsApp, func(context.Context, bot.Peer) error { return away }); !errors.Is(err, away) {
		t.Errorf("a failure: %v", err)
	}
	idle("at once after a failure")
	s.Close()
	at.Time = at.Add(time.Hour)
	s = storagetest.Open(t, storage.Options{DatabaseURL: db, Now: at.now})
	if err := s.Erase(ctx, bot.WhatsApp, forget); err != nil {
		t.Fatal(err)
	}
	idle("twice")
	at.Time = at.Add(25 * time.Hour)
	if err := s.Erase(ctx, bot.WhatsApp, forget); err != nil {
		t.Fatal(err)
	}
	at.Time = at.Add(25 * time.Hour)
	idle("after the second time")
	if want := []string{"whatsapp:" + number, "whatsapp:" + number}; !slices.Equal(forgotten, want) {
		t.Errorf("forgotten %v, want %v", forgotten, want)
	}

	// By the retention rules.
	receive(t, s, wa(number, hidden, 2, "bonjour"))
	drain(t, s, echo)
	sendAll(t, s, bot.WhatsApp)
	at.Time = at.AddDate(0, 0, 31)
	if n, err := s.Purge(ctx, storage.DefaultRetention()); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if err := s.Erase(ctx, bot.WhatsApp, forget); err != nil || len(forgotten) != 3 {
		t.Errorf("at the end of its time: %v %v", forgotten, err)
	}

	// Who has written again, by whichever name.
	receive(t, s, wa(hidden, "", 3, "me revoilà"))
	receive(t, s, wa(number, hidden, 4, "c'est moi"))
	at.Time = at.Add(25 * time.Hour)
	if err := s.Erase(ctx, bot.WhatsApp, forget); err != nil || len(forgotten) != 3 {
		t.Errorf("who has written again is forgotten: %v %v", forgotten, err)
	}
	idle("of who has written again")

	// By hand, by the other name: it is the person's own that the channel is told.
	if err := s.Forget(ctx, bot.Peer{Channel: bot.WhatsApp, ID: hidden}); err != nil {
		t.Fatal(err)
	}
	if err := s.Erase(ctx, bot.WhatsApp, forget); err != nil || len(forgotten) != 4 || forgotten[3] != "whatsapp:"+number {
		t.Errorf("by hand: %v %v", forgotten, err)
	}
}

// A print is everything sealed or hashed that the record holds: each value, with the column it stands in.
type print map[string]string

func (o *operator) print() print {
	o.t.Helper()
	all := print{}
	for _, c := range o.bytes() {
		table, column, _ := strings.Cut(c, ".")
		value := pgx.Identifier{column}.Sanitize()
		if o.count(`select (data_type = 'ARRAY')::int from information_schema.columns where table_schema = 'public' and table_name = '`+table+`' and column_name = '`+column+`'`) == 1 {
			value = "unnest(" + value + ")"
		}
		rows, err := o.conn.Query(o.t.Context(), `select `+value+` as v from `+pgx.Identifier{table}.Sanitize())
		if err != nil {
			o.t.Fatal(err)
		}
		values, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil {
			o.t.Fatal(err)
		}
		for _, v := range values {
			if len(v) > 0 {
				all[string(v)] = c
			}
		}
	}
	return all
}

// bytes lists the columns that hold bytes, as table.column.
func (o *operator) bytes() []string {
	o.t.Helper()
	rows, err := o.conn.Query(o.t.Context(), `select table_name || '.' || column_name from information_schema.columns
		where table_schema = 'public' and (data_type = 'bytea' or udt_name = '_bytea') order by 1`)
	if err != nil {
		o.t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(columns) < 20 {
		o.t.Fatal(len(columns), err)
	}
	return columns
}

// offices are the columns of bytes that hold nothing of a person's: the office's own, or, of a question, words that are kept
// apart from who asked, as README says.
var offices = []string{"office_keys.wrapped", "labels.key", "labels.name", "canned.body", "views.body", "imports.file", "import_plans.plan", "sessions.data", "officers.second", "recovery_codes.hash",
	"cases.print", "cases.filed", "link_codes.nonce", "link_codes.hash", "questions.question", "ways.key", "ways.address", "told.code", "push_key.private"}

// whole lets a person leave something in every column that can hold something of theirs, and returns the ids of their
// conversation and their case.
func whole(t *testing.T, s *storage.Store, o *operator, who *bot.Officer, id, alias string, seed uint64) (conversation, caseID int64) {
	t.Helper()
	ctx := t.Context()
	ref := flows.Reference("AG", seed)
	receive(t, s, wa(id, "", int(seed)*100, "bonjour"))
	first := wa(id, alias, int(seed)*100+1, "Je m'appelle Unique-"+id)
	first.Input.Kind = flows.Image
	first.Media = &bot.Media{Kind: flows.Image, Mime: "image/png", Name: "photo.png", Data: []byte("png of " + id)}
	receive(t, s, first)
	wanted := wa(id, alias, int(seed)*100+2, "")
	wanted.Input.Kind = flows.Voice
	wanted.Media = &bot.Media{Kind: flows.Voice, Mime: "audio/ogg", Ref: []byte("ref of " + id), State: bot.MediaWanted}
	receive(t, s, wanted)
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		sess.Lang, sess.Consent, sess.Slots = content.French, "yes", map[string]string{"first-name": "Unique-" + id}
		turn := bot.Turn{Session: sess, Send: []bot.Message{{Text: "réponse à " + id}}}
		if e.Key == first.Key {
			turn.Case = &bot.CaseChange{Open: true, Relay: true, Reference: ref, Office: "agadir", Comment: "merci de " + id, Score: 4,
				Answers: map[string]string{"profile": "rpt", "need": "A1", "first-name": "Unique-" + id, "last-name": "Diallo", "phone": "+" + id}}
			turn.Asked = []flows.Asked{{Question: "question de quelqu'un", Lang: "fr", Outcome: flows.AskWished, Need: "A1"}}
			turn.Later = []bot.Entry{{Key: fmt.Sprint("timer:x:", seed), Due: time.Now().Add(time.Hour), Input: flows.Input{Event: "reminder", Slots: map[string]string{"what": "x"}}}}
		}
		return turn
	})
	sendAll(t, s, bot.WhatsApp)
	list, err := s.Queue(ctx, bot.Query{Reference: ref})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	caseID = list[0].ID
	label, err := s.AddLabel(ctx, "agadir", "À rappeler")
	if err != nil {
		t.Fatal(err)
	}
	file := &bot.Media{Kind: flows.Image, Mime: "image/png", Name: "plan.png", Data: []byte("plan for " + id)}
	change := func(work bot.CaseWork) {
		t.Helper()
		if _, err := s.Change(ctx, caseID, func(c *bot.Case) (bot.CaseWork, error) {
			c.State, c.Officer, c.Claimed, c.Labels = bot.StateClaimed, who.ID, time.Now(), []int64{label.ID}
			c.Proposal = &bot.Proposal{Office: "tiznit", Officer: who.ID, By: who.Name, Reason: "la raison dite à " + id, At: time.Now()}
			return work, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	due := time.Now().Add(-time.Minute)
	change(bot.CaseWork{Pending: []bot.Pending{{Officer: who.ID, At: due, Due: due, Timed: true, Message: bot.Message{Text: "jamais parti pour " + id, Media: file}}}})
	o.exec(fmt.Sprintf(`update cases set state = 'open', officer = null where id = %d`, caseID)) // so that it does not go
	if err := s.Post(ctx); err != nil {
		t.Fatal(err)
	}
	change(bot.CaseWork{Steps: []bot.Step{{Text: content.Text{content.French: "appeler " + id}, Doer: bot.DoerOffice, By: who.Name, At: time.Now()}},
		Lines:    []bot.Line{{Author: bot.ByNote, Name: who.Name, Text: "note sur " + id}},
		Messages: []bot.Message{{Text: "attend dans la file pour " + id, Media: file}},
		Entries:  []bot.Entry{{Key: fmt.Sprint("case:", seed), Input: flows.Input{Event: flows.EventClaimed}}},
		Pending:  []bot.Pending{{Officer: who.ID, At: time.Now(), Due: time.Now().Add(time.Hour), Timed: true, Message: bot.Message{Text: "plus tard pour " + id, Media: file}}}})
	if err := s.KeepDraft(ctx, caseID, who.ID, "brouillon pour "+id); err != nil {
		t.Fatal(err)
	}
	receive(t, s, wa(id, alias, int(seed)*100+3, "encore, pas encore traité"))
	conversation = int64(o.count(fmt.Sprintf(`select conversation::int from cases where id = %d`, caseID)))
	o.exec(fmt.Sprintf(`insert into set_aside (message, at, trace) select max(id), now(), 'a trace' from messages where conversation = %d`, conversation))
	return conversation, caseID
}

// TestNothingLeft: of everything sealed or hashed that a person left in the record nothing remains once they are forgotten,
// but their number for a day, sealed, while WhatsApp has yet to forget them; and everything remains of who is still there. A
// column of bytes in which this person leaves nothing is named as the office's own: a new one cannot be passed over.
func TestNothingLeft(t *testing.T) {
	storagetest.RealRedis(t)
	db, redisURL := storagetest.Env(t)
	s, o := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL}), operate(t, db)
	ctx := t.Context()
	where, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(where)
	defer client.Close()
	sessions := func() []string {
		keys, err := client.Keys(ctx, "*:session:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	who := officer(t, s)
	whole(t, s, o, who, "33600000009", "90000000000009@lid", 9)
	drain(t, s, echo)
	sendAll(t, s, bot.WhatsApp)
	before := o.print()
	others := sessions()
	conversation, caseID := whole(t, s, o, who, number, hidden, 2)
	theirs, filled := print{}, map[string]bool{}
	for v, column := range o.print() {
		filled[column] = true
		if before[v] == "" && !slices.Contains(offices, column) {
			theirs[v] = column
		}
	}
	for _, column := range o.bytes() {
		if !filled[column] && !slices.Contains(offices, column) && column != "outbox.farewell" && column != "erasures.peer" {
			t.Errorf("this test proves nothing about %s", column)
		}
	}
	live := func() bool { // eight bytes alone hold its place, against a copy that comes late
		for _, k := range sessions() {
			value, err := client.Get(ctx, k).Bytes()
			if err != nil && !errors.Is(err, redis.Nil) {
				t.Fatal(err)
			}
			if strings.HasSuffix(k, fmt.Sprintf(":%d", conversation)) && !slices.Contains(others, k) && len(value) > 8 {
				return true
			}
		}
		return false
	}
	for range 400 { // the copy is written beside the turn
		if live() {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if !live() {
		t.Error("no live session: this test proves nothing about Redis")
	}
	if err := s.Forget(ctx, bot.Peer{Channel: bot.WhatsApp, ID: number}); err != nil {
		t.Fatal(err)
	}
	if live() {
		t.Error("the live session is left")
	}
	after := o.print()
	for v, column := range theirs {
		if after[v] != "" {
			t.Errorf("%s is left of who was forgotten", column)
		}
	}
	for v, column := range before {
		if after[v] == "" && column != "conversations.session" {
			t.Errorf("%s is gone of somebody else", column)
		}
	}
	if n := o.count(fmt.Sprintf(`select (select count(*) from inbox where conversation = %d) + (select count(*) from outbox where conversation = %[1]d) + (select count(*) from pending where conversation = %[1]d)
		+ (select count(*) from aliases where conversation = %[1]d) + (select count(*) from drafts where case_id = %d)
		+ (select count(*) from media_wanted w join messages m on m.id = w.message where m.conversation = %[1]d)`, conversation, caseID)); n != 0 {
		t.Errorf("%d rows of things to do are left", n)
	}
	if n := o.count(`select count(*) from erasures`); n != 1 {
		t.Errorf("%d erasures are to come", n)
	}
	for range 2 {
		if err := s.Erase(ctx, bot.WhatsApp, func(context.Context, bot.Peer) error { return nil }); err != nil {
			t.Fatal(err)
		}
		o.exec(`update erasures set due = now()`)
	}
	all := dump(t, db, redisURL)
	for _, secret := range []string{number, strings.TrimSuffix(hidden, "@lid"), "Unique-" + number, hex.EncodeToString([]byte(number))} {
		if strings.Contains(all, secret) {
			t.Errorf("the record shows %q", secret)
		}
	}
	if n := o.count(`select count(*) from erasures`); n != 0 {
		t.Error("the number is kept for more than a day")
	}
	if _, _, err := s.Case(ctx, caseID); err != nil {
		t.Errorf("what stays of the case cannot be read: %v", err)
	}
	if bytes.Contains([]byte(all), storagetest.Secret()) {
		t.Error("the secret key is in the record")
	}
}
