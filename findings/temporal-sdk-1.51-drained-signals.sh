#!/bin/sh
# go.temporal.io/sdk v1.51.0: reading a signal channel with ReceiveAsync until it is empty, before a workflow continues as new, does not find
# a signal for which another coroutine is blocked in Receive. If the signal comes in the same task as what wakes the main coroutine (here
# a timer), it is taken out of the channel for the blocked one, which has not run yet when the main one looks: it is neither drained nor
# handled, and is lost with the history. Without the blocked coroutine the same code drains it. The guess that emptying the channel is
# enough is near, because that is what samples and documentation say to do before continuing as new.
#
# Needs Go, and the network for the modules; replays a history of eleven events, without a server. Exits with 1 where the behavior has
# changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/drained

go 1.26

require go.temporal.io/sdk v1.51.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Waits for a minute, then drains the channel and continues as new. With blocked, another coroutine waits for signals meanwhile. The
// signal and the end of the minute are in one task.
func run(ctx workflow.Context, blocked bool) error {
	signals, handled := workflow.GetSignalChannel(ctx, "work"), 0
	if blocked {
		workflow.Go(ctx, func(ctx workflow.Context) {
			for signals.Receive(ctx, nil) {
				handled++
			}
		})
	}
	_ = workflow.Sleep(ctx, time.Minute)
	drained := 0
	for signals.ReceiveAsync(nil) {
		drained++
	}
	fmt.Printf("blocked receiver %v: %d signals drained, %d handled, of 1\n", blocked, drained, handled)
	return workflow.NewContinueAsNewError(ctx, run, blocked)
}

func history(blocked bool) *historypb.History {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	input, err := converter.GetDefaultDataConverter().ToPayloads(blocked)
	check(err)
	var h historypb.History
	add := func(kind enums.EventType, e *historypb.HistoryEvent) {
		e.EventId, e.EventType, e.EventTime = int64(len(h.Events)+1), kind, timestamppb.New(at.Add(time.Duration(len(h.Events))*time.Second))
		h.Events = append(h.Events, e)
	}
	queue := &taskqueuepb.TaskQueue{Name: "q"}
	kind := &commonpb.WorkflowType{Name: "run"}
	task := func(scheduled int64) {
		add(enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowTaskScheduledEventAttributes{WorkflowTaskScheduledEventAttributes: &historypb.WorkflowTaskScheduledEventAttributes{TaskQueue: queue}}})
		add(enums.EVENT_TYPE_WORKFLOW_TASK_STARTED, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowTaskStartedEventAttributes{WorkflowTaskStartedEventAttributes: &historypb.WorkflowTaskStartedEventAttributes{ScheduledEventId: scheduled}}})
		add(enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowTaskCompletedEventAttributes{WorkflowTaskCompletedEventAttributes: &historypb.WorkflowTaskCompletedEventAttributes{ScheduledEventId: scheduled, StartedEventId: scheduled + 1}}})
	}
	add(enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
		WorkflowType: kind, TaskQueue: queue, Input: input, OriginalExecutionRunId: "r", FirstExecutionRunId: "r", WorkflowTaskTimeout: durationpb.New(10 * time.Second)}}})
	task(2)
	add(enums.EVENT_TYPE_TIMER_STARTED, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_TimerStartedEventAttributes{TimerStartedEventAttributes: &historypb.TimerStartedEventAttributes{TimerId: "5", StartToFireTimeout: durationpb.New(time.Minute), WorkflowTaskCompletedEventId: 4}}})
	add(enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes{WorkflowExecutionSignaledEventAttributes: &historypb.WorkflowExecutionSignaledEventAttributes{SignalName: "work"}}})
	add(enums.EVENT_TYPE_TIMER_FIRED, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_TimerFiredEventAttributes{TimerFiredEventAttributes: &historypb.TimerFiredEventAttributes{TimerId: "5", StartedEventId: 5}}})
	task(8)
	add(enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionContinuedAsNewEventAttributes{WorkflowExecutionContinuedAsNewEventAttributes: &historypb.WorkflowExecutionContinuedAsNewEventAttributes{
		NewExecutionRunId: "n", WorkflowType: kind, TaskQueue: queue, Input: input, WorkflowTaskCompletedEventId: 10}}})
	return &h
}

func main() {
	for _, blocked := range []bool{false, true} {
		replayer := worker.NewWorkflowReplayer()
		replayer.RegisterWorkflow(run)
		check(replayer.ReplayWorkflowHistory(nil, history(blocked)))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go run . > seen.txt 2> log.txt || { cat log.txt; exit 1; }
cat > expected.txt <<'SEEN'
blocked receiver false: 1 signals drained, 0 handled, of 1
blocked receiver true: 0 signals drained, 0 handled, of 1
SEEN
grep '^blocked' seen.txt > lines.txt
cat lines.txt
diff expected.txt lines.txt
