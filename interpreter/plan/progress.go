package plan

import (
	"container/heap"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Progress is the state of a run of a plan: which tasks and items are ready, in flight, and ended. It decides what starts
// next and what is skipped, and depends on nothing but the plan and the outcomes: in whatever order tasks and items end,
// each starts once, after what it needs, and the outcome is the same.
type Progress struct {
	plan       *Plan
	place      map[string]int // From a task's id to its index in plan.Tasks.
	dependents [][]int        // By task: the tasks that wait for it.
	waiting    []int          // By task: the number of unfinished tasks that it waits for.
	outcomes   []protocol.Outcome
	ready      readyTasks
	admitted   []int    // Tasks whose conditions hold and that have yet to start, in the order of the answers.
	expanded   []int    // Tasks whose items are known and whose result is not, in the order in which they were listed.
	items      []*Items // By task; nil unless expanded.
	spreads    []*Spread
	inFlight   int // Steps of tasks and items that Next and NextGather returned and that have not ended.
	ended      int // Tasks.
	stop       *protocol.Outcome
	failedFast int // The task whose failure stopped the run, counted from 1; 0 is none.
	cleanUp    cleanUp
	begun      bool // Begin has found what is ready.
}

// Step is what a task does next.
type Step int

// The steps of a task. One without a condition or items has the step Call alone.
const (
	Call     Step = iota // The method is called, for the task or for one of its items.
	Decide               // The condition of the task is evaluated. It ends with Admit, or with End.
	Expand               // The items of the task are listed. It ends with Expand, or with End.
	Gather               // The results of the items are gathered. It ends with End.
	RunItems             // The items are run elsewhere. It ends with EndSpread.
	Wait                 // A person is to answer. It ends with Unpark, and with End.
	Group                // Texts are grouped, whose groups are the items of a round. It ends with SpreadItems, or with End.
)

// Work is what starts next: a step of a task, or one of its items.
type Work struct {
	Task int
	Item int // protocol.NoItem for the task itself.
	Step Step
}

// Begin returns the Progress of a run in which only the tasks given have ended.
func Begin(p *Plan, ended []EndedTask) (*Progress, error) {
	s := &Progress{
		plan:       p,
		place:      make(map[string]int, len(p.Tasks)),
		dependents: make([][]int, len(p.Tasks)),
		waiting:    make([]int, len(p.Tasks)),
		outcomes:   make([]protocol.Outcome, len(p.Tasks)),
		items:      make([]*Items, len(p.Tasks)),
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
				return nil, fmt.Errorf("task %q depends on %q, which is not in the plan", p.Tasks[i].ID, id)
			}
			s.dependents[needed] = append(s.dependents[needed], i)
			s.waiting[i]++
		}
	}
	if err := s.checkCycles(); err != nil {
		return nil, err
	}
	s.prepareCleanUp()
	for _, end := range ended {
		i, known := s.place[end.Task]
		if !known {
			return nil, fmt.Errorf("task %q is %s, but it is not in the plan", end.Task, end.Outcome.Status)
		}
		if !end.Outcome.Status.Ended() {
			return nil, fmt.Errorf("task %q cannot have ended: it is %q", end.Task, end.Outcome.Status)
		}
		s.outcomes[i] = end.Outcome
	}
	s.releaseAll()
	return s, nil
}

