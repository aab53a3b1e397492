package plan

import "github.com/gleitzeit/gleitzeit/internal/protocol"

// RunIf says how what a task waits for must have ended for the task to run.
type RunIf string

// What a plan says of it. Empty is "success": every dependency has completed.
const (
	RunIfDone   RunIf = "done"   // Every dependency has completed, or was skipped by its own condition.
	RunIfAlways RunIf = "always" // Every dependency has ended, however.
)

// lets tells whether a dependency that has ended so is in the way of a task. A failed one that the run goes on after is
// not.
func (s *Progress) lets(rule RunIf, dependency int) bool {
	outcome := s.outcomes[dependency]
	switch {
	case rule == RunIfAlways, outcome.Status == protocol.Completed:
		return true
	case outcome.Status == protocol.Skipped:
		return rule == RunIfDone && ByCondition(outcome)
	}
	return s.Forgiven(dependency)
}

// ByCondition tells whether a task was skipped by its own condition, and not for another's sake: then there is no error.
func ByCondition(outcome protocol.Outcome) bool {
	return outcome.Status == protocol.Skipped && outcome.Error == nil
}

// Forgiven tells whether the task has failed and the run goes on as if it had not.
func (s *Progress) Forgiven(i int) bool {
	return s.plan.Tasks[i].ContinueOnError && hasFailed(s.outcomes[i].Status)
}

func hasFailed(status protocol.Status) bool {
	return status == protocol.Failed || status == protocol.TimedOut
}

// FailedFast returns the task whose failure has ended a run that fails fast.
func (s *Progress) FailedFast() (i int, failed bool) { return s.broken - 1, s.broken > 0 }

// failFast stops the run where it fails fast and the task has failed.
func (s *Progress) failFast(i int) {
	if !s.plan.FailFast || s.stopped || !hasFailed(s.outcomes[i].Status) || s.Forgiven(i) {
		return
	}
	s.broken = i + 1
	s.Stop(protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it had not started when task %q failed", s.plan.Tasks[i].ID)})
}

// SkippedForFailure counts the tasks that were skipped because another failed or was cancelled, or was itself skipped for
// that.
func (s *Progress) SkippedForFailure() int {
	known := make([]int8, len(s.outcomes)) // 0: not looked at; 1: yes; -1: no.
	var because func(int) bool
	because = func(i int) bool {
		if known[i] == 0 {
			known[i] = -1
			for _, id := range s.plan.Tasks[i].After {
				needed := s.place[id]
				if s.lets(s.plan.Tasks[i].RunIf, needed) {
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
		if outcome.Status == protocol.Skipped && !ByCondition(outcome) && because(i) {
			count++
		}
	}
	return count
}
