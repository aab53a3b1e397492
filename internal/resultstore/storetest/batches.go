package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

func putIsIdempotent(t *testing.T, store resultstore.Store) {
	value := []byte(`{"result":5}`)
	ref := protocol.RefOf(value)
	task := taskOf("sum", protocol.NoItem, 1)
	task.Value = &ref
	batch := resultstore.Batch{Records: []resultstore.Record{runOf("r", "e", 0), task}, Values: [][]byte{value}}
	for range 3 {
		if err := store.Put(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, store, resultstore.Query{Run: "r"}, batch.Records...)
	wants(t, store, resultstore.Query{}, batch.Records[0])
	wantsValue(t, store, ref, value)
}

func batchIsKeptWhole(t *testing.T, store resultstore.Store) {
	good, nothing := taskOf("good", protocol.NoItem, 1), taskOf("bad", protocol.NoItem, 1)
	nothing.Kind = ""
	value := []byte(`"kept with nobody"`)
	err := store.Put(t.Context(), resultstore.Batch{Records: []resultstore.Record{good, nothing}, Values: [][]byte{value}})
	failed(t, "a record of nothing", err, protocol.InternalError)
	err = store.Put(t.Context(), resultstore.Batch{Records: []resultstore.Record{good}, Values: [][]byte{value, make([]byte, protocol.MaxValue+1)}})
	failed(t, "a value that is too large", err, protocol.TaskResultInvalid)
	wants(t, store, resultstore.Query{Run: "r"})
	if data, err := store.Value(t.Context(), protocol.RefOf(value)); !errors.Is(err, resultstore.ErrNotFound) {
		t.Errorf("a value of a batch that was refused: %q, %v", data, err)
	}
}

// batchIsSeenWhole reads while a writer changes two runs in one batch, repeatedly.
func batchIsSeenWhole(t *testing.T, store resultstore.Store) {
	both := func(round int) resultstore.Batch {
		one, other := runOf("one", "e", 0), runOf("other", "e", 0)
		one.Attempts, other.Attempts = round, round
		return resultstore.Batch{Records: []resultstore.Record{one, other}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	written := make(chan error, 1)
	go func() {
		var err error
		for round := 1; round <= 200 && err == nil; round++ {
			err = store.Put(ctx, both(round))
		}
		written <- err
	}()
	for writing := true; writing; {
		select {
		case err := <-written:
			if err != nil {
				t.Fatal(err)
			}
			writing = false
		default:
		}
		found, err := store.Records(t.Context(), resultstore.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 1 || len(found) == 2 && found[0].Attempts != found[1].Attempts {
			t.Fatalf("half a batch is there: %+v", found)
		}
	}
	wants(t, store, resultstore.Query{}, both(200).Records[1], both(200).Records[0])
}

func emptyBatch(t *testing.T, store resultstore.Store) {
	if err := store.Put(t.Context(), resultstore.Batch{}); err != nil {
		t.Error(err)
	}
	wants(t, store, resultstore.Query{})
}

func manyPutAtOnce(t *testing.T, store resultstore.Store) {
	const puts = 200
	value := func(i int) []byte { return fmt.Appendf(nil, `{"result":%d}`, i) }
	outcomes := make(chan error)
	for i := range puts {
		go func() {
			ref := protocol.RefOf(value(i))
			task := taskOf("files", i, 1)
			task.Value = &ref
			outcomes <- store.Put(t.Context(), resultstore.Batch{Records: []resultstore.Record{task}, Values: [][]byte{value(i), []byte(`"shared"`)}})
		}()
	}
	for range puts {
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
	}
	found, err := store.Records(t.Context(), resultstore.Query{Run: "r"})
	if err != nil || len(found) != puts {
		t.Fatalf("%d records, %v; want %d", len(found), err, puts)
	}
	for i, record := range found {
		if record.Item != i {
			t.Fatalf("item %d stands at %d", record.Item, i)
		}
		wantsValue(t, store, *record.Value, value(i))
	}
	wantsValue(t, store, protocol.RefOf([]byte(`"shared"`)), []byte(`"shared"`))
}
