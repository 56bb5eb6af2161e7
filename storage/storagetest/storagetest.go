// Package storagetest gives tests a real record: one private Postgres and one Redis for each test program, and a
// database of its own for each test, copied from a migrated template.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/storage"
	"baom/storage/local"
)

// Secret is the secret key of every test's store.
func Secret() []byte { return []byte("0123456789abcdef0123456789abcdef") }

// A rig is what the tests of one program share.
type rig struct {
	postgres, redis string // URLs
	log             string // what Postgres says; empty where it is not ours
	err             error
}

var (
	start  sync.Once
	shared rig
	number sync.Mutex
	made   int
)

// New opens a store on a database of its own, with Redis.
func New(t testing.TB) *storage.Store {
	t.Helper()
	db, redis := Env(t)
	return Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
}

// Open opens a store with what the options leave out filled in, and closes it when the test ends.
func Open(t testing.TB, o storage.Options) *storage.Store {
	t.Helper()
	if o.Secret == nil {
		o.Secret = Secret()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Env makes a migrated database for the test and names it, with the Redis to go with it. A test that needs a real
// Redis asks RealRedis.
func Env(t testing.TB) (databaseURL, redisURL string) {
	t.Helper()
	start.Do(func() { shared = launch() })
	if shared.err != nil {
		t.Fatalf("the tests' Postgres and Redis do not start: %v", shared.err)
	}
	number.Lock()
	defer number.Unlock()
	made++
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), made)
	if err := admin(fmt.Sprintf("create database %s template %s", name, template())); err != nil {
		t.Fatalf("make a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := admin("drop database if exists " + name + " with (force)"); err != nil {
			t.Logf("drop the test's database: %v", err)
		}
	})
	return withName(shared.postgres, name), shared.redis
}

// RealRedis skips the test where no redis-server is installed; .ci/run installs it and lets nothing skip.
func RealRedis(t testing.TB) {
	t.Helper()
	if os.Getenv("BAOM_TEST_REDIS_URL") != "" {
		return
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
}

// Log is the file in which the tests' Postgres says what it does. It skips the test where that is somewhere else.
func Log(t testing.TB) string {
	t.Helper()
	start.Do(func() { shared = launch() })
	if shared.err == nil && shared.log == "" {
		t.Skip("the log of BAOM_TEST_DATABASE_URL is not at hand")
	}
	return shared.log
}

func template() string { return fmt.Sprintf("template_%d", os.Getpid()) }

// launch starts what the environment does not name, in a folder that goes with this program.
func launch() (r rig) {
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	sweep()
	dir, err := os.MkdirTemp("", "baom-test-")
	if err != nil {
		return rig{err: err}
	}
	os.Chmod(dir, 0o711) // the account that runs Postgres passes through
	r.postgres, r.redis = os.Getenv("BAOM_TEST_DATABASE_URL"), os.Getenv("BAOM_TEST_REDIS_URL")
	if r.postgres == "" {
		server, err := local.StartPostgres(ctx, local.Options{Dir: filepath.Join(dir, "data"), Fast: true, Log: log})
		if err != nil {
			return rig{err: err}
		}
		r.postgres, r.log = server.URL, filepath.Join(dir, "data", "postgres", "log")
	}
	if r.redis == "" {
		server, err := local.StartRedis(ctx, local.Options{Dir: filepath.Join(dir, "data"), Fast: true, Log: log})
		if err != nil {
			return rig{err: err}
		}
		r.redis = server.URL
	}
	shared = r
	if err := admin("create database " + template()); err != nil {
		return rig{err: err}
	}
	r.err = storage.Migrate(ctx, withName(r.postgres, template()))
	return r
}

// sweep removes the folders of test programs that have ended. Their servers ended with them, so that nobody holds the
// lock of the data; a folder that is only a few minutes old may not have its lock yet.
func sweep() {
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), "baom-test-*"))
	for _, dir := range old {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < 10*time.Minute {
			continue
		}
		f, err := os.Open(filepath.Join(dir, "data", "lock"))
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.RemoveAll(dir)
		}
		f.Close()
	}
}

// withName is a connection URL with another database's name.
func withName(url, name string) string {
	base, query, has := strings.Cut(url, "?")
	i := strings.LastIndexByte(base, '/')
	if has {
		return base[:i+1] + name + "?" + query
	}
	return base[:i+1] + name
}

func admin(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, withName(shared.postgres, "postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}
