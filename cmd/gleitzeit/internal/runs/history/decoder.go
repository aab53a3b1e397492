package history

import (
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// Decoder reads the histories of one run, event by event. Its zero value is ready. A stream that broke off may be read
// again from the start: events that were read before are passed over.
type Decoder struct {
	last       int64                                                     // The last event that was read of this history.
	scheduled  map[int64]*historypb.ActivityTaskScheduledEventAttributes // By the event that scheduled them.
	began      map[string]time.Time                                      // When the workflows that tasks run began, by their ids.
	cancelling bool
	closed     bool
}

// Closed reports whether the run has closed.
func (d *Decoder) Closed() bool { return d.closed }

// Decode returns what an event says of tasks and items. Where the run continues in another history, next is the id of
// that Temporal run, and the decoder is ready to read it.
func (d *Decoder) Decode(event *historypb.HistoryEvent) (events []Event, next string) {
	if event.GetEventId() <= d.last {
		return nil, ""
	}
	d.last = event.GetEventId()
	if next := event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId(); next != "" {
		d.last, d.scheduled = 0, nil
		return nil, next
	}
	d.closed = closes(event.GetEventType())
	d.cancelling = d.cancelling || event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
	events = d.decode(event)
	for i := range events {
		events[i].Cancelling = d.cancelling
	}
	return events, ""
}

func (d *Decoder) decode(event *historypb.HistoryEvent) []Event {
	at := event.GetEventTime().AsTime()
	if scheduled := event.GetActivityTaskScheduledEventAttributes(); scheduled != nil {
		if d.scheduled == nil {
			d.scheduled = map[int64]*historypb.ActivityTaskScheduledEventAttributes{}
		}
		d.scheduled[event.GetEventId()] = scheduled
		if protocol.IsRoundID(scheduled.GetActivityId()) {
			return nil // The task starts with the first of its calls.
		}
		began := eventOf(scheduled, at, nil)
		if _, first, _, isUnit := protocol.ParseUnitID(scheduled.GetActivityId()); isUnit {
			began.Item = first
		}
		return []Event{began}
	}
	if marker := event.GetMarkerRecordedEventAttributes(); marker != nil {
		return decodeMarker(marker, at)
	}
	if nested := d.nested(event, at); nested != nil {
		return nested
	}
	by, outcome := d.end(event)
	scheduled := d.scheduled[by]
	if scheduled == nil {
		return nil
	}
	delete(d.scheduled, by)
	if protocol.IsRoundID(scheduled.GetActivityId()) {
		return endOfGrouping(event, scheduled, at, outcome)
	}
	if _, first, last, isUnit := protocol.ParseUnitID(scheduled.GetActivityId()); isUnit {
		return endOfUnit(event, scheduled, at, &Unit{First: first, Last: last})
	}
	if outcome.Next { // The item goes on with its next step.
		return nil
	}
	return []Event{eventOf(scheduled, at, &outcome)}
}

// end returns the outcome of an activity that the event ends, and the event that scheduled it; 0 where it ends none.
func (d *Decoder) end(event *historypb.HistoryEvent) (scheduledBy int64, outcome protocol.Outcome) {
	if done := event.GetActivityTaskCompletedEventAttributes(); done != nil {
		decodeOutcome(done.GetResult(), &outcome)
		return done.GetScheduledEventId(), outcome
	}
	if failed := event.GetActivityTaskFailedEventAttributes(); failed != nil {
		return failed.GetScheduledEventId(), failureOutcome(failed.GetFailure())
	}
	if lost := event.GetActivityTaskTimedOutEventAttributes(); lost != nil {
		outcome.Status, outcome.Error = protocol.Failed, protocol.Errorf(protocol.WorkerLost, workflows.LostWorker)
		if d.cancelling {
			outcome.Status = protocol.Cancelled
		}
		return lost.GetScheduledEventId(), outcome
	}
	if cancelled := event.GetActivityTaskCanceledEventAttributes(); cancelled != nil {
		outcome.Status = protocol.Cancelled
		decodeOutcome(cancelled.GetDetails(), &outcome)
		return cancelled.GetScheduledEventId(), outcome
	}
	return 0, outcome
}

// endOfUnit returns the event of the end of a unit; none for one that was lost, whose items start again.
func endOfUnit(event *historypb.HistoryEvent, scheduled *historypb.ActivityTaskScheduledEventAttributes, at time.Time, unit *Unit) []Event {
	var outcome protocol.UnitOutcome
	payloads := event.GetActivityTaskCompletedEventAttributes().GetResult()
	if payloads == nil {
		payloads = event.GetActivityTaskCanceledEventAttributes().GetDetails()
	}
	if len(payloads.GetPayloads()) == 0 || !decodePayload(payloads.GetPayloads()[0], &outcome) {
		return nil
	}
	unit.left = outcome.Left
	for _, item := range outcome.Again {
		unit.again = append(unit.again, item.Index)
	}
	for _, items := range slices.Concat(outcome.ToDo, outcome.Next) {
		for i := range items.Count {
			unit.again = append(unit.again, items.First+i)
		}
	}
	ended := eventOf(scheduled, at, nil)
	ended.Unit = unit
	return []Event{ended}
}

// endOfGrouping returns the end of a task whose texts cannot be grouped in the first round; after a later one the task gathers its results.
func endOfGrouping(event *historypb.HistoryEvent, scheduled *historypb.ActivityTaskScheduledEventAttributes, at time.Time, outcome protocol.Outcome) []Event {
	if task, _ := protocol.ParseActivityID(scheduled.GetActivityId()); scheduled.GetActivityId() != protocol.FormatRoundID(task, 1) {
		return nil
	}
	if done := event.GetActivityTaskCompletedEventAttributes().GetResult(); done != nil {
		var expanded protocol.ExpandResponse
		if len(done.GetPayloads()) == 0 || !decodePayload(done.GetPayloads()[0], &expanded) || expanded.Error == nil {
			return nil
		}
		outcome = protocol.Outcome{Status: protocol.Failed, Error: expanded.Error}
	}
	return []Event{eventOf(scheduled, at, &outcome)}
}

func eventOf(scheduled *historypb.ActivityTaskScheduledEventAttributes, at time.Time, outcome *protocol.Outcome) Event {
	task, item := protocol.ParseActivityID(scheduled.GetActivityId())
	return Event{Task: task, Item: item, Method: scheduled.GetActivityType().GetName(), At: at, Outcome: outcome}
}

func failureOutcome(failure *failurepb.Failure) protocol.Outcome {
	outcome, known := workflows.OutcomeOf(temporal.GetDefaultFailureConverter().FailureToError(failure))
	if !known {
		return protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.InternalError, "%s", failure.GetMessage())}
	}
	return outcome
}

// decodeOutcome reads an outcome out of payloads; it stays as it is where they contain none.
func decodeOutcome(payloads *commonpb.Payloads, into *protocol.Outcome) {
	if len(payloads.GetPayloads()) == 0 {
		return
	}
	var decoded protocol.Outcome
	if decodePayload(payloads.GetPayloads()[0], &decoded) && decoded.Status != "" {
		*into = decoded
	}
}

// decodePayload reports whether the payload could be read into the value. One of another program may be anything.
func decodePayload(payload *commonpb.Payload, into any) bool {
	return payload != nil && converter.GetDefaultDataConverter().FromPayload(payload, into) == nil
}

func closes(kind enums.EventType) bool {
	switch kind {
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
		enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
		enums.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
		return true
	}
	return false
}
