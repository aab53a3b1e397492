package protocol

// Written is a piece of an answer, as whoever executes the task hears it.
type Written struct {
	Run     string
	Task    string
	Item    *int // Its index, where the task runs once an item.
	Attempt int  // Temporal's, from 1: with each, the answer begins anew.
	Text    string
}

// Beat is what a task in flight tells by its heartbeats. It is small, whatever the answer's length.
type Beat struct {
	Message string `json:"message,omitempty"` // How far it has come: "120 tokens".
	Tail    string `json:"tail,omitempty"`    // The end of what its model has written.
	Written int    `json:"written,omitempty"` // Bytes of all that it has written.
}
