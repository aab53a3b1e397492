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
	beat  protocol.Heartbeat
	news  bool // There is something that was not told.
	items bool // The task runs once an item: of so many, nobody follows what each is writing.
	end   context.CancelFunc
	ended sync.WaitGroup
}

func startHeartbeat(ctx context.Context, call *protocol.Call) *heartbeat {
	b := &heartbeat{items: call.Item != nil}
	var own context.Context
	own, b.end = context.WithCancel(ctx)
	if info := activity.GetInfo(ctx); info.HeartbeatTimeout > 0 {
		b.ended.Go(func() { b.live(own, ctx, info) })
	}
	return b
}

// live tells Temporal until own is done, as often as is needed for the timeout, and what is new sooner. The SDK's own
// heartbeats are not used for that: one of them that fails ends the task, which a machine out of breath would do to work
// that is well. They are asked where one of these has failed: then the task was cancelled, or given up.
func (b *heartbeat) live(own, task context.Context, info activity.Info) {
	pace := info.HeartbeatTimeout / signsPerTimeout
	if !b.items {
		pace = info.HeartbeatTimeout / newsPerTimeout
	}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	heard := time.Now()
	for {
		select {
		case <-own.Done():
			return
		case <-ticker.C:
		}
		if !b.hasNews() && time.Since(heard) < info.HeartbeatTimeout/signsPerTimeout-pace/2 {
			continue
		}
		if err := b.tell(own, info); err != nil && own.Err() == nil {
			activity.GetLogger(task).Debug("a heartbeat has failed", "error", err)
			activity.RecordHeartbeat(task, b.last())
		}
		heard = time.Now()
	}
}

func (b *heartbeat) tell(ctx context.Context, info activity.Info) error {
	ctx, done := context.WithTimeout(ctx, info.HeartbeatTimeout)
	defer done()
	return activity.GetClient(ctx).RecordActivityHeartbeat(ctx, info.TaskToken, b.last())
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

func (b *heartbeat) last() protocol.Heartbeat {
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
	b.end()
	b.ended.Wait()
}
