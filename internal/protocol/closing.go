package protocol

import "github.com/gleitzeit/gleitzeit/internal/value"

// Opening is what a run has recorded of itself before its first task starts.
type Opening struct {
	Run    RunInfo     `json:"run"`
	Queue  string      `json:"queue"`  // The Temporal task queue.
	Plan   value.Value `json:"plan"`   // The Plan as JSON.
	Values [][]byte    `json:"values"` // What Calls carry by Ref alone: large parameters and sources.
}

// Closing is what a run has recorded of itself when nothing runs any more. It decides the run's outputs.
type Closing struct {
	Run     RunInfo        `json:"run"`
	Queue   string         `json:"queue"`
	Plan    Ref            `json:"plan"`
	Status  Status         `json:"status"`
	Error   *Error         `json:"error,omitempty"`
	Usage   Usage          `json:"usage,omitzero"`
	Outputs value.Value    `json:"outputs"` // An object, with its references.
	Uses    []Binding      `json:"uses,omitempty"`
	Tasks   []ClosingEntry `json:"tasks,omitempty"` // Tasks whose end no activity recorded in full: skipped, or cancelled before they began or for a failure.
}

// ClosingEntry is the end of a task as the run saw it.
type ClosingEntry struct {
	Task    string  `json:"task"`
	Method  string  `json:"method"`
	Outcome Outcome `json:"outcome"`
}

// Closed is what closing a run found out.
type Closed struct {
	Outputs Held   `json:"outputs,omitzero"`
	Error   *Error `json:"error,omitempty"` // Of a run that lacks outputs: they fail one that had completed.
}
