package cli

import (
	"context"
	"errors"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// taskEvent is one step of a task, or of one of its items, that a run's history tells.
type taskEvent struct {
	task    string
	item    int // Its index, or resultstore.NoItem.
	method  string
	at      time.Time
	outcome *protocol.Outcome // Nil where the task has started.

	stopping bool // The run was being cancelled by then.
}

// watch sends what a run's histories tell, from the first, until the run has closed; without a channel it only waits for
// that. It goes on when the engine changes hands.
func (s *session) watch(ctx context.Context, id, runID string, events chan<- taskEvent) error {
	const pause = 100 * time.Millisecond
	w := &watcher{session: s, id: id, runID: runID, events: events}
	for {
		err := w.read(ctx)
		if w.closed || ctx.Err() != nil {
			return ctx.Err()
		}
		if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
			return protocol.Errorf(protocol.WorkflowNotFound, "run %s is no longer known to the engine", id)
		}
		if err == nil {
			continue // The history goes on in the next one.
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// watcher reads the histories of one run, one after another.
type watcher struct {
	session   *session
	id, runID string
	events    chan<- taskEvent
	last      int64                                                     // The last event that was read of this history.
	tasks     map[int64]*historypb.ActivityTaskScheduledEventAttributes // By the event that scheduled them.
	stopping  bool                                                      // Its cancellation was asked for.
	closed    bool
}

func (w *watcher) read(ctx context.Context) error {
	history := w.session.client.GetWorkflowHistory(ctx, w.id, w.runID, true, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	if w.tasks == nil {
		w.tasks = map[int64]*historypb.ActivityTaskScheduledEventAttributes{}
	}
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return err
		}
		if event.GetEventId() <= w.last {
			continue
		}
		w.last = event.GetEventId()
		if next := event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId(); next != "" {
			w.runID, w.last, w.tasks = next, 0, nil
			return nil
		}
		w.closed = closes(event.GetEventType())
		w.stopping = w.stopping || event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
		if w.events == nil {
			continue
		}
		for _, told := range w.told(event) {
			told.stopping = w.stopping
			select {
			case w.events <- told:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func (w *watcher) told(event *historypb.HistoryEvent) []taskEvent {
	at := event.GetEventTime().AsTime()
	if scheduled := event.GetActivityTaskScheduledEventAttributes(); scheduled != nil {
		w.tasks[event.GetEventId()] = scheduled
		return eventOf(scheduled, at, nil)
	}
	if marker := event.GetMarkerRecordedEventAttributes(); marker != nil {
		return marked(marker, at)
	}
	var by int64
	outcome := &protocol.Outcome{}
	switch {
	case event.GetActivityTaskCompletedEventAttributes() != nil:
		by = event.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()
		read(event.GetActivityTaskCompletedEventAttributes().GetResult(), outcome)
	case event.GetActivityTaskFailedEventAttributes() != nil:
		by = event.GetActivityTaskFailedEventAttributes().GetScheduledEventId()
		*outcome = ofFailure(event.GetActivityTaskFailedEventAttributes().GetFailure())
	case event.GetActivityTaskTimedOutEventAttributes() != nil:
		by = event.GetActivityTaskTimedOutEventAttributes().GetScheduledEventId()
		outcome.Status, outcome.Error = protocol.Failed, protocol.Errorf(protocol.WorkerLost, "its worker was lost")
		if w.stopping {
			outcome.Status = protocol.Cancelled
		}
	case event.GetActivityTaskCanceledEventAttributes() != nil:
		by = event.GetActivityTaskCanceledEventAttributes().GetScheduledEventId()
		outcome.Status = protocol.Cancelled
		read(event.GetActivityTaskCanceledEventAttributes().GetDetails(), outcome)
	default:
		return nil
	}
	scheduled := w.tasks[by]
	if scheduled == nil {
		return nil
	}
	return eventOf(scheduled, at, outcome)
}

func eventOf(scheduled *historypb.ActivityTaskScheduledEventAttributes, at time.Time, outcome *protocol.Outcome) []taskEvent {
	task, item := protocol.ParseActivityID(scheduled.GetActivityId())
	return []taskEvent{{task: task, item: item, method: scheduled.GetActivityType().GetName(), at: at, outcome: outcome}}
}

func ofFailure(failure *failurepb.Failure) protocol.Outcome {
	outcome := protocol.Outcome{}
	read(failure.GetApplicationFailureInfo().GetDetails(), &outcome)
	if !outcome.Status.Ended() {
		outcome.Status = protocol.Failed
		outcome.Error = protocol.Errorf(protocol.InternalError, "%s", failure.GetMessage())
	}
	return outcome
}

// read decodes what an event carries for people to see; what cannot be decoded is not shown.
func read(payloads *commonpb.Payloads, into *protocol.Outcome) {
	if len(payloads.GetPayloads()) == 0 {
		return
	}
	var decoded protocol.Outcome
	if converter.GetDefaultDataConverter().FromPayload(payloads.GetPayloads()[0], &decoded) == nil && decoded.Status != "" {
		*into = decoded
	}
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

// attempt is one at a task, or an item, that is under way.
type attempt struct {
	task    string
	number  int32
	failure string // Why the one before failed or was lost; "" where this is the first.
	told    string // How far it has come, where its handler says so.
}

// attempts lists tasks that are under way, with what their last attempt failed with, and those that wait for workers that
// are not there. It asks for a moment only: the next look may find more.
func (s *session) attempts(ctx context.Context, id string) ([]attempt, []waitingFor, error) {
	ctx, done := context.WithTimeout(ctx, lookEvery)
	defer done()
	described, err := s.client.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return nil, nil, err
	}
	var pending []attempt
	for _, activity := range described.GetPendingActivities() {
		a := attempt{task: activity.GetActivityId(), number: activity.GetAttempt()}
		if activity.GetAttempt() > 1 && activity.GetLastFailure() != nil {
			a.failure = activity.GetLastFailure().GetMessage()
			if activity.GetLastFailure().GetTimeoutFailureInfo() != nil {
				a.failure = "its worker was lost"
			}
		}
		if beat := activity.GetHeartbeatDetails().GetPayloads(); len(beat) > 0 {
			a.told = beatOf(beat[0]).Message
		}
		pending = append(pending, a)
	}
	waiting, err := s.waiting(ctx, described)
	return pending, waiting, err
}
