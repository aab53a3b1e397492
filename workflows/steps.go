package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

const (
	// defaultHeartbeat is for clusters, whose network may fail for a while.
	defaultHeartbeat = 30 * time.Second
	// maxSlotWait limits how long a call waits for a slot of its worker. The activity itself keeps the timeout of an attempt,
	// because that wait does not count; Temporal's timeout ends an activity that never returns.
	maxSlotWait = 7 * 24 * time.Hour
	// elapsedGrace is how long an attempt may take to end after max_elapsed.
	elapsedGrace = time.Minute
	// retryPause follows a lost worker. The error of a failed attempt has the delay that the task's own retry policy wants.
	retryPause = 100 * time.Millisecond
)

// begin starts a step of a task, or an item.
func (r *run) begin(ctx workflow.Context, work plan.Work) workflow.Future {
	task := &r.plan.Tasks[work.Task]
	switch {
	case work.Step == plan.Decide:
		return workflow.ExecuteLocalActivity(recording(ctx), DecideActivity, r.calls.decideRequest(task))
	case work.Step == plan.Group:
		return r.group(ctx, task, protocol.Reduce{Round: 1})
	case work.Step == plan.Expand:
		return workflow.ExecuteLocalActivity(listing(ctx), ExpandActivity, r.calls.expandRequest(task))
	case work.Item != protocol.NoItem:
		return r.schedule(ctx, task, &item{r.lists[work.Task], work.Item})
	case task.Waits:
		return r.approvals.ask(ctx, task)
	case task.Workflow != "":
		return startNested(ctx, r, work.Task)
	}
	return r.schedule(ctx, task, nil)
}

// end records how a step of a task, or an item, ended.
func (r *run) end(ctx workflow.Context, s started) {
	switch s.Step {
	case plan.Decide:
		r.endDecide(ctx, s)
	case plan.Expand:
		r.endExpand(ctx, s)
	case plan.Group:
		r.endGroup(ctx, s)
	case plan.Gather:
		r.endGather(ctx, s)
	case plan.RunItems:
		r.endItems(ctx, s)
	case plan.Wait:
		r.approvals.endWait(ctx, s)
	default:
		if r.plan.Tasks[s.Task].Waits {
			r.approvals.endAsk(ctx, s)
			return
		}
		outcome := r.outcome(ctx, s)
		r.usage = r.usage.Add(outcome.Usage)
		if s.Item != protocol.NoItem {
			r.progress.EndItem(s.Task, s.Item, outcome)
		} else {
			r.progress.End(s.Task, outcome)
		}
	}
}

// schedule starts the activity of a task, or of one of its items.
func (r *run) schedule(ctx workflow.Context, task *plan.Task, of *item) workflow.Future {
	call, size := r.calls.call(task, of)
	r.sent += size
	index, summary := protocol.NoItem, activitySummary(task.ID, protocol.NoItem, task.Name)
	if task.Name == task.ID {
		summary = task.ID
	}
	if of != nil {
		index, summary = of.index, activitySummary(task.ID, of.index, of.label())
	}
	options := activityOptions(&call, r.start.Settings)
	options.ActivityID, options.Summary = protocol.FormatActivityID(task.ID, index), summary
	options.Priority = temporal.Priority{PriorityKey: int(task.Priority)}
	if !r.start.Settings.OwnQueue {
		options.TaskQueue = task.Queue // Empty is the run's own.
	}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), task.Method, call)
}

// activityOptions returns how Temporal runs the activity of a call.
func activityOptions(call *protocol.Call, settings Settings) workflow.ActivityOptions {
	heartbeat := settings.Heartbeat.Duration()
	if heartbeat <= 0 {
		heartbeat = defaultHeartbeat
	}
	priority := call.Priority
	if priority == 0 {
		priority = protocol.NormalPriority
	}
	policy := RetryPolicy(call.Retry)
	if call.Repeat != nil {
		policy.MaximumAttempts = 0 // Rounds are attempts: the activity counts them.
	}
	return workflow.ActivityOptions{
		ScheduleToCloseTimeout: ScheduleToCloseTimeout(call.Retry),
		StartToCloseTimeout:    StartToCloseTimeout(call.Timeout),
		HeartbeatTimeout:       heartbeat,
		WaitForCancellation:    true,
		Priority:               temporal.Priority{PriorityKey: priority},
		RetryPolicy:            policy,
	}
}

// ScheduleToCloseTimeout returns Temporal's timeout of all attempts together; 0 is none. The attempt under way ends itself when
// max_elapsed is over, and has time to record that; Temporal ends a task that no worker executes.
func ScheduleToCloseTimeout(retry *protocol.Retry) time.Duration {
	if retry == nil || retry.MaxElapsed <= 0 {
		return 0
	}
	return retry.MaxElapsed.Duration() + elapsedGrace
}

