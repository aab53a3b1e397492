package runs

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// Handle is a run that a caller follows. It is released once.
type Handle struct {
	Run   string
	Queue string    // The run's own task queue.
	Began time.Time // What ended before was shown to somebody else.

	session   *Session
	runID     string     // Of the first Temporal run.
	startedAt time.Time  // Of the claim; zero where that is not known.
	plan      *plan.Plan // Nil where it is not known.
	executor  *Executor  // Nil where the run is only watched.
	execution *execution // Nil where another process executes it.
	closed    bool       // Follow has seen the run close.
	starter   bool       // The handle is that of a start.
	unwanted  bool       // The run was about to be cancelled when the handle came.
	// held is the claim of a run that finished earlier: there is nothing to follow.
	held *home.HeldClaim
}

// handle returns a handle of a run of this home, which counts as a follower until it is released.
func (e *Executor) handle(run *claimedRun, start bool) *Handle {
	h := &Handle{
		Run: run.claim.Run, Queue: run.claim.Queue, Began: time.Now(), session: e.session, runID: run.runID, startedAt: run.claim.StartedAt,
		executor: e, starter: start,
	}
	h.execution, h.unwanted = e.enter(run.claim.Run, start)
	return h
}

// Watch returns a handle of a run that is only followed: this process never executes it.
func (s *Session) Watch(ctx context.Context, run string) (*Handle, error) {
	described, err := s.client.DescribeWorkflowExecution(ctx, run, "")
	if isNotFound(err) {
		return nil, err
	}
	if err != nil {
		return nil, s.failed(err, "cannot look up run %s", run)
	}
	info := described.GetWorkflowExecutionInfo()
	return &Handle{
		Run: run, Queue: described.GetExecutionConfig().GetTaskQueue().GetName(), session: s, runID: info.GetFirstRunId(),
		Began: info.GetStartTime().AsTime().Add(-time.Second), // Everything is new to who watches.
	}, nil
}

// IsUnknown reports whether the error of Watch means that Temporal does not know the run.
func IsUnknown(err error) bool { return isNotFound(err) }

// Plan returns the plan of the run; nil where it is not known.
func (h *Handle) Plan() *plan.Plan { return h.plan }

// SetPlan sets the plan of the run.
func (h *Handle) SetPlan(p *plan.Plan) { h.plan = p }

// Watching reports whether this process only follows the run.
func (h *Handle) Watching() bool { return h.executor == nil }

// Abandon notes that a start no longer wants the run, and reports whether nobody does: this process executes it, and no other
// start here wants it or has got its id. The caller cancels the run then, or calls Keep.
func (h *Handle) Abandon() bool {
	if !h.starter {
		return false
	}
	h.starter = false
	return h.executor.abandon(h.Run)
}

// Keep marks an unwanted run as wanted again, because it could not be cancelled.
func (h *Handle) Keep() { h.executor.keep(h.Run) }

// Result returns the document of the run, which has ended, with the results of its tasks.
func (h *Handle) Result(ctx context.Context) (*view.Run, error) {
	document, err := h.document(ctx)
	if err != nil {
		return nil, err
	}
	return document, document.AddResults(ctx, h.session.store)
}

// Document is Result without the results.
func (h *Handle) Document(ctx context.Context) (*view.Run, error) {
	document, err := h.document(ctx)
	if err != nil {
		return nil, err
	}
	return document, document.AddPrinted(ctx, h.session.store)
}

func (h *Handle) document(ctx context.Context) (*view.Run, error) {
	document, err := view.Read(ctx, h.session.store, h.Run, h.runID)
	if err == nil && (document == nil || !document.Status.Ended()) {
		document, err = h.session.Document(ctx, h.Run)
	}
	if err == nil && document == nil {
		err = errors.New("the run has no record")
	}
	return document, err
}

// cancelTimeout bounds one request to cancel.
const cancelTimeout = 30 * time.Second

// Cancel requests the cancellation of the run. Its tasks end, and are recorded, afterwards.
func (h *Handle) Cancel(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, cancelTimeout)
	defer done()
	if err := h.session.client.CancelWorkflow(ctx, h.Run, ""); err != nil {
		return h.session.failed(err, "cannot cancel run %s", h.Run)
	}
	if h.executor != nil {
		return h.executor.markCancelling(h.Run)
	}
	return nil
}

// Executes reports whether this process executes the run.
func (h *Handle) Executes() bool { return h.execution != nil }

// CancelRequested reports whether somebody has cancelled the run.
func (h *Handle) CancelRequested(ctx context.Context) (bool, error) {
	described, err := h.session.client.DescribeWorkflowExecution(ctx, h.Run, "")
	if err != nil {
		return false, h.session.failed(err, "cannot look up run %s", h.Run)
	}
	return described.GetWorkflowExtendedInfo().GetCancelRequested(), nil
}

// EndCleanUp ends the clean-up of a run whose cancellation was requested.
func (h *Handle) EndCleanUp(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, cancelTimeout)
	defer done()
	if err := h.session.client.SignalWorkflow(ctx, h.Run, "", workflows.CancelSignal, nil); err != nil {
		return h.session.failed(err, "cannot end the clean-up of run %s", h.Run)
	}
	return nil
}

// approveTimeout bounds how long a run takes to check an answer and to record it.
const approveTimeout = 30 * time.Second

