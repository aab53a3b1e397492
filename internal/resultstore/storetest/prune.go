package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// later is after every put of the suite, for stores that keep milliseconds too.
func later() time.Time { return time.Now().Add(time.Minute) }

func prune(t *testing.T, store resultstore.Store, request resultstore.PruneRequest, want resultstore.Pruned) {
	t.Helper()
	for _, dry := range []bool{true, false} { // A dry run says the same and changes nothing.
		request.DryRun = dry
		got, err := store.Prune(t.Context(), request)
		if err != nil {
			t.Fatalf("prune: %v", err)
		}
		for _, c := range []struct {
			kind      string
			got, want resultstore.Size
		}{{"runs", got.Runs, want.Runs}, {"tasks", got.Tasks, want.Tasks}, {"cached calls", got.Cached, want.Cached}, {"values", got.Values, want.Values}} {
			if c.got.Count != c.want.Count || (c.got.Bytes > 0) != (c.got.Count > 0) {
				t.Errorf("dry run %v: pruned %s: %+v, want %d", dry, c.kind, c.got, c.want.Count)
			}
		}
	}
}

func count(n int64) resultstore.Size { return resultstore.Size{Count: n} }

func wantsNoValue(t *testing.T, store resultstore.Store, value []byte) {
	t.Helper()
	if data, err := store.Value(t.Context(), protocol.RefOf(value)); !errors.Is(err, resultstore.ErrNotFound) {
		t.Errorf("the value %.40q is still there: %d bytes, %v", value, len(data), err)
	}
}

func runsAreChosenByStart(t *testing.T, store resultstore.Store) {
	first, second, third := runOf("a", "e", 1), runOf("b", "e", 2), runOf("c", "e", 3)
	third.Status = protocol.Completed
	put(t, store, second, third, first)
	wants(t, store, resultstore.Query{Before: third.StartedAt}, second, first)
	wants(t, store, resultstore.Query{Before: third.StartedAt, Limit: 1}, second)
	wants(t, store, resultstore.Query{Before: third.StartedAt.Add(1), Status: protocol.Completed}, third)
	wants(t, store, resultstore.Query{Before: first.StartedAt})
	wants(t, store, resultstore.Query{Since: second.StartedAt}, third, second)
	wants(t, store, resultstore.Query{Since: second.StartedAt, Limit: 1}, third)
	wants(t, store, resultstore.Query{Since: second.StartedAt, Before: third.StartedAt}, second)
	wants(t, store, resultstore.Query{Since: third.StartedAt.Add(1)})
}

func pruneRemovesWhatIsNamed(t *testing.T, store resultstore.Store) {
	values := map[string][]byte{}
	for _, name := range []string{"gone", "shared", "kept", "list", "plan", "input", "unused", "function", "printed", "log", "approval", "summary"} {
		values[name] = fmt.Appendf(nil, "%q", name)
		putValues(t, store, values[name])
	}
	ref := func(name string) *protocol.Ref {
		of := protocol.RefOf(values[name])
		return &of
	}
	oldRun, oldTask, oldShared := runOf("old", "e", 0), of("old", "e", taskOf("a", 0, 1)), of("old", "e", taskOf("b", protocol.NoItem, 1))
	oldRun.Plan, oldTask.Value, oldShared.Value = ref("plan"), ref("gone"), ref("shared")
	again, task, item := runOf("old", "newer", 5), taskOf("b", protocol.NoItem, 1), taskOf("b", 0, 1)
	task.Value, task.Items, item.Value, item.Printed, item.Log, task.Approval, task.Summary = ref("shared"), ref("list"), ref("kept"), ref("printed"), ref("log"), ref("approval"), ref("summary")
	task, item = of("old", "newer", task), of("old", "newer", item)
	function := functionOf("f")
	function.Value = ref("function")
	put(t, store, oldRun, oldTask, oldShared, again, task, item, function)

	keep := resultstore.Hashes{}
	keep.Add(store, *ref("input"))
	request := resultstore.PruneRequest{
		Executions: []resultstore.Execution{{Run: "old", Execution: "e"}, {Run: "old", Execution: "unknown"}, {Run: "unknown", Execution: "e"}},
		Before:     later(), Unused: later(), Keep: keep,
	}
	prune(t, store, request, resultstore.Pruned{Runs: count(1), Tasks: count(2), Values: count(3)})
	wants(t, store, resultstore.Query{Run: "old", Execution: "e"})
	wants(t, store, resultstore.Query{Run: "old"}, again, task, item)
	wants(t, store, resultstore.Query{}, again)
	wants(t, store, resultstore.Query{Run: "python/v1", Execution: "functions"}, function)
	for _, name := range []string{"gone", "plan", "unused"} {
		wantsNoValue(t, store, values[name])
	}
	for _, name := range []string{"shared", "kept", "list", "input", "function", "printed", "log", "approval", "summary"} {
		wantsValue(t, store, *ref(name), values[name])
	}
	prune(t, store, request, resultstore.Pruned{})

	put(t, store, oldRun) // A pruned run may be recorded again.
	wants(t, store, resultstore.Query{}, again, oldRun)
}

