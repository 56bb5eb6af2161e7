package storage

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// errNotWhole is met where a backup ends before its end.
var errNotWhole = errors.New("the backup is not whole: it was cut off, or changed since it was made")

// Restore reads a backup into an empty database, and proves that what is there then is what was saved: counts and hashes
// of every table are compared. It refuses a database that is not empty, a backup of another version of the tables, and a
// file that is not whole. Where it fails the database is left empty, but for a dump of which pg_restore took everything
// and the comparison fails: the error says so.
func Restore(ctx context.Context, o BackupOptions, r io.Reader) (*Saved, error) {
	in, saved, err := readBackup(r)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	if saved.Schema != len(names) {
		return nil, fmt.Errorf("the backup is of version %d of the tables and this program makes version %d: restore it with the baom that made it, then start the newer one, which brings the tables up to date", saved.Schema, len(names))
	}
	conn, err := connect(ctx, o.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := mustBeEmpty(ctx, conn); err != nil {
		return nil, err
	}
	if saved.Form == "pg_dump" {
		return restoreDump(ctx, conn, o, in)
	}
	if err := Migrate(ctx, o.DatabaseURL); err != nil {
		return nil, err
	}
	sums, err := load(ctx, conn, saved, in)
	if err != nil {
		err = errors.Join(err, unmake(context.WithoutCancel(ctx), conn))
	}
	return sums, err
}

// mustBeEmpty refuses a database in which anything is.
func mustBeEmpty(ctx context.Context, db querier) error {
	var n int
	err := db.QueryRow(ctx, `select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')`).Scan(&n)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if n > 0 {
		return errors.New("the database is not empty: a backup is restored into a new, empty one only (createdb makes it; a private one is made in another BAOM_DATA_DIR), so that nothing is overwritten")
	}
	return nil
}

// restoreDump has pg_restore take the dump, in one transaction, and compares.
func restoreDump(ctx context.Context, conn *pgx.Conn, o BackupOptions, in *unpacker) (*Saved, error) {
	var have int
	if err := conn.QueryRow(ctx, `select current_setting('server_version_num')::int / 10000`).Scan(&have); err != nil {
		return nil, fmt.Errorf("read the version of Postgres: %w", err)
	}
	tool := ""
	if o.Tool != nil {
		tool = o.Tool(ctx, "pg_restore", have)
	}
	if tool == "" {
		return nil, fmt.Errorf("this backup was made with pg_dump, and there is no pg_restore for Postgres %d here: install postgresql-client", have)
	}
	cmd := postgresTool(ctx, tool, o.DatabaseURL, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
	dumped := in.stream(dumpName)
	cmd.Stdin = dumped
	if err := runTool(cmd); err != nil {
		return nil, fmt.Errorf("restore: %w", errors.Join(in.err, err))
	}
	if _, err := io.Copy(io.Discard, dumped); err != nil { // what pg_restore had no need of
		return nil, err
	}
	sums, err := in.sums()
	if err == nil {
		err = sums.compare(ctx, conn)
	}
	if err != nil {
		return nil, fmt.Errorf("%w\nDo not use this database: drop it, and restore from another backup", err)
	}
	return sums, nil
}

// load fills the tables in one transaction: keys to other tables are taken off and put back, which checks them all.
func load(ctx context.Context, conn *pgx.Conn, head *Saved, in *unpacker) (*Saved, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	list, err := tables(ctx, tx)
	if err != nil {
		return nil, err
	}
	same := func(a, b SavedTable) bool { return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) }
	if !slices.EqualFunc(list, head.Tables, same) {
		return nil, errors.New("the backup's tables are not those of this program, though the version is the same: restore it with the baom that made it")
	}
	if err := lockAll(ctx, tx, list); err != nil {
		return nil, err
	}
	back, err := takeOffKeys(ctx, tx)
	if err != nil {
		return nil, err
	}
	hashes := make([]string, len(list))
	for i, t := range list {
		h := sha256.New()
		sql := fmt.Sprintf(`copy %s (%s) from stdin (format binary)`, quote(t.Name), quote(slices.Clone(t.Columns)...))
		if _, err := conn.PgConn().CopyFrom(ctx, io.TeeReader(in.stream("tables/"+t.Name), h), sql); err != nil {
			return nil, fmt.Errorf("fill the table %s: %w", t.Name, errors.Join(err, in.err))
		}
		hashes[i] = hex.EncodeToString(h.Sum(nil))
	}
	sums, err := in.sums()
	if err != nil {
		return nil, err
	}
	for i, t := range sums.Tables {
		if i >= len(list) || !same(t, list[i]) || t.SHA256 != hashes[i] {
			return nil, errNotWhole
		}
	}
	for _, c := range head.Counters {
		if _, err := tx.Exec(ctx, `select setval($1::regclass, $2, $3)`, quote(c.Name), c.Last, c.Called); err != nil {
			return nil, fmt.Errorf("set the counter %s: %w", c.Name, err)
		}
	}
	for _, sql := range back {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("put a key back: %w", err)
		}
	}
	if err := sums.compare(ctx, conn); err != nil {
		return nil, err
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, fmt.Errorf("commit what was restored: %w", err)
	}
	return sums, nil
}

// ForgetLive drops the live sessions of the record from Redis, as is needed after a restore: they are those of a later time,
// and would be believed once the revisions have come that far again.
func ForgetLive(ctx context.Context, databaseURL, redisURL string) error {
	if redisURL == "" {
		return nil
	}
	conn, err := connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var wrapped []byte
	if err := conn.QueryRow(ctx, `select wrapped from office_keys where id = 1`).Scan(&wrapped); err != nil {
		return fmt.Errorf("read the office's key: %w", err)
	}
	l, err := newLive(redisURL, installationOf(wrapped), nil)
	if err != nil {
		return err
	}
	defer l.close()
	keys := l.client.Scan(ctx, 0, l.prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := l.client.Del(ctx, keys.Val()).Err(); err != nil {
			return fmt.Errorf("forget the live sessions: %w", err)
		}
	}
	if err := keys.Err(); err != nil {
		return fmt.Errorf("forget the live sessions: %w", err)
	}
	return nil
}

