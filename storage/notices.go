package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
)

const wayColumns = `w.id, w.officer, w.kind, w.address, w.lang, w.made_at, coalesce(w.sent_at, '0001-01-01'), coalesce(w.failed_at, '0001-01-01'), w.why`

func (s *Store) scanWay(row pgx.CollectableRow) (w bot.Way, err error) {
	var sealed, plain []byte
	if err := row.Scan(&w.ID, &w.Officer, &w.Kind, &sealed, &w.Lang, &w.Made, &w.Sent, &w.Failed, &w.Why); err != nil {
		return w, err
	}
	if w.Sent.Year() <= 1 {
		w.Sent = time.Time{}
	}
	if w.Failed.Year() <= 1 {
		w.Failed = time.Time{}
	}
	err = unseal(s.vault.office, "way", w.Officer, sealed, &plain)
	w.Address = string(plain)
	return w, err
}

// Ways implements bot.Notices.
func (s *Store) Ways(ctx context.Context, officer int64) ([]bot.Way, error) {
	rows, err := s.pool.Query(ctx, `select `+wayColumns+` from ways w where w.officer = $1 order by w.id`, officer)
	if err != nil {
		return nil, fmt.Errorf("read how an officer is told: %w", err)
	}
	list, err := pgx.CollectRows(rows, s.scanWay)
	if err != nil {
		return nil, fmt.Errorf("read how an officer is told: %w", err)
	}
	return list, nil
}

