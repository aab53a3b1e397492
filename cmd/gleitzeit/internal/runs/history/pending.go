package history

import (
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// Attempt is one attempt of a task, or an item, that is in flight.
type Attempt struct {
	Activity string // The activity id: the task's, or files[17].
	Number   int32
	Round    string                // How the round before ended, of a task that is repeated: "round 3 of 20: …".
	Failure  string                // Why the attempt before failed or was lost; empty for the first, and if a resume restarted it.
	Printed  *protocol.Ref         // What that attempt has printed: a protocol.Printed; nil: nothing.
	Message  string                // How far it has come, where its handler says so: "120 tokens".
	Line     string                // The newest line that its script has printed.
	Stdout   *protocol.PrintedTail // The end of what it has printed; nil: nothing, or it is of an item.
	Stderr   *protocol.PrintedTail
	Started  bool      // A worker executes it: otherwise it waits for one, or for the end of a pause.
	Began    time.Time // When the worker took it; zero if it has not started.
	Method   string
}

// Attempts returns the attempts in flight of a run's pending activities.
func Attempts(pending []*workflowpb.PendingActivityInfo) []Attempt {
	var attempts []Attempt
	for _, activity := range pending {
		a := Attempt{Activity: activity.GetActivityId(), Number: activity.GetAttempt(), Started: activity.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED}
		a.Method = activity.GetActivityType().GetName()
		if began := activity.GetLastStartedTime(); began != nil && a.Started {
			a.Began = began.AsTime()
		}
		if failure := activity.GetLastFailure(); failure.GetApplicationFailureInfo().GetType() == protocol.RepeatedType {
			a.Round = failure.GetMessage()
		} else if activity.GetAttempt() > 1 && activity.GetLastFailure() != nil && !interrupted(activity.GetLastFailure()) {
			a.Failure = activity.GetLastFailure().GetMessage()
			if activity.GetLastFailure().GetTimeoutFailureInfo() != nil {
				a.Failure = workflows.LostWorker
			}
			a.Printed = failureOutcome(activity.GetLastFailure()).Printed.Ref
		}
		if beat := activity.GetHeartbeatDetails().GetPayloads(); len(beat) > 0 && !stale(activity) {
			decoded := heartbeatOf(beat[0])
			a.Message, a.Line, a.Stdout, a.Stderr = decoded.Message, decoded.Line, decoded.Stdout, decoded.Stderr
		}
		attempts = append(attempts, a)
	}
	return attempts
}

// Interruption returns the failure of an attempt whose process has stopped, for whoever resumes the run: the activity starts again after
// the pause. It counts as a lost worker, because the attempt has no record.
func Interruption(pause time.Duration) *failurepb.Failure {
	return &failurepb.Failure{
		Message: workflows.LostWorker,
		FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{
			Type: protocol.WorkerLost.Info().Name, NextRetryDelay: durationpb.New(pause),
		}},
	}
}

// interrupted reports whether the failure of an attempt is an Interruption. An attempt that gives up has an outcome.
func interrupted(failure *failurepb.Failure) bool {
	info := failure.GetApplicationFailureInfo()
	return info.GetType() == protocol.WorkerLost.Info().Name && info.GetDetails() == nil
}

// waits is how the message of a handler that waits begins.
const waits = "waiting "

// Waits returns, by task, what it waits for, if all that a worker executes of it report that they wait. Of several messages
// it is the first with a reason: others may wait for those alone.
func Waits(attempts []Attempt) map[string]string {
	found, working := map[string]string{}, map[string]bool{}
	for _, a := range attempts {
		task, _ := protocol.ParseActivityID(a.Activity)
		switch known := found[task]; {
		case !a.Started:
		case !strings.HasPrefix(a.Message, waits):
			working[task] = true
		case known == "" || !strings.Contains(known, ": ") && strings.Contains(a.Message, ": "):
			found[task], _, _ = strings.Cut(a.Message, "\n")
		}
	}
	for task := range working {
		delete(found, task)
	}
	return found
}

// stale reports whether the last heartbeat of an activity is that of an earlier attempt.
func stale(activity *workflowpb.PendingActivityInfo) bool {
	return activity.GetLastHeartbeatTime().AsTime().Before(activity.GetLastStartedTime().AsTime())
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
	if activity.GetActivityId() != task || activity.GetState() != enums.PENDING_ACTIVITY_STATE_STARTED || len(details) == 0 || stale(activity) {
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
