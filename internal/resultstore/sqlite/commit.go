package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	putRecord = `INSERT OR REPLACE INTO records
		(run, execution, task, item, attempt, kind, workflow, status, started_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// Not OR IGNORE, which would pass over every other conflict as well.
	putContent = `INSERT INTO contents (hash, encoding, data) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING`
)

// commit writes the group in one transaction.
func (s *Store) commit(group []write) error {
	// Not the context of one caller: its end would undo the batches of all others.
	ctx := context.Background()
	var tx *sql.Tx
	err := s.whileBusy(ctx, func() (err error) {
		tx, err = s.writer.BeginTx(ctx, nil)
		return err
	})
	if err != nil {
		return err
	}
	if err := insert(ctx, tx, group); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// whileBusy retries an operation that other processes block, up to the busy timeout. SQLite's own way of waiting polls ever
// more rarely, so that a process that writes without pause would starve the others; and switching a new file to WAL does not
// wait at all.
func (s *Store) whileBusy(ctx context.Context, attempt func() error) error {
	deadline := time.Now().Add(s.busyTimeout)
	for {
		err := attempt()
		if !isBusy(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(time.Millisecond + rand.N(4*time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func insert(ctx context.Context, tx *sql.Tx, group []write) (err error) {
	record, err := tx.PrepareContext(ctx, putRecord)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	value, err := tx.PrepareContext(ctx, putContent)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, value.Close()) }()
	for _, w := range group {
		for _, v := range w.values {
			if _, err := value.ExecContext(ctx, v.Hash, v.Encoding, v.Data); err != nil {
				return err
			}
		}
		for _, r := range w.records {
			if _, err := record.ExecContext(ctx, r.Run, r.Execution, r.Task, r.Item, r.Attempt,
				string(r.Kind), r.Workflow, string(r.Status), nanoseconds(r.StartedAt), r.body); err != nil {
				return err
			}
		}
	}
	return nil
}

// nanoseconds returns a time for sorting; the record's JSON has the time itself.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
