// Package worker registers workflows and activities with a Temporal worker, and lists the protocols. It knows no home folder and
// no command line.
package worker

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// Options say which queue a worker serves and how.
type Options struct {
	Queue string // The Temporal task queue.
	// Local: the engine runs on this machine. Lost workers and cancellations are noticed within seconds.
	Local bool
	Slots int           // Maximum number of tasks in flight; 0 is the limit of Temporal.
	Drain time.Duration // How long Stop waits for tasks in flight; 0 is 5 s.
	// DecidesOnly: it runs workflows, and no tasks. They wait for another worker.
	DecidesOnly bool
	Fatal       func(error) // Called with the error of a worker that stopped by itself. It must not block.
}

const (
	// maxSlots is Temporal's limit for the tasks of a run in flight; the setting for users is max_parallel.
	maxSlots = 2000
	// localSticky is how long a workflow task waits for a process that had the run in its cache and may have ended.
	localSticky = time.Second
	stopGrace   = 5 * time.Second
)

// Worker executes the tasks of its queue.
type Worker struct {
	temporal worker.Worker
}

// New returns a worker that has not started. The activities are those of activities.New.
func New(c client.Client, acts *activities.Activities, o Options) *Worker {
	w := worker.New(c, o.Queue, TemporalOptions(o))
	Register(w, acts)
	return &Worker{w}
}

// TemporalOptions returns the options of the Temporal worker.
func TemporalOptions(o Options) worker.Options {
	options := worker.Options{
		MaxConcurrentActivityExecutionSize: cmp.Or(o.Slots, maxSlots),
		WorkerStopTimeout:                  cmp.Or(o.Drain, stopGrace),
		OnFatalError:                       o.Fatal,
		LocalActivityWorkerOnly:            o.DecidesOnly,
	}
	if o.Local {
		options.StickyScheduleToStartTimeout = localSticky
	}
	return options
}

// registry registers workflows and activities: a worker, or a test's environment.
type registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
	RegisterDynamicActivity(a any, options activity.DynamicRegisterOptions)
}

// Register registers every workflow and activity of this program.
func Register(r registry, acts *activities.Activities) {
	r.RegisterWorkflowWithOptions(workflows.Run, workflow.RegisterOptions{Name: workflows.RunType})
	r.RegisterWorkflowWithOptions(workflows.RunItems, workflow.RegisterOptions{Name: workflows.MapType})
	r.RegisterActivityWithOptions(acts.Open, activity.RegisterOptions{Name: workflows.OpenActivity})
	r.RegisterActivityWithOptions(acts.Close, activity.RegisterOptions{Name: workflows.CloseActivity})
	r.RegisterActivityWithOptions(acts.Expand, activity.RegisterOptions{Name: workflows.ExpandActivity})
	r.RegisterActivityWithOptions(acts.Gather, activity.RegisterOptions{Name: workflows.GatherActivity})
	r.RegisterActivityWithOptions(acts.Page, activity.RegisterOptions{Name: workflows.PageActivity})
	r.RegisterActivityWithOptions(acts.Ask, activity.RegisterOptions{Name: workflows.AskActivity})
	r.RegisterActivityWithOptions(acts.Answer, activity.RegisterOptions{Name: workflows.AnswerActivity})
	r.RegisterActivityWithOptions(acts.Inputs, activity.RegisterOptions{Name: workflows.InputsActivity})
	r.RegisterActivityWithOptions(acts.Decide, activity.RegisterOptions{Name: workflows.DecideActivity})
	r.RegisterDynamicActivity(acts.Task, activity.DynamicRegisterOptions{})
}

// Start starts polling.
func (w *Worker) Start() error { return w.temporal.Start() }

// Stop stops polling, waits for tasks in flight up to Options.Drain, and then cancels them.
func (w *Worker) Stop() { w.temporal.Stop() }
