package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// CancelSignal ends the clean-up of a run that is cancelled already: Temporal passes on one request to cancel a workflow only.
const CancelSignal = "gleitzeit.cancel"

// cleanUpSlices is into how many timers the timeout of the clean-up is divided. They follow each other, so that the time in which no
// process runs the workflow counts as one of them at most.
const cleanUpSlices = 12

// CleanUp is how far the clean-up of a run has come, for a run that continues in a new history.
type CleanUp struct {
	Stopped *protocol.Error  `json:"stopped,omitempty"` // Why nothing else starts.
	Cancels int              `json:"cancels,omitempty"` // How often the run was cancelled.
	Always  *protocol.Error  `json:"always,omitempty"`  // Why tasks with `run_if: always` were stopped,
	Finally *protocol.Error  `json:"finally,omitempty"` // and those in `finally`.
	Phase   int              `json:"phase,omitempty"`
	Left    protocol.Seconds `json:"left,omitempty"` // Of its timeout.
}

// The phases of the clean-up. The timeout holds for each of them.
const (
	notCleaningUp = iota
	afterStop     // Tasks with `run_if: always` run, in a run that was stopped.
	inFinally     // All others have ended.
)

// cleanUp is the clean-up of a run: the tasks that run, or continue, although the run is stopped.
type cleanUp struct {
	CleanUp
	root    workflow.Context // The cancellation of the run does not reach it.
	ctx     workflow.Context // Of these tasks. Nil where the plan has none of them.
	cancel  workflow.CancelFunc
	changed workflow.Channel        // Has something when the run was stopped, or the clean-up has ended.
	signals workflow.ReceiveChannel // Those of CancelSignal.
	stop    workflow.CancelFunc     // Of the timer; nil before it has started.
}

// resumeCleanUp continues with what an earlier history knew of the clean-up.
func (r *run) resumeCleanUp(ctx workflow.Context) {
	if r.plan.CleanUpTimeout == 0 {
		return
	}
	c := &r.cleanUp
	c.root, _ = workflow.NewDisconnectedContext(ctx)
	c.ctx, c.cancel = workflow.WithCancel(c.root)
	c.changed = workflow.NewBufferedChannel(ctx, 1)
	c.signals = workflow.GetSignalChannel(ctx, CancelSignal)
	if r.start.CleanUp == nil {
		return
	}
	c.CleanUp = *r.start.CleanUp
	if c.Stopped != nil {
		r.setStopped(c.Stopped)
	}
	if c.Always != nil {
		r.progress.StopAlways(unstarted(c.Always))
	}
	if c.Finally != nil {
		r.progress.StopFinally(unstarted(c.Finally))
	}
	if c.Phase == inFinally {
		r.setVerdict()
	}
	if c.Phase != notCleaningUp && c.Left > 0 {
		r.limitCleanUp(c.Left.Duration())
	}
}

// nextCleanUp returns what the next history has to know of the clean-up; nil: nothing.
func (r *run) nextCleanUp() *CleanUp {
	next := r.cleanUp.CleanUp
	next.Stopped = r.stopped
	if r.plan.CleanUpTimeout == 0 || next == (CleanUp{}) {
		return nil
	}
	return &next
}

// readCancels counts the signals that cancel the run. No other coroutine waits for them: see approvals.readSignals.
func (r *run) readCancels() {
	for r.cleanUp.ctx != nil && r.cleanUp.signals.ReceiveAsync(nil) {
		r.countCancel()
	}
}

// noteCancel counts the request to cancel the run, of which there is one in a history.
func (r *run) noteCancel() {
	if !r.cancelNoted {
		r.cancelNoted = true
		r.countCancel()
	}
}

// countCancel stops the run, and ends its clean-up when it is cancelled for the second time.
func (r *run) countCancel() {
	r.cleanUp.Cancels++
	r.stopCancelled()
	if r.cleanUp.ctx != nil && r.cleanUp.Cancels > 1 {
		r.endCleanUp(protocol.Errorf(protocol.WorkflowCancelled, "the clean-up was cancelled"))
	}
}

// endCleanUp lets nothing more of the clean-up start, and cancels what is in flight. A timeout is that of the present phase.
func (r *run) endCleanUp(reason *protocol.Error) {
	c := &r.cleanUp
	all := reason.Code == protocol.WorkflowCancelled
	if c.Always == nil && c.Phase != inFinally {
		c.Always = reason
		r.progress.StopAlways(unstarted(reason))
	}
	if c.Finally == nil && (all || c.Phase == inFinally) {
		c.Finally = reason
		r.progress.StopFinally(unstarted(reason))
	}
	c.cancel()
	endNestedCleanUp(r, all)
	r.wake()
}

