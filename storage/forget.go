package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
)

// A farewell is the last words to a person whose own key is gone, with where to send them: sealed with the office's key
// and deleted when they have been sent.
type farewell struct {
	Peer string `json:"p"`
	Body body   `json:"b"`
}

// queueFarewell writes the messages of a turn that forgets, so that they outlive the key.
func (s *Store) queueFarewell(b *pgx.Batch, h *hand, t bot.Turn, now time.Time, born *birth) error {
	for _, m := range t.Send {
		sealed, err := seal(s.vault.office, "farewell", 0, farewell{h.entry.Peer.ID, body{Text: m.Text, Lang: m.Lang, Choices: m.Choices}})
		if err != nil {
			return err
		}
		b.Queue(`with m as (insert into messages (conversation, author, status, at) values ($1, 'bot', 'waiting', $2) returning id)
			insert into outbox (message, conversation, channel, due, farewell, attempts, holder) select id, $1, $3, $5, $4, $6, $7 from m returning message`,
			h.id, now, h.entry.Peer.Channel, sealed, born.due, born.attempts(), born.holder).QueryRow(born.is)
	}
	return nil
}

func (s *Store) openFarewell(cl *claim, sealed []byte) error {
	var f farewell
	if err := unseal(s.vault.office, "farewell", 0, sealed, &f); err != nil {
		return err
	}
	cl.message.Peer.ID, cl.message.Text, cl.message.Lang, cl.message.Choices = f.Peer, f.Body.Text, f.Body.Lang, f.Body.Choices
	return nil
}

// queueForget destroys a person's key and everything sealed with it. The conversation stays without a peer: who writes
// again is somebody new. The cases stay as codes and dates; their offices hear of it. The conversation's lock is held.
func (s *Store) queueForget(ctx context.Context, db querier, b *pgx.Batch, conversation, person int64, now time.Time, told *news) error {
	rows, err := db.Query(ctx, `select id, office from cases where person = $1 order by id for no key update`, person)
	if err != nil {
		return err
	}
	cases, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		ID     int64
		Office string
	}])
	if err != nil {
		return err
	}
	for _, k := range cases {
		told.add(bot.TopicCase(k.ID), bot.TopicOffice(k.Office))
	}
	if err := s.queueErase(ctx, db, b, conversation, now, told); err != nil {
		return err
	}
	b.Queue(`delete from aliases where conversation = $1`, conversation)
	b.Queue(`update questions set back = null, asker = null where asker = $1`, s.vault.asker(conversation))
	b.Queue(`delete from inbox where conversation = $1`, conversation)
	b.Queue(`delete from pending where conversation = $1`, conversation)
	b.Queue(`delete from receipts where conversation = $1`, conversation)
	b.Queue(`delete from drafts where case_id in (select id from cases where person = $1)`, person)
	b.Queue(`delete from meetings where case_id in (select id from cases where person = $1)`, person)
	b.Queue(`delete from steps where case_id in (select id from cases where person = $1)`, person)
	b.Queue(`with o as (delete from outbox where conversation = $1 and farewell is null returning message),
		m as (
			update messages m set body = null, fleeting = false, status = case when m.id in (select message from o) then 'failed' else status end
			where conversation = $1 returning id, kind),
		f as materialized (select id from m where kind <> ''),
		w as (delete from media_wanted where message in (select id from f))
		update media set state = 'erased', data = null, name = null where message in (select id from f)`, conversation)
	b.Queue(`update cases set answers = null, last = null, comment = null, proposal = null, names = '{}', phones = '{}', erased = true, labels = '{}', waiting_at = null, unread = 0,
		state = 'closed', closed_at = coalesce(closed_at, $2), outcome = case when state = 'closed' then outcome else 'withdrawn' end
		where person = $1`, person, now)
	b.Queue(`update conversations set peer_hash = uuid_send(gen_random_uuid()), peer = '', session = null, open_case = null, rev = rev + 1, keyboard = '' where id = $1`, conversation)
	b.Queue(`update people set wrapped = null, erased_at = $2 where id = $1 and wrapped is not null`, person, now)
	told.queue(b)
	return nil
}

