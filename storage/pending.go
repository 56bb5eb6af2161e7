package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/tink"

	"baom/bot"
	"baom/flows"
)

// queuePending writes a reply that waits for its time, sealed as a line of the transcript is, so that it becomes one
// without being opened.
func (s *Store) queuePending(b *pgx.Batch, aead tink.AEAD, person, conversation, caseID int64, p bot.Pending) error {
	m := p.Message
	sealed, err := seal(aead, "line", person, body{Text: m.Text, Lang: m.Lang, Choices: m.Choices, Card: m.Card})
	if err != nil {
		return err
	}
	kind, file := flows.Text, bot.Media{}
	var name, data []byte
	if m.Media != nil {
		file, kind = *m.Media, m.Media.Kind
		if name, err = seal(aead, "file name", person, []byte(file.Name)); err != nil {
			return err
		}
		if data, err = seal(aead, "media", person, file.Data); err != nil {
			return err
		}
	}
	b.Queue(`insert into pending (case_id, conversation, officer, at, due, timed, waited, unread, kind, body, mime, seconds, size, name, data)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		caseID, conversation, p.Officer, p.At, p.Due, p.Timed, nullTime(p.Waited), p.Unread, kind, sealed, file.Mime, file.Seconds, len(file.Data), name, data)
	return nil
}

// moving makes the replies that a condition over $1 chooses lines of the conversation and messages of the outbox, in
// their order, at the time $2. The person has then been answered, unless they have written since. The conversation's lock
// is held.
func moving(chosen string) string {
	return `
		with p as (delete from pending where ` + chosen + ` returning *),
		q as materialized (select nextval(pg_get_serial_sequence('messages', 'id')) as message, p.* from (select * from p order by case when timed then due end, id) p),
		m as (insert into messages (id, conversation, case_id, author, officer, kind, body, status, at) overriding system value
			select message, conversation, case_id, 'officer', officer, kind, body, 'waiting', $2::timestamptz from q),
		o as (insert into outbox (message, conversation, channel, due)
			select q.message, q.conversation, c.channel, $2::timestamptz from q join conversations c on c.id = q.conversation),
		f as (insert into media (message, mime, size, seconds, name, data, state)
			select message, mime, size, seconds, name, data, 'ready' from q where data is not null),
		a as (update cases k set waiting_at = null, unread = 0 from q where k.id = q.case_id and q.timed and k.unread = q.unread)
		select count(*) from q`
}

// Post implements bot.Journal. A reply goes only while its writer still holds the case and may work on it: one that was
// chosen for a time may outlive both. A reply that does not go is an event of the transcript, for who has the case now,
// and the person waits again if they did before. One to somebody who has withdrawn their case is dropped. Replies that wait
// only to be taken back go in the order in which they were written, whatever the clock has done meanwhile.
func (s *Store) Post(ctx context.Context) error {
	now := s.now()
	var told news
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		told = nil
		var conversation int64
		err := tx.QueryRow(ctx, `select c.id from pending p join conversations c on c.id = p.conversation where p.due <= $1
			order by p.due, p.id limit 1 for no key update of c skip locked`, now).Scan(&conversation)
		if errors.Is(err, pgx.ErrNoRows) {
			return bot.ErrIdle
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from pending p using cases k where k.id = p.case_id and p.conversation = $1 and p.due <= $2
			and k.outcome = 'withdrawn'`, conversation, now); err != nil {
			return err
		}
		// Who changes a case holds its conversation's lock: what is read of it here holds until the commit.
		var id, caseID int64
		var held bool
		var channel bot.Channel
		var office string
		var writer bot.Officer
		err = tx.QueryRow(ctx, `select p.id, k.id, k.office, (select channel from conversations where id = p.conversation), k.state = 'claimed' and k.officer = p.officer, o.role, o.office, o.disabled
			from pending p join cases k on k.id = p.case_id join officers o on o.id = p.officer
			where p.id = (
				select case when d.timed then d.id else (select min(id) from pending where conversation = $1 and not timed) end
				from (select id, timed from pending where conversation = $1 and due <= $2 order by due, id limit 1) d)`, conversation, now).
			Scan(&id, &caseID, &office, &channel, &held, &writer.Role, &writer.Office, &writer.Disabled)
		if errors.Is(err, pgx.ErrNoRows) { // it was withdrawn
			return nil
		}
		if err != nil {
			return err
		}
		told.add(bot.TopicCase(caseID), bot.TopicOffice(office))
		if held && writer.May(office) {
			told.add(bot.TopicOutbox(channel))
			_, err = tx.Exec(ctx, moving(`id = $1`), id, now)
		} else {
			err = s.keepUnsent(ctx, tx, caseID, id, now)
		}
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		told.queue(b)
		return tx.SendBatch(ctx, b).Close()
	})
	if errors.Is(err, bot.ErrIdle) {
		return err
	}
	if err != nil {
		return fmt.Errorf("post a reply: %w", err)
	}
	s.hub.poke(told...)
	return nil
}

