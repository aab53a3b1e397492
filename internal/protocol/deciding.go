package protocol

// Deciding asks whether a task, or one of its items, is to run.
type Deciding struct {
	Run      RunInfo   `json:"run"`
	Task     string    `json:"task"`
	Item     *int      `json:"item,omitempty"` // The index of the item, where it is asked for one.
	When     string    `json:"when"`           // The condition, with its references.
	Bindings []Binding `json:"bindings,omitempty"`
}

// Decided is the answer.
type Decided struct {
	Holds bool   `json:"holds"`
	Error *Error `json:"error,omitempty"` // Why there is none.
}
