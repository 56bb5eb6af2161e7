package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"baom/bot"
)

// work is what the line commits in groups: an arrival, or the mark of a message that went out.
type work struct {
	arrival *arrival
	mark    *sentMark
}

// A sentMark is a message that went out and is to be marked.
type sentMark struct {
	*claim
	external string
	made     bool
	err      error
	done     sync.WaitGroup
}

const (
	// maxGroup bounds how much one transaction of the line holds.
	maxGroup = 128
	// markLinger is how long a mark waits for an arrival to travel with. A crash within it repeats the message.
	markLinger = 5 * time.Millisecond
	// groupTimeout is how long a group may take.
	groupTimeout = 10 * time.Second
)

// lineConfig is the pool of the line. What it does goes by keys alone, whatever the planner has heard of the tables'
// sizes: a plan made while they were empty would scan them for ever.
func lineConfig(c *pgxpool.Config) *pgxpool.Config {
	c = c.Copy()
	c.MaxConns = 2 + turners // the line, what goes beside it, and turns
	c.ConnConfig.RuntimeParams["enable_seqscan"] = "off"
	return c
}

// together commits a group. If that fails it is split, down to the one that fails, so that nobody suffers for a
// neighbour; an arrival whose turn cannot be committed is filed without it, and Turn sees to it.
func (s *Store) together(group []*work) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	s.split(ctx, group)
	for _, w := range group {
		if w.arrival != nil {
			w.arrival.done.Done()
		} else {
			w.mark.done.Done()
		}
	}
}

func (s *Store) split(ctx context.Context, group []*work) {
	err := s.transact(ctx, group)
	switch n := len(group); {
	case err == nil:
	case n > 1 && !lost(err):
		s.log.Debug("a group is split", "size", n, "error", err)
		s.split(ctx, group[:n/2])
		s.split(ctx, group[n/2:])
	case n == 1 && group[0].arrival != nil && group[0].arrival.turn != nil && !lost(err):
		a := group[0].arrival
		s.log.Debug("a turn on arrival failed; the entry waits for another", "conversation", a.id, "error", err)
		a.turn, a.sealed, a.lines, a.passed = nil, nil, nil, false
		s.split(ctx, group)
	default:
		for _, w := range group {
			if w.arrival != nil {
				w.arrival.err = err
			} else {
				w.mark.err = err
			}
		}
	}
}

// lost reports whether a failure is that of the connection, of the server or of the time that was left: no part of the
// group would do better.
func lost(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return slices.Contains([]string{"08", "53", "57", "58"}, refused.Code[:2])
	}
	return errors.Is(err, errCut) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// errCut is of a transaction whose connection was lost on the way.
var errCut = errors.New("the connection was lost")

// cut is err, and says so where it has cost the connection.
func cut(conn *pgxpool.Conn, err error) error {
	if conn.Conn().IsClosed() {
		return errors.Join(err, errCut)
	}
	return err
}

