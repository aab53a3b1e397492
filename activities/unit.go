package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

const (
	// unitLimit is how long a unit begins with further items. Those that are left are given back: what was quick has become slow.
	unitLimit = time.Second
	// unstored is how many records of a unit may be on their way to the store. More share a transaction, fewer are lost with a worker.
	unstored = 64
)

// readItem makes the call that of its only item. Ended is how the item has ended before, if its record counts.
func (t *attempt) readItem(ctx context.Context) (ended *protocol.Outcome, err error) {
	of := t.call.Items
	items, err := t.loadPage(ctx, of)
	if err != nil {
		return nil, retryError(t, protocol.Outcome{Status: protocol.Failed, Error: protocol.AsError(err, protocol.PersistenceFailed), Attempts: 1}, t.scheduled)
	}
	if of.Recorded || t.number > 1 { // A worker may have died between the record and Temporal's.
		done, err := t.recordedItems(ctx, t.call, of)
		if err != nil {
			return nil, err
		}
		if outcome, is := done[of.First]; is && (t.call.Step != nil || !mayFollow(t.call.Retry, outcome, 0)) {
			return &outcome, nil
		}
	}
	earlier, err := t.formers(ctx, t.call, items)
	if err != nil {
		return nil, err
	}
	t.former = earlier[0]
	t.number += of.Attempts
	chains, err := chainsOf(ctx, t.Activities, t.call, items)
	if err != nil {
		return nil, err
	}
	t.setItem(callOfItem(t.call, items, of.First, chains[0]))
	return nil, nil
}

func (t *attempt) setItem(single *itemCall) {
	t.call, t.name, t.condition, t.invalid, t.chain = &single.call, single.name, single.condition, single.invalid, single.chain
}

// mayFollow reports whether another attempt may follow, after a delay, one that ended like this.
func mayFollow(retry *protocol.Retry, outcome protocol.Outcome, delay time.Duration) bool {
	return outcome.Status == protocol.Failed && outcome.Error != nil &&
		retry.Follows(outcome.Error, outcome.Attempts, outcome.FinishedAt.Sub(outcome.StartedAt)+delay)
}

// decide reports whether the condition of the item holds; true if it has none.
func (t *attempt) decide(ctx context.Context) (bool, *protocol.Error) {
	if t.condition == nil || t.invalid != nil {
		return true, t.invalid
	}
	return t.evaluate(ctx, *t.condition)
}

// evaluate reports whether a condition holds.
func (t *attempt) evaluate(ctx context.Context, condition protocol.DecideRequest) (bool, *protocol.Error) {
	var response *protocol.DecideResponse
	err := t.results.withRetry(ctx, func(ctx context.Context) (err error) {
		response, err = decide(ctx, condition, t.results.loader)
		return err
	})
	if err != nil {
		return false, protocol.AsError(err, protocol.TaskParameterError)
	}
	return response.Holds, response.Error
}

// unit does several items one after the other. Each of them has its own record before the unit ends.
type unit struct {
	*Activities
	call    *protocol.Call
	beat    *heartbeat
	writes  sync.WaitGroup
	places  chan struct{} // One for each record on its way to the store.
	mu      sync.Mutex
	failed  error // The first failure of the store.
	outcome protocol.UnitOutcome
	taken   resultstore.Batch // The records of items that are taken over: they are stored together.
}

func newUnit(a *Activities, call *protocol.Call, beat *heartbeat) *unit {
	return &unit{Activities: a, call: call, beat: beat, places: make(chan struct{}, unstored)}
}

// do does the items. Its result is a *protocol.UnitOutcome, or an error that Temporal retries.
func (u *unit) do(ctx context.Context) (*protocol.UnitOutcome, error) {
	err := u.run(ctx)
	if len(u.taken.Records) > 0 && (err == nil || cancelRequested(ctx)) {
		u.failed = u.results.withRetry(context.WithoutCancel(ctx), func(ctx context.Context) error { return u.results.store.Put(ctx, u.taken) })
	}
	u.writes.Wait()
	switch {
	case u.failed != nil:
		return nil, u.failed // Temporal has it done again: what was stored counts.
	case err != nil && cancelRequested(ctx):
		return nil, temporal.NewCanceledError(u.outcome)
	case err != nil:
		return nil, err
	}
	return &u.outcome, nil
}

