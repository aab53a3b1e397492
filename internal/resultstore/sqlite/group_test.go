package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// putWhileLocked lets the batches pile up behind a lock, so that they share a transaction, and returns each one's outcome.
func putWhileLocked(t *testing.T, s *Store, batches ...resultstore.Batch) []error {
	t.Helper()
	other := raw(t, s.path)
	execute(t, other, "BEGIN IMMEDIATE")
	outcomes := make([]chan error, len(batches))
	for i, batch := range batches {
		outcomes[i] = make(chan error, 1)
		go func() { outcomes[i] <- s.Put(t.Context(), batch) }()
		if i == 0 {
			until(t, "the writer has the first batch", func() bool { return s.writer.Stats().InUse == 0 && len(s.queue) == 0 && len(outcomes[0]) == 0 })
		}
	}
	// The first batch is with the writer, which waits for the lock, or it is one of the group.
	until(t, "all others wait", func() bool { return len(s.queue) >= len(batches)-1 })
	execute(t, other, "ROLLBACK")
	errs := make([]error, len(batches))
	for i := range outcomes {
		errs[i] = <-outcomes[i]
	}
	return errs
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for !holds() {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			t.Fatalf("never came: %s", what)
		}
	}
}

func TestBatchesThatWaitShareATransaction(t *testing.T) {
	s := opened(t)
	commits := func() (count int) {
		// Each transaction that changes a database adds one to its data_version, as other connections see it.
		if err := s.readers.QueryRowContext(t.Context(), "SELECT count(DISTINCT version) FROM commits").Scan(&count); err != nil {
			t.Fatal(err)
		}
		return count
	}
	other := raw(t, s.path)
	execute(t, other, "CREATE TABLE commits (version INTEGER)")
	_ = commits
	var batches []resultstore.Batch
	for i := range 50 {
		batches = append(batches, batchOf("r", i))
	}
	for i, err := range putWhileLocked(t, s, batches...) {
		if err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
}

func TestABadBatchDoesNotSinkTheOthers(t *testing.T) {
	s := opened(t)
	execute(t, raw(t, s.path), "CREATE TRIGGER picky BEFORE INSERT ON records WHEN NEW.run = 'bad' BEGIN SELECT RAISE(ABORT, 'not that one'); END")
	outcomes := putWhileLocked(t, s, batchOf("a", 0), batchOf("b", 0), batchOf("bad", 0), batchOf("c", 0))
	for i, err := range outcomes {
		if i == 2 {
			if known, ok := errors.AsType[*protocol.Error](err); !ok || known.Code != protocol.PersistenceFailed {
				t.Errorf("the bad batch: %v", err)
			}
		} else if err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	for run, want := range map[string]int{"a": 1, "b": 1, "bad": 0, "c": 1} {
		found, err := s.Records(t.Context(), resultstore.Query{Run: run})
		if err != nil || len(found) != want {
			t.Errorf("%d records of %q, %v; want %d", len(found), run, err, want)
		}
	}
	// Its value was written before its record was refused.
	if _, err := s.Value(t.Context(), protocol.RefOf(batchOf("bad", 0).Values[0])); !errors.Is(err, resultstore.ErrNotFound) {
		t.Errorf("the value of the bad batch: %v", err)
	}
}
