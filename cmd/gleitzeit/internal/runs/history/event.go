// Package history decodes Temporal's history of a run into events of its tasks and items. Its functions are pure: they
// read protobuf messages, know no engine, no client and no store, and are tested on recorded histories.
package history

import (
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
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

// ItemsBegan returns which workflow runs the items of a task from now on.
func ItemsBegan(event *historypb.HistoryEvent) (id, runID string, began bool) {
	child := event.GetChildWorkflowExecutionStartedEventAttributes()
	return child.GetWorkflowExecution().GetWorkflowId(), child.GetWorkflowExecution().GetRunId(), child.GetWorkflowType().GetName() == workflows.MapType
}

// ItemsEnded returns which such workflow has ended.
func ItemsEnded(event *historypb.HistoryEvent) (id string, ended bool) {
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
