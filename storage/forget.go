package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/content"
)

// farewellLang marks a message whose words are dropped when it has been sent.
const farewellLang content.Lang = "farewell"

// A farewell is the last words to a person whose own key is gone, with where to send them: sealed with the office's key
// and deleted when they have been sent.
type farewell struct {
	Peer string
	Text string
}

// queueFarewell writes the messages of a turn that forgets, so that they outlive the key.
func (s *Store) queueFarewell(b *pgx.Batch, h *hand, t bot.Turn, now time.Time) {
	for _, m := range t.Send {
		data, err := json.Marshal(farewell{Peer: h.entry.Peer.ID, Text: m.Text})
		if err != nil {
			continue // two strings
		}
		sealed, err := seal(s.vault.office, "farewell", 0, data)
		if err != nil {
			s.log.Error("a farewell cannot be sealed", "error", err)
			continue
		}
		b.Queue(`with m as (insert into messages (conversation, author, status, at) values ($1, 'bot', 'waiting', $2) returning id)
			insert into outbox (message, conversation, channel, due, farewell) select id, $1, $3, $2, $4 from m`, h.id, now, h.entry.Peer.Channel, sealed)
	}
}

func (s *Store) openFarewell(cl *claim, sealed []byte) error {
	var data []byte
	if err := unseal(s.vault.office, "farewell", 0, sealed, &data); err != nil {
		return err
	}
	var f farewell
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	cl.message.Peer.ID, cl.message.Text, cl.message.Lang = f.Peer, f.Text, farewellLang
	return nil
}

// queueForget destroys a person's key and everything sealed with it. The conversation stays without a peer: who writes
// again is somebody new. The case stays as codes and dates.
func (s *Store) queueForget(b *pgx.Batch, conversation, person int64, now time.Time) {
	b.Queue(`delete from inbox where conversation = $1`, conversation)
	b.Queue(`delete from outbox where conversation = $1 and farewell is null`, conversation)
	b.Queue(`delete from media_wanted w using messages m where m.id = w.message and m.conversation = $1`, conversation)
	b.Queue(`update media f set state = 'erased', data = null, name = null from messages m where m.id = f.message and m.conversation = $1`, conversation)
	b.Queue(`update messages set body = null, external = '' where conversation = $1`, conversation)
	b.Queue(`update cases set answers = null, last = null, comment = null, names = '{}', phones = '{}', erased = true,
		state = 'closed', closed_at = coalesce(closed_at, $2), outcome = case when state = 'closed' then outcome else 'withdrawn' end
		where person = $1`, person, now)
	b.Queue(`update conversations set peer_hash = gen_random_uuid()::text::bytea, peer = '', session = null, open_case = null, rev = rev + 1, keyboard = '' where id = $1`, conversation)
	b.Queue(`update people set wrapped = null, erased_at = $2 where id = $1 and wrapped is not null`, person, now)
}

// Forget implements bot.Journal.
func (s *Store) Forget(ctx context.Context, p bot.Peer) error {
	var id, person int64
	hash := s.vault.hash("peer", string(p.Channel)+":"+p.ID)
	err := s.pool.QueryRow(ctx, `select id, person from conversations where channel = $1 and peer_hash = $2`, p.Channel, hash).Scan(&id, &person)
	if errors.Is(err, pgx.ErrNoRows) {
		return bot.ErrNotFound
	}
	if err == nil {
		err = s.forget(ctx, id, person)
	}
	s.dropPeer(p)
	return err
}

func (s *Store) forget(ctx context.Context, id, person int64) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select 1 from conversations where id = $1 for no key update`, id); err != nil {
			return err
		}
		b := &pgx.Batch{}
		s.queueForget(b, id, person, s.now())
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return fmt.Errorf("forget a person: %w", err)
	}
	s.vault.forget(person)
	s.live.drop(ctx, id)
	return nil
}

// A Retention says how long things are kept.
type Retention struct {
	Silent   time.Duration // a conversation that never had a case, after the last word
	Closed   time.Duration // a case and its conversation, after the case was closed
	Fleeting time.Duration // the words of a reply to somebody who refused that anything be kept
	Refused  time.Duration // the conversation of such a person, after the last word
}

// DefaultRetention is what people are told when they are asked for their consent.
func DefaultRetention() Retention {
	return Retention{Silent: 30 * 24 * time.Hour, Closed: 365 * 24 * time.Hour, Fleeting: 10 * time.Minute, Refused: 24 * time.Hour}
}

// Purge applies the retention rules and tells how many people were forgotten.
func (s *Store) Purge(ctx context.Context, r Retention) (n int, err error) {
	now := s.now()
	if _, err := s.pool.Exec(ctx, `update messages m set body = null where fleeting and body is not null and at < $1
		and not exists (select 1 from outbox o where o.message = m.id)`, now.Add(-r.Fleeting)); err != nil {
		return 0, fmt.Errorf("purge words that are not to be kept: %w", err)
	}
	if _, err := s.pool.Exec(ctx, `delete from sessions where expiry < $1`, now); err != nil {
		return 0, fmt.Errorf("purge log-ins that have expired: %w", err)
	}
	for {
		rows, err := s.pool.Query(ctx, `
			select c.id, c.person from conversations c join people p on p.id = c.person
			where p.wrapped is not null and c.open_case is null
			  and case when not exists (select 1 from cases k where k.conversation = c.id)
			      then c.seen_at < $1 or not c.kept and c.seen_at < $2
			      else c.seen_at < $3 and not exists (select 1 from cases k where k.conversation = c.id and k.closed_at > $3) end
			limit 200`, now.Add(-r.Silent), now.Add(-r.Refused), now.Add(-r.Closed))
		if err != nil {
			return n, fmt.Errorf("find who is to be forgotten: %w", err)
		}
		due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ ID, Person int64 }])
		if err != nil || len(due) == 0 {
			return n, err
		}
		for _, d := range due {
			if err := s.forget(ctx, d.ID, d.Person); err != nil {
				return n, err
			}
			n++
		}
		s.mu.Lock()
		clear(s.peers)
		s.mu.Unlock()
	}
}
