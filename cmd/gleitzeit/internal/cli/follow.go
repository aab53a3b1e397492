package cli

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/progress"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// follower follows one run and shows it, and heeds Ctrl-C meanwhile: the first cancels the run, the second ends its
// clean-up, if there is one, and the next leaves. Any other signal, such as SIGTERM at a shutdown, leaves at once and keeps the run.
type follower struct {
	program *program
	session *runs.Session
	ctx     context.Context // Ends when the process is to leave.
	leave   context.CancelCauseFunc
	release func()        // Stops receiving signals.
	abandon chan struct{} // Closed by Ctrl-C before there is a run.

	resumeWith string            // The command that resumes the run; empty where this process only watches.
	rest       []string          // Flags of the command that does the rest of a batch.
	shown      *progress.Printer // Nil before there is a run.
	ended      runs.ItemEnded    // May be nil.

	places    func(task string) string // Where a task is defined; may be nil.
	corrected []string                 // Flags of retry that name the workflow file; nil if none is known.

	mu        sync.Mutex
	handle    *runs.Handle // Nil before there is a run.
	abandoned bool
	cancelled bool          // The run is being cancelled.
	requested chan struct{} // Closed when the engine has got the request to cancel, or cannot.

	cleanUpEnded bool // The clean-up of the run is being ended.
}

var (
	// errLeft is why a follower's context ends by a signal.
	errLeft = errors.New("left")
	// errOverdue is why it ends when the time to wait is over.
	errOverdue = errors.New("overdue")
)

// newFollower takes the signals from now on: whoever sees which run is started may cancel it.
func newFollower(ctx context.Context, p *program, s *runs.Session) *follower {
	signals, release := p.interrupts.receive()
	f := &follower{program: p, session: s, release: release, abandon: make(chan struct{}), requested: make(chan struct{})}
	f.ctx, f.leave = context.WithCancelCause(ctx)
	go func() {
		for {
			select {
			case <-f.ctx.Done():
				return
			case signal := <-signals:
				f.heed(signal)
			}
		}
	}()
	return f
}

// stop ends the follower, and leaves the screen clean.
func (f *follower) stop() {
	f.release()
	f.leave(nil)
	if f.shown != nil {
		f.shown.Stop()
	}
}

// heed handles a signal.
func (f *follower) heed(signal os.Signal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case signal == os.Interrupt && f.cancelled && !f.cleanUpEnded && f.handle != nil && f.handle.CleansUp():
		f.endCleanUp()
	case signal != os.Interrupt || f.cancelled || f.abandoned && f.handle == nil:
		f.leave(errLeft)
	case f.handle == nil:
		f.abandoned = true
		close(f.abandon)
	case f.handle.Watching():
		f.leave(errLeft)
	default:
		f.cancel()
	}
}

// noteCancelling says what a Ctrl-C does. The caller holds mu.
func (f *follower) noteCancelling(note string) {
	if f.program.output == asJSONL {
		f.program.notify(runs.Notice{Kind: runs.Cancelling, Run: f.handle.Run, Message: note})
	} else {
		f.shown.Note(note)
	}
}

// endCleanUp ends what still runs of a run that is cancelled. The caller holds mu.
func (f *follower) endCleanUp() {
	h := f.handle
	f.noteCancelling("ending the clean-up of run " + h.Run + "; press Ctrl-C again to quit immediately")
	f.cleanUpEnded = true
	go func() {
		<-f.requested
		if err := h.EndCleanUp(f.ctx); err != nil && f.ctx.Err() == nil {
			f.session.Log().Error("cannot end the clean-up", "error", err)
		}
	}()
}

// cancel cancels the run. The caller holds mu.
func (f *follower) cancel() {
	h := f.handle
	next := "to quit immediately"
	if h.CleansUp() {
		next = "to end its clean-up"
	}
	f.noteCancelling("cancelling run " + h.Run + "; press Ctrl-C again " + next)
	f.cancelled = true
	go func() {
		defer close(f.requested)
		if err := h.Cancel(f.ctx); err != nil && f.ctx.Err() == nil {
			f.session.Log().Error("cannot cancel the run", "error", err)
		}
	}()
}

