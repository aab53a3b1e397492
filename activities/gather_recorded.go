package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

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
	g.out.failures = g.summary.FailureLines(shownReasons)
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
	g.out.counts, g.out.failures = g.counts.Counts, g.summary.FailureLines(shownReasons)
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

// lastAnswer is the answer about the last group of a key, with what belongs to all of its groups.
type lastAnswer struct {
	key     *protocol.GroupKey // Of the last group; nil where there are no keys.
	outcome protocol.Outcome
	round   int // Of the last group.
	inputs  int
	calls   int
}

// addAnswer adds the answer about a group.
func addAnswer(last map[int]*lastAnswer, outcome protocol.Outcome, group value.Value) error {
	key, err := protocol.KeyOfGroup(group)
	if err != nil {
		return err
	}
	number := 0
	if key != nil {
		number = key.Number
	}
	of := last[number]
	if of == nil {
		of = &lastAnswer{}
		last[number] = of
	}
	if key != nil {
		of.inputs += key.Inputs
	}
	of.calls++
	of.key, of.outcome = key, outcome
	round, _, _ := protocol.TextsOf(group)
	if of.round, err = strconv.Atoi(round); err != nil {
		return protocol.Errorf(protocol.InternalError, "cannot read the round of a group of texts: %v", err)
	}
	return nil
}

// value is the answer of a key in the list of all of them. The tokens are those of all keys together, beside the list.
func (a *lastAnswer) value(answer value.Value) value.Value {
	for _, name := range slices.Concat(ofOneCall, []string{"tokens_used", "prompt_tokens"}) {
		answer = without(answer, name)
	}
	entry := value.Object(value.Field{Name: "group", Value: a.key.Key})
	for _, field := range answer.Fields() {
		entry = entry.With(field.Name, field.Value)
	}
	return entry.With("inputs", value.Int(int64(a.inputs))).With("rounds", value.Int(int64(a.round))).With("calls", value.Int(int64(a.calls)))
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
