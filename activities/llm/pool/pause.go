package pool

import (
	"fmt"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// pause is the time in which a server wants no request. The zero value is none.
type pause struct {
	until  time.Time // When it is asked again,
	said   time.Time // and when it wants to be asked again: that may be later.
	reason string    // Message of the error with which it asked for the pause.
}

const (
	// longestPause is how long a server gets no request, however long a pause it asks for.
	longestPause = time.Hour
	// shortPause is the longest pause that an answer to another call does not end.
	shortPause = time.Minute
)

// extend makes the pause at least so long.
func (p *pause) extend(now time.Time, after time.Duration, reason string) {
	if until := now.Add(min(after, longestPause)); until.After(p.until) {
		p.until = until
	}
	if said := now.Add(after); said.After(p.said) {
		p.said, p.reason = said, reason
	}
}

// relent ends a long pause: the server has answered another call.
func (p *pause) relent(now time.Time) {
	if p.left(now) > shortPause {
		*p = pause{}
	}
}

// left is the rest of the pause.
func (p *pause) left(now time.Time) time.Duration { return p.until.Sub(now) }

// refuse ends the waiting of calls for which every server asks for a pause that is longer than the patience of the pool.
func (p *Pool) refuse(now time.Time) {
	if p.Patience == 0 || !slices.ContainsFunc(p.Members, func(m *Member) bool { return m.pause.left(now) > p.Patience }) {
		return
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(w *Waiter) bool {
		if w.refusal = p.refusalOf(w, now); w.refusal == nil {
			return false
		}
		p.unreserve(w)
		w.granted <- nil
		return true
	})
}

// refusalOf is the error of a call for which every server asks for a long pause; nil if there is one that may be asked.
func (p *Pool) refusalOf(w *Waiter, now time.Time) error {
	var first *Member
	for _, m := range p.Members {
		if w.Exclude[m] {
			continue
		}
		if m.pause.left(now) <= p.Patience {
			return nil
		}
		if first == nil || m.pause.said.Before(first.pause.said) {
			first = m
		}
	}
	if first == nil {
		return nil
	}
	return protocol.Errorf(protocol.ProviderOverloaded, "%s; it asks for no request before %s", first.pause.reason, first.pause.said.Local().Format(time.DateTime))
}

// explain records why the calls wait, and wakes those for which that has changed.
func (p *Pool) explain(now time.Time) {
	limited := slices.ContainsFunc(p.Members, func(m *Member) bool { return m.pausedFor(now) > 0 })
	if !limited && !p.limited {
		return
	}
	p.limited = limited
	for _, w := range p.waiting {
		reason := p.reasonOf(w, now)
		if reason == w.reason {
			continue
		}
		w.reason = reason
		select {
		case w.news <- struct{}{}:
		default:
		}
	}
}

// forOthers is why a call waits if no server limits requests at present.
const forOthers = "waiting for another call to finish"

// reasonOf says why a call waits: for a time if all servers that it may use have a free slot then, but not before.
func (p *Pool) reasonOf(w *Waiter, now time.Time) string {
	reason, soonest := forOthers, time.Time{}
	for _, m := range p.Members {
		if w.Exclude[m] {
			continue
		}
		asked, limited := m.pause.left(now), m.rateWait(now)
		until := now.Add(max(asked, limited))
		switch {
		case asked <= 0 && limited <= 0:
			return forOthers
		case !soonest.IsZero() && !until.Before(soonest):
			continue
		case asked >= limited:
			reason = fmt.Sprintf("waiting until %s: the server asks for it", until.Local().Format(time.TimeOnly))
		case limited < untilReleased:
			reason = fmt.Sprintf("waiting until %s: the limit of the provider per minute is reached", until.Local().Format(time.TimeOnly))
		default:
			return forOthers
		}
		soonest = until
	}
	return reason
}

// Estimate records how many tokens a call may use until it says how many it has used.
func (p *Pool) Estimate(at *Place, tokens int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at.estimate = max(tokens, 1); at.rate.Tokens > 0 {
		p.dispatch()
	}
}

// Send records that a request is about to be sent. The first of a slot has its share of the limits of the server; a further one
// has to sleep until it has its own.
func (p *Pool) Send(at *Place, sleep func(time.Duration) error) error {
	for {
		p.mu.Lock()
		now := p.now()
		wait := at.rate.waitForRequest(now)
		if at.sent == 0 || wait <= 0 {
			if at.sent++; at.sent > 1 {
				at.rate.begin(now)
			}
			p.mu.Unlock()
			return nil
		}
		p.mu.Unlock()
		if err := sleep(wait); err != nil {
			return err
		}
	}
}
