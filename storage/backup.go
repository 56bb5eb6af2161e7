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
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A backup is a tar, made and read from one end to the other:
//
//	baom.json           what it is: a Saved without sums
//	tables/<name>/<n>   the rows of a table, as binary COPY writes them, in parts; or
//	dump/<n>            the custom format of pg_dump, in parts
//	sums.json           the Saved with counts and hashes: without it the file is not whole
//
// Both forms are one snapshot of the record, taken while the program works. Left out are the log-ins of the console, which
// are keys to it, the schema whatsapp with the keys of the linked telephone, which is linked anew, and the secret key.
const backupFormat = 1

// The names of a backup's parts.
const (
	headName = "baom.json"
	sumsName = "sums.json"
	dumpName = "dump"
	partSize = 1 << 20
)

// A Saved describes a backup.
type Saved struct {
	Format   int // of the file
	Schema   int // version of the tables
	At       time.Time
	Form     string // copy or pg_dump
	Postgres int    // major version it was made from
	Tables   []SavedTable
	Counters []Counter // for the form copy: what the next ids are
}

// A SavedTable is a table's share of a backup.
type SavedTable struct {
	Name    string
	Columns []string
	Rows    int64
	SHA256  string // of its rows in the order of their key, as binary COPY writes them
}

// A Counter is a sequence and how far it has counted.
type Counter struct {
	Name   string
	Last   int64
	Called bool
}

// Rows is how many rows the backup holds in all.
func (s *Saved) Rows() (n int64) {
	for _, t := range s.Tables {
		n += t.Rows
	}
	return n
}

// BackupOptions say what to save and with what.
type BackupOptions struct {
	DatabaseURL string
	Now         func() time.Time

	// Tool finds pg_dump or pg_restore for a major version of Postgres; empty: there is none. Nil: it is not wanted.
	Tool func(ctx context.Context, name string, major int) string
}

