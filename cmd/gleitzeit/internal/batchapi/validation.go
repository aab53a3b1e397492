package batchapi

import (
	"context"
	"fmt"
	"os"

	"github.com/gleitzeit/gleitzeit/internal/requestfile"
)

// maxProblems is how many errors of lines a batch has.
const maxProblems = 500

// validate validates the requests, a few batches at once. From then on the batch is in progress, also while it waits for the runs of others.
func (e *execution) validate(ctx context.Context, b *record) error {
	turn, begun := e.wait(ctx, e.validating, b)
	if !begun {
		return nil // The next step ends the batch.
	}
	defer e.validating.end(turn)
	summary, found, err := e.check(ctx, b)
	if err != nil {
		return err
	}
	return e.change(func(b *record) {
		switch invalid := len(found.Data) > 0; {
		case b.Status != Validating: // A client has cancelled it meanwhile.
		case invalid:
			b.Errors = found
			b.move(Failed)
		default:
			b.Counts.Total, b.Model = summary.Requests, summary.Model
			b.move(InProgress)
		}
	})
}

// check checks all lines as a whole, as the API does.
func (e *execution) check(ctx context.Context, b *record) (requestfile.Summary, *problems, error) {
	found := &problems{Object: "list", Data: []problem{}}
	from, err := os.Open(e.storage.path(contentFolder, b.Content))
	if err != nil {
		return requestfile.Summary{}, nil, err
	}
	defer func() { _ = from.Close() }() // It was only read.
	more := 0
	summary, err := requestfile.Check(interruptible{ctx, from}, requestfile.Options{Uniform: true, Endpoint: b.Endpoint}, e.options.MaxRequests, func(p requestfile.Problem) {
		if len(found.Data) >= maxProblems {
			more++
			return
		}
		found.add(p)
	})
	for _, p := range summary.File {
		found.add(p)
	}
	if more > 0 {
		found.add(requestfile.Problem{Code: requestfile.InvalidRequest, Message: fmt.Sprintf("%d more errors are not listed", more)})
	}
	return summary, found, err
}

// interruptible is a file that is no longer read when the server stops.
type interruptible struct {
	ctx  context.Context
	from *os.File
}

// Read implements io.Reader.
func (r interruptible) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}
