package activities

import (
	"math"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// defaultRetry spaces the attempts of a task without a `retry` of its own.
var defaultRetry = protocol.Retry{Backoff: protocol.Exponential, BaseDelay: 1, MaxDelay: 60, Jitter: true}

// maxDelay keeps doubled delays within the range of a duration.
const maxDelay = 24 * time.Hour

// earlierAttempts counts the attempts before this one.
type earlierAttempts struct {
	failed int
	lost   int // Attempts whose worker was lost.
	first  time.Time
}

// countAttempts tells failed attempts from lost ones: Temporal counts both, and only failures have a record.
func countAttempts(attempt int, records []resultstore.Record) earlierAttempts {
	e := earlierAttempts{}
	for _, record := range records {
		if record.Attempt >= attempt {
			continue
		}
		if e.first.IsZero() || record.StartedAt.Before(e.first) {
			e.first = record.StartedAt
		}
		if record.Status == protocol.Failed {
			e.failed++
		}
	}
	e.lost = attempt - 1 - e.failed
	return e
}

// startedAt returns when the first attempt started.
func (e earlierAttempts) startedAt(now time.Time) time.Time {
	if e.first.IsZero() {
		return now
	}
	return e.first
}

// retryError returns the error of a failed attempt, which decides whether and when Temporal retries.
func retryError(retry *protocol.Retry, failedBefore int, outcome protocol.Outcome) error {
	failures := failedBefore + 1
	return temporal.NewApplicationErrorWithOptions(outcome.Error.Message, outcome.Error.Name, temporal.ApplicationErrorOptions{
		NonRetryable:   failures >= retry.Attempts(outcome.Error.Kind),
		NextRetryDelay: delay(retry, failures),
		Details:        []any{outcome},
	})
}

// delay returns the pause before the attempt that follows a number of failures.
func delay(retry *protocol.Retry, failures int) time.Duration {
	if retry == nil {
		retry = &defaultRetry
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
	// Zero would mean to Temporal that the error sets no delay.
	return max(protocol.Seconds(min(seconds, maxDelay.Seconds())).Duration(), time.Millisecond)
}
