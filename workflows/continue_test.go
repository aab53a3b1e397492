package workflows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
	"github.com/gleitzeit/gleitzeit/worker"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// halfWorker serves only one half of the rig's queue: workflows, or activities. It returns how it is stopped.
func halfWorker(t *testing.T, r *rig, ofWorkflows bool) (stop func()) {
	t.Helper()
	protocols, closeHandlers, err := worker.Handlers(worker.HandlerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	acts, err := activities.New(activities.Options{Store: r.store, Protocols: append(protocols, activities.Protocol{Spec: probeSpec(), Handler: r.probe})})
	if err != nil {
		t.Fatal(err)
	}
	options := worker.TemporalOptions(worker.Options{Queue: r.Queue, Local: true})
	options.LocalActivityWorkerOnly, options.DisableWorkflowWorker = ofWorkflows, !ofWorkflows
	options.DisableEagerActivities = true
	w := sdkworker.New(r.Client, r.Queue, options)
	if ofWorkflows {
		worker.Register(w, acts)
	} else { // All others are local activities.
		w.RegisterDynamicActivity(acts.Task, activity.DynamicRegisterOptions{})
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		w.Stop()
		if err := closeHandlers(); err != nil {
			t.Error(err)
		}
	}
}

// beforeContinuing brings a run to the moment before a workflow continues as new: the last activity of its history is in flight, and no
// worker decides. Then it has something happen, ends the activity, and lets a worker decide about both at once.
func beforeContinuing(t *testing.T, r *rig, text, workflowOf string, happens func(id string), event enums.EventType) (run string) {
	t.Helper()
	t.Cleanup(halfWorker(t, r, false))
	stop := halfWorker(t, r, true)
	started := r.start(t, compile(t, text))
	id := started.GetID() + workflowOf
	length := func() int64 {
		described, err := r.Client.DescribeWorkflowExecution(t.Context(), id, "")
		if err != nil {
			t.Fatal(err)
		}
		return described.GetWorkflowExecutionInfo().GetHistoryLength()
	}
	for r.awaitWaiting(t, 1); length() < 60; r.awaitWaiting(t, 1) { // Then the server suggests it.
		r.probe.release <- struct{}{}
	}
	described, err := r.Client.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	runID := described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	stop()
	happens(id)
	r.probe.release <- struct{}{}
	has := func(wanted enums.EventType) bool {
		all := histories(t, r.Client, id, runID)
		for _, e := range all[0][59:] {
			if e.GetEventType() == wanted {
				return true
			}
		}
		return false
	}
	for deadline := time.Now().Add(patience); !has(event) || !has(enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED); {
		if time.Now().After(deadline) {
			t.Fatal("the events do not come together")
		}
	}
	close(r.probe.release)
	t.Cleanup(halfWorker(t, r, true))
	return started.GetID()
}

// TestACancelBeforeARunContinuesIsNotLost requests the cancellation of a run whose history is about to end.
func TestACancelBeforeARunContinuesIsNotLost(t *testing.T) {
	r := newIdleRig(t, servertest.WithOverrides(smallHistories))
	text := "name: Cancelled\nmax_parallel: 1\ntasks:\n"
	for i := range 60 {
		text += fmt.Sprintf("  - {id: t%d, method: test/wait, parameters: {key: t%d}}\n", i, i)
	}
	id := beforeContinuing(t, r, text, "", func(id string) {
		if err := r.Client.CancelWorkflow(t.Context(), id, ""); err != nil {
			t.Fatal(err)
		}
	}, enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
	result, _ := end(t, r.Client.GetWorkflow(t.Context(), id, ""))
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "calls of the last task", r.probe.called("t59"), 0)
}

// TestASecondCancelBeforeACleanUpContinuesIsNotLost signals twice that a run is to be cancelled whose clean-up is in a history that is about
// to end.
func TestASecondCancelBeforeACleanUpContinuesIsNotLost(t *testing.T) {
	r := newIdleRig(t, servertest.WithOverrides(smallHistories))
	text := "name: Cancelled\nmax_parallel: 1\ntasks:\n  - {id: work, method: test/echo, parameters: {value: 1}}\nfinally:\n"
	for i := range 60 {
		text += fmt.Sprintf("  - {id: f%d, method: test/wait, parameters: {key: f%d}}\n", i, i)
	}
	id := beforeContinuing(t, r, text, "", func(id string) {
		for range 2 {
			if err := r.Client.SignalWorkflow(t.Context(), id, "", workflows.CancelSignal, nil); err != nil {
				t.Fatal(err)
			}
		}
	}, enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
	result, _ := end(t, r.Client.GetWorkflow(t.Context(), id, ""))
	if result.CleanUp == nil || !strings.HasSuffix(result.CleanUp.Message, "; the clean-up was cancelled") {
		t.Errorf("the clean-up ended with %v", result.CleanUp)
	}
	same(t, "calls of the last task", r.probe.called("f59"), 0)
}

const waitingItems = `
name: Waiting items
max_parallel: %d
tasks:
  - {id: each, method: test/wait, for_each: [%s], max_failures: 50, parameters: {key: "k${item}"}}
  - {id: other, method: test/echo, dependencies: [%s], parameters: {value: 1}}
`

func numbers(n int) (list string) {
	for i := range n {
		list += fmt.Sprintf("%d, ", i)
	}
	return list
}

// TestACancelBeforeItemsContinueIsNotLost requests the cancellation of items in whose workflow a history is about to end.
func TestACancelBeforeItemsContinueIsNotLost(t *testing.T) {
	r := newIdleRig(t, servertest.WithOverrides(smallHistories))
	id := beforeContinuing(t, r, fmt.Sprintf(waitingItems, 1, numbers(60), "each"), "/each", func(id string) {
		if err := r.Client.CancelWorkflow(t.Context(), id, ""); err != nil {
			t.Fatal(err)
		}
	}, enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
	end(t, r.Client.GetWorkflow(t.Context(), id, ""))
	var result workflows.MapResult
	if err := r.Client.GetWorkflow(t.Context(), workflows.MapID(id, "each"), "").Get(t.Context(), &result); err != nil {
		t.Fatal(err)
	}
	same(t, "cancelled", result.Cancelled, true)
	same(t, "calls of the last item", r.probe.called("k59"), 0)
}

// TestSlotsTakenBeforeItemsContinueAreReturned takes slots from items in whose workflow a history is about to end.
func TestSlotsTakenBeforeItemsContinueAreReturned(t *testing.T) {
	r := newIdleRig(t, servertest.WithOverrides(smallHistories))
	const turn = 77
	id := beforeContinuing(t, r, fmt.Sprintf(waitingItems, 1, numbers(60), "each"), "/each", func(id string) {
		if err := r.Client.SignalWorkflow(t.Context(), id, "", workflows.SlotsSignal, workflows.SlotsMessage{Turn: turn}); err != nil {
			t.Fatal(err)
		}
	}, enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
	returned := func(event *historypb.HistoryEvent) bool {
		signal := event.GetWorkflowExecutionSignaledEventAttributes()
		var message workflows.HeldMessage
		for _, payload := range signal.GetInput().GetPayloads() {
			if err := json.Unmarshal(payload.GetData(), &message); err != nil {
				t.Fatal(err)
			}
		}
		return signal.GetSignalName() == workflows.HeldSignal && message.Turn == turn && message.Held == 0
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events := r.Client.GetWorkflowHistory(ctx, id, "", true, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			t.Fatal("the slots were not returned: ", err)
		}
		if returned(event) {
			break
		}
	}
	// Without slots nothing starts; with one, all the rest does.
	if err := r.Client.SignalWorkflow(ctx, workflows.MapID(id, "each"), "", workflows.SlotsSignal, workflows.SlotsMessage{Slots: 1, Turn: turn + 1}); err != nil {
		t.Fatal(err)
	}
	result, _ := end(t, r.Client.GetWorkflow(ctx, id, ""))
	same(t, "counts", *result.Items, protocol.Counts{Total: 60, Succeeded: 60})
}
