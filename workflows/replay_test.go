package workflows_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"

	"github.com/gleitzeit/gleitzeit/workflows"
)

// recorded names the histories under testdata/histories, as histories_test.go records them. A history is never
// removed: runs that were started by old code continue with new code.
var recorded = []string{
	"example-hello-1", "example-python-1", "example-mixed-1",
	"continued-1", "continued-2", "failed-1", "cancelled-1", "killed-1",
	"batch-failing-1", "batch-cancelled-1",
	"failed-fast-1", "going-on-1", "conditional-1", "for-each-1", "for-each-2", "for-each-when-1",
	"items-1", "items-2", "items-of-each-1", "items-of-failing-1", "items-of-none-1", "items-of-again-1", "items-when-1", "items-when-of-each-1",
	"items-when-of-none-1", "items-failing-1", "items-failing-of-batch-1", "items-cancelled-1", "items-cancelled-of-batch-1",
	"cleanup-always-1", "cleanup-always-of-each-1", "cleanup-cancelled-1", "cleanup-cancelled-of-each-1", "cleanup-continued-1", "cleanup-continued-2", "cleanup-continued-3", "cleanup-killed-1", "cleanup-late-1", "cleanup-slow-1", "repeated-1", "repeated-killed-1",
	"steps-1", "steps-of-each-1", "steps-of-named-1",
	"approved-1", "approved-continued-1", "approved-continued-2", "approved-never-1",
	"within-1", "within-of-sub-1", "within-of-deep-1", "within-cancelled-1", "within-cancelled-of-sub-1", "within-continued-1", "within-continued-of-sub-1",
	"within-continued-of-sub-2", "within-continued-of-sub-3", "within-continued-of-sub-4", "within-killed-1", "within-killed-of-sub-1",
	"within-each-1", "within-each-of-sub-1", "within-each-cancelled-1", "within-each-cancelled-of-sub-1",
	"reduced-1", "reduced-of-texts-1", "reduced-of-report-1", "reduced-failing-1", "reduced-failing-of-texts-1", "reduced-failing-of-report-1",
	"reduced-by-key-1", "reduced-by-key-of-texts-1", "reduced-by-key-of-report-1", "reduced-by-key-of-each-1",
	"reduced-cancelled-1", "reduced-cancelled-of-texts-1", "reduced-cancelled-of-report-1",
}

func TestHistoriesReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(recorded) {
		t.Errorf("%d files, %d names", len(files), len(recorded))
	}
	for _, name := range recorded {
		t.Run(name, func(t *testing.T) {
			if err := replay(readHistory(t, name)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReplayFindsChanges makes sure that the test above can fail.
func TestReplayFindsChanges(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*historypb.HistoryEvent)
		wanted string
	}{
		{"another order", func(event *historypb.HistoryEvent) {
			if scheduled := event.GetActivityTaskScheduledEventAttributes(); scheduled != nil && scheduled.GetActivityId() == "shout" {
				scheduled.ActivityId = "shouts"
			}
		}, "nondeterministic"},
		{"another result", func(event *historypb.HistoryEvent) {
			if closed := event.GetWorkflowExecutionCompletedEventAttributes(); closed != nil {
				data := closed.GetResult().GetPayloads()[0]
				data.Data = bytes.Replace(data.Data, []byte(`"completed":3`), []byte(`"completed":2`), 1)
			}
		}, "returned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			history := readHistory(t, "example-hello-1")
			for _, event := range history.GetEvents() {
				c.change(event)
			}
			if err := replay(history); err == nil || !strings.Contains(err.Error(), c.wanted) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func readHistory(t *testing.T, name string) *historypb.History {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata/histories", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	history, err := client.HistoryFromJSON(file, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return history
}

// replay replays the history, and compares what the run returns with what was recorded: the replayer itself compares
// commands, not values.
func replay(history *historypb.History) error {
	seen := &ending{}
	replayer, err := sdkworker.NewWorkflowReplayerWithOptions(sdkworker.WorkflowReplayerOptions{Interceptors: []interceptor.WorkerInterceptor{seen}})
	if err != nil {
		return err
	}
	replayer.RegisterWorkflowWithOptions(workflows.Run, workflow.RegisterOptions{Name: workflows.RunType})
	replayer.RegisterWorkflowWithOptions(workflows.RunItems, workflow.RegisterOptions{Name: workflows.MapType})
	id := history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowId() // The ids of children begin with it.
	options := sdkworker.ReplayWorkflowHistoryOptions{OriginalExecution: workflow.Execution{ID: id}}
	if err := replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history, options); err != nil {
		return err
	}
	events := history.GetEvents()
	wanted, got := closing(events[len(events)-1]), seen.payloads
	if len(wanted.GetPayloads()) == 0 {
		return errors.New("the history does not end with a result")
	}
	if len(got.GetPayloads()) != len(wanted.GetPayloads()) {
		return fmt.Errorf("returned %d payloads instead of %d", len(got.GetPayloads()), len(wanted.GetPayloads()))
	}
	for i, payload := range wanted.GetPayloads() {
		if !proto.Equal(payload, got.GetPayloads()[i]) {
			return fmt.Errorf("returned %s\ninstead of %s", got.GetPayloads()[i].GetData(), payload.GetData())
		}
	}
	return nil
}

// closing returns what a run returned: its result, the details of its failure, or the input of the next history.
func closing(event *historypb.HistoryEvent) *commonpb.Payloads {
	switch {
	case event.GetWorkflowExecutionCompletedEventAttributes() != nil:
		return event.GetWorkflowExecutionCompletedEventAttributes().GetResult()
	case event.GetWorkflowExecutionFailedEventAttributes() != nil:
		return event.GetWorkflowExecutionFailedEventAttributes().GetFailure().GetApplicationFailureInfo().GetDetails()
	case event.GetWorkflowExecutionCanceledEventAttributes() != nil:
		return event.GetWorkflowExecutionCanceledEventAttributes().GetDetails()
	}
	return event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetInput()
}

// ending keeps what the workflow returned.
type ending struct {
	interceptor.WorkerInterceptorBase
	payloads *commonpb.Payloads
}

func (e *ending) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &inbound{ending: e}
	i.Next = next
	return i
}

type inbound struct {
	interceptor.WorkflowInboundInterceptorBase
	ending *ending
}

func (i *inbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	result, err := i.Next.ExecuteWorkflow(ctx, in)
	values := []any{result}
	var own workflows.Result
	if app, is := errors.AsType[*temporal.ApplicationError](err); is && app.Details(&own) == nil {
		values = []any{own}
	} else if cancelled, is := errors.AsType[*temporal.CanceledError](err); is && cancelled.Details(&own) == nil {
		values = []any{own}
	} else if next, is := errors.AsType[*workflow.ContinueAsNewError](err); is {
		i.ending.payloads = next.Input
		return result, err
	}
	encoded, failed := converter.GetDefaultDataConverter().ToPayloads(values...)
	if failed != nil {
		return nil, failed
	}
	i.ending.payloads = encoded
	return result, err
}
