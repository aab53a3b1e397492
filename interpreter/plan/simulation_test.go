package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// choose returns a number below n. It decides what a simulation does: at random, or by the bytes of a fuzzer. A choice of
// 0 always makes progress.
type choose func(n int) int

// fate is how a task, or an item, ends if it starts.
type fate uint8

const (
	completes fate = iota
	fails
	isSkipped   // Its condition is false.
	isUndecided // Its condition cannot be evaluated. Only of items.
)

// scenario is a plan with every key that decides what runs, and the fates of its tasks and items.
type scenario struct {
	plan  *Plan
	tasks map[string]scenarioTask
}

type scenarioTask struct {
	fate  fate
	items []fate // Of a task with a FanOut.
}

func newScenario(choose choose) *scenario {
	c := &scenario{plan: &Plan{MaxParallel: choose(6), SkipsPassOn: choose(2) == 1}, tasks: map[string]scenarioTask{}}
	for i := range 2 + choose(20) {
		next := task(fmt.Sprintf("t%d", i), []Priority{Urgent, High, Normal, Low}[choose(4)])
		for j := range i {
			if choose(4) == 1 {
				next.After = append(next.After, fmt.Sprintf("t%d", j))
			}
		}
		next.RunIf = []RunIf{"", "", RunIfDone, RunIfAlways}[choose(4)]
		next.ContinueOnError = choose(4) == 1
		ends := scenarioTask{fate: []fate{completes, completes, completes, fails, isSkipped}[choose(5)]}
		if ends.fate == isSkipped || choose(4) == 1 {
			next.When = "a condition"
		}
		if ends.fate != isSkipped && choose(3) == 1 {
			next.FanOut = &FanOut{MaxConcurrent: choose(4), MaxFailures: newTolerance(choose)}
			for range choose(8) {
				ends.items = append(ends.items, []fate{completes, completes, completes, fails, fails, isSkipped, isUndecided}[choose(7)])
			}
		}
		c.plan.Tasks = append(c.plan.Tasks, next)
		c.tasks[next.ID] = ends
	}
	// The file's order is not an order of dependence.
	for i := range c.plan.Tasks {
		j := i + choose(len(c.plan.Tasks)-i)
		c.plan.Tasks[i], c.plan.Tasks[j] = c.plan.Tasks[j], c.plan.Tasks[i]
	}
	return c
}

func newTolerance(choose choose) *Tolerance {
	percent := float64(25 * choose(4))
	return []*Tolerance{nil, {Items: choose(3)}, {Percent: &percent}}[choose(3)]
}

// wanted works out, from the rules of the language alone, how tasks and items end where nothing stops the run.
func (c *scenario) wanted() string {
	ends := map[string]string{} // By id: completed, failed, continued, skipped (by conditions), or left (because of others).
	var end func(id string) string
	end = func(id string) string {
		if known, is := ends[id]; is {
			return known
		}
		i := slices.IndexFunc(c.plan.Tasks, func(t Task) bool { return t.ID == id })
		may := map[RunIf][]string{
			"":          {"completed", "continued"},
			RunIfDone:   {"completed", "continued", "skipped"},
			RunIfAlways: {"completed", "continued", "skipped", "failed", "left"},
		}[c.plan.Tasks[i].RunIf]
		class := map[fate]string{completes: "completed", fails: "failed", isSkipped: "skipped"}[c.tasks[id].fate]
		if c.plan.Tasks[i].FanOut != nil && class == "completed" && c.itemsFail(&c.plan.Tasks[i]) {
			class = "failed"
		}
		if class == "failed" && c.plan.Tasks[i].ContinueOnError {
			class = "continued"
		}
		var against []string
		for _, needed := range c.plan.Tasks[i].After {
			if !slices.Contains(may, end(needed)) {
				against = append(against, end(needed))
			}
		}
		switch onlySkipped := !slices.ContainsFunc(against, func(class string) bool { return class != "skipped" }); {
		case len(against) > 0 && c.plan.SkipsPassOn && onlySkipped:
			class = "skipped"
		case len(against) > 0:
			class = "left"
		}
		ends[id] = class
		return class
	}
	var all strings.Builder
	for i := range c.plan.Tasks {
		id := c.plan.Tasks[i].ID
		fmt.Fprintf(&all, "%s %s", id, end(id))
		if each := c.plan.Tasks[i].FanOut; each != nil && ends[id] != "left" && ends[id] != "skipped" && c.tasks[id].fate == completes && !each.MaxFailures.Exceeded(c.failing(id), len(c.tasks[id].items)) {
			for _, item := range c.tasks[id].items {
				fmt.Fprintf(&all, " %s", item.outcome().Status)
			}
		}
		all.WriteString(";")
	}
	return all.String()
}

