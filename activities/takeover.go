package activities

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// errToDo is the error of an attempt that was to take a result over, where no earlier run has it.
var errToDo = errors.New("no earlier run has a result of the call")

// former is what earlier runs have of a task or an item.
type former struct {
	record  *resultstore.Record // How it ended there; nil: it did not.
	others  []*former           // Of items that are equal to it.
	again   bool                // It is to be done again in any case.
	takeOne bool                // Nothing but its result is wanted: the call is not made.
}

// only reports whether nothing but the result of an earlier run is wanted.
func (f *former) only() bool { return f != nil && f.takeOne }

// taken returns the record of an earlier run that replaces the call; nil: it is to be made.
func (t *attempt) taken(ctx context.Context, m method, call string) *resultstore.Record {
	over := t.call.Run.TakeOver
	if over == nil || over.Cacheable && m.NoCache {
		return nil
	}
	if t.former == nil {
		err := t.results.withRetry(ctx, func(ctx context.Context) (err error) {
			t.former, err = t.earlierRuns.task(ctx, over, t.call.Task)
			return err
		})
		if err != nil {
			t.log.Warn("cannot read the results of an earlier run; making the call", "run", t.call.Run.ID, "task", t.call.Task, "error", err)
			return nil
		}
	}
	if reasonToDo(over, t.former, t.call.Item != nil && t.chain == nil, call) != "" {
		return nil
	}
	return t.former.record
}

// The reasons why a task or an item is done, although earlier runs are taken over.
const (
	NotDone     = "not done"
	HasFailed   = "failed"
	CallChanged = "changed call"
	FileChanged = "changed file"
	Selected    = "selected"
	Unhashed    = "not comparable" // An earlier version of the program recorded it, or a file cannot be read.
	Uncacheable = "not cacheable"
)

// reasonToDo returns why a call is made, of which earlier runs have something; empty: their result is taken over.
func reasonToDo(over *protocol.TakeOver, of *former, isItem bool, call string) string {
	ambiguous := of.choose(call)
	record := of.record
	switch {
	case of.again:
		return Selected
	case record == nil:
		return NotDone
	case isItem && over.Items != nil && !ambiguous:
		return ""
	case record.Status != protocol.Completed:
		return HasFailed
	case isItem && over.Failed && !ambiguous, call != "" && record.Call == call:
		return ""
	case call == "" || record.Call == "":
		return Unhashed
	}
	before, files, _ := strings.Cut(record.Call, ".")
	now, filesNow, _ := strings.Cut(call, ".")
	if before == now && files != filesNow {
		return FileChanged
	}
	return CallChanged
}

// choose makes the record that of the same call, if equal items have different ones. It reports whether none of several is.
func (f *former) choose(call string) (ambiguous bool) {
	if len(f.others) == 0 || call != "" && f.record != nil && f.record.Call == call {
		return false
	}
	for _, other := range f.others {
		if other.record != nil && call != "" && other.record.Call == call {
			f.record = other.record
			return false
		}
	}
	return true
}

// takeOver records a result of an earlier run as one of this run: with its times, so that equal results of items make equal results of
// tasks, and without its usage. The outcome has the times of now.
func (t *attempt) takeOver(ctx context.Context, record resultstore.Record, began time.Time) (protocol.Outcome, error) {
	outcome := record.Outcome()
	outcome.Cached, outcome.Usage = true, protocol.Usage{}
	t.began = record.Began(nil)
	if t.chain != nil {
		return t.record(ctx, outcome, nil, execution{cached: true, call: record.Call}, false, began)
	}
	own := t.recordOf(outcome)
	own.Call = record.Call
	if err := t.store(ctx, []resultstore.Record{own}, nil); err != nil {
		return protocol.Outcome{}, err
	}
	outcome.StartedAt, outcome.FinishedAt = began, time.Now().UTC()
	if outcome.Status == protocol.Failed {
		outcome.Item, outcome.Attempts = t.name, max(outcome.Attempts, t.call.Retry.AttemptsAfter(outcome.Error)) // It is not tried again.
	}
	if ref := outcome.Value.Ref; t.call.Item == nil && ref != nil && ref.Size <= protocol.MaxInline {
		if inline, err := resultstore.Load(ctx, t.results.store, outcome.Value); err == nil {
			outcome.Value.Inline = &inline
		}
	}
	return outcome, nil
}

// Forecast is what a run that takes over earlier ones would do with a task or an item.
type Forecast struct {
	Reason string              // Why the call would be made; empty: it would not.
	Taken  *resultstore.Record // The result that would be taken over.
	Error  *protocol.Error     // Why the call could not be made.
	Skips  bool                // The condition of the item is false.
}

func (t *attempt) forecast(ctx context.Context) (f Forecast) {
	holds, failure := t.decide(ctx)
	if failure != nil || !holds {
		return Forecast{Error: failure, Skips: failure == nil}
	}
	m, known := t.methods.find(t.call.Method)
	if !known {
		return Forecast{Error: protocol.Errorf(protocol.MethodNotSupported, "unknown method %q", t.call.Method)}
	}
	defer t.removeLists()
	request, secrets, err := t.request(ctx, m)
	if err != nil {
		return Forecast{Error: protocol.AsError(err, protocol.TaskParameterError).Redacted(&secrets.set)}
	}
	if m.ReduceParameter != "" {
		if err := readTexts(ctx, t); err != nil {
			return Forecast{Error: protocol.AsError(err, protocol.TaskParameterError)}
		}
	}
	over := t.call.Run.TakeOver
	if over.Cacheable && m.NoCache {
		return Forecast{Reason: Uncacheable}
	}
	f.Reason = reasonToDo(over, t.former, t.call.Item != nil && t.chain == nil, t.hashes(ctx, m, request, secrets).call)
	if f.Reason == "" {
		f.Taken = t.former.record
	}
	return f
}
