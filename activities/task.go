package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/activities/calllog"
	"github.com/gleitzeit/gleitzeit/activities/lists"
	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// endGrace is how long a handler may take to return after its context is done; after that it is abandoned.
const endGrace = 10 * time.Second

// Task runs one attempt of a task or an item, or a unit of items, or groups texts: the activity of every method. It returns a
// protocol.Outcome or, for a unit, a protocol.UnitOutcome, and for texts a protocol.ExpandResponse.
func (a *Activities) Task(ctx context.Context, input converter.EncodedValues) (any, error) {
	var call protocol.Call
	if err := input.Get(&call); err != nil {
		return nil, temporal.NewNonRetryableApplicationError("cannot decode the call: "+err.Error(), protocol.InternalError.Info().Name, nil)
	}
	began := time.Now().UTC()
	beat := startHeartbeat(ctx, &call) // Before the store is asked: an attempt that waits for it is not lost.
	defer beat.stop()
	if call.Items != nil && (call.Items.Count > 1 || call.Items.TakeOver) {
		return newUnit(a, &call, beat).do(ctx)
	}
	if call.Reduce != nil {
		return a.group(ctx, &call, beat)
	}
	info := activity.GetInfo(ctx)
	t := &attempt{Activities: a, call: &call, number: int(info.Attempt), scheduled: info.ScheduledTime, beat: beat}
	if call.Items != nil {
		if ended, err := t.readItem(ctx); ended != nil || err != nil {
			return ended, err
		}
	}
	if err := t.countEarlier(ctx); err != nil {
		return nil, err
	}
	outcome, err := t.run(ctx, began)
	switch {
	case err != nil:
		return nil, err
	case outcome.Status == protocol.Failed && !outcome.Cached: // Not one that was taken over.
		return nil, retryError(t, outcome, elapsedSince(t, began))
	}
	return outcome, nil
}

// Forecast returns what a run would do with the task of a call or, in their order, with its items, whose steps each have a call. It makes
// none of them.
func (a *Activities) Forecast(ctx context.Context, calls ...protocol.Call) ([]Forecast, error) {
	call := &calls[0]
	if call.Step != nil {
		return forecastSteps(ctx, a, calls)
	}
	if call.Items == nil {
		of, err := a.earlierRuns.task(ctx, call.Run.TakeOver, call.Task)
		if err != nil {
			return nil, err
		}
		t := &attempt{Activities: a, call: call, former: of}
		return []Forecast{t.forecast(ctx)}, nil
	}
	page, err := a.loadPage(ctx, call.Items)
	if err != nil {
		return nil, err
	}
	formers, err := a.formers(ctx, call, page)
	if err != nil {
		return nil, err
	}
	all := make([]Forecast, 0, call.Items.Count)
	for i, of := range formers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t := &attempt{Activities: a, former: of}
		t.setItem(callOfItem(call, page, call.Items.First+i, nil))
		all = append(all, t.forecast(ctx))
	}
	return all, nil
}

// attempt is one attempt of a call.
type attempt struct {
	*Activities
	call      *protocol.Call
	number    int       // From 1, those of lost workers included.
	began     time.Time // When the attempt itself started: of one that is taken over, in the run that made it.
	scheduled time.Time // When Temporal scheduled it; zero in a unit of several items.
	earlier   earlierAttempts
	beat      *heartbeat
	name      string                        // Of the item, as messages have it; empty for a task.
	invalid   *protocol.Error               // Why the item cannot run; nil if it can.
	condition *protocol.DecideRequest       // Of the item; nil: it has none.
	put       func(resultstore.Batch) error // Stores the record; nil: the attempt does.
	release   func(callEnd)                 // Lets equal calls go on that wait for this one; nil if none can.
	warning   string                        // About the document of the item, if references lead to it.
	combining *combining                    // How answers about chunks are combined; nil: they are joined or merged, or the document is not split.
	texts     []string                      // Those of its group, of a method that makes one answer of many; nil for others.
	former    *former                       // What earlier runs have of the call; nil: it is not read yet.
	lists     *lists.Files                  // Files of its request; nil: it has none.
	chain     *chain                        // The step of the item; nil: it has none.
	result    *value.Value                  // Of the step, if the outputs of the item may need it; nil: there is none.
	decided   *decision                     // Whether another attempt follows; nil: that is not decided yet.
}

