package activities

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/approval"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
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

// askedMessage is how many characters of a message the history of a run has.
const askedMessage = 500

// Ask resolves what a task asks people, and records that the task waits. The end of a task that does not wait is in the response: it
// has failed, or an earlier run has the answer to the same question. The error of Ask itself is that of an unavailable store.
func (a *Activities) Ask(ctx context.Context, call protocol.Call) (*protocol.AskResponse, error) {
	began := time.Now().UTC()
	t := &attempt{Activities: a, call: &call, number: 1}
	response := &protocol.AskResponse{Kind: protocol.AskedKind, Asked: protocol.Asked{Task: call.Task, Method: call.Method, Since: began}}
	asked, taken, err := resolveQuestion(ctx, t, &response.Asked)
	switch {
	case err != nil:
		failure := protocol.AsError(err, protocol.TaskParameterError)
		if failure.Kind == protocol.Transient || ctx.Err() != nil {
			return nil, failure
		}
		response.Outcome = &protocol.Outcome{Status: protocol.Failed, Error: shortened(failure)} // The run records it.
		return response, nil
	case taken != nil:
		outcome, err := t.takeOver(ctx, *taken, began)
		if err != nil {
			return nil, err
		}
		response.Outcome = &outcome
		return response, nil
	}
	asked.Since = began
	if call.Timeout > 0 {
		asked.Until = began.Add(call.Timeout.Duration())
	}
	response.Until = asked.Until
	if response.Message = asked.Message; len(response.Message) > askedMessage {
		response.Message = strings.ToValidUTF8(response.Message[:askedMessage], "") + "…"
	}
	encoded, err := value.Encode(asked)
	if err != nil {
		return nil, err
	}
	data := encoded.JSON()
	ref := protocol.RefOf(data)
	response.Approval = &ref
	record := askedRecord(call.Run, response.Asked, protocol.Outcome{Status: protocol.Running, StartedAt: began, Attempts: 1})
	if err := a.results.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: [][]byte{data}}); err != nil {
		return nil, err
	}
	return response, nil
}

// resolveQuestion returns what a task asks, or the record of an earlier run that has the answer.
func resolveQuestion(ctx context.Context, t *attempt, as *protocol.Asked) (asked *protocol.Approval, taken *resultstore.Record, err error) {
	m, known := t.methods.find(t.call.Method)
	if !known {
		return nil, nil, protocol.Errorf(protocol.MethodNotSupported, "unknown method %q on this worker", t.call.Method)
	}
	defer t.removeLists()
	request, secrets, err := t.request(ctx, m)
	if err != nil {
		return nil, nil, protocol.AsError(err, protocol.TaskParameterError).Redacted(&secrets.set)
	}
	as.Call = t.hashes(ctx, m, request, secrets).call
	if taken = t.taken(ctx, m, as.Call); taken != nil {
		return nil, taken, nil
	}
	asked, err = approval.New(secrets.set.Value(request.Parameters)) // People see the names of secrets.
	return asked, nil, err
}

func askedRecord(run protocol.RunInfo, asked protocol.Asked, outcome protocol.Outcome) resultstore.Record {
	record := taskRecord(run, asked.Task, asked.Method, protocol.NoItem, 1, outcome)
	record.Approval, record.Call = asked.Approval, asked.Call
	return record
}

// Answer checks what a person says to a task that waits, and records the end of the task. What is wrong with it is in the response.
func (a *Activities) Answer(ctx context.Context, request protocol.AnswerRequest) (*protocol.AnswerResponse, error) {
	response := &protocol.AnswerResponse{Kind: protocol.AnsweredKind, Task: request.Asked.Task, Method: request.Asked.Method}
	outcome := protocol.Outcome{Status: protocol.Failed, Attempts: 1, StartedAt: request.Asked.Since, FinishedAt: request.At}
	values, by, failure := value.Value{}, approval.ByTimeout, (*protocol.Error)(nil)
	asked, err := loadApproval(ctx, a.results.store, request.Asked.Approval)
	switch {
	case err != nil:
		if !errors.Is(err, resultstore.ErrNotFound) && protocol.AsError(err, protocol.PersistenceFailed).Kind == protocol.Transient {
			return nil, err
		}
		failure = protocol.Errorf(protocol.PersistenceFailed, "cannot read what the task asks: %s", err).WithKind(protocol.Permanent)
	case request.Answer == nil && asked.Default == nil:
		failure = protocol.Errorf(protocol.TaskUnanswered, "nobody answered within %s", asked.Until.Sub(asked.Since)).
			WithHint("`gleitzeit retry %s` asks again", request.Run.ID)
	case request.Answer == nil:
		values = *asked.Default
	case request.Answer.Reject != "":
		failure = protocol.Errorf(protocol.TaskRejected, "%s", rejection(request.Answer))
	default:
		by = request.Answer.By
		if values, response.Problem = approval.Check(asked, "values", request.Answer.Values); response.Problem != nil {
			return response, nil //nolint:nilerr // The response says it.
		}
	}
	batch := resultstore.Batch{}
	if failure == nil {
		payload, data := protocol.NewResultPayload(approval.Result(values, by, request.At))
		outcome.Status, outcome.Value, batch.Values = protocol.Completed, payload, [][]byte{data}
	} else {
		outcome.Error = shortened(failure)
	}
	batch.Records = []resultstore.Record{askedRecord(request.Run, request.Asked, outcome)}
	if err := a.results.put(ctx, batch); err != nil {
		return nil, err
	}
	response.Outcome = &outcome
	return response, nil
}

func rejection(answer *protocol.Answer) string {
	if answer.By == "" {
		return "rejected: " + answer.Reject
	}
	return "rejected by " + answer.By + ": " + answer.Reject
}

// loadApproval reads what a task asks.
func loadApproval(ctx context.Context, store resultstore.Store, ref *protocol.Ref) (*protocol.Approval, error) {
	stored, err := resultstore.Load(ctx, store, protocol.Payload{Ref: ref})
	if err != nil {
		return nil, err
	}
	asked := &protocol.Approval{}
	if err := json.Unmarshal(stored.JSON(), asked); err != nil {
		return nil, protocol.Errorf(protocol.PersistenceFailed, "%s", err).WithKind(protocol.Permanent)
	}
	return asked, nil
}
