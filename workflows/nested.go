package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/fanout"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// nested is a workflow that a task runs, in flight: a workflow of the type gleitzeit.run that is part of this run.
type nested struct {
	task  int
	child workflow.ChildWorkflowFuture // Nil before it has started.
}

// beWithin makes the run a part of the one that its task belongs to.
func beWithin(r *run, of *protocol.WithinRun) {
	r.calls.within = of
	r.calls.run.ID, r.calls.run.Execution, r.calls.run.TakeOver = of.Run.ID, of.Run.Execution, of.Run.TakeOver
}

// startNested runs the workflow of a task. The future has the outcome of the task, and no error.
func startNested(ctx workflow.Context, r *run, task int) workflow.Future {
	future, settable := workflow.NewFuture(ctx)
	n := &nested{task: task}
	r.nested = append(r.nested, n)
	workflow.GoNamed(ctx, r.plan.Tasks[task].ID, func(ctx workflow.Context) {
		began := workflow.Now(ctx).UTC()
		outcome := runNested(ctx, r, n, began)
		r.nested = slices.DeleteFunc(r.nested, func(other *nested) bool { return other == n })
		outcome.StartedAt = began
		settable.SetValue(outcome)
	})
	return future
}

// runNested determines the inputs of the workflow of a task, and runs it.
func runNested(ctx workflow.Context, r *run, n *nested, began time.Time) protocol.Outcome {
	task := &r.plan.Tasks[n.task]
	of := r.plan.WorkflowOf(task)
	if of == nil {
		return failed(protocol.Errorf(protocol.InternalError, "the plan does not have the workflow %s", task.Workflow))
	}
	given, _ := protocol.NewCallPayload(task.Parameters)
	inputs := protocol.InputsRequest{
		Run: r.calls.run, Task: task.ID, Method: task.Method, File: of.File, Inputs: of.Inputs, Given: given, Bindings: r.calls.bindings(task.Uses),
	}
	run := r.calls.runOf(task)
	run.Status, run.Error = "", nil // Those of this run are not those of the other one.
	s := &nestedStart{
		of: of, inputs: inputs, settings: r.start.Settings, priority: task.Priority, room: &r.room,
		within: protocol.WithinRun{Run: run, Task: task.ID, Method: task.Method, Timeout: task.Timeout, StartedAt: began},
	}
	result, outcome := s.run(ctx, func(child workflow.ChildWorkflowFuture) { n.child = child })
	switch {
	case outcome != nil:
		return *outcome
	case result == nil:
		return protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled before its workflow started%s", r.because(n.task))}
	}
	if result.Items != nil {
		if r.items == nil {
			r.items = &protocol.Counts{}
		}
		r.items.Add(*result.Items)
	}
	ended := result.Outcome()
	ended.FinishedAt = workflow.Now(ctx).UTC() // Its end is recorded: that of no other outcome is.
	return ended
}

// nestedStart starts a workflow that a task, or one of its items, runs.
type nestedStart struct {
	of       *plan.Workflow
	inputs   protocol.InputsRequest
	within   protocol.WithinRun // Without the inputs.
	label    string             // Of the item; empty: it is not known, or there is none.
	settings Settings
	priority plan.Priority
	room     *room
}

// run determines the inputs of the workflow, and runs it. Where there is no result, it did not run, and outcome says how that ended; if
// there is neither, it was cancelled before. started is called when it starts.
func (s *nestedStart) run(ctx workflow.Context, started func(workflow.ChildWorkflowFuture)) (result *Result, outcome *protocol.Outcome) {
	fail := func(format string, args ...any) (*Result, *protocol.Outcome) {
		ended := failed(protocol.Errorf(protocol.InternalError, format, args...))
		return nil, &ended
	}
	var response protocol.InputsResponse
	err := workflow.ExecuteLocalActivity(recording(ctx), InputsActivity, s.inputs).Get(ctx, &response)
	switch {
	case temporal.IsCanceledError(err):
		return nil, nil
	case err != nil:
		return fail("%s", err)
	case response.Outcome != nil:
		return nil, response.Outcome
	}
	size, err := sizeOf(s.of)
	if err != nil {
		return fail("%s", err)
	}
	if s.room.await(ctx, size) != nil {
		return nil, nil
	}
	s.within.Inputs = response.Inputs
	index := protocol.NoItem
	if s.within.Item != nil {
		index = *s.within.Item
	}
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            MapID(s.within.Run.ID, protocol.FormatActivityID(s.within.Task, index)),
		WorkflowTaskTimeout:   workflow.GetInfo(ctx).WorkflowTaskTimeout,
		WaitForCancellation:   true,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_TERMINATE,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         activitySummary(s.within.Task, index, s.label),
		Priority:              temporal.Priority{PriorityKey: int(s.priority)},
	}), RunType, s.of.Plan, Start{Settings: s.settings, Within: &s.within})
	started(child)
	result = &Result{}
	result, err = ResultOf(result, child.Get(ctx, result))
	switch {
	case temporal.IsCanceledError(err):
		return nil, nil
	case err != nil:
		return fail("its workflow ended: %s", err)
	}
	return result, nil
}

// asTask replaces how a run ended by how the task ends that has started it.
func (result *Result) asTask() {
	switch result.Status {
	case protocol.TimedOut:
		result.Status = protocol.Failed
		message := "its workflow timed out"
		if result.Error != nil {
			message = result.Error.Message
		}
		result.Error = protocol.Errorf(protocol.TaskTimeout, "%s", message)
	case protocol.Cancelled:
		result.Error = protocol.Errorf(protocol.TaskCancelled, "it was cancelled while it ran")
	}
}