// unstarted is how a task of the clean-up ends that does not start.
func unstarted(reason *protocol.Error) protocol.Outcome {
	return protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it had not started when %s", reason.Message)}
}

// wake lets the run look at what can start, or has ended, now.
func (r *run) wake() {
	if r.cleanUp.changed != nil {
		r.cleanUp.changed.SendAsync(true)
	}
}

// superviseCleanUp limits the clean-up by its timeout, once what was in flight when the run was stopped has ended, and anew when all
// other tasks have ended.
func (r *run) superviseCleanUp() {
	if r.cleanUp.ctx == nil {
		return
	}
	phase := notCleaningUp
	switch {
	case r.progress.InFinally():
		phase = inFinally
	case r.stopped != nil && !r.othersInFlight() && r.progress.CleaningUp():
		phase = afterStop
	}
	if phase <= r.cleanUp.Phase {
		return
	}
	r.cleanUp.Phase = phase
	if phase == inFinally {
		r.setVerdict()
		if r.cleanUp.Finally == nil && r.cleanUp.Always != nil { // Their time was over, that of `finally` is not.
			r.cleanUp.ctx, r.cleanUp.cancel = workflow.WithCancel(r.cleanUp.root)
		}
	}
	r.limitCleanUp(r.plan.CleanUpTimeout.Duration())
}

// othersInFlight reports whether something is in flight that is not part of the clean-up.
func (r *run) othersInFlight() bool {
	return slices.ContainsFunc(r.inFlight, func(s started) bool { return !r.plan.CleansUp(s.Task) })
}

// setVerdict lets the tasks in `finally` know how the run has ended.
func (r *run) setVerdict() {
	result := r.result()
	r.calls.run.Status, r.calls.run.Error = result.Status, result.Error
}

// limitCleanUp ends the clean-up after a time in which this workflow is run.
func (r *run) limitCleanUp(left time.Duration) {
	c := &r.cleanUp
	if c.stop != nil {
		c.stop()
	}
	timerCtx, stop := workflow.WithCancel(c.root)
	c.stop, c.Left = stop, protocol.SecondsOf(left)
	slice := max(r.plan.CleanUpTimeout.Duration()/cleanUpSlices, time.Millisecond)
	workflow.GoNamed(timerCtx, "clean-up", func(ctx workflow.Context) {
		for left := left; left > 0; left -= slice {
			if workflow.Sleep(ctx, min(slice, left)) != nil {
				return
			}
			c.Left = protocol.SecondsOf(left - min(slice, left))
		}
		r.endCleanUp(protocol.Errorf(protocol.WorkflowTimeout, "the clean-up timed out after %s", r.plan.CleanUpTimeout.Duration()))
	})
}

// contextOf returns the context in which a task runs: that of the clean-up, or the one of all others.
func (r *run) contextOf(others workflow.Context, task int) workflow.Context {
	if r.plan.CleansUp(task) {
		return r.cleanUp.ctx
	}
	return others
}

// stoppedFor returns why nothing of a task starts any more; nil if it does.
func (r *run) stoppedFor(task int) *protocol.Error {
	switch {
	case r.plan.Tasks[task].Finally:
		return r.cleanUp.Finally
	case r.plan.CleansUp(task):
		return r.cleanUp.Always
	}
	return r.stopped
}

// cleanUpFailure returns why tasks in `finally` did not complete; nil if they did.
func (r *run) cleanUpFailure() *protocol.Error {
	var failures []string
	for i := range r.plan.Tasks {
		outcome := r.progress.Outcome(i)
		if !r.plan.Tasks[i].Finally || !outcome.Status.Ended() || outcome.Status == protocol.Completed || r.progress.ContinuedOnError(i) || plan.SkippedByCondition(outcome) {
			continue
		}
		failures = append(failures, quoted(r.plan.Tasks[i].ID))
	}
	if len(failures) == 0 {
		return nil
	}
	message := "the clean-up is not complete: " + some(failures)
	if ended := r.cleanUp.Finally; ended != nil {
		message += "; " + ended.Message
	}
	return protocol.Errorf(protocol.WorkflowTasksFailed, "%s", message)
}
