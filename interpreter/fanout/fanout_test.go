package fanout_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/fanout"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// world runs the units of a fan-out at random, and checks what may never happen.
type world struct {
	t        *testing.T
	random   *rand.Rand
	limits   fanout.Limits
	pages    []protocol.Page
	progress *fanout.Progress
	inFlight []fanout.Unit
	ended    []int // By item: how often it has ended.
	attempts []int
	steps    []int // By item: how many of its steps are done.
	failures int
	now      protocol.Seconds
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1))}
	w.limits.Total = w.random.IntN(900)
	if w.random.IntN(3) == 0 {
		w.limits.Chunk = 1 + w.random.IntN(40)
	}
	w.limits.TakeOver = w.random.IntN(3) == 0
	if w.random.IntN(4) == 0 {
		w.limits.MaxFailures = &plan.Tolerance{Items: w.random.IntN(20)}
	}
	for first := 0; first < w.limits.Total; {
		count := min(1+w.random.IntN(120), w.limits.Total-first)
		w.pages = append(w.pages, protocol.Page{Ref: protocol.Ref{Hash: fmt.Sprint(first)}, First: first, Count: count})
		first += count
	}
	if w.random.IntN(2) == 0 {
		w.limits.Steps, w.limits.ByModel = 1+w.random.IntN(4), w.random.IntN(2) == 0
	}
	w.ended, w.attempts, w.steps = make([]int, w.limits.Total), make([]int, w.limits.Total), make([]int, w.limits.Total)
	w.progress = fanout.Continue(w.limits, fanout.State{}, 1+w.random.IntN(9))
	return w
}

func (w *world) run() {
	for {
		if w.random.IntN(10) == 0 {
			w.progress.SetSlots(w.random.IntN(9))
		}
		for item, needed := w.progress.NeedsPage(); needed; item, needed = w.progress.NeedsPage() {
			for _, page := range w.pages {
				if page.Has(item) {
					w.progress.AddPage(page)
				}
			}
		}
		for unit, found := w.progress.Begin(w.now); found; unit, found = w.progress.Begin(w.now) {
			w.begin(unit)
		}
		switch {
		case len(w.inFlight) > 0:
			w.end(w.random.IntN(len(w.inFlight)))
		case w.progress.Over():
			return
		case w.random.IntN(3) == 0: // The history ends, and another begins.
			w.progress = fanout.Continue(w.limits, w.progress.State, w.progress.Slots())
		default:
			w.progress.SetSlots(1 + w.random.IntN(5))
			w.now += 0.7
		}
	}
}

func (w *world) begin(unit fanout.Unit) {
	if w.progress.InFlight() > w.progress.Slots() {
		w.t.Fatalf("%d units are in flight in %d slots", w.progress.InFlight(), w.progress.Slots())
	}
	if unit.Count < 1 || unit.First < unit.Page.First || unit.First+unit.Count > unit.Page.First+unit.Page.Count {
		w.t.Fatalf("the unit %+v is not in its page", unit)
	}
	for item := unit.First; item < unit.First+unit.Count; item++ {
		if w.ended[item] == 0 && !unit.Recorded && w.steps[item] != unit.Step {
			w.t.Fatalf("the unit %+v has item %d, of which %d steps are done", unit, item, w.steps[item])
		}
	}
	if unit.TakeOver && (!w.limits.TakeOver || unit.Attempts > 0) {
		w.t.Fatalf("the unit %+v takes over", unit)
	}
	if w.limits.Chunk > 0 && unit.Count > w.limits.Chunk && !unit.TakeOver {
		w.t.Fatalf("a unit of %d items, and chunk is %d", unit.Count, w.limits.Chunk)
	}
	if w.limits.MaxFailures.Exceeded(w.failures, w.limits.Total) {
		w.t.Fatalf("a unit begins after %d items have failed", w.failures)
	}
	w.inFlight = append(w.inFlight, unit)
}

