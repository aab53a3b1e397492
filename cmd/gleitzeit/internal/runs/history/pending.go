package history

import (
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// Attempt is one attempt of a task, or an item, that is in flight.
type Attempt struct {
	Activity string // The activity id: the task's, or files[17].
	Number   int32
	Failure  string // Why the attempt before failed or was lost; empty for the first.
	Message  string // How far it has come, where its handler says so: "120 tokens".
}

// Attempts returns the attempts in flight of a run's pending activities.
func Attempts(pending []*workflowpb.PendingActivityInfo) []Attempt {
	var attempts []Attempt
	for _, activity := range pending {
		a := Attempt{Activity: activity.GetActivityId(), Number: activity.GetAttempt()}
		if activity.GetAttempt() > 1 && activity.GetLastFailure() != nil {
			a.Failure = activity.GetLastFailure().GetMessage()
			if activity.GetLastFailure().GetTimeoutFailureInfo() != nil {
				a.Failure = workflows.LostWorker
			}
		}
		if beat := activity.GetHeartbeatDetails().GetPayloads(); len(beat) > 0 {
			a.Message = heartbeatOf(beat[0]).Message
		}
		attempts = append(attempts, a)
	}
	return attempts
}

// Live is what the attempt of a task that runs alone has written so far.
type Live struct {
	protocol.Heartbeat
	Task    string
	Attempt int32
}

// LiveOf returns what the task has written; nil where nothing is known, or other activities run beside it.
func LiveOf(pending []*workflowpb.PendingActivityInfo, task string) *Live {
	if len(pending) != 1 {
		return nil
	}
	activity := pending[0]
	details := activity.GetHeartbeatDetails().GetPayloads()
	// An attempt that has just begun still has the last heartbeat of the one before it.
	stale := activity.GetLastHeartbeatTime().AsTime().Before(activity.GetLastStartedTime().AsTime())
	if activity.GetActivityId() != task || activity.GetState() != enums.PENDING_ACTIVITY_STATE_STARTED || len(details) == 0 || stale {
		return nil
	}
	return &Live{Heartbeat: heartbeatOf(details[0]), Task: task, Attempt: activity.GetAttempt()}
}

// heartbeatOf decodes a heartbeat. One of another program, which may look otherwise, is empty.
func heartbeatOf(payload *commonpb.Payload) protocol.Heartbeat {
	var beat protocol.Heartbeat
	if !decodePayload(payload, &beat) {
		return protocol.Heartbeat{}
	}
	return beat
}

// Waiting is a task queue with the activities of a run that wait on it for a worker.
type Waiting struct {
	Queue      string
	Activities []string
}

// WaitingOn returns the activities that no worker has taken, by task queue, without those on the run's own queue.
func WaitingOn(pending []*workflowpb.PendingActivityInfo, own string) []Waiting {
	var all []Waiting
	for _, activity := range pending {
		queue := activity.GetActivityOptions().GetTaskQueue().GetName()
		if queue == "" || queue == own || activity.GetState() != enums.PENDING_ACTIVITY_STATE_SCHEDULED {
			continue
		}
		at := slices.IndexFunc(all, func(w Waiting) bool { return w.Queue == queue })
		if at < 0 {
			at, all = len(all), append(all, Waiting{Queue: queue})
		}
		all[at].Activities = append(all[at].Activities, activity.GetActivityId())
	}
	return all
}

// Summary reads the text under which a run was started: its workflow's name. Empty where there is none.
func Summary(payload *commonpb.Payload) string {
	var name string
	if !decodePayload(payload, &name) {
		return ""
	}
	return name
}

// Status translates Temporal's status of a run.
func Status(status enums.WorkflowExecutionStatus) protocol.Status {
	switch status {
	case enums.WORKFLOW_EXECUTION_STATUS_RUNNING, enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return protocol.Running
	case enums.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return protocol.Completed
	case enums.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return protocol.Cancelled
	case enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return protocol.TimedOut
	}
	return protocol.Failed
}
