package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// calls makes every call that takes a context.
func calls(ctx context.Context, store resultstore.Store) map[string]error {
	putting := store.Put(ctx, resultstore.Batch{Records: []resultstore.Record{runOf("late", "e", 0)}})
	_, reading := store.Records(ctx, resultstore.Query{})
	_, readingRun := store.Records(ctx, resultstore.Query{Run: "r"})
	_, fetching := store.Value(ctx, protocol.RefOf([]byte(`"value"`)))
	_, pruning := store.Prune(ctx, resultstore.PruneRequest{Executions: []resultstore.Execution{{Run: "late", Execution: "e"}}})
	_, measuring := store.Sizes(ctx)
	return map[string]error{"Prune": pruning, "Sizes": measuring, "Put": putting, "Records": reading, "Records of a run": readingRun, "Value": fetching}
}

func endOfContext(t *testing.T, store resultstore.Store) {
	put(t, store, runOf("r", "e", 0))
	putValues(t, store, []byte(`"value"`))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for call, err := range calls(cancelled, store) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v; want %v", call, err, context.Canceled)
		}
	}
	wants(t, store, resultstore.Query{}, runOf("r", "e", 0))
	for call, err := range calls(t.Context(), store) {
		if err != nil {
			t.Errorf("%s after a call that was cancelled: %v", call, err)
		}
	}
}

func closeEndsTheUse(t *testing.T, store resultstore.Store) {
	put(t, store, runOf("r", "e", 0))
	putValues(t, store, []byte(`"value"`))
	for range 2 {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for call, err := range calls(t.Context(), store) {
		failed(t, call+" after close", err, protocol.PersistenceFailed)
	}
}

// closeDuringPuts closes the store during many puts: each of them returns.
func closeDuringPuts(t *testing.T, store resultstore.Store) {
	const puts = 100
	put(t, store, runOf("r", "e", 0)) // Opens a store that opens lazily.
	outcomes := make(chan error)
	for i := range puts {
		go func() {
			outcomes <- store.Put(t.Context(), resultstore.Batch{Records: []resultstore.Record{taskOf("files", i, 1)}})
		}()
	}
	first := <-outcomes
	if err := store.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if first != nil {
		t.Error(first)
	}
	for range puts - 1 {
		if err := <-outcomes; err != nil {
			failed(t, "a put during close", err, protocol.PersistenceFailed)
		}
	}
}
