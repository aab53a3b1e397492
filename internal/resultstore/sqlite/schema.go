package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// version is the schema of the file, in its user_version. A change of the schema is a new version and a step in migrate.
const version = 3

// schema: putting a task's record touches one index, however many records there are. Values are stored apart from the index of
// their hashes, so that looking up a hash reads no values.
const schema = `
CREATE TABLE records (
	run        TEXT NOT NULL,
	execution  TEXT NOT NULL,
	task       TEXT NOT NULL,
	item       INTEGER NOT NULL,
	attempt    INTEGER NOT NULL,
	kind       TEXT NOT NULL,
	workflow   TEXT NOT NULL,
	status     TEXT NOT NULL,
	started_at INTEGER NOT NULL, -- Nanoseconds since 1970; 0 is not yet.
	body       TEXT NOT NULL,    -- The whole record as JSON.
	UNIQUE (run, execution, task, item, attempt)
);
CREATE INDEX runs ON records (started_at) WHERE kind = 'run';
CREATE INDEX executions ON records (run, started_at) WHERE kind = 'run';
CREATE TABLE contents (
	hash     TEXT NOT NULL UNIQUE, -- SHA-256 of the value, in hex.
	encoding TEXT NOT NULL,        -- As packed.Value has it.
	data     BLOB NOT NULL
);
` + puts + pieces

// puts is the step from version 1. Of a value without a row it is not known when it was last put.
const puts = `
CREATE TABLE puts (
	hash TEXT PRIMARY KEY, -- Of a value in contents.
	at   INTEGER NOT NULL  -- When it was last put, in nanoseconds since 1970.
) WITHOUT ROWID;
`

// pieces is the step from version 2. SQLite copies a row several times to write or read it.
const pieces = `
CREATE TABLE pieces (
	hash     TEXT NOT NULL,    -- Of the value in contents.
	number   INTEGER NOT NULL, -- From 0.
	encoding TEXT NOT NULL,    -- 'plain' or 'zstd'.
	data     BLOB NOT NULL,
	UNIQUE (hash, number)
);
PRAGMA user_version = 3;
`

// migrate creates the schema, or brings an older one up to date. Of several processes that open a new file at once, one creates it.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	have, err := versionOf(ctx, db)
	if err != nil || have == version {
		return err
	}
	if have > version {
		return newer(path, have)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := create(ctx, tx, path); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func create(ctx context.Context, tx *sql.Tx, path string) error {
	have, err := versionOf(ctx, tx)
	if err != nil || have == version {
		return err
	}
	switch have {
	case 1:
		_, err := tx.ExecContext(ctx, puts+pieces)
		return err
	case 2:
		_, err := tx.ExecContext(ctx, pieces)
		return err
	}
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return foreign(path)
	}
	_, err = tx.ExecContext(ctx, schema)
	return err
}

// queryer is a database or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func versionOf(ctx context.Context, from queryer) (have int, err error) {
	err = from.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have)
	return have, err
}
