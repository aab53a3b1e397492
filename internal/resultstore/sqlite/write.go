package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

const (
	queued  = 1024 // Batches that wait for the writer.
	grouped = 512  // Batches of one transaction, at most.
)

// write is a batch on its way to the writer.
type write struct {
	records []row
	values  []content
	done    chan error
}

// row is a record with its JSON.
type row struct {
	resultstore.Record
	body []byte
}

// Put implements resultstore.Store.
func (s *Store) Put(ctx context.Context, batch resultstore.Batch) error {
	if err := batch.Check(); err != nil {
		return err
	}
	w := write{done: make(chan error, 1)}
	for _, record := range batch.Records {
		body, err := json.Marshal(record)
		if err != nil {
			return protocol.Errorf(protocol.InternalError, "a record cannot be written: %s", err)
		}
		w.records = append(w.records, row{record, body})
	}
	for _, data := range batch.Values {
		w.values = append(w.values, pack(data))
	}
	select {
	case <-s.ending:
		return s.isClosed()
	case <-ctx.Done():
		return ctx.Err()
	default:
	}
	select {
	case s.writes <- w:
	case <-s.ending:
		return s.isClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ended:
		select {
		case err := <-w.done:
			return err
		default:
			return s.isClosed()
		}
	}
}

// write commits batches: all that wait at the moment in one transaction, because each transaction costs a write to the
// disk, and a lone one at once.
func (s *Store) write() {
	defer close(s.ended)
	for {
		select {
		case <-s.ending:
			return
		case first := <-s.writes:
			group := s.waiting([]write{first})
			err := s.commit(group)
			if err != nil && len(group) > 1 {
				// One batch that cannot be written must not sink the others.
				for _, w := range group {
					w.done <- s.commit([]write{w})
				}
				continue
			}
			for _, w := range group {
				w.done <- err
			}
		}
	}
}

func (s *Store) waiting(group []write) []write {
	for len(group) < grouped {
		select {
		case w := <-s.writes:
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

func (s *Store) commit(group []write) error {
	// Whoever gave up waiting may put the batch again; a half-written group helps nobody.
	ctx := context.Background()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return trouble(s.path, err)
	}
	if err := insert(ctx, tx, group); err != nil {
		return errors.Join(trouble(s.path, err), tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return trouble(s.path, err)
	}
	return nil
}

func insert(ctx context.Context, tx *sql.Tx, group []write) (err error) {
	record, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO records
		(run, execution, task, item, attempt, kind, workflow, status, started, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	value, err := tx.PrepareContext(ctx, `INSERT OR IGNORE INTO contents (hash, encoding, data) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, value.Close()) }()
	for _, w := range group {
		for _, v := range w.values {
			if _, err := value.ExecContext(ctx, v.hash, v.encoding, v.data); err != nil {
				return err
			}
		}
		for _, r := range w.records {
			var started int64
			if !r.StartedAt.IsZero() {
				started = r.StartedAt.UnixNano()
			}
			if _, err := record.ExecContext(ctx, r.Run, r.Execution, r.Task, r.Item, r.Attempt, string(r.Kind), r.Workflow, string(r.Status), started, string(r.body)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) isClosed() error {
	return protocol.Errorf(protocol.PersistenceFailed, "the result store %s is closed", s.path)
}
