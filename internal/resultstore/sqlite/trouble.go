package sqlite

import (
	"errors"
	"io/fs"

	"modernc.org/sqlite"
	code "modernc.org/sqlite/lib"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// trouble says what is wrong with the file and what to do. It is the one place where SQLite's errors are translated.
func trouble(path string, err error) error {
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		return known
	}
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return protocol.Errorf(protocol.PersistenceFailed, "the result store %s cannot be opened: %s", path, of.Err).
			WithHint("set GLEITZEIT_HOME or --home to a folder that you can write")
	}
	failed := protocol.Errorf(protocol.PersistenceFailed, "the result store %s failed: %s", path, err)
	of, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return failed
	}
	const primary = 0xff // Extended codes keep theirs in the lowest byte.
	switch of.Code() & primary {
	case code.SQLITE_FULL:
		return failed.WithHint("make room on the disk; what is finished is kept")
	case code.SQLITE_READONLY, code.SQLITE_PERM:
		return failed.WithHint("make the file and its folder writable, or set GLEITZEIT_HOME or --home to a folder that you can write")
	case code.SQLITE_CORRUPT, code.SQLITE_NOTADB:
		return failed.WithHint("the file is damaged: move it aside, and a new one is made; the results in it are lost, runs are not")
	case code.SQLITE_BUSY, code.SQLITE_LOCKED:
		return failed.WithHint("another program holds the file; end it and try again")
	case code.SQLITE_CANTOPEN:
		return failed.WithHint("set GLEITZEIT_HOME or --home to a folder that you can write")
	case code.SQLITE_IOERR:
		return failed.WithHint("the disk may be full or damaged, or the folder be on a network; see that it can be written")
	}
	return failed
}

// newer refuses a file that a later program has made.
func newer(path string, have int) error {
	return protocol.Errorf(protocol.PersistenceFailed, "the result store %s has version %d, and this program knows versions up to %d", path, have, version).
		WithHint("use the newer program, or another home folder")
}
