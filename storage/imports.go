package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/flows"
)

// keepImport is how long a file is kept that was only looked at.
const keepImport = 48 * time.Hour

// SaveImport implements bot.Imports.
func (s *Store) SaveImport(ctx context.Context, i *bot.Import) error {
	file, err := seal(s.vault.office, "import list", 0, i.Sheet)
	if err != nil {
		return fmt.Errorf("file an import: %w", err)
	}
	i.At = s.now()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from imports where office = $1 and officer = $2 and done_at is null`, i.Office, i.Officer); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `insert into imports (office, officer, at, file) values ($1, $2, $3, $4) returning id`, i.Office, i.Officer, i.At, file).Scan(&i.ID)
	})
	if err != nil {
		return fmt.Errorf("file an import: %w", err)
	}
	return nil
}

const importColumns = `i.id, i.office, i.officer, o.name, i.at, coalesce(i.done_at, '0001-01-01'), i.cases`

func scanImport(row pgx.CollectableRow) (i bot.Import, err error) {
	err = row.Scan(&i.ID, &i.Office, &i.Officer, &i.Name, &i.At, &i.Done, &i.Cases)
	if i.Done.Year() <= 1 {
		i.Done = time.Time{}
	}
	return i, err
}

// Import implements bot.Imports.
func (s *Store) Import(ctx context.Context, id int64) (*bot.Import, error) {
	rows, err := s.pool.Query(ctx, `select `+importColumns+` from imports i join officers o on o.id = i.officer where i.id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("read an import: %w", err)
	}
	i, err := pgx.CollectExactlyOneRow(rows, scanImport)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("import %d: %w", id, bot.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read an import: %w", err)
	}
	var file []byte
	if err := s.pool.QueryRow(ctx, `select file from imports where id = $1`, id).Scan(&file); err != nil {
		return nil, fmt.Errorf("read an import: %w", unlessGone(err))
	}
	if err := unseal(s.vault.office, "import list", 0, file, &i.Sheet); err != nil {
		return nil, fmt.Errorf("%w: a list that another version kept is to be handed in again: %w", bot.ErrInvalid, err)
	}
	return &i, nil
}

// unlessGone tells a row that went meanwhile as ErrNotFound.
func unlessGone(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return bot.ErrNotFound
	}
	return err
}

// ListImports implements bot.Imports.
func (s *Store) ListImports(ctx context.Context, offices []string) ([]bot.Import, error) {
	rows, err := s.pool.Query(ctx, `select `+importColumns+` from imports i join officers o on o.id = i.officer where i.office = any($1) order by i.id desc limit 50`, offices)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanImport)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return list, nil
}

// DropImport implements bot.Imports.
func (s *Store) DropImport(ctx context.Context, id int64) error {
	tag, err := s.pool.Exec(ctx, `delete from imports where id = $1 and done_at is null`, id)
	if err != nil {
		return fmt.Errorf("drop an import: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("drop import %d: %w", id, bot.ErrNotFound)
	}
	return nil
}

// Plan implements bot.Imports.
func (s *Store) Plan(ctx context.Context, office string) (p bot.Plan, err error) {
	var data []byte
	err = s.pool.QueryRow(ctx, `select plan from import_plans where office = $1`, office).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, nil
	}
	if err == nil {
		err = unseal(s.vault.office, "plan", 0, data, &p)
	}
	if err != nil {
		return p, fmt.Errorf("read a plan: %w", err)
	}
	return p, nil
}

// SavePlan implements bot.Imports.
func (s *Store) SavePlan(ctx context.Context, office string, p bot.Plan) error {
	data, err := seal(s.vault.office, "plan", 0, p)
	if err == nil {
		_, err = s.pool.Exec(ctx, `insert into import_plans (office, plan) values ($1, $2) on conflict (office) do update set plan = excluded.plan`, office, data)
	}
	if err != nil {
		return fmt.Errorf("save a plan: %w", err)
	}
	return nil
}

// print is the keyed hash by which an imported row is known again.
func (v *vault) print(office string, e *bot.Earlier) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\x00%s\x00%s\x00%s\x00%s\x00%s", office, e.Opened.Format(time.DateOnly), e.State, e.Outcome, e.Structure, e.Lang)
	for _, field := range slices.Sorted(maps.Keys(e.Answers)) {
		fmt.Fprintf(&b, "\x00%s\x00%s", field, e.Answers[field])
	}
	return v.hash("imported row", b.String())
}

// A likeness is what two records of a visit have in common, if they are one.
type likeness struct {
	opened time.Time
	need   string
	who    []string // the whole name as one, and the telephone
	print  string
	twin   bot.Twin
}

