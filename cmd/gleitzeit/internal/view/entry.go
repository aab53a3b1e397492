package view

import (
	"context"
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// ReadEntry returns an item as the results of its task have it, from the records of its attempts: with its result, what its attempts
// have printed, and a warning that the result does not have itself. The model is that of an item about which several are asked.
func ReadEntry(ctx context.Context, store resultstore.Store, item value.Value, model string, records []resultstore.Record) (value.Value, error) {
	last := records[len(records)-1]
	entry, err := EntryOf(item, model, records)
	if err != nil {
		return entry, err
	}
	var result value.Value
	if last.Value != nil && last.Status == protocol.Completed {
		if result, err = resultstore.Load(ctx, store, protocol.Payload{Ref: last.Value}); err != nil {
			return entry, fmt.Errorf("the result of item %d of task %q: %w", last.Item, last.Task, err)
		}
		entry = entry.With("result", result)
	}
	if own, _ := result.Get("warning"); last.Warning != "" && own.Text() != last.Warning {
		entry = entry.With("warning", value.String(last.Warning))
	}
	return entryWithPrinted(ctx, store, entry, records)
}

// EntryOf is ReadEntry without what has to be read, or may be a warning: the result is null.
func EntryOf(item value.Value, model string, records []resultstore.Record) (value.Value, error) {
	last := records[len(records)-1]
	failure, err := value.Encode(NewError(last.Error))
	if err != nil {
		return failure, err
	}
	status := last.Status.OfItem()
	fields := []value.Field{
		{Name: "item", Value: item},
		{Name: "index", Value: value.Int(int64(last.Item))},
		{Name: "status", Value: value.String(string(status))},
		{Name: "result"},
		{Name: "error", Value: failure},
		{Name: "duration", Value: value.Float(float64(since(last.StartedAt, last.FinishedAt)))},
	}
	if model != "" {
		fields = append(fields, value.Field{Name: "model", Value: value.String(model)})
	}
	if status == protocol.Skipped {
		reason := last.Reason
		if reason == "" && last.Error != nil {
			reason = last.Error.Message
		}
		fields = append(fields, value.Field{Name: "reason", Value: value.String(reason)})
	}
	return value.Object(fields...), nil
}
