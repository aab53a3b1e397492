package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// historyBudget is the number of events after which a history starts nothing more. Temporal suggests to continue as new
// at 4,096; what is in flight then must still fit below that.
const historyBudget = 4000

// eventsPerTask is how many events one task in flight may still add to the history: scheduled, started, ended, and a
// workflow task of its own with three events.
const eventsPerTask = 6

// sendBudget is how many bytes of calls one workflow task may schedule: gRPC refuses a message over 4 MiB, and the
// workflow task would be retried for ever.
const sendBudget = 1 << 20

// started is a step of a task, or an item, in flight.
type started struct {
	plan.Work
	future workflow.Future
}

// resume continues with the items of tasks that an earlier history had listed.
func (r *run) resume() error {
	for _, listed := range r.start.FanOuts {
		task, err := r.progress.ResumeItems(listed.Task, len(listed.Items)+len(listed.Values), listed.Ended)
		if err != nil {
			return err
		}
		r.lists[task] = newItemList(&r.plan.Tasks[task], listed)
	}
	return nil
}

// next returns the Start of the history that continues this one. Nothing is in flight.
func (r *run) next() Start {
	next := r.start
	next.Opened = true
	next.Ended = r.progress.EndedTasks()
	next.FanOuts = nil
	for _, task := range r.progress.Expanded() {
		list := r.lists[task]
		next.FanOuts = append(next.FanOuts, FanOut{
			Task: list.task.ID, Items: list.paths, Folders: list.folders, Values: list.values, Ref: list.ref, StartedAt: list.startedAt,
			Warning: list.warning, Ended: r.progress.Items(task).EndedItems(),
		})
	}
	next.Usage, next.Items = r.usage, r.items
	next.CleanUp = r.nextCleanUp()
	next.Waiting = r.approvals.next()
	return next
}

// execute runs tasks until all have ended, or until this history is full and nothing is in flight.
func (r *run) execute(ctx workflow.Context) error {
	taskCtx, cancelTasks := workflow.WithCancel(ctx)
	defer cancelTasks()
	r.cancelTasks, r.approvals.ctx = cancelTasks, taskCtx
	if err := r.approvals.resume(); err != nil {
		return err
	}
	workflow.GoNamed(ctx, "cancelled", func(ctx workflow.Context) {
		ctx.Done().Receive(ctx, nil)
		r.noteCancel()
	})
	if limit := r.timeout(); limit > 0 {
		r.startTimeout(ctx, limit)
	}
	for !r.progress.Done() {
		r.groupReady(taskCtx)
		r.gatherReady(ctx)
		r.readReturned(ctx)
		r.approvals.readSignals()
		r.readCancels()
		r.superviseCleanUp()
		r.inFlight, r.approvals.begun = append(r.inFlight, r.approvals.begun...), nil
		r.shareSlots(taskCtx)
		r.startReady(taskCtx)
		r.describe(ctx)
		if r.approvals.onlyWaits() && !r.approvals.waitsOn(ctx) {
			if ctx.Err() == nil || r.cancelNoted || r.stopped != nil && r.cleanUp.ctx == nil {
				return nil
			}
			r.noteCancel() // What waits for it has not come to it, and a history that ends now would lose it.
			continue
		}
		r.await(ctx)
	}
	return nil
}

// timeout returns that of the workflow, or a shorter one of the task that runs it; 0 is none.
func (r *run) timeout() time.Duration {
	limit := r.plan.Timeout.Duration()
	if of := r.start.Within; of != nil && of.Timeout > 0 && (limit == 0 || of.Timeout.Duration() < limit) {
		return of.Timeout.Duration()
	}
	return limit
}

// startTimeout stops the run when its timeout expires. It counts from the start of the run's first history.
func (r *run) startTimeout(ctx workflow.Context, limit time.Duration) {
	left := limit - workflow.Now(ctx).Sub(r.start.StartedAt)
	timer := workflow.NewTimer(ctx, max(left, time.Millisecond))
	workflow.GoNamed(ctx, "timeout", func(ctx workflow.Context) {
		if timer.Get(ctx, nil) != nil {
			return
		}
		r.stop(protocol.Errorf(protocol.WorkflowTimeout, "%s timed out after %s", r.noun(), limit))
		r.cancelTasks()
	})
}

