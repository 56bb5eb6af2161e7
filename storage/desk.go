package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/content"
)

// OfficeOf implements bot.Cases.
func (s *Store) OfficeOf(ctx context.Context, caseID int64) (office string, err error) {
	err = s.pool.QueryRow(ctx, `select office from cases where id = $1`, caseID).Scan(&office)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("case %d: %w", caseID, bot.ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("read case %d: %w", caseID, err)
	}
	return office, nil
}

// keptRow is a row of what officers keep: words sealed with the office's key.
type keptRow struct {
	ID   int64
	Body []byte
}

// kept reads rows of an id and a sealed body.
func (s *Store) kept(ctx context.Context, what, query string, args ...any) ([]keptRow, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[keptRow])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return list, nil
}

// Labels implements bot.Cases.
func (s *Store) Labels(ctx context.Context, office string) ([]bot.Label, error) {
	rows, err := s.kept(ctx, "labels", `select id, name from labels where office = $1`, office)
	if err != nil {
		return nil, err
	}
	list := make([]bot.Label, len(rows))
	for i, r := range rows {
		var name []byte
		if err := unseal(s.vault.office, "label", 0, r.Body, &name); err != nil {
			return nil, err
		}
		list[i] = bot.Label{ID: r.ID, Name: string(name)}
	}
	slices.SortFunc(list, func(a, b bot.Label) int { return strings.Compare(content.Fold(a.Name), content.Fold(b.Name)) })
	return list, nil
}

// AddLabel implements bot.Cases.
func (s *Store) AddLabel(ctx context.Context, office, name string) (bot.Label, error) {
	sealed, err := seal(s.vault.office, "label", 0, []byte(name))
	if err != nil {
		return bot.Label{}, err
	}
	l := bot.Label{Name: name}
	err = s.pool.QueryRow(ctx, `insert into labels (office, key, name) values ($1, $2, $3) on conflict (office, key) do update set office = excluded.office returning id`,
		office, s.vault.hash("label", content.Fold(name)), sealed).Scan(&l.ID)
	if err != nil {
		return bot.Label{}, fmt.Errorf("add a label: %w", err)
	}
	return l, nil
}

