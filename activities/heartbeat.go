package activities

import (
	"context"
	"sync"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/activity"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// heartbeat tells Temporal, as long as it runs, that a task is alive and how far it has come.
type heartbeat struct {
	mu    sync.Mutex
	beat  protocol.Beat
	news  bool // There is something that was not told.
	items bool // The task runs once an item: of so many, nobody follows what each is writing.
	end   chan struct{}
	ended sync.WaitGroup
}

func startHeartbeat(ctx context.Context, call *protocol.Call) *heartbeat {
	b := &heartbeat{items: call.Item != nil, end: make(chan struct{})}
	b.ended.Go(func() {
		b.every(ctx, heartbeatEvery, func() {
			activity.RecordHeartbeat(ctx, b.last())
		})
	})
	info := activity.GetInfo(ctx)
	if pace := info.HeartbeatTimeout / newsPerTimeout; !b.items && pace > 0 {
		b.ended.Go(func() {
			b.every(ctx, pace, func() {
				if b.hasNews() {
					b.tell(ctx, info.TaskToken, b.last())
				}
			})
		})
	}
	return b
}

// every does something again and again until the task has ended.
func (b *heartbeat) every(ctx context.Context, pause time.Duration, do func()) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-b.end:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// tell sends a heartbeat beside those of the SDK. Of these one that takes longer than they are apart ends the task, so
// that they cannot come as often as people want to see what is written.
func (b *heartbeat) tell(ctx context.Context, token []byte, beat protocol.Beat) {
	ctx, done := context.WithTimeout(ctx, heartbeatEvery)
	defer done()
	if err := activity.GetClient(ctx).RecordActivityHeartbeat(ctx, token, beat); err != nil {
		activity.GetLogger(ctx).Debug("what a task writes cannot be told now", "error", err)
	}
}

// say is what the next heartbeat carries.
func (b *heartbeat) say(message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.beat.Message, b.news = message, true
}

// write adds to what the next heartbeat carries.
func (b *heartbeat) write(text string) {
	if b.items {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.news = true
	b.beat.Written += len(text)
	tail := b.beat.Tail + text
	if len(tail) > maxTail {
		tail = tail[len(tail)-maxTail:]
		for !utf8.RuneStart(tail[0]) {
			tail = tail[1:]
		}
	}
	b.beat.Tail = tail
}

func (b *heartbeat) last() protocol.Beat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.beat
}

// hasNews tells whether there is more to tell than when it was last asked.
func (b *heartbeat) hasNews() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := b.news
	b.news = false
	return news
}

func (b *heartbeat) stop() {
	close(b.end)
	b.ended.Wait()
}
