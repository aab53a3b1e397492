package pool

import (
	"context"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
)

// dispatch gives slots to waiting calls while it can. The pool is locked.
func (p *Pool) dispatch() {
	p.refuse(p.now())
	first := p.firstOfEach()
	for p.serve(first) {
		first = p.firstOfEach()
	}
	p.explain(p.now())
	p.listModels(first)
	p.readSlots()
}

// firstOfEach returns the waiting calls that may be next, in order of arrival. Of calls with the same model and priority that is the
// first: thousands of calls of a batch wait together, and a free slot is not worth a look at each.
func (p *Pool) firstOfEach() []*Waiter {
	var first, kinds []*Waiter
	for _, w := range p.waiting {
		if w.Alone || len(w.Exclude) > 0 {
			first = append(first, w)
			continue
		}
		if !slices.ContainsFunc(kinds, func(k *Waiter) bool { return k.Model == w.Model && k.Priority == w.Priority }) {
			first, kinds = append(first, w), append(kinds, w)
		}
	}
	return first
}

// serve gives one of the calls a slot, if there is one.
func (p *Pool) serve(first []*Waiter) bool {
	now := p.now()
	var best *Waiter
	var at *Member
	later := time.Duration(0)
	p.reserve(first, now)
	if !slices.ContainsFunc(p.Members, func(m *Member) bool { return len(m.places) < m.limit }) {
		return false
	}
	settling := settlingPriorities(first, p.Members, now)
	for _, w := range first {
		m, wait := p.choose(w, now, settling)
		if m == nil {
			later = sooner(later, wait)
			continue
		}
		if best == nil || before(w, m, best, at, now) {
			best, at = w, m
		}
	}
	if best == nil {
		p.dispatchAfter(later)
		return false
	}
	p.grant(best, at, now)
	return true
}

// before reports whether a call goes before one that came earlier.
func before(w *Waiter, at *Member, than *Waiter, thereAt *Member, now time.Time) bool {
	if w.Priority != than.Priority {
		return w.Priority < than.Priority
	}
	if a, b := w.overdue(now), than.overdue(now); a != b {
		return a
	}
	if a, b := at.hasLoaded(w.Model), thereAt.hasLoaded(than.Model); a != b {
		return a
	}
	return false
}

func (w *Waiter) overdue(now time.Time) bool {
	return !w.passedSince.IsZero() && now.Sub(w.passedSince) >= maxPassed
}

// choose returns the best server for a call: one whose model in use is not evicted, then the least busy. If the call has to
// wait although there is a free slot, wait is how long. A slot for which a more urgent call settles is not free.
func (p *Pool) choose(w *Waiter, now time.Time, settling map[*Member]int) (best *Member, wait time.Duration) {
	others := p.hasAlternative(w, now)
	for _, m := range p.Members {
		if !m.roomFor(w) {
			continue
		}
		if left := m.pausedFor(now); left > 0 {
			wait = sooner(wait, left)
			continue
		}
		if others && m.unavailable(w, now) {
			wait = sooner(wait, m.avoidUntil.Sub(now))
			continue
		}
		if left := m.settleTime(w, now); left > 0 {
			wait = sooner(wait, left)
			continue
		}
		if urgent, is := settling[m]; is && urgent < w.Priority {
			continue
		}
		if best == nil || m.betterThan(best, w.Model) {
			best = m
		}
	}
	return best, wait
}

// settlingPriorities returns the priority of the most urgent call that settles at each server.
func settlingPriorities(first []*Waiter, members []*Member, now time.Time) map[*Member]int {
	var found map[*Member]int
	for _, w := range first {
		for _, m := range members {
			if !m.roomFor(w) || m.settleTime(w, now) <= 0 || m.unavailable(w, now) {
				continue
			}
			if urgent, is := found[m]; !is || w.Priority < urgent {
				if found == nil {
					found = map[*Member]int{}
				}
				found[m] = w.Priority
			}
		}
	}
	return found
}

// roomFor reports whether the server has a free slot for the call.
func (m *Member) roomFor(w *Waiter) bool {
	switch {
	case w.Exclude[m], m.reserved != nil && m.reserved != w:
		return false
	case w.Alone:
		return len(m.places) == 0
	}
	return len(m.places) < m.limit && (len(m.places) == 0 || !m.places[0].alone)
}

// reserve keeps a server for each call that has to be the only one in flight: no other call gets a slot of it.
func (p *Pool) reserve(first []*Waiter, now time.Time) {
	for _, w := range first {
		if !w.Alone || slices.ContainsFunc(p.Members, func(m *Member) bool { return m.reserved == w }) {
			continue
		}
		var best *Member
		for _, m := range p.Members {
			if m.reserved != nil || w.Exclude[m] || p.hasAlternative(w, now) && m.unavailable(w, now) {
				continue
			}
			if best == nil || len(m.places) < len(best.places) {
				best = m
			}
		}
		if best != nil {
			best.reserved = w
		}
	}
}

// unreserve ends the reservation of a call.
func (p *Pool) unreserve(w *Waiter) {
	for _, m := range p.Members {
		if m.reserved == w {
			m.reserved = nil
		}
	}
}

// pausedFor is how long the server gets no request: because it said so, or because of the limits per minute.
func (m *Member) pausedFor(now time.Time) time.Duration {
	return max(m.pause.left(now), m.rateWait(now))
}

// rateWait is how long the limits per minute leave no room for a request.
func (m *Member) rateWait(now time.Time) time.Duration {
	return max(m.rate.waitForRequest(now), m.rate.waitForTokens(now, m.places))
}

// settleTime is how long a call whose model would evict one that is in use still waits for calls of the latter.
func (m *Member) settleTime(w *Waiter, now time.Time) time.Duration {
	if !m.evicts(w.Model) || w.overdue(now) {
		return 0
	}
	return settle - now.Sub(w.arrived)
}

