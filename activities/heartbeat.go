package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// heartbeat tells Temporal, as long as it runs, that a task is alive and how far it has come.
type heartbeat struct {
	mu    sync.Mutex
	beat  protocol.Beat
	end   chan struct{}
	ended sync.WaitGroup
}

func startHeartbeat(ctx context.Context) *heartbeat {
	b := &heartbeat{end: make(chan struct{})}
	b.ended.Go(func() {
		ticker := time.NewTicker(heartbeatEvery)
		defer ticker.Stop()
		for {
			select {
			case <-b.end:
				return
			case <-ctx.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx, b.last())
			}
		}
	})
	return b
}

// say is what the next heartbeat carries.
func (b *heartbeat) say(message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.beat.Message = message
}

func (b *heartbeat) last() protocol.Beat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.beat
}

func (b *heartbeat) stop() {
	close(b.end)
	b.ended.Wait()
}
