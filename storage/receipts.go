package storage

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
)

const (
	maxReceipts    = 200                    // share a transaction
	receiptsLinger = 300 * time.Millisecond // for which they wait for company
	receiptsLook   = 60                     // messages of a conversation among which one is looked for
	receiptsTime   = 20 * time.Second
)

// Reached notes that messages have reached a person, or were read. It returns at once: what is noted shows a moment later,
// some together, beside the line. What cannot be noted is dropped; a later one says the same. It never goes back.
func (s *Store) Reached(r bot.Receipt) { s.receipts.add(r, false) }

// reached notes some receipts.
func (s *Store) reached(group []bot.Receipt) {
	ctx, cancel := context.WithTimeout(context.Background(), receiptsTime)
	defer cancel()
	delivered, read := map[int64]int64{}, map[int64]int64{}
	for _, r := range group {
		id, upTo, err := s.reaches(ctx, r)
		if err != nil {
			if !errors.Is(err, bot.ErrNotFound) {
				s.log.Debug("a receipt is dropped", "channel", string(r.Peer.Channel), "error", err)
			}
			continue
		}
		delivered[id] = max(delivered[id], upTo)
		if r.Read {
			read[id] = max(read[id], upTo)
		}
	}
	if len(delivered) == 0 {
		return
	}
	var ids, to, seen []int64
	for id := range delivered {
		ids = append(ids, id)
	}
	slices.Sort(ids) // the order in which their rows are locked
	for _, id := range ids {
		to, seen = append(to, delivered[id]), append(seen, read[id])
	}
	var told news
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `with r as (
				insert into receipts as r (conversation, delivered, read)
				select c.id, v.delivered, v.read from unnest($1::bigint[], $2::bigint[], $3::bigint[]) v(id, delivered, read) join conversations c on c.id = v.id where c.peer <> '' order by 1
				on conflict (conversation) do update set delivered = greatest(r.delivered, excluded.delivered), read = greatest(r.read, excluded.read)
				where excluded.delivered > r.delivered or excluded.read > r.read returning conversation)
			select c.open_case from r join conversations c on c.id = r.conversation where c.open_case is not null`, ids, to, seen)
		if err != nil {
			return err
		}
		cases, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		for _, id := range cases {
			told.add(bot.TopicCase(id))
		}
		b := &pgx.Batch{}
		told.queue(b)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		s.log.Warn("receipts are dropped", "size", len(ids), "error", err)
		return
	}
	s.hub.poke(told...)
}

// reaches is the conversation of a receipt, and the newest of its messages that is meant.
func (s *Store) reaches(ctx context.Context, r bot.Receipt) (conversation, upTo int64, err error) {
	k, err := s.existing(ctx, r.Peer)
	if err != nil || r.UpTo > 0 {
		return k.id, r.UpTo, err
	}
	rows, err := s.pool.Query(ctx, `select id from (select id, author from messages where conversation = $1 order by id desc limit $2) m
		where author in ('bot', 'officer') order by id desc`, k.id, receiptsLook)
	if err != nil {
		return 0, 0, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return 0, 0, err
	}
	if i := slices.IndexFunc(list, r.Is); i >= 0 {
		return k.id, list[i], nil
	}
	return 0, 0, bot.ErrNotFound
}
