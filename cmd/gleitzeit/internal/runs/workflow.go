package runs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
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

// start returns what a run of the plan begins with.
func (l launch) start(p *plan.Plan) workflows.Start {
	start := workflows.Start{Settings: workflows.Settings{SearchAttributes: !l.noSearchAttributes, OwnQueue: l.ownQueue && len(p.Queues()) > 0}}
	if l.takeOver != nil {
		start.TakeOver = l.takeOver.TakeOver
	}
	if l.local {
		start.Settings.Heartbeat = localHeartbeat
	}
	return start
}

// searchAttributes returns those with which a run of the plan begins.
func (l launch) searchAttributes(p *plan.Plan) temporal.SearchAttributes {
	if l.noSearchAttributes {
		return temporal.NewSearchAttributes()
	}
	return temporal.NewSearchAttributes(
		temporal.NewSearchAttributeKeyKeyword(protocol.WorkflowAttribute).ValueSet(view.SearchName(p)),
		temporal.NewSearchAttributeKeyKeyword(protocol.StatusAttribute).ValueSet(string(protocol.Running)),
	)
}

// workflowTaskTimeout returns the time after which a workflow task of a lost process is done again; 0 is the server's default.
func (l launch) workflowTaskTimeout() time.Duration {
	if l.local {
		return localWorkflowTask
	}
	return 0
}

// startWorkflow starts a run of the plan under the id. A run of the id that is still open is an error of the type
// serviceerror.WorkflowExecutionAlreadyStarted.
func startWorkflow(ctx context.Context, c client.Client, id string, p *plan.Plan, l launch) (client.WorkflowRun, error) {
	return c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                l.queue,
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowTaskTimeout:                      l.workflowTaskTimeout(),
		EnableEagerStart:                         l.local,
		StaticSummary:                            view.WebUISummary(p),
		StaticDetails:                            view.WebUIDetails(p),
		TypedSearchAttributes:                    l.searchAttributes(p),
		Priority:                                 temporal.Priority{PriorityKey: int(p.Priority)},
	}, workflows.RunType, p, l.start(p))
}

// Submit starts a run of the plan on a task queue, for whoever serves it, and returns its id. Nothing of it is executed
// here. over is nil if the run takes over no earlier one.
func (s *Session) Submit(ctx context.Context, p *plan.Plan, queue string, over *TakeOver) (string, error) {
	id, err := runID(p)
	if err != nil {
		return "", err
	}
	l := s.launchOn(ctx, queue)
	l.takeOver = over
	_, err = startWorkflow(ctx, s.client, id, p, l)
	if _, open := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); open {
		return "", stillOpen(id)
	}
	if err != nil {
		return "", s.failed(err, "cannot start the run")
	}
	return id, nil
}

// launchOn returns the options of a start on a queue that workers of the server serve.
func (s *Session) launchOn(ctx context.Context, queue string) launch {
	return launch{queue: queue, local: s.cluster == nil, noSearchAttributes: s.cluster != nil && !s.cluster.SearchAttributes(ctx, s.client)}
}

// Scheduled returns what a schedule does: it starts runs of the plan on a task queue, whose ids are the name and a time.
func (s *Session) Scheduled(ctx context.Context, p *plan.Plan, queue, name string) *client.ScheduleWorkflowAction {
	l := s.launchOn(ctx, queue)
	return &client.ScheduleWorkflowAction{
		ID:                    name,
		Workflow:              workflows.RunType,
		Args:                  []any{p, l.start(p)},
		TaskQueue:             queue,
		WorkflowTaskTimeout:   l.workflowTaskTimeout(),
		StaticSummary:         view.WebUISummary(p),
		StaticDetails:         view.WebUIDetails(p),
		TypedSearchAttributes: l.searchAttributes(p),
		Priority:              temporal.Priority{PriorityKey: int(p.Priority)},
	}
}

// Schedules returns the schedules of the Temporal server.
func (s *Session) Schedules() client.ScheduleClient { return s.client.ScheduleClient() }

// ServerError returns the error of a request to the Temporal server, in words about what was wanted: a format and its arguments.
func (s *Session) ServerError(err error, format string, args ...any) error {
	return s.failed(err, format, args...)
}

const (
	// restartTimeout bounds the search for interrupted activities. Those that it does not find start again when their heartbeats are
	// missed.
	restartTimeout = 2 * time.Second
	// restartPause is the time until an interrupted activity starts again.
	restartPause = time.Millisecond
	// namedActivities is how many interrupted activities a notice names.
	namedActivities = 3
)

// restartInterrupted lets the activities of a run that a process of before has started start again at once, and returns their ids. Nobody
// executes them: this process holds the claim of the run, and has yet to serve its queue.
func restartInterrupted(ctx context.Context, c *connection, run string) []string {
	ctx, done := context.WithTimeout(ctx, restartTimeout)
	defer done()
	var restarted []string
	for ids := []string{run}; len(ids) > 0; ids = ids[1:] {
		id := ids[0]
		described, err := c.client.DescribeWorkflowExecution(ctx, id, "")
		if err != nil {
			c.log.Warn("cannot look for interrupted tasks", "workflow", id, "error", err)
			continue
		}
		for _, child := range described.GetPendingChildren() {
			if kind := child.GetWorkflowTypeName(); kind == workflows.MapType || kind == workflows.RunType {
				ids = append(ids, child.GetWorkflowId())
			}
		}
		for _, activity := range described.GetPendingActivities() {
			if activity.GetState() != enums.PENDING_ACTIVITY_STATE_STARTED {
				continue // It waits for a worker, or was cancelled: that is not to become a failure.
			}
			_, err := c.client.WorkflowService().RespondActivityTaskFailedById(ctx, &workflowservice.RespondActivityTaskFailedByIdRequest{
				Namespace: c.namespace(), WorkflowId: id, ActivityId: activity.GetActivityId(), Identity: identity(), Failure: history.Interruption(restartPause),
			})
			if err != nil {
				c.log.Warn("cannot restart an interrupted task", "workflow", id, "activity", activity.GetActivityId(), "error", err)
				continue
			}
			restarted = append(restarted, activity.GetActivityId())
		}
	}
	return restarted
}

// notifyRestarted says which interrupted activities start again.
func notifyRestarted(c *connection, run string, activities []string) {
	if len(activities) == 0 {
		return
	}
	named, more := activities, ""
	if len(named) > namedActivities {
		named, more = named[:namedActivities], fmt.Sprintf(" and %d more", len(named)-namedActivities)
	}
	c.notify(Restarted, run, "restarted what was interrupted: %s%s", strings.Join(named, ", "), more)
}
