package mcpserver

import (
	"context"
	"errors"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// ErrCallCancelled is the cause of a call's context that ends because its client cancelled the call. With any other cause
// the client has disconnected or the server stops.
var ErrCallCancelled = errors.New("the call was cancelled")

// Step is the progress of a run.
type Step struct {
	Text  string  // The task that has just ended, on one line.
	Done  float64 // Number of tasks that have ended; each item is a part of its task. It grows from step to step.
	Total int     // Number of tasks; 0 if it is not known.
}

// Observer observes a run for a call.
type Observer struct {
	Wait func() (done func())            // Called when the wait for the run's end begins; done when it is over.
	Step func(Step)                      // Called for each step of the progress.
	Ask  func(context.Context, Question) // Called when a task waits for a person. ctx ends when it was answered, or with the call. Nil: nobody can be asked.
}

// Runs executes runs, many at once. Documents contain the results of the tasks. An error is a *protocol.Error or that of
// ctx.
type Runs interface {
	// Run starts a run of the plan, or, unless another is set, resumes an open run of an equal plan, and waits for its end.
	// If ctx ends with ErrCallCancelled, the run is cancelled, unless another call waits for it; if ctx ends with another
	// cause, the run stays open.
	Run(ctx context.Context, p *plan.Plan, another bool, o Observer) (*view.Run, error)
	// Submit starts a run of the plan, which does not depend on a call that waits for it, and returns its id.
	Submit(ctx context.Context, p *plan.Plan) (run string, err error)
	// Follow waits until a run or ctx ends, and returns the run as it is then. A run whose process is gone is resumed in this
	// process.
	Follow(ctx context.Context, run string, o Observer) (*view.Run, error)
	// Cancel cancels a run and waits a while for its end.
	Cancel(ctx context.Context, run string) (*view.Run, error)
	// Find returns a run as it is now.
	Find(ctx context.Context, run string) (*view.Run, error)
	// List returns runs without their tasks, newest first.
	List(ctx context.Context, q Query) ([]*view.Run, error)
}

// Query selects runs.
type Query struct {
	Workflow string          // Name of the workflow; empty for all.
	Status   protocol.Status // Empty for all.
	Limit    int
}
