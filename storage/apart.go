package storage

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"baom/bot"
)

// maxApart bounds a group of turns that change more than their conversation.
const maxApart = 32

// The statements that begin such a group: the locks, which are waited for in order, and what is filed and asked under
// them. An entry whose turn cannot be committed with it waits in the inbox.
const (
	apartLock = `select set_config('baom.locked', coalesce(string_agg(id::text, ','), ''), true) from (
		select id from conversations where id = any($1) order by id for no key update) l`

	apartFile = `with t as materialized (
			select * from unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[], $7::bigint[]) with ordinality t(id, hash, key, kind, body, at, rev, nr)),
		c as materialized (select id, peer_hash, rev, open_case, keyboard, kept from conversations where id = ` + locked + `),
		l as materialized (
			select t.*, c.open_case, c.keyboard, c.kept,
			  not exists (select 1 from messages x where x.conversation = t.id and x.key = t.key) as fresh,
			  c.rev = t.rev and not exists (select 1 from inbox w where w.conversation = t.id and (w.due - ` + soon + ` <= $8 or w.attempts > 0 or not starts_with(w.key, '` + bot.Timer + `'))) as taken,
			  exists (select 1 from outbox o where o.conversation = t.id and o.message <> all ($9::bigint[])) as behind
			from t join c on c.id = t.id and c.peer_hash = t.hash),
		m as (
			insert into messages (conversation, case_id, key, author, kind, body, at)
			select id, open_case, key, 'person', kind, body, at from l where fresh order by nr returning id, conversation),
		i as (
			insert into inbox (message, conversation, key, due) select m.id, l.id, l.key, $8 from m join l on l.id = m.conversation where not l.taken),
		u as (update conversations c set seen_at = $8 from l where c.id = l.id and l.fresh and c.seen_at < $10)
		select l.id, l.fresh, l.fresh and l.taken, l.behind, l.keyboard, l.open_case, l.kept, coalesce(m.id, 0) from l left join m on m.conversation = l.id`
)

// besides commits turns that change more than their conversation: a case, timers, what was asked, erasure. It takes two
// round trips and what the changes of cases need, and so it goes beside the line. If a group fails it is split, down to
// the one that fails: that entry is filed, and Turn sees to it.
func (s *Store) besides(group []*arrival) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	s.splitApart(ctx, group)
	for _, a := range group {
		a.done.Done()
	}
}

func (s *Store) splitApart(ctx context.Context, group []*arrival) {
	err := s.transactApart(ctx, group)
	switch n := len(group); {
	case err == nil:
	case lost(err):
		for _, a := range group {
			a.err = err
		}
	case n > 1:
		s.log.Debug("a group is split", "size", n, "error", err)
		s.splitApart(ctx, group[:n/2])
		s.splitApart(ctx, group[n/2:])
	default:
		s.log.Debug("a turn on arrival failed; the entry waits for another", "conversation", group[0].id, "error", err)
		group[0].passed = true
	}
}

// An apartRow is what was found under the lock.
type apartRow struct {
	groupRow
	kept    bool
	message int64
}

func (s *Store) transactApart(ctx context.Context, group []*arrival) (err error) {
	conn, err := s.linePool.Acquire(ctx)
	if err != nil {
		return errors.Join(err, errCut)
	}
	// A connection that is given back within a transaction is closed by the pool.
	defer conn.Release()
	rows, last, err := s.beginApart(ctx, conn, group)
	var done []func()
	if err == nil {
		b := &pgx.Batch{}
		for i, a := range group {
			if r := rows[a.id]; r == nil {
				a.passed = true
			} else if a.fresh = r.fresh; r.taken {
				settle, err := s.commitApart(ctx, conn, b, a, r, last[i])
				if err != nil {
					err = cut(conn, err)
					s.rollback(ctx, conn)
					return err
				}
				done = append(done, settle)
			}
		}
		b.Queue("commit")
		err = conn.SendBatch(ctx, b).Close()
	}
	if err != nil {
		err = cut(conn, err)
		s.rollback(ctx, conn)
		return err
	}
	for _, settle := range done {
		settle()
	}
	return nil
}

func (s *Store) rollback(ctx context.Context, conn *pgxpool.Conn) {
	rolling, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	conn.Exec(rolling, "rollback") // where it fails the connection is closed, which does the same
}

// beginApart begins the transaction and files the entries; last is what of each one's conversation was in hand.
func (s *Store) beginApart(ctx context.Context, conn *pgxpool.Conn, group []*arrival) (rows map[int64]*apartRow, last []*claim, err error) {
	g := s.newGroupTurn(group, nil)
	rows = map[int64]*apartRow{}
	b := &pgx.Batch{}
	b.Queue("begin")
	b.Queue(apartLock, g.ids)
	b.Queue(apartFile, g.ids, g.hashes, g.keys, g.kinds, g.words, g.ats, g.revs, g.now, g.inHand, g.now.Add(-seenEvery)).Query(func(found pgx.Rows) error {
		var id int64
		r := &apartRow{}
		_, err := pgx.ForEachRow(found, []any{&id, &r.fresh, &r.taken, &r.behind, &r.keyboard, &r.openCase, &r.kept, &r.message}, func() error {
			row := *r
			row.openCase = copied(r.openCase)
			rows[id] = &row
			return nil
		})
		return err
	})
	return rows, g.last, conn.SendBatch(ctx, b).Close()
}

func copied(id *int64) *int64 {
	if id == nil {
		return nil
	}
	c := *id
	return &c
}

// commitApart queues everything that an arrival's turn changes; settle notes it once it is committed.
func (s *Store) commitApart(ctx context.Context, conn *pgxpool.Conn, b *pgx.Batch, a *arrival, r *apartRow, last *claim) (settle func(), err error) {
	now := s.now()
	h := &hand{entry: a.entry, message: r.message, person: a.person, id: a.id, rev: a.rev, aead: a.aead, session: a.found, kept: r.kept}
	h.entry.ID = r.message
	if r.openCase != nil {
		h.entry.Case = *r.openCase
	}
	born := &birth{due: now}
	if !r.behind && s.hands.room() {
		born.due, born.claimed, born.holder = now.Add(lease), true, s.hub.holder()
	}
	done, err := s.commit(ctx, conn, b, h, *a.turn, born)
	if err != nil {
		return nil, err
	}
	return func() {
		a.taken, a.sealed, a.told = true, done.session, done.told
		if a.sealed == nil {
			s.live.drop(ctx, a.id)
			s.vault.forget(a.person)
			s.dropPeer(a.entry.Peer)
		}
		if born.claimed {
			a.born = s.hands.take(a, born.ids, last, born.due, null(born.caseID), r.keyboard)
		} else {
			a.told.add(bot.TopicOutbox(a.entry.Peer.Channel))
		}
	}, nil
}
