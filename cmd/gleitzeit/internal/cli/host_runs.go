package cli

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/mcpserver"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Run implements mcpserver.Runs.
func (h *host) Run(ctx context.Context, p *plan.Plan, another bool, tell func(mcpserver.Step)) (*view.Run, error) {
	run, err := h.begin(ctx, p, another, false)
	if err != nil {
		return nil, err
	}
	leave := h.wait(run)
	document, err := h.Follow(ctx, run, tell)
	last := leave()
	if ctx.Err() == nil || (document != nil && document.Status.Ended()) {
		return document, err
	}
	if last && errors.Is(context.Cause(ctx), mcpserver.ErrCalledOff) {
		h.program.say("cancelling run %s, which nobody waits for any more", run)
		if err := h.ask(run); err != nil {
			h.session.log.Error("the run could not be cancelled", "run", run, "error", err)
		}
	}
	return nil, context.Cause(ctx)
}

// Submit implements mcpserver.Runs.
func (h *host) Submit(ctx context.Context, p *plan.Plan) (string, error) {
	return h.begin(ctx, p, true, true)
}

// readFor bounds what is still asked when the time to wait is over.
const readFor = 10 * time.Second

// Follow implements mcpserver.Runs.
func (h *host) Follow(ctx context.Context, run string, tell func(mcpserver.Step)) (*view.Run, error) {
	run, runID, err := h.open(ctx, run)
	if err != nil {
		return nil, err
	}
	if runID != "" {
		if err := h.follow(ctx, run, runID, tell); err != nil {
			return nil, err
		}
	}
	reading, done := context.WithTimeout(context.WithoutCancel(ctx), readFor)
	defer done()
	return h.read(reading, run)
}

// open returns the id of a run and, while it is open, that of its first Temporal run.
func (h *host) open(ctx context.Context, run string) (id, runID string, err error) {
	if err := h.ready(); err != nil {
		return "", "", err
	}
	asking, done := context.WithTimeout(context.WithoutCancel(ctx), readFor)
	defer done()
	if run, err = h.session.resolve(asking, run); err != nil {
		return "", "", err
	}
	described, err := h.session.client.DescribeWorkflowExecution(asking, run, "")
	if _, unknown := errors.AsType[*serviceerror.NotFound](err); unknown {
		return run, "", nil // The store may know it.
	}
	if err != nil {
		return "", "", protocol.Errorf(protocol.EngineUnreachable, "the engine does not say how run %s is: %s", run, err)
	}
	info := described.GetWorkflowExecutionInfo()
	if statusOf(info.GetStatus()).Ended() {
		return run, "", nil
	}
	return run, info.GetFirstRunId(), nil
}

// follow waits until a run has closed or ctx is done, and executes it from when its process is gone.
func (h *host) follow(ctx context.Context, run, runID string, tell func(mcpserver.Step)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	events := make(chan taskEvent)
	closed := make(chan error, 1)
	go func() { closed <- h.session.watch(ctx, run, runID, events) }()
	gone := h.standBy(ctx, run)
	steps := newSteps(h, run, tell)
	for {
		select {
		case event := <-events:
			if err := steps.take(ctx, event); err != nil && ctx.Err() == nil {
				return err
			}
		case err := <-closed:
			if ctx.Err() != nil {
				return nil
			}
			return err
		case held := <-gone:
			h.program.say("the process that executed run %s is gone; going on here", run)
			if err := h.takeOver(held, runID); err != nil {
				return err
			}
		}
	}
}

// standBy waits until the process that executes a run of this home is gone; its claim then comes through the channel.
func (h *host) standBy(ctx context.Context, run string) <-chan *home.HeldClaim {
	gone := make(chan *home.HeldClaim)
	if h.hosts(run) != nil {
		return gone
	}
	go func() {
		held, err := h.session.home.TakeClaim(ctx, run)
		if err != nil {
			return // Nobody of this home has ever executed it, or ctx is done.
		}
		select {
		case gone <- held:
		case <-ctx.Done():
			if err := held.Release(false); err != nil {
				h.session.log.Error("a claim is not released", "run", run, "error", err)
			}
		}
	}()
	return gone
}

// read returns the document of a run with the results of its tasks.
func (h *host) read(ctx context.Context, run string) (*view.Run, error) {
	document, err := h.session.document(ctx, run)
	if err != nil {
		return nil, err
	}
	if document == nil {
		return nil, h.session.notFound(run)
	}
	return document, document.AddResults(ctx, h.session.store)
}

// Find implements mcpserver.Runs.
func (h *host) Find(ctx context.Context, run string) (*view.Run, error) {
	if err := h.ready(); err != nil {
		return nil, err
	}
	run, err := h.session.resolve(ctx, run)
	if err != nil {
		return nil, err
	}
	return h.read(ctx, run)
}

// List implements mcpserver.Runs.
func (h *host) List(ctx context.Context, q mcpserver.Query) ([]*view.Run, error) {
	if err := h.ready(); err != nil {
		return nil, err
	}
	return h.session.runs(ctx, resultstore.Query{Workflow: q.Workflow, Status: q.Status, Limit: q.Limit})
}

// endFor is how long Cancel waits for a run to end.
const endFor = 15 * time.Second

// Cancel implements mcpserver.Runs.
func (h *host) Cancel(ctx context.Context, run string) (*view.Run, error) {
	run, runID, err := h.open(ctx, run)
	if err != nil {
		return nil, err
	}
	if runID == "" {
		document, err := h.read(ctx, run)
		if err != nil {
			return nil, err
		}
		return nil, protocol.Errorf(protocol.InvalidParams, "run %s has ended already: it is %s", run, document.Status)
	}
	if err := h.ask(run); err != nil {
		return nil, protocol.Errorf(protocol.EngineUnreachable, "run %s could not be cancelled: %s", run, err)
	}
	ending, done := context.WithTimeout(ctx, endFor)
	defer done()
	return h.Follow(ending, run, func(mcpserver.Step) {})
}

// ask asks for the end of a run.
func (h *host) ask(run string) error {
	ctx, done := context.WithTimeout(h.living, cancelTimeout)
	defer done()
	return h.session.client.CancelWorkflow(ctx, run, "")
}
