package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// resume takes over the fan-outs that an earlier history had begun.
func (r *run) resume() error {
	for _, carried := range r.start.FanOuts {
		task, err := r.progress.Resume(carried.Task)
		if err != nil {
			return err
		}
		if r.plan.Tasks[task].FanOut == nil {
			return fmt.Errorf("the run says that %q has items, which it has not in the plan", carried.Task)
		}
		r.fans = append(r.fans, newFanOut(r.plan, task, carried))
	}
	return nil
}

// expand looks for the items of a task.
func (r *run) expand(ctx workflow.Context, index int) workflow.Future {
	task := &r.plan.Tasks[index]
	asked := protocol.ExpandRequest{
		Run: r.info, Task: task.ID, Method: task.Method, Directory: task.FanOut.Directory, Files: task.FanOut.Files,
		Values: task.FanOut.Values, Pattern: task.FanOut.Pattern, Exclude: task.FanOut.Exclude, Reads: task.FanOut.Reads, Bindings: r.bindings(task.FanOut.Uses), Most: plan.MaxItems,
		When: task.When, WhenBindings: r.bindings(task.WhenUses),
	}
	return workflow.ExecuteLocalActivity(recording(ctx), ExpandActivity, asked)
}

// expanded begins with the items that were found, or ends the task where there are none.
func (r *run) expanded(ctx workflow.Context, s started) {
	var found protocol.ExpandResponse
	task := &r.plan.Tasks[s.task]
	err := s.future.Get(ctx, &found)
	switch {
	case err != nil && temporal.IsCanceledError(err):
		r.progress.End(s.task, protocol.Outcome{
			Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled while its %ss were looked for%s", itemWord(task.FanOut), r.because()),
		})
	case err != nil:
		r.progress.End(s.task, failed(protocol.Errorf(protocol.InternalError, "%s", err)))
	case found.Error != nil:
		r.progress.End(s.task, failed(found.Error))
	default:
		carried := FanOut{Task: task.ID, Items: found.Items, Values: found.Values, Ref: found.Ref, StartedAt: found.StartedAt, Ended: refused(found.Skipped, task.When)}
		r.fans = append(r.fans, newFanOut(r.plan, s.task, carried))
	}
}

// refused are the items that are not to run, as they end.
func refused(items []protocol.SkippedItem, condition string) []EndedItem {
	var ended []EndedItem
	for _, item := range items {
		outcome := protocol.Outcome{Status: protocol.Skipped, Reason: protocol.ConditionFalseReason(condition)}
		if item.Error != nil {
			outcome = failed(item.Error)
		}
		ended = append(ended, EndedItem{item.Index, outcome})
	}
	return ended
}

// gather has the results made of those tasks whose items have all ended.
func (r *run) gather(ctx workflow.Context) {
	for _, fan := range r.fans {
		if fan.gathering || !fan.over(r.stopped != nil) {
			continue
		}
		fan.gathering = true
		// A run that was cancelled still keeps what its items have brought.
		disconnected, _ := workflow.NewDisconnectedContext(ctx)
		future := workflow.ExecuteLocalActivity(recording(disconnected), GatherActivity, r.gathering(fan))
		r.running = append(r.running, started{task: fan.task, step: gathering, fan: fan, future: future})
	}
}

// gathered ends the task.
func (r *run) gathered(ctx workflow.Context, s started) {
	var end protocol.GatherResponse
	if err := s.future.Get(ctx, &end); err != nil {
		end.Outcome = failed(protocol.Errorf(protocol.InternalError, "%s", err))
	}
	still := r.fans[:0]
	for _, fan := range r.fans {
		if fan != s.fan {
			still = append(still, fan)
		}
	}
	r.fans = still
	r.progress.End(s.task, end.Outcome) // Its usage was counted item by item.
}

