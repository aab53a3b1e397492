package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

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
	options.ActivityID, options.Summary = protocol.FormatRoundID(task.ID, reduce.Round), fmt.Sprintf("round %d", reduce.Round)
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
		s.listed.Total-s.listed.Groups.First > 1 && s.result.Counts.Succeeded == s.listed.Total-s.listed.Groups.First
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
		of.rounds.number, of.rounds.of = 1, protocol.Reduced{Rounds: 1, Inputs: listed.Groups.Texts, LeftOut: listed.Groups.LeftOut}
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
	case stopped != nil && (result.Counts.Succeeded < calls || calls > 1):
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
