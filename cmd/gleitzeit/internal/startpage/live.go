package startpage

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// maxListeners is how many pages are told of changes at once; others are reloaded by hand.
	maxListeners = 32
	// writePatience is how long a client may take to read an event, and beat how often one is written where nothing changes: by that, the
	// server notices that a client is gone.
	writePatience = 10 * time.Second
	beat          = 15 * time.Second
	// retryAfter is when a page asks again whose connection was lost, in milliseconds.
	retryAfter = 3000
)

// live sends the state of the page whenever it changes, as events.
func (p *Pages) live(w http.ResponseWriter, r *http.Request) {
	states, leave, ok := p.hub.join()
	if !ok {
		// Of another status, a page would not ask again.
		http.Error(w, "too many pages are open; reload this one to see changes", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	send := func(event string) error {
		if err := control.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
			return err
		}
		if _, err := w.Write([]byte(event)); err != nil {
			return err
		}
		return control.Flush()
	}
	if r.Method == http.MethodHead {
		return
	}
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	event := fmt.Sprintf("retry: %d\n\n", retryAfter)
	for {
		if send(event) != nil {
			return // The client is gone.
		}
		select {
		case <-r.Context().Done():
			return
		case <-p.hub.closed():
			return
		case state := <-states:
			event = "event: state\ndata: " + state.event() + "\n\n"
		case <-ticker.C:
			event = ": still here\n\n"
		}
	}
}
