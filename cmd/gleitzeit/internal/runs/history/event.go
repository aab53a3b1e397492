// Package history decodes Temporal's history of a run into events of its tasks and items. Its functions are pure: they
// read protobuf messages, know no engine, no client and no store, and are tested on recorded histories.
package history

import (
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// Event is the start or the end of a task, or of one of its items.
type Event struct {
	Task    string
	Item    int // Its index, or protocol.NoItem.
	Method  string
	At      time.Time
	Outcome *protocol.Outcome // Nil for a start.

	Asked *protocol.Asked // The task waits for a person from now on; nil for all other events.

	Unit *Unit // The event is the end of some of the task's items; nil for all others.

	Cancelling bool // The cancellation of the run was requested before.
}

// ended returns the event of an end.
func ended(task string, item int, method string, at time.Time, outcome protocol.Outcome) Event {
	return Event{Task: task, Item: item, Method: method, At: at, Outcome: &outcome}
}

// Unit is a group of a task's items that one activity has done. How each of them ended is in its record.
type Unit struct {
	First, Last int
	again       []int // Those that are tried again.
	left        int   // How many of the last were not begun.
}

// GoesOn reports whether an item of the unit has not ended with it.
func (u *Unit) GoesOn(item int) bool { return item > u.Last-u.left || slices.Contains(u.again, item) }

// WithinBegan returns which workflow that is part of the run has begun: that of the items of a task, or the one that a task runs.
func WithinBegan(event *historypb.HistoryEvent) (id, runID string, began bool) {
	child := event.GetChildWorkflowExecutionStartedEventAttributes()
	kind := child.GetWorkflowType().GetName()
	return child.GetWorkflowExecution().GetWorkflowId(), child.GetWorkflowExecution().GetRunId(), kind == workflows.MapType || kind == workflows.RunType
}

// TaskOf returns the task, or the item, of a workflow that is part of a run; empty for that of a run.
func TaskOf(id string) string {
	_, task, _ := strings.Cut(id, "/")
	return task
}

// WithinEnded returns which such workflow has ended.
func WithinEnded(event *historypb.HistoryEvent) (id string, ended bool) {
	for _, child := range []interface {
		GetWorkflowExecution() *commonpb.WorkflowExecution
	}{
		event.GetChildWorkflowExecutionCompletedEventAttributes(), event.GetChildWorkflowExecutionFailedEventAttributes(),
		event.GetChildWorkflowExecutionCanceledEventAttributes(), event.GetChildWorkflowExecutionTerminatedEventAttributes(),
		event.GetChildWorkflowExecutionTimedOutEventAttributes(),
	} {
		if id := child.GetWorkflowExecution().GetWorkflowId(); id != "" {
			return id, true
		}
	}
	return "", false
}

// nested returns the start or the end of a task that runs a workflow.
func (d *Decoder) nested(event *historypb.HistoryEvent, at time.Time) []Event {
	if began := event.GetChildWorkflowExecutionStartedEventAttributes(); began.GetWorkflowType().GetName() == workflows.RunType {
		if d.began == nil {
			d.began = map[string]time.Time{}
		}
		d.began[began.GetWorkflowExecution().GetWorkflowId()] = at
		task, item := protocol.ParseActivityID(TaskOf(began.GetWorkflowExecution().GetWorkflowId()))
		return []Event{{Task: task, Item: item, Method: plan.WorkflowMethod, At: at}}
	}
	var result workflows.Result
	var id string
	if done := event.GetChildWorkflowExecutionCompletedEventAttributes(); done.GetWorkflowType().GetName() == workflows.RunType {
		id = done.GetWorkflowExecution().GetWorkflowId()
		if len(done.GetResult().GetPayloads()) == 0 || !decodePayload(done.GetResult().GetPayloads()[0], &result) {
			return nil
		}
	}
	if failed := event.GetChildWorkflowExecutionFailedEventAttributes(); failed.GetWorkflowType().GetName() == workflows.RunType {
		id = failed.GetWorkflowExecution().GetWorkflowId()
		reported, err := workflows.ResultOf(nil, temporal.GetDefaultFailureConverter().FailureToError(failed.GetFailure()))
		if err != nil {
			reported = &workflows.Result{Status: protocol.Failed, Error: protocol.Errorf(protocol.InternalError, "%s", failed.GetFailure().GetMessage())}
		}
		result = *reported
	}
	if cancelled := event.GetChildWorkflowExecutionCanceledEventAttributes(); cancelled.GetWorkflowType().GetName() == workflows.RunType {
		id, result.Status = cancelled.GetWorkflowExecution().GetWorkflowId(), protocol.Cancelled
		if payloads := cancelled.GetDetails().GetPayloads(); len(payloads) > 0 {
			decodePayload(payloads[0], &result)
		}
	}
	if id == "" {
		return nil
	}
	outcome := result.Outcome()
	outcome.StartedAt, outcome.FinishedAt = d.began[id], at
	delete(d.began, id)
	task, item := protocol.ParseActivityID(TaskOf(id))
	return []Event{ended(task, item, plan.WorkflowMethod, at, outcome)}
}
