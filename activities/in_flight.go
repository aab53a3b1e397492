package activities

import (
	"context"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// inFlight are the calls under way whose results equal calls may use, by their hash. An equal call waits for the first one and
// gets its result, so that equal calls of one batch are made once.
type inFlight struct {
	mu    sync.Mutex
	calls map[string]*equalCalls
}

// equalCalls are a call under way and those that wait for it.
type equalCalls struct {
	ended   chan struct{} // Closed when the call has ended for those that wait as well.
	how     callEnd       // Set before ended is closed.
	next    chan struct{} // Has a token when one of those that wait is to be made instead.
	waiting int           // Calls that wait.
}

// callEnd is what a call that has ended is to equal ones that wait. The zero value: nothing, as after an exception. They are made
// at the same time, as if they were not equal.
type callEnd struct {
	result   *protocol.Result // It is theirs as well.
	failure  *protocol.Error  // No attempt can succeed: theirs fail with it as well.
	exact    string           // Of its key.
	makeNext bool             // It was cancelled, or failed for a reason that may pass: one of them is made, and the others wait for that.
}

// isFor reports whether the end is that of a call with the key as well. What has the path of a file in it is only for calls that name
// the file by the same path.
func (e callEnd) isFor(key callKey) bool {
	return e.exact == key.exact || e.failure == nil && e.result.Warning == ""
}

// begin waits while an equal call is under way. It returns how that ended, and the function that ends this one; that does nothing
// where no other call waits for this one.
func (f *inFlight) begin(ctx context.Context, hash string, wait func()) (end func(callEnd), earlier callEnd) {
	f.mu.Lock()
	call := f.calls[hash]
	if call == nil {
		call = &equalCalls{ended: make(chan struct{}), next: make(chan struct{}, 1)}
		if f.calls == nil {
			f.calls = map[string]*equalCalls{}
		}
		f.calls[hash] = call
		f.mu.Unlock()
		return f.ender(hash, call), callEnd{}
	}
	call.waiting++
	f.mu.Unlock()
	wait()
	select {
	case <-call.ended:
		return func(callEnd) {}, call.how
	case <-call.next:
		f.leave(hash, call, false)
		return f.ender(hash, call), callEnd{}
	case <-ctx.Done():
		f.leave(hash, call, true)
		return func(callEnd) {}, callEnd{}
	}
}

// leave counts a call that no longer waits. Without it, nobody may be left to be made next.
func (f *inFlight) leave(hash string, call *equalCalls, cancelled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if call.waiting--; !cancelled || call.waiting > 0 {
		return
	}
	select {
	case <-call.next:
		delete(f.calls, hash)
	default:
	}
}

// ender returns the function that ends a call.
func (f *inFlight) ender(hash string, call *equalCalls) func(callEnd) {
	var once sync.Once
	return func(how callEnd) {
		once.Do(func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if how.makeNext && call.waiting > 0 {
				call.next <- struct{}{}
				return
			}
			delete(f.calls, hash)
			call.how = how
			close(call.ended)
		})
	}
}