// near is within how long a visit of the same person for the same need may be the same.
const near = 31 * 24 * time.Hour

// is reports whether two are to be looked at: the same row; or the same person on the same day, or within a month for the
// same need.
func (l *likeness) is(o *likeness) bool {
	if l.print != "" && l.print == o.print {
		return true
	}
	if !slices.ContainsFunc(l.who, func(w string) bool { return slices.Contains(o.who, w) }) {
		return false
	}
	return l.opened.Format(time.DateOnly) == o.opened.Format(time.DateOnly) || l.need == o.need && l.opened.Sub(o.opened).Abs() <= near
}

// whole is a name as one value: its parts in any order. A single part is no whole name.
func whole(names [][]byte) []string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = string(n)
	}
	slices.Sort(parts)
	parts = slices.Compact(parts)
	if len(parts) < 2 {
		return nil
	}
	return []string{"n" + strings.Join(parts, "")}
}

func phonesOf(phones [][]byte) (list []string) {
	for _, p := range phones {
		list = append(list, "p"+string(p))
	}
	return list
}

// Twins implements bot.Imports.
func (s *Store) Twins(ctx context.Context, office string, list []bot.Earlier) ([]bot.Twin, error) {
	twins := make([]bot.Twin, len(list))
	if len(list) == 0 {
		return twins, nil
	}
	from, to := list[0].Opened, list[0].Opened
	for _, e := range list {
		if e.Opened.Before(from) {
			from = e.Opened
		}
		if e.Opened.After(to) {
			to = e.Opened
		}
	}
	known := map[string][]*likeness{} // by print, name and telephone
	note := func(l *likeness) {
		for _, key := range append(slices.Clone(l.who), "r"+l.print) {
			known[key] = append(known[key], l)
		}
	}
	rows, err := s.pool.Query(ctx, `select opened_at, need, names, phones, coalesce(print, ''), reference from cases where office = $1 and opened_at between $2 and $3`,
		office, from.Add(-near-24*time.Hour), to.Add(near+24*time.Hour))
	if err != nil {
		return nil, fmt.Errorf("look for twins: %w", err)
	}
	var names, phones [][]byte
	var print []byte
	var l likeness
	_, err = pgx.ForEachRow(rows, []any{&l.opened, &l.need, &names, &phones, &print, &l.twin.Reference}, func() error {
		k := l
		k.opened = k.opened.In(from.Location())
		k.print, k.who = string(print), append(whole(names), phonesOf(phones)...)
		note(&k)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for twins: %w", err)
	}
	for i := range list {
		e := &list[i]
		mine := &likeness{opened: e.Opened, need: e.Answers["need"], print: string(s.vault.print(office, e)), twin: bot.Twin{Row: i + 1}}
		mine.who = append(whole(s.vault.nameHashes(e.Answers["first-name"], e.Answers["last-name"])), phonesOf(s.vault.phoneHashes(e.Answers["phone"]))...)
		for _, key := range append(slices.Clone(mine.who), "r"+mine.print) {
			for _, o := range known[key] {
				if twins[i] == (bot.Twin{}) && mine.is(o) {
					twins[i] = o.twin
				}
			}
		}
		note(mine)
	}
	return twins, nil
}

// TakeOver implements bot.Imports: one transaction, in which the import's row is the lock.
func (s *Store) TakeOver(ctx context.Context, id int64, list []bot.Earlier, refer func() string) error {
	var office string
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `update imports set done_at = $2, file = null, cases = $3 where id = $1 and done_at is null returning office`, id, s.now(), len(list)).Scan(&office)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("import %d is done already, or gone: %w", id, bot.ErrConflict)
		}
		if err != nil {
			return err
		}
		references, err := freeReferences(ctx, tx, len(list), refer)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select nextval(pg_get_serial_sequence('people', 'id')) from generate_series(1, $1)`, len(list))
		if err != nil {
			return err
		}
		people, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		keys, cases := make([][]byte, len(list)), make([][]any, len(list))
		for i := range list {
			if keys[i], cases[i], err = s.earlierRow(id, people[i], office, references[i], &list[i]); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `insert into people (id, wrapped) overriding system value select * from unnest($1::bigint[], $2::bytea[])`, people, keys); err != nil {
			return err
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"cases"}, []string{"person", "reference", "office", "state", "channel", "lang", "profile", "need", "outcome", "structure",
			"opened_at", "closed_at", "answers", "names", "phones", "import", "print"}, pgx.CopyFromRows(cases))
		if unique(err, "cases_reference_key") {
			return fmt.Errorf("a reference was taken meanwhile: %w", bot.ErrConflict)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("take over %d cases: %w", len(list), err)
	}
	s.hub.poke(bot.TopicOffice(office))
	return nil
}

// earlierRow is a case of an earlier list as it is stored, with its person's fresh key.
func (s *Store) earlierRow(id, person int64, office, reference string, e *bot.Earlier) (wrapped []byte, row []any, err error) {
	aead, wrapped, err := s.vault.newKey()
	if err != nil {
		return nil, nil, err
	}
	answers, err := seal(aead, "answers", person, e.Answers)
	if err != nil {
		return nil, nil, err
	}
	return wrapped, []any{person, reference, office, e.State, string(bot.Imported), string(e.Lang), e.Answers["profile"], e.Answers["need"], e.Outcome, e.Structure,
		e.Opened, nullTime(e.Closed), answers, s.vault.nameHashes(e.Answers["first-name"], e.Answers["last-name"]), s.vault.phoneHashes(e.Answers["phone"]), id, s.vault.print(office, e)}, nil
}

// freeReferences makes so many references that no case has.
func freeReferences(ctx context.Context, tx pgx.Tx, n int, refer func() string) ([]string, error) {
	taken, list := map[string]bool{}, []string{}
	for tries := 0; len(list) < n; tries++ {
		if tries == 50 {
			return nil, errors.New("no references are left")
		}
		var fresh []string
		for range n - len(list) {
			if r := refer(); !taken[r] {
				taken[r] = true
				fresh = append(fresh, r)
			}
		}
		rows, err := tx.Query(ctx, `select r from unnest($1::text[]) r where not exists (select 1 from cases where reference = r)`, fresh)
		if err != nil {
			return nil, err
		}
		free, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, err
		}
		list = append(list, free...)
	}
	return list, nil
}

// purgeImports drops the files that were only looked at and not touched since.
func (s *Store) purgeImports(ctx context.Context, now time.Time) error {
	if _, err := s.pool.Exec(ctx, `delete from imports where done_at is null and at < $1`, now.Add(-keepImport)); err != nil {
		return fmt.Errorf("purge imports: %w", err)
	}
	return nil
}

// forgetImported erases a case that was taken over, with its person: there is no conversation by which to find them.
func (s *Store) forgetImported(ctx context.Context, reference string) error {
	reference, ok := flows.ParseReference(reference)
	if !ok {
		return bot.ErrNotFound
	}
	var id, person int64
	var office string
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `update cases set answers = null, last = null, comment = null, proposal = null, names = '{}', phones = '{}', print = null, labels = '{}', erased = true, waiting_at = null, unread = 0,
			state = 'closed', closed_at = coalesce(closed_at, $2), outcome = case when state = 'closed' then outcome else 'withdrawn' end
			where reference = $1 and conversation is null and not erased returning id, person, office`, reference, s.now()).Scan(&id, &person, &office)
		if err != nil {
			return unlessGone(err)
		}
		if _, err := tx.Exec(ctx, `update messages set body = null where case_id = $1 and conversation is null`, id); err != nil {
			return err
		}
		for _, table := range []string{"meetings", "drafts", "steps", "link_codes"} {
			if _, err := tx.Exec(ctx, `delete from `+table+` where case_id = $1`, id); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `update people set wrapped = null, erased_at = $2 where id = $1 and wrapped is not null`, person, s.now())
		return err
	})
	if err != nil {
		return fmt.Errorf("forget a person: %w", err)
	}
	s.vault.forget(person)
	s.hub.poke(bot.TopicCase(id), bot.TopicOffice(office))
	return nil
}

// queueTally leaves a case's codes, but for those that stay with it, to be counted when its data is erased. Months are
// those of the offices.
func queueTally(b *pgx.Batch, id int64, answers map[string]string, before time.Time) {
	var fields, codes []string
	for _, f := range bot.Counted() {
		if code := answers[f]; code != "" && f != "profile" && f != "need" {
			fields, codes = append(fields, f), append(codes, code)
		}
	}
	b.Queue(`insert into tallies (office, month, field, code, n)
		select k.office, date_trunc('month', k.opened_at at time zone 'Africa/Casablanca')::date, t.f, t.c, 1
		from cases k, unnest($2::text[], $3::text[]) t (f, c) where k.id = $1 and k.state = 'closed' and not k.erased and k.closed_at < $4
		on conflict (office, month, field, code) do update set n = tallies.n + 1`, id, fields, codes, before)
}
