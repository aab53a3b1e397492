// Package fanout decides which items of a task start next, and in which units. It is pure: no clock, no disk, no network, no
// Temporal SDK; it depends on nothing but what it is told.
package fanout

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

const (
	// unitTime is about how long a unit of several items is to take: long compared with what an activity costs, and short enough
	// that no worker does what others could.
	unitTime = protocol.Seconds(0.5)
	// leastTime is about how long a unit takes at least, where so many items are left: less would cost more than it gains when the last
	// units end at different times. But a slow item holds up the others of its unit, so that as many items as trusted must have shown
	// how long one takes.
	leastTime = unitTime / 10
	trusted   = 64
	// maxUnit is the maximum number of items of a unit.
	maxUnit = 256
	// share is how many units, at least, the items that are left make for each slot.
	share = 2
	// maxAgain is how many items may wait for another attempt before no new one starts: their list is part of the state.
	maxAgain = 500
	// lostParts is into how many units the items of a lost one are divided.
	lostParts = 8
)

// Limits bound a fan-out.
type Limits struct {
	Total       int             `json:"total"`           // Of its items.
	Chunk       int             `json:"chunk,omitempty"` // Maximum number of items of a unit; 0: as many as take unitTime.
	MaxFailures *plan.Tolerance `json:"max_failures,omitempty"`
	MaxTokens   int64           `json:"max_tokens,omitempty"` // Of all items, after which no other starts; 0 is no limit.
	TakeOver    bool            `json:"take_over,omitempty"`  // Items of earlier runs are taken over, before the others start.
	Steps       int             `json:"steps,omitempty"`      // Of every item, one after the other; 0: it has none.
	ByModel     bool            `json:"by_model,omitempty"`   // The steps use different models.
}

// State is how far a fan-out has come, without what is in flight.
type State struct {
	Next    int                   `json:"next"` // The first item that no unit has had.
	Again   []Again               `json:"again,omitempty"`
	Counts  protocol.ItemCounts   `json:"counts"` // Of those that have ended.
	Usage   protocol.Usage        `json:"usage,omitzero"`
	Failure *protocol.ItemFailure `json:"failure,omitempty"`
	Pace    protocol.Seconds      `json:"pace,omitempty"` // That an item takes, or its first step; 0 is not known.

	Paces    []protocol.Seconds `json:"paces,omitempty"`    // The same for the other steps.
	Draining bool               `json:"draining,omitempty"` // Items go on with later steps before others begin.
}

// Again are items that start once more, or that go on with a step.
type Again struct {
	First    int              `json:"first"`
	Count    int              `json:"count"`
	Attempts int              `json:"attempts,omitempty"` // That an item has had.
	Recorded bool             `json:"recorded,omitempty"` // It is not known which of them have ended.
	Due      protocol.Seconds `json:"due,omitempty"`      // When, on the caller's clock.
	Step     int              `json:"step,omitempty"`
	TakeOver bool             `json:"take_over,omitempty"` // The step is taken over, if an earlier run has it.
}

// Unit is what one activity does: items that follow each other in one page.
type Unit struct {
	Page     protocol.Page
	First    int
	Count    int
	Attempts int
	Recorded bool
	TakeOver bool // Items are taken over from earlier runs. The others come back and start again.
	Step     int  // Of all items.
}

// Progress is the state of a fan-out while units are in flight.
type Progress struct {
	State
	limits   Limits
	pages    []protocol.Page // Those that are known.
	slots    int
	inFlight int
	going    int               // Items in flight that may go on with another step.
	flying   []int             // By step: units in flight, without those that take over.
	held     *protocol.Seconds // Since when a step waits for units of another one; nil: none does.
	stopped  bool
}

// Continue returns the Progress of a fan-out in a state. It may have no slots yet.
func Continue(limits Limits, state State, slots int) *Progress {
	state.Again, state.Paces = slices.Clone(state.Again), slices.Clone(state.Paces)
	return &Progress{State: state, limits: limits, slots: slots}
}

// SetSlots sets how many units may be in flight.
func (p *Progress) SetSlots(n int) { p.slots = n }

// Slots returns how many units may be in flight.
func (p *Progress) Slots() int { return p.slots }

// InFlight returns how many units are in flight.
func (p *Progress) InFlight() int { return p.inFlight }

