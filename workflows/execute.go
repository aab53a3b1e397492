package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// historyBudget is how many events a history of ours may grow to. Temporal suggests to continue as new at 4,096; what
// is in flight when a run stops starting must still fit below that.
const historyBudget = 4000

// eventsPerTask is what one task in flight may still add to the history: scheduled, started, ended, and a workflow
// task of its own with three events.
const eventsPerTask = 6

// sendBudget is how many bytes of calls one workflow task may schedule: gRPC refuses a message over 4 MiB, and the
// workflow task would be tried again for ever.
const sendBudget = 1 << 20

// started is a task or an item in flight, or, of a task that runs once an item, the look for its items or the gathering of
// what they have brought.
type started struct {
	task   int
	step   step
	fan    *fanOut // Of an item, and while gathering.
	item   int
	future workflow.Future
}

// step is what of a task is in flight.
type step int

const (
	calling step = iota
	deciding
	expanding
	gathering
)

// execute runs tasks until all have ended, or until this history is full and nothing is in flight.
func (r *run) execute(ctx workflow.Context) error {
	taskCtx, cancelTasks := workflow.WithCancel(ctx)
	defer cancelTasks()
	r.cancelTasks = cancelTasks
	workflow.GoNamed(ctx, "cancelled", func(ctx workflow.Context) {
		ctx.Done().Receive(ctx, nil)
		r.stop(protocol.Errorf(protocol.WorkflowCancelled, "the run was cancelled"))
	})
	if r.plan.Timeout > 0 {
		r.limitTime(ctx)
	}
	for !r.progress.Done() {
		r.gather(ctx)
		if err := r.startReady(taskCtx); err != nil {
			return err
		}
		r.describe(ctx)
		if len(r.running) == 0 {
			if !r.progress.Done() && !r.progress.HasReady() && len(r.fans) == 0 && len(r.decided) == 0 {
				return rejected("the plan's tasks wait for one another")
			}
			return nil
		}
		r.await(ctx)
	}
	return nil
}

// limitTime ends the run, with a full account, when the workflow's timeout is over. It counts from the run's first
// history on.
func (r *run) limitTime(ctx workflow.Context) {
	left := r.plan.Timeout.Duration() - workflow.Now(ctx).Sub(r.start.StartedAt)
	timer := workflow.NewTimer(ctx, max(left, time.Millisecond))
	workflow.GoNamed(ctx, "timeout", func(ctx workflow.Context) {
		if timer.Get(ctx, nil) != nil {
			return
		}
		r.stop(protocol.Errorf(protocol.WorkflowTimeout, "the run took longer than its timeout of %s", r.plan.Timeout.Duration()))
		r.cancelTasks()
	})
}

// stop lets nothing more start. The first reason counts.
func (r *run) stop(reason *protocol.Error) {
	if r.stopped != nil {
		return
	}
	r.stopped = reason
	r.progress.Stop(protocol.Outcome{
		Status: protocol.Cancelled,
		Error:  protocol.Errorf(protocol.TaskCancelled, "it had not started when %s", reason.Message),
	})
	r.dropDecided()
}

// failFast ends the run where a task has failed and the workflow wants no more then: what runs is cancelled.
func (r *run) failFast() {
	if i, failed := r.progress.FailedFast(); failed && r.stopped == nil {
		r.stop(protocol.Errorf(protocol.WorkflowTasksFailed, "task %q failed", r.plan.Tasks[i].ID))
		r.cancelTasks()
	}
}

// startReady starts what is ready, as far as the workflow's limit, the history and one message to the server allow.
func (r *run) startReady(ctx workflow.Context) error {
	for len(r.running) < limitOf(r.plan) && r.fits(ctx) {
		task, decided := r.nextDecided()
		fan, found := r.pick()
		if !decided && !found {
			break
		}
		if at := workflow.GetInfo(ctx).GetCurrentHistoryLength(); at != r.sentAt {
			r.sent, r.sentAt = 0, at
		}
		r.begun++
		switch {
		case decided:
			r.running = append(r.running, r.startTask(ctx, task))
		case fan != nil:
			r.running = append(r.running, r.startItem(ctx, fan))
		default:
			r.running = append(r.running, r.begin(ctx))
		}
		if r.sent > sendBudget {
			// A timer makes the server take what was scheduled before more is.
			if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
				return nil //nolint:nilerr // Cancelled: what runs is awaited, and stop has seen to the rest.
			}
		}
	}
	return nil
}

// pick chooses what starts next: a task, or, where it returns a fan-out, the next item of that. Priority decides, then the
// order of the file.
func (r *run) pick() (fan *fanOut, found bool) {
	for _, candidate := range r.fans {
		if r.stopped == nil && candidate.canStart() && (fan == nil || r.before(candidate.task, fan.task)) {
			fan = candidate
		}
	}
	task, ready := r.progress.Peek()
	if ready && (fan == nil || r.before(task, fan.task)) {
		return nil, true
	}
	return fan, fan != nil
}

func (r *run) before(a, b int) bool {
	if p, q := r.plan.Tasks[a].Priority, r.plan.Tasks[b].Priority; p != q {
		return p < q
	}
	return a < b
}

func (r *run) startItem(ctx workflow.Context, fan *fanOut) started {
	item := fan.begin()
	return started{task: fan.task, fan: fan, item: item, future: r.schedule(ctx, &r.plan.Tasks[fan.task], fan.item(item))}
}

// begin starts the next task that is ready: where it has a condition, that is asked first.
func (r *run) begin(ctx workflow.Context) started {
	task, _ := r.progress.Next()
	if r.plan.Tasks[task].When != "" && r.plan.Tasks[task].FanOut == nil { // Of items it is asked when they are known.
		return started{task: task, step: deciding, future: r.decide(ctx, task)}
	}
	return r.startTask(ctx, task)
}

func (r *run) startTask(ctx workflow.Context, task int) started {
	if r.plan.Tasks[task].FanOut != nil {
		return started{task: task, step: expanding, future: r.expand(ctx, task)}
	}
	return started{task: task, future: r.schedule(ctx, &r.plan.Tasks[task], nil)}
}

// fits tells whether one more task is sure to end within this history. The first one does: a history must get somewhere.
func (r *run) fits(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	if r.begun == 0 {
		return true
	}
	if info.GetContinueAsNewSuggested() {
		return false
	}
	return info.GetCurrentHistoryLength()+eventsPerTask*(len(r.running)+len(r.decided)+1) < historyBudget
}

// await waits until at least one task has ended, and takes account of all that have, in the order of their start.
func (r *run) await(ctx workflow.Context) {
	selector := workflow.NewSelector(ctx)
	for _, s := range r.running {
		selector.AddFuture(s.future, func(workflow.Future) {})
	}
	selector.Select(ctx)
	still := r.running[:0]
	for _, s := range r.running {
		if !s.future.IsReady() {
			still = append(still, s)
			continue
		}
		r.take(ctx, s)
		r.failFast()
	}
	r.running = still
}

// take takes account of what has ended.
func (r *run) take(ctx workflow.Context, s started) {
	switch s.step {
	case deciding:
		r.takeDecision(ctx, s)
	case expanding:
		r.expanded(ctx, s)
	case gathering:
		r.gathered(ctx, s)
	default:
		outcome := r.outcome(ctx, s)
		r.usage = r.usage.Add(outcome.Usage)
		if s.fan != nil {
			s.fan.end(s.item, outcome)
		} else {
			r.progress.End(s.task, outcome)
		}
	}
}