// Backup writes one snapshot of the record to w, with pg_dump where there is one, else table by table. It can run while
// the program works, and stops nobody. What is sealed stays sealed: the secret key is not in it.
func Backup(ctx context.Context, o BackupOptions, w io.Writer) (*Saved, error) {
	conn, err := connect(ctx, o.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// One snapshot; it must not end because it takes long.
	if _, err := conn.Exec(ctx, `begin isolation level repeatable read read only; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0`); err != nil {
		return nil, fmt.Errorf("begin the backup: %w", err)
	}
	saved := &Saved{Format: backupFormat, At: o.Now().UTC().Truncate(time.Second), Form: "copy"}
	if err := saved.describe(ctx, conn); err != nil {
		return nil, err
	}
	tool := ""
	if o.Tool != nil {
		tool = o.Tool(ctx, "pg_dump", saved.Postgres)
	}
	if tool != "" {
		saved.Form = "pg_dump"
	}
	out := tar.NewWriter(w)
	if err := saved.file(out, headName); err != nil {
		return nil, err
	}
	if tool != "" {
		err = dump(ctx, conn, tool, o.DatabaseURL, &parts{tar: out, name: dumpName, at: saved.At})
	}
	for i := range saved.Tables {
		if err != nil {
			break
		}
		t := &saved.Tables[i]
		if saved.Form == "pg_dump" {
			err = t.sum(ctx, conn, io.Discard)
			continue
		}
		to := &parts{tar: out, name: "tables/" + t.Name, at: saved.At}
		err = errors.Join(t.sum(ctx, conn, to), to.flush())
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(saved.file(out, sumsName), out.Close()); err != nil {
		return nil, fmt.Errorf("write the backup: %w", err)
	}
	return saved, nil
}

// connect opens one connection, with errors in plain words.
func connect(ctx context.Context, databaseURL string) (*pgx.Conn, error) {
	config, err := pgxpool.ParseConfig(databaseURL) // which knows the settings of a pool, as serve's may have
	if err != nil {
		return nil, errors.New("BAOM_DATABASE_URL cannot be read: it is written postgres://user:password@host:5432/name")
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("the database cannot be reached: check BAOM_DATABASE_URL, and that Postgres runs: %w", err)
	}
	return conn, nil
}

// describe fills in what there is to save.
func (s *Saved) describe(ctx context.Context, db querier) error {
	var err error
	if s.Schema, err = schemaOf(ctx, db); err != nil {
		return err
	}
	if s.Schema == 0 {
		return errors.New("the database has no tables of this program: there is nothing to save")
	}
	if err := db.QueryRow(ctx, `select current_setting('server_version_num')::int / 10000`).Scan(&s.Postgres); err != nil {
		return fmt.Errorf("read the version of Postgres: %w", err)
	}
	if s.Tables, err = tables(ctx, db); err != nil {
		return err
	}
	s.Counters, err = counters(ctx, db)
	return err
}

// notSaved are the tables whose rows are not saved: the log-ins of the console.
var notSaved = []string{"sessions", "logins"}

// tables lists what is saved. The parent of a partitioned table stands for its parts.
func tables(ctx context.Context, db querier) ([]SavedTable, error) {
	rows, err := db.Query(ctx, `
		select c.relname::text, array_agg(a.attname::text order by a.attnum)
		from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
		where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
		  and c.relname <> 'goose_db_version' and c.relname <> all($1)
		group by c.relname order by c.relname`, notSaved)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t SavedTable, err error) {
		return t, row.Scan(&t.Name, &t.Columns)
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	return list, nil
}

// counters reads the sequences of the saved tables.
func counters(ctx context.Context, db querier) ([]Counter, error) {
	rows, err := db.Query(ctx, `select relname::text from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'S'
		and relname not like 'goose\_%' order by relname`)
	if err != nil {
		return nil, fmt.Errorf("list the counters: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the counters: %w", err)
	}
	var list []Counter
	for _, name := range names {
		c := Counter{Name: name}
		if err := db.QueryRow(ctx, `select last_value, is_called from `+quote(name)).Scan(&c.Last, &c.Called); err != nil {
			return nil, fmt.Errorf("read the counter %s: %w", name, err)
		}
		list = append(list, c)
	}
	return list, nil
}

// schemaOf is the version of the tables, 0 where there are none.
func schemaOf(ctx context.Context, db querier) (have int, err error) {
	var there bool
	if err := db.QueryRow(ctx, `select to_regclass('goose_db_version') is not null`).Scan(&there); err != nil || !there {
		return 0, err
	}
	if err := db.QueryRow(ctx, `select coalesce(max(version_id), 0) from goose_db_version where is_applied`).Scan(&have); err != nil {
		return 0, fmt.Errorf("read the version of the tables: %w", err)
	}
	return have, nil
}

func quote(names ...string) string {
	for i, n := range names {
		names[i] = pgx.Identifier{n}.Sanitize()
	}
	return strings.Join(names, ", ")
}

// sum copies the table's rows to w in the order of their key, and notes how many they are and their hash.
func (t *SavedTable) sum(ctx context.Context, conn *pgx.Conn, w io.Writer) error {
	order := "" // text is ordered by its bytes: the order of a language differs between machines
	err := conn.QueryRow(ctx, `
		select coalesce(string_agg(case when a.attcollation <> 0 then format('%I collate "C"', a.attname) else quote_ident(a.attname) end, ', ' order by k.n), '')
		from pg_index i cross join unnest(i.indkey) with ordinality k(attnum, n) join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
		where i.indrelid = $1::regclass and i.indisprimary`, quote(t.Name)).Scan(&order)
	if err != nil {
		return fmt.Errorf("read the key of %s: %w", t.Name, err)
	}
	if order == "" {
		order = `t::text collate "C"`
	}
	h := sha256.New()
	sql := fmt.Sprintf(`copy (select %s from %s t order by %s) to stdout (format binary)`, quote(slices.Clone(t.Columns)...), quote(t.Name), order)
	tag, err := conn.PgConn().CopyTo(ctx, io.MultiWriter(h, w), sql)
	if err != nil {
		return fmt.Errorf("read the table %s: %w", t.Name, err)
	}
	t.Rows, t.SHA256 = tag.RowsAffected(), hex.EncodeToString(h.Sum(nil))
	return nil
}

// file writes the description into the backup.
func (s *Saved) file(out *tar.Writer, name string) error {
	data, err := json.MarshalIndent(s, "", " ")
	if err == nil {
		err = out.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: s.At})
	}
	if err == nil {
		_, err = out.Write(data)
	}
	return err
}

