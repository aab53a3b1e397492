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
	if request.Within {
		return a.results.put(ctx, resultstore.Batch{Values: request.Values})
	}
	record.Status, record.TakeOver = protocol.Running, request.Run.TakeOver
	return a.results.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: append(request.Values, plan)})
}

// Close resolves the run's outputs, and records its end and that of every task that no attempt recorded.
func (a *Activities) Close(ctx context.Context, request protocol.CloseRequest) (*protocol.CloseResponse, error) {
	record := runRecord(request.Run, request.Queue, request.Plan)
	record.Status, record.Error, record.Usage = request.Status, request.Error, request.Usage
	record.FinishedAt, record.TakeOver = time.Now().UTC(), request.Run.TakeOver
	if of := request.Within; of != nil {
		item := protocol.NoItem
		if of.Item != nil {
			item = *of.Item
		}
		record = taskRecord(of.Run, of.Task, of.Method, item, 1, protocol.Outcome{
			Status: request.Status, Error: request.Error, Usage: request.Usage, Warning: request.Warning, Attempts: 1, StartedAt: of.StartedAt, FinishedAt: record.FinishedAt,
		})
	}
	response := &protocol.CloseResponse{}
	batch := resultstore.Batch{}
	if len(request.Outputs.Fields()) > 0 || request.Within != nil {
		scope := &reference.Scope{Bindings: request.Uses, Run: request.Run, Load: a.results.loader(ctx), Gaps: true}
		outputs, missing, err := resolveOutputs(request.Outputs, scope)
		if err != nil {
			return nil, err
		}
		if response.Error = outputError(request, missing); response.Error != nil {
			record.Status, record.Error = protocol.Failed, response.Error
		}
		if request.Within != nil {
			outputs = value.Object(value.Field{Name: "outputs", Value: outputs})
		}
		payload, data := protocol.NewResultPayload(outputs)
		if request.Within != nil && len(data) > protocol.MaxValue {
			response.Error = protocol.Errorf(protocol.TaskResultInvalid, "the outputs have %d bytes, and the limit is %d", len(data), protocol.MaxValue).WithKind(protocol.Permanent)
			record.Status, record.Error = protocol.Failed, response.Error
			outputs = value.Object(value.Field{Name: "outputs", Value: value.Object()})
			payload, data = protocol.NewResultPayload(outputs)
		}
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
	if request.Within != nil && request.Error != nil && request.Error.Code == protocol.TaskTimeout {
		return nil
	}
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

// Inputs resolves the inputs of a workflow that a task, or one of its items, runs, and checks them. What is wrong with them is in the
// response; the error of Inputs itself is that of an unavailable store.
func (a *Activities) Inputs(ctx context.Context, request protocol.InputsRequest) (*protocol.InputsResponse, error) {
	began := time.Now().UTC()
	response := &protocol.InputsResponse{Kind: protocol.InputsKind, Task: request.Task, Method: request.Method}
	of := &inputsOf{Activities: a, request: &request}
	inputs, err := of.resolve(ctx)
	if err == nil && of.outcome == nil {
		payload, data := protocol.NewPayload(inputs)
		if len(data) <= protocol.MaxValue {
			response.Inputs = payload
			return response, a.results.put(ctx, resultstore.Batch{Values: [][]byte{data}})
		}
		err = protocol.Errorf(protocol.TaskParameterError, "the inputs have %d bytes, and the limit is %d", len(data), protocol.MaxValue)
	}
	if err != nil {
		failure := protocol.AsError(err, protocol.TaskParameterError)
		if failure.Kind == protocol.Transient {
			return nil, failure
		}
		of.outcome = &protocol.Outcome{Status: protocol.Failed, Error: shortened(failure), Attempts: 1, Item: of.name}
	}
	response.Outcome = of.outcome
	if request.Items == nil {
		return response, nil
	}
	response.Item = &request.Items.First
	record := taskRecord(request.Run, request.Task, request.Method, request.Items.First, 1, *of.outcome)
	of.outcome.StartedAt, of.outcome.FinishedAt = began, time.Now().UTC()
	if !of.outcome.Cached {
		record.StartedAt, record.FinishedAt = of.outcome.StartedAt, of.outcome.FinishedAt
	}
	of.outcome.Value.Inline = nil
	return response, a.results.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}})
}

// inputsOf determines the inputs of a workflow, or how the task or item ends that does not run it.
type inputsOf struct {
	*Activities
	request *protocol.InputsRequest
	name    string            // Of the item, as messages have it.
	outcome *protocol.Outcome // Nil: its workflow runs.
}

func (of *inputsOf) resolve(ctx context.Context) (inputs value.Value, err error) {
	request := of.request
	bindings := request.Bindings
	if request.Items != nil {
		item, err := of.item(ctx)
		if err != nil || of.outcome != nil {
			return inputs, err
		}
		bindings = item.call.Bindings
	}
	scope := &reference.Scope{Bindings: bindings, Run: request.Run, Load: of.results.loader(ctx)}
	given, err := resultstore.Load(ctx, of.results.store, request.Given)
	if err == nil {
		given, err = reference.Resolve(given, scope)
	}
	if err != nil {
		return inputs, err
	}
	fields := make([]value.Field, len(request.Inputs))
	for i := range request.Inputs {
		input := &request.Inputs[i]
		v, _ := given.Get(input.Name)
		switch {
		case !v.IsNull():
			if problem := input.Problem(v); problem != "" {
				return inputs, protocol.Errorf(protocol.TaskParameterError, "input %q of %s %s", input.Name, request.File, problem)
			}
		case input.Default != nil:
			v = *input.Default
		case input.Required:
			return inputs, protocol.Errorf(protocol.TaskParameterError, "required input %q of %s is missing: its value is null", input.Name, request.File)
		}
		fields[i] = value.Field{Name: input.Name, Value: v}
	}
	return value.Object(fields...), nil
}

// item returns the call of the item, unless that does not run its workflow: its condition is false, or another run has done it and it is
// not among those that are selected.
func (of *inputsOf) item(ctx context.Context) (*itemCall, error) {
	request := of.request
	call := &protocol.Call{Run: request.Run, Task: request.Task, Method: request.Method, Bindings: request.Bindings, Items: request.Items}
	page, err := of.load(ctx, request.Items.Page)
	if err != nil {
		return nil, err
	}
	item := callOfItem(call, page, request.Items.First, nil)
	of.name = item.name
	if item.invalid != nil {
		return nil, item.invalid
	}
	if item.condition != nil {
		decided, err := decide(ctx, *item.condition, of.results.loader)
		switch {
		case err != nil:
			return nil, err
		case decided.Error != nil:
			return nil, decided.Error
		case !decided.Holds:
			of.outcome = &protocol.Outcome{Status: protocol.Skipped, Reason: protocol.ConditionFalseReason(item.condition.When)}
			return nil, nil
		}
	}
	if over := request.Run.TakeOver; over != nil && over.Items != nil {
		all, err := of.formers(ctx, call, page)
		if err != nil {
			return nil, err
		}
		if former := all[0]; !former.again && former.record != nil {
			outcome := former.record.Outcome()
			outcome.Cached, outcome.Usage, outcome.Item = true, protocol.Usage{}, of.name
			of.outcome = &outcome
		}
	}
	return item, nil
}
