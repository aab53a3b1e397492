package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Task runs one attempt of a task: the activity of every method.
func (a *Activities) Task(ctx context.Context, input converter.EncodedValues) (*protocol.Outcome, error) {
	var call protocol.Call
	if err := input.Get(&call); err != nil {
		return nil, temporal.NewNonRetryableApplicationError("the call cannot be read: "+err.Error(), protocol.InternalError.Info().Name, nil)
	}
	began := time.Now().UTC()
	beat := startHeartbeat(ctx, &call) // Before the store is asked: an attempt that waits for it is not lost.
	defer beat.stop()
	history, err := a.earlier(ctx, &call)
	if err != nil {
		return nil, err
	}

	done, failure := a.perform(ctx, &call, history, beat)
	kept := false
	defer func() { done.end(kept) }()
	outcome := protocol.Outcome{
		Status: protocol.Completed, Usage: done.Usage, Warning: done.Warning, Attempts: history.failures + 1,
		StartedAt: history.startedAt(began), FinishedAt: time.Now().UTC(), Cached: done.cached,
	}
	var values [][]byte
	if failure == nil {
		held, data := protocol.NewPayload(done.Value)
		if len(data) > protocol.MaxValue {
			failure = protocol.Errorf(protocol.TaskResultInvalid, "the result has %d bytes, and the most that can be kept is %d", len(data), protocol.MaxValue).
				WithKind(protocol.Permanent)
		} else {
			outcome.Value, values = held, [][]byte{data}
			if call.Item != nil {
				outcome.Value.Inline = nil // Nobody refers to an item: what the history has of it stays small.
			}
		}
	}
	if failure != nil {
		if ctx.Err() != nil {
			return a.interrupted(ctx, &call, outcome)
		}
		outcome.Status, outcome.Error = protocol.Failed, shortened(failure)
	}
	if err := a.keep(ctx, &call, outcome, values, done.keepAs); err != nil {
		if ctx.Err() != nil && !cancelAsked(ctx) {
			return nil, ctx.Err() // Temporal gives the task to another worker.
		}
		// The run records what no attempt could: an outcome without an end.
		lost := protocol.AsError(err, protocol.PersistenceFailed).WithKind(protocol.Permanent)
		return nil, retryable(&call, history.failures, protocol.Outcome{Status: protocol.Failed, Error: lost, Usage: done.Usage, Attempts: outcome.Attempts})
	}
	if failure != nil {
		return nil, retryable(&call, history.failures, outcome)
	}
	kept = true
	return &outcome, nil
}

// interrupted ends an attempt whose context was done. Where the run asked for it, the task is cancelled; otherwise
// Temporal has given the attempt up already (its worker was cut off, or stops) and hears nothing of it.
func (a *Activities) interrupted(ctx context.Context, call *protocol.Call, outcome protocol.Outcome) (*protocol.Outcome, error) {
	if !cancelAsked(ctx) {
		return nil, fmt.Errorf("it was cut off: %w", context.Cause(ctx))
	}
	outcome.Status = protocol.Cancelled
	outcome.Error = protocol.Errorf(protocol.TaskCancelled, "it was cancelled while it ran")
	if a.keep(ctx, call, outcome, nil, "") != nil {
		outcome.StartedAt, outcome.FinishedAt = time.Time{}, time.Time{} // The run records it instead.
	}
	return nil, temporal.NewCanceledError(outcome)
}

// keep puts the record of this attempt and its value into the store, and where it completed, what leads equal calls to it
// by their hash. What is finished is kept even where the run is
// cancelled meanwhile, and never done again because the store is away.
func (a *Activities) keep(ctx context.Context, call *protocol.Call, outcome protocol.Outcome, values [][]byte, hash string) error {
	record := resultstore.Record{
		Kind:     resultstore.Task,
		Key:      resultstore.Key{Run: call.Run.ID, Execution: call.Run.Execution, Task: call.Task, Item: itemOf(call), Attempt: int(activity.GetInfo(ctx).Attempt)},
		Workflow: call.Run.Workflow, Method: call.Method, Status: outcome.Status, Error: outcome.Error, Attempts: outcome.Attempts, FromCache: outcome.Cached,
		StartedAt: outcome.StartedAt, FinishedAt: outcome.FinishedAt, Usage: outcome.Usage, Value: outcome.Value.Ref,
		Warning: outcome.Warning,
	}
	records := []resultstore.Record{record}
	if hash != "" && outcome.Status == protocol.Completed {
		records = append(records, cached(call, hash, outcome))
	}
	return a.insist(ctx, func(ctx context.Context) error {
		return a.store.Put(ctx, resultstore.Batch{Records: records, Values: values})
	})
}

func itemOf(call *protocol.Call) int {
	if call.Item == nil {
		return protocol.NoItem
	}
	return *call.Item
}

// retryable turns a failed attempt into the error that tells Temporal what to do next.
func retryable(call *protocol.Call, failuresBefore int, outcome protocol.Outcome) error {
	failures := failuresBefore + 1
	return temporal.NewApplicationErrorWithOptions(outcome.Error.Message, outcome.Error.Name, temporal.ApplicationErrorOptions{
		NonRetryable:   failures >= call.Retry.Attempts(outcome.Error.Kind),
		NextRetryDelay: delay(call.Retry, failures),
		Details:        []any{outcome},
	})
}

