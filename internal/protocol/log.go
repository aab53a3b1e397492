package protocol

import "time"

// CallLog is what an attempt has sent and what its script has printed, in the order of time, without secrets. Its size is limited.
type CallLog struct {
	StartedAt time.Time  `json:"started_at"` // Of the attempt: its record may have the start of the first one.
	Events    []LogEvent `json:"events"`
	Unsent    int        `json:"unsent,omitempty"`   // How many later requests are left out,
	Unprinted Unprinted  `json:"unprinted,omitzero"` // and how much of the beginning of what was printed.
}

// Unprinted is how many bytes of the beginning of each stream of a script are left out.
type Unprinted struct {
	Output int `json:"output,omitempty"`
	Stderr int `json:"stderr,omitempty"`
}

// Of returns the number of one stream.
func (u *Unprinted) Of(stderr bool) *int {
	if stderr {
		return &u.Stderr
	}
	return &u.Output
}

// LogEvent is a request, or some text of a script.
type LogEvent struct {
	At     time.Time `json:"at"`
	Sent   *Sent     `json:"sent,omitempty"`
	Stderr bool      `json:"stderr,omitempty"` // The stream of the text; else it is that of standard output.
	Text   string    `json:"text,omitempty"`
}

// Sent is a request to a server.
type Sent struct {
	Server   string        `json:"server,omitempty"`
	Model    string        `json:"model,omitempty"`
	Tool     string        `json:"tool,omitempty"`  // Of an MCP server.
	Again    int           `json:"again,omitempty"` // How many messages of the request before it has first. They are not repeated.
	Messages []SentMessage `json:"messages"`
}

// SentMessage is a message of a request.
type SentMessage struct {
	Role   string `json:"role"`             // "system", "user", "assistant" or "tool"; "text", "body", "arguments" or "recording" of other requests.
	Text   string `json:"text"`             // Of one that is too long, the beginning,
	Tail   string `json:"tail,omitempty"`   // and the end.
	Bytes  int    `json:"bytes,omitempty"`  // Of such a one as a whole.
	Images int    `json:"images,omitempty"` // How many it has.
}

// largestLogged is the size in bytes of the largest JSON of which a SentMessage has a part.
const largestLogged = 1 << 20

// SentMessageOf returns the message of a request that is JSON: of a large one, how large it is alone.
func SentMessageOf(role string, data []byte) SentMessage {
	if len(data) > largestLogged {
		return SentMessage{Role: role, Bytes: len(data)}
	}
	return SentMessage{Role: role, Text: string(data)}
}

const (
	// MaxLogSent and MaxItemLogSent are how many bytes of texts a CallLog has of what was sent, and MaxLogPrinted and MaxItemLogPrinted
	// of what was printed: by a task, or by an item, of which there are many.
	MaxLogSent, MaxItemLogSent       = 32 << 10, 16 << 10
	MaxLogPrinted, MaxItemLogPrinted = 64 << 10, 8 << 10
)
