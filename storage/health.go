package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"baom/bot"
)

// A Health is what the services say of themselves, for the operator.
type Health struct {
	Postgres       string // version
	PostgresMajor  int
	Schema, Wanted int           // versions of the tables: what is there, what this program makes
	Clock          time.Duration // how far the database's clock is ahead of this machine's
	Encoding       string        // of the database: UTF8
	Durable        bool          // what is committed is on the disk: fsync and synchronous_commit
	Size           int64         // of the database, in bytes
	Connections    int           // in use
	MaxConnections int
	Phones         int     // linked to WhatsApp
	Wraparound     float64 // how much of the transaction ids is used before Postgres stops by itself, 0 to 1
}

// Examine asks a database how it is. An error says in plain words that it cannot be reached.
func Examine(ctx context.Context, databaseURL string, now func() time.Time) (*Health, error) {
	conn, err := connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	h := &Health{}
	if h.Schema, err = schemaOf(ctx, conn); err != nil {
		return nil, err
	}
	names, err := migrations.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	h.Wanted = len(names)
	before := now()
	var clock time.Time
	if err := conn.QueryRow(ctx, `select clock_timestamp()`).Scan(&clock); err != nil {
		return nil, fmt.Errorf("read the database's clock: %w", err)
	}
	h.Clock = clock.Sub(before.Add(now().Sub(before) / 2)).Round(time.Millisecond)
	err = conn.QueryRow(ctx, `
		select split_part(current_setting('server_version'), ' ', 1), current_setting('server_version_num')::int / 10000,
		       current_setting('server_encoding'), current_setting('fsync')::bool and current_setting('synchronous_commit') <> 'off', pg_database_size(current_database()),
		       (select count(*) from pg_stat_activity where backend_type = 'client backend'), current_setting('max_connections')::int,
		       (select age(datfrozenxid) from pg_database where datname = current_database())::float8 / 2e9`).
		Scan(&h.Postgres, &h.PostgresMajor, &h.Encoding, &h.Durable, &h.Size, &h.Connections, &h.MaxConnections, &h.Wraparound)
	if err != nil {
		return nil, fmt.Errorf("ask the database how it is: %w", err)
	}
	var linked bool // the tables are whatsmeow's own
	if err := conn.QueryRow(ctx, `select to_regclass('whatsapp.whatsmeow_device') is not null`).Scan(&linked); err != nil {
		return nil, fmt.Errorf("look for a linked phone: %w", err)
	}
	if linked {
		if err := conn.QueryRow(ctx, `select count(*) from whatsapp.whatsmeow_device`).Scan(&h.Phones); err != nil {
			return nil, fmt.Errorf("look for a linked phone: %w", err)
		}
	}
	return h, nil
}

// PingRedis is the version of a Redis; an error says that it cannot be reached.
func PingRedis(ctx context.Context, redisURL string) (version string, err error) {
	client, err := openRedis(redisURL)
	if err != nil {
		return "", err
	}
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		return "", fmt.Errorf("redis cannot be reached: %w", err)
	}
	// A Redis that does not tell its version (a stand-in) is a Redis nevertheless.
	info, _ := client.Info(ctx, "server").Result()
	_, after, _ := strings.Cut(info, "redis_version:")
	version, _, _ = strings.Cut(after, "\r\n")
	return version, nil
}

// CheckKey is an error where the secret key is not that of the record. It makes nothing.
func CheckKey(ctx context.Context, databaseURL string, secret []byte) error {
	conn, err := connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	if err := conn.QueryRow(ctx, `select to_regclass('office_keys') is not null`).Scan(&there); err != nil {
		return fmt.Errorf("look for the office's key: %w", err)
	}
	if there {
		err = conn.QueryRow(ctx, `select exists (select from office_keys)`).Scan(&there)
	}
	if err != nil || !there {
		return errors.Join(err, bot.ErrNotFound)
	}
	_, err = newVault(ctx, conn, secret)
	return err
}

// Waiting is what waits in a database, as Stats says it.
func Waiting(ctx context.Context, databaseURL string) (Stats, error) {
	conn, err := connect(ctx, databaseURL)
	if err != nil {
		return Stats{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return stats(ctx, conn)
}
