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
	outcome := protocol.Outcome{
		Status: request.Status, Error: request.Error, Usage: request.Usage, Warning: request.Warning, Attempts: 1, StartedAt: request.StartedAt, FinishedAt: time.Now().UTC(),
	}
	combined := &combined{counts: request.Counts}
	var err error
	if request.Reduced != nil {
		combined, err = a.combineReduced(ctx, request)
	} else if request.Recorded {
		combined, err = a.combineRecorded(ctx, request)
	} else {
		addUnrecordedItems(&combined.batch, request)
		err = combined.combine(request, a.results.loader(ctx))
	}
	if err != nil {
		failure := protocol.AsError(err, protocol.PersistenceFailed)
		if failure.Kind == protocol.Transient {
			return nil, failure
		}
		outcome.Status, outcome.Error = protocol.Failed, failure
	} else if combined.data != nil {
		if outcome.Value, err = combined.payload(); err != nil {
			return nil, err
		}
	}
	if outcome.Items = &combined.counts; request.Reduced != nil {
		outcome.Items, outcome.Rounds = nil, request.Reduced.Rounds // To the run it is a task without items.
	}
	record := taskRecord(request.Run, request.Task, request.Method, protocol.NoItem, 1, outcome)
	record.Items = request.Items
	if combined.summary != nil {
		ref := protocol.RefOf(combined.summary)
		record.Summary = &ref
		combined.batch.Values = append(combined.batch.Values, combined.summary)
	}
	for _, page := range combined.pages {
		record.Pages = append(record.Pages, page.Ref)
	}
	combined.batch.Records = append(combined.batch.Records, record)
	if err := a.results.put(ctx, combined.batch); err != nil {
		return nil, err
	}
	return &protocol.GatherResponse{Kind: protocol.GatheredKind, Task: request.Task, Method: request.Method, Outcome: outcome, Failures: combined.failures}, nil
}

// combined is the result of a task with items.
type combined struct {
	data   []byte          // Its JSON, or that of its index where it is in pages.
	pages  []protocol.Page // Nil: it is not.
	counts protocol.Counts

	failures []string // As in a GatherResponse.
	batch    resultstore.Batch
	summary  []byte // The JSON of a resultstore.Summary; nil: there is none.
}

// payload returns the result in an Outcome, and adds what is to be stored to the batch.
func (c *combined) payload() (protocol.Payload, error) {
	ref := protocol.RefOf(c.data)
	ref.Paged = len(c.pages) > 0
	c.batch.Values = append(c.batch.Values, c.data)
	if ref.Paged || len(c.data) > protocol.MaxInline {
		return protocol.Payload{Ref: &ref}, nil
	}
	inline, err := value.Parse(c.data)
	return protocol.Payload{Ref: &ref, Inline: &inline}, err
}

// combine makes the JSON of the results of all items, in their order.
func (c *combined) combine(request protocol.GatherRequest, load func(protocol.Ref) (value.Value, error)) error {
	size := int64(0)
	for _, outcome := range request.Outcomes {
		if outcome.Value.Ref != nil {
			size += outcome.Value.Ref.Size
		}
	}
	if size > protocol.MaxValue { // Checked before they are all in memory.
		return tooLarge(size)
	}
	items, err := itemValues(request, load)
	if err != nil {
		return err
	}
	entries := make([]value.Value, len(request.Outcomes))
	for i, outcome := range request.Outcomes {
		if entries[i], err = entryOf(request, i, items[i], outcome, load); err != nil {
			return err
		}
	}
	whole := protocol.PagedResult{Total: request.Counts.Total, Succeeded: request.Counts.Succeeded, Failed: request.Counts.Failed, Skipped: request.Counts.Skipped}
	if c.data = whole.Value(value.List(entries...)).StoredJSON(); len(c.data) > protocol.MaxValue {
		return tooLarge(int64(len(c.data)))
	}
	return nil
}

// entryOf returns what the result of a task says of one of its items.
func entryOf(request protocol.GatherRequest, index int, item value.Value, outcome protocol.Outcome, load func(protocol.Ref) (value.Value, error)) (entry value.Value, err error) {
	var val value.Value
	if ref := outcome.Value.Ref; ref != nil && outcome.Status == protocol.Completed {
		val, err = load(*ref)
		if errors.Is(err, resultstore.ErrNotFound) {
			return entry, protocol.Errorf(protocol.PersistenceFailed, "cannot read the result of item %d: %s", index, err).WithCause(err).WithKind(protocol.Permanent)
		}
		if err != nil {
			return entry, fmt.Errorf("cannot read the result of item %d: %w", index, err)
		}
	}
	entry = value.Object(
		value.Field{Name: "item", Value: item},
		value.Field{Name: "index", Value: value.Int(int64(index))},
		value.Field{Name: "status", Value: value.String(string(outcome.Status.OfItem()))},
		value.Field{Name: "result", Value: val},
		value.Field{Name: "error", Value: errorOf(outcome.Error)},
		value.Field{Name: "duration", Value: value.Float(float64(protocol.RoundedSeconds(outcome.FinishedAt.Sub(outcome.StartedAt))))},
	)
	if model := protocol.ModelOf(request.Models, index, request.Counts.Total); model != "" {
		entry = entry.With("model", value.String(model))
	}
	if outcome.Status.OfItem() == protocol.Skipped {
		reason := outcome.Reason
		if reason == "" && outcome.Error != nil {
			reason = outcome.Error.Message
		}
		entry = entry.With("reason", value.String(reason))
	}
	return entry, nil
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
		return nil, noItems()
	case err != nil:
		return nil, fmt.Errorf("cannot read the list of the items: %w", err)
	}
	return list.Elements(), nil
}

func tooLarge(size int64) error {
	return protocol.Errorf(protocol.TaskResultInvalid, "the results of all items have %d bytes, and the limit is %d", size, protocol.MaxValue).
		WithKind(protocol.Permanent).WithHint("split the items among several tasks or batches; the result of each item is stored")
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
