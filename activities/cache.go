package activities

import (
	"context"
	"errors"
	"strings"
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

// hashes are what identifies a call.
type hashes struct {
	key  callKey // Empty where the call may not be cached, or where a secret is among its parameters.
	call string  // For its record; empty where it cannot be hashed.
}

// readsFiles reports whether the call may be another one when a file or a function changes.
func (h hashes) readsFiles() bool { return h.key != (callKey{}) || strings.Contains(h.call, ".") }

// hashes returns what identifies the call, as files are now.
func (t *attempt) hashes(ctx context.Context, m method, request protocol.Request, secrets *secrets) (of hashes) {
	began := time.Now()
	found, err := identify(ctx, m, request, secrets)
	if err != nil {
		t.log.Debug("a call is not hashed", "run", t.call.Run.ID, "task", t.call.Task, "reason", err, "after", time.Since(began))
		return of
	}
	of.call = found.recorded()
	if t.call.Cache && !m.NoCache && !secrets.used {
		of.key = found.key(m)
	}
	return of
}
