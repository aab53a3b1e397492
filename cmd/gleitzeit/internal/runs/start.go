package runs

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// StartOptions say how a run starts.
type StartOptions struct {
	Command string // What resumes the run when it is typed; empty for `gleitzeit run FILE`.
	New     bool   // Another run, even where one of an equal plan is open.
	// Abandon is closed when no run is wanted any more: Start then returns ErrAbandoned, unless it has started one. A run
	// whose cancellation it completes is completed before. Nil: the run is wanted.
	Abandon <-chan struct{}
}

// ErrAbandoned is the error of a start that StartOptions.Abandon ended.
var ErrAbandoned = errors.New("no run was started")

// Start resumes an open run of an equal plan of the same file, or follows it where another process executes it; returns
// one that has finished and whose results nobody has got; or starts another one. A run that is being cancelled is brought
// to its end first. The caller releases the handle.
func (e *Executor) Start(ctx context.Context, p *plan.Plan, o StartOptions) (*Handle, error) {
	if err := e.Ready(); err != nil {
		return nil, err
	}
	wanted, err := newClaim(p, o.Command)
	if err != nil {
		return nil, err
	}
	done, err := e.takeTurn(ctx, wanted.File+" "+wanted.PlanHash)
	if err != nil {
		return nil, err
	}
	defer done()
	if !o.New {
		h, err := e.attach(ctx, wanted, o.Abandon)
		if err != nil {
			return nil, err
		}
		if h != nil {
			h.plan = p
			return h, nil
		}
		if err := e.noteEarlier(ctx, wanted); err != nil {
			return nil, err
		}
	}
	return e.begin(ctx, wanted, p)
}

// attach looks for a run of an equal claim; nil where there is none.
func (e *Executor) attach(ctx context.Context, wanted home.Claim, abandon <-chan struct{}) (*Handle, error) {
	searching, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-abandon:
			stop()
		case <-searching.Done():
		}
	}()
	h, err := e.search(ctx, searching, wanted, abandon)
	if err != nil && ctx.Err() == nil && searching.Err() != nil {
		err = ErrAbandoned
	}
	return h, err
}

// noteEarlier notifies of the newest open run of the same file that no process executes, and that a start does not resume:
// the file, or an input, was another one.
func (e *Executor) noteEarlier(ctx context.Context, wanted home.Claim) error {
	s := e.session
	claims, err := s.home.Claims()
	if err != nil {
		return err
	}
	for _, claim := range slices.Backward(claims) {
		if wanted.File == "" || claim.File != wanted.File || claim.PlanHash == wanted.PlanHash {
			continue
		}
		executed, err := s.home.Executed(claim.Run)
		if err != nil {
			return err
		}
		if executed {
			continue
		}
		found, err := s.lookUpClaim(ctx, claim)
		if err != nil {
			return err
		}
		if found != nil && found.open {
			s.notify(Interrupted, claim.Run, "run %s of this file with other content or inputs is interrupted; `gleitzeit server` resumes it, `gleitzeit cancel %[1]s` cancels it", claim.Run)
			return nil
		}
	}
	return nil
}

// search goes through the claims that are equal to the one wanted. searching ends when no run is wanted any more.
func (e *Executor) search(ctx, searching context.Context, wanted home.Claim, abandon <-chan struct{}) (*Handle, error) {
	s := e.session
	claims, err := s.home.Claims()
	if err != nil {
		return nil, err
	}
	for _, claim := range claims {
		if claim.File != wanted.File || claim.PlanHash != wanted.PlanHash {
			continue
		}
		found, err := s.lookUpClaim(searching, claim)
		if err != nil {
			return nil, err
		}
		switch {
		case found == nil:
		case found.open && found.cancelling:
			if err := e.endCancelled(ctx, found, abandon); err != nil {
				return nil, err
			}
		case found.open:
			h, err := e.resume(found, true)
			if errors.Is(err, errUnwanted) {
				err = e.endCancelled(ctx, found, abandon)
			}
			if h != nil || err != nil && !errors.Is(err, home.ErrNoClaim) {
				return h, err
			}
		default:
			h, err := e.finishedEarlier(searching, found)
			if h != nil || err != nil {
				return h, err
			}
		}
	}
	return nil, nil
}

