package cli

import (
	"context"
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// claimedRun is a claim whose run Temporal knows.
type claimedRun struct {
	claim    home.Claim
	runID    string
	open     bool
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
		found, err := x.session.lookUpClaim(ctx, claim)
		if err != nil {
			return false, err
		}
		switch {
		case found == nil:
		case found.open && found.stopping:
			x.program.say("run %s was being cancelled; it ends first, then another one starts", claim.Run)
			if err := x.endStopping(ctx, found); err != nil {
				return false, err
			}
		case found.open:
			return true, x.join(ctx, found)
		default:
			told, err := x.tell(ctx, found)
			if told || err != nil {
				return told, err
			}
		}
	}
	return false, nil
}

// lookUpClaim asks Temporal about the run of a claim. Nil means that it never started; then the claim is removed.
func (s *session) lookUpClaim(ctx context.Context, claim home.Claim) (*claimedRun, error) {
	described, err := s.client.DescribeWorkflowExecution(ctx, claim.Run, "")
	if _, unknown := errors.AsType[*serviceerror.NotFound](err); unknown {
		return nil, s.dropClaim(claim.Run)
	}
	if err != nil {
		return nil, err
	}
	return &claimedRun{
		claim:    claim,
		runID:    described.GetWorkflowExecutionInfo().GetFirstRunId(),
		open:     described.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING,
		stopping: described.GetWorkflowExtendedInfo().GetCancelRequested(),
	}, nil
}

// dropClaim removes a claim, unless a process holds it: it may be just starting the run, or printing its results.
func (s *session) dropClaim(run string) error {
	if err := s.home.RemoveClaim(run); err != nil && !errors.Is(err, home.ErrClaimed) {
		return err
	}
	return nil
}

// tell takes over a run that has ended, but whose process died before it had told the results. A run that somebody
// ended is nothing to tell.
func (x *execution) tell(ctx context.Context, found *claimedRun) (bool, error) {
	document, err := x.session.document(ctx, found.claim.Run)
	if err != nil {
		return false, err
	}
	if document == nil || document.Status == protocol.Cancelled || document.FinishedAt == nil {
		return false, x.session.dropClaim(found.claim.Run)
	}
	held, err := x.session.home.Claim(found.claim)
	if errors.Is(err, home.ErrClaimed) {
		return false, nil // Its process lives, and tells them.
	}
	if err != nil {
		return false, err
	}
	x.program.say("run %s had ended; these are its results", found.claim.Run)
	x.claim, x.runID, x.held = found.claim, found.runID, held
	return true, nil
}

// endStopping executes a run that is being cancelled until it has ended. An interrupt meanwhile ends this process too: the
// user wants no other run then.
func (x *execution) endStopping(ctx context.Context, open *claimedRun) error {
	ending := &execution{program: x.program, session: x.session, plan: x.plan, command: x.command, began: time.Now(), troubles: make(chan error, 1), quiet: true}
	defer ending.stop()
	if err := ending.join(ctx, open); err != nil {
		return err
	}
	if err := ending.follow(ctx); err != nil {
		return err
	}
	if err := ending.release(); err != nil || !ending.cancelled {
		return err
	}
	x.program.say("run %s is cancelled; no other was started", open.claim.Run)
	return ended{exitInterrupted}
}
