package storage

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/tink"

	"baom/bot"
	"baom/content"
)

// stepBody is what is sealed of a step.
type stepBody struct {
	Text content.Text `json:"t"`
	By   string       `json:"b"`
	Who  string       `json:"w,omitempty"`
}

// A stepRow is a step as read.
type stepRow struct {
	ID   int64
	At   time.Time
	Doer string
	Due  *time.Time
	Done *time.Time
	Body []byte
}

// readSteps reads the steps of case $1.
const readSteps = `select id, at, doer, due, done_at, body from steps where case_id = $1 order by id`

func (s *Store) steps(ctx context.Context, k *caseRow, id int64) ([]bot.Step, error) {
	return s.stepsOf(ctx, s.pool, k.aead, k.person, id)
}

// stepsOf reads the steps of a case, within a transaction or without.
func (s *Store) stepsOf(ctx context.Context, db querier, aead tink.AEAD, person, id int64) ([]bot.Step, error) {
	rows, err := db.Query(ctx, readSteps, id)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stepRow])
	if err != nil {
		return nil, err
	}
	return (&caseRow{aead: aead, person: person}).openSteps(list)
}

// openSteps opens the steps of a case; of an erased person there are none.
func (k *caseRow) openSteps(rows []stepRow) ([]bot.Step, error) {
	if k.aead == nil {
		return nil, nil
	}
	list := make([]bot.Step, len(rows))
	for i, r := range rows {
		var b stepBody
		if err := unseal(k.aead, "step", k.person, r.Body, &b); err != nil {
			return nil, err
		}
		list[i] = bot.Step{ID: r.ID, Text: b.Text, Doer: r.Doer, By: b.By, At: r.At, Who: b.Who}
		if r.Due != nil {
			list[i].Due = *r.Due
		}
		if r.Done != nil {
			list[i].Done = *r.Done
		}
	}
	return list, nil
}

// queueSteps writes the steps of a change.
func (s *Store) queueSteps(b *pgx.Batch, k *caseRow, steps []bot.Step) error {
	for _, st := range steps {
		if st.Dropped {
			b.Queue(`delete from steps where id = $1 and case_id = $2`, st.ID, k.ID)
			continue
		}
		sealed, err := seal(k.aead, "step", k.person, stepBody{st.Text, st.By, st.Who})
		if err != nil {
			return err
		}
		var due *string
		if !st.Due.IsZero() {
			day := st.Due.Format(time.DateOnly)
			due = &day
		}
		if st.ID == 0 {
			b.Queue(`insert into steps (case_id, at, doer, due, done_at, body) values ($1, $2, $3, $4::text::date, $5, $6)`, k.ID, st.At, st.Doer, due, nullTime(st.Done), sealed)
			continue
		}
		b.Queue(`update steps set doer = $3, due = $4::text::date, done_at = $5, body = $6 where id = $1 and case_id = $2`, st.ID, k.ID, st.Doer, due, nullTime(st.Done), sealed)
	}
	return nil
}
