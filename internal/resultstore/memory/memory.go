// Package memory stores results in this process alone, for tests and for runs whose results are not needed later. It must not
// use a disk or a network.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Store is a resultstore.Store in memory. New makes one.
type Store struct {
	mu      sync.Mutex
	closed  bool
	puts    int
	records map[resultstore.Key]kept
	tasks   map[resultstore.Key][]resultstore.Key // Of each task, by its key without item and attempt.
	values  map[string]stored                     // By hash.
}

// kept is a stored record. Records returns its JSON decoded: like any other store, this one shares no memory with its callers.
type kept struct {
	resultstore.Record
	body []byte
	put  int // A later put has a higher number.
}

// stored is a value.
type stored struct {
	data []byte
	put  time.Time // The last one.
}

// New returns an empty store.
func New() *Store {
	return &Store{records: map[resultstore.Key]kept{}, tasks: map[resultstore.Key][]resultstore.Key{}, values: map[string]stored{}}
}

// Put implements resultstore.Store.
func (s *Store) Put(ctx context.Context, batch resultstore.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := batch.Check(); err != nil {
		return err
	}
	bodies := make([][]byte, len(batch.Records))
	for i, record := range batch.Records {
		body, err := json.Marshal(record)
		if err != nil {
			return protocol.Errorf(protocol.InternalError, "cannot store a record of run %q: %v", record.Run, err).WithCause(err).WithKind(protocol.Permanent)
		}
		bodies[i] = body
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return isClosed()
	}
	for i, data := range batch.Values {
		s.values[cmp.Or(batch.Name(i), protocol.RefOf(data).Hash)] = stored{bytes.Clone(data), time.Now()}
	}
	for i, record := range batch.Records {
		s.puts++
		if _, known := s.records[record.Key]; !known {
			task := taskOf(record.Run, record.Execution, record.Task)
			s.tasks[task] = append(s.tasks[task], record.Key)
		}
		s.records[record.Key] = kept{record, bodies[i], s.puts}
	}
	return nil
}

// Value implements resultstore.Store.
func (s *Store) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, isClosed()
	}
	value, known := s.values[ref.Hash]
	if !known {
		return nil, resultstore.ErrNotFound
	}
	return bytes.Clone(value.data), nil
}

// Close implements resultstore.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func isClosed() error {
	return protocol.Errorf(protocol.PersistenceFailed, "the result store in memory is closed")
}
