// Package sqlite keeps results in a SQLite file that many processes may use at once.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // The driver, pure Go.
)

// version is the schema of the file, in its user_version.
const version = 1

const schema = `
CREATE TABLE records (
	run       TEXT NOT NULL,
	execution TEXT NOT NULL,
	task      TEXT NOT NULL,
	item      INTEGER NOT NULL,
	attempt   INTEGER NOT NULL,
	kind      TEXT NOT NULL,
	workflow  TEXT NOT NULL,
	status    TEXT NOT NULL,
	started   INTEGER NOT NULL, -- Nanoseconds since 1970.
	body      TEXT NOT NULL,    -- The whole record as JSON.
	UNIQUE (run, execution, task, item, attempt)
);
CREATE INDEX runs ON records (started) WHERE kind = 'run';
CREATE TABLE contents (
	hash     TEXT PRIMARY KEY,
	encoding TEXT NOT NULL, -- 'plain' or 'zstd'.
	data     BLOB NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = 1;
`

// Store is a resultstore.Store in a file.
type Store struct {
	path    string
	writes  chan write
	ending  chan struct{} // Closed by Close.
	ended   chan struct{} // Closed when the writer has ended.
	closing sync.Once
	closed  error

	writer  *sql.DB
	readers *sql.DB
}

// Open opens the file, or makes it (0600, its folder 0700). Its error says what to do.
func Open(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, trouble(path, err)
	}
	if err := prepare(path); err != nil {
		return nil, trouble(path, err)
	}
	writer, err := sql.Open("sqlite", source(path, "_txlock=immediate"))
	if err != nil {
		return nil, trouble(path, err)
	}
	// One connection: SQLite has one writer, and what waits for it waits in the queue.
	writer.SetMaxOpenConns(1)
	if err := migrate(ctx, writer, path); err != nil {
		return nil, errors.Join(trouble(path, err), writer.Close())
	}
	readers, err := sql.Open("sqlite", source(path, "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(trouble(path, err), writer.Close())
	}
	readers.SetMaxOpenConns(4)
	s := &Store{
		path: path, writes: make(chan write, queued), ending: make(chan struct{}), ended: make(chan struct{}),
		writer: writer, readers: readers,
	}
	go s.write()
	return s, nil
}

func prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// source is how the file is opened. It is as durable as the engine's own database: once Temporal says that a task has
// completed, a loss of power must not have taken its result.
func source(path, more string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	return "file:" + escaped + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&" + more
}

// migrate makes the schema, or finds it; of processes that open a new file at once, one makes it.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	have, err := versionOf(ctx, db)
	if err != nil || have == version {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if have, err = versionOf(ctx, tx); err == nil {
		switch {
		case have > version:
			err = newer(path, have)
		case have == 0:
			_, err = tx.ExecContext(ctx, schema)
		}
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func versionOf(ctx context.Context, from interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (int, error) {
	var have int
	if err := from.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return 0, fmt.Errorf("reading its version: %w", err)
	}
	return have, nil
}

// Close implements resultstore.Store.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.ending)
		<-s.ended
		if err := errors.Join(s.readers.Close(), s.writer.Close()); err != nil {
			s.closed = trouble(s.path, err)
		}
	})
	return s.closed
}
