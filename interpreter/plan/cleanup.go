package plan

import (
	"container/heap"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// cleanUp is what of a run continues when the run is stopped: the tasks that run in any case.
type cleanUp struct {
	left    int               // Tasks that are not in `finally` and have not ended.
	finally bool              // There are tasks in `finally`.
	always  *protocol.Outcome // With which those with `run_if: always` ended that had not started; nil: they may start.
	last    *protocol.Outcome // The same for those in `finally`.
}

// CleansUp reports whether a task runs, or continues, although the run is stopped.
func (p *Plan) CleansUp(task int) bool {
	return p.CleanUpTimeout > 0 && (p.Tasks[task].Finally || p.Tasks[task].RunIf == RunIfAlways)
}

// prepareCleanUp lets the tasks in `finally` wait for all others.
func (s *Progress) prepareCleanUp() {
	for i := range s.plan.Tasks {
		if s.plan.Tasks[i].Finally {
			s.cleanUp.finally = true
		} else {
			s.cleanUp.left++
		}
	}
	for i := range s.plan.Tasks {
		if s.plan.Tasks[i].Finally && s.cleanUp.left > 0 {
			s.waiting[i]++
		}
	}
}

// countMain counts a task that has ended. After the last one that is not in `finally`, those in it are ready.
func (s *Progress) countMain(i int) {
	if s.plan.Tasks[i].Finally {
		return
	}
	if s.cleanUp.left--; s.cleanUp.left > 0 || !s.cleanUp.finally {
		return
	}
	for i := range s.plan.Tasks {
		if !s.plan.Tasks[i].Finally {
			continue
		}
		if s.waiting[i]--; s.waiting[i] == 0 && s.outcomes[i].Status == protocol.Pending && s.begun {
			s.release(i)
		}
	}
}

// InFinally reports whether all other tasks have ended, and tasks in `finally` have not.
func (s *Progress) InFinally() bool { return s.cleanUp.finally && s.cleanUp.left == 0 && !s.Done() }

// CleaningUp reports whether tasks of the clean-up have not ended, in a run that was stopped or whose other tasks have ended.
func (s *Progress) CleaningUp() bool {
	if s.plan.CleanUpTimeout == 0 || s.stop == nil && !s.InFinally() {
		return false
	}
	for i := range s.outcomes {
		if !s.outcomes[i].Status.Ended() && s.plan.CleansUp(i) {
			return true
		}
	}
	return false
}

// StopAlways ends every task with `run_if: always`, and every item of it, that has not started. Only the first call counts.
func (s *Progress) StopAlways(outcome protocol.Outcome) {
	if s.cleanUp.always == nil {
		s.cleanUp.always = &outcome
		s.endUnstarted(outcome)
	}
}

// StopFinally is StopAlways for tasks in `finally`.
func (s *Progress) StopFinally(outcome protocol.Outcome) {
	if s.cleanUp.last == nil {
		s.cleanUp.last = &outcome
		s.endUnstarted(outcome)
	}
}

// stopOf returns with what a task, or its items, end that have not started; nil: they may start.
func (s *Progress) stopOf(task int) *protocol.Outcome {
	switch {
	case s.plan.Tasks[task].Finally:
		return s.cleanUp.last
	case s.plan.CleansUp(task):
		return s.cleanUp.always
	}
	return s.stop
}

// nothingStarts reports whether nothing can start any more.
func (s *Progress) nothingStarts() bool {
	return s.stop != nil && (s.plan.CleanUpTimeout == 0 || s.cleanUp.always != nil && s.cleanUp.last != nil)
}

// endUnstarted ends the tasks that are stopped and have not started. Those that depend on them and are not stopped are released.
func (s *Progress) endUnstarted(outcome protocol.Outcome) {
	stopped := func(i int) bool { return s.stopOf(i) != nil }
	var all []int
	for i := range s.outcomes {
		if s.outcomes[i].Status == protocol.Pending && stopped(i) {
			s.outcomes[i] = outcome
			s.ended++
			all = append(all, i)
		}
	}
	s.ready.tasks = slices.DeleteFunc(s.ready.tasks, stopped)
	heap.Init(&s.ready)
	for _, i := range all {
		for _, dependent := range s.dependents[i] {
			if s.waiting[dependent]--; s.waiting[dependent] == 0 && s.outcomes[dependent].Status == protocol.Pending {
				s.release(dependent)
			}
		}
		s.countMain(i)
	}
	admitted := s.admitted
	s.admitted = nil
	for _, i := range admitted {
		if stopped(i) {
			s.close(i, outcome)
		} else {
			s.admitted = append(s.admitted, i)
		}
	}
}
