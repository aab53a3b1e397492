package pool

import (
	"slices"
	"time"
)

// rate limits the requests to a server and their tokens in any minute. The zero value has no limits.
type rate struct {
	Limits

	begun []time.Time // Of the requests of the last minute.
	used  []spent     // By the requests that ended in the last minute.
}

type spent struct {
	at     time.Time
	tokens int64
}

// begin counts a request.
func (r *rate) begin(now time.Time) {
	if r.Requests > 0 {
		r.begun = append(r.begun, now)
	}
}

// use counts tokens.
func (r *rate) use(now time.Time, tokens int64) {
	if r.Tokens > 0 && tokens > 0 {
		r.used = append(r.used, spent{now, tokens})
	}
}

// cancel removes a request that began and was not sent.
func (r *rate) cancel(begun time.Time) {
	if at := slices.Index(r.begun, begun); at >= 0 {
		r.begun = slices.Delete(r.begun, at, at+1)
	}
}

// waitForRequest is how long to wait for the next request.
func (r *rate) waitForRequest(now time.Time) time.Duration {
	past := now.Add(-time.Minute)
	for len(r.begun) > 0 && !r.begun[0].After(past) {
		r.begun = r.begun[1:]
	}
	if r.Requests == 0 || len(r.begun) < r.Requests {
		return 0
	}
	return r.begun[len(r.begun)-r.Requests].Sub(past)
}

// untilReleased is the wait for tokens that only the end of a call in flight can shorten: the queue is checked again then.
const untilReleased = time.Hour

// waitForTokens is how long to wait for the tokens of the next request. Calls in flight count with their estimates, and one without
// an estimate uses them all until it has one.
func (r *rate) waitForTokens(now time.Time, inFlight []*Place) time.Duration {
	past := now.Add(-time.Minute)
	for len(r.used) > 0 && !r.used[0].at.After(past) {
		r.used = r.used[1:]
	}
	if r.Tokens == 0 {
		return 0
	}
	left := int64(0)
	for _, at := range inFlight {
		if at.estimate == 0 {
			return untilReleased
		}
		left += at.estimate
	}
	for _, s := range r.used {
		left += s.tokens
	}
	wait := time.Duration(0)
	for _, s := range r.used {
		if left < int64(r.Tokens) {
			return wait
		}
		wait, left = s.at.Sub(past), left-s.tokens
	}
	if left >= int64(r.Tokens) {
		return untilReleased
	}
	return wait
}
