package plan

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// RunIf is the condition on the ends of a task's dependencies under which the task runs.
type RunIf string

// The values of RunIf. Empty is "success": every dependency has completed.
const (
	RunIfDone   RunIf = "done"   // Every dependency has completed, or was skipped by a condition.
	RunIfAlways RunIf = "always" // Every dependency has ended, however.
)

// allows reports whether a task with the rule runs after a dependency that has ended. One that failed and has
// continue_on_error counts as completed.
func (s *Progress) allows(rule RunIf, dependency int) bool {
	outcome := s.outcomes[dependency]
	switch {
	case rule == RunIfAlways, outcome.Status == protocol.Completed:
		return true
	case outcome.Status == protocol.Skipped:
		return rule == RunIfDone && SkippedByCondition(outcome)
	}
	return s.ContinuedOnError(dependency)
}

// allowed reports whether a task runs after a dependency that has ended. Those of the clean-up run however the others ended.
func (s *Progress) allowed(i, dependency int) bool {
	task := &s.plan.Tasks[i]
	return task.Finally && !s.plan.Tasks[dependency].Finally || s.allows(task.RunIf, dependency)
}

// SkippedByCondition reports whether a task or an item was skipped by its own condition, or by those of the tasks that it waits for:
// then there is no error.
func SkippedByCondition(outcome protocol.Outcome) bool {
	return outcome.Status == protocol.Skipped && outcome.Error == nil
}

// ContinuedOnError reports whether a task has failed and has continue_on_error: the run continues as if it had completed.
func (s *Progress) ContinuedOnError(i int) bool {
	return s.plan.Tasks[i].ContinueOnError && hasFailed(s.outcomes[i].Status)
}

func hasFailed(status protocol.Status) bool {
	return status == protocol.Failed || status == protocol.TimedOut
}

// FailedFast returns the task whose failure stopped a run that fails fast.
func (s *Progress) FailedFast() (i int, failed bool) { return s.failedFast - 1, s.failedFast > 0 }

// failFast stops the run where it fails fast and the task has failed.
func (s *Progress) failFast(i int) {
	if !s.plan.FailFast || s.stop != nil || s.plan.Tasks[i].Finally || !hasFailed(s.outcomes[i].Status) || s.ContinuedOnError(i) {
		return
	}
	s.failedFast = i + 1
	s.Stop(protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it had not started when task %q failed", s.plan.Tasks[i].ID)})
}

// skip returns the end of a task that cannot run, if there is a dependency that does not allow it. Everything that it waits for has
// ended, so that the reason does not depend on what ended first.
func (s *Progress) skip(i int) (end protocol.Outcome, skipped bool) {
	cause, byCondition := "", s.plan.SkipsPassOn
	for _, id := range s.plan.Tasks[i].After {
		if s.allowed(i, s.place[id]) {
			continue
		}
		switch failure := !SkippedByCondition(s.outcomes[s.place[id]]); {
		case cause == "":
			cause, byCondition = id, byCondition && !failure
		case byCondition && failure:
			cause, byCondition = id, false
		}
	}
	if cause == "" {
		return end, false
	}
	reason := fmt.Sprintf("it needs %q, which %s", cause, describeEnd(s.outcomes[s.place[cause]].Status))
	end = protocol.Outcome{Status: protocol.Skipped, Reason: reason}
	if !byCondition {
		end.Error = protocol.Errorf(protocol.TaskDependencyFailed, "%s", reason)
	}
	return end, true
}

// SkippedForFailure counts the tasks, without those in `finally`, that were skipped because a dependency failed or was cancelled, or was itself
// skipped because of that.
func (s *Progress) SkippedForFailure() int {
	known := make([]int8, len(s.outcomes)) // 0: not examined; 1: yes; -1: no.
	var because func(int) bool
	because = func(i int) bool {
		if known[i] == 0 {
			known[i] = -1
			for _, id := range s.plan.Tasks[i].After {
				needed := s.place[id]
				if s.allowed(i, needed) {
					continue
				}
				if s.outcomes[needed].Status != protocol.Skipped || because(needed) {
					known[i] = 1
					break
				}
			}
		}
		return known[i] > 0
	}
	count := 0
	for i, outcome := range s.outcomes {
		if outcome.Status == protocol.Skipped && !SkippedByCondition(outcome) && !s.plan.Tasks[i].Finally && because(i) {
			count++
		}
	}
	return count
}
