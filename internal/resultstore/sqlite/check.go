package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"sync/atomic"

	code "modernc.org/sqlite/lib"
)

const (
	// checkedFirst is the size up to which a file is checked before anything is read from it, which takes about 3 ms for each MiB.
	// A larger one is read while it is checked, but nothing is written to it before.
	checkedFirst = 2 << 20
	// checkedAtEnd is the size up to which Close waits for the check: what was only read is reported as damaged then, at the latest.
	checkedAtEnd = 64 << 20
)

// check is the check of the whole file that begins when it is opened. What is damaged in the middle would otherwise show up in
// the middle of a run.
type check struct {
	first  bool // Reads wait for it,
	atEnd  bool // and Close does.
	cancel context.CancelFunc
	done   chan struct{}
	err    error // Valid once done is closed.
	told   atomic.Bool
}

func startCheck(path string, db *sql.DB) *check {
	ctx, cancel := context.WithCancel(context.Background())
	info, err := os.Stat(path)
	c := &check{cancel: cancel, done: make(chan struct{})}
	if err == nil {
		c.first, c.atEnd = info.Size() <= checkedFirst, info.Size() <= checkedAtEnd
	}
	go func() {
		defer close(c.done)
		c.err = quickCheck(ctx, path, db)
	}()
	return c
}

// quickCheck returns an error if the file is damaged. A file that cannot be checked now is no damaged one.
func quickCheck(ctx context.Context, path string, db *sql.DB) error {
	var found string
	err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found)
	switch {
	case ctx.Err() != nil:
		return nil //nolint:nilerr // Nobody waits for it any more.
	case sqliteCode(err) == code.SQLITE_CORRUPT || sqliteCode(err) == code.SQLITE_NOTADB:
		return damaged(path, err)
	case err == nil && found != "ok":
		_, found, _ := strings.Cut("\n"+found, "*** in database main ***\n")
		line, _, _ := strings.Cut(strings.TrimSpace(found), "\n")
		return damaged(path, errors.New(line))
	}
	return nil
}

// wait waits for the check, where it is to precede the operation, and returns what it has found.
func (c *check) wait(ctx context.Context, write bool) error {
	if write || c.first {
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-c.done:
		c.told.Store(c.err != nil)
		return c.err
	default:
		return nil
	}
}

// stop ends the check, and returns what it has found that no operation has been told.
func (c *check) stop() error {
	if !c.atEnd {
		c.cancel()
	}
	<-c.done
	c.cancel()
	if c.told.Load() {
		return nil
	}
	return c.err
}
