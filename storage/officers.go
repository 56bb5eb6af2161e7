package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/content"
)

const officerColumns = `o.id, o.login, o.name, o.hash, o.role, o.office, o.langs, o.disabled, coalesce(o.seen_at, '0001-01-01'), o.second_on`

func scanOfficer(row pgx.CollectableRow) (bot.Officer, error) {
	var o bot.Officer
	var langs []string
	err := row.Scan(&o.ID, &o.Login, &o.Name, &o.Hash, &o.Role, &o.Office, &langs, &o.Disabled, &o.Seen, &o.Second)
	for _, l := range langs {
		o.Langs = append(o.Langs, content.Lang(l))
	}
	if o.Seen.Year() <= 1 {
		o.Seen = time.Time{}
	}
	return o, err
}

func (s *Store) officersBy(ctx context.Context, where string, args ...any) ([]bot.Officer, error) {
	rows, err := s.pool.Query(ctx, `select `+officerColumns+` from officers o where `+where+` order by office, name, id`, args...)
	if err != nil {
		return nil, fmt.Errorf("read officers: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanOfficer)
	if err != nil {
		return nil, fmt.Errorf("read officers: %w", err)
	}
	return list, nil
}

func one(list []bot.Officer, err error) (*bot.Officer, error) {
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, bot.ErrNotFound
	}
	return &list[0], nil
}

// Officer implements bot.Officers.
func (s *Store) Officer(ctx context.Context, id int64) (*bot.Officer, error) {
	return one(s.officersBy(ctx, `id = $1`, id))
}

// OfficerByLogin implements bot.Officers.
func (s *Store) OfficerByLogin(ctx context.Context, login string) (*bot.Officer, error) {
	return one(s.officersBy(ctx, `login = $1`, strings.ToLower(strings.TrimSpace(login))))
}

// Officers implements bot.Officers.
func (s *Store) Officers(ctx context.Context, office string) ([]bot.Officer, error) {
	return s.officersBy(ctx, `$1 = '' or office = $1`, office)
}

// SaveOfficer implements bot.Officers.
func (s *Store) SaveOfficer(ctx context.Context, o *bot.Officer) error {
	o.Login = strings.ToLower(strings.TrimSpace(o.Login))
	if o.Login == "" || o.Name == "" {
		return fmt.Errorf("%w: an officer has a login and a name", bot.ErrInvalid)
	}
	langs := []string{}
	for _, l := range o.Langs {
		langs = append(langs, string(l))
	}
	err := s.pool.QueryRow(ctx, `insert into officers (login, name, hash, role, office, langs, disabled, seen_at) values ($1, $2, $3, $4, $5, $6, $7, $8) returning id`,
		o.Login, o.Name, o.Hash, o.Role, o.Office, langs, o.Disabled, nullTime(o.Seen)).Scan(&o.ID)
	if unique(err, "officers_login_key") {
		return fmt.Errorf("%w: the login is taken", bot.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("save an officer: %w", err)
	}
	return nil
}

// SetPassphrase implements bot.Officers.
func (s *Store) SetPassphrase(ctx context.Context, id int64, old, hash string) error {
	return s.setOfficer(ctx, id, bot.ErrConflict, true, `hash = $2 where id = $1 and ($3 = '' or hash = $3 and not disabled)`, hash, old)
}

// SetDisabled implements bot.Officers.
func (s *Store) SetDisabled(ctx context.Context, id int64, disabled bool) error {
	return s.setOfficer(ctx, id, bot.ErrNotFound, disabled, `disabled = $2 where id = $1`, disabled)
}

// SetRights implements bot.Officers.
func (s *Store) SetRights(ctx context.Context, id int64, role, office string) error {
	return s.setOfficer(ctx, id, bot.ErrNotFound, true, `role = $2, office = $3 where id = $1`, role, office)
}

// setOfficer changes what set names of an officer, and may end all log-ins: by a statement of its own, which sees one that
// was begun while the officer's row was waited for. none is the error where no officer is as set asks.
func (s *Store) setOfficer(ctx context.Context, id int64, none error, end bool, set string, args ...any) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update officers set `+set, append([]any{id}, args...)...)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return none
		}
		if end {
			_, err = tx.Exec(ctx, `delete from logins where officer = $1`, id)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("change an officer: %w", err)
	}
	return nil
}

// LogIn implements bot.Officers.
func (s *Store) LogIn(ctx context.Context, l *bot.Login, hash string) error {
	l.Began = s.now()
	l.Seen = l.Began
	err := s.pool.QueryRow(ctx, `with o as (update officers set seen_at = $2 where id = $1 and not disabled and hash = $3 returning id)
		insert into logins (officer, began_at, seen_at, device) select id, $2, $2, $4 from o returning id`, l.Officer, l.Began, hash, l.Device).Scan(&l.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		err = bot.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

// loginSeen is how exactly it is known when a log-in was last used.
const loginSeen = 5 * time.Minute

// Login implements bot.Officers.
func (s *Store) Login(ctx context.Context, id int64) (*bot.Officer, error) {
	now := s.now()
	rows, err := s.pool.Query(ctx, `with seen as (update logins set seen_at = $2 where id = $1 and seen_at < $3)
		select `+officerColumns+` from officers o join logins l on l.officer = o.id where l.id = $1 and l.began_at > $4 and not o.disabled`,
		id, now, now.Add(-loginSeen), now.Add(-bot.Workday))
	if err != nil {
		return nil, fmt.Errorf("whose log-in: %w", err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOfficer)
	if err != nil {
		return nil, fmt.Errorf("whose log-in: %w", unlessGone(err))
	}
	return &o, nil
}

// Logins implements bot.Officers.
func (s *Store) Logins(ctx context.Context, officer int64) ([]bot.Login, error) {
	rows, err := s.pool.Query(ctx, `select id, officer, device, began_at, seen_at from logins where officer = $1 and began_at > $2 order by id desc`, officer, s.now().Add(-bot.Workday))
	if err != nil {
		return nil, fmt.Errorf("list log-ins: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[bot.Login])
	if err != nil {
		return nil, fmt.Errorf("list log-ins: %w", err)
	}
	return list, nil
}

// EndLogin implements bot.Officers.
func (s *Store) EndLogin(ctx context.Context, officer, id int64) error {
	return s.drop(ctx, "a log-in", `delete from logins where id = $1 and officer = $2`, id, officer)
}

// OfferSecond implements bot.Officers.
func (s *Store) OfferSecond(ctx context.Context, officer int64, secret string) error {
	sealed, err := seal(s.vault.office, "second", officer, []byte(secret))
	if err != nil {
		return err
	}
	return s.setOfficer(ctx, officer, bot.ErrConflict, false, `second = $2, second_step = 0 where id = $1 and not second_on`, sealed)
}

// Second implements bot.Officers.
func (s *Store) Second(ctx context.Context, officer int64) (string, error) {
	var sealed, secret []byte
	err := s.pool.QueryRow(ctx, `select second from officers where id = $1 and second is not null`, officer).Scan(&sealed)
	if err == nil {
		err = unseal(s.vault.office, "second", officer, sealed, &secret)
	}
	if err != nil {
		return "", fmt.Errorf("read a second factor: %w", unlessGone(err))
	}
	return string(secret), nil
}

// TakeStep implements bot.Officers.
func (s *Store) TakeStep(ctx context.Context, officer, step int64) error {
	return s.setOfficer(ctx, officer, bot.ErrConflict, false, `second_step = $2, second_on = true where id = $1 and second is not null and second_step < $2`, step)
}

func (v *vault) recovery(officer int64, code string) []byte {
	return v.hash("recovery", fmt.Sprint(officer, ":", code))
}

// SetRecovery implements bot.Officers.
func (s *Store) SetRecovery(ctx context.Context, officer int64, codes []string) error {
	var hashes [][]byte
	for _, code := range codes {
		hashes = append(hashes, s.vault.recovery(officer, code))
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select 1 from officers where id = $1 for no key update`, officer); err != nil { // two that come together
			return err
		}
		if _, err := tx.Exec(ctx, `delete from recovery_codes where officer = $1`, officer); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into recovery_codes (officer, hash) select $1, unnest($2::bytea[])`, officer, hashes)
		return err
	})
	if err != nil {
		return fmt.Errorf("set recovery codes: %w", err)
	}
	return nil
}

// TakeRecovery implements bot.Officers.
func (s *Store) TakeRecovery(ctx context.Context, officer int64, code string) error {
	return s.drop(ctx, "a recovery code", `delete from recovery_codes where officer = $1 and hash = $2`, officer, s.vault.recovery(officer, code))
}

// Recovery implements bot.Officers.
func (s *Store) Recovery(ctx context.Context, officer int64) (n int, err error) {
	if err := s.pool.QueryRow(ctx, `select count(*) from recovery_codes where officer = $1`, officer).Scan(&n); err != nil {
		return 0, fmt.Errorf("count recovery codes: %w", err)
	}
	return n, nil
}

// DropSecond implements bot.Officers.
func (s *Store) DropSecond(ctx context.Context, officer int64) error {
	if err := s.setOfficer(ctx, officer, bot.ErrNotFound, true, `second = null, second_on = false, second_step = 0 where id = $1`); err != nil {
		return err
	}
	return s.SetRecovery(ctx, officer, nil)
}
