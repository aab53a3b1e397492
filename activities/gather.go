package activities

import (
	"context"
	"encoding/json"
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

// A result of more items, or of more bytes, is stored in pages. One page of it is in memory at a time.
const (
	maxResultItems = protocol.MaxPageItems
	maxResultBytes = 4 << 20

	shownReasons = 5 // In the details of the run.
)

// gatherer combines the results of items from their records.
type gatherer struct {
	*itemLists
	request protocol.GatherRequest
	out     combined
	total   protocol.PagedResult
	counts  protocol.ItemCounts
	first   int // The index of the first of the entries.
	entries []value.Value
	size    int
	summary resultstore.Summary
}

// combineRecorded returns the results of all items, in their order. What it does not return is stored. The counts are those of the
// records: a worker that was killed, or whose call was cancelled, did not report all that it had recorded.
func (l *itemLists) combineRecorded(ctx context.Context, request protocol.GatherRequest) (*combined, error) {
	g := &gatherer{itemLists: l, request: request, out: combined{counts: request.Counts}}
	return &g.out, g.run(ctx)
}

func (g *gatherer) run(ctx context.Context) error {
	manifest, err := resultstore.LoadManifest(ctx, g.results.store, *g.request.Items)
	switch {
	case errors.Is(err, resultstore.ErrNotFound), err == nil && manifest.Total != g.request.Counts.Total:
		return noItems()
	case err != nil:
		return fmt.Errorf("cannot read the list of the items: %w", err)
	}
	for _, page := range manifest.Pages {
		if err := g.add(ctx, page); err != nil {
			return err
		}
	}
	g.out.counts = g.counts.Counts
	g.total.Total, g.total.Succeeded, g.total.Failed, g.total.Skipped = g.counts.Total, g.counts.Succeeded, g.counts.Failed, g.counts.Skipped
	g.out.failures = g.summary.FailureLines(shownReasons, g.nameFolders())
	if manifest.Total > maxResultItems { // The records of fewer are read in one step.
		if g.out.summary, err = json.Marshal(g.summary); err != nil {
			return err
		}
	}
	if len(g.total.Pages) == 0 {
		g.out.data = g.total.Value(value.List(g.entries...)).StoredJSON()
		if len(g.out.data) > protocol.MaxValue {
			return tooLarge(int64(len(g.out.data)))
		}
		return nil
	}
	if err := g.endPage(ctx); err != nil {
		return err
	}
	g.out.pages = g.total.Pages
	g.out.data, err = json.Marshal(g.total)
	return err
}

// combineReduced returns the answer about the last group, with what belongs to the calls of all rounds. Without such an answer there is no
// value.
func (l *itemLists) combineReduced(ctx context.Context, request protocol.GatherRequest) (*combined, error) {
	g := &gatherer{itemLists: l, request: request, out: combined{counts: request.Counts}}
	manifest, err := resultstore.LoadManifest(ctx, g.results.store, *request.Items)
	switch {
	case errors.Is(err, resultstore.ErrNotFound):
		return &g.out, noItems()
	case err != nil:
		return &g.out, fmt.Errorf("cannot read the list of the groups: %w", err)
	}
	last := map[int]*lastAnswer{} // By the number of the key; 0 where there are no keys.
	for _, page := range manifest.Pages {
		groups, err := g.load(ctx, page)
		if err != nil {
			return &g.out, err
		}
		outcomes, err := g.outcomes(ctx, page)
		if err != nil {
			return &g.out, err
		}
		for i, outcome := range outcomes {
			if err := g.summarize(page.First+i, &outcome, groups.Items[i]); err != nil {
				return &g.out, err
			}
			g.counts.Add(outcome)
			if outcome.FinishedAt.IsZero() {
				closingRecord(&g.out.batch, request.Run, request.Task, request.Method, page.First+i, outcome)
			}
			if err := addAnswer(last, outcome, groups.Items[i]); err != nil {
				return &g.out, err
			}
		}
	}
	g.out.counts, g.out.failures = g.counts.Counts, g.summary.FailureLines(shownReasons, g.nameFolders())
	if request.Status != protocol.Completed {
		return &g.out, nil
	}
	size := int64(0)
	answers := make([]value.Value, len(last))
	for number := range answers {
		of := last[number]
		if of == nil || of.outcome.Value.Ref == nil {
			return &g.out, nil
		}
		if size += of.outcome.Value.Ref.Size; size > protocol.MaxValue { // Checked before they are all in memory.
			return &g.out, tooLarge(size)
		}
		if answers[number], err = g.results.loader(ctx)(*of.outcome.Value.Ref); err != nil {
			return &g.out, fmt.Errorf("cannot read the answer of the last round: %w", err)
		}
		if of.key != nil {
			answers[number] = of.value(answers[number])
		}
	}
	switch {
	case request.Reduced.ByKey:
		g.out.data = reducedValue(value.Object(value.Field{Name: "results", Value: value.List(answers...)}), request, g.counts.Total).StoredJSON()
	case len(answers) == 1:
		g.out.data = reducedValue(answers[0], request, g.counts.Total).StoredJSON()
	}
	if len(g.out.data) > protocol.MaxValue {
		return &g.out, tooLarge(int64(len(g.out.data)))
	}
	return &g.out, nil
}

// ofOneCall are the fields of an answer that say nothing of the other calls.
var ofOneCall = []string{"thinking", "logprobs", "duration", "load_duration", "prompt_eval_duration", "eval_duration"}

// reducedValue is the answer of the last round with what belongs to all calls.
func reducedValue(answer value.Value, request protocol.GatherRequest, calls int) value.Value {
	for _, name := range ofOneCall {
		answer = without(answer, name)
	}
	for _, of := range []struct {
		name   string
		number int64
	}{
		{"tokens_used", request.Usage.TokensUsed}, {"prompt_tokens", request.Usage.PromptTokens}, {"inputs", int64(request.Reduced.Inputs)},
		{"left_out", int64(request.Reduced.LeftOut)}, {"rounds", int64(request.Reduced.Rounds)}, {"calls", int64(calls)},
	} {
		answer = answer.With(of.name, value.Int(of.number))
	}
	return answer
}

// nameFolders are those within which items are named: the one in which all files were found, or else those of the run.
func (g *gatherer) nameFolders() []string {
	ofRun := []string{g.request.Run.Folder, g.request.Run.FlowFolder}
	if len(g.request.Folders) == 1 {
		return append(g.request.Folders[:1:1], ofRun...)
	}
	return ofRun
}

// add adds the items of a page of the list.
func (g *gatherer) add(ctx context.Context, page protocol.Page) error {
	items, err := g.load(ctx, page)
	if err != nil {
		return err
	}
	outcomes, err := g.outcomes(ctx, page)
	if err != nil {
		return err
	}
	load := g.results.loader(ctx)
	for i, outcome := range outcomes {
		entry, err := entryOf(g.request, page.First+i, items.Items[i], outcome, load)
		if err != nil {
			return err
		}
		if err := g.summarize(page.First+i, &outcome, items.Items[i]); err != nil {
			return err
		}
		g.counts.Add(outcome)
		size := len(entry.JSON()) + 1
		if count := len(g.entries); count == maxResultItems || count > 0 && g.size+size > maxResultBytes {
			if err := g.endPage(ctx); err != nil {
				return err
			}
		}
		g.entries = append(g.entries, entry)
		g.size += size
		if outcome.FinishedAt.IsZero() {
			closingRecord(&g.out.batch, g.request.Run, g.request.Task, g.request.Method, page.First+i, outcome)
		}
	}
	return nil
}

// summarize adds an item to the summary.
func (g *gatherer) summarize(index int, outcome *protocol.Outcome, item value.Value) error {
	if outcome.Cached && outcome.FinishedAt.Before(g.request.Run.StartedAt) {
		g.summary.TakenOver++
	}
	return g.summary.Add(index, outcome, func() (value.Value, error) { return item, nil })
}

// outcomes returns how the items of a page of the list ended, from their records. Those without one did not start.
func (g *gatherer) outcomes(ctx context.Context, page protocol.Page) ([]protocol.Outcome, error) {
	outcomes := make([]protocol.Outcome, page.Count)
	for i := range outcomes {
		outcomes[i] = protocol.Outcome{Status: protocol.Skipped, Reason: g.request.Reason, Error: protocol.Errorf(protocol.TaskCancelled, "%s", g.request.Reason)}
	}
	first, last := page.First, page.First+page.Count-1
	records, err := g.results.store.Records(ctx, resultstore.Query{
		Run: g.request.Run.ID, Execution: g.request.Run.Execution, Kind: resultstore.Task, Task: g.request.Task, Item: &first, Last: &last,
	})
	for i := range records { // The latest attempt of an item comes last.
		outcomes[records[i].Item-first] = records[i].Outcome()
	}
	return outcomes, err
}

// endPage stores the entries as a page, with the records of the items that have none.
func (g *gatherer) endPage(ctx context.Context) error {
	data := value.List(g.entries...).StoredJSON()
	if len(data) > protocol.MaxValue {
		return tooLarge(int64(len(data)))
	}
	page := protocol.Page{Ref: protocol.RefOf(data), First: g.first, Count: len(g.entries)}
	g.out.batch.Values = append(g.out.batch.Values, data)
	if err := g.results.put(ctx, g.out.batch); err != nil {
		return err
	}
	g.total.Pages = append(g.total.Pages, page)
	g.total.Bytes += int64(g.size)
	g.first += page.Count
	g.entries, g.size, g.out.batch = g.entries[:0], 0, resultstore.Batch{}
	return nil
}