// item returns the index of the call's item, or protocol.NoItem.
func (t *attempt) item() int {
	if t.call.Item == nil {
		return protocol.NoItem
	}
	return *t.call.Item
}

// countEarlier reads from the store what became of the attempts before this one.
func (t *attempt) countEarlier(ctx context.Context) error {
	if t.number <= 1 {
		return nil
	}
	query := recordsOf(t.call, t.item(), t.item())
	query.Last = nil
	return t.results.withRetry(ctx, func(ctx context.Context) error {
		records, err := t.results.store.Records(ctx, query)
		if err != nil {
			return err
		}
		rounds, err := earlierRounds(ctx, t)
		t.earlier = countAttempts(t.number, records, rounds)
		return err
	})
}

// run makes the attempt and records it. An outcome that is a failure may be followed by another attempt. The error is that of an attempt
// that was cancelled or cut off.
func (t *attempt) run(ctx context.Context, began time.Time) (protocol.Outcome, error) {
	t.began = began
	how := callEnd{makeNext: true} // As long as nothing is recorded, and after a panic.
	defer func() {
		if t.release != nil {
			t.release(how)
		}
	}()
	holds, failure := t.decide(ctx)
	var skipped *protocol.Outcome // The step.
	if failure == nil && holds && t.chain != nil {
		if t.chain.whole != nil {
			return takeOverItem(ctx, t, began)
		}
		skipped, failure = decideStep(ctx, t)
	}
	var done execution
	if failure == nil && holds && skipped == nil {
		done, failure = t.executeWithin(ctx, began)
	}
	switch {
	case done.toDo:
		return protocol.Outcome{}, errToDo
	case done.taken != nil:
		return t.takeOver(ctx, *done.taken, began)
	}
	outcome := protocol.Outcome{
		Status: protocol.Completed, Usage: done.Usage, Warning: done.Warning, Attempts: t.earlier.failed + 1,
		StartedAt: t.earlier.startedAt(began), FinishedAt: time.Now().UTC(), Cached: done.cached,
	}
	if t.call.Repeat != nil && holds {
		outcome.Rounds = t.earlier.rounds + 1
		if failure == nil {
			var again bool
			if again, failure = anotherRound(ctx, t, done.Value, elapsedSince(t, began)); again || failure != nil {
				if err := recordRound(ctx, t, outcome, done); err != nil {
					return protocol.Outcome{}, err
				}
			}
			if again && ctx.Err() == nil {
				return protocol.Outcome{}, repeatedError(t.call.Repeat, outcome.Rounds)
			}
		}
		outcome.Usage = outcome.Usage.Add(t.earlier.usage)
	}
	var values [][]byte
	switch {
	case failure == nil && !holds:
		outcome.Status, outcome.Reason, outcome.Attempts = protocol.Skipped, protocol.ConditionFalseReason(t.condition.When), 0
	case skipped != nil:
		outcome.Status, outcome.Reason, outcome.Error, outcome.Attempts = skipped.Status, skipped.Reason, skipped.Error, 0
	case failure == nil:
		payload, data := protocol.NewResultPayload(done.Value)
		if len(data) > protocol.MaxValue {
			failure = protocol.Errorf(protocol.TaskResultInvalid, "the result has %d bytes, and the limit is %d", len(data), protocol.MaxValue).
				WithKind(protocol.Permanent)
		} else {
			outcome.Value, values = payload, [][]byte{data}
			if done.key == (callKey{}) && !done.cached && t.chain == nil {
				done.Value = value.Value{} // No equal call waits for it: a large one is in memory once while it is stored.
			}
			if t.chain != nil && t.chain.Outputs != nil && t.chain.IsLast() {
				t.result = &done.Value
			}
			if t.call.Item != nil {
				outcome.Value.Inline = nil // No reference reads a single item: its part of the history stays small.
			}
		}
	}
	if failure != nil {
		values = outcome.SetPrinted(done.Printed)
		if ctx.Err() != nil {
			return protocol.Outcome{}, t.interrupted(ctx, outcome, values, done.log)
		}
		outcome.Status, outcome.Error, outcome.Item = protocol.Failed, shortened(explainFinal(t, failure, elapsedSince(t, began))), t.name
	}
	outcome, err := t.record(ctx, outcome, values, done, !holds, elapsedSince(t, began))
	if err != nil {
		if ctx.Err() != nil && !cancelRequested(ctx) {
			return protocol.Outcome{}, ctx.Err() // Temporal gives the task to another worker.
		}
		// The run records what no attempt could: an outcome without an end.
		lost := protocol.AsError(err, protocol.PersistenceFailed).WithKind(protocol.Permanent)
		return protocol.Outcome{Status: protocol.Failed, Error: lost, Usage: done.Usage, Attempts: outcome.Attempts, Item: t.name}, nil
	}
	if holds && skipped == nil {
		how = endOf(done, failure)
	}
	return outcome, nil
}

