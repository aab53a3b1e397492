package fanout_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/fanout"
)

// order runs a fan-out with two slots, whose units end in turn, and returns the steps of its units.
func order(t *testing.T, limits fanout.Limits, pageSize int) (steps []int) {
	t.Helper()
	p := fanout.Continue(limits, fanout.State{}, 2)
	var inFlight []fanout.Unit
	for !p.Over() {
		for item, needed := p.NeedsPage(); needed; item, needed = p.NeedsPage() {
			first := item / pageSize * pageSize
			p.AddPage(protocol.Page{First: first, Count: min(pageSize, limits.Total-first)})
		}
		for unit, found := p.Begin(0); found; unit, found = p.Begin(0) {
			inFlight = append(inFlight, unit)
			for range unit.Count {
				steps = append(steps, unit.Step)
			}
		}
		if len(inFlight) == 0 {
			t.Fatal("nothing begins")
		}
		ended := inFlight[0]
		inFlight = inFlight[1:]
		p.EndItem(ended, protocol.Outcome{Status: protocol.Completed, Next: ended.Step+1 < limits.Steps})
		p.Pace, p.Paces = 0, nil // Items go alone.
		if len(p.Again) > 10 {
			t.Fatalf("%d ranges of items wait", len(p.Again))
		}
	}
	return steps
}

func switches(steps []int) (count int) {
	for i := 1; i < len(steps); i++ {
		if steps[i] != steps[i-1] {
			count++
		}
	}
	return count
}

// TestStepsWithTheirOwnModels: a step is done for hundreds of items before the next one, however the list is divided into pages.
func TestStepsWithTheirOwnModels(t *testing.T) {
	for _, c := range []struct{ total, page, steps, most int }{{200, 500, 2, 1}, {200, 7, 2, 1}, {200, 1, 3, 2}, {1200, 500, 2, 5}, {2000, 100, 2, 7}} {
		steps := order(t, fanout.Limits{Total: c.total, Steps: c.steps, ByModel: true}, c.page)
		if got := switches(steps); len(steps) != c.total*c.steps || got > c.most {
			t.Errorf("%d items in pages of %d with %d steps: %d calls, %d changes of the step", c.total, c.page, c.steps, len(steps), got)
		}
	}
}

// TestItemsAreEndedFirst: with one model, an item is ended before many others begin.
func TestItemsAreEndedFirst(t *testing.T) {
	steps := order(t, fanout.Limits{Total: 100, Steps: 2}, 30)
	begun, ended := 0, 0
	for _, step := range steps {
		if step == 0 {
			begun++
		} else {
			ended++
		}
		if begun-ended > 3 {
			t.Fatalf("%d items have begun, and %d have ended", begun, ended)
		}
	}
}

// TestWantedWithSteps: items in flight that may go on need slots, too.
func TestWantedWithSteps(t *testing.T) {
	p := fanout.Continue(fanout.Limits{Total: 40, Steps: 2, ByModel: true}, fanout.State{Pace: 0.001}, 1)
	p.AddPage(protocol.Page{Count: 40})
	for !p.Over() {
		unit, found := p.Begin(0)
		if !found {
			t.Fatal("nothing begins")
		}
		if unit.Step == 0 && p.Wanted() < 40-unit.First {
			t.Errorf("%d slots are wanted, with items from %d on", p.Wanted(), unit.First)
		}
		p.EndUnit(unit, next(unit), 0)
	}
	if p.Counts.Total != 40 || p.Wanted() != 0 {
		t.Errorf("%d items have ended, %d slots are wanted", p.Counts.Total, p.Wanted())
	}
}

func next(unit fanout.Unit) (outcome protocol.UnitOutcome) {
	for i := range unit.Count {
		if unit.Step == 0 {
			outcome.AddNext(unit.First + i)
		} else {
			outcome.Counts.Add(protocol.Outcome{Status: protocol.Completed})
		}
	}
	outcome.Took = 0.001
	return outcome
}