// keepUnsent makes a reply that may not go an event of its case, with its words and its file. The conversation's lock is
// held.
func (s *Store) keepUnsent(ctx context.Context, tx pgx.Tx, caseID, id int64, now time.Time) error {
	list, err := s.pending(ctx, tx, `select `+pendingColumns+` from pending w`+pendingTables+` where w.id = $1`, id)
	if err != nil || len(list) == 0 {
		return err
	}
	p := list[0]
	var person int64
	var wrapped []byte
	if err := tx.QueryRow(ctx, `select k.person, p.wrapped from cases k join people p on p.id = k.person where k.id = $1`, caseID).Scan(&person, &wrapped); err != nil {
		return err
	}
	aead, err := s.vault.open(person, wrapped)
	if err != nil {
		return err
	}
	sealed, err := seal(aead, "line", person, body{Text: p.Message.Text, Name: p.By, Event: bot.EventUnsent})
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(`with p as (delete from pending where id = $1 returning *),
		m as (insert into messages (conversation, case_id, author, kind, body, at) select conversation, case_id, 'event', kind, $2, $3 from p returning id)
		insert into media (message, mime, size, seconds, name, data, state) select m.id, p.mime, p.size, p.seconds, p.name, p.data, 'ready' from p, m where p.data is not null`,
		id, sealed, now)
	queueWaitsAgain(b, caseID, p)
	return tx.SendBatch(ctx, b).Close()
}

// queueWaitsAgain undoes what a reply that does not go has done to its case: the person waits again, if they did before.
func queueWaitsAgain(b *pgx.Batch, caseID int64, p bot.Pending) {
	if !p.Timed {
		b.Queue(`update cases set waiting_at = coalesce($2, waiting_at), unread = unread + $3 where id = $1 and state <> 'closed'`,
			caseID, nullTime(p.Waited), p.Unread)
	}
}

// Pending implements bot.Cases.
func (s *Store) Pending(ctx context.Context, caseID int64) ([]bot.Pending, error) {
	list, err := s.pending(ctx, s.pool, `select `+pendingColumns+` from pending w`+pendingTables+` where w.case_id = $1 order by w.due, w.id`, caseID)
	if err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	return list, nil
}

const (
	pendingColumns = `w.id, w.officer, o.name, w.at, w.due, w.timed, coalesce(w.waited, '0001-01-01'), w.unread, w.kind, w.body, w.mime, w.seconds, w.size, w.name, k.person, p.wrapped`
	pendingTables  = ` join officers o on o.id = w.officer join cases k on k.id = w.case_id join people p on p.id = k.person `
)

