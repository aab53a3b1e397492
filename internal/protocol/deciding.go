package protocol

import (
	"strings"
	"unicode/utf8"
)

// The kinds of responses of local activities: a reader of a history tells them apart by the field kind.
const (
	DecidedKind  = "decided"
	ExpandedKind = "expanded"
	GatheredKind = "gathered"
)

// DecideRequest asks whether a task, or one of its items, is to run.
type DecideRequest struct {
	Run      RunInfo   `json:"run"`
	Task     string    `json:"task"`
	Method   string    `json:"method,omitempty"`
	Item     *int      `json:"item,omitempty"` // The index of the item, where it is asked for one.
	When     string    `json:"when"`           // The condition, with its references.
	Bindings []Binding `json:"bindings,omitempty"`
}

// DecideResponse is the answer. It names the task, so that who reads a history knows.
type DecideResponse struct {
	Kind   string `json:"kind,omitempty"` // DecidedKind; empty in histories of earlier versions.
	Holds  bool   `json:"holds"`
	Error  *Error `json:"error,omitempty"` // Why there is none.
	Task   string `json:"task,omitempty"`
	Method string `json:"method,omitempty"`
	Reason string `json:"reason,omitempty"` // Of a task that is not to run.
}

// longestReason is how much of a condition, in characters, the reason of a skip repeats.
const longestReason = 200

// ConditionFalseReason is why a task, or an item, was skipped.
func ConditionFalseReason(condition string) string {
	text := strings.Join(strings.Fields(condition), " ")
	if utf8.RuneCountInString(text) > longestReason {
		text = string([]rune(text)[:longestReason-1]) + "…"
	}
	return "its condition is false: " + text
}