// itemsFail reports whether a task fails because of its items. Which of them started by then is chance, this is not: where
// few enough fail, all of them start.
func (c *scenario) itemsFail(task *Task) bool {
	items := c.tasks[task.ID].items
	left := slices.DeleteFunc(slices.Clone(items), func(f fate) bool { return f == isSkipped })
	failing := c.failing(task.ID)
	return task.FanOut.MaxFailures.Exceeded(failing, len(items)) || failing == len(left) && failing > 0
}

func (c *scenario) failing(id string) int {
	count := 0
	for _, item := range c.tasks[id].items {
		if item == fails || item == isUndecided {
			count++
		}
	}
	return count
}

func (f fate) outcome() protocol.Outcome {
	switch f {
	case fails, isUndecided:
		return broken()
	case isSkipped:
		return skipped()
	}
	return completed()
}

// simulation is one run of a scenario. It works out itself what must hold, and compares Progress with that at each
// step.
type simulation struct {
	*scenario
	t        testing.TB
	progress *Progress
	inFlight []Work
	admitted []int
	begun    map[Work]bool    // Calls of tasks and items, and expansions, in all histories of the run.
	ended    map[int][]string // By expanded task: the status of each item, "" while it is pending.
	stopped  bool
	histories,
	items int
}

// run plays the scenario to its end and returns how tasks and items ended, in the words of wanted.
func (c *scenario) run(t testing.TB, choose choose, mayStop bool) (*simulation, string) {
	t.Helper()
	s := &simulation{scenario: c, t: t, progress: begin(t, c.plan, nil), begun: map[Work]bool{}, ended: map[int][]string{}}
	ends := make([]string, len(c.plan.Tasks))
	for !s.progress.Done() {
		s.gather()
		did := choose(8)
		switch {
		case did == 7 && mayStop && choose(10) == 1:
			s.progress.Stop(protocol.Outcome{Status: protocol.Cancelled})
			s.stopped, s.admitted = true, nil
		case did == 6 && len(s.inFlight) == 0 && !s.stopped:
			s.continueAsNew()
		case did < 4 && s.start():
		case len(s.inFlight) > 0:
			s.end(choose(len(s.inFlight)), ends)
		case !s.start() && !s.progress.Done() && len(s.inFlight) == 0 && !s.gather():
			t.Fatal("nothing is in flight, nothing can start, and the run has not ended")
		}
	}
	if _, found := s.progress.Next(); found || len(s.inFlight) > 0 {
		t.Fatalf("the run has ended, and %v is in flight", s.inFlight)
	}
	var all strings.Builder
	for i := range c.plan.Tasks {
		outcome := s.progress.Outcome(i)
		class := string(outcome.Status)
		switch {
		case s.progress.ContinuedOnError(i):
			class = "continued"
		case class == "skipped" && !SkippedByCondition(outcome):
			class = "left"
		case class == "cancelled" && !s.stopped:
			t.Fatal("cancelled, and nothing stopped the run")
		case !outcome.Status.Ended():
			t.Fatalf("%s is %s at the end", c.plan.Tasks[i].ID, class)
		}
		fmt.Fprintf(&all, "%s %s%s;", c.plan.Tasks[i].ID, class, ends[i])
	}
	return s, all.String()
}