// errUnwanted is the error of a start whose run is about to be cancelled, because no earlier start wants it any more.
var errUnwanted = errors.New("the run is about to be cancelled")

// resume executes an open run, or follows it where a living process executes it: this one, or another. start: for a start,
// which wants the run, and with a notice of it. The error is home.ErrNoClaim where the run has ended meanwhile.
func (e *Executor) resume(open *claimedRun, start bool) (*Handle, error) {
	run := open.claim.Run
	notify := e.session.notify
	if !start {
		notify = func(NoticeKind, string, string, ...any) {}
	}
	h := e.handle(open, start)
	if start && h.unwanted {
		h.Release(false)
		return nil, errUnwanted
	}
	if h.execution != nil {
		notify(Attached, run, "attached to run %s, which this process executes", run)
		return h, nil
	}
	held, err := takeNow(e.session.home, open.claim)
	if errors.Is(err, home.ErrClaimed) {
		notify(Attached, run, "attached to run %s, which another process executes", run)
		return h, nil
	}
	if err == nil {
		h.execution, err = e.serve(held, open.runID, nil)
	}
	if err != nil {
		h.Release(false)
		return nil, err
	}
	notify(Resumed, run, "resumed run %s", run)
	return h, nil
}

// endCancelled executes a run that is being cancelled until it has ended.
func (e *Executor) endCancelled(ctx context.Context, open *claimedRun, abandon <-chan struct{}) error {
	run := open.claim.Run
	e.session.notify(Cancelling, run, "run %s is being cancelled; waiting for its end before another starts", run)
	h, err := e.resume(open, false)
	if errors.Is(err, home.ErrNoClaim) {
		return nil // It has ended.
	}
	if err != nil {
		return err
	}
	err = h.Follow(ctx, nil)
	h.Release(err == nil)
	if err != nil {
		return err
	}
	select {
	case <-abandon:
		e.session.notify(Cancelled, run, "run %s is cancelled; no other was started", run)
		return ErrAbandoned
	default:
		return nil
	}
}

// finishedEarlier returns a run that has ended and whose process died before anybody got the results; nil where it is not
// worth telling, or its process lives and tells it. A run that somebody cancelled is not.
func (e *Executor) finishedEarlier(ctx context.Context, found *claimedRun) (*Handle, error) {
	run := found.claim.Run
	if e.executes(run) {
		return nil, nil // Who follows it here gets its results.
	}
	held, err := takeNow(e.session.home, found.claim)
	if errors.Is(err, home.ErrClaimed) || errors.Is(err, home.ErrNoClaim) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	document, err := e.session.Document(ctx, run)
	if err != nil {
		return nil, errors.Join(err, held.Release(false))
	}
	if document == nil || document.Status == protocol.Cancelled || document.FinishedAt == nil {
		return nil, held.Release(true)
	}
	e.session.notify(FinishedEarlier, run, "run %s finished earlier; showing its results", run)
	h := e.handle(found, true)
	h.held = held
	return h, nil
}

// takeNow takes a claim that was read before: home.ErrClaimed where a process holds it, home.ErrNoClaim where it is gone, or
// is that of another run of the id meanwhile.
func takeNow(in *home.Home, claim home.Claim) (*home.HeldClaim, error) {
	ctx, stop := context.WithCancel(context.Background())
	stop() // It does not wait.
	held, err := in.TakeClaim(ctx, claim.Run)
	if errors.Is(err, context.Canceled) {
		return nil, home.ErrClaimed
	}
	if err == nil && !held.Claim.StartedAt.Equal(claim.StartedAt) {
		return nil, errors.Join(home.ErrNoClaim, held.Release(false))
	}
	return held, err
}

