// Package sqlite stores results in a SQLite file that many processes may use at once. It must not know what the results mean:
// it sees records, and values as bytes.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // The driver, pure Go.

	"github.com/gleitzeit/gleitzeit/internal/resultstore/packed"
)

const (
	busyTimeout = 10 * time.Second // How long to wait for other processes.
	readerCount = 4                // Connections that read at the same time.
	queued      = 1024             // Batches that wait for the writer.
)

// Store is a resultstore.Store in a file. Open makes one.
type Store struct {
	path        string
	busyTimeout time.Duration
	codec       packed.Codec
	queue       chan write
	ending      chan struct{} // Closed when Close begins.
	ended       chan struct{} // Closed when the writer has ended.
	closing     sync.Once
	closed      error

	writer  *sql.DB // Nil if the store is open for reading only.
	readers *sql.DB
	check   *check
}

// Open opens the file, or creates it (0600; a missing folder 0700). Its errors are *protocol.Error of the code
// PersistenceFailed, or the context's own.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{
		path: path, busyTimeout: busyTimeout,
		queue: make(chan write, queued), ending: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := s.open(ctx); err != nil {
		return nil, s.translate(ctx, err)
	}
	go s.serve()
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.path, err = filepath.Abs(s.path); err != nil {
		return err
	}
	if err := createFile(s.path); err != nil {
		return err
	}
	if s.codec, err = packed.New(); err != nil {
		return err
	}
	// As durable as the engine's own database: once Temporal says that a task has completed, a loss of power must not
	// have taken its result. No busy_timeout: see whileBusy.
	options := []string{"_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)"}
	if info, err := os.Stat(s.path); err == nil && info.Size() == 0 {
		// Incremental vacuum can only be chosen before anything is written; on any other file the pragma is a write without effect.
		options = append([]string{"_pragma=auto_vacuum(2)"}, options...)
	}
	s.writer, err = sql.Open("sqlite", source(s.path, options...))
	if err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1) // SQLite has one writer; callers wait for it in the queue.
	if err := s.whileBusy(ctx, func() error { return migrate(ctx, s.writer, s.path) }); err != nil {
		return errors.Join(err, s.writer.Close())
	}
	s.readers, err = sql.Open("sqlite", source(s.path, "_pragma=busy_timeout(10000)", "_pragma=query_only(1)"))
	if err != nil {
		return errors.Join(err, s.writer.Close())
	}
	s.readers.SetMaxOpenConns(readerCount)
	s.readers.SetMaxIdleConns(readerCount)
	s.check = startCheck(s.path, s.readers)
	return nil
}

// errReadOnly is why nothing is written to a store of OpenReadOnly.
var errReadOnly = errors.New("it is open for reading only")

// OpenReadOnly opens an existing file for reading, on a disk that may be read-only or full. Puts fail.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	s := &Store{path: path, ending: make(chan struct{}), ended: make(chan struct{})}
	close(s.ended) // There is no writer.
	if err := s.openReadOnly(ctx); err != nil {
		return nil, s.translate(ctx, err)
	}
	return s, nil
}

func (s *Store) openReadOnly(ctx context.Context) (err error) {
	if s.path, err = filepath.Abs(s.path); err != nil {
		return err
	}
	if s.codec, err = packed.New(); err != nil {
		return err
	}
	err = s.readWith(ctx, "mode=ro")
	if err == nil || ctx.Err() != nil {
		return err
	}
	// To read a file that others may write, SQLite makes files beside it, which this disk does not allow. Without a file of
	// changes nobody has the store open, and none are missing.
	if info, failed := os.Stat(s.path + "-wal"); failed == nil && info.Size() > 0 {
		return err
	}
	return s.readWith(ctx, "mode=ro", "immutable=1")
}

// readWith opens the readers with options of SQLite's URI.
func (s *Store) readWith(ctx context.Context, options ...string) error {
	db, err := sql.Open("sqlite", source(s.path, append(options, "_pragma=busy_timeout(10000)", "_pragma=query_only(1)")...))
	if err != nil {
		return err
	}
	have, err := versionOf(ctx, db)
	switch {
	case err != nil:
	case have > version:
		err = newer(s.path, have)
	case have < version:
		err = unwritable(s.path, fmt.Errorf("its schema version %d must be upgraded", have))
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	db.SetMaxOpenConns(readerCount)
	db.SetMaxIdleConns(readerCount)
	s.readers, s.check = db, startCheck(s.path, db)
	return nil
}

// createFile creates the file if it does not exist: SQLite itself would let others read it. The files that SQLite creates
// beside it get its mode. An existing file must not be opened here: closing it would release the locks that another Store of
// this process has on it.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

func source(path string, options ...string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	return "file:" + escaped + "?" + strings.Join(options, "&")
}

// Close implements resultstore.Store. It finishes earlier puts.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.ending)
		<-s.ended
		s.closed = s.check.stop()
		err := s.readers.Close()
		if s.writer != nil {
			err = errors.Join(err, s.writer.Close())
		}
		if err != nil {
			s.closed = errors.Join(s.closed, s.translate(context.Background(), err))
		}
	})
	return s.closed
}
