package activities

import (
	"context"
	"errors"
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
	rounds int             // Of a task that is repeated: those before this one, whose attempts do not count above.
	usage  protocol.Usage  // Of these.
	last   *protocol.Error // Of the last one that failed; nil: none has.
}

// countAttempts tells failed attempts from lost ones: Temporal counts both, and only failures have a record. Those of the rounds before
// do not count.
func countAttempts(attempt int, records, rounds []resultstore.Record) earlierAttempts {
	e := earlierAttempts{rounds: len(rounds)}
	before := 0 // The attempt that was the last round.
	for _, round := range rounds {
		if e.first.IsZero() || round.StartedAt.Before(e.first) {
			e.first = round.StartedAt
		}
		before, e.usage = max(before, round.Attempt), e.usage.Add(round.Usage)
	}
	for _, record := range records {
		if record.Attempt >= attempt || record.Attempt <= before {
			continue
		}
		if e.first.IsZero() || record.StartedAt.Before(e.first) {
			e.first = record.StartedAt
		}
		if record.Status == protocol.Failed {
			e.failed++
			e.last = record.Error
		}
	}
	e.lost = attempt - 1 - before - e.failed
	return e
}

// startedAt returns when the first attempt started.
func (e earlierAttempts) startedAt(now time.Time) time.Time {
	if e.first.IsZero() {
		return now
	}
	return e.first
}

// retryError returns the error of a failed attempt, which decides whether and when Temporal retries. Since is when max_elapsed began.
func retryError(retry *protocol.Retry, failedBefore int, outcome protocol.Outcome, since time.Time) error {
	failures := failedBefore + 1
	pause := delay(retry, failures)
	return temporal.NewApplicationErrorWithOptions(outcome.Error.Message, outcome.Error.Name, temporal.ApplicationErrorOptions{
		NonRetryable:   !retry.Follows(outcome.Error, failures, time.Since(since)+pause),
		NextRetryDelay: pause,
		Details:        []any{outcome},
	})
}

// errElapsed is the cause of a context whose task has used up max_elapsed.
var errElapsed = errors.New("max_elapsed of the task's retry")

// since returns when max_elapsed began: when the task was scheduled or, if it is earlier, when the first attempt of its item started.
func (t *attempt) since(began time.Time) time.Time {
	for _, earlier := range []time.Time{t.scheduled, t.earlier.first} {
		if !earlier.IsZero() && earlier.Before(began) {
			began = earlier
		}
	}
	return began
}

// withinElapsed bounds an attempt by max_elapsed of its task.
func (t *attempt) withinElapsed(ctx context.Context, began time.Time) (context.Context, context.CancelFunc) {
	if t.call.Retry == nil || t.call.Retry.MaxElapsed <= 0 {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, t.since(began).Add(t.call.Retry.MaxElapsed.Duration()), errElapsed)
}

// elapsed returns the error of an attempt that max_elapsed has ended.
func (t *attempt) elapsed() *protocol.Error {
	attempts := t.earlier.failed + 1
	e := protocol.Errorf(protocol.TaskTimeout, "timed out after %s in attempt %d (max_elapsed of its retry)", t.call.Retry.MaxElapsed.Duration(), attempts).WithKind(protocol.Permanent)
	if last := t.earlier.last; last != nil {
		e.Message += "; the attempt before failed: " + last.Message
	}
	return e
}

// explainFinal adds to the error of a failed attempt that no other one follows it because of max_elapsed.
func (t *attempt) explainFinal(failure *protocol.Error, since time.Time) *protocol.Error {
	retry, attempts := t.call.Retry, t.earlier.failed+1
	if retry == nil || failure.Hint != "" || attempts >= retry.AttemptsAfter(failure) || retry.Follows(failure, attempts, time.Since(since)+delay(retry, attempts)) {
		return failure
	}
	return failure.WithHint("no attempt followed number %d, because of max_elapsed of its retry, %s", attempts, retry.MaxElapsed.Duration())
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
