package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
)

// looks are the acts of looking, which are filed once for a sitting.
var looks = []string{bot.ActRead, bot.ActRegister}

// fileAct is the statement that files an act.
const fileAct = `insert into audit (at, officer, what, office, case_id, about, n) select $1, $2, $3::text, $4::text, $5, $6, $7
	where not ($3 = any($8::text[]) and exists (select from audit a where a.officer = $2 and a.at > $9 and a.what = $3 and a.office = $4 and a.case_id is not distinct from $5))`

func (s *Store) actArgs(a bot.Act) []any {
	now := s.now()
	return []any{now, null(a.Officer), a.What, a.Office, null(a.Case), null(a.About), a.N, looks, now.Add(-bot.SameSitting)}
}

// Note implements bot.Audit.
func (s *Store) Note(ctx context.Context, a bot.Act) error {
	if !slices.Contains(bot.Acts(), a.What) {
		return fmt.Errorf("note %q: %w", a.What, bot.ErrInvalid)
	}
	if _, err := s.pool.Exec(ctx, fileAct, s.actArgs(a)...); err != nil {
		return fmt.Errorf("file an act: %w", err)
	}
	return nil
}

// Acts implements bot.Audit.
func (s *Store) Acts(ctx context.Context, q bot.ActQuery) ([]bot.Act, error) {
	args, where := []any{}, []string{"true"}
	and := func(condition string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if q.Office != "" {
		and("a.office = $%d", q.Office)
	}
	if q.Officer != 0 {
		and("a.officer = $%d", q.Officer)
	}
	if q.What != "" {
		and("a.what = $%d", q.What)
	}
	if q.Reference != "" {
		and("a.case_id = (select id from cases where reference = $%d)", q.Reference)
	}
	if q.Before != 0 {
		and("a.id < $%d", q.Before)
	}
	limit := q.Limit
	if limit <= 0 || limit > 500 {
		limit = 100
	}
	args = append(args, limit)
	rows, err := s.pool.Query(ctx, `select a.id, a.at, coalesce(a.officer, 0), coalesce(o.name, ''), a.what, a.office, coalesce(a.case_id, 0), coalesce(k.reference, ''), coalesce(a.about, 0), coalesce(b.name, ''), a.n
		from audit a left join officers o on o.id = a.officer left join officers b on b.id = a.about left join cases k on k.id = a.case_id
		where `+strings.Join(where, " and ")+fmt.Sprintf(` order by a.id desc limit $%d`, len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[bot.Act])
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return list, nil
}

// purgeAudit drops the acts whose time is over.
func (s *Store) purgeAudit(ctx context.Context, now time.Time) error {
	if _, err := s.pool.Exec(ctx, `delete from audit where at < $1`, now.AddDate(0, -bot.KeptActs, 0)); err != nil {
		return fmt.Errorf("purge the audit log: %w", err)
	}
	return nil
}
