package startpage

import (
	"context"
	"sync"
	"time"
)

const (
	// shortest is how often the state is read at most, and share how much of the time may go into it: reading many runs takes longer.
	shortest = time.Second
	share    = 5
	// collectPatience is how long one reading may take.
	collectPatience = 30 * time.Second
)

// hub reads the state for all pages that are open, once for all of them, and only while there are some.
type hub struct {
	living context.Context // Ends with the server.
	read   func(ctx context.Context) *state

	reading sync.Mutex // Held while the state is read: who comes then waits, and takes the same.

	mu        sync.Mutex
	last      *state
	lastAt    time.Time
	pause     time.Duration // Until the next one.
	listeners map[chan *state]bool
	stop      context.CancelFunc // Of the polling; nil while nobody listens.
	polling   sync.WaitGroup
}

func newHub(ctx context.Context, from *collector) *hub {
	return &hub{living: ctx, read: from.collect, listeners: map[chan *state]bool{}}
}

// closed is closed when the server ends.
func (h *hub) closed() <-chan struct{} { return h.living.Done() }

// state returns the state, as it is or was a moment ago; nil if it cannot be read.
func (h *hub) state(ctx context.Context) *state {
	h.reading.Lock()
	defer h.reading.Unlock()
	h.mu.Lock()
	last, fresh := h.last, h.last != nil && time.Since(h.lastAt) < h.pause
	h.mu.Unlock()
	if fresh || ctx.Err() != nil {
		return last
	}
	// Not with the context of the request: others wait for the same.
	reading, done := context.WithTimeout(h.living, collectPatience)
	defer done()
	began := time.Now()
	found := h.read(reading)
	h.mu.Lock()
	defer h.mu.Unlock()
	if found == nil {
		return h.last
	}
	h.last, h.lastAt = found, time.Now()
	h.pause = max(shortest, share*h.lastAt.Sub(began))
	return found
}

// join returns a channel with the states from now on, each that is newer than the one that was read last, and what ends that. It is
// false where too many listen.
func (h *hub) join() (states <-chan *state, leave func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.listeners) >= maxListeners || h.living.Err() != nil {
		return nil, nil, false
	}
	listener := make(chan *state, 1)
	h.listeners[listener] = true
	if h.last != nil {
		listener <- h.last
	}
	if h.stop == nil {
		polling, stop := context.WithCancel(h.living)
		h.stop = stop
		h.polling.Go(func() { h.poll(polling) })
	}
	return listener, func() { h.leave(listener) }, true
}

func (h *hub) leave(listener chan *state) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, listener)
	if len(h.listeners) == 0 && h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// poll reads the state until ctx is done, and passes on what has changed.
func (h *hub) poll(ctx context.Context) {
	var sent *state
	for {
		if now := h.state(ctx); now != nil && (sent == nil || now.event() != sent.event()) {
			h.pass(now)
			sent = now
		}
		h.mu.Lock()
		pause := max(h.pause, shortest)
		h.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// pass gives a state to everyone; one that has not taken the one before gets this one instead.
func (h *hub) pass(now *state) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for listener := range h.listeners {
		select {
		case <-listener:
		default:
		}
		listener <- now
	}
}