func (w *world) end(at int) {
	unit := w.inFlight[at]
	w.inFlight = append(w.inFlight[:at:at], w.inFlight[at+1:]...)
	took := protocol.Seconds(w.random.Float64() * 0.02)
	if w.random.IntN(20) == 0 {
		took = 3
	}
	if unit.Count == 1 && !unit.TakeOver {
		if w.goesOn(unit, unit.First) {
			w.progress.EndItem(unit, protocol.Outcome{Status: protocol.Completed, Next: true})
			return
		}
		w.progress.EndItem(unit, w.outcome(unit.First, took))
		return
	}
	if w.random.IntN(15) == 0 { // Some of its items have ended, and were recorded.
		w.progress.LoseUnit(unit)
		return
	}
	var outcome protocol.UnitOutcome
	for i := range unit.Count {
		item := unit.First + i
		if i > 0 && w.random.IntN(25) == 0 {
			outcome.Left = unit.Count - i
			break
		}
		if unit.TakeOver && w.random.IntN(3) > 0 {
			outcome.AddToDo(item)
			continue
		}
		if w.attempts[item]++; w.random.IntN(6) == 0 && w.attempts[item] < 3 {
			outcome.Again = append(outcome.Again, protocol.RetriedItem{Index: item, Attempts: w.attempts[item], Delay: 1})
			continue
		}
		if w.goesOn(unit, item) {
			outcome.AddNext(item)
			continue
		}
		one := w.outcome(item, took)
		outcome.Counts.Add(one)
		if one.Status == protocol.Failed {
			outcome.Failure = outcome.Failure.Merge(protocol.FailureOf(item, one))
		}
	}
	outcome.Took = took * protocol.Seconds(unit.Count-outcome.Left)
	w.progress.EndUnit(unit, outcome, w.now)
}

// goesOn does a step of an item, after which mostly another one follows if it has one.
func (w *world) goesOn(unit fanout.Unit, item int) bool {
	if unit.Step+1 >= w.limits.Steps || w.random.IntN(8) == 0 {
		return false
	}
	w.steps[item], w.attempts[item] = unit.Step+1, 0
	return true
}

func (w *world) outcome(item int, took protocol.Seconds) protocol.Outcome {
	w.ended[item]++
	began := time.Unix(0, 0)
	outcome := protocol.Outcome{Status: protocol.Completed, StartedAt: began, FinishedAt: began.Add(took.Duration())}
	switch w.random.IntN(12) {
	case 0:
		w.failures++
		outcome.Status, outcome.Error = protocol.Failed, protocol.Errorf(protocol.InvalidParams, "item %d", item)
	case 1:
		outcome.Status = protocol.Skipped
	}
	return outcome
}

// TestEveryItemEndsOnce runs fan-outs of every kind at random, over many histories, with units that are lost, given back, and retried.
func TestEveryItemEndsOnce(t *testing.T) {
	for seed := range uint64(600) {
		w := newWorld(t, seed)
		w.run()
		over := w.progress.TooManyFailed()
		counts := w.progress.Counts
		total := 0
		for item, times := range w.ended {
			total += times
			if times > 1 || times == 0 && !over {
				t.Fatalf("seed %d: item %d has ended %d times", seed, item, times)
			}
		}
		if counts.Total != total || counts.Failed != w.failures || counts.Succeeded+counts.Failed+counts.ByCondition != total {
			t.Fatalf("seed %d: %d items have ended, %d failed: %+v", seed, total, w.failures, counts)
		}
		if over != w.limits.MaxFailures.Exceeded(w.failures, w.limits.Total) || (w.progress.Failure != nil) != (w.failures > 0) {
			t.Fatalf("seed %d: too many: %v, failure: %+v", seed, over, w.progress.Failure)
		}
	}
}

