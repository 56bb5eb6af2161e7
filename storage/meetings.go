package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/flows"
)

// latestMeeting selects the appointment of case $1 that is to come, or was the last; one that was called off only where
// there is no other.
const latestMeeting = `select v.id, v.at, v.minutes, v.state, v.sequence, v.officer, o.name from meetings v join officers o on o.id = v.officer
	where v.case_id = $1 order by v.state = 'off', v.at desc, v.id desc limit 1`

// scanMeeting reads latestMeeting; nil where there never was one.
func scanMeeting(row pgx.Row) (*bot.Meeting, error) {
	var m bot.Meeting
	err := row.Scan(&m.ID, &m.At, &m.Minutes, &m.State, &m.Sequence, &m.Officer, &m.By)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &m, err
}

// queueMeeting writes an appointment of a case that is locked.
func queueMeeting(b *pgx.Batch, caseID int64, m *bot.Meeting) {
	b.Queue(`insert into meetings (id, case_id, officer, at, minutes, state, sequence) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (id) do update set officer = excluded.officer, at = excluded.at, minutes = excluded.minutes, state = excluded.state, sequence = excluded.sequence
		where meetings.case_id = excluded.case_id`, m.ID, caseID, m.Officer, m.At, m.Minutes, m.State, m.Sequence)
}

// loseMeetings is what becomes of the appointments to come of a case $1 that ends, or goes to another office, at the time
// $2, and of their reminders: the person's dialogue tells them.
const loseMeetings = `with v as (update meetings set state = 'off', sequence = sequence + 1 where case_id = $1 and at > $2 and state <> 'off' returning id),
	i as (delete from inbox i using v, cases k where k.id = $1 and i.conversation = k.conversation and i.key like 'timer:meeting:' || v.id || ':%' returning message)
	delete from messages m using i where m.id = i.message`

// attend takes the person's answer to the appointment of their case, which is locked. What needs another date waits for an
// officer.
func (s *Store) attend(ctx context.Context, db querier, h *hand, id int64, a *flows.Attend) error {
	now := s.now()
	tag, err := db.Exec(ctx, `update meetings set state = $3 where id = $2::bigint and case_id = $1 and at > $4 and state <> 'off'`, id, a.Meeting, a.Answer, now)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	if a.Answer != flows.MeetingYes {
		if _, err := db.Exec(ctx, `update cases set waiting_at = coalesce(waiting_at, $2), unread = unread + 1 where id = $1 and state <> 'closed'`, id, now); err != nil {
			return err
		}
	}
	return s.event(ctx, db, h.aead, h.person, h.id, id, nil, "meeting."+a.Answer, nil)
}

// Meetings implements bot.Meetings.
func (s *Store) Meetings(ctx context.Context, office string, from, to time.Time) ([]bot.Meeting, error) {
	rows, err := s.pool.Query(ctx, `select v.id, v.case_id, v.at, v.minutes, v.state, v.sequence, v.officer, o.name
		from meetings v join cases k on k.id = v.case_id join officers o on o.id = v.officer
		where k.office = $1 and v.at >= $2 and v.at < $3 and v.state <> 'off' order by v.at, v.id`, office, from, to)
	if err != nil {
		return nil, fmt.Errorf("read appointments: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m bot.Meeting, err error) {
		return m, row.Scan(&m.ID, &m.Case.ID, &m.At, &m.Minutes, &m.State, &m.Sequence, &m.Officer, &m.By)
	})
	if err != nil || len(list) == 0 {
		return list, err
	}
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = list[i].Case.ID
	}
	cases, err := s.pool.Query(ctx, `select `+caseColumns+caseTables+` where k.id = any($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("read appointments: %w", err)
	}
	defer cases.Close()
	with := map[int64]bot.Case{}
	for cases.Next() {
		k, err := s.scanCase(cases)
		if err != nil {
			return nil, fmt.Errorf("read appointments: %w", err)
		}
		with[k.ID] = k.Case
	}
	for i := range list {
		list[i].Case = with[list[i].Case.ID]
	}
	return list, cases.Err()
}