// Stop lets nothing more start.
func (p *Progress) Stop() { p.stopped = true }

// TooManyFailed reports whether so many items have failed that no other starts.
func (p *Progress) TooManyFailed() bool {
	return p.limits.MaxFailures.Exceeded(p.Counts.Failed, p.limits.Total)
}

// TokensReached reports whether the items have used so many tokens that no other starts.
func (p *Progress) TokensReached() bool {
	return p.limits.MaxTokens > 0 && p.Usage.Tokens() >= p.limits.MaxTokens
}

// Over reports whether nothing more starts, ever.
func (p *Progress) Over() bool {
	return p.stopped || p.TooManyFailed() || p.TokensReached() || p.Next >= p.limits.Total && len(p.Again) == 0 && p.going == 0
}

// Wanted returns how many slots the fan-out can use: fewer than it has, when it comes to its end.
func (p *Progress) Wanted() int {
	if p.Over() {
		return p.inFlight
	}
	if p.limits.TakeOver || p.limits.Steps > 0 {
		return p.inFlight + p.left() + p.going
	}
	return p.inFlight + p.limits.Total - p.Next + len(p.Again)
}

// left returns how many items are neither in flight nor have ended.
func (p *Progress) left() int {
	left := p.limits.Total - p.Next
	for _, again := range p.Again {
		left += again.Count
	}
	return left
}

// NeedsPage returns an item whose page has to be known before it can start; false where none is missing.
func (p *Progress) NeedsPage() (item int, needed bool) {
	if p.Over() {
		return 0, false
	}
	for _, again := range p.Again {
		if p.page(again.First) == nil {
			return again.First, true
		}
	}
	return p.Next, p.Next < p.limits.Total && p.page(p.Next) == nil
}

// AddPage adds a page. It returns those that are no longer known: no item needs them.
func (p *Progress) AddPage(page protocol.Page) (forgotten []protocol.Page) {
	kept := []protocol.Page{page}
	for _, known := range p.pages {
		needed := known.Has(p.Next) || slices.ContainsFunc(p.Again, func(again Again) bool { return known.Has(again.First) })
		switch {
		case known.First == page.First:
		case needed:
			kept = append(kept, known)
		default:
			forgotten = append(forgotten, known)
		}
	}
	p.pages = kept
	return forgotten
}

func (p *Progress) page(item int) *protocol.Page {
	at := slices.IndexFunc(p.pages, func(page protocol.Page) bool { return page.Has(item) })
	if at < 0 {
		return nil
	}
	return &p.pages[at]
}

// Begin returns the unit that starts now and counts it as in flight, or false where none can. Items that are due again come first.
func (p *Progress) Begin(now protocol.Seconds) (Unit, bool) {
	if p.Over() || p.inFlight >= p.slots {
		return Unit{}, false
	}
	if p.limits.Steps > 0 {
		return p.beginStep(now)
	}
	if unit, found := p.beginTakeOver(); found {
		return unit, true
	}
	for i, again := range p.Again {
		page := p.page(again.First)
		if again.Due > now || page == nil {
			continue
		}
		unit := Unit{Page: *page, First: again.First, Count: min(again.Count, p.size(0)), Attempts: again.Attempts, Recorded: again.Recorded}
		if p.Again[i].First, p.Again[i].Count = again.First+unit.Count, again.Count-unit.Count; p.Again[i].Count == 0 {
			p.Again = slices.Delete(p.Again, i, i+1)
		}
		p.inFlight++
		return unit, true
	}
	page := p.page(p.Next)
	if page == nil || len(p.Again) >= maxAgain {
		return Unit{}, false
	}
	unit := Unit{Page: *page, First: p.Next, Count: min(p.size(0), page.First+page.Count-p.Next)}
	p.Next += unit.Count
	p.inFlight++
	return unit, true
}

// beginTakeOver returns a unit of items that may be taken over from earlier runs. They are many: none of them is done.
func (p *Progress) beginTakeOver() (unit Unit, found bool) {
	page := p.page(p.Next)
	if !p.limits.TakeOver || page == nil || len(p.Again) >= maxAgain {
		return unit, false
	}
	unit = Unit{Page: *page, First: p.Next, Count: min(maxUnit, page.First+page.Count-p.Next), TakeOver: true}
	p.Next += unit.Count
	p.inFlight++
	return unit, true
}

