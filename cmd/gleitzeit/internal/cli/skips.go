package cli

import (
	"context"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// skips finds out which tasks can no longer run when another has ended. No event says so: the run decides it by its plan,
// as it is done here once more.
type skips struct {
	plan       *plan.Plan
	progress   *plan.Progress
	dependents map[string][]int // By the id of the task that they wait for.
	lost       bool             // What follows cannot be told: it is told when the run has ended.
}

func newSkips(p *plan.Plan) *skips {
	s := &skips{plan: p, dependents: map[string][]int{}, lost: p == nil}
	if s.lost {
		return s
	}
	var err error
	if s.progress, err = plan.Begin(p, nil); err != nil {
		s.lost = true
		return s
	}
	for i := range p.Tasks {
		for _, id := range p.Tasks[i].After {
			s.dependents[id] = append(s.dependents[id], i)
		}
	}
	return s
}

// after lists the tasks that are skipped because the task of the event has ended, each after those that it waits for.
func (s *skips) after(event taskEvent) []taskEvent {
	if event.stopping || event.outcome.Status == protocol.Cancelled {
		s.lost = true // The run ends all that has not started otherwise.
	}
	if s.lost {
		return nil
	}
	at, err := s.progress.Resume(event.task)
	if err != nil {
		s.lost = true
		return nil
	}
	s.progress.End(at, *event.outcome)
	var events []taskEvent
	seen := map[int]bool{}
	for ended := []string{event.task}; len(ended) > 0; ended = ended[1:] {
		for _, i := range s.dependents[ended[0]] {
			outcome := s.progress.Outcome(i)
			if seen[i] || outcome.Status != protocol.Skipped || plan.ByCondition(outcome) {
				continue
			}
			seen[i] = true
			task := &s.plan.Tasks[i]
			events = append(events, taskEvent{task: task.ID, item: protocol.NoItem, method: task.Method, at: event.at, outcome: &outcome})
			ended = append(ended, task.ID)
		}
	}
	return events
}

// skipped tells of the tasks that are skipped because the task of the event has ended.
func (s *progress) skipped(ctx context.Context, event taskEvent) error {
	if s.skips == nil {
		if s.planned == nil { // Whoever watches has the run alone.
			var err error
			if s.planned, err = view.ReadPlan(ctx, s.store, s.id); err != nil {
				return err
			}
		}
		s.skips = newSkips(s.planned)
	}
	for _, skip := range s.skips.after(event) {
		if err := s.ends(ctx, skip); err != nil {
			return err
		}
	}
	return nil
}
