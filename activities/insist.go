package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	// storePatience is how long an attempt waits for a store that is away or full. A call to a model is dearer than that.
	storePatience = 10 * time.Minute
	// cutOffPatience is the same where the engine is away too, on a full disk say: soon it gives the attempt to another
	// worker.
	cutOffPatience = 15 * time.Second
)

// insist tries what needs the store until it works, the store says that it never will, the run is cancelled, or the
// patience is over. A try that is under way is never cut short: what is finished is kept if it can be.
func (a *Activities) insist(ctx context.Context, try func(context.Context) error) error {
	const longest = 5 * time.Second
	began, told := time.Now(), false
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, longest) {
		err := try(context.WithoutCancel(ctx))
		if err == nil {
			return nil
		}
		stored := protocol.AsError(err, protocol.PersistenceFailed)
		waited := time.Since(began)
		if stored.Kind != protocol.Transient || cancelAsked(ctx) || waited > storePatience {
			return stored
		}
		if ctx.Err() != nil && waited > cutOffPatience {
			return ctx.Err()
		}
		if !told {
			a.tell(stored)
			told = true
		}
		time.Sleep(pause)
	}
}

// cancelAsked tells whether the run asked for the end of the attempt. A context that is done for another reason belongs
// to an attempt that was cut off: its worker stops, or the engine is away.
func cancelAsked(ctx context.Context) bool {
	_, asked := errors.AsType[*temporal.CanceledError](context.Cause(ctx))
	return asked
}