// Approve answers a task of the run that waits for a person. The error is INVALID_PARAMS where the answer does not count.
func (h *Handle) Approve(ctx context.Context, answer protocol.Answer) (*protocol.Receipt, error) {
	s := h.session
	if h.Watching() {
		if found, err := s.Pollers(ctx, h.Queue); err != nil {
			return nil, s.failed(err, "cannot find out who executes run %s", h.Run)
		} else if len(found) == 0 {
			return nil, protocol.Errorf(protocol.EngineUnreachable, "no worker serves queue %q, so run %s cannot record the answer", h.Queue, h.Run).
				WithHint("start `gleitzeit server` or `%s` first", view.WorkerCommand(h.Queue))
		}
	}
	ctx, done := context.WithTimeout(ctx, approveTimeout)
	defer done()
	update, err := s.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowOf(h.Run, answer.Task), UpdateName: workflows.ApproveName, Args: []any{answer}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	receipt := &protocol.Receipt{}
	if err == nil {
		err = update.Get(ctx, receipt)
	}
	var problem protocol.Error
	refused, is := errors.AsType[*temporal.ApplicationError](err)
	switch {
	case err == nil:
		return receipt, nil
	case is && refused.HasDetails() && refused.Details(&problem) == nil:
		return nil, &problem
	case isNotFound(err):
		return nil, s.ended(ctx, h.Run)
	case ctx.Err() != nil:
		return nil, protocol.Errorf(protocol.EngineUnreachable, "run %s has not recorded the answer within %s", h.Run, approveTimeout).
			WithHint("`gleitzeit status %s` shows whether it has", h.Run)
	}
	return nil, s.failed(err, "cannot answer task %q of run %s", answer.Task, h.Run)
}

// workflowOf is the id of the Temporal workflow that runs a task of a run. A task of a workflow within the run has one of its own.
func workflowOf(run, task string) string {
	if at := strings.LastIndexByte(task, '/'); at >= 0 {
		return workflows.MapID(run, task[:at])
	}
	return run
}

// CleansUp reports whether the run has tasks that run even if it is cancelled, as far as its plan is known.
func (h *Handle) CleansUp() bool { return h.plan != nil && h.plan.CleanUpTimeout > 0 }

// releasePatience is how long a process whose run another one has executed waits until that one has released the claim.
const releasePatience = 2 * time.Second

// Release ends the use of the handle. delivered: the caller has got the results, so that nobody else need; the run's claim is
// then removed, by this process or by the one that executed the run.
func (h *Handle) Release(delivered bool) {
	if h.executor == nil {
		return
	}
	executed := h.executor.leave(h.Run, h.runID, h.starter, h.closed, delivered) || h.execution != nil
	h.execution = nil
	switch {
	case h.held != nil:
		h.drop(h.held, delivered)
		h.held = nil
	case delivered && !executed:
		// The process that executed the run may be a server, which shows results to nobody.
		ctx, done := context.WithTimeout(context.Background(), releasePatience)
		defer done()
		held, err := h.session.home.TakeClaim(ctx, h.Run)
		switch {
		case err == nil: // It may be that of a later run of a fixed id.
			h.drop(held, h.startedAt.IsZero() || held.Claim.StartedAt.Equal(h.startedAt))
		case !errors.Is(err, home.ErrNoClaim) && ctx.Err() == nil:
			h.session.log.Error("cannot take the claim of a run", "run", h.Run, "error", err)
		}
	}
}

func (h *Handle) drop(held *home.HeldClaim, delivered bool) {
	if err := held.Release(delivered); err != nil {
		h.session.log.Error("cannot release the claim of a run", "run", h.Run, "error", err)
	}
}

// Open returns a handle of an open run that is to end: one of this home whose process has died is executed here from now
// on, any other is only watched. The error is INVALID_PARAMS where the run has ended, WORKFLOW_NOT_FOUND where there is none.
func (e *Executor) Open(ctx context.Context, run string) (*Handle, error) {
	s := e.session
	claim, err := s.claimOf(run)
	if err != nil {
		return nil, err
	}
	if claim != nil && s.cluster == nil {
		open, err := s.lookUpClaim(ctx, *claim)
		if err != nil {
			return nil, err
		}
		if open == nil || !open.open {
			return nil, s.ended(ctx, run)
		}
		h, err := e.resume(open, false)
		if errors.Is(err, home.ErrNoClaim) {
			return nil, s.ended(ctx, run)
		}
		return h, err
	}
	document, err := s.Document(ctx, run)
	if err != nil {
		return nil, err
	}
	if document == nil || document.Status.Ended() {
		return nil, s.ended(ctx, run)
	}
	h, err := s.Watch(ctx, run)
	if err != nil {
		return nil, err
	}
	h.Began = time.Now()
	return h, nil
}

// Attach returns a handle of an open run; nil where it is not open, or Temporal does not know it. Where no process executes a
// run of this home any more, Follow takes it over.
func (e *Executor) Attach(ctx context.Context, run string) (*Handle, error) {
	s := e.session
	described, err := s.client.DescribeWorkflowExecution(ctx, run, "")
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(err, "cannot look up run %s", run)
	}
	info := described.GetWorkflowExecutionInfo()
	if history.Status(info.GetStatus()).Ended() {
		return nil, nil
	}
	claimed := &claimedRun{claim: home.Claim{Run: run, Queue: described.GetExecutionConfig().GetTaskQueue().GetName()}, runID: info.GetFirstRunId()}
	claim, err := s.claimOf(run)
	if err != nil {
		s.log.Warn("cannot read all claims", "error", err) // That of another run is no reason to fail.
	}
	if claim != nil {
		claimed.claim = *claim
	}
	return e.handle(claimed, false), nil
}

// ended is the error of a run that should be open.
func (s *Session) ended(ctx context.Context, run string) error {
	document, err := s.Known(ctx, run)
	if err != nil {
		return err
	}
	if document.Lost {
		return protocol.Errorf(protocol.InvalidParams, "run %s is lost: %s", run, document.Error.Message).WithHint("%s", document.Error.Hint)
	}
	return protocol.Errorf(protocol.InvalidParams, "run %s has already ended: it is %s", run, document.Status)
}
