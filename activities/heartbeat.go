package activities

import (
	"context"
	"sync"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/activity"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	// beatsPerTimeout is how many heartbeats a task in flight sends within the heartbeat timeout, at least. Their answers
	// tell whether it was cancelled.
	beatsPerTimeout = 5
	// updatesPerTimeout is how many of them it sends at most while there is something new: with the engine inside, 4 a
	// second; fewer to a Temporal server elsewhere, where they cost more.
	updatesPerTimeout = 20
	// maxTail is how much of an answer that is being written a heartbeat has, in bytes.
	maxTail = 4 << 10
)

// heartbeat reports to Temporal, as long as it runs, that a task is alive and how far it has come.
type heartbeat struct {
	mu      sync.Mutex
	state   protocol.Heartbeat
	changed bool // Since the last heartbeat.
	isItem  bool // The call is for an item: nobody follows the text of so many.
	end     context.CancelFunc
	ended   sync.WaitGroup
}

func startHeartbeat(ctx context.Context, call *protocol.Call) *heartbeat {
	b := &heartbeat{isItem: call.Item != nil || call.Items != nil}
	var own context.Context
	own, b.end = context.WithCancel(ctx)
	if info := activity.GetInfo(ctx); info.HeartbeatTimeout > 0 {
		b.ended.Go(func() { b.send(own, ctx, info) })
	}
	return b
}

// send sends heartbeats until own is done, as often as the timeout needs, and sooner if something is new. It does not use the
// SDK's own heartbeats: a failure of one of those ends the task, which on a slow machine would end healthy work. They are
// used after one of these has failed: then the task was cancelled, or given up.
func (b *heartbeat) send(own, task context.Context, info activity.Info) {
	pace := info.HeartbeatTimeout / beatsPerTimeout
	if !b.isItem {
		pace = info.HeartbeatTimeout / updatesPerTimeout
	}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-own.Done():
			return
		case <-ticker.C:
		}
		if !b.takeChange() && time.Since(last) < info.HeartbeatTimeout/beatsPerTimeout-pace/2 {
			continue
		}
		if err := b.record(own, info); err != nil && own.Err() == nil {
			activity.GetLogger(task).Debug("a heartbeat has failed", "error", err)
			activity.RecordHeartbeat(task, b.current())
		}
		last = time.Now()
	}
}

func (b *heartbeat) record(ctx context.Context, info activity.Info) error {
	ctx, done := context.WithTimeout(ctx, info.HeartbeatTimeout)
	defer done()
	return activity.GetClient(ctx).RecordActivityHeartbeat(ctx, info.TaskToken, b.current())
}

// report sets the message of the next heartbeat.
func (b *heartbeat) report(message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Message, b.changed = message, true
}

// write adds text of the answer to the next heartbeat.
func (b *heartbeat) write(text string) {
	if b.isItem {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = true
	b.state.Written += len(text)
	tail := b.state.Tail + text
	if len(tail) > maxTail {
		tail = tail[len(tail)-maxTail:]
		for !utf8.RuneStart(tail[0]) {
			tail = tail[1:]
		}
	}
	b.state.Tail = tail
}

func (b *heartbeat) current() protocol.Heartbeat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// takeChange reports whether something has changed since it was last called.
func (b *heartbeat) takeChange() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed := b.changed
	b.changed = false
	return changed
}

func (b *heartbeat) stop() {
	b.end()
	b.ended.Wait()
}

// answer passes the text of an answer on to the heartbeats as it comes. It holds back what may be the beginning of a secret
// until more has come.
type answer struct {
	beat    *heartbeat
	secrets *secrets

	mu   sync.Mutex
	held string
}

func (w *answer) write(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	clean, rest := w.secrets.set.Split(w.held + text)
	if w.held = rest; clean != "" {
		w.beat.write(clean)
	}
}

// end passes on what was held back, if the answer is complete: it did not become a secret. That of an answer which broke off
// may be half of one.
func (w *answer) end(complete bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != "" && complete {
		w.beat.write(w.secrets.set.String(w.held))
		w.held = ""
	}
}
