package activities

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// storeTimeout is how long an attempt waits for a store that is unavailable or full. A call to a model costs more.
	storeTimeout = 10 * time.Minute
	// cutOffTimeout is the same where the engine is unavailable too, on a full disk for example: soon it gives the attempt
	// to another worker.
	cutOffTimeout = 15 * time.Second
)

// closingAttempt is the attempt of a record that a run makes of a task at its end. It follows the records of all attempts.
const closingAttempt = 1 << 20

// results is the result store as activities use it.
type results struct {
	store   resultstore.Store
	log     *slog.Logger
	onError func(error)
}

// loader returns a function that reads the value of a Ref.
func (r results) loader(ctx context.Context) func(protocol.Ref) (value.Value, error) {
	return func(ref protocol.Ref) (value.Value, error) {
		return resultstore.Load(ctx, r.store, protocol.Payload{Ref: &ref})
	}
}

// put stores a batch for a local activity, which the workflow retries.
func (r results) put(ctx context.Context, batch resultstore.Batch) error {
	err := r.store.Put(ctx, batch)
	if err != nil && r.log != nil {
		r.log.Warn("cannot record the run; retrying", "error", err)
	}
	return err
}

// withRetry retries an operation on the store until it succeeds or fails permanently, the run is cancelled, or the timeout
// is over. It never cuts an operation short: a finished result is stored if possible.
func (r results) withRetry(ctx context.Context, operation func(context.Context) error) error {
	const longestPause = 5 * time.Second
	began, reported := time.Now(), false
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, longestPause) {
		err := operation(context.WithoutCancel(ctx))
		if err == nil {
			return nil
		}
		failure := protocol.AsError(err, protocol.PersistenceFailed)
		waited := time.Since(began)
		if failure.Kind != protocol.Transient || cancelRequested(ctx) || waited > storeTimeout {
			return failure
		}
		if ctx.Err() != nil && waited > cutOffTimeout {
			return ctx.Err()
		}
		if !reported {
			r.onError(failure)
			reported = true
		}
		time.Sleep(pause)
	}
}

// cancelRequested reports whether the run requested the cancellation of the attempt. A context that is done for another
// reason belongs to an attempt that was cut off: its worker stops, or the engine is unavailable.
func cancelRequested(ctx context.Context) bool {
	_, requested := errors.AsType[*temporal.CanceledError](context.Cause(ctx))
	return requested
}

// runRecord returns the record of a run without its status.
func runRecord(run protocol.RunInfo, queue string, plan protocol.Ref) resultstore.Record {
	return resultstore.Record{
		Kind:     resultstore.Run,
		Key:      resultstore.Key{Run: run.ID, Execution: run.Execution, Item: protocol.NoItem},
		Workflow: run.Workflow, StartedAt: run.StartedAt, Plan: &plan, Queue: queue,
	}
}

// taskRecord returns the record of an attempt of a task, or of one of its items, that ended with the outcome. The item is
// protocol.NoItem for the task itself.
func taskRecord(run protocol.RunInfo, task, method string, item, attempt int, outcome protocol.Outcome) resultstore.Record {
	return resultstore.Record{
		Kind:     resultstore.Task,
		Key:      resultstore.Key{Run: run.ID, Execution: run.Execution, Task: task, Item: item, Attempt: attempt},
		Workflow: run.Workflow, Method: method, Status: outcome.Status, Reason: outcome.Reason, Error: outcome.Error,
		Warning: outcome.Warning, Attempts: outcome.Attempts, Rounds: outcome.Rounds, FromCache: outcome.Cached, StartedAt: outcome.StartedAt,
		FinishedAt: outcome.FinishedAt, Usage: outcome.Usage, Value: outcome.Value.Ref, Counts: outcome.Items, Printed: outcome.Printed.Ref,
	}
}

// closingRecord adds to the batch the record of a task or an item whose end no attempt recorded, with what its last heartbeat
// said that it had printed.
func closingRecord(batch *resultstore.Batch, run protocol.RunInfo, task, method string, item int, outcome protocol.Outcome) {
	if printed := outcome.Printed; printed.Ref == nil && printed.Inline != nil {
		batch.Values = append(batch.Values, outcome.SetPrinted(protocol.ParsePrinted(*printed.Inline))...)
	}
	batch.Records = append(batch.Records, taskRecord(run, task, method, item, closingAttempt, outcome))
}

// cacheRecord returns the record under which later calls with the same hash find the outcome.
func cacheRecord(hash string, ofTask resultstore.Record) resultstore.Record {
	ofTask.Kind, ofTask.Key, ofTask.Attempts = resultstore.Cached, resultstore.CallKey(hash), 0
	return ofTask
}