// start starts what Next returns, if that is what must start now.
func (s *simulation) start() bool {
	s.t.Helper()
	want, can := s.first()
	got, found := s.progress.Next()
	if found != can || found && got != want {
		s.t.Fatalf("Next returned %+v, %v; want %+v, %v", got, found, want, can)
	}
	if !found {
		return false
	}
	if got.Step != Decide && s.begun[got] {
		s.t.Fatalf("%+v starts twice", got)
	}
	s.begun[got] = true
	if len(s.admitted) > 0 {
		s.admitted = s.admitted[1:]
	}
	if got.Item != protocol.NoItem {
		s.items++
		s.ended[got.Task][got.Item] = string(protocol.Running)
	}
	s.inFlight = append(s.inFlight, got)
	return true
}

// first works out what must start now, by looking at all tasks and items.
func (s *simulation) first() (first Work, found bool) {
	limit := s.plan.MaxParallel
	if limit == 0 {
		limit = DefaultMaxParallel
	}
	if s.stopped || len(s.inFlight) >= limit {
		return Work{}, false
	}
	if len(s.admitted) > 0 {
		return Work{Task: s.admitted[0], Item: protocol.NoItem}, true
	}
	for _, i := range s.byPriority() {
		t := &s.plan.Tasks[i]
		if s.progress.Outcome(i).Status == protocol.Pending && s.dependenciesEnded(t) {
			step := Call
			if t.FanOut != nil {
				step = Expand
			} else if t.When != "" {
				step = Decide
			}
			return Work{Task: i, Item: protocol.NoItem, Step: step}, true
		}
		items, expanded := s.ended[i]
		next := slices.Index(items, "")
		running := s.count(i, protocol.Running)
		if !expanded || next < 0 || t.FanOut.MaxConcurrent > 0 && running >= t.FanOut.MaxConcurrent || s.exceeded(i) {
			continue
		}
		return Work{Task: i, Item: next}, true
	}
	return Work{}, false
}

func (s *simulation) byPriority() []int {
	order := make([]int, len(s.plan.Tasks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(s.plan.Tasks[a].Priority - s.plan.Tasks[b].Priority) })
	return order
}

func (s *simulation) dependenciesEnded(t *Task) bool {
	return !slices.ContainsFunc(t.After, func(id string) bool { return !s.progress.OutcomeOf(id).Status.Ended() })
}

func (s *simulation) count(task int, status protocol.Status) int {
	count := 0
	for _, item := range s.ended[task] {
		if item == string(status) {
			count++
		}
	}
	return count
}

func (s *simulation) exceeded(task int) bool {
	return s.plan.Tasks[task].FanOut.MaxFailures.Exceeded(s.count(task, protocol.Failed), len(s.ended[task]))
}

// gather starts every gathering that NextGather returns, and reports whether there was one.
func (s *simulation) gather() (found bool) {
	for {
		task, next := s.progress.NextGather()
		if !next {
			break
		}
		found = true
		if s.gathering(task) || !s.allEnded(task) {
			s.t.Fatalf("the items of %s are gathered: %q", s.plan.Tasks[task].ID, s.ended[task])
		}
		s.inFlight = append(s.inFlight, Work{Task: task, Item: protocol.NoItem, Step: Gather})
	}
	for _, task := range s.progress.Expanded() {
		if !s.gathering(task) && s.allEnded(task) {
			s.t.Fatalf("the items of %s are not gathered: %q", s.plan.Tasks[task].ID, s.ended[task])
		}
	}
	return found
}

func (s *simulation) gathering(task int) bool {
	return slices.ContainsFunc(s.inFlight, func(w Work) bool { return w.Task == task && w.Step == Gather })
}

// allEnded reports whether no item of a task is in flight, and none will start.
func (s *simulation) allEnded(task int) bool {
	return s.count(task, protocol.Running) == 0 && (s.stopped || s.exceeded(task) || !slices.Contains(s.ended[task], ""))
}

