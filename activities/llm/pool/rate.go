package pool

import "time"

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

// wait is how long to wait for the next request.
func (r *rate) wait(now time.Time) time.Duration {
	past := now.Add(-time.Minute)
	for len(r.begun) > 0 && !r.begun[0].After(past) {
		r.begun = r.begun[1:]
	}
	for len(r.used) > 0 && !r.used[0].at.After(past) {
		r.used = r.used[1:]
	}
	wait := time.Duration(0)
	if r.Requests > 0 && len(r.begun) >= r.Requests {
		wait = r.begun[len(r.begun)-r.Requests].Sub(past)
	}
	left := int64(0)
	for _, s := range r.used {
		left += s.tokens
	}
	for _, s := range r.used {
		if r.Tokens == 0 || left < int64(r.Tokens) {
			break
		}
		wait, left = max(wait, s.at.Sub(past)), left-s.tokens
	}
	return wait
}
