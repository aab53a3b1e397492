package sqlite

import (
	"context"
	"encoding/json"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/packed"
)

const (
	maxBatches = 512      // Of one transaction.
	maxBytes   = 32 << 20 // Of values of one transaction: beyond that the next batch waits, however small.
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
		w.values = append(w.values, s.codec.Pack(batch.Name(i), data))
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
	}
	return bytes
}

// keep commits the group and reports to each of its batches.
func (s *Store) keep(group []write) {
	err := s.commit(group)
	if err != nil && len(group) > 1 && !isBusy(err) {
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