// The statements of a group travel together and are one transaction. The first locks the conversations, in order, and
// passes over those that somebody else holds: what they are to get goes alone, and waits for that lock without making the
// group wait. What is asked under the locks is asked by the second, whose snapshot is younger than they are.
const (
	groupLock = `select set_config('baom.locked', coalesce(string_agg(id::text, ','), ''), true) from (
		select id from conversations where id = any($1) order by id for no key update skip locked) l`
	locked = `any (string_to_array(current_setting('baom.locked'), ',')::bigint[])`

	// soon is how much later than now a timer may be due and still be one that waits: what was filed while the lock was waited
	// for is older than what is asked under it, and clocks differ. Everything else in the inbox waits, whenever it is due.
	soon = `interval '1 minute'`

	groupTurn = `with t as materialized (
			select * from unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[], $7::bool[], $8::bigint[], $9::bytea[], $10::text[], $11::text[], $12::text[])
			  with ordinality t(id, hash, key, kind, body, at, turned, rev, session, lang, keyboard, channel, nr)),
		c as materialized (select id, peer_hash, rev, open_case, keyboard from conversations where id = ` + locked + `),
		l as materialized (
			select t.*, c.open_case, coalesce(t.keyboard, c.keyboard) as shown,
			  not exists (select 1 from messages x where x.conversation = t.id and x.key = t.key) as fresh,
			  t.turned and c.rev = t.rev and not exists (select 1 from inbox w where w.conversation = t.id and (w.due - ` + soon + ` <= $13 or w.attempts > 0 or not starts_with(w.key, '` + bot.Timer + `'))) as taken,
			  exists (select 1 from outbox o where o.conversation = t.id and o.message <> all ($14::bigint[])) as behind
			from t join c on c.id = t.id and c.peer_hash = t.hash),
		m as (
			insert into messages (conversation, case_id, key, author, kind, body, at)
			select id, open_case, key, 'person', kind, body, at from l where fresh order by nr returning id, conversation),
		i as (
			insert into inbox (message, conversation, key, due) select m.id, l.id, l.key, $13 from m join l on l.id = m.conversation where not l.taken),
		u as (
			update conversations c set session = case when l.taken then l.session else c.session end, rev = c.rev + l.taken::int,
			  lang = case when l.taken then l.lang else c.lang end, kept = c.kept or l.taken, reachable = c.reachable or l.taken,
			  keyboard = l.shown, seen_at = case when c.seen_at < $15 then $13 else c.seen_at end
			from l where c.id = l.id and l.fresh and (l.taken or c.seen_at < $15)),
		o as (
			insert into messages (conversation, case_id, author, body, status, at)
			select l.id, l.open_case, 'bot', r.body, 'waiting', $13
			from unnest($16::bigint[], $17::bytea[]) with ordinality r(conversation, body, nr) join l on l.id = r.conversation and l.taken join m on m.conversation = l.id
			order by r.nr returning id, conversation),
		b as (
			insert into outbox (message, conversation, channel, due, attempts, holder)
			select o.id, l.id, l.channel, case when l.behind or not $18 then $13 else $19 end, (not l.behind and $18)::int, case when not l.behind and $18 then $20::int end from o join l on l.id = o.conversation)
		select l.id, l.fresh, l.fresh and l.taken, l.behind, l.shown, l.open_case,
		  case when l.fresh and l.taken and l.open_case is not null then pg_notify('` + notifyChannel + `', 'case:' || l.open_case) end::text, null::bigint
		from l
		union all select conversation, null, null, null, null, null, null, id from o`

	// A mark that changes the keyboard needs the conversation's lock; its conversation is 0 where it does not.
	groupMark = `with x as materialized (
			select * from unnest($1::bigint[], $2::bigint[]) x(id, conversation) where conversation = 0 or conversation = ` + locked + `),
		o as (delete from outbox where message in (select id from x))
		select id from x`
	groupKeyboard = `update conversations c set keyboard = k.keyboard from unnest($1::bigint[], $2::text[]) k(id, keyboard)
		where c.id = k.id and c.keyboard <> k.keyboard and c.id = ` + locked
	groupNotify = `select pg_notify('` + notifyChannel + `', topic) from unnest($1::text[]) topic`
)

// A groupRow is what became of an arrival.
type groupRow struct {
	fresh, taken, behind bool
	keyboard             string
	openCase             *int64
	ids                  []int64
}

// transact commits a group in one transaction and one round trip. What it passes over, because somebody else holds the
// conversation, it leaves to who asked for it.
func (s *Store) transact(ctx context.Context, group []*work) error {
	var arrivals []*arrival
	var marks []*sentMark
	for _, w := range group {
		if w.arrival != nil {
			arrivals = append(arrivals, w.arrival)
		} else {
			marks = append(marks, w.mark)
		}
	}
	b := &pgx.Batch{}
	keyboards := s.queueLock(b, arrivals, marks)
	rows := map[int64]*groupRow{}
	turns := s.newGroupTurn(arrivals, keyboards)
	if len(arrivals) > 0 {
		turns.queue(b, rows)
	}
	if len(marks) > 0 {
		queueMarks(b, marks, keyboards)
	}
	topics := groupTopics(arrivals, marks)
	if len(topics) > 0 {
		b.Queue(groupNotify, topics)
	}
	conn, err := s.linePool.Acquire(ctx)
	if err != nil {
		return errors.Join(err, errCut)
	}
	defer conn.Release()
	if err := conn.SendBatch(ctx, b).Close(); err != nil { // a batch outside a transaction is one by itself
		return cut(conn, err)
	}
	for i, a := range arrivals {
		if r := rows[a.id]; r != nil {
			turns.settle(a, r, turns.last[i])
		} else {
			a.passed = true
		}
	}
	return nil
}

