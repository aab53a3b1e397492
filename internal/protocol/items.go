package protocol

import (
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Counts says how the items of a task ended.
type Counts struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Skipped   int `json:"skipped"`          // Never started, or cancelled.
	Cached    int `json:"cached,omitempty"` // Of those that succeeded, from an equal call of an earlier run.
}

// ExpandRequest asks for the items of a task that runs once an item: the elements of a list, or the files that are found now.
type ExpandRequest struct {
	Run       RunInfo      `json:"run"`
	Task      string       `json:"task"`
	Method    string       `json:"method"`
	Directory string       `json:"directory,omitempty"` // With its references. Either this or Files.
	Files     []string     `json:"files,omitempty"`     // With their references; a folder stands for the files in it.
	Values    *value.Value `json:"values,omitempty"`    // Instead of files: a list, or a text that leads to one, with their references.
	Pattern   string       `json:"pattern,omitempty"`   // Of files in folders; empty is all.
	Exclude   []string     `json:"exclude,omitempty"`   // Patterns of what is left out.
	Reads     []string     `json:"reads,omitempty"`     // Files and folders outside of the run's that may be looked at, absolute.
	Bindings  []Binding    `json:"bindings,omitempty"`
	Most      int          `json:"most"` // How many items there may be.

	When         string    `json:"when,omitempty"` // A condition, with its references, that is asked for each item.
	WhenBindings []Binding `json:"when_bindings,omitempty"`
}

// ExpandResponse are the items that were found, in their order. It names the task, so that who reads a history knows.
type ExpandResponse struct {
	Kind      string    `json:"kind,omitempty"` // ExpandedKind; empty in histories of earlier versions.
	Task      string    `json:"task,omitempty"`
	Method    string    `json:"method,omitempty"`
	Items     []string  `json:"items,omitempty"`  // Absolute paths; or else
	Values    []Item    `json:"values,omitempty"` // values.
	Ref       *Ref      `json:"ref,omitempty"`    // Where the store has the list of them.
	StartedAt time.Time `json:"started_at,omitzero"`
	Error     *Error    `json:"error,omitempty"` // Why there are none.

	Skipped []SkippedItem `json:"refused,omitempty"` // Items that are not to run, in their order.
	Reason  string        `json:"reason,omitempty"`  // Why those that have no error are not.
}

// SkippedItem is an item that is not to run: its condition is false, or, where there is an error, could not be decided.
type SkippedItem struct {
	Index int    `json:"index"`
	Error *Error `json:"error,omitempty"`
}

// MaxInlineItem is the size in bytes of the largest item (as JSON) that travels with what is said of it: about that of a
// Ref, so that the items of a task are never much in a history, whatever they are.
const MaxInlineItem = 256

// Item is a value that a task runs once for: it is in the list of the items, and where it is large, by its own Ref in the
// store too, so that no call must read the others.
type Item struct {
	Value Payload `json:"value"` // One of the two.
	Label string  `json:"label"` // What people may call it, as Brief does.
}

// GatherRequest asks for the result of a task whose items have ended.
type GatherRequest struct {
	Run       RunInfo   `json:"run"`
	Task      string    `json:"task"`
	Method    string    `json:"method"`
	Status    Status    `json:"status"` // Of the task, as the run decided.
	Error     *Error    `json:"error,omitempty"`
	Counts    Counts    `json:"counts"`
	Usage     Usage     `json:"usage,omitzero"` // Of all items.
	StartedAt time.Time `json:"started_at,omitzero"`
	Items     *Ref      `json:"items"`    // The list of the items.
	Paths     []string  `json:"paths"`    // The items, where they are files.
	Outcomes  []Outcome `json:"outcomes"` // How each of them ended.
}

// GatherResponse is how a task that ran once an item ended. It names the task, so that who reads a history knows.
type GatherResponse struct {
	Kind    string  `json:"kind,omitempty"` // GatheredKind; empty in histories of earlier versions.
	Task    string  `json:"task"`
	Method  string  `json:"method"`
	Outcome Outcome `json:"outcome"`
}