// endOf is what the end of a call is to equal ones that wait for it.
func endOf(done execution, failure *protocol.Error) callEnd {
	switch {
	case failure != nil && (failure.Kind == protocol.Transient || failure.Code == protocol.TaskCancelled):
		return callEnd{makeNext: true}
	case failure != nil && failure.Kind == protocol.Permanent:
		return callEnd{failure: failure, exact: done.key.exact}
	case failure == nil && (done.cached || done.key != callKey{}):
		return callEnd{result: &protocol.Result{Value: done.Value, Warning: done.Warning}, exact: done.key.exact}
	}
	return callEnd{}
}

// interrupted ends an attempt whose context is done. Where the run requested it, the task is cancelled; otherwise Temporal
// has given up the attempt already (its worker was cut off, or stops) and ignores its outcome.
func (t *attempt) interrupted(ctx context.Context, outcome protocol.Outcome, values [][]byte, log []byte) error {
	if !cancelRequested(ctx) {
		return fmt.Errorf("the attempt was cut off: %w", context.Cause(ctx))
	}
	outcome.Status = protocol.Cancelled
	outcome.Error = protocol.Errorf(protocol.TaskCancelled, "it was cancelled while it ran")
	if _, err := t.record(ctx, outcome, values, execution{log: log}, false, outcome.StartedAt); err != nil {
		outcome.StartedAt, outcome.FinishedAt = time.Time{}, time.Time{} // The run records it instead.
	}
	return temporal.NewCanceledError(outcome)
}

// record stores the outcome with its value and, if the call may be cached, also the record by which equal calls find a completed one.
// A finished result is stored even if the run is cancelled meanwhile, and its work is never repeated because the store is
// unavailable. If the item ends with its step, it is recorded as well, and the outcome is that of the item.
func (t *attempt) record(ctx context.Context, outcome protocol.Outcome, values [][]byte, done execution, isItem bool, since time.Time) (protocol.Outcome, error) {
	if t.chain != nil && isItem { // Its condition was false, before the first step.
		return outcome, t.store(ctx, []resultstore.Record{itemRecord(t, outcome)}, values)
	}
	records := []resultstore.Record{t.recordOf(outcome)}
	if outcome.Status == protocol.Completed {
		if hash := done.recordedAs(); hash != "" {
			records = append(records, cacheRecord(hash, records[0]))
		}
	}
	records[0].Call = done.call
	values = addLog(&records[0], values, done.log)
	if t.chain == nil {
		return outcome, t.store(ctx, records, values)
	}
	item, err := endStep(ctx, t, &outcome, &values, since)
	if err != nil {
		return outcome, err
	}
	if item != nil {
		records, t.decided = append(records, itemRecord(t, *item)), &decision{}
		outcome = ofItem(outcome, *item)
	}
	return outcome, t.store(ctx, records, values)
}