// queueLock queues the locks of a group, and tells which keyboards its marks leave.
func (s *Store) queueLock(b *pgx.Batch, arrivals []*arrival, marks []*sentMark) (keyboards map[int64]string) {
	ids := make([]int64, 0, len(arrivals)+len(marks))
	for _, a := range arrivals {
		ids = append(ids, a.id)
	}
	keyboards = map[int64]string{}
	newest := map[int64]int64{}
	for _, m := range marks {
		if after, changed := m.keyboard(); changed && m.id > newest[m.conversation] {
			newest[m.conversation], keyboards[m.conversation] = m.id, after
		}
	}
	for id := range keyboards {
		ids = append(ids, id)
	}
	b.Queue(groupLock, ids)
	return keyboards
}

// keyboard is the network's id of the message whose choices are shown once this one went out, and whether that is news.
func (m *sentMark) keyboard() (after string, changed bool) {
	if len(m.message.Choices) > 0 {
		return m.external, true
	}
	return "", m.message.Keyboard != ""
}

func queueMarks(b *pgx.Batch, marks []*sentMark, keyboards map[int64]string) {
	ids, conversations := make([]int64, len(marks)), make([]int64, len(marks))
	by := make(map[int64]*sentMark, len(marks))
	for i, m := range marks {
		ids[i], by[m.id] = m.id, m
		m.made = false
		if _, changed := m.keyboard(); changed {
			conversations[i] = m.conversation
		}
	}
	b.Queue(groupMark, ids, conversations).Query(func(rows pgx.Rows) error {
		made, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		for _, id := range made {
			by[id].made = true
		}
		return err
	})
	if len(keyboards) > 0 {
		ids, shown := make([]int64, 0, len(keyboards)), make([]string, 0, len(keyboards))
		for id, k := range keyboards {
			ids, shown = append(ids, id), append(shown, k)
		}
		b.Queue(groupKeyboard, ids, shown)
	}
}

// groupTopics is what a group tells other processes, but for the news of cases, which its statement tells.
func groupTopics(arrivals []*arrival, marks []*sentMark) (topics []string) {
	for _, a := range arrivals {
		if a.entry.Peer.Channel == bot.Web {
			topics = append(topics, string(bot.TopicPeer(a.entry.Peer)))
		}
	}
	for _, m := range marks {
		if m.message.Peer.Channel == bot.Web {
			topics = append(topics, string(bot.TopicPeer(m.message.Peer)))
		}
		if m.caseID != nil {
			topics = append(topics, string(bot.TopicCase(*m.caseID)))
		}
	}
	return topics
}

// A groupOfTurns is the arrivals of a group as the parameters of its statement.
type groupOfTurns struct {
	s                    *Store
	now                  time.Time
	claimed              bool
	last                 []*claim // of each arrival, what of its conversation was in hand
	ids, revs            []int64
	hashes, words, after [][]byte
	keys, kinds, langs   []string
	keyboards            []*string
	channels             []string
	ats                  []time.Time
	turned               []bool
	inHand               []int64
	to                   []int64
	lines                [][]byte
}

