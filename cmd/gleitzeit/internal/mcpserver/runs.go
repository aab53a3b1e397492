package mcpserver

import (
	"context"
	"errors"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// ErrCalledOff is the cause with which the context of a call ends that its client has cancelled. A context that ends with
// another cause belongs to a client that went away, or to a server that stops.
var ErrCalledOff = errors.New("the call was cancelled")

// Step is how far a run has come.
type Step struct {
	Text  string  // What has just ended, on one line.
	Done  float64 // How many tasks have ended; items of one that runs once an item are parts of it. It grows from step to step.
	Total int     // How many tasks there are; 0 where that is not known.
}

// Runs executes runs, many at once. Documents come with the results of their tasks. An error is an *protocol.Error, or
// ctx's.
type Runs interface {
	// Run starts a run of the plan, or, unless it is to be a new one, goes on with an open run of an equal plan, and
	// waits for its end. When ctx ends with ErrCalledOff the run is cancelled, unless somebody else waits for it; when it
	// ends otherwise the run goes on.
	Run(ctx context.Context, p *plan.Plan, another bool, tell func(Step)) (*view.Run, error)
	// Submit starts a run of the plan that goes on whether or not somebody waits for it, and returns its id.
	Submit(ctx context.Context, p *plan.Plan) (run string, err error)
	// Follow waits for the end of a run, or for that of ctx, and then tells how it is. A run whose process is gone goes on
	// in this one.
	Follow(ctx context.Context, run string, tell func(Step)) (*view.Run, error)
	// Cancel ends a run and waits a while for its end.
	Cancel(ctx context.Context, run string) (*view.Run, error)
	// Find returns a run as it is now.
	Find(ctx context.Context, run string) (*view.Run, error)
	// List returns runs without their tasks, newest first.
	List(ctx context.Context, q Query) ([]*view.Run, error)
}

// Query says which runs are wanted.
type Query struct {
	Workflow string          // By its name; empty for all.
	Status   protocol.Status // Empty for all.
	Limit    int
}
