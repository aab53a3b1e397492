package fanout

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// block is after how many items whose first step is done the other steps are done before further items begin, where steps use
// different models: so often, at most, a server has to load each of them.
const block = 500

// beginStep returns the unit that starts now, of a step. What is taken over from earlier runs comes first. Where a server would have to
// load another model for each step, one step of many items is done before the next one; else an item is ended before another begins.
func (p *Progress) beginStep(now protocol.Seconds) (Unit, bool) {
	waiting := p.waiting()
	if p.limits.ByModel {
		p.Draining = waiting > 0 && (p.Draining || waiting >= block)
	}
	at, found := p.nextAgain(now)
	first := p.firstUnit()
	switch {
	case !found && first == nil:
		return Unit{}, false
	case found && p.waits(p.Again[at].Step, p.Again[at].TakeOver, now):
		if first == nil || p.waits(0, first.TakeOver, now) || !first.TakeOver && p.Draining {
			return Unit{}, false
		}
	case !found && p.waits(0, first.TakeOver, now):
		return Unit{}, false
	case !found:
	case first == nil:
		return p.beginAgain(at), true
	case first.TakeOver && !p.Again[at].TakeOver:
	case p.Again[at].TakeOver, p.Again[at].Step == 0, !p.limits.ByModel, p.Draining:
		return p.beginAgain(at), true
	}
	if p.waits(0, first.TakeOver, now) {
		if found && !p.waits(p.Again[at].Step, p.Again[at].TakeOver, now) {
			return p.beginAgain(at), true
		}
		return Unit{}, false
	}
	p.Next += first.Count
	p.started(*first)
	return *first, true
}

// waiting returns how many items wait for a step that is not the first.
func (p *Progress) waiting() (items int) {
	for _, again := range p.Again {
		if again.Step > 0 {
			items += again.Count
		}
	}
	return items
}

// firstUnit returns the unit of the first step of items that no unit has had; nil if none can start.
func (p *Progress) firstUnit() *Unit {
	page := p.page(p.Next)
	if page == nil || len(p.Again) >= maxAgain {
		return nil
	}
	unit := &Unit{Page: *page, First: p.Next, Count: p.size(0), TakeOver: p.limits.TakeOver}
	if unit.TakeOver {
		unit.Count = maxUnit
	}
	unit.Count = min(unit.Count, page.First+page.Count-p.Next)
	return unit
}

// nextAgain returns which of the items that start once more, or go on with their next step, do so first.
func (p *Progress) nextAgain(now protocol.Seconds) (at int, found bool) {
	for i, again := range p.Again {
		if again.Due > now || p.page(again.First) == nil {
			continue
		}
		if !found || p.precedes(again, p.Again[at]) {
			at, found = i, true
		}
	}
	return at, found
}

func (p *Progress) precedes(a, b Again) bool {
	switch {
	case a.TakeOver != b.TakeOver:
		return a.TakeOver
	case a.Step == b.Step:
		return a.First < b.First
	case !p.limits.ByModel:
		return a.Step > b.Step
	case p.Draining && (a.Step == 0) != (b.Step == 0):
		return b.Step == 0
	}
	return a.Step < b.Step
}

// beginAgain returns the next unit of items that start once more, or go on.
func (p *Progress) beginAgain(at int) Unit {
	again := &p.Again[at]
	page := p.page(again.First)
	unit := Unit{Page: *page, First: again.First, Attempts: again.Attempts, Recorded: again.Recorded, TakeOver: again.TakeOver, Step: again.Step}
	if unit.Count = p.size(unit.Step); unit.TakeOver {
		unit.Count = maxUnit
	}
	unit.Count = min(unit.Count, again.Count, page.First+page.Count-again.First)
	if again.First, again.Count = again.First+unit.Count, again.Count-unit.Count; again.Count == 0 {
		p.Again = slices.Delete(p.Again, at, at+1)
	}
	p.started(unit)
	return unit
}

// waits reports whether a step waits for units of another one that are in flight, so that a server does not load a model for a call that
// another one overtakes: for as long as such units mostly take, no longer.
func (p *Progress) waits(step int, takeOver bool, now protocol.Seconds) bool {
	if !p.limits.ByModel || takeOver {
		return false
	}
	for other, units := range p.flying {
		if other != step && units > 0 {
			if p.held == nil {
				p.held = &now
			}
			return now < *p.held+p.hold()
		}
	}
	p.held = nil
	return false
}

// hold returns how long a step waits for units of another one.
func (p *Progress) hold() protocol.Seconds {
	slowest := p.Pace
	for _, pace := range p.Paces {
		slowest = max(slowest, pace)
	}
	return max(1, 2*slowest)
}

func (p *Progress) started(unit Unit) {
	p.fly(unit, 1)
	p.inFlight++
	if p.mayGoOn(unit) {
		p.going += unit.Count
	}
}

// ended counts a unit as no longer in flight.
func (p *Progress) ended(unit Unit) {
	p.fly(unit, -1)
	p.inFlight--
	if p.mayGoOn(unit) {
		p.going -= unit.Count
	}
}

func (p *Progress) fly(unit Unit, units int) {
	if !p.limits.ByModel || unit.TakeOver {
		return
	}
	for len(p.flying) <= unit.Step {
		p.flying = append(p.flying, 0)
	}
	p.flying[unit.Step] += units
}

// mayGoOn reports whether a step follows that of a unit.
func (p *Progress) mayGoOn(unit Unit) bool { return unit.Step+1 < p.limits.Steps }

// goOn lets items go on with the step after that of a unit.
func (p *Progress) goOn(unit Unit, items []protocol.ItemRange) {
	for _, of := range items {
		p.addRange(Again{First: of.First, Count: of.Count, Step: unit.Step + 1, TakeOver: unit.TakeOver})
	}
}

// addRange adds items that go on, and joins them with their neighbors: the list of them stays short.
func (p *Progress) addRange(items Again) {
	joins := func(a, b Again) bool {
		return a.First+a.Count == b.First && a.Step == b.Step && a.TakeOver == b.TakeOver && a.Attempts == 0 && b.Attempts == 0 && !a.Recorded && !b.Recorded && a.Due == 0 && b.Due == 0
	}
	if at := slices.IndexFunc(p.Again, func(other Again) bool { return joins(other, items) }); at >= 0 {
		items.First, items.Count = p.Again[at].First, p.Again[at].Count+items.Count
		p.Again = slices.Delete(p.Again, at, at+1)
	}
	if at := slices.IndexFunc(p.Again, func(other Again) bool { return joins(items, other) }); at >= 0 {
		items.Count += p.Again[at].Count
		p.Again = slices.Delete(p.Again, at, at+1)
	}
	p.Again = append(p.Again, items)
}

// paceOf returns the time that a step of an item takes, to be corrected.
func (p *Progress) paceOf(step int) *protocol.Seconds {
	if step == 0 {
		return &p.Pace
	}
	for len(p.Paces) < step {
		p.Paces = append(p.Paces, 0)
	}
	return &p.Paces[step-1]
}