// parts writes a stream of unknown length into a tar, as numbered files of a bounded size.
type parts struct {
	tar  *tar.Writer
	name string
	at   time.Time
	n    int
	buf  bytes.Buffer
}

// Write implements io.Writer.
func (p *parts) Write(data []byte) (int, error) {
	p.buf.Write(data)
	if p.buf.Len() >= partSize {
		return len(data), p.flush()
	}
	return len(data), nil
}

// flush writes what is left.
func (p *parts) flush() error {
	if p.buf.Len() == 0 {
		return nil
	}
	err := p.tar.WriteHeader(&tar.Header{Name: partName(p.name, p.n), Mode: 0o600, Size: int64(p.buf.Len()), ModTime: p.at})
	if err == nil {
		_, err = p.buf.WriteTo(p.tar)
	}
	p.n++
	return err
}

func partName(name string, n int) string { return fmt.Sprintf("%s/%06d", name, n) }

// dump runs pg_dump on the snapshot of conn's transaction.
func dump(ctx context.Context, conn *pgx.Conn, tool, databaseURL string, to *parts) error {
	var snapshot string
	if err := conn.QueryRow(ctx, `select pg_export_snapshot()`).Scan(&snapshot); err != nil {
		return fmt.Errorf("share the snapshot: %w", err)
	}
	args := []string{"--format=custom", "--snapshot=" + snapshot, "--no-owner", "--no-privileges", "--exclude-schema=whatsapp"}
	for _, table := range notSaved {
		args = append(args, "--exclude-table-data="+table)
	}
	cmd := postgresTool(ctx, tool, databaseURL, args...)
	cmd.Stdout = to
	return errors.Join(runTool(cmd), to.flush())
}

// postgresTool is a command of Postgres on a database. The password is in its environment, where other accounts do not
// see it.
func postgresTool(ctx context.Context, tool, databaseURL string, args ...string) *exec.Cmd {
	target, password := withoutPassword(databaseURL)
	cmd := exec.CommandContext(ctx, tool, append(args, "--no-password", "--dbname="+target)...)
	cmd.Env = []string{"LC_ALL=C", "PGPASSWORD=" + password, "PGCONNECT_TIMEOUT=10"}
	for _, name := range []string{"PATH", "HOME", "LD_LIBRARY_PATH", "PGPASSFILE", "PGSSLROOTCERT"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func runTool(cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(said.String())
		if len(text) > 2000 {
			text = text[:2000]
		}
		return fmt.Errorf("%s: %w: %s", cmd.Path, err, text)
	}
	return nil
}

var notForLibpq = regexp.MustCompile(`(^|\s)(password|pool_\w+|\w+_cache_capacity|\w*query_exec_mode)\s*=\s*('(\\.|[^'\\])*'|\S*)`)

// withoutPassword is a connection string as libpq reads it, without its password and without what only our own library
// understands.
func withoutPassword(databaseURL string) (target, password string) {
	if config, err := pgxpool.ParseConfig(databaseURL); err == nil {
		password = config.ConnConfig.Password
	}
	scheme, rest, isURL := strings.Cut(databaseURL, "://")
	if !isURL {
		return strings.TrimSpace(notForLibpq.ReplaceAllString(databaseURL, " ")), password
	}
	// Not url.Parse, which refuses several hosts.
	base, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(base, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, _, _ := strings.Cut(authority[:i], ":")
		authority = user + authority[i:]
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		q = url.Values{}
	}
	for name := range q {
		if name == "password" || strings.HasPrefix(name, "pool_") || strings.HasSuffix(name, "_cache_capacity") || strings.HasSuffix(name, "query_exec_mode") {
			q.Del(name)
		}
	}
	target = scheme + "://" + authority + "/" + path
	if len(q) > 0 {
		target += "?" + strings.ReplaceAll(q.Encode(), "+", "%20") // libpq knows no plus
	}
	return target, password
}
