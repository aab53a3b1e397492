package definition

import (
	"cmp"
	"fmt"
	"slices"
)

// Diagnostic is one mistake in a workflow file, with its place, for people and for programs.
type Diagnostic struct {
	File    string `json:"-"` // As shown in messages: "flow.yaml", or "-" for standard input.
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Rule    string `json:"rule"` // The name of the check that found it: "depends-on".
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // What would be right, where that is known.
	Note    bool   `json:"note,omitempty"` // No mistake: something to know.
}

// String gives the line that people read: `flow.yaml:12:7: message; hint [rule]`.
func (d Diagnostic) String() string {
	text := fmt.Sprintf("%s:%d:%d: %s", d.File, d.Line, d.Column, d.Message)
	if d.Hint != "" {
		text += "; " + d.Hint
	}
	return text + " [" + d.Rule + "]"
}

// SortDiagnostics puts them in the order that they are shown in and drops those that say the same of the same place.
// A mapping that is used twice through an alias has each of its mistakes once. All are of one file.
func SortDiagnostics(diagnostics []Diagnostic) []Diagnostic {
	slices.SortFunc(diagnostics, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Hint, b.Hint),
		)
	})
	return slices.Compact(diagnostics)
}

// The rules that parsing itself applies.
const (
	ruleSyntax = "syntax"
	ruleLimit  = "limit"
	// ruleDuplicate is that of package rules too: here for files of values, which have no other rules.
	ruleDuplicate = "duplicate-key"
)
