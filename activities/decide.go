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

const (
	// decideTimeout bounds one decision, the loading of values included. Most take less than a millisecond.
	decideTimeout = 20 * time.Second
	// decideItemsTimeout bounds the decisions over all items of a task. It leaves time, of what an attempt to expand has, to
	// list the items and to record them.
	decideItemsTimeout = 30 * time.Second
)

// Decide evaluates a condition. An error of the condition is in the response; the error of Decide itself is that of an
// unavailable store.
func (a *Activities) Decide(ctx context.Context, request protocol.DecideRequest) (*protocol.DecideResponse, error) {
	response, err := decide(ctx, request, a.results.loader)
	if err != nil {
		return nil, err
	}
	response.Kind, response.Task, response.Method = protocol.DecidedKind, request.Task, request.Method
	if response.Error == nil && !response.Holds {
		response.Reason = protocol.ConditionFalseReason(request.When)
	}
	return response, nil
}

// loader makes a function that reads the value of a Ref.
type loader func(context.Context) func(protocol.Ref) (value.Value, error)

func decide(ctx context.Context, request protocol.DecideRequest, loader loader) (*protocol.DecideResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, decideTimeout)
	defer cancel()
	type answer struct {
		holds bool
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		compiled, err := compileCondition(request.When)
		if err != nil {
			answers <- answer{err: err}
			return
		}
		holds, err := compiled.Holds(ctx, &reference.Scope{Bindings: request.Bindings, Run: request.Run, Load: loader(ctx)})
		answers <- answer{holds, err}
	}()
	select {
	case got := <-answers:
		if got.err != nil {
			return undecided(ctx, got.err)
		}
		return &protocol.DecideResponse{Holds: got.holds}, nil
	case <-ctx.Done(): // One step of an expression, over a large value, cannot be interrupted.
		return undecided(ctx, ctx.Err())
	}
}

// compileCondition compiles the text of a condition.
func compileCondition(when string) (*condition.Condition, error) {
	compiled, problems := condition.Compile(when)
	if len(problems) > 0 {
		return nil, protocol.Errorf(protocol.TaskParameterError, "invalid condition: %s", problems[0].Message).WithHint("%s", problems[0].Hint)
	}
	return compiled, nil
}

// undecided tells a condition that cannot be evaluated, which is a response, from an unavailable store, which is an error
// that the workflow retries.
func undecided(ctx context.Context, err error) (*protocol.DecideResponse, error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && !isTransient(err) {
		return &protocol.DecideResponse{Error: protocol.Errorf(protocol.TaskParameterError, "the condition timed out after %s", decideTimeout)}, nil
	}
	failure := protocol.AsError(err, protocol.TaskParameterError)
	if failure.Kind == protocol.Transient {
		return nil, failure
	}
	return &protocol.DecideResponse{Error: shortened(failure)}, nil
}

func isTransient(err error) bool {
	known, is := errors.AsType[*protocol.Error](err)
	return is && known.Kind == protocol.Transient
}

// decideItems evaluates a task's condition for each item, and returns the items that are not to run. An error is one of the
// whole task.
func decideItems(ctx context.Context, request protocol.ExpandRequest, items []value.Value, loader loader) ([]protocol.SkippedItem, error) {
	compiled, err := compileCondition(request.When)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, decideItemsTimeout)
	defer cancel()
	type answer struct {
		skipped []protocol.SkippedItem
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		skipped, err := skippedItems(ctx, compiled, request, items, loadOnce(loader(ctx)))
		answers <- answer{skipped, err}
	}()
	timedOut := protocol.Errorf(protocol.TaskParameterError, "the condition timed out after %s for %d items", decideItemsTimeout, len(items))
	select {
	case got := <-answers:
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && got.err != nil && !isTransient(got.err) {
			return nil, timedOut
		}
		return got.skipped, got.err
	case <-ctx.Done(): // One step of an expression, over a large value, cannot be interrupted.
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, timedOut
		}
		return nil, ctx.Err()
	}
}

func skippedItems(ctx context.Context, compiled *condition.Condition, request protocol.ExpandRequest, items []value.Value, load func(protocol.Ref) (value.Value, error)) ([]protocol.SkippedItem, error) {
	var skipped []protocol.SkippedItem
	for i, item := range items {
		index := value.Int(int64(i))
		scope := &reference.Scope{Run: request.Run, Load: load, Bindings: append(slices.Clip(request.WhenBindings),
			protocol.Binding{Head: "item", Value: protocol.Payload{Inline: &item}, File: request.Values == nil && request.Rows == nil},
			protocol.Binding{Head: "index", Value: protocol.Payload{Inline: &index}},
		)}
		holds, err := compiled.Holds(ctx, scope)
		switch {
		case err == nil && !holds:
			skipped = append(skipped, protocol.SkippedItem{Index: i})
		case err != nil && (ctx.Err() != nil || isTransient(err)):
			return nil, err
		case err != nil:
			skipped = append(skipped, protocol.SkippedItem{Index: i, Error: shortened(protocol.AsError(err, protocol.TaskParameterError))})
		}
	}
	return skipped, nil
}

// loadOnce reads each value once. It is for one goroutine.
func loadOnce(load func(protocol.Ref) (value.Value, error)) func(protocol.Ref) (value.Value, error) {
	loaded := map[string]value.Value{}
	return func(ref protocol.Ref) (value.Value, error) {
		if v, is := loaded[ref.Hash]; is {
			return v, nil
		}
		v, err := load(ref)
		if err == nil {
			loaded[ref.Hash] = v
		}
		return v, err
	}
}
