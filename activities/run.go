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

// Open records the start of a run, with its plan.
func (a *Activities) Open(ctx context.Context, request protocol.OpenRequest) error {
	plan := request.Plan.JSON()
	record := runRecord(request.Run, request.Queue, protocol.RefOf(plan))
	record.Status, record.TakeOver = protocol.Running, request.Run.TakeOver
	return a.results.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: append(request.Values, plan)})
}

// Close resolves the run's outputs, and records its end and that of every task that no attempt recorded.
func (a *Activities) Close(ctx context.Context, request protocol.CloseRequest) (*protocol.CloseResponse, error) {
	record := runRecord(request.Run, request.Queue, request.Plan)
	record.Status, record.Error, record.Usage = request.Status, request.Error, request.Usage
	record.FinishedAt, record.TakeOver = time.Now().UTC(), request.Run.TakeOver
	response := &protocol.CloseResponse{}
	batch := resultstore.Batch{}
	if len(request.Outputs.Fields()) > 0 {
		scope := &reference.Scope{Bindings: request.Uses, Run: request.Run, Load: a.results.loader(ctx)}
		outputs, missing, err := resolveOutputs(request.Outputs, scope)
		if err != nil {
			return nil, err
		}
		if response.Error = outputError(request, missing); response.Error != nil {
			record.Status, record.Error = protocol.Failed, response.Error
		}
		payload, data := protocol.NewResultPayload(outputs)
		response.Outputs, record.Value = payload, payload.Ref
		batch.Values = append(batch.Values, data)
	}
	for _, task := range request.Tasks {
		closingRecord(&batch, request.Run, task.Task, task.Method, protocol.NoItem, task.Outcome)
	}
	batch.Records = append(batch.Records, record)
	if err := a.results.put(ctx, batch); err != nil {
		return nil, err
	}
	return response, nil
}

// resolveOutputs returns the outputs, null for each that cannot be resolved, and the error of each of those. Its own error
// is that of an unavailable store.
func resolveOutputs(written value.Value, scope *reference.Scope) (outputs value.Value, missing []*protocol.Error, err error) {
	fields := make([]value.Field, 0, len(written.Fields()))
	for _, output := range written.Fields() {
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

// outputError returns the error of a completed or failed run with missing outputs; nil for any other. A run that was
// cancelled or timed out has few outputs, and needs no explanation.
func outputError(request protocol.CloseRequest, missing []*protocol.Error) *protocol.Error {
	if len(missing) == 0 || request.Status != protocol.Completed && (request.Status != protocol.Failed || request.Error == nil) {
		return nil
	}
	reasons := make([]string, len(missing))
	for i, failure := range missing {
		reasons[i] = failure.Message
	}
	switch {
	case request.Status == protocol.Failed:
		failure := *request.Error
		failure.Message += "\n" + strings.Join(reasons, "\n")
		return shortened(&failure)
	case len(missing) == 1:
		return missing[0]
	}
	failure := protocol.Errorf(missing[0].Code, "cannot resolve %d outputs\n%s", len(missing), strings.Join(reasons, "\n"))
	return shortened(failure)
}
