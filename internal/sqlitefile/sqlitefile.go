// Package sqlitefile does for a SQLite file that others may use what every such file needs: it returns free space to the disk,
// measures tables, and copies the file. It must not know what is in the file.
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"modernc.org/sqlite"
	code "modernc.org/sqlite/lib"
)

const (
	// step returns some pages: writers wait for milliseconds.
	step = "PRAGMA incremental_vacuum(500)"
	// patience is how long a step waits for other writers.
	patience = 10 * time.Second
	// largest is the largest file that Shrink rewrites as a whole, which stops its writers for about a second.
	largest = 256 << 20
)

// URI returns the data source of a file for database/sql.
func URI(path string, options ...string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + "?" + strings.Join(options, "&")
}

// File is an open SQLite file.
type File struct {
	path string
	db   *sql.DB
}

// Open opens an existing file. The caller closes it.
func Open(path string) (*File, error) {
	db, err := sql.Open("sqlite", URI(path, "mode=rw"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &File{path, db}, nil
}

// Close closes the file.
func (f *File) Close() error { return f.db.Close() }

// Space is the size of a file.
type Space struct {
	Free  int64 // Bytes of pages that are not in use.
	Total int64 // Bytes of the file on the disk, with its log.
}

// Space returns the size of the file.
func (f *File) Space(ctx context.Context) (Space, error) {
	var space Space
	free, err := f.pragma(ctx, "freelist_count")
	if err != nil {
		return space, err
	}
	page, err := f.pragma(ctx, "page_size")
	if err != nil {
		return space, err
	}
	space.Free = free * page
	for _, ending := range []string{"", "-wal"} {
		if info, err := os.Stat(f.path + ending); err == nil {
			space.Total += info.Size()
		}
	}
	return space, nil
}

// Tables returns the bytes that each table takes with its indices.
func (f *File) Tables(ctx context.Context) (sizes map[string]int64, err error) {
	// Of an index, sqlite_schema has the table; dbstat itself has only names.
	rows, err := f.db.QueryContext(ctx, "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY s.tbl_name")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	sizes = map[string]int64{}
	for rows.Next() {
		var table string
		var size int64
		if err := rows.Scan(&table, &size); err != nil {
			return nil, err
		}
		sizes[table] = size
	}
	return sizes, rows.Err()
}

// Rows returns the number of rows of a table, whose name is not a user's.
func (f *File) Rows(ctx context.Context, table string) (count int64, err error) {
	err = f.db.QueryRowContext(ctx, `SELECT count(*) FROM "`+table+`"`).Scan(&count)
	return count, err
}

// Shrink returns free pages to the disk, in steps between which others write. A file that was made without incremental vacuum
// is rewritten once, if much of it is free and it is not too large to do so while others use it.
func (f *File) Shrink(ctx context.Context) error {
	mode, err := f.pragma(ctx, "auto_vacuum")
	if err != nil {
		return err
	}
	const incremental = 2
	if mode != incremental {
		return f.rewrite(ctx)
	}
	for {
		free, err := f.pragma(ctx, "freelist_count")
		if err != nil || free == 0 {
			return errors.Join(err, f.truncateLog(ctx))
		}
		if err := f.execute(ctx, step); err != nil {
			return err
		}
		left, err := f.pragma(ctx, "freelist_count")
		if err != nil {
			return err
		}
		if left >= free { // Others free more than a step returns: the next Shrink has it.
			return f.truncateLog(ctx)
		}
	}
}

func (f *File) rewrite(ctx context.Context) error {
	space, err := f.Space(ctx)
	if err != nil || space.Free*4 < space.Total || space.Total > largest {
		return err
	}
	if err := f.execute(ctx, "PRAGMA auto_vacuum = incremental"); err != nil {
		return err
	}
	if err := f.execute(ctx, "VACUUM"); err != nil {
		return err
	}
	return f.truncateLog(ctx)
}

// truncateLog moves the log into the file, which only then becomes smaller. Readers may prevent it: the next who checkpoints
// does it.
func (f *File) truncateLog(ctx context.Context) error {
	var busy, log, moved int
	err := f.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved)
	if IsBusy(err) {
		return nil
	}
	return err
}

func (f *File) pragma(ctx context.Context, name string) (value int64, err error) {
	err = f.whileBusy(ctx, func() error { return f.db.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value) })
	return value, err
}

func (f *File) execute(ctx context.Context, statement string) error {
	return f.whileBusy(ctx, func() error {
		_, err := f.db.ExecContext(ctx, statement)
		return err
	})
}

func (f *File) whileBusy(ctx context.Context, attempt func() error) error {
	return WhileBusy(ctx, patience, attempt)
}

// WhileBusy retries an operation that other processes block, for at most so long. SQLite's own way of waiting polls ever more rarely,
// so that a process that writes without pause would starve the others; and switching a new file to WAL does not wait at all.
func WhileBusy(ctx context.Context, longest time.Duration, attempt func() error) error {
	deadline := time.Now().Add(longest)
	for {
		err := attempt()
		if !IsBusy(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(time.Millisecond + rand.N(4*time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// IsBusy reports whether another process has a lock, so that the operation may succeed later.
func IsBusy(err error) bool {
	of, is := errors.AsType[*sqlite.Error](err)
	if !is {
		return false
	}
	switch of.Code() & 0xff {
	case code.SQLITE_BUSY, code.SQLITE_LOCKED, code.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// copiedPages is how many pages Copy copies before it looks whether it should end.
const copiedPages = 5000

// Copy copies the file, which others may write meanwhile, as it is when Copy calls snapshot: what is committed later is not in
// the copy. The copy must not exist; it is checked.
func (f *File) Copy(ctx context.Context, to string, snapshot func() error) (err error) {
	connection, err := f.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	if _, err := connection.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	defer func() {
		// Not the caller's context: the connection goes back to the pool.
		_, ended := connection.ExecContext(context.WithoutCancel(ctx), "COMMIT")
		err = errors.Join(err, ended)
	}()
	// The first read, not BEGIN, begins the transaction.
	var tables int
	if err := connection.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if err := snapshot(); err != nil {
		return err
	}
	if err := connection.Raw(func(driver any) error { return copyOf(ctx, driver, to) }); err != nil {
		return err
	}
	return check(ctx, to)
}

// copyOf copies what the open transaction of a connection sees.
func copyOf(ctx context.Context, from any, to string) (err error) {
	source, is := from.(interface {
		NewBackup(to string) (*sqlite.Backup, error)
	})
	if !is {
		return errors.New("the SQLite driver makes no backups")
	}
	backup, err := source.NewBackup(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backup.Finish()) }()
	for more := true; more && err == nil; {
		if err = ctx.Err(); err == nil {
			more, err = backup.Step(copiedPages)
		}
	}
	return err
}

// check looks whether a file is sound.
func check(ctx context.Context, path string) (err error) {
	file, err := Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var found string
	if err := file.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return errors.New("the database is damaged: " + found)
	}
	// The copy is to be one file, without a log beside it.
	_, err = file.db.ExecContext(ctx, "PRAGMA journal_mode = delete")
	return err
}
