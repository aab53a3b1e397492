package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// library stores the registered functions of a protocol in the result store, where every worker finds them.
type library struct {
	store    resultstore.Store
	protocol string
	method   string // The method that registers functions.
}

func newLibrary(store resultstore.Store) python.Library {
	if store == nil {
		return nil
	}
	return library{store, "python/v1", python.Register}
}

// execution distinguishes the records of a library from those of a run.
const execution = "functions"

// Keep implements python.Library.
func (l library) Keep(ctx context.Context, name string, function value.Value) error {
	data := function.JSON()
	ref, now := protocol.RefOf(data), time.Now().UTC()
	return l.store.Put(ctx, resultstore.Batch{
		Records: []resultstore.Record{{
			Kind:   resultstore.Function,
			Key:    resultstore.Key{Run: l.protocol, Execution: execution, Task: name, Item: protocol.NoItem},
			Method: l.method, Status: protocol.Completed, StartedAt: now, FinishedAt: now, Value: &ref,
		}},
		Values: [][]byte{data},
	})
}

// Find implements python.Library.
func (l library) Find(ctx context.Context, name string) (value.Value, bool, error) {
	if name == "" {
		return value.Value{}, false, nil
	}
	found, err := l.read(ctx, name)
	if err != nil || len(found) == 0 {
		return value.Value{}, false, err
	}
	return found[0], true, nil
}

// All implements python.Library.
func (l library) All(ctx context.Context) ([]value.Value, error) { return l.read(ctx, "") }

func (l library) read(ctx context.Context, name string) ([]value.Value, error) {
	records, err := l.store.Records(ctx, resultstore.Query{Run: l.protocol, Execution: execution, Kind: resultstore.Function, Task: name})
	if err != nil {
		return nil, err
	}
	var all []value.Value
	for _, record := range records {
		if record.Value == nil {
			continue
		}
		function, err := resultstore.Load(ctx, l.store, protocol.Payload{Ref: record.Value})
		if errors.Is(err, resultstore.ErrNotFound) {
			continue // Somebody has cleared the store; without its source the function cannot be called.
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the function %q: %w", record.Task, err)
		}
		all = append(all, function)
	}
	return all, nil
}
