package plan

import (
	"container/heap"
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Progress is how far a run of a plan has come: which tasks are ready, running, ended. It decides the order in which
// tasks start and which are skipped, and depends on nothing but the plan and the outcomes: in whatever order tasks
// end, each runs after those that it needs, once, and the outcome is the same.
type Progress struct {
	plan       *Plan
	place      map[string]int // A task's id to its index in plan.Tasks.
	dependents [][]int        // Who waits for the task.
	waiting    []int          // For how many the task still waits.
	outcomes   []protocol.Outcome
	ready      readyTasks
	ended      int
	stopped    bool
	broken     int // The task whose failure has stopped the run, counted from 1; 0 is none.
}

// Begin returns the Progress of a run in which nothing has happened, or, with carried, of one in which those tasks
// have ended already.
func Begin(p *Plan, carried []Ended) (*Progress, error) {
	s := &Progress{
		plan:       p,
		place:      make(map[string]int, len(p.Tasks)),
		dependents: make([][]int, len(p.Tasks)),
		waiting:    make([]int, len(p.Tasks)),
		outcomes:   make([]protocol.Outcome, len(p.Tasks)),
		ready:      readyTasks{plan: p},
	}
	for i := range p.Tasks {
		if _, twice := s.place[p.Tasks[i].ID]; twice {
			return nil, fmt.Errorf("the plan has two tasks %q", p.Tasks[i].ID)
		}
		s.place[p.Tasks[i].ID] = i
		s.outcomes[i].Status = protocol.Pending
	}
	for i := range p.Tasks {
		for _, id := range p.Tasks[i].After {
			needed, known := s.place[id]
			if !known {
				return nil, fmt.Errorf("the plan's task %q waits for %q, which it does not have", p.Tasks[i].ID, id)
			}
			s.dependents[needed] = append(s.dependents[needed], i)
			s.waiting[i]++
		}
	}
	for _, end := range carried {
		i, known := s.place[end.Task]
		if !known || !end.Outcome.Status.Ended() {
			return nil, fmt.Errorf("the run says of task %q, which the plan does not have, that it is %s", end.Task, end.Outcome.Status)
		}
		s.outcomes[i] = end.Outcome
	}
	s.settle()
	return s, nil
}

// settle finds what is ready after Begin took over what had ended.
func (s *Progress) settle() {
	for i := range s.outcomes {
		if s.outcomes[i].Status == protocol.Pending {
			continue
		}
		s.ended++
		for _, dependent := range s.dependents[i] {
			s.waiting[dependent]--
		}
	}
	free := []int{}
	for i := range s.outcomes {
		if s.outcomes[i].Status == protocol.Pending && s.waiting[i] == 0 {
			free = append(free, i)
		}
	}
	for _, i := range free {
		s.release(i)
	}
}

// Next returns the index of the task to start next and counts it as running, or false where none is ready now.
func (s *Progress) Next() (int, bool) {
	if s.stopped || len(s.ready.tasks) == 0 {
		return 0, false
	}
	i := heap.Pop(&s.ready).(int)
	s.outcomes[i].Status = protocol.Running
	return i, true
}

// Peek returns the index of the task that Next would return.
func (s *Progress) Peek() (int, bool) {
	if !s.HasReady() {
		return 0, false
	}
	return s.ready.tasks[0], true
}

// Resume counts a ready task as running before its turn: a run that goes on in a new history had begun with it.
func (s *Progress) Resume(id string) (int, error) {
	for at, i := range s.ready.tasks {
		if s.plan.Tasks[i].ID == id {
			heap.Remove(&s.ready, at)
			s.outcomes[i].Status = protocol.Running
			return i, nil
		}
	}
	return 0, fmt.Errorf("the run says that it had begun with %q, which cannot run yet", id)
}

// HasReady tells whether Next would return a task.
func (s *Progress) HasReady() bool { return !s.stopped && len(s.ready.tasks) > 0 }

// End records how a running task ended, and skips what can no longer run.
func (s *Progress) End(i int, outcome protocol.Outcome) {
	if s.outcomes[i].Status != protocol.Running {
		panic(fmt.Sprintf("plan: task %q ends twice", s.plan.Tasks[i].ID))
	}
	s.close(i, outcome)
	s.failFast(i)
}

// Stop ends every task that has not started with the outcome given; those that run are still to end.
func (s *Progress) Stop(outcome protocol.Outcome) {
	s.stopped = true
	for i := range s.outcomes {
		if s.outcomes[i].Status == protocol.Pending {
			s.outcomes[i] = outcome
			s.ended++
		}
	}
}

// Done tells whether every task has ended.
func (s *Progress) Done() bool { return s.ended == len(s.outcomes) }

// Outcome returns how far the task of that index has come.
func (s *Progress) Outcome(i int) protocol.Outcome { return s.outcomes[i] }

// OutcomeOf is Outcome by the task's id.
func (s *Progress) OutcomeOf(id string) protocol.Outcome { return s.outcomes[s.place[id]] }

// Ended is a task that has ended, as a run carries it into its next history.
type Ended struct {
	Task    string           `json:"task"`
	Outcome protocol.Outcome `json:"outcome"`
}

// Carried lists what has ended in the plan's order: values by Ref alone.
func (s *Progress) Carried() []Ended {
	carried := make([]Ended, 0, s.ended)
	for i, outcome := range s.outcomes {
		if outcome.Status.Ended() {
			outcome.Value.Inline = nil
			carried = append(carried, Ended{s.plan.Tasks[i].ID, outcome})
		}
	}
	return carried
}

func (s *Progress) close(i int, outcome protocol.Outcome) {
	s.outcomes[i] = outcome
	s.ended++
	for _, dependent := range s.dependents[i] {
		s.waiting[dependent]--
		if s.waiting[dependent] == 0 && s.outcomes[dependent].Status == protocol.Pending {
			s.release(dependent)
		}
	}
}

// release makes a task ready, or skips it. Everything that it waited for has ended by then, so that the reason does
// not depend on what ended first.
func (s *Progress) release(i int) {
	for _, id := range s.plan.Tasks[i].After {
		if needed := s.place[id]; !s.lets(s.plan.Tasks[i].RunIf, needed) {
			status := s.outcomes[needed].Status
			s.close(i, protocol.Outcome{
				Status: protocol.Skipped,
				Reason: fmt.Sprintf("it needs %q, which %s", id, ending(status)),
				Error:  protocol.Errorf(protocol.TaskDependencyFailed, "it needs %q, which %s", id, ending(status)),
			})
			return
		}
	}
	heap.Push(&s.ready, i)
}

func ending(status protocol.Status) string {
	switch status {
	case protocol.Skipped, protocol.Cancelled:
		return "was " + string(status)
	case protocol.TimedOut:
		return "timed out"
	}
	return string(status)
}

// readyTasks is a heap of task indexes: by priority, then in the file's order.
type readyTasks struct {
	plan  *Plan
	tasks []int
}

func (r *readyTasks) Len() int { return len(r.tasks) }

func (r *readyTasks) Less(a, b int) bool {
	first, second := r.tasks[a], r.tasks[b]
	if p, q := r.plan.Tasks[first].Priority, r.plan.Tasks[second].Priority; p != q {
		return p < q
	}
	return first < second
}

func (r *readyTasks) Swap(a, b int) { r.tasks[a], r.tasks[b] = r.tasks[b], r.tasks[a] }

func (r *readyTasks) Push(task any) { r.tasks = append(r.tasks, task.(int)) }

func (r *readyTasks) Pop() any {
	last := len(r.tasks) - 1
	task := r.tasks[last]
	r.tasks = r.tasks[:last]
	return task
}
