package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// chain is a step of an item, with what is known of the steps before it.
type chain struct {
	*protocol.Step
	before []*resultstore.Record // By step: how each before this one has ended; nil: that is not recorded.
	whole  *former               // What earlier runs have of the whole item, if it can be taken over as such; nil if it cannot,
	parts  []*resultstore.Record // with their records of its steps.
}

// recordKey returns what identifies the record of an attempt of a call.
func recordKey(call *protocol.Call, item, attempt int) (resultstore.Kind, resultstore.Key) {
	key := resultstore.Key{Run: call.Run.ID, Execution: call.Run.Execution, Task: call.Task, Item: item, Attempt: attempt}
	if call.Step == nil {
		return resultstore.Task, key
	}
	return resultstore.Step, resultstore.StepKey(key, call.Step.ID())
}

// recordsOf returns the query for the records of attempts of items of a call.
func recordsOf(call *protocol.Call, first, last int) resultstore.Query {
	kind, key := recordKey(call, first, 0)
	return resultstore.Query{Run: key.Run, Execution: key.Execution, Kind: kind, Task: key.Task, Item: &first, Last: &last}
}

// withStep returns the call with another step of the same items.
func withStep(call *protocol.Call, index int) *protocol.Call {
	other, step := *call, *call.Step
	step.Index = index
	other.Step = &step
	return &other
}