// gathering says how a task ended whose items have, and what is to become of their results.
func (r *run) gathering(fan *fanOut) protocol.GatherRequest {
	task := &r.plan.Tasks[fan.task]
	g := protocol.GatherRequest{
		Run: r.info, Task: task.ID, Method: task.Method, StartedAt: fan.startedAt, Items: fan.ref, Paths: fan.paths,
		Outcomes: make([]protocol.Outcome, len(fan.outcomes)), Counts: protocol.Counts{Total: len(fan.outcomes), Failed: fan.failed},
	}
	unwanted := 0 // Skipped by their own condition.
	for i, outcome := range fan.outcomes {
		if !outcome.Status.Ended() {
			outcome = r.neverStarted(fan)
		}
		if plan.ByCondition(outcome) {
			unwanted++
		}
		switch {
		case outcome.Status == protocol.Completed:
			g.Counts.Succeeded++
			if outcome.Cached {
				g.Counts.Cached++
			}
		case !hasFailed(outcome.Status):
			g.Counts.Skipped++
		}
		g.Usage = g.Usage.Add(outcome.Usage)
		g.Outcomes[i] = outcome
	}
	g.Status, g.Error = r.verdict(fan, g.Counts, unwanted)
	return g
}

func (r *run) neverStarted(fan *fanOut) protocol.Outcome {
	if r.stopped != nil {
		return protocol.Outcome{
			Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it had not started when %s", r.stopped.Message),
		}
	}
	reason := fmt.Sprintf("it had not started when more than %s had failed", fan.each.MaxFailures)
	return protocol.Outcome{Status: protocol.Skipped, Reason: reason, Error: protocol.Errorf(protocol.TaskCancelled, "%s", reason)}
}

// verdict decides how the task as a whole ended: it has completed although items failed, unless all of them did that were
// wanted, or more than the workflow lets.
func (r *run) verdict(fan *fanOut, counts protocol.Counts, unwanted int) (protocol.Status, *protocol.Error) {
	cut := counts.Skipped - unwanted // Those that would have run.
	wanted := counts.Total - unwanted
	switch {
	case fan.tripped():
		e := r.itemsFailed(fan, firstIs, "%d of %s failed, and max_failures is %s", counts.Failed, itemCount(fan.each, counts.Total), fan.each.MaxFailures)
		if cut > 0 {
			e.Message += fmt.Sprintf("; %d %s skipped because of that", cut, wereOrWas(cut))
		}
		return protocol.Failed, e
	case r.stopped != nil && cut > 0:
		return protocol.Cancelled, protocol.Errorf(protocol.TaskCancelled, "it was cancelled when %d of %s %s done%s", wanted-cut, itemCount(fan.each, wanted), wereOrWas(wanted-cut), r.because())
	case counts.Failed == wanted && wanted > 0:
		if wanted == 1 {
			return protocol.Failed, r.itemsFailed(fan, "it is", "1 of 1 %s failed", itemWord(fan.each))
		}
		return protocol.Failed, r.itemsFailed(fan, firstIs, "all of %s failed", itemCount(fan.each, wanted))
	}
	return protocol.Completed, nil
}

// itemWord is what messages call one of the items.
func itemWord(each *plan.FanOut) string {
	if each.Values != nil {
		return "item"
	}
	return "file"
}

// itemCount is "1 file", "2 items".
func itemCount(each *plan.FanOut, n int) string {
	if n == 1 {
		return "1 " + itemWord(each)
	}
	return fmt.Sprintf("%d %ss", n, itemWord(each))
}

func wereOrWas(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// firstIs begins what the error of a task says of the first of its items that failed.
const firstIs = "the first is"

// itemsFailed is the error of a task whose items failed: with the first one's words, and, where all of them have the same,
// with the code and the advice.
func (r *run) itemsFailed(fan *fanOut, begin, format string, args ...any) *protocol.Error {
	var first *protocol.Error
	at, code := 0, protocol.TaskExecutionFailed
	for i, outcome := range fan.outcomes {
		if !hasFailed(outcome.Status) || outcome.Error == nil {
			continue
		}
		switch {
		case first == nil:
			first, at, code = outcome.Error, i, outcome.Error.Code
		case outcome.Error.Code != code:
			code = protocol.TaskExecutionFailed
		}
	}
	e := protocol.Errorf(code, format, args...)
	if first == nil {
		return e
	}
	line, _, more := strings.Cut(first.Message, "\n")
	if more {
		last := strings.TrimSpace(first.Message)
		line += " " + strings.TrimSpace(last[strings.LastIndexByte(last, '\n')+1:])
	}
	e.Message += fmt.Sprintf("; %s %s: %s", begin, fan.item(at).name(), line)
	if code == first.Code {
		e.Hint = first.Hint
	}
	return e
}