// checkCycles returns an error that names a circular dependency, if there is one.
func (s *Progress) checkCycles() error {
	waiting := append([]int{}, s.waiting...)
	var free []int
	for i, count := range waiting {
		if count == 0 {
			free = append(free, i)
		}
	}
	for next := 0; next < len(free); next++ {
		for _, dependent := range s.dependents[free[next]] {
			if waiting[dependent]--; waiting[dependent] == 0 {
				free = append(free, dependent)
			}
		}
	}
	if len(free) == len(waiting) {
		return nil
	}
	// Each of the other tasks waits for another of them: following those leads into a cycle.
	at := 0
	for waiting[at] == 0 {
		at++
	}
	position := map[int]int{}
	var path []string
	for {
		path = append(path, s.plan.Tasks[at].ID)
		if first, visited := position[at]; visited {
			return protocol.Errorf(protocol.WorkflowCircularDependency, "circular dependency: %s", strings.Join(path[first:], " -> "))
		}
		position[at] = len(path) - 1
		for _, id := range s.plan.Tasks[at].After {
			if needed := s.place[id]; waiting[needed] > 0 {
				at = needed
				break
			}
		}
	}
}

// releaseAll finds what is ready once Begin knows what has ended.
func (s *Progress) releaseAll() {
	for i := range s.outcomes {
		if s.outcomes[i].Status == protocol.Pending {
			continue
		}
		s.ended++
		for _, dependent := range s.dependents[i] {
			s.waiting[dependent]--
		}
		s.countMain(i)
	}
	s.begun = true
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

// Next returns what starts next and counts it as in flight, or false where nothing can start now: the run was stopped,
// MaxParallel are in flight, or nothing is ready. Admitted tasks start first: they waited for their turn before. Then
// priority decides, then the order of the file.
func (s *Progress) Next() (Work, bool) {
	if s.nothingStarts() || s.freeSlots() <= 0 {
		return Work{}, false
	}
	items := s.nextItems()
	switch {
	case len(s.admitted) > 0:
		task := s.admitted[0]
		s.admitted = s.admitted[1:]
		s.inFlight++
		return Work{Task: task, Item: protocol.NoItem, Step: s.plan.Tasks[task].mainStep()}, true
	case len(s.ready.tasks) > 0 && (items == nil || s.plan.before(s.ready.tasks[0], items.task)):
		task := heap.Pop(&s.ready).(int)
		s.begin(task)
		return Work{Task: task, Item: protocol.NoItem, Step: s.plan.Tasks[task].firstStep()}, true
	case items != nil:
		s.inFlight++
		return Work{Task: items.task, Item: items.begin()}, true
	}
	return Work{}, false
}

func (s *Progress) begin(task int) {
	s.outcomes[task].Status = protocol.Running
	s.inFlight++
}

// Resume counts a ready task as in flight before its turn: it had started already.
func (s *Progress) Resume(id string) (int, error) {
	for at, i := range s.ready.tasks {
		if s.plan.Tasks[i].ID == id {
			heap.Remove(&s.ready, at)
			s.begin(i)
			return i, nil
		}
	}
	return 0, fmt.Errorf("task %q cannot have started: it is not ready", id)
}

// Park counts a task in flight as one that waits for a person: others may have its slot.
func (s *Progress) Park() { s.inFlight-- }

// Unpark counts a task that has waited as in flight again, whatever MaxParallel is: it ends.
func (s *Progress) Unpark() { s.inFlight++ }

// Admit records that the condition of a task holds. Next returns the task again, to be started.
func (s *Progress) Admit(task int) {
	s.inFlight--
	if stop := s.stopOf(task); stop != nil {
		s.close(task, *stop)
		return
	}
	s.admitted = append(s.admitted, task)
}

// Admitted returns the number of tasks whose conditions hold and that have yet to start.
func (s *Progress) Admitted() int { return len(s.admitted) }

// End records how a task in flight ended, and skips what can no longer run.
func (s *Progress) End(i int, outcome protocol.Outcome) {
	if s.outcomes[i].Status != protocol.Running {
		panic(fmt.Sprintf("plan: task %q ends twice", s.plan.Tasks[i].ID))
	}
	s.inFlight--
	s.forgetItems(i)
	s.close(i, outcome)
	s.failFast(i)
}

// Stop ends every task and item that has not started with the outcome given; those in flight, and the clean-up, are still to end. Only
// the first call counts.
func (s *Progress) Stop(outcome protocol.Outcome) {
	if s.stop == nil {
		s.stop = &outcome
		s.endUnstarted(outcome)
	}
}

// Done reports whether every task has ended.
func (s *Progress) Done() bool { return s.ended == len(s.outcomes) }

// Outcome returns the state of a task: how it ended, or a status alone.
func (s *Progress) Outcome(i int) protocol.Outcome { return s.outcomes[i] }

// OutcomeOf is Outcome by the task's id.
func (s *Progress) OutcomeOf(id string) protocol.Outcome { return s.outcomes[s.place[id]] }

// EndedTask is a task that has ended, for a run that continues in a new history.
type EndedTask struct {
	Task    string           `json:"task"`
	Outcome protocol.Outcome `json:"outcome"`
}

// EndedTasks lists the tasks that have ended in the plan's order, with their values by Ref alone.
func (s *Progress) EndedTasks() []EndedTask {
	ended := make([]EndedTask, 0, s.ended)
	for i, outcome := range s.outcomes {
		if outcome.Status.Ended() {
			outcome.Value.Inline = nil
			ended = append(ended, EndedTask{s.plan.Tasks[i].ID, outcome})
		}
	}
	return ended
}

func (s *Progress) close(i int, outcome protocol.Outcome) {
	s.outcomes[i] = outcome
	s.ended++
	defer s.countMain(i)
	for _, dependent := range s.dependents[i] {
		s.waiting[dependent]--
		if s.waiting[dependent] == 0 && s.outcomes[dependent].Status == protocol.Pending {
			s.release(dependent)
		}
	}
}

// release makes a task ready, or skips it.
func (s *Progress) release(i int) {
	if end, skipped := s.skip(i); skipped {
		s.close(i, end)
		return
	}
	heap.Push(&s.ready, i)
}

func describeEnd(status protocol.Status) string {
	switch status {
	case protocol.Skipped, protocol.Cancelled:
		return "was " + string(status)
	case protocol.TimedOut:
		return "timed out"
	}
	return string(status)
}

// firstStep returns the step with which a task starts. The condition of a task with items is evaluated for each of them
// when they are listed.
func (t *Task) firstStep() Step {
	switch {
	case t.FanOut != nil && !t.FanOut.Reduces:
		return Expand
	case t.When != "":
		return Decide
	}
	return t.mainStep()
}

// mainStep returns the step that follows the condition of a task.
func (t *Task) mainStep() Step {
	if t.FanOut.IsReduction() {
		return Group
	}
	return Call
}

// before reports whether a task starts before another where both can: by priority, then in the file's order.
func (p *Plan) before(a, b int) bool {
	if first, second := p.Tasks[a].Priority, p.Tasks[b].Priority; first != second {
		return first < second
	}
	return a < b
}

// maxParallel is MaxParallel, or the default where a plan that was written by hand has none.
func (p *Plan) maxParallel() int {
	if p.MaxParallel < 1 {
		return DefaultMaxParallel
	}
	return p.MaxParallel
}

// readyTasks is a heap of task indexes, in the order of Plan.before.
type readyTasks struct {
	plan  *Plan
	tasks []int
}

func (r *readyTasks) Len() int { return len(r.tasks) }

func (r *readyTasks) Less(a, b int) bool { return r.plan.before(r.tasks[a], r.tasks[b]) }

func (r *readyTasks) Swap(a, b int) { r.tasks[a], r.tasks[b] = r.tasks[b], r.tasks[a] }

func (r *readyTasks) Push(task any) { r.tasks = append(r.tasks, task.(int)) }

func (r *readyTasks) Pop() any {
	last := len(r.tasks) - 1
	task := r.tasks[last]
	r.tasks = r.tasks[:last]
	return task
}

// Has reports whether the plan has a task of the id. Steps are none.
func (s *Progress) Has(id string) bool {
	_, has := s.place[id]
	return has
}
