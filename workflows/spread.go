package workflows

import (
	"fmt"

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
	rounds rounds                       // Of a task that makes one answer of texts.
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
	if each.Reduces {
		m.State.Next, m.Limits.MaxFailures = s.listed.Groups.First, &plan.Tolerance{} // A round without one of its answers is of no use.
	}
	if !r.start.Settings.OwnQueue {
		m.Queue = task.Queue
	}
	if m.Workflow = r.plan.WorkflowOf(task); m.Workflow != nil {
		m.Limits.Chunk, m.Limits.TakeOver = 1, false // Each of them takes over what is unchanged.
		r.sent += maxNestedBytes
	}
	info := workflow.GetInfo(ctx)
	return workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            MapID(r.calls.run.ID, task.ID),
		WorkflowTaskTimeout:   info.WorkflowTaskTimeout,
		WaitForCancellation:   true,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_TERMINATE,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         fmt.Sprintf("items of %s", task.ID),
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
	of := r.spreadOf(s.Task)
	of.result = result
	of.addRound(result)
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
		Recorded: true, Files: each.HasFiles(), Folders: s.listed.Folders, Models: each.Models, Warning: s.listed.Warning,
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

// rounds are how far a task has come that makes one answer of many texts: each round asks about groups of texts, and its answers are the
// texts of the next one.
type rounds struct {
	number int // Of the round that runs, or ran last.
	of     protocol.Reduced
	usage  protocol.Usage
	counts protocol.ItemCounts
	failed *protocol.Error // Why there is no further round.
}

// group starts the grouping of the texts of a round.
func (r *run) group(ctx workflow.Context, task *plan.Task, reduce protocol.Reduce) workflow.Future {
	call, size := r.calls.groupCall(task, reduce)
	r.sent += size
	options := activityOptions(&call, r.start.Settings)
	options.ActivityID, options.Summary = protocol.FormatRoundID(task.ID, reduce.Round), fmt.Sprintf("%s round %d", task.ID, reduce.Round)
	options.Priority = temporal.Priority{PriorityKey: int(task.Priority)}
	if !r.start.Settings.OwnQueue {
		options.TaskQueue = task.Queue
	}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), task.Method, call)
}

// groupReady starts the grouping of the next round of those tasks whose round has left more than one answer.
func (r *run) groupReady(ctx workflow.Context) {
	for _, s := range r.spreads {
		if s.result == nil || !r.leavesMore(s) {
			continue
		}
		before := protocol.Reduce{
			Round: s.rounds.number + 1, Before: s.listed.Ref, First: s.listed.Groups.First, StartedAt: s.listed.StartedAt, Warning: s.listed.Warning,
		}
		s.result, s.future = nil, nil
		future := r.group(r.contextOf(ctx, s.task), &r.plan.Tasks[s.task], before)
		r.inFlight = append(r.inFlight, started{plan.Work{Task: s.task, Item: protocol.NoItem, Step: plan.Group}, future})
	}
}

// leavesMore reports whether another round follows the one that has ended.
func (r *run) leavesMore(s *spread) bool {
	return r.plan.Tasks[s.task].FanOut.Reduces && s.rounds.failed == nil && s.result.Error == nil && r.stoppedFor(s.task) == nil &&
		s.listed.Total-s.listed.Groups.First > s.listed.Groups.Answers() && s.result.Counts.Succeeded == s.listed.Total-s.listed.Groups.First
}

