package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// putTogether lets the batches pile up behind one that the writer has at hand. It returns each one's outcome, and how
// many transactions they took with that one.
func putTogether(t *testing.T, s *Store, batches ...resultstore.Batch) (outcomes []error, commits int) {
	t.Helper()
	only, err := s.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = only.Raw(func(driver any) error {
		driver.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 { commits++; return 0 })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	told := make([]chan error, len(batches)+1)
	start := func(i int, batch resultstore.Batch) {
		told[i] = make(chan error, 1)
		go func() { told[i] <- s.Put(t.Context(), batch) }()
	}
	start(0, batchOf("first", 0))
	until(t, "the writer has the first batch", func() bool { return s.writer.Stats().WaitCount == 1 })
	for i, batch := range batches {
		start(i+1, batch)
	}
	until(t, "all others wait", func() bool { return len(s.queue) == len(batches) })
	if err := only.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-told[0]; err != nil {
		t.Fatal(err)
	}
	for _, one := range told[1:] {
		outcomes = append(outcomes, <-one)
	}
	return outcomes, commits
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
	var batches []resultstore.Batch
	for i := range 50 {
		batches = append(batches, batchOf("r", i))
	}
	outcomes, commits := putTogether(t, opened(t), batches...)
	for i, err := range outcomes {
		if err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	if commits != 2 {
		t.Errorf("%d transactions for 1 and 50 batches, want 2", commits)
	}
}

func TestATransactionIsBounded(t *testing.T) {
	large := func() resultstore.Batch { return resultstore.Batch{Values: [][]byte{random(t, 20<<20)}} }
	outcomes, commits := putTogether(t, opened(t), large(), large(), large())
	if err := errors.Join(outcomes...); err != nil {
		t.Error(err)
	}
	if commits != 3 {
		t.Errorf("%d transactions for a small batch and three of 20 MiB, want 3", commits)
	}
}

func TestABadBatchDoesNotSinkTheOthers(t *testing.T) {
	s := opened(t)
	execute(t, raw(t, s.path), "CREATE TRIGGER picky BEFORE INSERT ON records WHEN NEW.run = 'bad' BEGIN SELECT RAISE(ABORT, 'not that one'); END")
	outcomes, _ := putTogether(t, s, batchOf("a", 0), batchOf("b", 0), batchOf("bad", 0), batchOf("c", 0))
	for i, err := range outcomes {
		if (err != nil) != (i == 2) {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	refused(t, outcomes[2], protocol.Transient, `the result store "`+s.path+`" failed: constraint failed: not that one (1811)`, "")
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

func TestWhoeverGivesUpWaitingIsLetGo(t *testing.T) {
	s := opened(t)
	only, err := s.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan error, 1)
	go func() { told <- s.Put(ctx, batchOf("r", 0)) }()
	until(t, "the writer has the batch", func() bool { return s.writer.Stats().WaitCount == 1 })
	cancel()
	if err := <-told; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	if err := only.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), batchOf("r", 1)); err != nil {
		t.Error("the next put:", err)
	}
}