// AddWay implements bot.Notices.
func (s *Store) AddWay(ctx context.Context, w *bot.Way) error {
	sealed, err := seal(s.vault.office, "way", w.Officer, []byte(w.Address))
	if err != nil {
		return err
	}
	w.Made = s.now()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select 1 from officers where id = $1 for no key update`, w.Officer); err != nil {
			return err
		}
		if w.Kind != bot.ByPush {
			if _, err := tx.Exec(ctx, `delete from ways where officer = $1 and kind = $2`, w.Officer, w.Kind); err != nil {
				return err
			}
		}
		// Old browsers of the same officer give way: nobody uses more than a few.
		if _, err := tx.Exec(ctx, `delete from ways where id in (select id from ways where officer = $1 and kind = $2 order by id desc offset $3)`, w.Officer, w.Kind, maxWays-1); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `insert into ways (officer, kind, key, address, lang, made_at) values ($1, $2, $3, $4, $5, $6)
			on conflict (kind, key) do update set officer = excluded.officer, address = excluded.address, lang = excluded.lang, made_at = excluded.made_at,
				sent_at = null, failed_at = null, why = '' returning id`,
			w.Officer, w.Kind, s.vault.hash("way", w.Kind+":"+w.Address), sealed, w.Lang, w.Made).Scan(&w.ID)
	})
	if err != nil {
		return fmt.Errorf("add a way to tell an officer: %w", err)
	}
	return nil
}

// maxWays bounds the browsers of an officer that are told.
const maxWays = 5

// DropWay implements bot.Notices.
func (s *Store) DropWay(ctx context.Context, officer, id int64) error {
	return s.drop(ctx, "a way to tell an officer", `delete from ways where id = $1 and officer = $2`, id, officer)
}

// Offer implements bot.Notices.
func (s *Store) Offer(ctx context.Context, officer int64, code string, until time.Time) error {
	_, err := s.pool.Exec(ctx, `insert into told (officer, code, code_until) values ($1, $2, $3)
		on conflict (officer) do update set code = excluded.code, code_until = excluded.code_until`, officer, s.vault.hash("code", code), until)
	if err != nil {
		return fmt.Errorf("offer a code: %w", err)
	}
	return nil
}

// Redeem implements bot.Notices.
func (s *Store) Redeem(ctx context.Context, code string) (*bot.Officer, error) {
	var officer int64
	err := s.pool.QueryRow(ctx, `update told t set code = null, code_until = null from officers o
		where t.code = $1 and t.code_until > $2 and o.id = t.officer and not o.disabled returning t.officer`, s.vault.hash("code", code), s.now()).Scan(&officer)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("redeem a code: %w", bot.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("redeem a code: %w", err)
	}
	return s.Officer(ctx, officer)
}

// Told implements bot.Notices.
func (s *Store) Told(ctx context.Context, before time.Time) ([]bot.Told, error) {
	rows, err := s.pool.Query(ctx, `select w.officer, t.at, t.upto, t.digest, count(k.id), max(k.waiting_at), count(k.id) filter (where k.urgent <> ''),
			(select count(*) from meetings v join cases c on c.id = v.case_id where c.office = max(o.office) and v.state <> 'off' and v.at >= $2 and v.at < $3)
		from (select distinct officer from ways) w join officers o on o.id = w.officer and not o.disabled left join told t on t.officer = o.id
		left join cases k on k.waiting_at <= $1 and (k.state = 'claimed' and k.officer = o.id or k.state = 'open' and k.office = o.office)
		group by w.officer, t.at, t.upto, t.digest order by w.officer`, before, midnight(before), midnight(before).AddDate(0, 0, 1))
	if err != nil {
		return nil, fmt.Errorf("find who is to be told: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t bot.Told, err error) {
		var at, upto, digest, newest *time.Time
		err = row.Scan(&t.Officer.ID, &at, &upto, &digest, &t.Waiting, &newest, &t.Urgent, &t.Meetings)
		for _, p := range []struct{ from, to *time.Time }{{at, &t.At}, {upto, &t.Upto}, {digest, &t.Digest}, {newest, &t.Newest}} {
			if p.from != nil {
				*p.to = *p.from
			}
		}
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("find who is to be told: %w", err)
	}
	for i := range list {
		who, err := s.Officer(ctx, list[i].Officer.ID)
		if err != nil {
			return nil, err
		}
		list[i].Officer = *who
		if list[i].Ways, err = s.Ways(ctx, who.ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// midnight is when the day of a time begins, in its zone.
func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// Claim implements bot.Notices.
func (s *Store) Claim(ctx context.Context, officer int64, after time.Time) (bool, error) {
	tag, err := s.pool.Exec(ctx, `insert into told (officer, at) values ($1, $2)
		on conflict (officer) do update set at = excluded.at where told.at is null or told.at <= $3`, officer, s.now(), after)
	if err != nil {
		return false, fmt.Errorf("claim a notice: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// ClaimDigest implements bot.Notices.
func (s *Store) ClaimDigest(ctx context.Context, officer int64, day time.Time) (bool, error) {
	tag, err := s.pool.Exec(ctx, `insert into told (officer, digest) values ($1, $2::date)
		on conflict (officer) do update set digest = excluded.digest where told.digest is distinct from excluded.digest`, officer, day.Format(time.DateOnly))
	if err != nil {
		return false, fmt.Errorf("claim a digest: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// Heard implements bot.Notices.
func (s *Store) Heard(ctx context.Context, officer int64, upto time.Time) error {
	if _, err := s.pool.Exec(ctx, `update told set upto = $2 where officer = $1`, officer, upto); err != nil {
		return fmt.Errorf("note that an officer was told: %w", err)
	}
	return nil
}

// Tried implements bot.Notices.
func (s *Store) Tried(ctx context.Context, way int64, why string, gone bool) error {
	query := `update ways set sent_at = $2, failed_at = null, why = '' where id = $1 and $3 = ''`
	switch {
	case gone:
		query = `delete from ways where id = $1 and $2::timestamptz is not null and $3::text <> ''`
	case why != "":
		query = `update ways set failed_at = $2, why = $3 where id = $1`
	}
	if _, err := s.pool.Exec(ctx, query, way, s.now(), why); err != nil {
		return fmt.Errorf("note what became of a notice: %w", err)
	}
	return nil
}

// PushKey is the key pair by which the office is known to the services that carry pushes, made by make once and kept.
func (s *Store) PushKey(ctx context.Context, make func() (private, public string, err error)) (private, public string, err error) {
	read := func() error {
		var sealed, plain []byte
		err := s.pool.QueryRow(ctx, `select public, private from push_key where id = 1`).Scan(&public, &sealed)
		if err == nil {
			err = unseal(s.vault.office, "push key", 0, sealed, &plain)
		}
		private = string(plain)
		return err
	}
	if err := read(); !errors.Is(err, pgx.ErrNoRows) {
		return private, public, err
	}
	private, public, err = make()
	if err != nil {
		return "", "", fmt.Errorf("make the key of pushes: %w", err)
	}
	sealed, err := seal(s.vault.office, "push key", 0, []byte(private))
	if err != nil {
		return "", "", err
	}
	if _, err := s.pool.Exec(ctx, `insert into push_key (id, public, private) values (1, $1, $2) on conflict do nothing`, public, sealed); err != nil {
		return "", "", fmt.Errorf("keep the key of pushes: %w", err)
	}
	return private, public, read()
}
