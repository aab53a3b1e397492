package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/worker"
)

// execution is a run that this process executes, or follows while another process of the home executes it.
type execution struct {
	program *program
	session *session
	plan    *plan.Plan // Nil where only the claim is known.
	file    string

	claim      home.Claim
	held       *home.HeldClaim // Nil while another process executes the run.
	worker     *worker.Worker
	runID      string // Of the first Temporal run.
	progress   *progress
	cancelled  bool
	releaseErr error
}

// openRun is a claim whose run Temporal says is open.
type openRun struct {
	claim    home.Claim
	runID    string
	stopping bool // Its cancellation was asked for.
}

// attach goes on with a run of the same file and plan that is still open. A run that is being cancelled is only helped
// to its end: then another is to start.
func (x *execution) attach(ctx context.Context, wanted home.Claim) (bool, error) {
	claims, err := x.session.home.Claims()
	if err != nil {
		return false, err
	}
	for _, claim := range claims {
		if claim.File != wanted.File || claim.PlanHash != wanted.PlanHash {
			continue
		}
		open, err := x.session.openRun(ctx, claim)
		if err != nil {
			return false, err
		}
		if open == nil {
			continue
		}
		if open.stopping {
			x.program.say("run %s was being cancelled; it ends first, then another one starts", claim.Run)
			if err := x.endStopping(ctx, open); err != nil {
				return false, err
			}
			continue
		}
		return true, x.join(ctx, open)
	}
	return false, nil
}

// openRun looks a claim up. Nil means that its run has ended, or never started; then the claim is removed.
func (s *session) openRun(ctx context.Context, claim home.Claim) (*openRun, error) {
	described, err := s.client.DescribeWorkflowExecution(ctx, claim.Run, "")
	if _, unknown := errors.AsType[*serviceerror.NotFound](err); err != nil && !unknown {
		return nil, err
	}
	if err != nil || described.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		// A process may hold the claim because it is just starting the run, or printing its results.
		if err := s.home.RemoveClaim(claim.Run); err != nil && !errors.Is(err, home.ErrClaimed) {
			return nil, err
		}
		return nil, nil
	}
	return &openRun{
		claim:    claim,
		runID:    described.GetWorkflowExecutionInfo().GetFirstRunId(),
		stopping: described.GetWorkflowExtendedInfo().GetCancelRequested(),
	}, nil
}

// join executes an open run, or, where a living process does, follows it and stands by to take over.
func (x *execution) join(ctx context.Context, open *openRun) error {
	x.claim, x.runID = open.claim, open.runID
	held, err := x.session.home.Claim(open.claim)
	if errors.Is(err, home.ErrClaimed) {
		x.program.say("attached to run %s, which another process executes; `--new` starts another", open.claim.Run)
		return nil
	}
	if err != nil {
		return err
	}
	x.program.say("going on with run %s", open.claim.Run)
	x.held = held
	return x.work()
}

// endStopping executes a run that is being cancelled until it has ended.
func (x *execution) endStopping(ctx context.Context, open *openRun) error {
	ending := &execution{program: x.program, session: x.session, plan: x.plan, file: x.file}
	defer ending.stop()
	if err := ending.join(ctx, open); err != nil {
		return err
	}
	if err := ending.follow(ctx); err != nil {
		return err
	}
	return ending.release()
}

// begin claims the run before it starts, so that a kill in between leaves nothing that nobody executes.
func (x *execution) begin(ctx context.Context, wanted home.Claim) error {
	open, err := x.session.openRun(ctx, wanted)
	if err != nil {
		return err
	}
	if open != nil {
		return protocol.Errorf(protocol.ConfigurationError, "run %s is still open", wanted.Run).
			WithHint("`gleitzeit status %s` shows it, `gleitzeit cancel %s` ends it", wanted.Run, wanted.Run)
	}
	x.claim = wanted
	if x.held, err = x.session.home.Claim(wanted); err != nil {
		return err
	}
	if err := x.work(); err != nil {
		return err
	}
	started, err := worker.Run(ctx, x.session.client, wanted.Run, x.plan, x.options())
	if err != nil {
		return protocol.Errorf(protocol.EngineUnreachable, "the run cannot be started: %s", err)
	}
	x.runID = started.GetRunID()
	x.program.say("run %s", wanted.Run)
	return nil
}

func (x *execution) options() worker.Options {
	return worker.Options{Queue: x.claim.Queue, Local: true}
}

// work starts to execute what the run's queue brings.
func (x *execution) work() error {
	handlers, closeHandlers, err := worker.Handlers()
	if err != nil {
		return err
	}
	acts, err := activities.New(activities.Options{Store: x.session.store, Protocols: handlers, Log: x.session.log, Env: x.program.Env})
	if err != nil {
		return errors.Join(err, closeHandlers())
	}
	w := worker.New(x.session.client, acts, closeHandlers, x.options())
	if err := w.Start(); err != nil {
		return errors.Join(protocol.Errorf(protocol.EngineUnreachable, "the worker does not start: %s", err), closeHandlers())
	}
	x.worker = w
	return nil
}

// standBy waits until the process that executes the run is gone; its claim then comes through the channel.
func (x *execution) standBy(ctx context.Context) <-chan *home.HeldClaim {
	gone := make(chan *home.HeldClaim, 1)
	if x.held != nil {
		return gone
	}
	go func() {
		held, err := x.session.home.TakeClaim(ctx, x.claim.Run)
		if err == nil {
			gone <- held
		}
	}()
	return gone
}

// release gives up the claim of a run that has ended.
func (x *execution) release() error {
	if x.held == nil {
		return nil
	}
	held := x.held
	x.held = nil
	return held.Release(true)
}

// stop ends the handlers. What the worker still does ends with the process.
func (x *execution) stop() {
	if x.progress != nil {
		x.progress.stop()
	}
}

// say tells people what happens; programs read standard output.
func (p *program) say(format string, args ...any) {
	fmt.Fprintf(p.Err, format+"\n", args...)
}

// cancelTimeout bounds one request to cancel.
const cancelTimeout = 30 * time.Second

// cancel asks for the end of the run.
func (x *execution) cancel(ctx context.Context) error {
	x.cancelled = true
	ctx, done := context.WithTimeout(ctx, cancelTimeout)
	defer done()
	return x.session.client.CancelWorkflow(ctx, x.claim.Run, "")
}
