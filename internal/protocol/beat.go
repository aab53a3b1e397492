package protocol

// Heartbeat is what a task in flight tells by its heartbeats. It is small, whatever the answer's length.
type Heartbeat struct {
	Message string `json:"message,omitempty"` // How far it has come: "120 tokens".
	Tail    string `json:"tail,omitempty"`    // The end of what its model has written.
	Written int    `json:"written,omitempty"` // Bytes of all that it has written.
}
