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

// Gather combines the results of a task's items, which have ended, and records the task and every item that no attempt
// recorded.
func (a *Activities) Gather(ctx context.Context, request protocol.GatherRequest) (*protocol.GatherResponse, error) {
	counts := request.Counts
	outcome := protocol.Outcome{
		Status: request.Status, Error: request.Error, Usage: request.Usage, Warning: request.Warning, Attempts: 1, StartedAt: request.StartedAt, FinishedAt: time.Now().UTC(), Items: &counts,
	}
	batch := resultstore.Batch{}
	addUnrecordedItems(&batch, request)
	data, err := combine(request, a.results.loader(ctx))
	if err != nil {
		failure := protocol.AsError(err, protocol.PersistenceFailed)
		if failure.Kind == protocol.Transient {
			return nil, failure
		}
		outcome.Status, outcome.Error = protocol.Failed, failure
	} else {
		ref := protocol.RefOf(data)
		outcome.Value.Ref = &ref
		batch.Values = append(batch.Values, data)
		if len(data) <= protocol.MaxInline {
			inline, err := value.Parse(data)
			if err != nil {
				return nil, err
			}
			outcome.Value.Inline = &inline
		}
	}
	record := taskRecord(request.Run, request.Task, request.Method, protocol.NoItem, 1, outcome)
	record.Items = request.Items
	batch.Records = append(batch.Records, record)
	if err := a.results.put(ctx, batch); err != nil {
		return nil, err
	}
	return &protocol.GatherResponse{Kind: protocol.GatheredKind, Task: request.Task, Method: request.Method, Outcome: outcome}, nil
}

// combine returns the JSON of the results of all items, in their order.
func combine(request protocol.GatherRequest, load func(protocol.Ref) (value.Value, error)) ([]byte, error) {
	size := int64(0)
	for _, outcome := range request.Outcomes {
		if outcome.Value.Ref != nil {
			size += outcome.Value.Ref.Size
		}
	}
	if size > protocol.MaxValue { // Checked before they are all in memory.
		return nil, tooLarge(size)
	}
	items, err := itemValues(request, load)
	if err != nil {
		return nil, err
	}
	entries := make([]value.Value, len(request.Outcomes))
	for i, outcome := range request.Outcomes {
		var val value.Value
		if ref := outcome.Value.Ref; ref != nil && outcome.Status == protocol.Completed {
			var err error
			val, err = load(*ref)
			if errors.Is(err, resultstore.ErrNotFound) {
				return nil, protocol.Errorf(protocol.PersistenceFailed, "cannot read the result of item %d: %s", i, err).WithCause(err).WithKind(protocol.Permanent)
			}
			if err != nil {
				return nil, fmt.Errorf("cannot read the result of item %d: %w", i, err)
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
		if model := protocol.ModelOf(request.Models, i, len(entries)); model != "" {
			entry = entry.With("model", value.String(model))
		}
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
		value.Field{Name: "total", Value: count(request.Counts.Total)},
		value.Field{Name: "succeeded", Value: count(request.Counts.Succeeded)},
		value.Field{Name: "failed", Value: count(request.Counts.Failed)},
		value.Field{Name: "skipped", Value: count(request.Counts.Skipped)},
		value.Field{Name: "results", Value: value.List(entries...)},
	).StoredJSON()
	if len(data) > protocol.MaxValue {
		return nil, tooLarge(int64(len(data)))
	}
	return data, nil
}

// itemValues returns the items, as many as there are outcomes.
func itemValues(request protocol.GatherRequest, load func(protocol.Ref) (value.Value, error)) ([]value.Value, error) {
	if len(request.Paths) > 0 {
		paths := make([]value.Value, len(request.Paths))
		for i, path := range request.Paths {
			paths[i] = value.String(path)
		}
		return paths, nil
	}
	list, err := load(*request.Items)
	switch {
	case errors.Is(err, resultstore.ErrNotFound), err == nil && len(list.Elements()) != len(request.Outcomes):
		return nil, protocol.Errorf(protocol.PersistenceFailed, "the list of the items is missing in the result store").WithKind(protocol.Permanent)
	case err != nil:
		return nil, fmt.Errorf("cannot read the list of the items: %w", err)
	}
	return list.Elements(), nil
}

func tooLarge(size int64) error {
	return protocol.Errorf(protocol.TaskResultInvalid, "the results of all items have %d bytes, and the limit is %d", size, protocol.MaxValue).
		WithKind(protocol.Permanent).WithHint("split the items among several tasks or batches; the result of each item is stored")
}

// itemStatus returns the status of an item as results show it: a cancelled one counts as skipped.
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

// addUnrecordedItems adds records of the items whose end no attempt could record: skipped, or lost with their workers.
func addUnrecordedItems(batch *resultstore.Batch, request protocol.GatherRequest) {
	for i, outcome := range request.Outcomes {
		if outcome.FinishedAt.IsZero() {
			closingRecord(batch, request.Run, request.Task, request.Method, i, outcome)
		}
	}
}
