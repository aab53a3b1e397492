package protocol

// Repeat says that a call is made again, with a pause, until a condition over its result holds. Each time is a round, which is an
// attempt of the same activity: Temporal waits, and the history of the run has nothing of it.
type Repeat struct {
	Until    string    `json:"until"` // The condition, with its references.
	Bindings []Binding `json:"bindings,omitempty"`
	Max      int       `json:"max"` // Rounds.
	Delay    Seconds   `json:"delay"`
	Backoff  Backoff   `json:"backoff"`
	MaxDelay Seconds   `json:"max_delay"`
}

// RepeatedType is the type of the error with which a round ends that another one follows.
const RepeatedType = "REPEATED"

// Pause returns how the pauses between rounds grow.
func (r *Repeat) Pause() *Retry {
	return &Retry{Backoff: r.Backoff, BaseDelay: r.Delay, MaxDelay: r.MaxDelay}
}
