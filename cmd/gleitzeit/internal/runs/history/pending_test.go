package history

import (
	"maps"
	"slices"
	"testing"
	"time"

	activitypb "go.temporal.io/api/activity/v1"
	enums "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/workflows"
)

func TestAttempts(t *testing.T) {
	lost := &failurepb.Failure{Message: "activity Heartbeat timeout", FailureInfo: &failurepb.Failure_TimeoutFailureInfo{TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{}}}
	got := Attempts([]*workflowpb.PendingActivityInfo{
		{ActivityId: "a", Attempt: 1, LastFailure: &failurepb.Failure{Message: "of nothing"}},
		{ActivityId: "b[3]", Attempt: 2, LastFailure: &failurepb.Failure{Message: "overloaded"}, HeartbeatDetails: payloads(t, protocol.Heartbeat{Message: "12 tokens"})},
		{ActivityId: "c", Attempt: 2, LastFailure: lost, HeartbeatDetails: payloads(t, "of another program")},
	})
	want := []Attempt{{Activity: "a", Number: 1}, {Activity: "b[3]", Number: 2, Failure: "overloaded", Message: "12 tokens"}, {Activity: "c", Number: 2, Failure: workflows.LostWorker}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestAttemptsThatStarted(t *testing.T) {
	now := time.Now()
	activity := &workflowpb.PendingActivityInfo{
		ActivityId: "a", Attempt: 2, State: enums.PENDING_ACTIVITY_STATE_STARTED, HeartbeatDetails: payloads(t, protocol.Heartbeat{Message: "12 tokens"}),
		LastStartedTime: timestamppb.New(now), LastHeartbeatTime: timestamppb.New(now.Add(time.Second)),
	}
	if got := Attempts([]*workflowpb.PendingActivityInfo{activity}); !got[0].Started || got[0].Message != "12 tokens" {
		t.Errorf("got %+v", got)
	}
	activity.LastHeartbeatTime = timestamppb.New(now.Add(-time.Second))
	if got := Attempts([]*workflowpb.PendingActivityInfo{activity}); got[0].Message != "" {
		t.Errorf("the message of the attempt before: %+v", got)
	}
}

func TestWaits(t *testing.T) {
	const others, server, limit = "waiting for another call to finish", "waiting for the server: connection refused", "waiting until 14:03:10: the limit is reached"
	started := func(activity, message string) Attempt {
		return Attempt{Activity: activity, Number: 1, Message: message, Started: true}
	}
	got := Waits([]Attempt{
		started("a", server+"\nmore"),
		started("b[0]", others), started("b[1]", limit), started("b[2]", server), {Activity: "b[3]"}, // One has not started.
		started("c[0]", server), started("c[1]", "12 tokens"), // One works.
		started("d[0]", server), started("d[1]", ""), // One does not say.
		started("e[0]", others), {Activity: "f", Message: server},
	})
	if want := map[string]string{"a": server, "b": limit, "e": others}; !maps.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestLiveOf(t *testing.T) {
	now := time.Now()
	activity := func() *workflowpb.PendingActivityInfo {
		return &workflowpb.PendingActivityInfo{
			ActivityId: "a", Attempt: 2, State: enums.PENDING_ACTIVITY_STATE_STARTED, HeartbeatDetails: payloads(t, protocol.Heartbeat{Tail: "end", Written: 9}),
			LastStartedTime: timestamppb.New(now), LastHeartbeatTime: timestamppb.New(now.Add(time.Second)),
		}
	}
	live := LiveOf([]*workflowpb.PendingActivityInfo{activity()}, "a")
	if live == nil || live.Tail != "end" || live.Written != 9 || live.Attempt != 2 || live.Task != "a" {
		t.Errorf("got %+v", live)
	}
	stale, waiting, silent := activity(), activity(), activity()
	stale.LastHeartbeatTime = timestamppb.New(now.Add(-time.Second))
	waiting.State = enums.PENDING_ACTIVITY_STATE_SCHEDULED
	silent.HeartbeatDetails = nil
	for name, pending := range map[string][]*workflowpb.PendingActivityInfo{
		"none": nil, "two": {activity(), activity()}, "a heartbeat of the attempt before": {stale}, "not started": {waiting}, "no heartbeat": {silent},
	} {
		if live := LiveOf(pending, "a"); live != nil {
			t.Errorf("%s: got %+v", name, live)
		}
	}
	if live := LiveOf([]*workflowpb.PendingActivityInfo{activity()}, "b"); live != nil {
		t.Errorf("of another task: got %+v", live)
	}
}

func TestWaitingOn(t *testing.T) {
	pending := func(id, queue string, state enums.PendingActivityState) *workflowpb.PendingActivityInfo {
		return &workflowpb.PendingActivityInfo{ActivityId: id, State: state, ActivityOptions: &activitypb.ActivityOptions{TaskQueue: &taskqueuepb.TaskQueue{Name: queue}}}
	}
	const scheduled, started = enums.PENDING_ACTIVITY_STATE_SCHEDULED, enums.PENDING_ACTIVITY_STATE_STARTED
	got := WaitingOn([]*workflowpb.PendingActivityInfo{
		pending("a", "gpu", scheduled), pending("b", "own", scheduled), pending("c", "cpu", started), pending("d", "gpu", scheduled), pending("e", "cpu", scheduled),
	}, "own")
	if len(got) != 2 || got[0].Queue != "gpu" || !slices.Equal(got[0].Activities, []string{"a", "d"}) || got[1].Queue != "cpu" || !slices.Equal(got[1].Activities, []string{"e"}) {
		t.Errorf("got %+v", got)
	}
}

// TestAnInterruptionIsNoFailure: who resumes a run names what starts again. An attempt that gives up after many is one.
func TestAnInterruptionIsNoFailure(t *testing.T) {
	interruption := Interruption(time.Millisecond)
	gaveUp := Interruption(time.Millisecond)
	gaveUp.GetApplicationFailureInfo().Details = payloads(t, protocol.Outcome{Status: protocol.Failed})
	attempts := Attempts([]*workflowpb.PendingActivityInfo{
		{ActivityId: "a", Attempt: 2, LastFailure: interruption}, {ActivityId: "b", Attempt: 2, LastFailure: gaveUp},
	})
	if attempts[0].Failure != "" || attempts[1].Failure == "" {
		t.Errorf("%+v", attempts)
	}
}
