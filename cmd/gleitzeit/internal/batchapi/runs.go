package batchapi

import (
	"context"
	"io"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Runs executes the runs of batches. An error is a *protocol.Error or that of ctx.
type Runs interface {
	// Start starts a run of the plan under the id of the plan, which does not depend on anybody who waits for it.
	Start(ctx context.Context, p *plan.Plan) error
	// Find returns a run as it is now; nil if it has never started.
	Find(ctx context.Context, run string) (*view.Run, error)
	// Follow waits until a run has closed. A run whose process is gone is resumed in this process.
	Follow(ctx context.Context, run string) error
	// Cancel requests the cancellation of a run; its tasks end afterwards. One that has closed stays as it is.
	Cancel(ctx context.Context, run string) error
	// WriteResponses writes the lines of the output file and of the error file of a run that has closed, and returns how many each has.
	WriteResponses(ctx context.Context, run *view.Run, output, failures io.Writer) (answers, others int, err error)
	// Call sends a request to a server of models, as soon as no call of a higher priority waits for one.
	Call(ctx context.Context, c Call) (*Response, error)
	// Slots returns how many calls the servers of models take at once, all together.
	Slots() int
	// Models lists the models of the servers that requests are sent to. Those of a server that does not answer are missing; it is an error
	// if none does.
	Models(ctx context.Context) ([]Model, error)
}

// Call is a request that a client waits for.
type Call struct {
	Parameters value.Value // Of llm/request.
	Priority   int
	Stream     func(piece []byte) error // Receives a response that is streamed.
}

// Response is that of a server, unless it was streamed.
type Response struct {
	Status    int
	RequestID string
	Body      value.Value
}

// Model is a model of a server, and whose that is.
type Model struct{ Name, Provider string }
