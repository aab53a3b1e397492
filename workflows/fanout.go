package workflows

import (
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// fanOut is a task that runs once an item, from when its items are known until its result is.
type fanOut struct {
	task       int
	each       *plan.FanOut
	paths      []string        // The items, where they are files; or else
	values     []protocol.Item // the items.
	ref        *protocol.Ref   // Where the store has the list of the items.
	startedAt  time.Time
	parameters protocol.Payload   // Made once: every item carries them.
	outcomes   []protocol.Outcome // One an item.
	next       int                // No item before has yet to start.
	inFlight   int
	ended      int
	failed     int
	gathering  bool
}

func newFanOut(p *plan.Plan, task int, carried FanOut) *fanOut {
	fan := &fanOut{
		task: task, each: p.Tasks[task].FanOut, paths: carried.Items, values: carried.Values, ref: carried.Ref, startedAt: carried.StartedAt,
		outcomes: make([]protocol.Outcome, len(carried.Items)+len(carried.Values)),
	}
	fan.parameters, _ = carryToItems(p.Tasks[task].Parameters)
	for i := range fan.outcomes {
		fan.outcomes[i].Status = protocol.Pending
	}
	for _, ended := range carried.Ended {
		if ended.Index < 0 || ended.Index >= len(fan.outcomes) {
			continue
		}
		fan.outcomes[ended.Index] = ended.Outcome
		fan.ended++
		if hasFailed(ended.Outcome.Status) {
			fan.failed++
		}
	}
	fan.skipStarted()
	return fan
}

// carried is the fan-out as the run takes it into its next history: nothing of it is in flight.
func (f *fanOut) carried(p *plan.Plan) FanOut {
	c := FanOut{Task: p.Tasks[f.task].ID, Items: f.paths, Values: f.values, Ref: f.ref, StartedAt: f.startedAt}
	for i, outcome := range f.outcomes {
		if outcome.Status.Ended() {
			c.Ended = append(c.Ended, EndedItem{i, outcome})
		}
	}
	return c
}

// canStart tells whether an item may start, as far as the fan-out itself is concerned.
func (f *fanOut) canStart() bool {
	return f.next < len(f.outcomes) && !f.tripped() && (f.each.MaxConcurrent <= 0 || f.inFlight < f.each.MaxConcurrent)
}

// tripped tells whether so many items have failed that nothing more starts.
func (f *fanOut) tripped() bool { return f.each.MaxFailures.Passed(f.failed, len(f.outcomes)) }

// begin counts the next item as running and returns its index.
func (f *fanOut) begin() int {
	index := f.next
	f.outcomes[index].Status = protocol.Running
	f.inFlight++
	f.skipStarted()
	return index
}

func (f *fanOut) skipStarted() {
	for f.next < len(f.outcomes) && f.outcomes[f.next].Status != protocol.Pending {
		f.next++
	}
}

func (f *fanOut) end(index int, outcome protocol.Outcome) {
	f.outcomes[index] = outcome
	f.inFlight--
	f.ended++
	if hasFailed(outcome.Status) {
		f.failed++
	}
}

// over tells whether nothing of it runs, and nothing more will start.
func (f *fanOut) over(stopped bool) bool {
	return f.inFlight == 0 && (stopped || f.tripped() || f.next == len(f.outcomes))
}

func hasFailed(status protocol.Status) bool {
	return status == protocol.Failed || status == protocol.TimedOut
}
