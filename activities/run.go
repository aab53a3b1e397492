package activities

import (
	"context"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// closingAttempt makes what a run says of a task at its end outrank every attempt's own record.
const closingAttempt = 1 << 20

// Open records that a run has begun, with its plan.
func (a *Activities) Open(ctx context.Context, opening protocol.Opening) error {
	plan := opening.Plan.JSON()
	ref := protocol.RefOf(plan)
	record := runRecord(opening.Run, opening.Queue, ref)
	record.Status = protocol.Running
	return a.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: append(opening.Values, plan)})
}

// Close resolves the run's outputs, and records its end and that of every task that no attempt recorded.
func (a *Activities) Close(ctx context.Context, closing protocol.Closing) (*protocol.Closed, error) {
	record := runRecord(closing.Run, closing.Queue, closing.Plan)
	record.Status, record.Error, record.Usage = closing.Status, closing.Error, closing.Usage
	record.FinishedAt = time.Now().UTC()
	closed := &protocol.Closed{}
	batch := resultstore.Batch{}
	if len(closing.Outputs.Fields()) > 0 {
		outputs, failure := a.outputs(ctx, closing)
		if failure != nil && failure.Kind == protocol.Transient {
			return nil, failure
		}
		if failure != nil && closing.Status == protocol.Completed {
			closed.Error = failure
			record.Status, record.Error = protocol.Failed, failure
		}
		held, data := protocol.Hold(outputs)
		closed.Outputs, record.Value = held, held.Ref
		batch.Values = append(batch.Values, data)
	}
	for _, entry := range closing.Tasks {
		batch.Records = append(batch.Records, resultstore.Record{
			Kind:     resultstore.Task,
			Key:      resultstore.Key{Run: closing.Run.ID, Execution: closing.Run.Execution, Task: entry.Task, Item: resultstore.NoItem, Attempt: closingAttempt},
			Workflow: closing.Run.Workflow, Method: entry.Method, Status: entry.Outcome.Status, Reason: entry.Outcome.Reason,
			Error: entry.Outcome.Error, Attempts: entry.Outcome.Attempts, Usage: entry.Outcome.Usage, Warning: entry.Outcome.Warning,
			StartedAt: entry.Outcome.StartedAt, FinishedAt: entry.Outcome.FinishedAt,
		})
	}
	batch.Records = append(batch.Records, record)
	if err := a.put(ctx, batch); err != nil {
		return nil, err
	}
	return closed, nil
}

// outputs resolves what can be resolved; the error is the first of those that cannot.
func (a *Activities) outputs(ctx context.Context, closing protocol.Closing) (protocol.Value, *protocol.Error) {
	scope := &reference.Scope{Bindings: closing.Uses, Run: closing.Run, Load: a.load(ctx)}
	fields := make([]protocol.Field, 0, len(closing.Outputs.Fields()))
	var first *protocol.Error
	for _, output := range closing.Outputs.Fields() {
		value, err := reference.Resolve(output.Value, scope)
		if err != nil {
			failure := *protocol.AsError(err, protocol.TaskParameterError)
			failure.Message = "output \"" + output.Name + "\": " + failure.Message
			if first == nil || failure.Kind == protocol.Transient {
				first = &failure
			}
			continue
		}
		fields = append(fields, protocol.Field{Name: output.Name, Value: value})
	}
	return protocol.OfObject(fields...), first
}

func (a *Activities) put(ctx context.Context, batch resultstore.Batch) error {
	err := a.store.Put(ctx, batch)
	if err != nil {
		a.log.Warn("the run could not be recorded; this is tried again", "error", err)
	}
	return err
}

func runRecord(run protocol.RunInfo, queue string, plan protocol.Ref) resultstore.Record {
	return resultstore.Record{
		Kind:     resultstore.Run,
		Key:      resultstore.Key{Run: run.ID, Execution: run.Execution, Item: resultstore.NoItem},
		Workflow: run.Workflow, StartedAt: run.StartedAt, Plan: &plan, Queue: queue,
	}
}
