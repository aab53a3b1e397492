// Package logs is the command that shows what the tasks of a run have sent and printed, and how their attempts ended, in the order of
// time. It reads the records of the result store, page by page.
package logs

import (
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The kinds of Event, beside the statuses with which attempts end.
const (
	started = "started"
	sent    = "sent"
	output  = "output"
	asked   = "asked"
)

// Event is something that an attempt has done, as programs get it.
type Event struct {
	At      time.Time `json:"at"`
	Task    string    `json:"task"` // Of a step of items, with the step.
	Item    *int      `json:"item,omitempty"`
	Name    string    `json:"name,omitempty"` // Of the item.
	Attempt int       `json:"attempt,omitempty"`
	Round   int       `json:"round,omitempty"`
	Kind    string    `json:"event"`
	Method  string    `json:"method,omitempty"`

	Sent   *protocol.Sent `json:"sent,omitempty"`
	Unsent int            `json:"requests_left_out,omitempty"`
	Stream string         `json:"stream,omitempty"` // Of output: stdout or stderr.
	Text   string         `json:"text,omitempty"`   // What was printed, asked or answered.

	Result   *value.Value      `json:"result,omitempty"` // Where it is no text.
	Size     int64             `json:"result_bytes,omitempty"`
	Duration *protocol.Seconds `json:"duration,omitempty"`
	Usage    *view.Usage       `json:"usage,omitempty"`
	Cached   bool              `json:"cached,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Warning  string            `json:"warning,omitempty"`
	Error    *view.Error       `json:"error,omitempty"`

	tried bool // Of a request: its server may not have had it.
}

// Names of streams.
const (
	stdout = "stdout"
	stderr = "stderr"
)

func streamName(isStderr bool) string {
	if isStderr {
		return stderr
	}
	return stdout
}