// endGroup lets the calls of a round start, or ends the task.
func (r *run) endGroup(ctx workflow.Context, s started) {
	var listed protocol.ExpandResponse
	if err := s.future.Get(ctx, &listed); err != nil {
		outcome, _ := outcomeOfActivity(ctx, s.future)
		listed.Error = outcome.Error
		if outcome.Status == protocol.Cancelled {
			listed.Error = protocol.Errorf(protocol.TaskCancelled, "it was cancelled while its texts were grouped%s", r.because(s.Task))
		}
	}
	if listed.Error == nil && (listed.Groups == nil || listed.Ref == nil) {
		listed.Error = protocol.Errorf(protocol.InternalError, "the worker did not group the texts").WithHint("update the worker")
	}
	of := r.spreadOf(s.Task)
	switch {
	case listed.Error == nil && of == nil:
		r.spread(s.Task, &listed)
		of = r.spreadOf(s.Task)
		of.rounds.number, of.rounds.of = 1, protocol.Reduced{Rounds: 1, Inputs: listed.Groups.Texts, LeftOut: listed.Groups.LeftOut, ByKey: listed.Groups.Keys > 0}
	case listed.Error == nil:
		of.listed = &listed
		of.rounds.number++
		of.rounds.of.Rounds++
		r.progress.SpreadItems(s.Task, listed.Total-listed.Groups.First)
	case of == nil:
		r.progress.End(s.Task, protocol.Outcome{Status: statusOf(listed.Error), Error: listed.Error})
	default: // The answers of the rounds before stay.
		of.rounds.failed, of.result = listed.Error, &MapResult{}
	}
}

func statusOf(e *protocol.Error) protocol.Status {
	if e.Code == protocol.TaskCancelled {
		return protocol.Cancelled
	}
	return protocol.Failed
}

// addRound adds the end of the calls of a round.
func (s *spread) addRound(result *MapResult) {
	s.rounds.usage = s.rounds.usage.Add(result.Usage)
	s.rounds.counts.AddAll(result.Counts)
}

// gatherReduced returns how the calls of all rounds ended, and how the task itself ended.
func (r *run) gatherReduced(s *spread) protocol.GatherRequest {
	task, result := &r.plan.Tasks[s.task], s.result
	request := protocol.GatherRequest{
		Run: r.calls.run, Task: task.ID, Method: task.Method, StartedAt: s.listed.StartedAt, Items: s.listed.Ref, Usage: s.rounds.usage, Counts: s.rounds.counts.Counts,
		Recorded: true, Warning: s.listed.Warning, Reduced: &s.rounds.of, Status: protocol.Completed,
	}
	request.Counts.Total = s.listed.Total
	calls := s.listed.Total - s.listed.Groups.First
	fail := func(status protocol.Status, e *protocol.Error) {
		request.Status, request.Error = status, e
		request.Reason = "it had not started when its task " + describeStatus(status)
	}
	switch stopped := r.stoppedFor(s.task); {
	case s.rounds.failed != nil:
		fail(statusOf(s.rounds.failed), s.rounds.failed)
	case result.Error != nil:
		fail(protocol.Failed, result.Error)
	case result.Failure != nil:
		code := result.Failure.Error.Code
		if result.Failure.Mixed {
			code = protocol.TaskExecutionFailed
		}
		e := protocol.Errorf(code, "%d of %s of round %d failed", result.Counts.Failed, callCount(calls), s.rounds.number)
		addFirst(e, firstIs, result.Failure.Item, result.Failure.Error, r.plan.Folder)
		goOn := fmt.Sprintf("`%s` does the rest", r.again())
		if e.Hint != "" {
			goOn = e.Hint + "; " + goOn
		}
		e.Hint = goOn
		fail(protocol.Failed, e)
	case stopped != nil && (result.Counts.Succeeded < calls || calls > s.listed.Groups.Answers()):
		fail(protocol.Cancelled, protocol.Errorf(protocol.TaskCancelled, "it was cancelled when %d of %s of round %d %s done%s",
			result.Counts.Succeeded, callCount(calls), s.rounds.number, wereOrWas(result.Counts.Succeeded), r.because(s.task)))
	case result.Counts.Succeeded < calls:
		fail(protocol.Failed, protocol.Errorf(protocol.InternalError, "%d of %s of round %d ended", result.Counts.Total, callCount(calls), s.rounds.number))
	}
	return request
}

func describeStatus(status protocol.Status) string {
	if status == protocol.Cancelled {
		return "was cancelled"
	}
	return "failed"
}

func callCount(n int) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}