// Due returns when the next item is due again, if a slot is free for it; false where none waits.
func (p *Progress) Due() (due protocol.Seconds, waits bool) {
	if p.Over() || p.inFlight >= p.slots || len(p.Again) == 0 {
		return 0, false
	}
	due = p.Again[0].Due
	for _, again := range p.Again[1:] {
		due = min(due, again.Due)
	}
	if p.held != nil {
		due = max(due, *p.held+p.hold())
	}
	return due, true
}

// size returns how many items the next unit of a step has, at most.
func (p *Progress) size(step int) int {
	pace := *p.paceOf(step)
	switch {
	case p.limits.MaxFailures != nil || p.limits.MaxTokens > 0:
		return 1 // No item may start after the one with which a limit is reached.
	case p.limits.Chunk > 0:
		return p.limits.Chunk
	case pace <= 0:
		return 1
	}
	left := p.left()
	fair := left / (share * max(p.slots, 1))
	if p.Counts.Total >= trusted {
		fair = max(fair, int(leastTime/pace))
	}
	return max(1, min(int(unitTime/pace), fair, maxUnit))
}

// EndItem records how the only item of a unit ended.
func (p *Progress) EndItem(unit Unit, outcome protocol.Outcome) {
	p.ended(unit)
	p.Usage = p.Usage.Add(outcome.Usage)
	if outcome.Next {
		p.goOn(unit, []protocol.ItemRange{{First: unit.First, Count: 1}})
	} else {
		p.Counts.Add(outcome)
	}
	if !outcome.Next && (outcome.Status == protocol.Failed || outcome.Status == protocol.TimedOut) {
		p.Failure = p.Failure.Merge(protocol.FailureOf(unit.First, outcome))
	}
	if outcome.Status == protocol.Completed {
		took := protocol.SecondsOf(outcome.FinishedAt.Sub(outcome.StartedAt))
		if outcome.Took > 0 {
			took = outcome.Took
		}
		p.pace(unit.Step, 1, took)
	}
}

// EndUnit records how the items of a unit ended, at a time on the caller's clock.
func (p *Progress) EndUnit(unit Unit, outcome protocol.UnitOutcome, now protocol.Seconds) {
	p.ended(unit)
	p.goOn(unit, outcome.Next)
	p.Counts.AddAll(outcome.Counts)
	p.Usage = p.Usage.Add(outcome.Usage)
	p.Failure = p.Failure.Merge(outcome.Failure)
	for _, item := range outcome.Again {
		p.Again = append(p.Again, Again{First: item.Index, Count: 1, Attempts: item.Attempts, Due: now + item.Delay, Step: unit.Step})
	}
	for _, items := range outcome.ToDo {
		p.Again = append(p.Again, Again{First: items.First, Count: items.Count, Step: unit.Step})
	}
	if outcome.Left > 0 {
		p.Again = append(p.Again, Again{First: unit.First + unit.Count - outcome.Left, Count: outcome.Left, Recorded: unit.Recorded, Step: unit.Step})
	}
	if unit.TakeOver {
		return // It does not show how long a call takes.
	}
	p.pace(unit.Step, unit.Count-outcome.Left, outcome.Took)
}

// LoseUnit records that a unit ended without saying how: its items start again in smaller units, at last one by one, so that the one
// which may be to blame harms few others. Those that have ended keep their results.
func (p *Progress) LoseUnit(unit Unit) {
	p.ended(unit)
	size := (unit.Count + lostParts - 1) / lostParts
	for first := 0; first < unit.Count; first += size {
		p.Again = append(p.Again, Again{First: unit.First + first, Count: min(size, unit.Count-first), Recorded: true, Step: unit.Step})
	}
}

// pace corrects what is known of the time that an item takes, or a step of it. Half of it is new: what was quick may become slow, and the other way.
func (p *Progress) pace(step, items int, took protocol.Seconds) {
	const least = protocol.Seconds(1e-5)
	if items <= 0 {
		return
	}
	each := max(took/protocol.Seconds(items), least)
	known := p.paceOf(step)
	if *known > 0 {
		each = (*known + each) / 2
	}
	*known = each
}
