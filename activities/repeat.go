package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// roundBinding returns the binding of `repeat` in the references of a round.
func (t *attempt) roundBinding() protocol.Binding {
	round := value.Object(value.Field{Name: "round", Value: value.Int(int64(t.earlier.rounds + 1))})
	return protocol.Binding{Head: "repeat", Value: protocol.Payload{Inline: &round}}
}

// earlierRounds returns the records of the rounds before this one.
func (t *attempt) earlierRounds(ctx context.Context) ([]resultstore.Record, error) {
	if t.call.Repeat == nil {
		return nil, nil
	}
	key := resultstore.RoundKey(resultstore.Key{Task: t.call.Task, Item: t.item()})
	return t.results.store.Records(ctx, resultstore.Query{Run: t.call.Run.ID, Execution: t.call.Run.Execution, Kind: resultstore.Round, Task: key.Task, Item: &key.Item})
}

// judge reports whether another round follows this one, which has a result. The error is that of the task.
func (t *attempt) judge(ctx context.Context, result value.Value, since time.Time) (again bool, failure *protocol.Error) {
	of, round := t.call.Repeat, t.earlier.rounds+1
	request := protocol.DecideRequest{Run: t.call.Run, Task: t.call.Task, When: of.Until, Bindings: append(slices.Clone(of.Bindings), t.roundBinding())}
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
func (t *attempt) recordRound(ctx context.Context, outcome protocol.Outcome, result value.Value) error {
	payload, data := protocol.NewResultPayload(result)
	if len(data) > protocol.MaxValue {
		payload, data = protocol.Payload{}, nil // Its end says so.
	}
	outcome.Value = payload
	record := taskRecord(t.call.Run, t.call.Task, t.call.Method, t.item(), t.number, outcome)
	record.Kind, record.Key = resultstore.Round, resultstore.RoundKey(record.Key)
	batch := resultstore.Batch{Records: []resultstore.Record{record}}
	if data != nil {
		batch.Values = [][]byte{data}
	}
	return t.results.withRetry(ctx, func(ctx context.Context) error { return t.results.store.Put(ctx, batch) })
}

// repeat returns the error of a round that another one follows: Temporal starts it after the pause.
func (t *attempt) repeat(round int) error {
	of := t.call.Repeat
	message := fmt.Sprintf("round %d of %d: %s", round, of.Max, protocol.ConditionFalseReason(of.Until))
	return temporal.NewApplicationErrorWithOptions(message, protocol.RepeatedType, temporal.ApplicationErrorOptions{NextRetryDelay: delay(of.Pause(), round)})
}
