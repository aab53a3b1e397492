// Package memory keeps results in this process alone: for tests, and for runs whose results nobody wants to keep.
package memory

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Store is a resultstore.Store in memory.
type Store struct {
	mu      sync.Mutex
	closed  bool
	puts    int
	records map[resultstore.Key]kept
	values  map[string][]byte
}

type kept struct {
	record resultstore.Record
	put    int // A later put has a higher number.
}

// New returns an empty store.
func New() *Store {
	return &Store{records: map[resultstore.Key]kept{}, values: map[string][]byte{}}
}

var errClosed = protocol.Errorf(protocol.PersistenceFailed, "the result store is closed")

// Put implements resultstore.Store.
func (s *Store) Put(ctx context.Context, batch resultstore.Batch) error {
	if err := errors.Join(ctx.Err(), batch.Check()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	for _, data := range batch.Values {
		s.values[protocol.RefOf(data).Hash] = bytes.Clone(data)
	}
	for _, record := range batch.Records {
		s.puts++
		s.records[record.Key] = kept{record, s.puts}
	}
	return nil
}

// Value implements resultstore.Store.
func (s *Store) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	data, known := s.values[ref.Hash]
	if !known {
		return nil, resultstore.ErrNotFound
	}
	return bytes.Clone(data), ctx.Err()
}

// Close implements resultstore.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
