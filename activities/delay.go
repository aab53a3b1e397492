package activities

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// standard is how attempts are spaced where a task has no `retry` of its own.
var standard = protocol.Retry{Backoff: protocol.Exponential, BaseDelay: 1, MaxDelay: 60, Jitter: true}

// delay is the pause before the attempt that follows so many failures.
func delay(retry *protocol.Retry, failures int) time.Duration {
	if retry == nil {
		retry = &standard
	}
	seconds := float64(retry.BaseDelay)
	switch retry.Backoff {
	case protocol.Exponential:
		seconds *= math.Pow(2, float64(failures-1))
	case protocol.Linear:
		seconds *= float64(failures)
	}
	if longest := float64(retry.MaxDelay); longest > 0 {
		seconds = min(seconds, longest)
	}
	if retry.Jitter {
		seconds *= 1 - rand.Float64()/2
	}
	// A delay of nothing would mean to Temporal that the error names none.
	return max(protocol.Seconds(min(seconds, maxDelay.Seconds())).Duration(), time.Millisecond)
}

// maxDelay keeps doubled delays within what a duration holds.
const maxDelay = 24 * time.Hour
