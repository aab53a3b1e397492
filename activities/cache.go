package activities

import (
	"context"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// performed is what an attempt has brought.
type performed struct {
	protocol.Result
	cached bool            // It is what an equal call had brought.
	keepAs string          // The hash under which equal calls may have it; "" is for this call alone.
	end    func(kept bool) // Lets equal calls begin.
}

// recall returns what an equal call has brought; nil where there is none, or where its value is gone. That a store cannot
// be asked is no reason to fail: then the work is done.
func (a *Activities) recall(ctx context.Context, hash string) *protocol.Result {
	var found *protocol.Result
	err := a.insist(ctx, func(ctx context.Context) error {
		key := resultstore.CallKey(hash)
		records, err := a.store.Records(ctx, resultstore.Query{Run: key.Run, Execution: key.Execution, Kind: resultstore.Cached, Task: key.Task, Item: &key.Item})
		if err != nil || len(records) == 0 || records[0].Value == nil {
			return err
		}
		value, err := a.load(ctx)(*records[0].Value)
		if errors.Is(err, resultstore.ErrNotFound) {
			return nil
		}
		if err == nil {
			found = &protocol.Result{Value: value, Warning: records[0].Warning}
		}
		return err
	})
	if err != nil {
		a.log.Warn("the cache cannot be asked; the call is made", "error", err)
	}
	return found
}

// cached is the record by which later calls find what this one has brought.
func cached(call *protocol.Call, hash string, outcome protocol.Outcome) resultstore.Record {
	return resultstore.Record{
		Kind: resultstore.Cached, Key: resultstore.CallKey(hash), Workflow: call.Run.Workflow, Method: call.Method,
		Status: outcome.Status, StartedAt: outcome.StartedAt, FinishedAt: outcome.FinishedAt, Usage: outcome.Usage, Warning: outcome.Warning, Value: outcome.Value.Ref,
	}
}

// hashOf is callHash for a call that wants it; "" where it does not, or where its result is for nobody else.
func (a *Activities) hashOf(ctx context.Context, call *protocol.Call, m method, request protocol.Request, secrets *secrets) string {
	if !call.Cache || m.NoCache || secrets.used {
		return ""
	}
	began := time.Now()
	hash, err := callHash(ctx, m, request)
	if err != nil {
		a.log.Debug("a call is not cached", "run", call.Run.ID, "task", call.Task, "why", err, "after", time.Since(began))
		return ""
	}
	return hash
}