// queueErase notes that the channel of a conversation has yet to forget its peer, where it keeps anything of people's. The
// conversation's lock is held.
func (s *Store) queueErase(ctx context.Context, db querier, b *pgx.Batch, conversation int64, now time.Time, told *news) error {
	var channel bot.Channel
	var person int64
	var peer, wrapped, id []byte
	err := db.QueryRow(ctx, `select c.channel, c.person, c.peer, p.wrapped from conversations c join people p on p.id = c.person where c.id = $1`, conversation).
		Scan(&channel, &person, &peer, &wrapped)
	if err != nil || !channel.Remembers() || wrapped == nil || len(peer) == 0 {
		return err
	}
	aead, err := s.vault.open(person, wrapped)
	if err != nil {
		return err
	}
	if err := unseal(aead, "peer", person, peer, &id); err != nil {
		return err
	}
	sealed, err := seal(s.vault.office, "erasure", conversation, id)
	if err != nil {
		return err
	}
	b.Queue(`insert into erasures (conversation, channel, peer, due) values ($1, $2, $3, $4)`, conversation, channel, sealed, now)
	told.add(bot.TopicErase)
	return nil
}

// echo is after how long a channel forgets somebody once more: receipts and news of their devices come late, and whatsmeow
// notes whose they are.
const echo = 24 * time.Hour

// Erase implements bot.Journal: claim · forget, outside any transaction · mark, like a message. A crash in between leaves
// what falls due again when the lease is over.
func (s *Store) Erase(ctx context.Context, c bot.Channel, forget func(context.Context, bot.Peer) error) error {
	now := s.now()
	var id, conversation int64
	var attempts int
	var sealed, peer []byte
	var again bool
	err := s.pool.QueryRow(ctx, `
		with h as (
			select id from erasures e where channel = $1 and due <= $2 and not exists (select 1 from outbox o where o.conversation = e.conversation)
			order by due, id limit 1 for update skip locked)
		update erasures e set due = $3, attempts = attempts + 1 from h where e.id = h.id
		returning e.id, e.conversation, e.peer, e.attempts, e.again`, c, now, now.Add(lease)).Scan(&id, &conversation, &sealed, &attempts, &again)
	if errors.Is(err, pgx.ErrNoRows) {
		return bot.ErrIdle
	}
	if err != nil {
		return fmt.Errorf("claim an erasure: %w", err)
	}
	if err := unseal(s.vault.office, "erasure", conversation, sealed, &peer); err != nil {
		return err
	}
	p := bot.Peer{Channel: c, ID: string(peer)}
	switch _, err := s.existing(ctx, p); {
	case err == nil: // they have written again
		again = true
	case !errors.Is(err, bot.ErrNotFound):
		return fmt.Errorf("look for who was forgotten: %w", err)
	default:
		erasing, cancel := context.WithTimeout(ctx, lease*3/4)
		err := forget(erasing, p)
		cancel()
		if err != nil {
			_, dbErr := s.pool.Exec(context.WithoutCancel(ctx), `update erasures set due = $2 where id = $1`, id, later(s.now(), attempts, id))
			return errors.Join(fmt.Errorf("a channel has not forgotten somebody: %w", err), dbErr)
		}
	}
	if again {
		_, err = s.pool.Exec(ctx, `delete from erasures where id = $1`, id)
	} else {
		_, err = s.pool.Exec(ctx, `update erasures set due = $2, attempts = 0, again = true where id = $1`, id, s.now().Add(echo))
	}
	if err != nil {
		return fmt.Errorf("mark an erasure: %w", err)
	}
	return nil
}