func pruneRemovesCalls(t *testing.T, store resultstore.Store) {
	oldCall, newCall := of("call-old", "call-old", taskOf("call", protocol.NoItem, 1)), of("call-new", "call-new", taskOf("call", protocol.NoItem, 1))
	oldCached, newCached := cachedOf(fmt.Sprintf("%064x", 1), "old"), cachedOf(fmt.Sprintf("%064x", 2), "new")
	newCall.StartedAt, newCached.StartedAt = time.Now().Add(time.Hour), time.Now().Add(time.Hour)
	put(t, store, oldCall, newCall, oldCached, newCached, functionOf("f"), runOf("r", "e", 0), taskOf("a", 0, 1))
	putValues(t, store, []byte("old"), []byte("new"))
	prune(t, store, resultstore.PruneRequest{}, resultstore.Pruned{})
	prune(t, store, resultstore.PruneRequest{Before: later()}, resultstore.Pruned{Cached: count(1)})
	prune(t, store, resultstore.PruneRequest{Unused: later()}, resultstore.Pruned{Tasks: count(1), Values: count(1)})
	wants(t, store, resultstore.Query{Run: "call-old"})
	wants(t, store, resultstore.Query{Run: "call-new"}, newCall)
	wants(t, store, lookUp(fmt.Sprintf("%064x", 1)))
	wants(t, store, lookUp(fmt.Sprintf("%064x", 2)), newCached)
	wants(t, store, resultstore.Query{Run: "r"}, runOf("r", "e", 0), taskOf("a", 0, 1))
	wantsNoValue(t, store, []byte("old"))
	wantsValue(t, store, protocol.RefOf([]byte("new")), []byte("new"))
}

// pruneLargeRun prunes more than one step removes.
func pruneLargeRun(t *testing.T, store resultstore.Store) {
	const items = 2500
	batch := resultstore.Batch{Records: []resultstore.Record{runOf("large", "e", 0)}}
	for i := range items {
		value := fmt.Appendf(nil, "the result of item %d", i)
		ref := protocol.RefOf(value)
		item := of("large", "e", taskOf("a", i, 1))
		item.Value = &ref
		batch.Records, batch.Values = append(batch.Records, item), append(batch.Values, value)
	}
	if err := store.Put(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	put(t, store, runOf("r", "e", 0), taskOf("a", 0, 1))
	request := resultstore.PruneRequest{Executions: []resultstore.Execution{{Run: "large", Execution: "e"}}, Unused: later()}
	prune(t, store, request, resultstore.Pruned{Runs: count(1), Tasks: count(items), Values: count(items)})
	wants(t, store, resultstore.Query{Run: "large"})
	wants(t, store, resultstore.Query{Run: "r"}, runOf("r", "e", 0), taskOf("a", 0, 1))
}

// valuesPutDuringPrune puts values again and again while they are pruned as unused: whenever Put has returned, the value is
// there, and stays.
func valuesPutDuringPrune(t *testing.T, store resultstore.Store) {
	const values, writers, rounds = 400, 4, 3
	value := func(i int) []byte { return fmt.Appendf(nil, "a value that many put: %d", i) }
	for round := range rounds {
		for i := range values {
			putValues(t, store, value(i))
		}
		for began := time.Now().UnixMilli(); time.Now().UnixMilli() == began; { // What is put from now on has a later time.
		}
		unused := time.UnixMilli(time.Now().UnixMilli())
		var writing, pruning sync.WaitGroup
		for writer := range writers {
			writing.Go(func() {
				for i := writer; i < values; i += writers {
					if i%2 == round%2 {
						continue // These go.
					}
					if err := store.Put(t.Context(), resultstore.Batch{Values: [][]byte{value(i)}}); err != nil {
						t.Error(err)
						return
					}
					if _, err := store.Value(t.Context(), protocol.RefOf(value(i))); err != nil {
						t.Errorf("value %d is gone after it was put: %v", i, err)
						return
					}
				}
			})
		}
		written := make(chan struct{})
		for range 2 { // Two servers of one store prune at the same time.
			pruning.Go(func() {
				for done := false; !done; {
					select {
					case <-written:
						done = true
					default:
					}
					if _, err := store.Prune(t.Context(), resultstore.PruneRequest{Unused: unused}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		writing.Wait()
		close(written)
		pruning.Wait()
		for i := range values {
			if i%2 == round%2 {
				wantsNoValue(t, store, value(i))
			} else {
				wantsValue(t, store, protocol.RefOf(value(i)), value(i))
			}
		}
	}
}

func sizesByKind(t *testing.T, store resultstore.Store) {
	put(t, store, runOf("r", "e", 0), taskOf("a", 0, 1), taskOf("a", 1, 1), cachedOf(fmt.Sprintf("%064x", 1), "x"), functionOf("f"))
	putValues(t, store, []byte("x"), noise(5000))
	sizes, err := store.Sizes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind        string
		got         resultstore.Size
		count, most int64
	}{
		{"runs", sizes.Runs, 1, 400},
		{"tasks", sizes.Tasks, 2, 800},
		{"cached calls", sizes.Cached, 1, 800},
		{"functions", sizes.Functions, 1, 500},
		{"values", sizes.Values, 2, 5300},
	} {
		if c.got.Count != c.count || c.got.Bytes < 1 || c.got.Bytes > c.most {
			t.Errorf("%s: %+v, want %d of at most %d bytes", c.kind, c.got, c.count, c.most)
		}
	}
	if sizes.Values.Bytes < 5000 || sizes.Total < 5000 || sizes.Free < 0 {
		t.Errorf("%+v", sizes)
	}
}
