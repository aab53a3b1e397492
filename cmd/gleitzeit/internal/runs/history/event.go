// Package history decodes Temporal's history of a run into events of its tasks and items. Its functions are pure: they
// read protobuf messages, know no engine, no client and no store, and are tested on recorded histories.
package history

import (
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Event is the start or the end of a task, or of one of its items.
type Event struct {
	Task    string
	Item    int // Its index, or protocol.NoItem.
	Method  string
	At      time.Time
	Outcome *protocol.Outcome // Nil for a start.

	Cancelling bool // The cancellation of the run was requested before.
}

// ended returns the event of an end.
func ended(task string, item int, method string, at time.Time, outcome protocol.Outcome) Event {
	return Event{Task: task, Item: item, Method: method, At: at, Outcome: &outcome}
}