// begin claims a run before it starts, so that a kill in between leaves nothing that nobody executes.
func (e *Executor) begin(ctx context.Context, wanted home.Claim, p *plan.Plan) (*Handle, error) {
	s := e.session
	found, err := s.lookUpClaim(ctx, wanted)
	if err != nil {
		return nil, err
	}
	if found != nil && found.open {
		return nil, stillOpen(wanted.Run)
	}
	held, err := s.home.Claim(wanted)
	if errors.Is(err, home.ErrClaimed) {
		return nil, protocol.Errorf(protocol.ConfigurationError, "run %s has ended, and another process is about to print its results", wanted.Run).
			WithHint("type the command again when that process has ended")
	}
	if err != nil {
		return nil, err
	}
	h := e.handle(&claimedRun{claim: wanted}, true)
	h.plan = p
	h.execution, err = e.serve(held, "", func() (string, error) {
		started, err := startWorkflow(ctx, s.client, wanted.Run, p, launch{queue: wanted.Queue, local: true, ownQueue: true})
		if err == nil {
			return started.GetRunID(), nil
		}
		if problem := s.Problem(); problem != nil {
			return "", problem // Of a full disk, say, the client hears only that nothing answers in time.
		}
		return "", failed(err, "cannot start the run")
	})
	if err != nil {
		h.Release(false)
		return nil, err
	}
	h.runID = h.execution.runID
	s.notify(Started, wanted.Run, "run %s", wanted.Run)
	return h, nil
}

// Submit starts a run of the plan that is executed here whether or not anybody follows it, and returns its id.
func (e *Executor) Submit(ctx context.Context, p *plan.Plan, command string) (string, error) {
	h, err := e.Start(ctx, p, StartOptions{Command: command, New: true})
	if err != nil {
		return "", err
	}
	h.Release(true) // Who has the id can read the results.
	return h.Run, nil
}

// Submit starts a run of the plan on a task queue, for whoever serves it, and returns its id. Nothing of it is executed
// here.
func (s *Session) Submit(ctx context.Context, p *plan.Plan, queue string) (string, error) {
	id, err := runID(p)
	if err != nil {
		return "", err
	}
	_, err = startWorkflow(ctx, s.client, id, p, launch{
		queue: queue, local: s.cluster == nil,
		noSearchAttributes: s.cluster != nil && !s.cluster.SearchAttributes(ctx, s.client),
	})
	if _, open := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); open {
		return "", stillOpen(id)
	}
	if err != nil {
		return "", failed(err, "cannot start the run")
	}
	return id, nil
}

// MarkInterrupted marks a run of this home that is open and that no process executes, and returns how it can be resumed;
// any other run stays as it is, and the text is empty.
func (s *Session) MarkInterrupted(run *view.Run) (string, error) {
	if run.Status != protocol.Running || s.cluster != nil {
		return "", nil
	}
	executed, err := s.home.Executed(run.Run)
	if err != nil || executed {
		return "", err
	}
	claim, err := s.claimOf(run.Run)
	if err != nil {
		return "", err
	}
	if claim == nil && s.client != nil {
		// It was submitted to a queue of this engine, for whoever serves that.
		return "", nil
	}
	run.Interrupted = true
	open, cancel := "run "+run.Run+" is open and no process executes it: ", "`gleitzeit cancel "+run.Run+"`"
	switch {
	case claim == nil:
		return open + "`gleitzeit server` resumes it, " + cancel + " cancels it", nil
	case claim.Cancelling:
		return "run " + run.Run + " is being cancelled and no process executes it: " + cancel + " completes that", nil
	case changedSince(claim.File, claim.StartedAt):
		return open + "its file has changed since it started; `gleitzeit server` resumes it as it was, " + cancel + " cancels it", nil
	}
	return open + "`" + commandOf(*claim) + "` in " + claim.Folder + " resumes it, " + cancel + " cancels it", nil
}

// changedSince reports whether a file was written, or removed, since then. No path is standard input.
func changedSince(path string, then time.Time) bool {
	if path == "" {
		return false
	}
	about, err := os.Stat(path)
	return err != nil || about.ModTime().After(then)
}
