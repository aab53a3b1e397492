package runs

import (
	"context"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// StartOptions are the options of a start.
type StartOptions struct {
	Command string // What resumes the run when it is typed; empty for `gleitzeit run FILE`.
	New     bool   // Another run, even where one of an equal plan is open.
	// Asked is when the run was asked for. An equal run that another start has begun since then is the one that was asked
	// for, even if it has finished. Zero is now.
	Asked time.Time
	// Abandon is closed when no run is wanted any more: Start then returns ErrAbandoned, unless it has started one. A run
	// whose cancellation it completes is completed before. Nil: the run is wanted.
	Abandon <-chan struct{}
	// TakeOver determines the earlier runs whose results a run that starts takes over. It is called again after the search for an
	// open run, which may have ended one that was being cancelled. Nil: none.
	TakeOver func(context.Context) (*TakeOver, error)
}

// wanted returns the claim of a run of a plan that is to start, and what it takes over.
func (e *Executor) wanted(ctx context.Context, p *plan.Plan, o StartOptions) (claim home.Claim, over *TakeOver, err error) {
	if o.TakeOver != nil {
		if over, err = o.TakeOver(ctx); err != nil {
			return claim, nil, err
		}
	}
	claim, err = newClaim(p, e.session.keys.EncryptCommand(o.Command), over)
	return claim, over, err
}

// TakeOver is what a run takes over of earlier ones.
type TakeOver struct {
	*protocol.TakeOver
	// Variant distinguishes the start from others of an equal plan: only an equal one resumes its run. Empty: any start does.
	Variant string
	Note    string // For people, when the run starts.
}

// ErrAbandoned is the error of a start that StartOptions.Abandon ended.
var ErrAbandoned = errors.New("no run was started")

// Start resumes an open run of an equal plan of the same file, or follows it where another process executes it; returns
// one that has finished and whose results nobody has got, or that was started at the same moment; or starts another one. A
// run that is being cancelled is ended first. The caller releases the handle.
func (e *Executor) Start(ctx context.Context, p *plan.Plan, o StartOptions) (*Handle, error) {
	if o.Asked.IsZero() {
		o.Asked = time.Now()
	}
	if err := e.Ready(); err != nil {
		return nil, err
	}
	wanted, over, err := e.wanted(ctx, p, o)
	if err != nil {
		return nil, err
	}
	searching, stop := whileWanted(ctx, o.Abandon)
	defer stop()
	turn, done, err := e.takeTurn(searching, wanted.PlanHash+" "+wanted.File)
	if err != nil {
		return nil, unwanted(ctx, searching, err)
	}
	defer done()
	if !o.New {
		h, err := e.attach(ctx, searching, wanted, turn.Last, o)
		if err != nil {
			return nil, unwanted(ctx, searching, err)
		}
		if h != nil {
			h.plan = p
			return h, nil
		}
		if err := noteEarlier(ctx, e.session, wanted, p); err != nil {
			return nil, err
		}
		if wanted, over, err = e.wanted(ctx, p, o); err != nil {
			return nil, err
		}
	}
	h, err := e.begin(ctx, wanted, p, over)
	if err != nil {
		return nil, err
	}
	// Without the record, an equal start that waits now may begin another run: no reason to lose this one.
	if err := turn.Started(home.Started{Run: h.Run, Execution: h.runID, StartedAt: time.Now().UTC()}); err != nil {
		e.session.log.Warn("cannot record the start of a run", "run", h.Run, "error", err)
	}
	return h, nil
}

// startedMeanwhile returns an equal run that another start has begun since this one was asked for, and that has finished; nil
// where Temporal does not know it, or somebody cancelled it.
func (e *Executor) startedMeanwhile(ctx context.Context, last home.Started) (*Handle, error) {
	described, err := e.session.client.DescribeWorkflowExecution(ctx, last.Run, last.Execution)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, e.session.failed(err, "cannot look up run %s", last.Run)
	}
	if history.Status(described.GetWorkflowExecutionInfo().GetStatus()) == protocol.Cancelled {
		return nil, nil
	}
	e.session.notify(Attached, last.Run, "attached to run %s, which was started at the same time", last.Run)
	return e.handle(&claimedRun{claim: home.Claim{Run: last.Run, StartedAt: last.StartedAt}, runID: last.Execution}, true), nil
}

// whileWanted returns a context that also ends when no run is wanted any more.
func whileWanted(ctx context.Context, abandon <-chan struct{}) (context.Context, func()) {
	searching, stop := context.WithCancel(ctx)
	go func() {
		select {
		case <-abandon:
			stop()
		case <-searching.Done():
		}
	}()
	return searching, stop
}

