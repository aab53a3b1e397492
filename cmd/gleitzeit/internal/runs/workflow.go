package runs

import (
	"context"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

const (
	localHeartbeat    = protocol.Seconds(5)
	localWorkflowTask = 3 * time.Second
)

// launch is the queue on which a workflow starts, and the options of the start.
type launch struct {
	queue string // The Temporal task queue.
	// local: the engine runs on this machine. A lost process, and a cancellation, is noticed within seconds.
	local bool
	// ownQueue: all tasks of the run are on the queue, whatever queue they name: its process executes them, in its folder
	// and its environment, and those of no other run.
	ownQueue bool
	// noSearchAttributes: the namespace does not have those of runs.
	noSearchAttributes bool
	takeOver           *TakeOver // Nil: no earlier run is taken over.
}

// startWorkflow starts a run of the plan under the id. A run of the id that is still open is an error of the type
// serviceerror.WorkflowExecutionAlreadyStarted.
func startWorkflow(ctx context.Context, c client.Client, id string, p *plan.Plan, l launch) (client.WorkflowRun, error) {
	start := workflows.Start{Settings: workflows.Settings{SearchAttributes: !l.noSearchAttributes, OwnQueue: l.ownQueue && len(p.Queues()) > 0}}
	if l.takeOver != nil {
		start.TakeOver = l.takeOver.TakeOver
	}
	options := client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                l.queue,
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            view.WebUISummary(p),
		StaticDetails:                            view.WebUIDetails(p),
		Priority:                                 temporal.Priority{PriorityKey: int(p.Priority)},
	}
	if !l.noSearchAttributes {
		options.TypedSearchAttributes = temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(protocol.WorkflowAttribute).ValueSet(view.SearchName(p)),
			temporal.NewSearchAttributeKeyKeyword(protocol.StatusAttribute).ValueSet(string(protocol.Running)),
		)
	}
	if l.local {
		start.Settings.Heartbeat = localHeartbeat
		options.WorkflowTaskTimeout = localWorkflowTask
		options.EnableEagerStart = true
	}
	return c.ExecuteWorkflow(ctx, options, workflows.RunType, p, start)
}
