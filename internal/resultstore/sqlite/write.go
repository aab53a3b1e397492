package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/packed"
	"github.com/gleitzeit/gleitzeit/internal/sqlitefile"
)

const (
	maxBatches = 512      // Of one transaction.
	maxBytes   = 32 << 20 // Of values of one transaction: beyond that the next batch waits, however small.

	putRecord = `INSERT OR REPLACE INTO records
		(run, execution, task, item, attempt, kind, workflow, status, started_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// Not OR IGNORE, which would pass over every other conflict as well.
	putContent = `INSERT INTO contents (hash, encoding, data) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING`
	putPiece   = `INSERT INTO pieces (hash, number, encoding, data) VALUES (?, ?, ?, ?) ON CONFLICT (hash, number) DO NOTHING`
	// Also for a value that exists: Prune must not remove it any more.
	putTime = `INSERT INTO puts (hash, at) VALUES (?, ?) ON CONFLICT (hash) DO UPDATE SET at = excluded.at WHERE excluded.at > at`
)

// write is a batch in the queue of the writer.
type write struct {
	records []row
	values  []packed.Value
	done    chan error // Buffered: the caller of Put may have returned.
}

// row is a record with its JSON.
type row struct {
	resultstore.Record
	body string
}

// Put implements resultstore.Store. Batches that are put while a transaction is under way share the next one. When the
// context ends Put returns at once; the batch may or may not be kept.
func (s *Store) Put(ctx context.Context, batch resultstore.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.writer == nil {
		return unwritable(s.path, errReadOnly)
	}
	w, err := s.prepare(batch)
	if err != nil {
		return err
	}
	if err := s.check.wait(ctx, true); err != nil {
		return err
	}
	select {
	case <-s.ending: // Checked first: a select takes any case that is ready.
		return s.isClosed()
	default:
	}
	select {
	case s.queue <- w:
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
	}
	select {
	case err := <-w.done:
		return err
	default:
		return s.isClosed()
	}
}

// prepare does in the caller's goroutine what the only writer need not do.
func (s *Store) prepare(batch resultstore.Batch) (write, error) {
	if err := batch.Check(); err != nil {
		return write{}, err
	}
	w := write{done: make(chan error, 1)}
	for _, record := range batch.Records {
		body, err := json.Marshal(record)
		if err != nil {
			return write{}, protocol.Errorf(protocol.InternalError, "cannot store a record of run %q: %v", record.Run, err).WithCause(err).WithKind(protocol.Permanent)
		}
		w.records = append(w.records, row{record, string(body)})
	}
	for i, data := range batch.Values {
		w.values = append(w.values, s.codec.PackInPieces(batch.Name(i), data))
	}
	return w, nil
}

// serve commits batches until Close. It is the only writer of this process.
func (s *Store) serve() {
	defer close(s.ended)
	for {
		select {
		case first := <-s.queue:
			s.keep(s.group(first))
		case <-s.ending:
			for {
				select {
				case first := <-s.queue:
					s.keep(s.group(first))
				default:
					return
				}
			}
		}
	}
}

// group takes the batches that wait at the moment. It does not wait for more: a single batch is written at once.
func (s *Store) group(first write) []write {
	group := []write{first}
	for bytes := first.size(); len(group) < maxBatches && bytes < maxBytes; {
		select {
		case w := <-s.queue:
			group = append(group, w)
			bytes += w.size()
		default:
			return group
		}
	}
	return group
}

func (w write) size() (bytes int) {
	for _, v := range w.values {
		bytes += len(v.Data)
		for _, piece := range v.Pieces {
			bytes += len(piece.Data)
		}
	}
	return bytes
}

// keep commits the group and reports to each of its batches.
func (s *Store) keep(group []write) {
	err := s.commit(group)
	if err != nil && len(group) > 1 && !sqlitefile.IsBusy(err) {
		// One batch that cannot be written must not fail the others.
		for _, w := range group {
			s.keep([]write{w})
		}
		return
	}
	if err != nil {
		err = s.translate(context.Background(), err)
	}
	for _, w := range group {
		w.done <- err
	}
}

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

// whileBusy retries an operation that other processes block, up to the busy timeout.
func (s *Store) whileBusy(ctx context.Context, attempt func() error) error {
	return sqlitefile.WhileBusy(ctx, s.busyTimeout, attempt)
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
	last, err := tx.PrepareContext(ctx, putTime)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, last.Close()) }()
	now := time.Now().UnixNano()
	for _, w := range group {
		for _, v := range w.values {
			added, err := affected(value.ExecContext(ctx, v.Hash, v.Encoding, v.Data))
			if err != nil {
				return err
			}
			if _, err := last.ExecContext(ctx, v.Hash, now); err != nil {
				return err
			}
			for number, piece := range v.Pieces {
				if added == 0 {
					break // The value is there.
				}
				if _, err := tx.ExecContext(ctx, putPiece, v.Hash, number, piece.Encoding, piece.Data); err != nil {
					return err
				}
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
