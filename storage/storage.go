package storage

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/tink-crypto/tink-go/v2/tink"

	"baom/bot"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options say where the record is and how it is sealed.
type Options struct {
	DatabaseURL string
	RedisURL    string // empty: without Redis, which costs nothing but a read of the row
	Secret      []byte // 32 bytes
	Now         func() time.Time
	Log         *slog.Logger
	MaxConns    int32 // 0: 12
}

// A Store is the record. It implements bot.Journal and bot.Cases and is safe for concurrent use.
type Store struct {
	pool     *pgxpool.Pool
	linePool *pgxpool.Pool // of the line
	line     *gatherer[*work]
	apart    *gatherer[*arrival]
	receipts *gatherer[bot.Receipt]
	slots    slots
	turning  chan struct{}
	hands    hands
	live     *live
	vault    *vault
	hub      *hub
	clock    clock
	log      *slog.Logger
	officers *pgxstore.PostgresStore
	closing  sync.Once
	ended    chan struct{} // closed by Close

	mu     sync.Mutex
	peers  map[string]known // conversations by blind index, bounded
	wishes map[bot.Channel]*gatherer[*wish]
	asks   map[string]*pgx.Conn // by lock: where it was asked for last, in vain; nil once closed

	drawing sync.Mutex
	people  []int64 // ids drawn for people yet to come
}

// known is what does not change about a conversation.
type known struct {
	id, person int64
	aead       tink.AEAD
	hash       []byte   // of the name it bears
	aliases    [][]byte // hashes of names under which it is known to be known, of those that were asked for
}

var (
	_ bot.Journal = (*Store)(nil)
	_ bot.Cases   = (*Store)(nil)

	_ bot.Questions = (*Store)(nil)
	_ bot.Register  = (*Store)(nil)
	_ bot.Imports   = (*Store)(nil)
)