// stop lets nothing more start. The first reason counts.
func (r *run) stop(reason *protocol.Error) {
	if r.stopped != nil || r.progress.InFinally() { // How the run ended is known then.
		return
	}
	r.setStopped(reason)
	r.wake()
}

func (r *run) setStopped(reason *protocol.Error) {
	r.stopped = reason
	r.progress.Stop(protocol.Outcome{
		Status: protocol.Cancelled,
		Error:  protocol.Errorf(protocol.TaskCancelled, "it had not started when %s", reason.Message),
	})
}

func (r *run) stopCancelled() {
	r.stop(protocol.Errorf(protocol.WorkflowCancelled, "%s was cancelled", r.noun()))
}

// noun is what messages call the run.
func (r *run) noun() string {
	if r.start.Within != nil {
		return "the workflow"
	}
	return "the run"
}

// stopAfterFailure stops the run, and cancels what is in flight, where a task has failed and the workflow fails fast.
func (r *run) stopAfterFailure() {
	if i, failed := r.progress.FailedFast(); failed && r.stopped == nil {
		r.stop(protocol.Errorf(protocol.WorkflowTasksFailed, "task %q failed", r.plan.Tasks[i].ID))
		r.cancelTasks()
	}
}

// startReady starts what is ready, within the limits of the plan, of the history, and of one message to the server.
func (r *run) startReady(ctx workflow.Context) {
	for r.fits(ctx) {
		work, found := r.progress.Next()
		if !found {
			return
		}
		if at := workflow.GetInfo(ctx).GetCurrentHistoryLength(); at != r.sentAt {
			r.sent, r.sentAt = 0, at
		}
		r.begun++
		r.inFlight = append(r.inFlight, started{work, r.begin(r.contextOf(ctx, work.Task), work)})
		if r.sent > sendBudget {
			// A timer makes the server accept what was scheduled so far before more is.
			if workflow.Sleep(r.contextOf(ctx, work.Task), time.Millisecond) != nil {
				return // Cancelled: what is in flight is awaited, and stop has ended the rest.
			}
		}
	}
}

// fits reports whether one more task surely ends within this history. The first one does: each history must make progress.
func (r *run) fits(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	if r.begun == 0 {
		return true
	}
	if info.GetContinueAsNewSuggested() {
		return false
	}
	if size := int64(info.GetCurrentHistorySize()) + maxNestedBytes*int64(len(r.inFlight)+1); len(r.plan.Workflows) > 0 && size > nestedHistory {
		return false
	}
	return info.GetCurrentHistoryLength()+eventsPerTask*(len(r.inFlight)+r.progress.Admitted()+1) < historyBudget
}

// await waits until something in flight has ended, and handles all that has, in the order of their start.
func (r *run) await(ctx workflow.Context) {
	selector := workflow.NewSelector(ctx)
	for _, s := range r.inFlight {
		selector.AddFuture(s.future, func(workflow.Future) {})
	}
	if len(r.spreads) > 0 {
		selector.AddReceive(r.returned, func(workflow.ReceiveChannel, bool) {})
	}
	if r.approvals.changed != nil {
		selector.AddReceive(r.approvals.signals, func(workflow.ReceiveChannel, bool) {})
		selector.AddReceive(r.approvals.changed, func(changed workflow.ReceiveChannel, _ bool) { changed.ReceiveAsync(nil) })
	}
	if r.cleanUp.changed != nil {
		selector.AddReceive(r.cleanUp.signals, func(workflow.ReceiveChannel, bool) {})
		selector.AddReceive(r.cleanUp.changed, func(changed workflow.ReceiveChannel, _ bool) { changed.ReceiveAsync(nil) })
	}
	selector.Select(ctx)
	still := r.inFlight[:0]
	for _, s := range r.inFlight {
		if !s.future.IsReady() {
			still = append(still, s)
			continue
		}
		r.end(ctx, s)
		r.stopAfterFailure()
	}
	r.inFlight = still
}