func (s *Store) pending(ctx context.Context, db querier, query string, args ...any) ([]bot.Pending, error) {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []bot.Pending
	for rows.Next() {
		var p bot.Pending
		var m bot.Media
		var words, name, wrapped []byte
		var person int64
		if err := rows.Scan(&p.ID, &p.Officer, &p.By, &p.At, &p.Due, &p.Timed, &p.Waited, &p.Unread, &m.Kind, &words, &m.Mime, &m.Seconds, &m.Size, &name, &person, &wrapped); err != nil {
			return nil, err
		}
		aead, err := s.vault.open(person, wrapped)
		if err != nil {
			return nil, err
		}
		var b body
		var plain []byte
		if err := errors.Join(unseal(aead, "line", person, words, &b), unseal(aead, "file name", person, name, &plain)); err != nil {
			return nil, err
		}
		p.Message = bot.Message{Text: b.Text, Lang: b.Lang, Card: b.Card, Officer: p.By}
		if name != nil {
			m.Name, m.State = string(plain), bot.MediaReady
			p.Message.Media = &m
		}
		if p.Waited.Year() <= 1 {
			p.Waited = time.Time{}
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// lockCase takes the lock of a case's conversation, and then the case's own. A case that has moved to another conversation
// meanwhile is followed there: two conversations become one with the locks of both held, so its lock is free or follows.
func lockCase(ctx context.Context, tx pgx.Tx, caseID int64) (office string, err error) {
	for range maxMoves {
		var held, conversation int64
		if err := tx.QueryRow(ctx, `select coalesce((select id from conversations where id = (select conversation from cases where id = $1) for no key update), 0)`,
			caseID).Scan(&held); err != nil {
			return "", err
		}
		err := tx.QueryRow(ctx, `select office, coalesce(conversation, 0) from cases where id = $1`, caseID).Scan(&office, &conversation)
		if errors.Is(err, pgx.ErrNoRows) {
			return "", bot.ErrNotFound
		}
		if err != nil {
			return "", err
		}
		if held == conversation {
			_, err := tx.Exec(ctx, `select 1 from cases where id = $1 for no key update`, caseID)
			return office, err
		}
	}
	return "", errMoved
}

// Cancel implements bot.Cases: the person waits again, if they did before.
func (s *Store) Cancel(ctx context.Context, caseID, id int64) (p bot.Pending, err error) {
	var told news
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		office, err := lockCase(ctx, tx, caseID)
		if err != nil {
			return err
		}
		list, err := s.pending(ctx, tx, `with w as (delete from pending where id = $1 and case_id = $2 returning *) select `+pendingColumns+` from w`+pendingTables, id, caseID)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("it has gone: %w", bot.ErrConflict)
		}
		p = list[0]
		told.add(bot.TopicCase(caseID), bot.TopicOffice(office))
		b := &pgx.Batch{}
		queueWaitsAgain(b, caseID, p)
		told.queue(b)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return p, fmt.Errorf("take a reply back: %w", err)
	}
	s.hub.poke(told...)
	return p, nil
}

// Retry implements bot.Cases. The person counts as within reach until it fails again.
func (s *Store) Retry(ctx context.Context, caseID, line int64) error {
	var told news
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		office, err := lockCase(ctx, tx, caseID)
		if err != nil {
			return err
		}
		var channel bot.Channel
		err = tx.QueryRow(ctx, `
			with m as (update messages set status = 'waiting', why = '' where id = $1 and case_id = $2 and status = 'failed' and body is not null returning id, conversation),
			c as (update conversations c set reachable = true from m where c.id = m.conversation returning c.id, c.channel),
			o as (insert into outbox (message, conversation, channel, due) select m.id, m.conversation, c.channel, $3 from m join c on c.id = m.conversation)
			select channel from c`, line, caseID, s.now()).Scan(&channel)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("it has not failed, or its words are gone: %w", bot.ErrConflict)
		}
		if err != nil {
			return err
		}
		told.add(bot.TopicCase(caseID), bot.TopicOffice(office), bot.TopicOutbox(channel))
		b := &pgx.Batch{}
		told.queue(b)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return fmt.Errorf("send line %d again: %w", line, err)
	}
	s.hub.poke(told...)
	return nil
}