func (u *unit) run(ctx context.Context) error {
	of := u.call.Items
	items, err := u.loadPage(ctx, of)
	if err != nil {
		return err
	}
	ended := map[int]protocol.Outcome{}
	if of.Recorded || activity.GetInfo(ctx).Attempt > 1 {
		if ended, err = u.recordedItems(ctx, u.call, of); err != nil {
			return err
		}
	}
	earlier, err := u.formers(ctx, u.call, items)
	if err != nil {
		return err
	}
	chains, err := chainsOf(ctx, u.Activities, u.call, items)
	if err != nil {
		return err
	}
	began := time.Now()
	defer func() { u.outcome.Took = protocol.SecondsOf(time.Since(began)) }()
	for index := of.First; index < of.End(); index++ {
		if outcome, is := ended[index]; is {
			u.end(index, outcome, nil)
			continue
		}
		if index > of.First && time.Since(began) > unitLimit && !of.TakeOver {
			u.outcome.Left = of.End() - index
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if c := chains[index-of.First]; of.TakeOver && earlier[index-of.First].record == nil && (c == nil || c.When == "" && c.whole == nil && c.skip() == nil) {
			u.outcome.AddToDo(index)
			continue
		}
		t := &attempt{Activities: u.Activities, number: of.Attempts + 1, beat: u.beat, put: u.put, former: earlier[index-of.First]}
		if of.TakeOver {
			t.put = u.take
		}
		t.setItem(callOfItem(u.call, items, index, chains[index-of.First]))
		outcome, err := t.run(ctx, time.Now().UTC())
		if errors.Is(err, errToDo) {
			u.outcome.AddToDo(index)
			continue
		}
		if err != nil {
			if cancelled, is := errors.AsType[*temporal.CanceledError](err); is && cancelled.Details(&outcome) == nil {
				u.outcome.Counts.Add(outcome)
			}
			return err
		}
		u.end(index, outcome, t.decided)
	}
	return nil
}

// end adds the end of an item to that of the unit. Whether a step that has failed is tried again is decided, or known from records.
func (u *unit) end(index int, outcome protocol.Outcome, decided *decision) {
	u.outcome.Usage = u.outcome.Usage.Add(outcome.Usage)
	switch {
	case outcome.Next:
		u.outcome.AddNext(index)
		return
	case u.call.Step != nil && decided == nil:
	case decided == nil:
		pause := delay(u.call.Retry, outcome.Attempts)
		decided = &decision{mayFollow(u.call.Retry, outcome, pause), pause}
	}
	if decided != nil && decided.again && outcome.Status == protocol.Failed {
		u.outcome.Again = append(u.outcome.Again, protocol.RetriedItem{Index: index, Attempts: outcome.Attempts, Delay: protocol.SecondsOf(decided.pause)})
		return
	}
	u.outcome.Counts.Add(outcome)
	if outcome.Status == protocol.Failed {
		u.outcome.Failure = u.outcome.Failure.Merge(protocol.FailureOf(index, outcome))
	}
}

// take keeps records to store them at the end of the unit.
func (u *unit) take(batch resultstore.Batch) error {
	u.taken.Records, u.taken.Values = append(u.taken.Records, batch.Records...), append(u.taken.Values, batch.Values...)
	return nil
}

// put stores a batch while the next item is done.
func (u *unit) put(batch resultstore.Batch) error {
	u.mu.Lock()
	failed := u.failed
	u.mu.Unlock()
	if failed != nil {
		return failed
	}
	u.places <- struct{}{}
	u.writes.Go(func() {
		defer func() { <-u.places }()
		err := u.results.withRetry(context.Background(), func(ctx context.Context) error { return u.results.store.Put(ctx, batch) })
		if err != nil {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.failed = errors.Join(u.failed, err)
		}
	})
	return nil
}
