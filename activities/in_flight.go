package activities

import (
	"context"
	"sync"
)

// inFlight are the calls under way whose results equal calls may use, by their hash. An equal call waits for the first one and
// finds its result in the cache, so that equal calls of one batch are made once.
type inFlight struct {
	mu    sync.Mutex
	calls map[string]*equalCalls
}

// equalCalls are a call under way and those that wait for it.
type equalCalls struct {
	ended   chan struct{}
	waiting int  // Calls that wait for it.
	failed  bool // Its result is not in the cache. Set before ended is closed.
}

// begin waits until no equal call is under way, and returns the function that ends the call; cached reports whether its result
// is in the cache. After a call that failed, those that waited for it run at the same time, as if they were not equal.
func (f *inFlight) begin(ctx context.Context, hash string, wait func()) (end func(cached bool)) {
	for {
		f.mu.Lock()
		call := f.calls[hash]
		if call == nil {
			break
		}
		call.waiting++
		f.mu.Unlock()
		wait()
		select {
		case <-call.ended:
			if call.failed {
				return func(bool) {}
			}
		case <-ctx.Done():
			return func(bool) {}
		}
	}
	defer f.mu.Unlock()
	call := &equalCalls{ended: make(chan struct{})}
	if f.calls == nil {
		f.calls = map[string]*equalCalls{}
	}
	f.calls[hash] = call
	var once sync.Once
	return func(cached bool) {
		once.Do(func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.calls, hash)
			call.failed = !cached
			close(call.ended)
		})
	}
}
