package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// closingAttempt makes what a run says of a task at its end outrank every attempt's own record.
const closingAttempt = 1 << 20

// Open records that a run has begun, with its plan.
func (a *Activities) Open(ctx context.Context, opening protocol.OpenRequest) error {
	plan := opening.Plan.JSON()
	ref := protocol.RefOf(plan)
	record := runRecord(opening.Run, opening.Queue, ref)
	record.Status = protocol.Running
	return a.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: append(opening.Values, plan)})
}

// Close resolves the run's outputs, and records its end and that of every task that no attempt recorded.
func (a *Activities) Close(ctx context.Context, closing protocol.CloseRequest) (*protocol.CloseResponse, error) {
	record := runRecord(closing.Run, closing.Queue, closing.Plan)
	record.Status, record.Error, record.Usage = closing.Status, closing.Error, closing.Usage
	record.FinishedAt = time.Now().UTC()
	closed := &protocol.CloseResponse{}
	batch := resultstore.Batch{}
	if len(closing.Outputs.Fields()) > 0 {
		outputs, missing, err := a.outputs(ctx, closing)
		if err != nil {
			return nil, err
		}
		if closed.Error = outputError(closing, missing); closed.Error != nil {
			record.Status, record.Error = protocol.Failed, closed.Error
		}
		held, data := protocol.NewPayload(outputs)
		closed.Outputs, record.Value = held, held.Ref
		batch.Values = append(batch.Values, data)
	}
	for _, entry := range closing.Tasks {
		batch.Records = append(batch.Records, resultstore.Record{
			Kind:     resultstore.Task,
			Key:      resultstore.Key{Run: closing.Run.ID, Execution: closing.Run.Execution, Task: entry.Task, Item: protocol.NoItem, Attempt: closingAttempt},
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

// outputs resolves what can be resolved; what cannot is null, and missing says why, each in its own words. The error is
// for a store that is away.
func (a *Activities) outputs(ctx context.Context, closing protocol.CloseRequest) (outputs value.Value, missing []*protocol.Error, err error) {
	scope := &reference.Scope{Bindings: closing.Uses, Run: closing.Run, Load: a.load(ctx)}
	fields := make([]value.Field, 0, len(closing.Outputs.Fields()))
	for _, output := range closing.Outputs.Fields() {
		val, err := reference.Resolve(output.Value, scope)
		if err != nil {
			failure := *protocol.AsError(err, protocol.TaskParameterError)
			if failure.Kind == protocol.Transient {
				return value.Value{}, nil, &failure
			}
			failure.Message = fmt.Sprintf("output %q: %s", output.Name, failure.Message)
			missing = append(missing, &failure)
		}
		fields = append(fields, value.Field{Name: output.Name, Value: val})
	}
	return value.Object(fields...), missing, nil
}

// outputError is the error of a run that had completed, or failed, and lacks outputs; nil of any other. A run that was
// cancelled, or ran out of time, lacks most of them, and nobody asks why.
func outputError(closing protocol.CloseRequest, missing []*protocol.Error) *protocol.Error {
	if len(missing) == 0 || closing.Status != protocol.Completed && (closing.Status != protocol.Failed || closing.Error == nil) {
		return nil
	}
	why := make([]string, len(missing))
	for i, failure := range missing {
		why[i] = failure.Message
	}
	switch {
	case closing.Status == protocol.Failed:
		failure := *closing.Error
		failure.Message += "\n" + strings.Join(why, "\n")
		return shortened(&failure)
	case len(missing) == 1:
		return missing[0]
	}
	failure := protocol.Errorf(missing[0].Code, "%d outputs lead to nothing\n%s", len(missing), strings.Join(why, "\n"))
	return shortened(failure)
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
		Key:      resultstore.Key{Run: run.ID, Execution: run.Execution, Item: protocol.NoItem},
		Workflow: run.Workflow, StartedAt: run.StartedAt, Plan: &plan, Queue: queue,
	}
}
