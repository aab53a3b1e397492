package protocol

import "github.com/gleitzeit/gleitzeit/internal/value"

// OpenRequest is what a run has recorded of itself before its first task starts.
type OpenRequest struct {
	Run    RunInfo     `json:"run"`
	Queue  string      `json:"queue"`  // The Temporal task queue.
	Plan   value.Value `json:"plan"`   // The Plan as JSON.
	Values [][]byte    `json:"values"` // What Calls carry by Ref alone: large parameters and sources.
}

// CloseRequest is what a run has recorded of itself when nothing runs any more. It decides the run's outputs.
type CloseRequest struct {
	Run     RunInfo      `json:"run"`
	Queue   string       `json:"queue"`
	Plan    Ref          `json:"plan"`
	Status  Status       `json:"status"`
	Error   *Error       `json:"error,omitempty"`
	Usage   Usage        `json:"usage,omitzero"`
	Outputs value.Value  `json:"outputs"` // An object, with its references.
	Uses    []Binding    `json:"uses,omitempty"`
	Tasks   []ClosedTask `json:"tasks,omitempty"` // Tasks whose end no activity recorded in full: skipped, or cancelled before they began or for a failure.
}

// ClosedTask is the end of a task as the run saw it.
type ClosedTask struct {
	Task    string  `json:"task"`
	Method  string  `json:"method"`
	Outcome Outcome `json:"outcome"`
}

// CloseResponse is what closing a run found out.
type CloseResponse struct {
	Outputs Payload `json:"outputs,omitzero"`
	Error   *Error  `json:"error,omitempty"` // Of a run that lacks outputs: they fail one that had completed.
}
