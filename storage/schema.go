package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Schema opens the same database for a library that keeps tables of its own: they are in a schema apart, which is made if
// it is missing, and which is all that the connections see.
func Schema(ctx context.Context, databaseURL, schema string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.New("BAOM_DATABASE_URL cannot be read: it is written postgres://user:password@host:5432/name")
	}
	config.RuntimeParams["search_path"] = schema
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(12)
	db.SetMaxIdleConns(6)
	if _, err := db.ExecContext(ctx, `create schema if not exists `+pgx.Identifier{schema}.Sanitize()); err != nil {
		db.Close()
		return nil, fmt.Errorf("make the schema %s: %w", schema, err)
	}
	return db, nil
}
