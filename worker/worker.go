// Package worker puts the workflows and activities on a Temporal worker, lists the protocols, and starts runs. It is
// all that a process needs to execute; it knows no home folder and no command line.
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
	// Local: the engine runs on this machine. What is lost is noticed, and a cancel heard, within seconds.
	Local bool
	Slots int           // Tasks in flight at once; 0 is as many as Temporal lets wait.
	Drain time.Duration // What Stop grants to tasks in flight; 0 is 5 s.
	Fatal func(error)   // Hears why the worker polls no more, where it gave up by itself. It must not block.
}

const (
	// maxSlots is Temporal's limit on what a run has in flight: its own max_parallel is what people set.
	maxSlots = 2000
	// localSticky is how long a workflow task waits for the process that had the run in its cache and is gone.
	localSticky = time.Second
	stopGrace   = 5 * time.Second
)

// Worker executes what its task queue brings.
type Worker struct {
	temporal worker.Worker
}

// New returns a worker that has not started. The activities are those of activities.New.
func New(c client.Client, acts *activities.Activities, o Options) *Worker {
	w := worker.New(c, o.Queue, TemporalOptions(o))
	Register(w, acts)
	return &Worker{w}
}

// TemporalOptions are those of the Temporal worker itself.
func TemporalOptions(o Options) worker.Options {
	options := worker.Options{
		MaxConcurrentActivityExecutionSize: cmp.Or(o.Slots, maxSlots),
		WorkerStopTimeout:                  cmp.Or(o.Drain, stopGrace),
		OnFatalError:                       o.Fatal,
	}
	if o.Local {
		options.StickyScheduleToStartTimeout = localSticky
	}
	return options
}

// registry is what workflows and activities are registered with: a worker, or a test's environment.
type registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
	RegisterDynamicActivity(a any, options activity.DynamicRegisterOptions)
}

// Register names every workflow and activity of this program.
func Register(r registry, acts *activities.Activities) {
	r.RegisterWorkflowWithOptions(workflows.Run, workflow.RegisterOptions{Name: workflows.RunType})
	r.RegisterActivityWithOptions(acts.Open, activity.RegisterOptions{Name: workflows.OpenActivity})
	r.RegisterActivityWithOptions(acts.Close, activity.RegisterOptions{Name: workflows.CloseActivity})
	r.RegisterActivityWithOptions(acts.Expand, activity.RegisterOptions{Name: workflows.ExpandActivity})
	r.RegisterActivityWithOptions(acts.Gather, activity.RegisterOptions{Name: workflows.GatherActivity})
	r.RegisterActivityWithOptions(acts.Decide, activity.RegisterOptions{Name: workflows.DecideActivity})
	r.RegisterDynamicActivity(acts.Task, activity.DynamicRegisterOptions{})
}

// Start begins to poll.
func (w *Worker) Start() error { return w.temporal.Start() }

// Stop takes nothing new, lets what runs end for as long as Options.Drain says, and then cancels it.
func (w *Worker) Stop() { w.temporal.Stop() }
