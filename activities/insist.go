package activities

import (
	"context"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// storePatience is how long an attempt waits for a store that is away or full. A call to a model is dearer than that.
const storePatience = 10 * time.Minute

// insist tries what needs the store until it works, the store says that it never will, or the patience is over. A
// context that is done ends the tries, but not the one under way: what is finished is kept if it can be.
func (a *Activities) insist(ctx context.Context, try func(context.Context) error) error {
	const longest = 10 * time.Second
	began, told := time.Now(), false
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, longest) {
		err := try(context.WithoutCancel(ctx))
		if err == nil {
			return nil
		}
		stored := protocol.AsError(err, protocol.PersistenceFailed)
		if stored.Kind != protocol.Transient || ctx.Err() != nil || time.Since(began) > storePatience {
			return stored
		}
		if !told {
			a.tell(stored)
			told = true
		}
		select {
		case <-ctx.Done():
			return stored
		case <-time.After(pause):
		}
	}
}
