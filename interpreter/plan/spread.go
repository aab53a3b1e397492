package plan

import (
	"cmp"
	"slices"
)

// Spread is a task whose items are run elsewhere, with a part of the slots of the run: what is in flight there counts for MaxParallel.
// Slots that are taken from it are in use until they have been returned.
type Spread struct {
	Task    int
	Granted int // Slots that it may use.
	wanted  int // Slots that it can use.
	held    int // Slots that it uses, or may begin to use: Granted, or those that it has yet to return.
	told    int // What it was last told that it may use.
	turn    int // Counts the times that it was told.
}

// SpreadItems records how many items a task has that are run elsewhere.
func (s *Progress) SpreadItems(task, count int) {
	s.inFlight--
	wanted := count
	if most := s.plan.Tasks[task].FanOut.MaxConcurrent; most > 0 {
		wanted = min(wanted, most)
	}
	s.spreads = append(s.spreads, &Spread{Task: task, wanted: wanted, told: -1})
	slices.SortFunc(s.spreads, func(a, b *Spread) int {
		return cmp.Or(cmp.Compare(s.plan.Tasks[a.Task].Priority, s.plan.Tasks[b.Task].Priority), cmp.Compare(a.Task, b.Task))
	})
}

// freeSlots returns how many more tasks, items and slots of spreads can be in flight.
func (s *Progress) freeSlots() int {
	free := s.plan.maxParallel() - s.inFlight
	for _, spread := range s.spreads {
		free -= spread.held
	}
	return free
}

// Allot distributes the slots among the tasks that are ready and the spreads, in the order in which tasks start. A spread that has
// more than its part has to return slots, and one that has less gets those that are free.
func (s *Progress) Allot() {
	if len(s.spreads) == 0 || s.nothingStarts() {
		return
	}
	left := s.plan.maxParallel() - s.inFlight
	var active []*Spread
	for _, spread := range s.spreads {
		if s.stopOf(spread.Task) == nil {
			active = append(active, spread)
		} else {
			left -= spread.held // Until it has ended.
		}
	}
	ready := slices.Clone(s.ready.tasks)
	slices.SortFunc(ready, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.plan.Tasks[a].Priority, s.plan.Tasks[b].Priority), cmp.Compare(a, b))
	})
	// Those that are ready and start before a spread, in whose order both are.
	before := func(spread *Spread) int {
		count := 0
		for count < len(ready) && s.plan.before(ready[count], spread.Task) {
			count++
		}
		return count + len(s.admitted)
	}
	given := 0 // To the spreads so far.
	for _, spread := range active {
		part := max(0, min(spread.wanted, left-given-before(spread)))
		spread.Granted = min(spread.Granted, part)
		given += part
	}
	given = 0
	for _, spread := range active {
		part := max(0, min(spread.wanted, left-given-before(spread)))
		given += part
		// What it has yet to return it may as well keep.
		if can := min(part, spread.held+max(0, s.freeSlots()-before(spread))); can > spread.Granted {
			spread.Granted = can
			spread.held = max(spread.held, can)
		}
	}
}

// Changed returns the spreads that have to be told what they may use, and counts them as told. Turn is the number of the message.
func (s *Progress) Changed() []SlotsOf {
	var changed []SlotsOf
	for _, spread := range s.spreads {
		if spread.Granted != spread.told {
			spread.told = spread.Granted
			spread.turn++
			changed = append(changed, SlotsOf{Task: spread.Task, Slots: spread.Granted, Turn: spread.turn})
		}
	}
	return changed
}

// SlotsOf is what a spread is told.
type SlotsOf struct{ Task, Slots, Turn int }

// ReturnSlots records what a spread says that it holds and can use, after it has read the message of the turn.
func (s *Progress) ReturnSlots(task, turn, held, wanted int) {
	for _, spread := range s.spreads {
		if spread.Task != task || spread.turn != turn {
			continue // It has yet to read a later message, and will say more after it.
		}
		spread.wanted = min(spread.wanted, wanted)
		if spread.Granted > spread.wanted {
			spread.Granted, spread.told = spread.wanted, spread.wanted // It says so itself.
		}
		spread.held = max(held, spread.Granted)
	}
}

// EndSpread records that the items of a task have ended. Their results are gathered next, which counts as in flight.
func (s *Progress) EndSpread(task int) {
	s.spreads = slices.DeleteFunc(s.spreads, func(spread *Spread) bool { return spread.Task == task })
	s.inFlight++
}

// Shares reports whether others could use the slots of a task's items before those have ended: tasks that neither have ended nor wait
// for it.
func (s *Progress) Shares(task int) bool {
	waits := make([]bool, len(s.outcomes))
	waits[task] = true
	next := []int{task}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		for _, dependent := range s.dependents[at] {
			if !waits[dependent] {
				waits[dependent] = true
				next = append(next, dependent)
			}
		}
	}
	for i := range s.outcomes {
		if !waits[i] && !s.outcomes[i].Status.Ended() {
			return true
		}
	}
	return false
}
