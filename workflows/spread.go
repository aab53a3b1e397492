package workflows

import (
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/fanout"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// spread is a task whose items run in a workflow of their own.
type spread struct {
	task   int
	listed *protocol.ExpandResponse
	future workflow.ChildWorkflowFuture // Nil before it has started.
	result *MapResult                   // Nil before it has ended.
}

// spread lets the items of a task run, when slots are free for them.
func (r *run) spread(task int, listed *protocol.ExpandResponse) {
	r.spreads = append(r.spreads, &spread{task: task, listed: listed})
	r.progress.SpreadItems(task, listed.Total)
}

// shareSlots distributes slots, starts the workflows of items whose turn has come, and tells those that run what they may use.
func (r *run) shareSlots(ctx workflow.Context) {
	r.progress.Allot()
	for _, s := range r.progress.Changed() {
		of := r.spreadOf(s.Task)
		message := SlotsMessage{Slots: s.Slots, Turn: s.Turn}
		if of.future != nil {
			of.future.SignalChildWorkflow(r.contextOf(ctx, s.Task), SlotsSignal, message)
			continue
		}
		of.future = r.startItems(r.contextOf(ctx, s.Task), of, message)
		r.inFlight = append(r.inFlight, started{plan.Work{Task: s.Task, Item: protocol.NoItem, Step: plan.RunItems}, of.future})
	}
}

func (r *run) spreadOf(task int) *spread {
	for _, s := range r.spreads {
		if s.task == task {
			return s
		}
	}
	return nil
}

// startItems starts the workflow of a task's items.
func (r *run) startItems(ctx workflow.Context, s *spread, slots SlotsMessage) workflow.ChildWorkflowFuture {
	task := &r.plan.Tasks[s.task]
	each := task.FanOut
	call, items, size := r.calls.itemsCall(task, s.listed)
	r.sent += size
	m := Map{
		Call: call, Manifest: *s.listed.Ref, Settings: r.start.Settings, Start: s.listed.StartedAt, Slots: slots, Shared: r.progress.Shares(s.task),
		Limits: fanout.Limits{
			Total: s.listed.Total, Chunk: each.Chunk, MaxFailures: each.MaxFailures, MaxTokens: each.MaxTokens, TakeOver: call.Run.TakeOver != nil,
		},
		Items: items,
	}
	if task.HasSteps() {
		m.Steps, size = r.calls.stepCalls(task, &m.Call)
		r.sent += size
		m.Limits.Steps, m.Limits.ByModel = len(m.Steps), each.Steps.ByModel
	}
	if !r.start.Settings.OwnQueue {
		m.Queue = task.Queue
	}
	info := workflow.GetInfo(ctx)
	return workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            MapID(r.calls.run.ID, task.ID),
		WorkflowTaskTimeout:   info.WorkflowTaskTimeout,
		WaitForCancellation:   true,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_TERMINATE,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         task.ID,
		Priority:              temporal.Priority{PriorityKey: int(r.plan.Priority)},
	}), MapType, m)
}

// MapID returns the id of the workflow that runs the items of a task.
func MapID(run, task string) string { return run + "/" + task }

// readReturned reads which slots the workflows of items have returned.
func (r *run) readReturned(ctx workflow.Context) {
	for {
		var message HeldMessage
		if !r.returned.ReceiveAsync(&message) {
			return
		}
		for _, s := range r.spreads {
			if r.plan.Tasks[s.task].ID == message.Task {
				r.progress.ReturnSlots(s.task, message.Turn, message.Held, message.Wanted)
			}
		}
	}
}

// endItems records that the items of a task have ended.
func (r *run) endItems(ctx workflow.Context, s started) {
	result := &MapResult{}
	if err := s.future.Get(ctx, result); err != nil && !temporal.IsCanceledError(err) {
		result.Error = protocol.Errorf(protocol.InternalError, "the workflow of the items ended: %s", err)
	}
	r.usage = r.usage.Add(result.Usage)
	r.spreadOf(s.Task).result = result
	r.progress.EndSpread(s.Task)
}

// gatherRecorded returns how the items of a task ended, and how the task itself ended.
func (r *run) gatherRecorded(s *spread) protocol.GatherRequest {
	result := s.result
	task := &r.plan.Tasks[s.task]
	each, total := task.FanOut, s.listed.Total
	counts := itemCounts{Counts: result.Counts.Counts, wanted: total - result.Counts.ByCondition}
	counts.unfinished = counts.wanted - counts.Succeeded - counts.Failed
	counts.Total, counts.Skipped = total, total-counts.Succeeded-counts.Failed
	request := protocol.GatherRequest{
		Run: r.calls.run, Task: task.ID, Method: task.Method, StartedAt: s.listed.StartedAt, Items: s.listed.Ref, Usage: result.Usage, Counts: counts.Counts,
		Recorded: true, Files: each.HasFiles(), Models: each.Models, Warning: s.listed.Warning,
	}
	request.Status, request.Error = r.verdict(s.task, counts, result.TooMany, func(introduction, format string, args ...any) *protocol.Error {
		code := protocol.TaskExecutionFailed
		if result.Failure != nil && !result.Failure.Mixed {
			code = result.Failure.Error.Code
		}
		e := protocol.Errorf(code, format, args...)
		if result.Failure != nil {
			addFirst(e, introduction, result.Failure.Item, result.Failure.Error, r.plan.Folder)
		}
		return e
	})
	if result.Tokens && request.Status == protocol.Completed && counts.unfinished > 0 {
		request.Status, request.Error = protocol.Failed, r.tokensReached(each, counts, result.Usage)
	}
	switch {
	case result.TooMany:
		request.Reason = plan.TooManyReason(each)
	case result.Tokens:
		request.Reason = plan.MaxTokensReason
	case r.stoppedFor(s.task) != nil:
		request.Reason = "it had not started when " + r.stoppedFor(s.task).Message
	}
	if result.Error != nil {
		request.Status, request.Error = protocol.Failed, result.Error
		request.Reason = "it had not started when its task failed"
	}
	return request
}

// tokensReached is the error of a task whose items have used the tokens that they may.
func (r *run) tokensReached(each *plan.FanOut, counts itemCounts, usage protocol.Usage) *protocol.Error {
	done := counts.wanted - counts.unfinished
	return protocol.Errorf(protocol.TaskLimitReached, "it stopped when %d of %s %s done: they used %d tokens, and max_tokens_total is %d; %d %s skipped because of that",
		done, countOf(each, counts.wanted), wereOrWas(done), usage.Tokens(), each.MaxTokens, counts.unfinished, wereOrWas(counts.unfinished)).
		WithHint("`%s` does the rest, with as many tokens again", r.again())
}