// DropLabel implements bot.Cases.
func (s *Store) DropLabel(ctx context.Context, office string, id int64) error {
	tag, err := s.pool.Exec(ctx, `with l as (delete from labels where id = $1 and office = $2 returning id),
		k as (update cases set labels = array_remove(labels, $1) from l where labels @> array[$1::bigint] and labels <> '{}')
		select 1 from l`, id, office)
	if err != nil {
		return fmt.Errorf("drop a label: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("drop a label: %w", bot.ErrNotFound)
	}
	s.hub.poke(bot.TopicOffice(office))
	return nil
}

// cannedBody is what is sealed of a canned reply.
type cannedBody struct {
	Name  string       `json:"n"`
	Texts content.Text `json:"t"`
}

// Canned implements bot.Cases.
func (s *Store) Canned(ctx context.Context, office string) ([]bot.Canned, error) {
	rows, err := s.pool.Query(ctx, `select c.id, c.at, c.body, o.name from canned c join officers o on o.id = c.officer where c.office = $1`, office)
	if err != nil {
		return nil, fmt.Errorf("read canned replies: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (bot.Canned, error) {
		c, sealed, b := bot.Canned{Office: office}, []byte(nil), cannedBody{}
		if err := row.Scan(&c.ID, &c.At, &sealed, &c.By); err != nil {
			return c, err
		}
		err := unseal(s.vault.office, "canned", 0, sealed, &b)
		c.Name, c.Texts = b.Name, b.Texts
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read canned replies: %w", err)
	}
	slices.SortFunc(list, func(a, b bot.Canned) int { return strings.Compare(content.Fold(a.Name), content.Fold(b.Name)) })
	return list, nil
}

// SaveCanned implements bot.Cases.
func (s *Store) SaveCanned(ctx context.Context, c *bot.Canned) error {
	sealed, err := seal(s.vault.office, "canned", 0, cannedBody{c.Name, c.Texts})
	if err != nil {
		return err
	}
	if c.ID == 0 {
		err = s.pool.QueryRow(ctx, `insert into canned (office, officer, at, body) values ($1, $2, $3, $4) returning id`, c.Office, c.Officer, c.At, sealed).Scan(&c.ID)
	} else {
		err = s.pool.QueryRow(ctx, `update canned set officer = $3, at = $4, body = $5 where id = $1 and office = $2 returning id`, c.ID, c.Office, c.Officer, c.At, sealed).Scan(&c.ID)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = bot.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("save a canned reply: %w", err)
	}
	return nil
}

// DropCanned implements bot.Cases.
func (s *Store) DropCanned(ctx context.Context, office string, id int64) error {
	return s.drop(ctx, "a canned reply", `delete from canned where id = $1 and office = $2`, id, office)
}

func (s *Store) drop(ctx context.Context, what, query string, args ...any) error {
	tag, err := s.pool.Exec(ctx, query, args...)
	if err == nil && tag.RowsAffected() == 0 {
		err = bot.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("drop %s: %w", what, err)
	}
	return nil
}

// viewBody is what is sealed of a view.
type viewBody struct {
	Name  string `json:"n"`
	Query string `json:"q"`
}

// Views implements bot.Cases.
func (s *Store) Views(ctx context.Context, officer int64) ([]bot.View, error) {
	rows, err := s.kept(ctx, "views", `select id, body from views where officer = $1 order by id`, officer)
	if err != nil {
		return nil, err
	}
	list := make([]bot.View, len(rows))
	for i, r := range rows {
		var b viewBody
		if err := unseal(s.vault.office, "view", officer, r.Body, &b); err != nil {
			return nil, err
		}
		list[i] = bot.View{ID: r.ID, Name: b.Name, Query: b.Query}
	}
	return list, nil
}

// SaveView implements bot.Cases.
func (s *Store) SaveView(ctx context.Context, officer int64, v bot.View) error {
	sealed, err := seal(s.vault.office, "view", officer, viewBody{v.Name, v.Query})
	if err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, `insert into views (officer, body) values ($1, $2)`, officer, sealed); err != nil {
		return fmt.Errorf("save a view: %w", err)
	}
	return nil
}

// DropView implements bot.Cases.
func (s *Store) DropView(ctx context.Context, officer, id int64) error {
	return s.drop(ctx, "a view", `delete from views where id = $1 and officer = $2`, id, officer)
}

// Draft implements bot.Cases.
func (s *Store) Draft(ctx context.Context, caseID, officer int64) (string, error) {
	var person int64
	var wrapped, sealed, plain []byte
	err := s.pool.QueryRow(ctx, `select k.person, p.wrapped, d.body from drafts d join cases k on k.id = d.case_id join people p on p.id = k.person
		where d.case_id = $1 and d.officer = $2 and p.wrapped is not null`, caseID, officer).Scan(&person, &wrapped, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read a draft: %w", err)
	}
	aead, err := s.vault.open(person, wrapped)
	if err != nil {
		return "", err
	}
	if unseal(aead, "draft", person, sealed, &plain) != nil { // half-typed words that cannot be read never hide a case
		return "", nil
	}
	return string(plain), nil
}

// KeepDraft implements bot.Cases. Of an erased person nothing is kept.
func (s *Store) KeepDraft(ctx context.Context, caseID, officer int64, text string) error {
	if text == "" {
		if _, err := s.pool.Exec(ctx, `delete from drafts where case_id = $1 and officer = $2`, caseID, officer); err != nil {
			return fmt.Errorf("drop a draft: %w", err)
		}
		return nil
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := lockCase(ctx, tx, caseID); err != nil { // so that the key it is sealed with stays the case's
			return err
		}
		var person int64
		var wrapped []byte
		err := tx.QueryRow(ctx, `select k.person, p.wrapped from cases k join people p on p.id = k.person where k.id = $1 and not k.erased`, caseID).Scan(&person, &wrapped)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && wrapped == nil {
			return bot.ErrNotFound
		}
		if err != nil {
			return err
		}
		aead, err := s.vault.open(person, wrapped)
		if err != nil {
			return err
		}
		sealed, err := seal(aead, "draft", person, []byte(text))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into drafts (case_id, officer, at, body) values ($1, $2, $3, $4)
			on conflict (case_id, officer) do update set at = excluded.at, body = excluded.body`, caseID, officer, s.now(), sealed)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep a draft: %w", err)
	}
	return nil
}

// Absences implements bot.Cases.
func (s *Store) Absences(ctx context.Context, office string, day time.Time) ([]bot.Absence, error) {
	rows, err := s.pool.Query(ctx, `select a.officer, a.since, a.until from absences a join officers o on o.id = a.officer
		where ($1 = '' or o.office = $1) and a.until >= $2::date order by a.since, a.officer`, office, day.Format(time.DateOnly))
	if err != nil {
		return nil, fmt.Errorf("read absences: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[bot.Absence])
	if err != nil {
		return nil, fmt.Errorf("read absences: %w", err)
	}
	return list, nil
}

// SetAbsence implements bot.Cases.
func (s *Store) SetAbsence(ctx context.Context, a bot.Absence) error {
	var err error
	if a.Until.IsZero() {
		_, err = s.pool.Exec(ctx, `delete from absences where officer = $1`, a.Officer)
	} else {
		_, err = s.pool.Exec(ctx, `insert into absences (officer, since, until) values ($1, $2::date, $3::date)
			on conflict (officer) do update set since = excluded.since, until = excluded.until`, a.Officer, a.Since.Format(time.DateOnly), a.Until.Format(time.DateOnly))
	}
	if err != nil {
		return fmt.Errorf("set an absence: %w", err)
	}
	return nil
}

// Replies implements bot.Expectations' Cases. Cases taken over from an earlier register are left out.
func (s *Store) Replies(ctx context.Context, since time.Time) ([]bot.Replied, error) {
	rows, err := s.pool.Query(ctx, `select * from (
			select k.office, k.opened_at, coalesce((select min(m.at) from messages m where m.conversation = k.conversation and m.case_id = k.id and m.author = 'officer'), '0001-01-01') as first, k.state
			from cases k where k.opened_at >= $1 and k.channel <> $2) r where r.state <> 'closed' or r.first > '0001-01-01'`, since, bot.Imported)
	if err != nil {
		return nil, fmt.Errorf("read the first replies: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r bot.Replied, err error) {
		var state string
		err = row.Scan(&r.Office, &r.Opened, &r.First, &state)
		if r.First.Year() <= 1 {
			r.First = time.Time{}
		}
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the first replies: %w", err)
	}
	return list, nil
}