// Outcome returns the outcome of the task that has started the run.
func (result *Result) Outcome() protocol.Outcome {
	return protocol.Outcome{Status: result.Status, Error: result.Error, Usage: result.Usage, Value: result.Outputs, Attempts: 1, Warning: result.warning()}
}

// warning says that the clean-up of a workflow that a task has run is not complete; empty if it is.
func (result *Result) warning() string {
	if result.CleanUp == nil {
		return ""
	}
	return result.CleanUp.Message
}

// endNestedCleanUp ends the clean-up of the workflows that tasks run: of all of them, or of those that are themselves part of the clean-up.
func endNestedCleanUp(r *run, all bool) {
	for _, n := range r.nested {
		if n.child != nil && (all || r.plan.CleansUp(n.task)) {
			n.child.SignalChildWorkflow(r.cleanUp.root, CancelSignal, nil)
		}
	}
	for _, s := range r.spreads {
		if s.future != nil && s.result == nil && r.plan.Tasks[s.task].Workflow != "" && (all || r.plan.CleansUp(s.task)) {
			s.future.SignalChildWorkflow(r.cleanUp.root, CancelSignal, nil)
		}
	}
}

// maxNestedBytes is what the start of a workflow adds to a history at most: a larger plan is stored outside of it.
const maxNestedBytes = 64 << 10

// nestedHistory is the size in bytes of a history after which no other workflow starts in it: Temporal terminates a run with one of 50 MiB.
const nestedHistory = 20 << 20

// sizeOf returns how many bytes the start of a workflow adds to a message.
func sizeOf(of *plan.Workflow) (int64, error) {
	data, err := value.Encode(&of.Plan)
	if err != nil {
		return 0, err
	}
	return min(int64(len(data.JSON())), maxNestedBytes) + protocol.MaxInline + 2*callSize, nil
}

// room is what is scheduled in the message to the server that this workflow task makes.
type room struct {
	sent int64 // Bytes.
	at   int   // A length of the history.
}

// await waits, where too much is scheduled in one message, until the server has accepted that.
func (r *room) await(ctx workflow.Context, size int64) error {
	for {
		if at := workflow.GetInfo(ctx).GetCurrentHistoryLength(); at != r.at {
			r.sent, r.at = 0, at
		}
		if r.sent == 0 || r.sent+size <= sendBudget {
			r.sent += size
			return nil
		}
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// startNested runs the workflow of an item. The future has the outcome of the item, and no error.
func (w *window) startNested(ctx workflow.Context, unit fanout.Unit) workflow.Future {
	future, settable := workflow.NewFuture(ctx)
	workflow.GoNamed(ctx, protocol.FormatActivityID(w.Call.Task, unit.First), func(ctx workflow.Context) {
		settable.SetValue(w.runNested(ctx, unit))
	})
	return future
}

func (w *window) runNested(ctx workflow.Context, unit fanout.Unit) protocol.Outcome {
	items, began := w.Items, workflow.Now(ctx).UTC()
	items.Page, items.First, items.Count = unit.Page, unit.First, unit.Count
	run := w.Call.Run
	run.Status, run.Error = "", nil
	if run.TakeOver != nil && run.TakeOver.Items != nil {
		run.TakeOver = nil // An item that is selected is done again as a whole.
	}
	s := &nestedStart{
		of: w.Workflow, settings: w.Settings, priority: plan.Priority(w.Call.Priority), room: &w.room, label: w.label(unit),
		inputs: protocol.InputsRequest{
			Run: w.Call.Run, Task: w.Call.Task, Method: w.Call.Method, File: w.Workflow.File, Inputs: w.Workflow.Inputs, Given: w.Call.Parameters, Bindings: w.Call.Bindings, Items: &items,
		},
		within: protocol.WithinRun{Run: run, Task: w.Call.Task, Item: &unit.First, Method: w.Call.Method, Timeout: w.Call.Timeout, StartedAt: began},
	}
	var child workflow.ChildWorkflowFuture
	result, outcome := s.run(ctx, func(started workflow.ChildWorkflowFuture) {
		child = started
		w.nested = append(w.nested, started)
	})
	w.nested = slices.DeleteFunc(w.nested, func(other workflow.ChildWorkflowFuture) bool { return other == child })
	switch {
	case outcome != nil:
		return *outcome
	case result == nil:
		return protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled before its workflow started")}
	}
	ended := result.Outcome()
	ended.StartedAt, ended.FinishedAt, ended.Value.Inline = began, workflow.Now(ctx).UTC(), nil
	if label := w.label(unit); label != "" {
		ended.Item = fmt.Sprintf("item %d (%s)", unit.First, label)
	}
	return ended
}

// passCancels passes on signals that end the clean-up of the workflows of items.
func (w *window) passCancels(ctx workflow.Context) {
	if w.Workflow == nil {
		return
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	signals := workflow.GetSignalChannel(ctx, CancelSignal)
	workflow.GoNamed(ctx, "cancelled again", func(ctx workflow.Context) {
		for signals.Receive(ctx, nil) {
			for _, child := range w.nested {
				child.SignalChildWorkflow(ctx, CancelSignal, nil)
			}
		}
	})
}
