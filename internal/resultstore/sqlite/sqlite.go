// Package sqlite keeps results in a SQLite file that many processes may use at once. It must not know what the results
// mean: it sees records, and values as bytes.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
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
	patience = 10 * time.Second // How long to wait for other processes.
	atOnce   = 4                // Connections that read at once.
	queued   = 1024             // Batches that wait for the writer.
)

// Store is a resultstore.Store in a file. Open makes one.
type Store struct {
	path     string
	patience time.Duration
	codec    packed.Codec
	queue    chan write
	ending   chan struct{} // Closed when Close begins.
	ended    chan struct{} // Closed when the writer has ended.
	closing  sync.Once
	closed   error

	writer  *sql.DB
	readers *sql.DB
}

// Open opens the file, or makes it (0600, a folder that is not there 0700). Its errors are *protocol.Error of the code
// PersistenceFailed, or the context's own.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{
		path: path, patience: patience,
		queue: make(chan write, queued), ending: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := s.open(ctx); err != nil {
		return nil, s.trouble(ctx, err)
	}
	go s.serve()
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.path, err = filepath.Abs(s.path); err != nil {
		return err
	}
	if err := makeFile(s.path); err != nil {
		return err
	}
	if s.codec, err = packed.New(); err != nil {
		return err
	}
	// As durable as the engine's own database: once Temporal says that a task has completed, a loss of power must not
	// have taken its result. No busy_timeout: see patiently.
	s.writer, err = sql.Open("sqlite", source(s.path, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)"))
	if err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1) // SQLite has one writer; whoever waits for it waits in the queue.
	if err := s.patiently(ctx, func() error { return migrate(ctx, s.writer, s.path) }); err != nil {
		return errors.Join(err, s.writer.Close())
	}
	s.readers, err = sql.Open("sqlite", source(s.path, "_pragma=busy_timeout(10000)", "_pragma=query_only(1)"))
	if err != nil {
		return errors.Join(err, s.writer.Close())
	}
	s.readers.SetMaxOpenConns(atOnce)
	s.readers.SetMaxIdleConns(atOnce)
	return nil
}

// makeFile makes the file where it is not there: SQLite itself would let others read it. The files that SQLite lays
// beside it get its mode. A file that is there must not be opened here: closing it would take away the locks that
// another Store of this process has on it.
func makeFile(path string) error {
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

// Close implements resultstore.Store. What was put before is kept still.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.ending)
		<-s.ended
		if err := errors.Join(s.readers.Close(), s.writer.Close()); err != nil {
			s.closed = s.trouble(context.Background(), err)
		}
	})
	return s.closed
}