// Forget implements bot.Journal.
func (s *Store) Forget(ctx context.Context, p bot.Peer) error {
	if p.Channel == bot.Imported || p.Channel == bot.AtDesk {
		return s.forgetImported(ctx, p.ID)
	}
	k, err := s.existing(ctx, p)
	if err == nil {
		_, err = s.forget(ctx, k.id, k.person, nil)
	}
	s.dropPeer(p)
	return err
}

// forget erases a conversation's person, unless they have written since the time given, if any.
func (s *Store) forget(ctx context.Context, id, person int64, silentSince *time.Time) (done bool, err error) {
	var told news
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select $2::timestamptz is null or seen_at < $2 from conversations where id = $1 for no key update`, id, silentSince).Scan(&done)
		if err != nil || !done {
			return err
		}
		b := &pgx.Batch{}
		if err := s.queueForget(ctx, tx, b, id, person, s.now(), &told); err != nil {
			return err
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return false, fmt.Errorf("forget a person: %w", err)
	}
	if done {
		s.vault.forget(person)
		s.live.drop(ctx, id)
		s.hub.poke(told...)
	}
	return done, nil
}

// A Retention says how long things are kept.
type Retention struct {
	Silent   time.Duration // a conversation that has no case, after the last word
	Closed   time.Duration // a case with its transcript, after it was closed; then its conversation is one that has none
	Fleeting time.Duration // the words of a reply to somebody who refused that anything be kept
	Refused  time.Duration // the conversation of such a person, after the last word
}

// DefaultRetention is what people are told when they are asked for their consent.
func DefaultRetention() Retention {
	return Retention{Silent: 30 * 24 * time.Hour, Closed: bot.KeptClosed, Fleeting: 10 * time.Minute, Refused: 24 * time.Hour}
}

// Purge applies the retention rules and tells how many people were forgotten. Questions, which are apart from who asked
// them, lose their words after a year and a month. The console's log-ins that have expired go too.
func (s *Store) Purge(ctx context.Context, r Retention) (n int, err error) {
	now := s.now()
	if _, err := s.pool.Exec(ctx, `update messages set body = null, fleeting = false where id in (
		select m.id from messages m where m.fleeting and m.body is not null and m.at < $1
		and not exists (select 1 from outbox o where o.message = m.id) for no key update skip locked)`, now.Add(-r.Fleeting)); err != nil {
		return 0, fmt.Errorf("purge words that are not to be kept: %w", err)
	}
	if _, err := s.pool.Exec(ctx, `delete from sessions where expiry < $1`, now); err != nil {
		return 0, fmt.Errorf("purge log-ins: %w", err)
	}
	if _, err := s.pool.Exec(ctx, `delete from logins where began_at < $1`, now.Add(-bot.Workday)); err != nil {
		return 0, fmt.Errorf("purge log-ins: %w", err)
	}
	if err := s.purgeAudit(ctx, now); err != nil {
		return 0, err
	}
	if err := s.purgeQuestions(ctx, now); err != nil {
		return 0, err
	}
	if err := s.purgeCodes(ctx, now); err != nil {
		return 0, err
	}
	if err := s.purgeImports(ctx, now); err != nil {
		return 0, err
	}
	failed := s.purgeCases(ctx, now.Add(-r.Closed))
	for _, rule := range []struct {
		whose string
		since time.Time
	}{{"not c.kept", now.Add(-r.Refused)}, {"c.open_case is null", now.Add(-r.Silent)}} {
		some, err := s.purgeSilent(ctx, rule.whose, rule.since)
		if n += some; err != nil {
			return n, errors.Join(err, failed)
		}
	}
	return n, failed
}

// purgeSilent forgets who has not written since a time and has no case that is kept, of some conversations c that have an
// index by that time.
func (s *Store) purgeSilent(ctx context.Context, whose string, since time.Time) (n int, err error) {
	type silent struct {
		ID, Person int64
		Seen       time.Time
	}
	for last := (silent{}); ; {
		rows, err := s.pool.Query(ctx, `
			select c.id, c.person, c.seen_at from conversations c
			where `+whose+` and c.peer <> '' and c.open_case is null and c.seen_at < $1 and (c.seen_at, c.id) > ($2, $3)
			  and not exists (select 1 from cases k where k.conversation = c.id and not k.erased)
			order by c.seen_at, c.id limit 200`, since, last.Seen, last.ID)
		if err != nil {
			return n, fmt.Errorf("find who is to be forgotten: %w", err)
		}
		due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[silent])
		if err != nil || len(due) == 0 {
			return n, err
		}
		for _, d := range due {
			last = d
			done, err := s.forget(ctx, d.ID, d.Person, &since)
			if err != nil {
				return n, err
			}
			if done {
				n++
			}
		}
		s.mu.Lock()
		clear(s.peers)
		s.mu.Unlock()
	}
}

// purgeCases erases the cases closed before a time: they stay as codes and dates, whether or not their person still
// writes.
func (s *Store) purgeCases(ctx context.Context, before time.Time) (failed error) {
	rows, err := s.pool.Query(ctx, `select id from cases where state = 'closed' and not erased and closed_at < $1 order by id`, before)
	if err != nil {
		return fmt.Errorf("find cases to be erased: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("find cases to be erased: %w", err)
	}
	for _, id := range due {
		if err := s.purgeCase(ctx, id, before); err != nil { // the others are not kept longer for its sake
			s.log.Error("a case could not be erased", "case", id, "error", err)
			failed = fmt.Errorf("erase case %d: %w", id, err)
			continue
		}
		s.hub.poke(bot.TopicCase(id))
	}
	return failed
}

// purgeCase erases one, unless it was opened again meanwhile.
func (s *Store) purgeCase(ctx context.Context, id int64, before time.Time) error {
	var person int64
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := lockCase(ctx, tx, id); err != nil {
			return err
		}
		k, err := s.scanCase(tx.QueryRow(ctx, `select `+caseColumns+caseTables+` where k.id = $1`, id))
		if err != nil {
			return err
		}
		person = k.person
		b := &pgx.Batch{}
		queueTally(b, id, k.Answers, before)
		// One that was opened again meanwhile is left alone, and then nothing of it is erased.
		b.Queue(`update cases set answers = null, last = null, comment = null, proposal = null, names = '{}', phones = '{}', print = null, labels = '{}', erased = true
			where id = $1 and state = 'closed' and closed_at < $2`, id, before)
		// Who has no conversation, and no other case, is not known by anything any more.
		b.Queue(`update people p set wrapped = null, erased_at = $2 where p.id = $1 and p.wrapped is not null
			and not exists (select 1 from conversations c where c.person = p.id) and not exists (select 1 from cases c where c.person = p.id and not c.erased)`, k.person, s.now())
		const of = `from messages m where (select erased from cases where id = $1) and ` + ofCase
		b.Queue(`delete from media_wanted where message in (select m.id `+of+`)`, id)
		b.Queue(`update media set state = 'erased', data = null, name = null where message in (select m.id `+of+`)`, id)
		b.Queue(`delete from pending where case_id = (select id from cases where id = $1 and erased)`, id)
		b.Queue(`delete from drafts where case_id = (select id from cases where id = $1 and erased)`, id)
		b.Queue(`delete from meetings where case_id = (select id from cases where id = $1 and erased)`, id)
		b.Queue(`delete from link_codes where case_id = (select id from cases where id = $1 and erased)`, id)
		b.Queue(`delete from steps where case_id = (select id from cases where id = $1 and erased)`, id)
		b.Queue(`with o as (delete from outbox where message in (select m.id `+of+`) returning message)
			update messages set body = null, status = case when id in (select message from o) then 'failed' else status end where id in (select m.id `+of+`)`, id)
		return tx.SendBatch(ctx, b).Close()
	})
	if err == nil {
		s.vault.forget(person) // it is opened again where it is still there
	}
	return err
}