// cancelling notes that the cancellation of the run was requested.
func (f *follower) cancelling() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancelled = true
	close(f.requested)
}

// notStarted returns how a command ends whose run did not start.
func (f *follower) notStarted(err error) error {
	if errors.Is(err, runs.ErrAbandoned) || errors.Is(context.Cause(f.ctx), errLeft) {
		return exitError{exitInterrupted}
	}
	return err
}

// follow shows the run until it has closed. lines: with jsonl, each task and item has its line as it ends.
func (f *follower) follow(h *runs.Handle, lines bool) error {
	p := f.program
	o := progress.Options{
		Run: h.Run, Plan: h.Plan(), Store: h.Store(), Screen: p.screen, Began: h.Began, Stream: p.stream, Table: p.asTable, Quiet: p.volume == quiet, Verbose: p.volume == verbose, Places: f.places,
	}
	if p.output == asJSONL && !p.toFile {
		o.Items = func(document any) { p.writeJSON(p.Err, document) }
	}
	if lines && p.output == asJSONL {
		o.Line = func(document any) { p.writeJSON(p.Out, document) }
	}
	f.mu.Lock()
	f.shown, f.handle = progress.New(o), h
	switch {
	case !f.abandoned || f.cancelled:
	case h.Watching():
		f.leave(errLeft)
	default:
		f.cancel() // Ctrl-C came when the run was starting.
	}
	f.mu.Unlock()
	err := h.Follow(f.ctx, h.WithItems(f.shown, f.ended))
	switch cause := context.Cause(f.ctx); {
	case err == nil:
		return nil
	case errors.Is(cause, errLeft):
		return f.left(h)
	case errors.Is(cause, errOverdue):
		return f.overdue(h)
	}
	return err
}

// requestPatience is how long leaving waits for the request to cancel to reach the engine: that takes milliseconds, and
// what is left must be a run that ends.
const requestPatience = 2 * time.Second

// left reports the state of a run that this process no longer follows.
func (f *follower) left(h *runs.Handle) error {
	f.mu.Lock()
	cancelled := f.cancelled
	f.mu.Unlock()
	if cancelled {
		f.awaitRequest(h)
	}
	f.shown.Stop()
	say := f.program.say
	switch {
	case cancelled && h.Watching():
		say("stopped watching; run %s is still being cancelled", h.Run)
	case h.Watching():
		say("stopped watching; run %s is still running: `gleitzeit watch %s` follows it, `gleitzeit cancel %s` cancels it", h.Run, h.Run, h.Run)
	case cancelled:
		say("quit; run %s is still being cancelled: `gleitzeit cancel %s` completes that", h.Run, h.Run)
	default:
		say("quit; run %s is unfinished: `%s` resumes it, `gleitzeit cancel %s` cancels it", h.Run, f.resumeWith, h.Run)
	}
	return exitError{exitInterrupted}
}

// awaitRequest waits until the request to cancel has reached an engine that answers. The second Ctrl-C may have cut it off.
func (f *follower) awaitRequest(h *runs.Handle) {
	<-f.requested
	ctx, done := context.WithTimeout(context.WithoutCancel(f.ctx), requestPatience)
	defer done()
	if err := h.Cancel(ctx); err != nil {
		f.session.Log().Error("cannot cancel the run", "error", err)
	}
}

// overdue ends a wait that took too long; the run continues.
func (f *follower) overdue(h *runs.Handle) error {
	f.shown.Stop()
	return protocol.Errorf(protocol.WorkflowTimeout, "run %s has not ended within the time given by --wait", h.Run).
		WithHint("it is still running: `gleitzeit watch %s` follows it, `gleitzeit cancel %s` cancels it", h.Run, h.Run)
}