func (s *Store) newGroupTurn(arrivals []*arrival, keyboards map[int64]string) *groupOfTurns {
	g := &groupOfTurns{s: s, now: s.now(), claimed: s.hands.room(), inHand: []int64{}, to: []int64{}, lines: [][]byte{}}
	for _, a := range arrivals {
		var lang string
		var keyboard *string
		if a.turn != nil {
			lang = string(a.turn.Session.Lang)
		}
		if k, changed := keyboards[a.id]; changed {
			keyboard = &k
		}
		inHand, last := s.hands.of(a.id)
		g.inHand, g.last = append(g.inHand, inHand...), append(g.last, last)
		g.ids, g.revs, g.hashes, g.words, g.after = append(g.ids, a.id), append(g.revs, a.rev), append(g.hashes, a.hash), append(g.words, a.words), append(g.after, a.sealed)
		g.keys, g.kinds, g.langs = append(g.keys, a.entry.Key), append(g.kinds, string(a.entry.Input.Kind)), append(g.langs, lang)
		g.keyboards, g.channels = append(g.keyboards, keyboard), append(g.channels, string(a.entry.Peer.Channel))
		g.ats, g.turned = append(g.ats, a.entry.Input.At), append(g.turned, a.turn != nil)
		for _, line := range a.lines {
			g.to, g.lines = append(g.to, a.id), append(g.lines, line)
		}
	}
	return g
}

func (g *groupOfTurns) queue(b *pgx.Batch, rows map[int64]*groupRow) {
	b.Queue(groupTurn, g.ids, g.hashes, g.keys, g.kinds, g.words, g.ats, g.turned, g.revs, g.after, g.langs, g.keyboards, g.channels,
		g.now, g.inHand, g.now.Add(-seenEvery), g.to, g.lines, g.claimed, g.now.Add(lease), g.s.hub.holder()).Query(func(found pgx.Rows) error {
		defer found.Close()
		for found.Next() {
			var id int64
			var fresh, taken, behind *bool
			var keyboard, told *string
			var openCase, message *int64
			if err := found.Scan(&id, &fresh, &taken, &behind, &keyboard, &openCase, &told, &message); err != nil {
				return err
			}
			if rows[id] == nil {
				rows[id] = &groupRow{}
			}
			if r := rows[id]; message != nil {
				r.ids = append(r.ids, *message)
			} else {
				r.fresh, r.taken, r.behind, r.keyboard, r.openCase = *fresh, *taken, *behind, *keyboard, openCase
			}
		}
		for _, r := range rows {
			slices.Sort(r.ids)
		}
		return found.Err()
	})
}

// settle notes what became of an arrival.
func (g *groupOfTurns) settle(a *arrival, r *groupRow, last *claim) {
	a.fresh, a.taken = r.fresh, r.taken
	if !a.taken {
		return
	}
	if g.claimed && !r.behind {
		a.born = g.s.hands.take(a, r.ids, last, g.now.Add(lease), r.openCase, r.keyboard)
	} else if len(r.ids) > 0 {
		a.told.add(bot.TopicOutbox(a.entry.Peer.Channel))
	}
	if a.entry.Peer.Channel == bot.Web {
		a.told.add(bot.TopicPeer(a.entry.Peer))
	}
	if r.openCase != nil {
		a.told.add(bot.TopicCase(*r.openCase))
	}
}

// markSent marks that a message went out, in a group with others, and waits for it. One whose conversation goes on only
// with its mark is urgent.
func (s *Store) markSent(ctx context.Context, cl *claim, external string, urgent bool) error {
	m := &sentMark{claim: cl, external: external}
	for tries := 0; tries < 3 && m.err == nil && !m.made; tries++ { // passed over where its conversation is held just then
		m.done.Add(1)
		s.line.add(&work{mark: m}, urgent && tries == 0)
		m.done.Wait()
	}
	if m.err == nil && !m.made {
		return s.mark(context.WithoutCancel(ctx), cl, external, nil)
	}
	if m.err != nil {
		return fmt.Errorf("mark message %d: %w", cl.id, m.err)
	}
	var told news
	if urgent {
		told.add(bot.TopicOutbox(cl.message.Peer.Channel))
	}
	if cl.message.Peer.Channel == bot.Web {
		told.add(bot.TopicPeer(cl.message.Peer))
	}
	if cl.caseID != nil {
		told.add(bot.TopicCase(*cl.caseID))
	}
	s.hub.poke(told...)
	return nil
}
