package activities

import (
	"context"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// cachedResult returns the result of an equal earlier call; nil where there is none, or where its value is gone.
func (t *attempt) cachedResult(ctx context.Context, key callKey) *protocol.Result {
	found := t.cachedUnder(ctx, key.content)
	if found == nil && key.exact != key.content {
		return t.cachedUnder(ctx, key.exact)
	}
	return found
}

// cachedUnder returns the result that is recorded under a hash. An unavailable store does not fail the task: the call is made.
func (t *attempt) cachedUnder(ctx context.Context, hash string) *protocol.Result {
	var found *protocol.Result
	err := t.results.withRetry(ctx, func(ctx context.Context) error {
		key := resultstore.CallKey(hash)
		records, err := t.results.store.Records(ctx, resultstore.Query{Run: key.Run, Execution: key.Execution, Kind: resultstore.Cached, Task: key.Task, Item: &key.Item})
		if err != nil || len(records) == 0 || records[0].Value == nil {
			return err
		}
		value, err := t.results.loader(ctx)(*records[0].Value)
		if errors.Is(err, resultstore.ErrNotFound) {
			return nil
		}
		if err == nil {
			found = &protocol.Result{Value: value, Warning: records[0].Warning}
		}
		return err
	})
	if err != nil {
		t.log.Warn("cannot read the cache; making the call", "error", err)
	}
	return found
}

// cacheKey returns the hashes of a call that may be cached; empty where it may not, or where a secret is among its
// parameters.
func (t *attempt) cacheKey(ctx context.Context, m method, request protocol.Request, secrets *secrets) callKey {
	if !t.call.Cache || m.NoCache || secrets.used {
		return callKey{}
	}
	began := time.Now()
	key, err := callKeyOf(ctx, m, request)
	if err != nil {
		t.log.Debug("a call is not cached", "run", t.call.Run.ID, "task", t.call.Task, "reason", err, "after", time.Since(began))
		return callKey{}
	}
	return key
}
