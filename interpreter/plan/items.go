package plan

import (
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Items is the state of the items of a task, from when they are known until their results are gathered.
type Items struct {
	task      int
	each      *FanOut
	outcomes  []protocol.Outcome
	next      int // No item before it is pending.
	inFlight  int
	ended     int
	failed    int
	gathering bool
}

// EndedItem is an item that has ended, for a run that continues in a new history.
type EndedItem struct {
	Index   int              `json:"index"`
	Outcome protocol.Outcome `json:"outcome"`
}

// Outcomes returns the states of the items, in their order. The caller does not change them.
func (f *Items) Outcomes() []protocol.Outcome { return f.outcomes }

// Ended returns the number of items that have ended.
func (f *Items) Ended() int { return f.ended }

// Failed returns the number of items that have failed.
func (f *Items) Failed() int { return f.failed }

// TooManyFailed reports whether so many items have failed that no other starts.
func (f *Items) TooManyFailed() bool { return f.each.MaxFailures.Exceeded(f.failed, len(f.outcomes)) }

// EndedItems lists the items that have ended, in their order.
func (f *Items) EndedItems() []EndedItem {
	var ended []EndedItem
	for i, outcome := range f.outcomes {
		if outcome.Status.Ended() {
			ended = append(ended, EndedItem{i, outcome})
		}
	}
	return ended
}

// Expand records how many items a task has, and which of them have ended or are not to start. Next returns the others.
func (s *Progress) Expand(task, count int, ended []EndedItem) {
	s.inFlight--
	items := &Items{task: task, each: s.plan.Tasks[task].FanOut, outcomes: make([]protocol.Outcome, count)}
	for i := range items.outcomes {
		items.outcomes[i].Status = protocol.Pending
	}
	for _, end := range ended {
		if end.Index >= 0 && end.Index < count && items.outcomes[end.Index].Status == protocol.Pending {
			items.end(end.Index, end.Outcome)
		}
	}
	items.findNext()
	s.items[task] = items
	s.expanded = append(s.expanded, task)
}

// ResumeItems is Expand for a task whose items were listed in an earlier history of the run. It returns the task's index.
func (s *Progress) ResumeItems(id string, count int, ended []EndedItem) (int, error) {
	task, err := s.Resume(id)
	if err != nil {
		return 0, err
	}
	if s.plan.Tasks[task].FanOut == nil {
		return 0, fmt.Errorf("task %q has no items in the plan, but %d in the run", id, count)
	}
	s.Expand(task, count, ended)
	return task, nil
}

// Expanded lists the tasks whose items are known and whose result is not, in the order in which they were listed.
func (s *Progress) Expanded() []int { return slices.Clone(s.expanded) }

// Items returns the state of the items of a task; nil unless they are known and its result is not.
func (s *Progress) Items(task int) *Items { return s.items[task] }

// EndItem records how an item in flight ended.
func (s *Progress) EndItem(task, item int, outcome protocol.Outcome) {
	items := s.items[task]
	if items == nil || items.outcomes[item].Status != protocol.Running {
		panic(fmt.Sprintf("plan: item %d of task %q ends twice", item, s.plan.Tasks[task].ID))
	}
	s.inFlight--
	items.inFlight--
	items.end(item, outcome)
}

// NextGather returns the next task whose items have all ended, to have their results gathered, and counts that as in
// flight. MaxParallel does not limit it: a run that was stopped gathers too. Items that will not start are ended.
func (s *Progress) NextGather() (task int, found bool) {
	for _, task := range s.expanded {
		items := s.items[task]
		stop := s.stopOf(task)
		if items.gathering || items.inFlight > 0 || stop == nil && !items.TooManyFailed() && items.next < len(items.outcomes) {
			continue
		}
		items.gathering = true
		items.endPending(stop)
		s.inFlight++
		return task, true
	}
	return 0, false
}

// nextItems returns the items of which the next one is to start before any of another task; nil where none can.
func (s *Progress) nextItems() *Items {
	var first *Items
	for _, task := range s.expanded {
		if items := s.items[task]; items.canStart() && s.stopOf(task) == nil && (first == nil || s.plan.before(task, first.task)) {
			first = items
		}
	}
	return first
}

// forgetItems removes the items of a task that has ended.
func (s *Progress) forgetItems(task int) {
	if s.items[task] == nil {
		return
	}
	s.items[task] = nil
	s.expanded = slices.DeleteFunc(s.expanded, func(other int) bool { return other == task })
}

// canStart reports whether an item may start, as far as the task's own limits are concerned.
func (f *Items) canStart() bool {
	return f.next < len(f.outcomes) && !f.TooManyFailed() && (f.each.MaxConcurrent <= 0 || f.inFlight < f.each.MaxConcurrent)
}

// begin counts the next item as in flight and returns its index.
func (f *Items) begin() int {
	index := f.next
	f.outcomes[index].Status = protocol.Running
	f.inFlight++
	f.findNext()
	return index
}

func (f *Items) findNext() {
	for f.next < len(f.outcomes) && f.outcomes[f.next].Status != protocol.Pending {
		f.next++
	}
}

func (f *Items) end(index int, outcome protocol.Outcome) {
	f.outcomes[index] = outcome
	f.ended++
	if hasFailed(outcome.Status) {
		f.failed++
	}
}

// endPending ends the items that will not start, because the run was stopped or too many others failed.
func (f *Items) endPending(stop *protocol.Outcome) {
	for i := range f.outcomes {
		switch {
		case f.outcomes[i].Status.Ended():
		case stop != nil:
			f.end(i, *stop)
		default:
			reason := TooManyReason(f.each)
			f.end(i, protocol.Outcome{Status: protocol.Skipped, Reason: reason, Error: protocol.Errorf(protocol.TaskCancelled, "%s", reason)})
		}
	}
}

// TooManyReason returns why items did not start when too many others had failed.
func TooManyReason(each *FanOut) string {
	return fmt.Sprintf("it had not started when more than %s had failed", each.MaxFailures)
}
