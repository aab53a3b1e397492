package worker

import (
	"context"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

const (
	localHeartbeat    = protocol.Seconds(5)
	localWorkflowTask = 3 * time.Second
)

// RunType is the workflow type of a run.
const RunType = workflows.RunType

// Run starts a run of the plan under the id, on the queue of the options. A run of the id that is still open is an
// error of the type serviceerror.WorkflowExecutionAlreadyStarted.
func Run(ctx context.Context, c client.Client, id string, p *plan.Plan, o Options) (client.WorkflowRun, error) {
	start := workflows.Start{Settings: workflows.Settings{SearchAttributes: !o.NoSearchAttributes}}
	options := client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                o.Queue,
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            bounded(p.Name, maxSummary),
		StaticDetails:                            Details(p),
		Priority:                                 temporal.Priority{PriorityKey: int(p.Priority)},
	}
	start.Settings.OwnQueue = o.OwnQueue && len(p.Queues()) > 0
	if !o.NoSearchAttributes {
		options.TypedSearchAttributes = temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(protocol.WorkflowAttribute).ValueSet(bounded(p.Name, maxAttribute)),
			temporal.NewSearchAttributeKeyKeyword(protocol.StatusAttribute).ValueSet(string(protocol.Running)),
		)
	}
	if o.Local {
		start.Settings.Heartbeat = localHeartbeat
		options.WorkflowTaskTimeout = localWorkflowTask
		options.EnableEagerStart = true
	}
	return c.ExecuteWorkflow(ctx, options, workflows.RunType, p, start)
}
