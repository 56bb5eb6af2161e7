package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/flows"
)

// conditions are what a query asks of a case k, each an SQL expression over the arguments that arg numbers. none is true
// where nothing can be found.
func (s *Store) conditions(q bot.Query, arg func(any) string) (where []string, none bool) {
	where = []string{"true"}
	add := func(condition string) { where = append(where, condition) }
	if len(q.Offices) > 0 {
		add(ofOffices(q.Offices, arg))
	}
	switch {
	case q.ID != 0:
		add("k.id = " + arg(q.ID))
	case q.Reference != "":
		ref, ok := flows.ParseReference(q.Reference)
		if !ok {
			return nil, true
		}
		add("k.reference = " + arg(ref))
	case len(q.States) == 0:
		add("k.state <> 'closed'")
	case len(q.States) == 1 && q.States[0] == bot.StateClosed: // in the words of its index
		add("k.state = 'closed'")
	default:
		add("k.state = any(" + arg(q.States) + ")")
		if !slices.Contains(q.States, bot.StateClosed) {
			add("k.state <> 'closed'")
		}
	}
	if q.Officer != 0 {
		add("k.officer = " + arg(q.Officer))
	}
	if q.Need != "" {
		add("k.need = " + arg(q.Need))
	}
	if q.Free {
		add("k.officer is null")
	}
	switch q.Waits {
	case bot.WaitsForUs:
		add("k.waiting_at is not null")
	case bot.WaitsForThem:
		add("k.waiting_at is null and k.state <> 'closed'")
	}
	if q.Urgent {
		add("k.urgent <> ''")
	}
	if !q.Remind.IsZero() {
		add("k.remind_at <= " + arg(q.Remind) + " and k.remind_at is not null and k.state <> 'closed'")
	}
	if q.Lang != "" {
		add("k.lang = " + arg(q.Lang))
	}
	if q.Label != 0 {
		add("k.labels @> " + arg([]int64{q.Label}) + " and " + labelled)
	}
	for _, w := range q.Words {
		add(s.word(w, arg))
	}
	return where, false
}

// labelled is the condition of the index of labels.
const labelled = "k.labels <> '{}'"

// word is the condition that a word of a search is found in a case, by blind indexes or by codes.
func (s *Store) word(w bot.Word, arg func(any) string) string {
	any := []string{"k.names && " + arg(s.vault.nameHashes(w.Text))}
	if digits := onlyDigits(w.Text); len(digits) >= 4 && len(digits) == len(w.Text) {
		any = append(any, "k.phones && "+arg([][]byte{s.vault.phoneHash(digits)}))
	}
	if len(w.Needs) > 0 {
		any = append(any, "k.need = any("+arg(w.Needs)+")")
	}
	if len(w.Labels) > 0 {
		any = append(any, "k.labels && "+arg(w.Labels)+" and "+labelled)
	}
	return "(" + strings.Join(any, " or ") + ")"
}

// countLimit is how far the cases of a query are counted: "99+" is all that is said beyond it.
const countLimit = 100

// Count implements bot.Cases, in one round trip.
func (s *Store) Count(ctx context.Context, queries []bot.Query) ([]int, error) {
	counts := make([]int, len(queries))
	b := &pgx.Batch{}
	for i, q := range queries {
		var args []any
		where, none := s.conditions(q, func(v any) string {
			args = append(args, v)
			return fmt.Sprintf("$%d", len(args))
		})
		if none {
			continue
		}
		b.Queue(fmt.Sprintf(`select count(*) from (select 1 from cases k where %s limit %d) k`, strings.Join(where, " and "), countLimit), args...).
			QueryRow(func(row pgx.Row) error { return row.Scan(&counts[i]) })
	}
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("count cases: %w", err)
	}
	return counts, nil
}
