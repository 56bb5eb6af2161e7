package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// libraryConns is how many connections a library takes. A process takes 12 for the record, 4 for the line, 1 to listen, 1 for each
// channel's socket, and these: three processes fit into the 100 that Postgres gives unasked, also while one that was killed
// still holds some.
const libraryConns = 4

// Schema opens the same database for a library that keeps tables of its own: they are in a schema apart, which is made if
// it is missing, and which is all that the connections see.
func Schema(ctx context.Context, databaseURL, schema string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.New("BAOM_DATABASE_URL cannot be read: it is written postgres://user:password@host:5432/name")
	}
	config.RuntimeParams["search_path"] = schema
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(libraryConns)
	db.SetMaxIdleConns(2)
	if _, err := db.ExecContext(ctx, `create schema if not exists `+pgx.Identifier{schema}.Sanitize()); err != nil {
		db.Close()
		return nil, fmt.Errorf("make the schema %s: %w", schema, err)
	}
	return db, nil
}
