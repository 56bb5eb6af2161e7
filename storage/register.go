package storage

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
)

// List implements bot.Register.
func (s *Store) List(ctx context.Context, q bot.Selection) iter.Seq2[*bot.Case, error] {
	where, args := []string{"true"}, []any{}
	arg := func(value any) string {
		args = append(args, value)
		return fmt.Sprintf("$%d", len(args))
	}
	and := func(condition string, value any) {
		where = append(where, strings.ReplaceAll(condition, "?", arg(value)))
	}
	if len(q.Offices) > 0 {
		where = append(where, ofOffices(q.Offices, arg))
	}
	if !q.From.IsZero() {
		and("k.opened_at >= ?", q.From)
	}
	if !q.To.IsZero() {
		and("k.opened_at < ?", q.To)
	}
	if q.State != "" {
		and("k.state = ?", q.State)
	}
	if q.Need != "" {
		and("k.need = ?", q.Need)
	}
	if q.Profile != "" {
		and("k.profile = ?", q.Profile)
	}
	if q.Before != 0 {
		and("(k.opened_at, k.id) < (select opened_at, id from cases where id = ?)", q.Before)
	}
	const order = `k.opened_at desc, k.id desc`
	query := `select ` + caseColumns + caseTables + ` where ` + strings.Join(where, " and ") + ` order by ` + order
	if q.Limit > 0 {
		query = page(where, order, q.Limit)
	}
	return func(yield func(*bot.Case, error) bool) {
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			yield(nil, fmt.Errorf("read the register: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			k, err := s.scanCase(rows)
			if err != nil {
				yield(nil, fmt.Errorf("read the register: %w", err))
				return
			}
			if !yield(&k.Case, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read the register: %w", err))
		}
	}
}

// Facts implements bot.Register.
func (s *Store) Facts(ctx context.Context, offices []string, from, to time.Time) iter.Seq2[bot.Fact, error] {
	return func(yield func(bot.Fact, error) bool) {
		if len(offices) == 0 {
			return
		}
		for k, err := range s.List(ctx, bot.Selection{Offices: offices, From: from, To: to}) {
			if err != nil {
				yield(bot.Fact{}, err)
				return
			}
			f := bot.Fact{Office: k.Office, State: k.State, Outcome: k.Outcome, Structure: k.Structure, Urgent: k.Urgent, Channel: k.Channel, Lang: k.Lang,
				Opened: k.Opened, Claimed: k.Claimed, Closed: k.Closed, Score: k.Score, Erased: k.Erased, Codes: map[string]string{}}
			for _, field := range bot.Counted() {
				f.Codes[field] = k.Answers[field]
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// Tallies implements bot.Register.
func (s *Store) Tallies(ctx context.Context, offices []string, from, to time.Time) ([]bot.Tally, error) {
	rows, err := s.pool.Query(ctx, `select office, month, field, code, n from tallies where office = any($1) and month >= $2::date and month < $3::date order by 1, 2, 3, 4`, offices, from, to)
	if err != nil {
		return nil, fmt.Errorf("read tallies: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[bot.Tally])
	if err != nil {
		return nil, fmt.Errorf("read tallies: %w", err)
	}
	return list, nil
}