// chains returns the steps of the items of a call, in their order; nil if they have none.
func (l *itemLists) chains(ctx context.Context, call *protocol.Call) ([]*chain, error) {
	if call.Step == nil {
		return nil, nil
	}
	of := call.Items
	all := make([]*chain, of.Count)
	for i := range all {
		all[i] = &chain{Step: call.Step, before: make([]*resultstore.Record, call.Step.Index)}
	}
	for step := range call.Step.Index {
		query := recordsOf(withStep(call, step), of.First, of.End()-1)
		err := l.results.withRetry(ctx, func(ctx context.Context) error {
			records, err := l.results.store.Records(ctx, query)
			for i := range records { // The latest attempt comes last.
				all[records[i].Item-of.First].before[step] = &records[i]
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// bindings returns the values of references to the steps before.
func (c *chain) bindings() []protocol.Binding {
	var ids, names []protocol.Binding
	for i, record := range c.before {
		if record == nil {
			continue
		}
		step, outcome := c.Chain[i], record.Outcome()
		binding := protocol.Binding{Head: step.ID, Task: step.ID, Status: outcome.Status, Error: outcome.Error, Reason: outcome.Reason, Value: outcome.Value}
		ids = append(ids, binding)
		if step.Name != "" && step.Name != step.ID {
			binding.Head = step.Name
			names = append(names, binding)
		}
	}
	return append(ids, names...)
}

// skip returns why the step cannot run, because of the steps that it needs; nil if it can.
func (c *chain) skip() *protocol.Outcome {
	var skipped *protocol.Outcome
	for i, record := range c.before {
		step := c.Chain[i]
		if !slices.Contains(c.Chain[c.Index].After, step.ID) {
			continue
		}
		end := protocol.Outcome{Status: protocol.Skipped, Reason: fmt.Sprintf("it needs %q, which was skipped", step.ID)}
		byCondition := false
		switch {
		case record == nil:
			end.Reason = fmt.Sprintf("it needs %q, whose end is not recorded", step.ID)
		case record.Status == protocol.Completed, record.Status == protocol.Failed && step.Continue:
			continue
		case record.Status == protocol.Skipped && record.Error == nil:
			if c.Chain[c.Index].Done {
				continue
			}
			byCondition = true
		}
		if !byCondition {
			end.Error = protocol.Errorf(protocol.TaskDependencyFailed, "%s", end.Reason)
		}
		if skipped == nil || skipped.Error == nil && !byCondition {
			skipped = &end
		}
	}
	return skipped
}

// decideStep reports whether the step of the attempt is to run; the reason is why it is not.
func decideStep(ctx context.Context, t *attempt) (skipped *protocol.Outcome, failure *protocol.Error) {
	if skipped := t.chain.skip(); skipped != nil || t.chain.When == "" {
		return skipped, nil
	}
	holds, failure := t.evaluate(ctx, protocol.DecideRequest{Run: t.call.Run, When: t.chain.When, Bindings: t.call.Bindings})
	if failure != nil || holds {
		return nil, failure
	}
	return &protocol.Outcome{Status: protocol.Skipped, Reason: protocol.ConditionFalseReason(t.chain.When)}, nil
}

// follows reports whether another attempt follows one that has failed, and after which pause. It decides once: what is recorded depends
// on it.
func follows(t *attempt, failure *protocol.Error, since time.Time) (bool, time.Duration) {
	if t.decided == nil {
		failures := t.earlier.failed + 1
		pause := delay(t.call.Retry, failures)
		t.decided = &decision{t.call.Retry.Follows(failure, failures, time.Since(since)+pause), pause}
	}
	return t.decided.again, t.decided.pause
}

// decision is whether another attempt follows, and after which pause.
type decision struct {
	again bool
	pause time.Duration
}

// endStep returns how the item of a step has ended with it; nil if it has not. It says in the outcome of the step which of both it is. What
// is to be stored with the record of the item is added to the values.
func endStep(ctx context.Context, t *attempt, outcome *protocol.Outcome, values *[][]byte, since time.Time) (*protocol.Outcome, error) {
	c := t.chain
	step := c.Chain[c.Index]
	if outcome.Status == protocol.Failed && !outcome.Cached {
		if again, _ := follows(t, outcome.Error, since); again {
			return nil, nil
		}
	}
	item := *outcome
	item.Item = t.name
	for i, record := range c.before {
		if record == nil {
			continue
		}
		if record.Status == protocol.Failed { // The step has continue_on_error: people should know of it all the same.
			item.Warning = joined(item.Warning, inStep(c.Chain[i].ID, record.Error).Message)
		}
		item.Usage = item.Usage.Add(record.Usage)
		item.Cached = item.Cached && (record.FromCache || record.Status != protocol.Completed)
		if !record.StartedAt.IsZero() && record.StartedAt.Before(item.StartedAt) {
			item.StartedAt = record.StartedAt
		}
		if record.Warning != "" {
			item.Warning = joined(record.Warning, item.Warning)
		}
	}
	switch {
	case outcome.Status == protocol.Cancelled:
		return &item, nil
	case outcome.Status == protocol.Failed && (!step.Continue || c.IsLast() && c.Result == c.Index && c.Outputs == nil):
		item.Error = inStep(step.ID, outcome.Error)
		return &item, nil
	case !c.IsLast():
		outcome.Next = true
		return nil, nil
	case c.Outputs != nil:
		if outcome.Status == protocol.Failed {
			item.Warning = joined(item.Warning, inStep(step.ID, outcome.Error).Message)
		}
		return &item, endWithOutputs(ctx, t, outcome, &item, values)
	case c.Result != c.Index && c.before[c.Result] != nil:
		result := c.before[c.Result].Outcome()
		item.Status, item.Error, item.Reason, item.Value, item.Printed = result.Status, result.Error, result.Reason, result.Value, protocol.Payload{}
		if item.Error != nil && item.Status == protocol.Failed {
			item.Error = inStep(c.Chain[c.Result].ID, item.Error)
		}
	}
	return &item, nil
}

// joined is two warnings, of which each may be empty.
func joined(first, second string) string {
	return strings.Trim(first+"; "+second, "; ")
}

// inStep returns the error of an item that a step of it has had.
func inStep(step string, e *protocol.Error) *protocol.Error {
	of := *e
	of.Message = fmt.Sprintf("step %q: %s", step, e.Message)
	return shortened(&of)
}

// endWithOutputs makes the outputs of the steps the result of the item.
func endWithOutputs(ctx context.Context, t *attempt, step, item *protocol.Outcome, values *[][]byte) error {
	c := t.chain
	item.Status, item.Error, item.Reason, item.Value, item.Printed = protocol.Completed, nil, "", protocol.Payload{}, protocol.Payload{}
	id := c.Chain[c.Index]
	own := protocol.Binding{Head: id.ID, Task: id.ID, Status: step.Status, Error: step.Error, Reason: step.Reason, Value: step.Value}
	if own.Value.Ref != nil && own.Value.Inline == nil && t.result != nil { // It is not stored yet.
		own.Value.Inline = t.result
	}
	bindings := append(slices.Clip(t.call.Bindings), own)
	if id.Name != "" {
		own.Head = id.Name
		bindings = append(bindings, own)
	}
	written, err := resultstore.Load(ctx, t.results.store, *c.Outputs)
	if err != nil {
		return err
	}
	scope := &reference.Scope{Bindings: bindings, Run: t.call.Run, Load: t.results.loader(ctx), Gaps: true}
	fields := make([]value.Field, 0, len(written.Fields()))
	for _, output := range written.Fields() {
		val, err := reference.Resolve(output.Value, scope)
		if err != nil {
			failure := *protocol.AsError(err, protocol.TaskParameterError)
			if failure.Kind == protocol.Transient {
				return &failure
			}
			failure.Message = fmt.Sprintf("output %q: %s", output.Name, failure.Message)
			item.Status, item.Error = protocol.Failed, shortened(&failure)
			return nil
		}
		fields = append(fields, value.Field{Name: output.Name, Value: val})
	}
	payload, data := protocol.NewResultPayload(value.Object(fields...))
	if len(data) > protocol.MaxValue {
		item.Status = protocol.Failed
		item.Error = protocol.Errorf(protocol.TaskResultInvalid, "the outputs have %d bytes, and the limit is %d", len(data), protocol.MaxValue).WithKind(protocol.Permanent)
		return nil
	}
	payload.Inline = nil
	item.Value = payload
	*values = append(*values, data)
	return nil
}

// attemptsOfStep is how many attempts of a step the records of items tell apart: the record of a later step is a later one.
const attemptsOfStep = 10_000

// itemRecord returns the record of an item that has ended with a step.
func itemRecord(t *attempt, item protocol.Outcome) resultstore.Record {
	number := (t.chain.Index+1)*attemptsOfStep + min(t.number, attemptsOfStep-1)
	return taskRecord(t.call.Run, t.call.Task, t.call.Method, t.item(), min(number, closingAttempt-1), item)
}

// ofItem returns the outcome of a step that an item has ended with: that of the item, with the usage of the step and how long it took.
func ofItem(step, item protocol.Outcome) protocol.Outcome {
	item.Usage, item.Took = step.Usage, protocol.SecondsOf(step.FinishedAt.Sub(step.StartedAt))
	return item
}

// recordedSteps returns how a step of items has ended that have a record of it.
func (l *itemLists) recordedSteps(ctx context.Context, call *protocol.Call, of *protocol.Items) (map[int]protocol.Outcome, error) {
	steps, err := l.latest(ctx, recordsOf(call, of.First, of.End()-1))
	if err != nil {
		return nil, err
	}
	whole := *call
	whole.Step = nil
	items, err := l.latest(ctx, recordsOf(&whole, of.First, of.End()-1))
	if err != nil {
		return nil, err
	}
	found, chain := map[int]protocol.Outcome{}, call.Step.Chain[call.Step.Index]
	for index := of.First; index < of.End(); index++ {
		step, recorded := steps[index]
		if item, ended := items[index]; ended {
			found[index] = ofItem(step, item)
			continue
		}
		// Of one that has failed and whose item has no record, another attempt is to be made.
		if recorded && (step.Status != protocol.Failed || chain.Continue && !mayFollow(call.Retry, step, 0)) {
			step.Next = true
			found[index] = step
		}
	}
	return found, nil
}

// latest returns the latest outcomes of items.
func (l *itemLists) latest(ctx context.Context, query resultstore.Query) (map[int]protocol.Outcome, error) {
	found := map[int]protocol.Outcome{}
	err := l.results.withRetry(ctx, func(ctx context.Context) error {
		records, err := l.results.store.Records(ctx, query)
		for _, record := range records { // The latest attempt of an item comes last.
			if record.Status != protocol.Cancelled {
				found[record.Item] = record.Outcome()
			}
		}
		return err
	})
	return found, err
}

// addWholes finds out which items, as a whole, are taken over from earlier runs: then it is known before their first step.
func addWholes(ctx context.Context, a *Activities, call *protocol.Call, page pageOf, chains []*chain) error {
	over := call.Run.TakeOver
	if call.Step == nil || call.Step.Index > 0 || over == nil || !over.Failed && over.Items == nil {
		return nil
	}
	whole := *call
	whole.Step = nil
	items, err := a.formers(ctx, &whole, page)
	if err != nil {
		return err
	}
	parts := make([][]*former, len(call.Step.Chain))
	for step := range parts {
		if parts[step], err = a.formers(ctx, withStep(call, step), page); err != nil {
			return err
		}
	}
	for i, of := range items {
		if of.again || of.record == nil || len(of.others) > 0 || over.Items == nil && of.record.Status != protocol.Completed {
			continue
		}
		chains[i].whole = of
		for step := range parts {
			if part := parts[step][i]; part.record != nil && len(part.others) == 0 {
				chains[i].parts = append(chains[i].parts, part.record)
			}
		}
	}
	return nil
}

// takeOverItem records an item of an earlier run as one of this run, with its steps.
func takeOverItem(ctx context.Context, t *attempt, began time.Time) (protocol.Outcome, error) {
	outcome := t.chain.whole.record.Outcome()
	outcome.Cached, outcome.Usage = true, protocol.Usage{}
	records := []resultstore.Record{itemRecord(t, outcome)}
	for _, part := range t.chain.parts {
		own := *part
		own.Run, own.Execution, own.Item, own.Workflow = t.call.Run.ID, t.call.Run.Execution, t.item(), t.call.Run.Workflow
		own.FromCache, own.Usage, own.Log = true, protocol.Usage{}, nil // Nothing was sent.
		records = append(records, own)
	}
	if err := t.store(ctx, records, nil); err != nil {
		return protocol.Outcome{}, err
	}
	outcome.StartedAt, outcome.FinishedAt = began, time.Now().UTC()
	if outcome.Status == protocol.Failed {
		outcome.Item = t.name
		t.decided = &decision{}
	}
	return outcome, nil
}

// forecastSteps returns what a run would do with the items of a page, whose steps have these calls.
func forecastSteps(ctx context.Context, a *Activities, calls []protocol.Call) ([]Forecast, error) {
	first := &calls[0]
	page, err := a.loadPage(ctx, first.Items)
	if err != nil {
		return nil, err
	}
	all, known := make([]Forecast, first.Items.Count), make([]bool, first.Items.Count)
	ends := make([][]*resultstore.Record, first.Items.Count)
	for step := range calls {
		call := &calls[step]
		formers, err := a.formers(ctx, call, page)
		if err != nil {
			return nil, err
		}
		chains := make([]*chain, len(all))
		for i := range chains {
			chains[i] = &chain{Step: call.Step, before: ends[i]}
		}
		if err := addWholes(ctx, a, call, page, chains); err != nil {
			return nil, err
		}
		for i, of := range formers {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if known[i] {
				continue
			}
			if whole := chains[i].whole; whole != nil {
				all[i], known[i] = Forecast{Taken: whole.record}, true
				continue
			}
			t := &attempt{Activities: a, former: of}
			t.setItem(callOfItem(call, page, call.Items.First+i, chains[i]))
			end, forecast := forecastStep(ctx, t)
			if ends[i] = append(ends[i], end); end == nil || call.Step.IsLast() {
				all[i], known[i] = forecast, true
			}
		}
	}
	return all, nil
}

// forecastStep returns what a run would do with a step of an item, and how the step would end; nil if that is not known.
func forecastStep(ctx context.Context, t *attempt) (*resultstore.Record, Forecast) {
	if holds, failure := t.decide(ctx); failure != nil || !holds {
		return nil, Forecast{Error: failure, Skips: failure == nil}
	}
	skipped, failure := decideStep(ctx, t)
	switch {
	case failure != nil:
		return nil, Forecast{Error: failure}
	case skipped != nil:
		return &resultstore.Record{Status: protocol.Skipped, Reason: skipped.Reason, Error: skipped.Error}, Forecast{Skips: true}
	}
	t.condition = nil
	forecast := t.forecast(ctx)
	return forecast.Taken, forecast
}

// chainsOf returns the steps of the items of a call, with what is taken over of whole items; a nil for each item that has no steps.
func chainsOf(ctx context.Context, a *Activities, call *protocol.Call, page pageOf) ([]*chain, error) {
	if call.Step == nil {
		return make([]*chain, call.Items.Count), nil
	}
	chains, err := a.chains(ctx, call)
	if err == nil {
		err = addWholes(ctx, a, call, page, chains)
	}
	return chains, err
}
