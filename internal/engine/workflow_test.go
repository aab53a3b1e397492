package engine

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// steps runs two activities after one another.
func steps(ctx workflow.Context) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var first, second string
	if err := workflow.ExecuteActivity(ctx, "first").Get(ctx, &first); err != nil {
		return "", err
	}
	if err := workflow.ExecuteActivity(ctx, "second").Get(ctx, &second); err != nil {
		return "", err
	}
	return first + second, nil
}

// untilSuggested returns the number of events after which the server suggests to continue as new.
func untilSuggested(ctx workflow.Context) (int, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		if err := workflow.ExecuteActivity(ctx, "first").Get(ctx, nil); err != nil {
			return 0, err
		}
	}
	return workflow.GetInfo(ctx).GetCurrentHistoryLength(), nil
}

// bench is a worker whose second activity waits until it is let go on.
type bench struct {
	client   client.Client
	firsts   chan struct{} // One for each time that the first activity ran.
	reached  chan struct{} // The second activity runs.
	released chan struct{} // Closed to let it end.
}

const benchQueue = "bench"

func newBench(t testing.TB, e *Engine) *bench {
	t.Helper()
	c, err := e.Client(testContext(t), nil)
	must(t, err)
	b := &bench{client: c, firsts: make(chan struct{}, 100), reached: make(chan struct{}, 100), released: make(chan struct{})}
	w := worker.New(c, benchQueue, worker.Options{})
	w.RegisterWorkflow(steps)
	w.RegisterWorkflow(untilSuggested)
	w.RegisterActivityWithOptions(b.first, activity.RegisterOptions{Name: "first"})
	w.RegisterActivityWithOptions(b.second, activity.RegisterOptions{Name: "second"})
	must(t, w.Start())
	t.Cleanup(func() {
		w.Stop()
		c.Close()
	})
	return b
}

func (b *bench) first(context.Context) (string, error) {
	b.firsts <- struct{}{}
	return "one ", nil
}

func (b *bench) second(ctx context.Context) (string, error) {
	b.reached <- struct{}{}
	select {
	case <-b.released:
		return "two", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (b *bench) start(t testing.TB) client.WorkflowRun {
	t.Helper()
	run, err := b.client.ExecuteWorkflow(testContext(t), client.StartWorkflowOptions{TaskQueue: benchQueue}, steps)
	must(t, err)
	return run
}

// expectDone checks that the run completes and that its first activity ran once.
func (b *bench) expectDone(t testing.TB, run client.WorkflowRun) {
	t.Helper()
	var result string
	must(t, run.Get(testContext(t), &result))
	if result != "one two" {
		t.Errorf("the workflow returned %q, want %q", result, "one two")
	}
	if ran := len(b.firsts); ran != 1 {
		t.Errorf("the first activity ran %d times, want once", ran)
	}
}