// TestUnitsTakeAboutHalfASecond: quick items make large units, but never so large that a slot is without work for long at the end; slow items go
// alone, and what became slow goes alone again.
func TestUnitsTakeAboutHalfASecond(t *testing.T) {
	p := fanout.Continue(fanout.Limits{Total: 10000}, fanout.State{}, 4)
	p.AddPage(protocol.Page{Count: 10000})
	size := func(pace protocol.Seconds, next, ended int) int {
		p.Pace, p.Next, p.Counts.Total = pace, next, ended
		unit, found := p.Begin(0)
		if !found {
			t.Fatal("nothing begins")
		}
		p.LoseUnit(unit)
		p.Again = nil
		return unit.Count
	}
	for _, c := range []struct {
		pace  protocol.Seconds
		next  int
		ended int
		want  int
	}{
		{0, 0, 0, 1}, {0.002, 0, 9, 250}, {0.0001, 0, 9, 256}, {0.1, 0, 9, 5}, {0.5, 0, 9, 1}, {30, 0, 9, 1}, {0.002, 9000, 9, 125},
		{0.002, 9990, 9, 1}, {0.0001, 9920, 9, 10}, {0.002, 9990, 900, 10}, {0.0001, 9920, 900, 80}, {0.002, 9900, 900, 25}, {0.06, 9990, 900, 1},
	} {
		if got := size(c.pace, c.next, c.ended); got != c.want {
			t.Errorf("at %g s an item, from item %d on: a unit of %d items, not %d", float64(c.pace), c.next, got, c.want)
		}
	}
	if p.Pace, p.Next = 0.001, 0; true {
		unit, _ := p.Begin(0)
		p.EndUnit(unit, protocol.UnitOutcome{Took: 10, Left: unit.Count - 1}, 0)
	}
	if unit, _ := p.Begin(0); unit.First != 1 || unit.Count != 1 {
		t.Errorf("after one that took 10 s: %+v", unit)
	}
}

// TestTheRestOfAFanOut says how many slots can be used.
func TestTheRestOfAFanOut(t *testing.T) {
	p := fanout.Continue(fanout.Limits{Total: 3}, fanout.State{}, 2)
	p.AddPage(protocol.Page{Count: 3})
	first, _ := p.Begin(0)
	second, _ := p.Begin(0)
	if _, found := p.Begin(0); found || p.Wanted() != 3 {
		t.Errorf("%d are wanted", p.Wanted())
	}
	p.EndUnit(first, protocol.UnitOutcome{Again: []protocol.RetriedItem{{Index: 0, Attempts: 1, Delay: 5}}}, 10)
	third, _ := p.Begin(10)
	p.EndItem(second, protocol.Outcome{Status: protocol.Completed})
	if due, waits := p.Due(); third.First != 2 || !waits || due != 15 || p.Wanted() != 2 {
		t.Errorf("unit %+v, due at %g (%v), %d wanted", third, float64(due), waits, p.Wanted())
	}
	p.Stop()
	if p.EndItem(third, protocol.Outcome{Status: protocol.Cancelled}); !p.Over() || p.Wanted() != 0 {
		t.Errorf("%d are wanted at the end", p.Wanted())
	}
}

// TestALostUnitIsDivided: its items start again in units of an eighth, and those of these that are lost, too, one by one in the end.
func TestALostUnitIsDivided(t *testing.T) {
	p := fanout.Continue(fanout.Limits{Total: 256}, fanout.State{Pace: 0.0001}, 1)
	p.AddPage(protocol.Page{Count: 256})
	var sizes []int
	for lost := range 100 {
		unit, found := p.Begin(0)
		if !found {
			t.Fatal("nothing begins")
		}
		if unit.Recorded != (lost > 0) {
			t.Errorf("unit %d: %+v", lost, unit)
		}
		if len(sizes) == 0 || sizes[len(sizes)-1] != unit.Count {
			sizes = append(sizes, unit.Count)
		}
		p.LoseUnit(unit)
		if items := p.Wanted(); items < 1 {
			t.Fatalf("nothing is left: %+v", p.Again)
		}
	}
	if got := fmt.Sprint(sizes); got != "[128 16 2 1]" {
		t.Errorf("units of %s items", got)
	}
	total := 0
	for _, again := range p.Again {
		total += again.Count
	}
	if total+256-p.Next != 256 {
		t.Errorf("%d items are left", total+256-p.Next)
	}
}
