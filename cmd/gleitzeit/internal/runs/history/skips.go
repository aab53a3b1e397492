package history

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Skips finds the tasks that can no longer run when another has ended. No event of a history says so: the run decides it
// by its plan, and so does Skips, once more.
type Skips struct {
	plan       *plan.Plan
	progress   *plan.Progress
	dependents map[string][]int  // By the id of the task that they wait for.
	unknown    bool              // What is skipped cannot be known before the run has ended.
	within     map[string]*Skips // Of the workflows that tasks, or their items, run, by their ids.
}

// NewSkips returns the skips of a run of the plan. Of a nil plan nothing is known.
func NewSkips(p *plan.Plan) *Skips {
	s := &Skips{plan: p, dependents: map[string][]int{}, unknown: p == nil}
	if s.unknown {
		return s
	}
	var err error
	if s.progress, err = plan.Begin(p, nil); err != nil {
		s.unknown = true
		return s
	}
	for i := range p.Tasks {
		for _, id := range p.Tasks[i].After {
			s.dependents[id] = append(s.dependents[id], i)
		}
	}
	return s
}

// After returns the ends of the tasks that are skipped because the task of the event has ended, each after those that it
// waits for.
func (s *Skips) After(event Event) []Event {
	if within, is := s.of(event.Task); is {
		if within == nil {
			return nil
		}
		return within.After(event)
	}
	if event.Cancelling || event.Outcome.Status == protocol.Cancelled {
		s.unknown = true // The run ends all that has not started in another way.
	}
	if s.unknown {
		return nil
	}
	at, err := s.progress.Resume(event.Task)
	if err != nil {
		s.unknown = true
		return nil
	}
	s.progress.End(at, *event.Outcome)
	var events []Event
	seen := map[int]bool{}
	for done := []string{event.Task}; len(done) > 0; done = done[1:] {
		for _, i := range s.dependents[done[0]] {
			outcome := s.progress.Outcome(i)
			if seen[i] || outcome.Status != protocol.Skipped {
				continue
			}
			seen[i] = true
			task := &s.plan.Tasks[i]
			events = append(events, ended(task.ID, protocol.NoItem, task.Method, event.At, outcome))
			done = append(done, task.ID)
		}
	}
	return events
}

// of returns the skips of the workflow that a task belongs to, if it is within one that a task of this one runs: nil if nothing is known
// of it.
func (s *Skips) of(id string) (within *Skips, is bool) {
	if s.plan == nil {
		return nil, false
	}
	for i := range s.plan.Tasks {
		task := &s.plan.Tasks[i]
		rest, begins := strings.CutPrefix(id, task.ID)
		end := strings.IndexByte(rest, '/')
		if !begins || end < 0 || task.Workflow == "" || end > 0 && rest[0] != '[' {
			continue
		}
		of := s.plan.WorkflowOf(task)
		if of == nil {
			return nil, true
		}
		runs := task.ID + rest[:end]
		if s.within == nil {
			s.within = map[string]*Skips{}
		}
		if s.within[runs] == nil {
			s.within[runs] = NewSkips(of.Plan.Under(runs))
		}
		return s.within[runs], true
	}
	return nil, false
}