// unwanted returns the error of a search: ErrAbandoned where that ended because no run is wanted any more.
func unwanted(ctx, searching context.Context, err error) error {
	if ctx.Err() == nil && searching.Err() != nil {
		return ErrAbandoned
	}
	return err
}

// attach looks for a run of an equal claim, and for the last one that was started; nil where there is none.
func (e *Executor) attach(ctx, searching context.Context, wanted home.Claim, last home.Started, o StartOptions) (*Handle, error) {
	h, err := e.search(ctx, searching, wanted, o.Abandon)
	if err != nil || h != nil || !last.StartedAt.After(o.Asked) {
		return h, err
	}
	return e.startedMeanwhile(searching, last)
}

// search goes through the claims that are equal to the one wanted. searching ends when no run is wanted any more.
func (e *Executor) search(ctx, searching context.Context, wanted home.Claim, abandon <-chan struct{}) (*Handle, error) {
	s := e.session
	claims, err := s.home.Claims() // The oldest first.
	if err != nil {
		return nil, err
	}
	var finished []*claimedRun // Since the newest run that this search has ended.
	for _, claim := range claims {
		if claim.File != wanted.File || claim.PlanHash != wanted.PlanHash {
			continue
		}
		found, err := s.lookUpClaim(searching, claim)
		if err != nil {
			return nil, err
		}
		if found == nil {
			continue
		}
		if !found.open {
			finished = append(finished, found)
			continue
		}
		var h *Handle
		if found.cancelling {
			err = e.endCancelled(ctx, found, abandon)
		} else if h, err = e.resume(found, true); errors.Is(err, errUnwanted) {
			err = e.endCancelled(ctx, found, abandon)
		}
		if err != nil && !errors.Is(err, home.ErrNoClaim) {
			return nil, err
		}
		// Who types the command wants this run, or what continues it, and nothing older.
		if err := e.letGo(finished); h != nil || err != nil {
			return h, err
		}
		finished = nil
	}
	if len(finished) == 0 {
		return nil, nil
	}
	newest := len(finished) - 1
	if err := e.letGo(finished[:newest]); err != nil {
		return nil, err
	}
	return e.finishedEarlier(searching, finished[newest])
}

// letGo removes the claims of runs that have ended and whose results nobody has got: newer ones are shown. A claim that a process
// holds stays.
func (e *Executor) letGo(finished []*claimedRun) error {
	for _, found := range finished {
		if e.executes(found.claim.Run) {
			continue // Who follows it here gets its results.
		}
		if err := e.session.dropClaim(found.claim.Run); err != nil {
			return err
		}
	}
	return nil
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
	var restarted []string
	if err == nil {
		if start { // What is to be cancelled does not start again for that.
			restarted = restartInterrupted(e.living, e.session.connection, run)
		}
		h.execution, err = e.serve(held, open.runID, nil)
	}
	if err != nil {
		h.Release(false)
		return nil, err
	}
	notify(Resumed, run, "resumed run %s", run)
	notifyRestarted(e.session.connection, run, restarted)
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
// worth showing, or its process is alive and shows it. A run that somebody cancelled is not.
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
	e.session.notify(FinishedEarlier, run, "run %s finished earlier; showing its results from %s", run, document.FinishedAt.Local().Format(time.DateTime))
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
func (e *Executor) begin(ctx context.Context, wanted home.Claim, p *plan.Plan, over *TakeOver) (*Handle, error) {
	s := e.session
	found, err := s.lookUpClaim(ctx, wanted)
	if err != nil {
		return nil, err
	}
	if found != nil && found.open {
		return nil, stillOpen(wanted.Run)
	}
	// A store that is damaged or cannot be written to is reported before there is a run: of a damaged file, reads need not notice it.
	if err := s.store.Put(ctx, resultstore.Batch{}); err != nil {
		return nil, err
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
		started, err := startWorkflow(ctx, s.client, wanted.Run, p, launch{queue: wanted.Queue, local: true, ownQueue: true, takeOver: over})
		if err == nil {
			return started.GetRunID(), nil
		}
		if problem := s.Problem(); problem != nil {
			return "", problem // Of a full disk, say, the client hears only that nothing answers in time.
		}
		return "", s.failed(err, "cannot start the run")
	})
	if err != nil {
		h.Release(false)
		return nil, err
	}
	h.runID = h.execution.runID
	s.notify(Started, wanted.Run, "run %s", wanted.Run)
	if over != nil && over.Note != "" {
		s.notify(TakesOver, wanted.Run, "%s", over.Note)
	}
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
