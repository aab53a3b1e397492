package cli

import (
	"context"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/mcpserver"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/progress"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// mcpRuns executes runs for MCP clients, which come and go: mcpserver.Runs over an executor.
type mcpRuns struct {
	session  *runs.Session
	executor *runs.Executor
	living   context.Context // Ends with the process.
	say      func(format string, args ...any)
}

// resumeCommand resumes the runs of an MCP server that has stopped.
const resumeCommand = "gleitzeit server"

// Run implements mcpserver.Runs.
func (m *mcpRuns) Run(ctx context.Context, p *plan.Plan, another bool, o mcpserver.Observer) (*view.Run, error) {
	// Not with the call's context: a start that was cut off may leave a run that nobody executes.
	h, err := m.executor.Start(m.living, p, runs.StartOptions{Command: resumeCommand, New: another, Abandon: ctx.Done()})
	if errors.Is(err, runs.ErrAbandoned) {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	document, err := m.follow(ctx, h, o)
	if ctx.Err() == nil || (document != nil && document.Status.Ended()) {
		h.Release(err == nil && delivered(ctx))
		return document, err
	}
	unwanted := errors.Is(context.Cause(ctx), mcpserver.ErrCallCancelled) && h.Abandon()
	if unwanted {
		m.say("cancelling run %s: no call waits for it any more", h.Run)
		if err := h.Cancel(m.living); err != nil {
			m.session.Log().Error("cannot cancel the run", "run", h.Run, "error", err)
			unwanted = false // The run continues: its results stay for whoever asks again.
			h.Keep()
		}
	}
	h.Release(unwanted)
	return nil, context.Cause(ctx)
}

// delivered reports whether the answer to a call reaches the client: not that to a call which was cancelled, or whose server
// ends.
func delivered(ctx context.Context) bool {
	return ctx.Err() == nil || errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}

// Submit implements mcpserver.Runs.
func (m *mcpRuns) Submit(ctx context.Context, p *plan.Plan) (string, error) {
	return m.executor.Submit(ctx, p, resumeCommand)
}

// readTimeout bounds what is asked when the time to wait is over.
const readTimeout = 10 * time.Second

// Follow implements mcpserver.Runs.
func (m *mcpRuns) Follow(ctx context.Context, run string, o mcpserver.Observer) (*view.Run, error) {
	h, document, err := m.open(ctx, run)
	if err != nil || h == nil {
		return document, err
	}
	document, err = m.follow(ctx, h, o)
	h.Release(err == nil && document.Status.Ended() && delivered(ctx))
	return document, err
}

// open returns a handle of a run, or, where it is not open, its document.
func (m *mcpRuns) open(ctx context.Context, run string) (*runs.Handle, *view.Run, error) {
	if err := m.executor.Ready(); err != nil {
		return nil, nil, err
	}
	asking, done := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer done()
	run, err := m.session.Resolve(asking, run)
	if err != nil {
		return nil, nil, err
	}
	h, err := m.executor.Attach(asking, run)
	if err != nil {
		return nil, nil, err
	}
	if h == nil {
		document, err := m.session.KnownWithResults(asking, run)
		return nil, document, err
	}
	return h, nil, nil
}

// follow waits until the run has closed or ctx is done, and returns how it is then.
func (m *mcpRuns) follow(ctx context.Context, h *runs.Handle, o mcpserver.Observer) (*view.Run, error) {
	total := 0
	if p := h.Plan(); p != nil {
		total = len(p.All())
	}
	done := o.Wait()
	steps := &progress.Steps{Run: h.Run, Store: h.Store(), Total: total, Report: func(s progress.Step) {
		o.Step(mcpserver.Step(s))
	}}
	if o.Ask != nil {
		steps.Ask = func(ctx context.Context, task string) { m.ask(ctx, h, task, o.Ask) }
	}
	err := h.Follow(ctx, steps)
	done()
	if err != nil && ctx.Err() == nil {
		return nil, err
	}
	reading, stop := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer stop()
	return m.session.KnownWithResults(reading, h.Run)
}

// ask asks the user of a client what a task asks, if it still waits.
func (m *mcpRuns) ask(ctx context.Context, h *runs.Handle, task string, ask func(context.Context, mcpserver.Question)) {
	document, err := m.session.Known(ctx, h.Run)
	if err != nil {
		if ctx.Err() == nil {
			m.session.Log().Warn("cannot read what a task asks", "run", h.Run, "task", task, "error", err)
		}
		return
	}
	if asked := document.Task(task); asked != nil && asked.Approval != nil {
		ask(ctx, mcpserver.Question{Task: task, Approval: asked.Approval, Answer: func(ctx context.Context, answer protocol.Answer) error {
			_, err := h.Approve(ctx, answer)
			return err
		}})
	}
}

// Find implements mcpserver.Runs.
func (m *mcpRuns) Find(ctx context.Context, run string) (*view.Run, error) {
	if err := m.executor.Ready(); err != nil {
		return nil, err
	}
	run, err := m.session.Resolve(ctx, run)
	if err != nil {
		return nil, err
	}
	return m.session.KnownWithResults(ctx, run)
}

// List implements mcpserver.Runs.
func (m *mcpRuns) List(ctx context.Context, q mcpserver.Query) ([]*view.Run, error) {
	if err := m.executor.Ready(); err != nil {
		return nil, err
	}
	return m.session.List(ctx, runs.Query{Workflow: q.Workflow, Status: q.Status, Limit: q.Limit})
}

// endPatience is how long Cancel waits for a run to end.
const endPatience = 15 * time.Second

// Cancel implements mcpserver.Runs.
func (m *mcpRuns) Cancel(ctx context.Context, run string) (*view.Run, error) {
	if err := m.executor.Ready(); err != nil {
		return nil, err
	}
	run, err := m.session.Resolve(ctx, run)
	if err != nil {
		return nil, err
	}
	h, err := m.executor.Open(ctx, run)
	if err != nil {
		return nil, err
	}
	if err := h.Cancel(m.living); err != nil {
		h.Release(false)
		return nil, err
	}
	ending, done := context.WithTimeout(ctx, endPatience)
	defer done()
	document, err := m.follow(ending, h, mcpserver.Observer{Wait: func() func() { return func() {} }, Step: func(mcpserver.Step) {}})
	h.Release(err == nil && document.Status.Ended())
	return document, err
}