// earlierAttempts is what went before this attempt.
type earlierAttempts struct {
	failures int // Attempts that failed.
	lost     int // Attempts whose worker vanished.
	first    time.Time
}

func (e earlierAttempts) startedAt(now time.Time) time.Time {
	if e.first.IsZero() {
		return now
	}
	return e.first
}

// earlier tells failed attempts of a task or an item from lost ones: Temporal counts both, and only failures have a record.
func (a *Activities) earlier(ctx context.Context, call *protocol.Call) (earlierAttempts, error) {
	attempt := int(activity.GetInfo(ctx).Attempt)
	if attempt <= 1 {
		return earlierAttempts{}, nil
	}
	item := itemOf(call)
	var records []resultstore.Record
	err := a.insist(ctx, func(ctx context.Context) (err error) {
		records, err = a.store.Records(ctx, resultstore.Query{Run: call.Run.ID, Execution: call.Run.Execution, Kind: resultstore.Task, Task: call.Task, Item: &item})
		return err
	})
	if err != nil {
		return earlierAttempts{}, err
	}
	e := earlierAttempts{}
	for _, record := range records {
		if record.Attempt >= attempt {
			continue
		}
		if e.first.IsZero() || record.StartedAt.Before(e.first) {
			e.first = record.StartedAt
		}
		if record.Status == protocol.Failed {
			e.failures++
		}
	}
	e.lost = attempt - 1 - e.failures
	return e, nil
}

// perform does what the call asks for. Its error is what the task failed with. The end of the call must be reported.
func (a *Activities) perform(ctx context.Context, call *protocol.Call, history earlierAttempts, beat *heartbeat) (performed, *protocol.Error) {
	end := func(bool) {}
	done, failure := a.performOnce(ctx, call, history, beat, &end)
	done.end = end
	return done, failure
}

// performOnce does what the call asks for, after equal calls that are under way. It sets end to what lets others begin.
func (a *Activities) performOnce(ctx context.Context, call *protocol.Call, history earlierAttempts, beat *heartbeat, end *func(bool)) (performed, *protocol.Error) {
	if call.Format > protocol.CallFormat {
		return performed{}, protocol.Errorf(protocol.InvalidParams, "this worker reads calls up to format %d, and this one has format %d", protocol.CallFormat, call.Format).
			WithHint("update the worker")
	}
	if history.lost >= protocol.MaxLostWorkers {
		return performed{}, protocol.Errorf(protocol.WorkerLost, "its worker was lost %d times", history.lost).
			WithHint("it may need more memory than the machine has")
	}
	m, known := a.method(call.Method)
	if !known {
		return performed{}, protocol.Errorf(protocol.MethodNotSupported, "this worker has no method %q", call.Method)
	}
	request, secrets, err := a.request(ctx, call, m)
	if err != nil {
		return performed{}, secrets.inError(protocol.AsError(err, protocol.TaskParameterError))
	}
	hash := a.hashOf(ctx, call, m, request, secrets)
	if hash != "" {
		*end = a.inFlight.begin(ctx, hash, func() { beat.say("waiting for an equal call") })
		if earlier := a.recall(ctx, hash); earlier != nil {
			return performed{Result: *earlier, cached: true}, nil
		}
	}
	written := &written{beat: beat, secrets: secrets}
	request.Write, request.Redact = written.add, secrets.inText
	result, err := handle(ctx, call, m, request, func(message string) { beat.say(secrets.inText(message)) })
	written.end()
	if err != nil {
		return performed{Result: protocol.Result{Usage: result.Usage}}, secrets.inError(protocol.AsError(err, protocol.TaskExecutionFailed))
	}
	if hash != "" && a.hashOf(ctx, call, m, request, secrets) != hash {
		hash = "" // A file has changed meanwhile: nobody knows which of its contents this is about.
	}
	result.Value, result.Warning = secrets.inValue(result.Value), secrets.inText(result.Warning)
	return performed{Result: result, keepAs: hash}, nil
}

// errTimeout is the cause of a context whose attempt has used up its time.
var errTimeout = errors.New("the task's timeout")

// handle calls the handler within the task's timeout, and comes back even where the handler does not.
func handle(ctx context.Context, call *protocol.Call, m method, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
	attempt := ctx
	if limit := call.Timeout.Duration(); limit > 0 && !m.EnforcesTimeout {
		var cancel context.CancelFunc
		attempt, cancel = context.WithTimeoutCause(ctx, limit, errTimeout)
		defer cancel()
	}
	type ending struct {
		result protocol.Result
		err    error
	}
	ended := make(chan ending, 1)
	go func() {
		var e ending
		defer func() {
			if fault := recover(); fault != nil {
				e.err = protocol.Errorf(protocol.InternalError, "the handler of %s panicked: %v", call.Method, fault)
			}
			ended <- e
		}()
		e.result, e.err = m.handler.Handle(attempt, request, progress)
	}()
	var e ending
	select {
	case e = <-ended:
	case <-attempt.Done():
		select {
		case e = <-ended:
		case <-time.After(endGrace):
			e.err = fmt.Errorf("the handler of %s did not end within %s", call.Method, endGrace)
		}
	}
	if e.err != nil && errors.Is(context.Cause(attempt), errTimeout) && ctx.Err() == nil {
		e.err = protocol.Errorf(protocol.TaskTimeout, "it took longer than its timeout of %s", call.Timeout.Duration())
	}
	return e.result, e.err
}