// lockAll keeps everybody else out of the tables, and refuses where somebody was faster.
func lockAll(ctx context.Context, tx pgx.Tx, list []SavedTable) error {
	for _, t := range list {
		var any bool
		_, err := tx.Exec(ctx, `lock table `+quote(t.Name)+` in access exclusive mode`)
		if err == nil {
			err = tx.QueryRow(ctx, `select exists (select from `+quote(t.Name)+`)`).Scan(&any)
		}
		if err != nil {
			return fmt.Errorf("lock the table %s: %w", t.Name, err)
		}
		if any {
			return fmt.Errorf("the table %s is filled by another program: stop it (systemctl stop baom) before restoring", t.Name)
		}
	}
	return nil
}

// takeOffKeys takes off the keys to other tables, and returns what puts them back.
func takeOffKeys(ctx context.Context, tx pgx.Tx) (back []string, err error) {
	rows, err := tx.Query(ctx, `
		select format('alter table %s drop constraint %I', conrelid::regclass, conname), format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
		from pg_constraint where contype = 'f' and conparentid = 0 and connamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, fmt.Errorf("list the keys: %w", err)
	}
	var off []string
	var drop, add string
	_, err = pgx.ForEachRow(rows, []any{&drop, &add}, func() error {
		off, back = append(off, drop), append(back, add)
		return nil
	})
	for _, sql := range off {
		if err != nil {
			break
		}
		_, err = tx.Exec(ctx, sql)
	}
	if err != nil {
		return nil, fmt.Errorf("take the keys off: %w", err)
	}
	return back, nil
}

// unmake takes away the tables that Restore has just made, if nobody has filled them since.
func unmake(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	list, err := tables(ctx, tx)
	if err != nil {
		return err
	}
	if err := lockAll(ctx, tx, list); err != nil {
		return err
	}
	names := append([]string{"goose_db_version"}, notSaved...)
	for _, t := range list {
		names = append(names, t.Name)
	}
	for _, name := range names {
		if _, err := tx.Exec(ctx, `drop table if exists `+quote(name)+` cascade`); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// compare reads every table again, and is an error where it is not what was saved.
func (s *Saved) compare(ctx context.Context, conn *pgx.Conn) error {
	for _, t := range s.Tables {
		now := SavedTable{Name: t.Name, Columns: t.Columns}
		if err := now.sum(ctx, conn, io.Discard); err != nil {
			return err
		}
		if now.Rows != t.Rows || now.SHA256 != t.SHA256 {
			return fmt.Errorf("the table %s is not what was saved: %d rows for %d, hash %.12s for %.12s", t.Name, now.Rows, t.Rows, now.SHA256, t.SHA256)
		}
	}
	return nil
}

// An unpacker reads a backup from one end to the other.
type unpacker struct {
	tar *tar.Reader
	at  *tar.Header // the file that comes next, once it was looked at
	err error
}

// DescribeBackup reads what a backup says of itself at its beginning: all but counts and hashes.
func DescribeBackup(r io.Reader) (*Saved, error) {
	_, saved, err := readBackup(r)
	return saved, err
}

// readBackup reads the head of a backup.
func readBackup(r io.Reader) (*unpacker, *Saved, error) {
	in := &unpacker{tar: tar.NewReader(r)}
	saved, err := in.description(headName)
	if err != nil {
		return nil, nil, errors.New("this is no backup of baom")
	}
	if saved.Format != backupFormat {
		return nil, nil, fmt.Errorf("the backup has format %d and this program reads %d: use the baom that made it", saved.Format, backupFormat)
	}
	return in, saved, nil
}

// next is the header of the file that comes next, or nil.
func (in *unpacker) next() *tar.Header {
	if in.at == nil && in.err == nil {
		in.at, in.err = in.tar.Next()
		if in.err == nil && (in.at.Typeflag != tar.TypeReg || len(in.at.PAXRecords) > 0) { // a plain file, as Backup writes it
			in.at, in.err = nil, errNotWhole
		}
	}
	return in.at
}

// description reads one of the two descriptions.
func (in *unpacker) description(name string) (*Saved, error) {
	h := in.next()
	if h == nil || h.Name != name || h.Size > 16<<20 {
		return nil, errNotWhole
	}
	in.at = nil
	data, err := io.ReadAll(in.tar)
	if err != nil {
		return nil, errNotWhole
	}
	s := &Saved{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, errNotWhole
	}
	return s, nil
}

// sums reads what closes the backup.
func (in *unpacker) sums() (*Saved, error) { return in.description(sumsName) }

// stream reads the parts of one name, in their order.
func (in *unpacker) stream(name string) io.Reader { return &stream{in: in, name: name} }

type stream struct {
	in     *unpacker
	name   string
	n      int
	inside bool
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.inside {
			n, err := s.in.tar.Read(p)
			if n > 0 || err == nil {
				return n, nil
			}
			if !errors.Is(err, io.EOF) {
				s.in.err = errNotWhole
				return 0, errNotWhole
			}
			s.inside = false
		}
		h := s.in.next()
		if h == nil {
			return 0, errNotWhole
		}
		if !strings.HasPrefix(h.Name, s.name+"/") {
			return 0, io.EOF
		}
		if h.Name != partName(s.name, s.n) {
			return 0, errNotWhole
		}
		s.in.at, s.inside, s.n = nil, true, s.n+1
	}
}