// StartToCloseTimeout returns Temporal's timeout of one attempt of a task with a timeout of its own.
func StartToCloseTimeout(timeout protocol.Seconds) time.Duration {
	return timeout.Duration() + maxSlotWait
}

// RetryPolicy lets Temporal schedule a task again as often as it may fail or lose its worker.
func RetryPolicy(retry *protocol.Retry) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:    retryPause,
		BackoffCoefficient: 1,
		MaximumAttempts:    int32(retry.Attempts(protocol.Transient)+protocol.MaxLostWorkers) + 1,
	}
}

// outcome returns how the activity of a task or an item ended. The future is ready.
func (r *run) outcome(ctx workflow.Context, s started) protocol.Outcome {
	outcome, reported := outcomeOfActivity(ctx, s.future)
	switch {
	case reported:
	case outcome.Status == protocol.Cancelled:
		outcome.Error.Message += r.because(s.Task)
	case r.stoppedFor(s.Task) != nil && outcome.Error.Code == protocol.WorkerLost:
		// Its worker was gone when the run was stopped: Temporal does not schedule it again.
		printed := outcome.Printed
		outcome = cancelledWithoutWorker()
		outcome.Error.Message += r.because(s.Task)
		outcome.Printed = printed
	}
	return outcome
}

// outcomeOfActivity returns how the activity of a task or an item ended, and whether the activity itself said so. The future is ready.
func outcomeOfActivity(ctx workflow.Context, future workflow.Future) (outcome protocol.Outcome, reported bool) {
	err := future.Get(ctx, &outcome)
	if err == nil {
		return outcome, true
	}
	if outcome, reported := reportedOutcome(err); reported {
		return outcome, true
	}
	outcome, known := OutcomeOf(err)
	if !known {
		outcome = failed(protocol.Errorf(protocol.InternalError, "%s", err))
	}
	return outcome, false
}

// endDecide skips the task, ends it, or admits it.
func (r *run) endDecide(ctx workflow.Context, s started) {
	var answer protocol.DecideResponse
	err := s.future.Get(ctx, &answer)
	switch {
	case err != nil && temporal.IsCanceledError(err):
		r.progress.End(s.Task, protocol.Outcome{
			Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled while its condition was evaluated%s", r.because(s.Task)),
		})
	case err != nil:
		r.progress.End(s.Task, failed(protocol.Errorf(protocol.InternalError, "%s", err)))
	case answer.Error != nil:
		r.progress.End(s.Task, failed(answer.Error))
	case !answer.Holds:
		r.progress.End(s.Task, protocol.Outcome{Status: protocol.Skipped, Reason: protocol.ConditionFalseReason(r.plan.Tasks[s.Task].When)})
	default:
		r.progress.Admit(s.Task)
	}
}

// endExpand lets the items that were listed start, or ends the task.
func (r *run) endExpand(ctx workflow.Context, s started) {
	var listed protocol.ExpandResponse
	task := &r.plan.Tasks[s.Task]
	err := s.future.Get(ctx, &listed)
	switch {
	case err != nil && temporal.IsCanceledError(err):
		r.progress.End(s.Task, protocol.Outcome{
			Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled while its %ss were listed%s", itemWord(task.FanOut), r.because(s.Task)),
		})
	case err != nil:
		r.progress.End(s.Task, failed(protocol.Errorf(protocol.InternalError, "%s", err)))
	case listed.Error != nil:
		r.progress.End(s.Task, failed(listed.Error))
	case task.Workflow != "" && listed.Total > plan.MaxNestedItems:
		r.progress.End(s.Task, failed(protocol.Errorf(protocol.TaskParameterError, "for_each has %d items, and the limit of a task with workflow is %d", listed.Total, plan.MaxNestedItems).
			WithHint("use for_each in a task of the workflow, or split the items among several tasks")))
	case r.plan.ItemsApart:
		r.spread(s.Task, &listed)
	default:
		r.lists[s.Task] = newItemList(task, FanOut{
			Items: listed.Items, Folders: listed.Folders, Values: listed.Values, Ref: listed.Ref, Warning: listed.Warning, StartedAt: listed.StartedAt,
		})
		r.progress.Expand(s.Task, len(listed.Items)+len(listed.Values), endSkipped(listed.Skipped, task.When))
	}
}

// endSkipped returns the ends of the items that do not start: their condition is false or cannot be evaluated.
func endSkipped(items []protocol.SkippedItem, condition string) []plan.EndedItem {
	var ended []plan.EndedItem
	for _, item := range items {
		outcome := protocol.Outcome{Status: protocol.Skipped, Reason: protocol.ConditionFalseReason(condition)}
		if item.Error != nil {
			outcome = failed(item.Error)
		}
		ended = append(ended, plan.EndedItem{Index: item.Index, Outcome: outcome})
	}
	return ended
}

