package storage

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"baom/bot"
	"baom/flows"
)

// A Past is one conversation that is over, as Fill loads it.
type Past struct {
	Peer    bot.Peer
	Session flows.Session // as the last word left it
	Seen    time.Time     // when the person last wrote
	Lines   []bot.Line    // oldest first; of their kinds only words, choices and events
	Case    *bot.Case     // nil: there was none
	Opening int           // how many lines came before the case
}

// fillChunk is how many conversations share a transaction of Fill.
const fillChunk = 1000

// Fill loads conversations as they would lie in the record after years, sealed as any other, each person with a key of
// their own: for measuring the growth of the record, and never beside the program's own writing. It copies them in,
// several at once, and leaves the tables vacuumed and analysed. Peers must be new to the record.
func (s *Store) Fill(ctx context.Context, pasts iter.Seq[*Past]) error {
	group, filling := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	chunk := make([]*Past, 0, fillChunk)
	load := func(chunk []*Past) {
		group.Go(func() error { return s.fill(filling, chunk) })
	}
	for p := range pasts {
		if chunk = append(chunk, p); len(chunk) == fillChunk {
			load(chunk)
			chunk = make([]*Past, 0, fillChunk)
		}
		if filling.Err() != nil {
			break
		}
	}
	load(chunk)
	if err := group.Wait(); err != nil {
		return fmt.Errorf("fill the record: %w", err)
	}
	if _, err := s.pool.Exec(ctx, `vacuum (freeze, analyze) people, conversations, cases, messages`); err != nil {
		return fmt.Errorf("vacuum what was filled: %w", err)
	}
	return nil
}

// rows are what one COPY carries.
type rows [][]any

func (r *rows) add(values ...any) { *r = append(*r, values) }

// A filling is a chunk on its way into the tables.
type filling struct {
	s                                   *Store
	personID, conversationID, caseID    func() int64
	lineID                              func() int64
	people, conversations, cases, lines rows
	open                                map[int64]int64 // case by conversation
}

// fill loads a chunk in one transaction.
func (s *Store) fill(ctx context.Context, chunk []*Past) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		lines, cases := 0, 0
		for _, p := range chunk {
			if lines += len(p.Lines); p.Case != nil {
				cases++
			}
		}
		f := &filling{s: s, open: map[int64]int64{}}
		for _, d := range []struct {
			table string
			n     int
			next  *func() int64
		}{{"people", len(chunk), &f.personID}, {"conversations", len(chunk), &f.conversationID}, {"cases", cases, &f.caseID}, {"messages", lines, &f.lineID}} {
			ids, err := draw(ctx, tx, d.table, d.n)
			if err != nil {
				return err
			}
			*d.next = func() int64 { id := ids[0]; ids = ids[1:]; return id }
		}
		for _, p := range chunk {
			if err := f.add(p); err != nil {
				return err
			}
		}
		return f.copy(ctx, tx)
	})
}

// draw takes ids from a table's sequence, in ascending order.
func draw(ctx context.Context, db querier, table string, n int) ([]int64, error) {
	found, err := db.Query(ctx, `select nextval(pg_get_serial_sequence($1, 'id')) from generate_series(1, $2)`, table, n)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(found, pgx.RowTo[int64])
	slices.Sort(ids)
	return ids, err
}

// add seals one conversation.
func (f *filling) add(p *Past) error {
	person, conversation := f.personID(), f.conversationID()
	aead, wrapped, err := f.s.vault.newKey()
	if err != nil {
		return err
	}
	f.people.add(person, wrapped)
	var faults error
	sealed := func(kind string, value any) []byte {
		data, err := seal(aead, kind, person, value)
		if err != nil && faults == nil {
			faults = err
		}
		return data
	}
	f.conversations.add(conversation, person, string(p.Peer.Channel), f.s.vault.hash("peer", string(p.Peer.Channel)+":"+p.Peer.ID),
		sealed("peer", []byte(p.Peer.ID)), sealed("session", p.Session), int64(len(p.Lines)), string(p.Session.Lang), p.Seen)
	ids := make([]int64, len(p.Lines))
	for i := range ids {
		ids[i] = f.lineID()
	}
	var caseID *int64
	for i, l := range p.Lines {
		if p.Case != nil && i == p.Opening {
			id := f.caseID()
			caseID = &id
			f.addCase(p, id, person, conversation, ids[:i], sealed)
		}
		var key, status *string
		b := body{Text: l.Text, Lang: p.Session.Lang, Choices: l.Choices, Event: l.Event, Slots: l.Slots}
		switch l.Author {
		case bot.ByPerson:
			k := fmt.Sprintf("past:%d", i)
			key, b = &k, body{Input: &flows.Input{Text: l.Text, Choice: l.Choice, At: l.At}}
		case bot.ByBot, bot.ByOfficer:
			waiting := string(bot.Waiting)
			status = &waiting
		}
		var officer *int64
		if l.Author == bot.ByOfficer && p.Case != nil {
			officer = null(p.Case.Officer)
		}
		f.lines.add(ids[i], conversation, caseID, key, string(l.Author), officer, sealed("line", b), status, l.At)
	}
	return faults
}

// addCase seals a conversation's case, to which the lines before it belong.
func (f *filling) addCase(p *Past, id, person, conversation int64, before []int64, sealed func(string, any) []byte) {
	k, upto := p.Case, int64(0)
	if len(before) > 0 {
		upto = before[len(before)-1]
	}
	if k.State != bot.StateClosed {
		f.open[conversation] = id
	}
	a := k.Answers
	f.cases.add(id, person, conversation, k.Reference, k.Office, k.State, string(p.Peer.Channel), string(p.Session.Lang), a["profile"], a["need"], k.Urgent,
		null(k.Officer), k.Outcome, k.Opened, nullTime(k.Claimed), nullTime(k.Closed), nullTime(k.Waiting), k.Unread, sealed("answers", a), sealed("last", k.Last),
		k.Score, f.s.vault.nameHashes(a["first-name"], a["last-name"]), f.s.vault.phoneHashes(a["phone"], phoneOf(p.Peer)), upto)
}

// copy writes the chunk.
func (f *filling) copy(ctx context.Context, tx pgx.Tx) error {
	for _, t := range []struct {
		table   string
		columns []string
		rows    rows
	}{
		{"people", []string{"id", "wrapped"}, f.people},
		{"conversations", []string{"id", "person", "channel", "peer_hash", "peer", "session", "rev", "lang", "seen_at"}, f.conversations},
		{"cases", []string{"id", "person", "conversation", "reference", "office", "state", "channel", "lang", "profile", "need", "urgent", "officer", "outcome",
			"opened_at", "claimed_at", "closed_at", "waiting_at", "unread", "answers", "last", "score", "names", "phones", "lines_upto"}, f.cases},
		{"messages", []string{"id", "conversation", "case_id", "key", "author", "officer", "body", "status", "at"}, f.lines},
	} {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.table}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return fmt.Errorf("copy into %s: %w", t.table, err)
		}
	}
	conversations, cases := make([]int64, 0, len(f.open)), make([]int64, 0, len(f.open))
	for conversation, id := range f.open {
		conversations, cases = append(conversations, conversation), append(cases, id)
	}
	_, err := tx.Exec(ctx, `update conversations c set open_case = o.id from unnest($1::bigint[], $2::bigint[]) o(conversation, id) where c.id = o.conversation`, conversations, cases)
	return err
}
