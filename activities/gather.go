package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Gather makes the result of a task whose items have ended, and records it, and every item that no attempt recorded.
func (a *Activities) Gather(ctx context.Context, g protocol.GatherRequest) (*protocol.GatherResponse, error) {
	counts := g.Counts
	outcome := protocol.Outcome{
		Status: g.Status, Error: g.Error, Usage: g.Usage, Attempts: 1, StartedAt: g.StartedAt, FinishedAt: time.Now().UTC(), Items: &counts,
	}
	record := resultstore.Record{
		Kind:     resultstore.Task,
		Key:      resultstore.Key{Run: g.Run.ID, Execution: g.Run.Execution, Task: g.Task, Item: protocol.NoItem, Attempt: 1},
		Workflow: g.Run.Workflow, Method: g.Method, Attempts: 1, StartedAt: g.StartedAt, FinishedAt: outcome.FinishedAt,
		Usage: g.Usage, Items: g.Items, Counts: &counts,
	}
	batch := resultstore.Batch{Records: unrecorded(g)}
	data, err := a.result(ctx, g)
	if err != nil {
		failure := protocol.AsError(err, protocol.PersistenceFailed)
		if failure.Kind == protocol.Transient {
			return nil, failure
		}
		outcome.Status, outcome.Error = protocol.Failed, failure
	} else {
		ref := protocol.RefOf(data)
		outcome.Value.Ref, record.Value = &ref, &ref
		batch.Values = append(batch.Values, data)
		if len(data) <= protocol.MaxInline {
			inline, err := value.Parse(data)
			if err != nil {
				return nil, err
			}
			outcome.Value.Inline = &inline
		}
	}
	record.Status, record.Error = outcome.Status, outcome.Error
	batch.Records = append(batch.Records, record)
	if err := a.put(ctx, batch); err != nil {
		return nil, err
	}
	return &protocol.GatherResponse{Kind: protocol.GatheredKind, Task: g.Task, Method: g.Method, Outcome: outcome}, nil
}

// result is the JSON of all that the items have brought, in their order.
func (a *Activities) result(ctx context.Context, g protocol.GatherRequest) ([]byte, error) {
	size := int64(0)
	for _, outcome := range g.Outcomes {
		if outcome.Value.Ref != nil {
			size += outcome.Value.Ref.Size
		}
	}
	if size > protocol.MaxValue { // Before they are all in memory.
		return nil, tooMuch(size)
	}
	items, err := a.itemsOf(ctx, g)
	if err != nil {
		return nil, err
	}
	entries := make([]value.Value, len(g.Outcomes))
	for i, outcome := range g.Outcomes {
		var val value.Value
		if ref := outcome.Value.Ref; ref != nil && outcome.Status == protocol.Completed {
			var err error
			val, err = a.load(ctx)(*ref)
			if errors.Is(err, resultstore.ErrNotFound) {
				return nil, protocol.Errorf(protocol.PersistenceFailed, "the result of item %d is gone: %s", i, err).WithKind(protocol.Permanent)
			}
			if err != nil {
				return nil, fmt.Errorf("the result of item %d: %w", i, err)
			}
		}
		entry := value.Object(
			value.Field{Name: "item", Value: items[i]},
			value.Field{Name: "index", Value: value.Int(int64(i))},
			value.Field{Name: "status", Value: value.String(string(itemStatus(outcome.Status)))},
			value.Field{Name: "result", Value: val},
			value.Field{Name: "error", Value: errorOf(outcome.Error)},
			value.Field{Name: "duration", Value: value.Float(outcome.FinishedAt.Sub(outcome.StartedAt).Round(time.Millisecond).Seconds())},
		)
		if itemStatus(outcome.Status) == protocol.Skipped {
			reason := outcome.Reason
			if reason == "" && outcome.Error != nil {
				reason = outcome.Error.Message
			}
			entry = entry.With("reason", value.String(reason))
		}
		entries[i] = entry
	}
	count := func(n int) value.Value { return value.Int(int64(n)) }
	data := value.Object(
		value.Field{Name: "total", Value: count(g.Counts.Total)},
		value.Field{Name: "succeeded", Value: count(g.Counts.Succeeded)},
		value.Field{Name: "failed", Value: count(g.Counts.Failed)},
		value.Field{Name: "skipped", Value: count(g.Counts.Skipped)},
		value.Field{Name: "results", Value: value.List(entries...)},
	).JSON()
	if len(data) > protocol.MaxValue {
		return nil, tooMuch(int64(len(data)))
	}
	return data, nil
}

// itemsOf are the items, as many as there are outcomes.
func (a *Activities) itemsOf(ctx context.Context, g protocol.GatherRequest) ([]value.Value, error) {
	if len(g.Paths) > 0 {
		paths := make([]value.Value, len(g.Paths))
		for i, path := range g.Paths {
			paths[i] = value.String(path)
		}
		return paths, nil
	}
	list, err := a.load(ctx)(*g.Items)
	switch {
	case errors.Is(err, resultstore.ErrNotFound), err == nil && len(list.Elements()) != len(g.Outcomes):
		return nil, protocol.Errorf(protocol.PersistenceFailed, "the list of the items is gone").WithKind(protocol.Permanent)
	case err != nil:
		return nil, fmt.Errorf("the list of the items: %w", err)
	}
	return list.Elements(), nil
}

func tooMuch(size int64) error {
	return protocol.Errorf(protocol.TaskResultInvalid, "the results of all items have %d bytes, and the most that can be kept as one is %d", size, protocol.MaxValue).
		WithKind(protocol.Permanent).WithHint("make several tasks or batches of the items; what each item has brought is kept")
}

// itemStatus is that of an item as results show it: what was cancelled counts as skipped.
func itemStatus(status protocol.Status) protocol.Status {
	switch status {
	case protocol.Completed, protocol.Failed:
		return status
	case protocol.TimedOut:
		return protocol.Failed
	}
	return protocol.Skipped
}

func errorOf(e *protocol.Error) value.Value {
	if e == nil {
		return value.Value{}
	}
	fields := []value.Field{
		{Name: "code", Value: value.Int(int64(e.Code))},
		{Name: "name", Value: value.String(e.Name)},
		{Name: "message", Value: value.String(e.Message)},
	}
	if e.Hint != "" {
		fields = append(fields, value.Field{Name: "hint", Value: value.String(e.Hint)})
	}
	return value.Object(append(fields, value.Field{Name: "retryable", Value: value.Bool(e.Retryable())})...)
}

// unrecorded are the items whose end no attempt could record: skipped, or lost with their workers.
func unrecorded(g protocol.GatherRequest) []resultstore.Record {
	var records []resultstore.Record
	for i, outcome := range g.Outcomes {
		if !outcome.FinishedAt.IsZero() {
			continue
		}
		records = append(records, resultstore.Record{
			Kind:     resultstore.Task,
			Key:      resultstore.Key{Run: g.Run.ID, Execution: g.Run.Execution, Task: g.Task, Item: i, Attempt: closingAttempt},
			Workflow: g.Run.Workflow, Method: g.Method, Status: outcome.Status, Reason: outcome.Reason, Error: outcome.Error, Attempts: outcome.Attempts,
		})
	}
	return records
}