// gatherReady has the results gathered of those tasks whose items have all ended.
func (r *run) gatherReady(ctx workflow.Context) {
	for {
		task, found := r.progress.NextGather()
		if !found {
			break
		}
		r.gather(ctx, task, r.gatherRequest(task))
	}
	spreads := r.spreads
	r.spreads = nil
	for _, s := range spreads {
		if s.result == nil {
			r.spreads = append(r.spreads, s)
			continue
		}
		if r.plan.Tasks[s.task].FanOut.Reduces {
			r.gather(ctx, s.task, r.gatherReduced(s))
			continue
		}
		r.gather(ctx, s.task, r.gatherRecorded(s))
	}
}

// gather starts the gathering of the results of a task's items. A run that was cancelled still keeps them.
func (r *run) gather(ctx workflow.Context, task int, request protocol.GatherRequest) {
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	future := workflow.ExecuteLocalActivity(listing(disconnected), GatherActivity, request)
	r.inFlight = append(r.inFlight, started{plan.Work{Task: task, Item: protocol.NoItem, Step: plan.Gather}, future})
}

// endGather ends the task. Its usage was counted item by item.
func (r *run) endGather(ctx workflow.Context, s started) {
	var end protocol.GatherResponse
	if err := s.future.Get(ctx, &end); err != nil {
		end.Outcome = failed(protocol.Errorf(protocol.InternalError, "%s", err))
	}
	r.lists[s.Task] = nil
	if len(end.Failures) > 0 {
		if r.failures == nil {
			r.failures = make([][]string, len(r.plan.Tasks))
		}
		r.failures[s.Task] = end.Failures
	}
	r.progress.End(s.Task, end.Outcome)
}

// gatherRequest returns the outcomes of a task's items, and how the task itself ended.
func (r *run) gatherRequest(index int) protocol.GatherRequest {
	task, list, items := &r.plan.Tasks[index], r.lists[index], r.progress.Items(index)
	request := protocol.GatherRequest{
		Run: r.calls.run, Task: task.ID, Method: task.Method, Warning: list.warning, StartedAt: list.startedAt, Items: list.ref, Paths: list.paths, Models: task.FanOut.Models,
		Outcomes: append([]protocol.Outcome{}, items.Outcomes()...),
	}
	counts := countItems(items)
	request.Counts = counts.Counts
	for _, outcome := range request.Outcomes {
		request.Usage = request.Usage.Add(outcome.Usage)
	}
	request.Status, request.Error = r.verdict(index, counts, items.TooManyFailed(), func(introduction, format string, args ...any) *protocol.Error {
		return list.failure(items, introduction, format, args...)
	})
	return request
}

// again returns the command that does what the run leaves: a batch of the command line has its own, which writes its results as `batch` does.
func (r *run) again() string {
	if r.plan.IsTypedBatch() {
		return "gleitzeit batch resume " + r.calls.run.ID
	}
	return "gleitzeit retry " + r.calls.run.ID
}

// verdict decides how a task with items ended: it has completed although items failed, unless all of those did that were
// not skipped by their condition, or more than max_failures. failure makes its error, from that of the first item that failed.
func (r *run) verdict(task int, counts itemCounts, tooMany bool, failure func(introduction, format string, args ...any) *protocol.Error) (protocol.Status, *protocol.Error) {
	each := r.plan.Tasks[task].FanOut
	switch {
	case tooMany:
		e := failure(firstIs, "%d of %s failed, and max_failures is %s", counts.Failed, countOf(each, counts.Total), each.MaxFailures)
		if n := counts.unfinished; n > 0 {
			e.Message += fmt.Sprintf("; %d %s skipped because of that", n, wereOrWas(n))
		}
		goOn := fmt.Sprintf("`%s` does the rest", r.again())
		if e.Hint != "" {
			goOn = e.Hint + "; " + goOn
		}
		e.Hint = goOn
		return protocol.Failed, e
	case r.stoppedFor(task) != nil && counts.unfinished > 0:
		done := counts.wanted - counts.unfinished
		return protocol.Cancelled, protocol.Errorf(protocol.TaskCancelled, "it was cancelled when %d of %s %s done%s", done, countOf(each, counts.wanted), wereOrWas(done), r.because(task))
	case counts.Failed == counts.wanted && counts.wanted == 1:
		return protocol.Failed, failure("it is", "1 of 1 %s failed", itemWord(each))
	case counts.Failed == counts.wanted && counts.wanted > 0:
		return protocol.Failed, failure(firstIs, "all of %s failed", countOf(each, counts.wanted))
	}
	return protocol.Completed, nil
}
