package llm

import (
	"slices"
	"time"
)

// dispatch serves whom it can. The pool is locked.
func (p *pool) dispatch() {
	for p.serve() {
	}
	p.lookAround()
}

// serve gives one of those who wait a server, where one has room.
func (p *pool) serve() bool {
	now := p.now()
	var best *waiter
	var at *member
	later := time.Duration(0)
	for _, w := range p.waiting {
		m, wait := p.choose(w, now)
		if m == nil {
			later = sooner(later, wait)
			continue
		}
		if best == nil || before(w, m, best, at, now) {
			best, at = w, m
		}
	}
	if best == nil {
		p.lookLater(later)
		return false
	}
	p.grant(best, at, now)
	return true
}

// before tells whether a call goes before one that came earlier.
func before(w *waiter, at *member, than *waiter, thereAt *member, now time.Time) bool {
	if w.priority != than.priority {
		return w.priority < than.priority
	}
	if a, b := w.overdue(now), than.overdue(now); a != b {
		return a
	}
	if a, b := at.loaded[w.model], thereAt.loaded[than.model]; a != b {
		return a
	}
	return false
}

func (w *waiter) overdue(now time.Time) bool {
	return !w.passed.IsZero() && now.Sub(w.passed) >= longestPassed
}

// choose finds the server that suits a call best: where its model pushes out none that is in use, then the least busy. Where
// it must wait although there is room, it is told how long.
func (p *pool) choose(w *waiter, now time.Time) (best *member, wait time.Duration) {
	others := p.healthy(w, now)
	for _, m := range p.members {
		switch {
		case m.inFlight >= m.MaxConcurrent || w.avoid[m]:
			continue
		case others && m.unfit(w, now):
			wait = sooner(wait, m.aside.Sub(now))
			continue
		}
		if left := settle - now.Sub(w.came); m.disturbed(w.model) && left > 0 && !w.overdue(now) {
			wait = sooner(wait, left)
			continue
		}
		if best == nil || m.better(best, w.model) {
			best = m
		}
	}
	return best, wait
}

// sooner is the shorter of two waits, where 0 and less is none.
func sooner(a, b time.Duration) time.Duration {
	if b <= 0 || a > 0 && a < b {
		return a
	}
	return b
}

// healthy tells whether a call can do without the servers that are set aside.
func (p *pool) healthy(w *waiter, now time.Time) bool {
	return slices.ContainsFunc(p.members, func(m *member) bool { return !w.avoid[m] && !m.unfit(w, now) })
}

// unfit tells whether another server is to be asked: this one failed of late, or lacks the model. Once its time is over, one
// call alone finds out whether it is well again.
func (m *member) unfit(w *waiter, now time.Time) bool {
	return now.Before(m.aside) || m.failures > 0 && m.inFlight > 0 || now.Before(m.lacks[w.model])
}

// disturbed tells whether the model would push out one that is in use.
func (m *member) disturbed(model string) bool { return m.inFlight > 0 && !m.loaded[model] }

func (m *member) better(than *member, model string) bool {
	if a, b := m.disturbed(model), than.disturbed(model); a != b {
		return !a
	}
	if a, b := m.inFlight*than.MaxConcurrent, than.inFlight*m.MaxConcurrent; a != b {
		return a < b
	}
	return m.loaded[model] && !than.loaded[model]
}

func (p *pool) grant(w *waiter, m *member, now time.Time) {
	at := slices.Index(p.waiting, w)
	for _, earlier := range p.waiting[:at] {
		if earlier.priority == w.priority && earlier.model != w.model && earlier.passed.IsZero() {
			earlier.passed = now
		}
	}
	p.waiting = slices.Delete(p.waiting, at, at+1)
	if !m.loaded[w.model] {
		// On a GPU that holds one model it has pushed out the others; a look at the server tells where it has not.
		m.loaded, m.newest, m.looked = map[string]bool{w.model: true}, w.model, now
		for _, other := range p.waiting {
			if other.model == w.model {
				other.passed = time.Time{}
			}
		}
	}
	m.inFlight++
	m.models = append(m.models, w.model)
	w.granted <- m
}