// querier is what a pool and a transaction have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Open opens the record. It does not migrate: a schema that is behind or ahead is an error that says what to do.
func Open(ctx context.Context, o Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(o.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("BAOM_DATABASE_URL cannot be read: it is written postgres://user:password@host:5432/name")
	}
	config.ConnConfig.StatementCacheCapacity, config.ConnConfig.DescriptionCacheCapacity = 200, 16 // more than there are; room for each costs
	// What is asked goes by keys and indexes, on disks without a moving arm; and to compile a query costs more than it saves.
	config.ConnConfig.RuntimeParams["random_page_cost"], config.ConnConfig.RuntimeParams["jit"] = "1.1", "off"
	config.MaxConns = 12
	if o.MaxConns > 0 {
		config.MaxConns = o.MaxConns
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s := &Store{pool: pool, clock: clock{of: o.Now, back: make(chan struct{}, 1)}, log: o.Log, turning: make(chan struct{}, turners), peers: map[string]known{}, wishes: map[bot.Channel]*gatherer[*wish]{}, asks: map[string]*pgx.Conn{}, ended: make(chan struct{})}
	s.slots.of, s.hands.by = map[int64]*slot{}, map[int64][]*claim{}
	if s.linePool, err = pgxpool.NewWithConfig(ctx, lineConfig(config)); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s.line = newGatherer(maxGroup, markLinger, s.together)
	s.apart = newGatherer(maxApart, 0, s.besides)
	s.receipts = newGatherer(maxReceipts, receiptsLinger, s.reached)
	number, err := s.open(ctx, o)
	if err != nil {
		pool.Close()
		s.linePool.Close()
		return nil, err
	}
	s.officers = pgxstore.NewWithCleanupInterval(pool, 0) // Purge removes what has expired
	s.hub = newHub(pool, number, o.Log)
	s.now()
	s.clock.wake()
	s.hub.done.Go(func() { s.watchClock(s.hub.ctx) })
	s.hub.done.Go(func() { s.inherit(s.hub.ctx) })
	return s, nil
}

// open connects, and draws the process's number among the holders.
func (s *Store) open(ctx context.Context, o Options) (number int32, err error) {
	if err := s.pool.Ping(ctx); err != nil {
		return 0, fmt.Errorf("the database cannot be reached: %w", err)
	}
	if err := s.CheckSchema(ctx); err != nil {
		return 0, err
	}
	if s.vault, err = newVault(ctx, s.pool, o.Secret); err != nil {
		return 0, err
	}
	if err := s.pool.QueryRow(ctx, `insert into holders default values returning id`).Scan(&number); err != nil {
		return 0, fmt.Errorf("draw a number: %w", err)
	}
	s.live, err = newLive(o.RedisURL, s.vault.installation, o.Log)
	return number, err
}

// Close lets go of every connection. It may be called again.
func (s *Store) Close() {
	s.closing.Do(func() {
		close(s.ended)
		s.apart.close()
		s.line.close()
		s.receipts.close()
		s.live.close()
		s.leave()
		s.hub.close() // last: who has no lock is taken for dead
		s.dropAsking()
		s.linePool.Close()
		s.pool.Close()
	})
}

// Ping reports whether the record can be reached.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// Sessions keeps the console's log-ins.
func (s *Store) Sessions() scs.Store { return s.officers }

// Migrate brings the tables up to date. It is safe to call from several processes.
func Migrate(ctx context.Context, databaseURL string) error {
	p, db, err := migrator(databaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("the database cannot be reached: check BAOM_DATABASE_URL, and that Postgres runs: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

func migrator(databaseURL string) (*goose.Provider, *sql.DB, error) {
	config, err := pgxpool.ParseConfig(databaseURL) // which knows the settings of a pool, as Open's may have
	if err != nil {
		return nil, nil, errors.New("BAOM_DATABASE_URL cannot be read: it is written postgres://user:password@host:5432/name")
	}
	db := stdlib.OpenDB(*config.ConnConfig)
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, nil, err
	}
	locker, err := newLocker()
	if err != nil {
		return nil, nil, err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		db.Close()
		return nil, nil, fmt.Errorf("read the migrations: %w", err)
	}
	return p, db, nil
}

// CheckSchema is an error that says what to do where the tables are behind or ahead of this program.
func (s *Store) CheckSchema(ctx context.Context) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	want, err := goose.NumericComponent(names[len(names)-1])
	if err != nil {
		return err
	}
	var have int64
	err = s.pool.QueryRow(ctx, `select coalesce(max(version_id), 0) from goose_db_version where is_applied`).Scan(&have)
	var missing *pgconn.PgError
	if errors.As(err, &missing) && missing.Code == "42P01" {
		have, err = 0, nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("read the version of the tables: %w", err)
	case have < want:
		return fmt.Errorf("the tables are at version %d and this program needs %d: run baom migrate", have, want)
	case have > want:
		return fmt.Errorf("the tables are at version %d, newer than the %d this program knows: run a newer baom", have, want)
	}
	return nil
}

// Lock is Hold for a caller that has no use for knowing when the lock is lost.
func (s *Store) Lock(ctx context.Context, name string) (release func(), ok bool, err error) {
	_, release, ok, err = s.Hold(ctx, name)
	return release, ok, err
}

// Hold takes a lock that one process holds at a time, on a connection of its own. held ends when the lock is released or
// lost, or with ctx: what runs under the lock runs with held. ok is false if another process has the lock. A lost lock
// may be taken by another process at once, and is noticed within half a minute, mostly at once.
func (s *Store) Hold(ctx context.Context, name string) (held context.Context, release func(), ok bool, err error) {
	asking, cancelAsking := context.WithTimeout(ctx, timeout)
	defer cancelAsking()
	conn := s.asking(name, nil)
	if conn == nil {
		if conn, err = pgx.ConnectConfig(asking, s.pool.Config().ConnConfig.Copy()); err != nil {
			return nil, nil, false, fmt.Errorf("lock %s: %w", name, err)
		}
	}
	err = conn.QueryRow(asking, `select pg_try_advisory_lock(hashtextextended('baom ' || $1, 0))`, name).Scan(&ok)
	if err != nil {
		conn.Close(asking)
		return nil, nil, false, fmt.Errorf("lock %s: %w", name, err)
	}
	if !ok {
		if other := s.asking(name, conn); other != nil {
			other.Close(asking)
		}
		return nil, nil, false, nil
	}
	held, end := context.WithCancel(ctx)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if err := attend(held, conn, func(string) {}); held.Err() == nil {
			s.log.Warn("a lock was lost", "lock", name, "error", err)
		}
		end()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		conn.Close(closing) // which releases it
	}()
	return held, func() { end(); <-gone }, true, nil
}

// asking swaps the connection that waits for the next asking for a lock: who has not got it asks again soon, on the same one.
// After Close it takes none in.
func (s *Store) asking(name string, conn *pgx.Conn) (was *pgx.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asks == nil {
		return conn
	}
	was = s.asks[name]
	delete(s.asks, name)
	if conn != nil {
		s.asks[name] = conn
	}
	return was
}

// dropAsking closes the connections on which locks were asked for in vain.
func (s *Store) dropAsking() {
	s.mu.Lock()
	asks := s.asks
	s.asks = nil
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for _, conn := range asks {
		conn.Close(ctx)
	}
}

// Stats are the figures of the backlog.
type Stats struct {
	Inbox, Outbox, Media, OpenCases, SetAside int64
	OldestInbox, OldestOutbox, OldestCase     time.Duration
	OldestUrgent                              time.Duration // of the open cases of people in danger
}

// Stats counts what waits, and how long the oldest has waited.
func (s *Store) Stats(ctx context.Context) (Stats, error) { return stats(ctx, s.pool) }

func stats(ctx context.Context, db querier) (Stats, error) {
	var st Stats
	var inbox, outbox, oldest, urgent float64
	err := db.QueryRow(ctx, `
		select (select count(*) from inbox where due <= now()), (select coalesce(extract(epoch from now() - min(due)), 0)::float8 from inbox where due <= now()),
		       (select count(*) from outbox), (select coalesce(extract(epoch from now() - min(due)), 0)::float8 from outbox where due <= now()),
		       (select count(*) from media_wanted), (select count(*) from set_aside),
		       (select count(*) from cases where state = 'open'), (select coalesce(extract(epoch from now() - min(opened_at)), 0)::float8 from cases where state = 'open'),
		       (select coalesce(extract(epoch from now() - min(opened_at)), 0)::float8 from cases where state = 'open' and urgent <> '')`).
		Scan(&st.Inbox, &inbox, &st.Outbox, &outbox, &st.Media, &st.SetAside, &st.OpenCases, &oldest, &urgent)
	if err != nil {
		return st, fmt.Errorf("count what waits: %w", err)
	}
	st.OldestInbox, st.OldestOutbox, st.OldestCase, st.OldestUrgent = seconds(inbox), seconds(outbox), seconds(oldest), seconds(urgent)
	return st, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
