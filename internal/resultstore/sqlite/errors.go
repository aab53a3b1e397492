package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	code "modernc.org/sqlite/lib"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const elsewhere = "or set GLEITZEIT_HOME or --home to a folder that you can write"

// translate returns the error of the store with a hint, or that of the context. It is the one place where errors of SQLite
// and of the file system are translated.
func (s *Store) translate(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		return known
	}
	if isFull(err) {
		return diskFull(s.path).WithCause(err)
	}
	switch sqliteCode(err) {
	case code.SQLITE_READONLY, code.SQLITE_PERM, code.SQLITE_CANTOPEN:
		return unwritable(s.path, err)
	case code.SQLITE_CORRUPT, code.SQLITE_NOTADB:
		return damaged(s.path, err)
	case code.SQLITE_BUSY, code.SQLITE_LOCKED, code.SQLITE_PROTOCOL:
		return protocol.Errorf(protocol.PersistenceFailed, "the result store %q was locked by another process for %s", s.path, s.busyTimeout).WithCause(err).
			WithHint("look for a suspended gleitzeit, a backup or a SQLite shell that has it open, and end it")
	case code.SQLITE_IOERR:
		return protocol.Errorf(protocol.PersistenceFailed, "cannot read or write the result store %q: %v", s.path, err).WithCause(err).
			WithHint("check the disk; SQLite needs a local one, %s", elsewhere)
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return unwritable(s.path, at.Err)
	}
	select {
	case <-s.ending:
		return s.isClosed()
	default:
	}
	return protocol.Errorf(protocol.PersistenceFailed, "the result store %q failed: %v", s.path, err).WithCause(err)
}

// isFull reports whether the disk is full. If the -shm file cannot grow, SQLite reports an I/O error.
func isFull(err error) bool {
	if of, ok := errors.AsType[*sqlite.Error](err); ok && of.Code() == code.SQLITE_IOERR_SHMSIZE {
		return true
	}
	return sqliteCode(err) == code.SQLITE_FULL || errors.Is(err, syscall.ENOSPC)
}

// sqliteCode returns the primary code of SQLite's error, or 0.
func sqliteCode(err error) int {
	if of, ok := errors.AsType[*sqlite.Error](err); ok {
		return of.Code() & 0xff // Extended codes keep their primary one in the lowest byte.
	}
	return 0
}

func diskFull(path string) *protocol.Error {
	return protocol.Errorf(protocol.PersistenceFailed, "the disk of the result store %q is full", path).
		WithHint("free some space: finished work is not lost")
}

func unwritable(path string, cause error) error {
	return protocol.Errorf(protocol.PersistenceFailed, "cannot open or write the result store %q: %v", path, cause).WithCause(cause).
		WithHint("make the file and its folder writable, %s", elsewhere).WithKind(protocol.Permanent)
}

func damaged(path string, cause error) error {
	return protocol.Errorf(protocol.PersistenceFailed, "the result store %q is damaged: %v", path, cause).WithCause(cause).
		WithHint("restore a backup, or move the file away with its -wal and -shm files to start with a new one; the results in it are lost").WithKind(protocol.Permanent)
}

// newer is the error of a file that a newer program wrote.
func newer(path string, have int) error {
	return protocol.Errorf(protocol.PersistenceFailed, "the result store %q has schema version %d, and this program supports versions up to %d", path, have, version).
		WithHint("use the newer gleitzeit that wrote it, or set GLEITZEIT_HOME or --home to another folder").WithKind(protocol.Permanent)
}

// foreign is the error of a database that is not a result store.
func foreign(path string) error {
	return protocol.Errorf(protocol.PersistenceFailed, "%q is the database of another program, not a result store", path).
		WithHint("use another file").WithKind(protocol.Permanent)
}

func (s *Store) isClosed() error {
	return protocol.Errorf(protocol.PersistenceFailed, "the result store %q is closed", s.path)
}
