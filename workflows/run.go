// Package workflows orchestrates runs on Temporal. Its code is replayed from history and so must be deterministic: no clock but the workflow's, no environment, disk or network,
// no ranging over maps, and every workflow a named top-level function.
package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// The names under which this package and package activities are registered with Temporal.
const (
	RunType        = "gleitzeit.run"
	OpenActivity   = "gleitzeit.open"
	CloseActivity  = "gleitzeit.close"
	ExpandActivity = "gleitzeit.expand"
	GatherActivity = "gleitzeit.gather"
	DecideActivity = "gleitzeit.decide"
	InputsActivity = "gleitzeit.inputs"
)

// Settings are the options with which a run is started. They are part of its input, so that a replay has the same.
type Settings struct {
	// Heartbeat is the time without a heartbeat after which a task counts as lost and is scheduled again. Default 30 s.
	Heartbeat protocol.Seconds `json:"heartbeat,omitempty"`
	// SearchAttributes says that the namespace has protocol.StatusAttribute, which the run updates.
	SearchAttributes bool `json:"search_attributes,omitempty"`
	// OwnQueue schedules all tasks on the run's own queue, whatever queue they name.
	OwnQueue bool `json:"own_queue,omitempty"`
}

// Start is the state in which a history of a run begins: the Settings alone in the first one.
type Start struct {
	Settings  Settings         `json:"settings,omitzero"`
	Opened    bool             `json:"opened,omitempty"`
	StartedAt time.Time        `json:"started_at,omitzero"`
	PlanRef   protocol.Ref     `json:"plan_ref,omitzero"`
	Ended     []plan.EndedTask `json:"ended,omitempty"`
	FanOuts   []FanOut         `json:"fan_outs,omitempty"` // Tasks whose items an earlier history had listed.
	Usage     protocol.Usage   `json:"usage,omitzero"`
	Items     *protocol.Counts `json:"items,omitempty"` // Of the workflows that tasks have run.

	TakeOver *protocol.TakeOver `json:"take_over,omitempty"` // The earlier runs whose results it takes over.
	Waiting  *Waiting           `json:"waiting,omitempty"`   // Tasks that wait for people.
	CleanUp  *CleanUp           `json:"cleanup,omitempty"`   // Of a run that was stopped, or whose clean-up has begun.

	Within *protocol.WithinRun `json:"within,omitempty"` // Of a run that a task of another one has started.
}

// FanOut is a task with items, for a run that continues in a new history.
type FanOut struct {
	Task      string           `json:"task"`
	Items     []string         `json:"items"`             // Paths, if the items are files.
	Folders   []string         `json:"folders,omitempty"` // Those in which the files were found.
	Values    []protocol.Item  `json:"values,omitempty"`
	Ref       *protocol.Ref    `json:"ref"` // The list of the items in the result store.
	StartedAt time.Time        `json:"started_at"`
	Warning   string           `json:"warning,omitempty"`
	Ended     []plan.EndedItem `json:"ended,omitempty"`
}

// Result is what a run returns. It is small: the tasks' results are in the result store.
type Result struct {
	Status    protocol.Status  `json:"status"`
	Completed int              `json:"completed"`
	Failed    int              `json:"failed"`
	Skipped   int              `json:"skipped"`
	Cancelled int              `json:"cancelled"`
	Items     *protocol.Counts `json:"items,omitempty"` // Of all tasks with items; nil where there is none.
	Outputs   protocol.Payload `json:"outputs,omitzero"`
	Usage     protocol.Usage   `json:"usage,omitzero"`
	Error     *protocol.Error  `json:"error,omitempty"`
	CleanUp   *protocol.Error  `json:"cleanup,omitempty"` // Why tasks in `finally` did not complete; it does not change the status.
}

// Run executes a plan: the workflow type gleitzeit.run.
func Run(ctx workflow.Context, p plan.Plan, start Start) (*Result, error) {
	if p.Format < 1 || p.Format > plan.Format {
		return nil, rejected("the plan has format %d, and this program reads formats up to %d", p.Format, plan.Format)
	}
	started := p // A history that continues this one begins with it.
	if start.Within != nil {
		p = *p.Under(start.Within.ID())
	}
	progress, err := plan.Begin(&p, start.Ended)
	if err != nil {
		return nil, rejectedBecause(err)
	}
	info := workflow.GetInfo(ctx)
	if !start.Opened {
		start.StartedAt = info.WorkflowStartTime.UTC()
	}
	r := &run{
		plan:     &p,
		start:    start,
		progress: progress,
		queue:    info.TaskQueueName,
		lists:    make([]*itemList, len(p.Tasks)),
		usage:    start.Usage,
		items:    start.Items,
		returned: workflow.GetSignalChannel(ctx, HeldSignal),
		calls: calls{
			plan:     &p,
			progress: progress,
			run: protocol.RunInfo{
				ID: info.WorkflowExecution.ID, Execution: info.FirstRunID, Workflow: p.Name,
				StartedAt: start.StartedAt, Folder: p.Folder, FlowFolder: p.FlowFolder, TakeOver: start.TakeOver,
			},
		},
	}
	if start.Within != nil {
		beWithin(r, start.Within)
	}
	r.calls.prepare()
	r.approvals.run = r
	if err := r.resume(); err != nil {
		return nil, rejectedBecause(err)
	}
	r.resumeCleanUp(ctx)
	if err := r.approvals.receive(ctx); err != nil {
		return nil, err
	}
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	if err := r.execute(ctx); err != nil {
		return nil, err
	}
	if !r.progress.Done() {
		return nil, workflow.NewContinueAsNewError(ctx, RunType, started, r.next())
	}
	return r.close(ctx)
}

// run is a run within one history.
type run struct {
	plan     *plan.Plan
	start    Start
	progress *plan.Progress
	queue    string
	calls    calls
	inFlight []started
	lists    []*itemList // By task; nil unless its items are known.
	spreads  []*spread   // The tasks whose items run in workflows of their own.
	returned workflow.ReceiveChannel
	usage    protocol.Usage
	items    *protocol.Counts // Of the workflows that tasks have run; nil where there is none.
	rows     []string         // The beginnings of the rows of the current details.
	failures [][]string       // By task: lines about its items that failed, for the current details.
	stopped  *protocol.Error  // Why nothing more starts: the run was cancelled, timed out, or failed fast.
	begun    int              // Tasks and items that have started in this history.
	sent     int64            // Bytes of calls scheduled in the workflow task at sentAt, a length of the history.
	sentAt   int
	nested   []*nested // The workflows that tasks run, in flight,
	room     room      // and what their starts need of a message.

	cancelTasks workflow.CancelFunc
	cancelNoted bool // The request to cancel that came in this history.
	cleanUp     cleanUp
	approvals   approvals
}

func rejected(format string, args ...any) error {
	return rejectedBecause(protocol.Errorf(protocol.WorkflowValidationFailed, format, args...))
}

// rejectedBecause fails the run: the plan, or what the run continues from, is invalid.
func rejectedBecause(err error) error {
	e, is := errors.AsType[*protocol.Error](err)
	if !is {
		e = protocol.Errorf(protocol.WorkflowValidationFailed, "%s", err)
	}
	return temporal.NewNonRetryableApplicationError(e.Message, e.Name, nil, e)
}