// addLog adds the log of an attempt to its record, and to what is stored with it.
func addLog(record *resultstore.Record, values [][]byte, log []byte) [][]byte {
	if log == nil {
		return values
	}
	ref := protocol.RefOf(log)
	record.Log = &ref
	return append(values, log)
}

// recordOf returns the record of the attempt.
func (t *attempt) recordOf(outcome protocol.Outcome) resultstore.Record {
	record := taskRecord(t.call.Run, t.call.Task, t.call.Method, t.item(), t.number, outcome)
	record.Kind, record.Key = recordKey(t.call, t.item(), t.number)
	setBegan(&record, t.began)
	return record
}

// setBegan adds to the record of an attempt when it started itself, if the task or the item started before.
func setBegan(record *resultstore.Record, began time.Time) {
	if began.After(record.StartedAt) {
		record.AttemptAt = began
	}
}

// store stores records of the attempt, for as long as it takes.
func (t *attempt) store(ctx context.Context, records []resultstore.Record, values [][]byte) error {
	if t.put != nil {
		return t.put(resultstore.Batch{Records: records, Values: values})
	}
	return t.results.withRetry(ctx, func(ctx context.Context) error {
		return t.results.store.Put(ctx, resultstore.Batch{Records: records, Values: values})
	})
}

// execution is the result of a call.
type execution struct {
	protocol.Result
	cached bool    // It is that of an equal earlier call.
	key    callKey // Of the call; empty: no equal call may get the result.
	call   string  // What the record has of the call; empty: no other run may take the result over.
	log    []byte  // The protocol.CallLog of the attempt; nil: there is none.

	taken *resultstore.Record // What an earlier run has of it; nil: the call was made.
	toDo  bool                // It is not to be made now, and no earlier run has a result of it.
}

// recordedAs is the hash under which equal calls find the result; empty: not at all. A warning may have the path of a file.
func (e execution) recordedAs() string {
	switch {
	case e.cached:
		return ""
	case e.Warning != "":
		return e.key.exact
	}
	return e.key.content
}

// executeWithin does what the call asks for within max_elapsed of the task.
func (t *attempt) executeWithin(ctx context.Context, began time.Time) (execution, *protocol.Error) {
	within, cancel := withinElapsed(ctx, t, began)
	defer cancel()
	isOver := func() bool { return ctx.Err() == nil && errors.Is(context.Cause(within), errElapsed) }
	if isOver() {
		return execution{}, elapsedError(t)
	}
	done, failure := t.execute(within)
	if failure != nil && isOver() {
		failure = elapsedError(t)
	}
	return done, failure
}

