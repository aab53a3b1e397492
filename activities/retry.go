package activities

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
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
func retryError(t *attempt, outcome protocol.Outcome, since time.Time) error {
	again, pause := follows(t, outcome.Error, since)
	return temporal.NewApplicationErrorWithOptions(outcome.Error.Message, outcome.Error.Name, temporal.ApplicationErrorOptions{
		NonRetryable:   !again,
		NextRetryDelay: pause,
		Details:        []any{outcome},
	})
}

// errElapsed is the cause of a context whose task has used up max_elapsed.
var errElapsed = errors.New("max_elapsed of the task's retry")

// elapsedSince returns when max_elapsed began: when the task was scheduled or, if it is earlier, when the first attempt of its item started.
func elapsedSince(t *attempt, began time.Time) time.Time {
	for _, earlier := range []time.Time{t.scheduled, t.earlier.first} {
		if !earlier.IsZero() && earlier.Before(began) {
			began = earlier
		}
	}
	return began
}

// withinElapsed bounds an attempt by max_elapsed of its task.
func withinElapsed(ctx context.Context, t *attempt, began time.Time) (context.Context, context.CancelFunc) {
	if t.call.Retry == nil || t.call.Retry.MaxElapsed <= 0 {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, elapsedSince(t, began).Add(t.call.Retry.MaxElapsed.Duration()), errElapsed)
}

// elapsedError returns the error of an attempt that max_elapsed has ended.
func elapsedError(t *attempt) *protocol.Error {
	attempts := t.earlier.failed + 1
	e := protocol.Errorf(protocol.TaskTimeout, "timed out after %s in attempt %d (max_elapsed of its retry)", t.call.Retry.MaxElapsed.Duration(), attempts).WithKind(protocol.Permanent)
	if last := t.earlier.last; last != nil {
		e.Message += "; the attempt before failed: " + last.Message
	}
	return e
}

// explainFinal adds to the error of a failed attempt that no other one follows it because of max_elapsed.
func explainFinal(t *attempt, failure *protocol.Error, since time.Time) *protocol.Error {
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

// roundBinding returns the binding of `repeat` in the references of a round.
func roundBinding(t *attempt) protocol.Binding {
	round := value.Object(value.Field{Name: "round", Value: value.Int(int64(t.earlier.rounds + 1))})
	return protocol.Binding{Head: "repeat", Value: protocol.Payload{Inline: &round}}
}

// earlierRounds returns the records of the rounds before this one.
func earlierRounds(ctx context.Context, t *attempt) ([]resultstore.Record, error) {
	if t.call.Repeat == nil {
		return nil, nil
	}
	key := resultstore.RoundKey(resultstore.Key{Task: t.call.Task, Item: t.item()})
	return t.results.store.Records(ctx, resultstore.Query{Run: t.call.Run.ID, Execution: t.call.Run.Execution, Kind: resultstore.Round, Task: key.Task, Item: &key.Item})
}

// anotherRound reports whether another round follows this one, which has a result. The error is that of the task.
func anotherRound(ctx context.Context, t *attempt, result value.Value, since time.Time) (again bool, failure *protocol.Error) {
	of, round := t.call.Repeat, t.earlier.rounds+1
	request := protocol.DecideRequest{Run: t.call.Run, Task: t.call.Task, When: of.Until, Bindings: append(slices.Clone(of.Bindings), roundBinding(t))}
	for i := range request.Bindings {
		if request.Bindings[i].Task == t.call.Task {
			request.Bindings[i].Status, request.Bindings[i].Value = protocol.Completed, protocol.Payload{Inline: &result}
		}
	}
	holds, failure := t.evaluate(ctx, request)
	switch {
	case failure != nil:
		return false, failure
	case holds:
		return false, nil
	case round >= of.Max:
		return false, protocol.Errorf(protocol.TaskLimitReached, "it was not done after %d rounds, the max of its repeat: %s", of.Max, protocol.ConditionFalseReason(of.Until)).
			WithHint("`gleitzeit retry %s` begins again", t.call.Run.ID)
	}
	if retry := t.call.Retry; retry != nil && retry.MaxElapsed > 0 && time.Since(since)+delay(of.Pause(), round) >= retry.MaxElapsed.Duration() {
		return false, protocol.Errorf(protocol.TaskTimeout, "timed out after %s in round %d (max_elapsed of its retry): %s", retry.MaxElapsed.Duration(), round, protocol.ConditionFalseReason(of.Until)).
			WithKind(protocol.Permanent)
	}
	return true, nil
}

// recordRound records a round whose result is not that of the task.
func recordRound(ctx context.Context, t *attempt, outcome protocol.Outcome, done execution) error {
	payload, data := protocol.NewResultPayload(done.Value)
	if len(data) > protocol.MaxValue {
		payload, data = protocol.Payload{}, nil // Its end says so.
	}
	outcome.Value = payload
	record := taskRecord(t.call.Run, t.call.Task, t.call.Method, t.item(), t.number, outcome)
	record.Kind, record.Key = resultstore.Round, resultstore.RoundKey(record.Key)
	setBegan(&record, t.began)
	batch := resultstore.Batch{Records: []resultstore.Record{record}}
	if data != nil {
		batch.Values = [][]byte{data}
	}
	batch.Values = addLog(&batch.Records[0], batch.Values, done.log)
	return t.results.withRetry(ctx, func(ctx context.Context) error { return t.results.store.Put(ctx, batch) })
}

// repeatedError returns the error of a round that another one follows: Temporal starts it after the pause.
func repeatedError(of *protocol.Repeat, round int) error {
	message := fmt.Sprintf("round %d of %d: %s", round, of.Max, protocol.ConditionFalseReason(of.Until))
	return temporal.NewApplicationErrorWithOptions(message, protocol.RepeatedType, temporal.ApplicationErrorOptions{NextRetryDelay: delay(of.Pause(), round)})
}