// sooner is the shorter of two waits; 0 and less is no wait.
func sooner(a, b time.Duration) time.Duration {
	if b <= 0 || a > 0 && a < b {
		return a
	}
	return b
}

// hasAlternative reports whether the call can be served without the servers that are avoided.
func (p *Pool) hasAlternative(w *Waiter, now time.Time) bool {
	return slices.ContainsFunc(p.Members, func(m *Member) bool { return !w.Exclude[m] && !m.unavailable(w, now) })
}

// unavailable reports whether the server is avoided: it failed recently, or does not have the model. When that time has passed,
// a single call tests whether it works again.
func (m *Member) unavailable(w *Waiter, now time.Time) bool {
	return now.Before(m.avoidUntil) || m.failures > 0 && m.probing > 0 || now.Before(m.missing[w.Model])
}

// evicts reports whether the model would evict one that is in use.
func (m *Member) evicts(model string) bool { return len(m.places) > 0 && !m.hasLoaded(model) }

// hasLoaded reports whether the model is in memory, or nothing is known of that.
func (m *Member) hasLoaded(model string) bool { return m.lister == nil || m.loaded[model] }

func (m *Member) betterThan(than *Member, model string) bool {
	if a, b := m.evicts(model), than.evicts(model); a != b {
		return !a
	}
	if a, b := len(m.places)*than.limit, len(than.places)*m.limit; a != b {
		return a < b
	}
	return m.hasLoaded(model) && !than.hasLoaded(model)
}

func (p *Pool) grant(w *Waiter, m *Member, now time.Time) {
	at := slices.Index(p.waiting, w)
	for _, earlier := range p.waiting[:at] {
		if earlier.Priority == w.Priority && earlier.Model != w.Model && earlier.passedSince.IsZero() {
			earlier.passedSince = now
		}
	}
	p.waiting = slices.Delete(p.waiting, at, at+1)
	if !m.hasLoaded(w.Model) {
		// On a GPU with room for one model it has evicted the others; listModels corrects that if it has not.
		m.loaded, m.newest, m.listedAt = map[string]bool{w.Model: true}, w.Model, now
		for _, other := range p.waiting {
			if other.Model == w.Model {
				other.passedSince = time.Time{}
			}
		}
	}
	if m.failures > 0 {
		m.probing++
	}
	p.unreserve(w)
	made := &Place{Member: m, model: w.Model, turn: m.turn, alone: w.Alone, Shared: len(m.places) > 0, since: now}
	for _, other := range m.places {
		other.Shared = true
	}
	m.places, m.values = append(m.places, made), w.values
	m.rate.begin(now)
	w.granted <- made
}

// loadedWithin is the timeout of a request for the loaded models.
const loadedWithin = 5 * time.Second

// dispatchAfter calls dispatch again when a call has waited long enough.
func (p *Pool) dispatchAfter(after time.Duration) {
	if after <= 0 {
		return
	}
	if p.again != nil {
		p.again.Stop()
	}
	p.again = time.AfterFunc(after, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dispatch()
	})
}

// listModels asks servers for their loaded models, if a call waits for another one.
func (p *Pool) listModels(first []*Waiter) {
	now := p.now()
	for _, m := range p.Members {
		if m.lister == nil || m.listing || now.Sub(m.listedAt) < listAgain ||
			!slices.ContainsFunc(first, func(w *Waiter) bool { return !m.loaded[w.Model] }) {
			continue
		}
		m.listing = true
		values := m.values
		go func() {
			ctx, done := context.WithTimeout(values, loadedWithin)
			defer done()
			models, known := m.lister.LoadedModels(ctx)
			p.mu.Lock()
			defer p.mu.Unlock()
			m.listing, m.listedAt = false, p.now()
			if known {
				m.setLoaded(models)
			}
			p.dispatch()
		}()
	}
}

// setLoaded records the loaded models of a server. While the newest one is missing, it is being loaded, and the others are
// about to be evicted.
func (m *Member) setLoaded(models []string) {
	names := map[string]bool{}
	for _, name := range models {
		names[provider.WithTag(name)] = true
	}
	if m.newest != "" && len(m.places) > 0 && !names[m.newest] {
		return
	}
	m.loaded = names
}

const (
	// slotsFirst and slotsLongest limit after which time a server is asked for its slots again; the time doubles while it does not say.
	slotsFirst   = time.Second
	slotsLongest = time.Minute
)

// readSlots asks servers how many requests they work on at once: more would wait there, and time out. A server that is loading its
// model does not say yet, and one that was started anew may have another number.
func (p *Pool) readSlots() {
	now := p.now()
	for _, m := range p.Members {
		if m.slots == nil || len(m.places) == 0 || now.Before(m.slotsAt) {
			continue
		}
		m.slotsPause = min(max(2*m.slotsPause, slotsFirst), slotsLongest)
		m.slotsAt = now.Add(max(m.slotsPause, loadedWithin)) // While it is asked.
		values, next := m.values, now.Add(m.slotsPause)
		go func() {
			ctx, done := context.WithTimeout(values, loadedWithin)
			defer done()
			slots, known := m.slots.Slots(ctx)
			p.mu.Lock()
			defer p.mu.Unlock()
			if m.slotsAt = next; known && slots > 0 {
				m.slotsAt, m.slotsPause = p.now().Add(slotsLongest), 0
				m.setMost(min(m.MaxConcurrent, slots))
				p.dispatch()
			}
		}()
	}
}

// setMost sets the largest limit. A limit that was not lowered follows it.
func (m *Member) setMost(most int) {
	if m.limit == m.most {
		m.limit = most
	}
	m.most, m.limit = most, min(m.limit, most)
}