// execute does what the call asks for, after an equal call that is under way. Its error is that of the task.
func (t *attempt) execute(ctx context.Context) (execution, *protocol.Error) {
	if t.call.Format > protocol.CallFormat {
		return execution{}, protocol.Errorf(protocol.InvalidParams, "unsupported call format %d: this worker reads formats up to %d", t.call.Format, protocol.CallFormat).
			WithHint("update the worker")
	}
	if t.earlier.lost >= protocol.MaxLostWorkers {
		return execution{}, protocol.Errorf(protocol.WorkerLost, "the process running it stopped %d times", t.earlier.lost).
			WithHint("it may need more memory than the machine has")
	}
	m, known := t.methods.find(t.call.Method)
	if !known {
		return execution{}, protocol.Errorf(protocol.MethodNotSupported, "unknown method %q on this worker", t.call.Method)
	}
	defer t.removeLists()
	request, secrets, err := t.request(ctx, m)
	if err != nil {
		return execution{}, protocol.AsError(err, protocol.TaskParameterError).Redacted(&secrets.set)
	}
	if m.ReduceParameter != "" {
		if err := readTexts(ctx, t); err != nil {
			return execution{}, protocol.AsError(err, protocol.TaskParameterError)
		}
	}
	of := t.hashes(ctx, m, request, secrets)
	key := of.key
	if taken := t.taken(ctx, m, of.call); taken != nil || t.former.only() {
		return execution{taken: taken, toDo: taken == nil}, nil
	}
	if key != (callKey{}) {
		var equal callEnd
		t.release, equal = t.inFlight.begin(ctx, key.content, func() { t.beat.report("waiting for an equal call") })
		switch {
		case equal.result != nil && equal.isFor(key):
			return execution{Result: *equal.result, cached: true, call: of.call}, nil
		case equal.failure != nil && equal.isFor(key):
			return execution{}, equal.failure
		}
		if earlier := t.cachedResult(ctx, key); earlier != nil {
			return execution{Result: *earlier, cached: true, key: key, call: of.call}, nil
		}
	}
	log := calllog.New(&secrets.set, t.call.Item != nil)
	logged := func() []byte {
		if t.noLogs {
			return nil
		}
		return log.Data()
	}
	following := follow(t.beat, log, secrets)
	request.Write, request.Print, request.Sent, request.Secrets = following.answer.write, following.print, log.Sent, &secrets.set
	result, err := t.handle(ctx, m, request, of.call, secrets)
	following.end(err == nil)
	if err != nil {
		printed := result.Printed
		if printed.Empty() { // The handler did not return.
			printed = t.beat.printed()
		}
		printed.Output, printed.Stderr = secrets.set.String(printed.Output), secrets.set.String(printed.Stderr)
		return execution{Result: protocol.Result{Usage: result.Usage, Printed: printed}, key: key, call: of.call, log: logged()}, protocol.AsError(err, protocol.TaskExecutionFailed).Redacted(&secrets.set)
	}
	if of.readsFiles() && t.hashes(ctx, m, request, secrets) != of {
		of, key = hashes{}, callKey{} // A file has changed meanwhile: the result may be about its old content or about the new one.
	}
	if t.warning != "" {
		result.Warning = strings.TrimSuffix(t.warning+"; "+result.Warning, "; ")
	}
	result.Value, result.Warning = secrets.set.Value(result.Value), secrets.set.String(result.Warning)
	return execution{Result: result, key: key, call: of.call, log: logged()}, nil
}

// errTimeout is the cause of a context whose attempt has used up its time.
var errTimeout = errors.New("the task's timeout")

// handle calls the handler, or, if the document of the call may be split, has it read in chunks.
func (t *attempt) handle(ctx context.Context, m method, request protocol.Request, hash string, secrets *secrets) (protocol.Result, error) {
	progress := func(message string) { t.beat.report(secrets.set.String(message)) }
	reader, reads := m.handler.(split.Reader)
	switch {
	case t.call.Split != nil && !(reads && len(m.Splits) > 0):
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "split is not supported by %s", m.Name)
	case reads && m.ReduceParameter != "":
		return reduceTexts(ctx, t, m, reader, request, hash, secrets, progress)
	case reads && len(m.Splits) > 0 && (t.call.Split != nil || reader.SplitsTooLong(request)):
		return readInChunks(ctx, t, m, reader, request, hash, secrets, progress)
	}
	return handle(ctx, m, request, progress)
}

// handle calls the handler within the timeout of the request, and returns even if the handler does not.
func handle(ctx context.Context, m method, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
	limited := ctx
	if limit := request.Timeout; limit > 0 && !m.EnforcesTimeout {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeoutCause(ctx, limit, errTimeout)
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
			if cause := recover(); cause != nil {
				e.err = protocol.Errorf(protocol.InternalError, "the handler of %s panicked: %v", request.Method, cause)
			}
			ended <- e
		}()
		e.result, e.err = m.handler.Handle(limited, request, progress)
	}()
	var e ending
	select {
	case e = <-ended:
	case <-limited.Done():
		grace := endGrace
		if graceful, is := m.handler.(protocol.Graceful); is {
			grace = max(grace, graceful.EndGrace())
		}
		select {
		case e = <-ended:
		case <-time.After(grace):
			e.err = fmt.Errorf("the handler of %s did not return within %s", request.Method, grace)
		}
	}
	if e.err != nil && errors.Is(context.Cause(limited), errTimeout) && ctx.Err() == nil {
		e.err = protocol.Errorf(protocol.TaskTimeout, "timed out after %s", request.Timeout)
	}
	return e.result, e.err
}