// end ends what is in flight at that place.
func (s *simulation) end(at int, ends []string) {
	work := s.inFlight[at]
	s.inFlight = slices.Delete(s.inFlight, at, at+1)
	c := s.tasks[s.plan.Tasks[work.Task].ID]
	switch {
	case work.Step == Decide && c.fate != isSkipped:
		s.progress.Admit(work.Task)
		if !s.stopped {
			s.admitted = append(s.admitted, work.Task)
		}
		return
	case work.Step == Expand && c.fate == completes:
		s.expand(work.Task, c.items)
		return
	case work.Item != protocol.NoItem:
		s.progress.EndItem(work.Task, work.Item, c.items[work.Item].outcome())
		s.ended[work.Task][work.Item] = string(c.items[work.Item].outcome().Status)
		return
	case work.Step == Gather:
		outcome, items := s.gathered(work.Task)
		ends[work.Task] = items
		s.progress.End(work.Task, outcome)
	default:
		s.progress.End(work.Task, c.fate.outcome())
	}
	broke := s.plan.FailFast && s.progress.Outcome(work.Task).Status == protocol.Failed && !s.progress.ContinuedOnError(work.Task)
	first, failed := s.progress.FailedFast()
	if broke && !s.stopped {
		if !failed || first != work.Task {
			s.t.Fatalf("task %d failed, and FailedFast returns %d, %v", work.Task, first, failed)
		}
		s.stopped, s.admitted = true, nil
	}
	if failed && !s.stopped {
		s.t.Fatalf("FailedFast returns %d", first)
	}
}

// expand lists the items of a task. Those whose conditions do not hold have ended.
func (s *simulation) expand(task int, items []fate) {
	var ended []EndedItem
	s.ended[task] = make([]string, len(items))
	for i, item := range items {
		if item == isSkipped || item == isUndecided {
			ended = append(ended, EndedItem{i, item.outcome()})
			s.ended[task][i] = string(item.outcome().Status)
		}
	}
	s.progress.Expand(task, len(items), ended)
}

// gathered returns the end of a task whose items have ended, and theirs in the words of wanted: they are chance where too
// many failed or the run was stopped.
func (s *simulation) gathered(task int) (outcome protocol.Outcome, ends string) {
	items := s.progress.Items(task)
	exceeded := s.exceeded(task)
	failed, wanted := 0, 0
	for i, item := range items.Outcomes() {
		switch before := s.ended[task][i]; {
		case before != "" && before != string(item.Status):
			s.t.Fatalf("item %d of task %d ended as %s and is %s", i, task, before, item.Status)
		case before == "" && !s.stopped && (!exceeded || item.Status != protocol.Skipped || SkippedByCondition(item)):
			s.t.Fatalf("item %d of task %d did not start, and is %+v", i, task, item)
		case before == "" && s.stopped && item.Status != protocol.Cancelled && item.Status != protocol.Skipped:
			s.t.Fatalf("item %d of task %d did not start, and is %+v", i, task, item)
		}
		if !SkippedByCondition(item) {
			wanted++
		}
		if item.Status == protocol.Failed {
			failed++
		}
		ends += " " + string(item.Status)
	}
	if exceeded != items.TooManyFailed() || items.Failed() != failed || items.Ended() != len(items.Outcomes()) {
		s.t.Fatalf("got %v, %d failed, %d ended", items.TooManyFailed(), items.Failed(), items.Ended())
	}
	if exceeded {
		ends = ""
	}
	delete(s.ended, task)
	if exceeded || failed == wanted && failed > 0 {
		return broken(), ends
	}
	return completed(), ends
}

// continueAsNew continues the run in a new history, in which nothing is known but what the run hands over.
func (s *simulation) continueAsNew() {
	s.t.Helper()
	s.histories++
	next := begin(s.t, s.plan, s.progress.EndedTasks())
	for _, task := range s.progress.Expanded() {
		items := s.progress.Items(task)
		resumed, err := next.ResumeItems(s.plan.Tasks[task].ID, len(items.Outcomes()), items.EndedItems())
		if err != nil || resumed != task {
			s.t.Fatalf("task %d resumes as %d: %v", task, resumed, err)
		}
	}
	if !slices.Equal(next.Expanded(), s.progress.Expanded()) {
		s.t.Fatalf("the items of %v were known, and now of %v", s.progress.Expanded(), next.Expanded())
	}
	// What was admitted and has not started is decided again.
	s.progress, s.admitted = next, nil
}
