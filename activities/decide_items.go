package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/condition"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// decideItemsTimeout bounds the decisions over all items of a task. It leaves time, of what an attempt to expand has, to
// list the items and to record them.
const decideItemsTimeout = 30 * time.Second

// decideItems asks a task's condition for each item, and returns the items that are not to run. An error is about the
// task.
func (a *Activities) decideItems(ctx context.Context, expanding protocol.ExpandRequest, items []value.Value) ([]protocol.SkippedItem, error) {
	asked, mistakes := condition.Compile(expanding.When)
	if len(mistakes) > 0 {
		return nil, protocol.Errorf(protocol.TaskParameterError, "the condition cannot be read: %s", mistakes[0].Message).WithHint("%s", mistakes[0].Hint)
	}
	ctx, cancel := context.WithTimeout(ctx, decideItemsTimeout)
	defer cancel()
	type answer struct {
		refused []protocol.SkippedItem
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		refused, err := refusedBy(ctx, asked, expanding, items, remembering(a.load(ctx)))
		answers <- answer{refused, err}
	}()
	late := protocol.Errorf(protocol.TaskParameterError, "the condition could not be decided for all %d items in %s", len(items), decideItemsTimeout)
	select {
	case got := <-answers:
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && got.err != nil && !transient(got.err) {
			return nil, late
		}
		return got.refused, got.err
	case <-ctx.Done(): // One step of an expression, over a large value, cannot be interrupted.
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, late
		}
		return nil, ctx.Err()
	}
}

func refusedBy(ctx context.Context, asked *condition.Condition, expanding protocol.ExpandRequest, items []value.Value, load func(protocol.Ref) (value.Value, error)) ([]protocol.SkippedItem, error) {
	var refused []protocol.SkippedItem
	for i, item := range items {
		index := value.Int(int64(i))
		scope := &reference.Scope{Run: expanding.Run, Load: load, Bindings: append(slices.Clip(expanding.WhenBindings),
			protocol.Binding{Head: "item", Value: protocol.Payload{Inline: &item}, File: expanding.Values == nil},
			protocol.Binding{Head: "index", Value: protocol.Payload{Inline: &index}},
		)}
		holds, err := asked.Holds(ctx, scope)
		switch {
		case err == nil && !holds:
			refused = append(refused, protocol.SkippedItem{Index: i})
		case err != nil && (ctx.Err() != nil || transient(err)):
			return nil, err
		case err != nil:
			refused = append(refused, protocol.SkippedItem{Index: i, Error: shortened(protocol.AsError(err, protocol.TaskParameterError))})
		}
	}
	return refused, nil
}

// remembering loads each value once. It is for one goroutine.
func remembering(load func(protocol.Ref) (value.Value, error)) func(protocol.Ref) (value.Value, error) {
	known := map[string]value.Value{}
	return func(ref protocol.Ref) (value.Value, error) {
		if v, is := known[ref.Hash]; is {
			return v, nil
		}
		v, err := load(ref)
		if err == nil {
			known[ref.Hash] = v
		}
		return v, err
	}
}
