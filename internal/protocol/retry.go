package protocol

import (
	"slices"
	"time"
)

// Selective reports whether the policy has keys without which an older program would retry more than it should.
func (r *Retry) Selective() bool {
	return r != nil && (len(r.On) > 0 || len(r.NotOn) > 0 || r.MaxElapsed > 0)
}

// AttemptsAfter returns how many attempts a task has that fails with the error: one if its policy does not retry it.
func (r *Retry) AttemptsAfter(e *Error) int {
	if r != nil && (len(r.On) > 0 && !slices.Contains(r.On, e.Name) || slices.Contains(r.NotOn, e.Name)) {
		return 1
	}
	return r.Attempts(e.Kind)
}

// Follows reports whether another attempt may follow one that has failed, as the number attempts, so long after the first one
// started. The delay before it counts as well.
func (r *Retry) Follows(e *Error, attempts int, elapsed time.Duration) bool {
	if r != nil && r.MaxElapsed > 0 && elapsed >= r.MaxElapsed.Duration() {
		return false
	}
	return attempts < r.AttemptsAfter(e)
}
