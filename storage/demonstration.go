package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// demonstration marks the schema of a database whose people are invented.
const demonstration = "baom: demonstration, nobody in here exists"

// ErrReal is what Demonstrate returns of a database that may hold real people.
var ErrReal = errors.New("the database holds something that is no demonstration")

// Demonstrate empties a database for a demonstration, and marks it as one. It touches none but one so marked or one in
// which every table is empty: anything else is ErrReal. The tables are to be made afterwards, by Migrate.
func Demonstrate(ctx context.Context, databaseURL string) error {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return errors.New("BAOM_DATABASE_URL cannot be read: it is written postgres://user:password@host:5432/name")
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("the database cannot be reached: check BAOM_DATABASE_URL, and that Postgres runs: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		marked, err := isDemonstration(ctx, tx)
		if err != nil {
			return err
		}
		if !marked {
			if err := vacant(ctx, tx); err != nil {
				return err
			}
		}
		var schema string
		if err := tx.QueryRow(ctx, `select current_schema()`).Scan(&schema); err != nil {
			return fmt.Errorf("empty the demonstration: %w", err)
		}
		schema = pgx.Identifier{schema}.Sanitize()
		_, err = tx.Exec(ctx, `drop schema `+schema+` cascade; create schema `+schema+`; comment on schema `+schema+` is '`+demonstration+`'`)
		if err != nil {
			return fmt.Errorf("empty the demonstration: %w", err)
		}
		return nil
	})
}

// vacant is ErrReal where a table of the database has a row. The tables are locked first, so that none comes meanwhile.
func vacant(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `select schemaname, tablename from pg_tables where schemaname !~ '^pg_' and schemaname <> 'information_schema'`)
	if err != nil {
		return fmt.Errorf("look for what a database holds: %w", err)
	}
	names, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (pgx.Identifier, error) {
		name := make(pgx.Identifier, 2)
		return name, row.Scan(&name[0], &name[1])
	})
	if err != nil {
		return fmt.Errorf("look for what a database holds: %w", err)
	}
	for _, name := range names {
		if name[1] == "goose_db_version" {
			continue
		}
		if _, err := tx.Exec(ctx, `lock table `+name.Sanitize()+` in access exclusive mode`); err != nil {
			return fmt.Errorf("look for what a database holds: %w", err)
		}
		var taken bool
		if err := tx.QueryRow(ctx, `select exists (select from `+name.Sanitize()+`)`).Scan(&taken); err != nil {
			return fmt.Errorf("look for what a database holds: %w", err)
		}
		if taken {
			return fmt.Errorf("the table %s has rows: %w", name[1], ErrReal)
		}
	}
	return nil
}

// Demonstration reports whether the record is a demonstration, in which nobody real may be received.
func (s *Store) Demonstration(ctx context.Context) (bool, error) { return isDemonstration(ctx, s.pool) }

func isDemonstration(ctx context.Context, q interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}) (marked bool, err error) {
	err = q.QueryRow(ctx, `select coalesce(obj_description(to_regnamespace(quote_ident(current_schema())), 'pg_namespace') = $1, false)`, demonstration).Scan(&marked)
	if err != nil {
		return false, fmt.Errorf("is it a demonstration: %w", err)
	}
	return marked, nil
}
