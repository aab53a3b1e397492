package definition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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

// Problems in the parser's words.
const (
	cannotStart = "found character that cannot start any token"
	tabIndents  = "found a tab character that violates indentation"
	noComma     = "did not find expected ',' or ']'"
	noCommaMap  = "did not find expected ',' or '}'"
	noDash      = "did not find expected '-' indicator"
	noKey       = "did not find expected key"
	notClosed   = "found unexpected end of stream"
	noColon     = "could not find expected ':'"
)

// explain puts a problem of the YAML parser into words that help.
func explain(problem string) (rule, message, hint string) {
	switch problem {
	case "mapping values are not allowed in this context":
		return ruleSyntax, `":" cannot stand here`, `text that contains ": " goes in quotes; else look at the indentation`
	case cannotStart:
		return ruleSyntax, "no value can begin with this character", "text that begins so goes in quotes"
	case tabIndents, "found a tab character where an indentation space is expected":
		return ruleSyntax, "a tab indents this line", "use spaces"
	case noColon:
		return ruleSyntax, `a key without ":"`, `write "key: value", or look at the indentation`
	case noDash:
		return ruleSyntax, "this is no entry of the list above it", `begin it with "- ", or look at the indentation`
	case noKey:
		return ruleSyntax, "this does not belong to the mapping above it", "look at the indentation, and at quotes and brackets before it"
	case "did not find expected node content":
		return ruleSyntax, "a value is missing here", "look at the brackets and commas"
	case noComma:
		return ruleSyntax, `the list that begins here lacks a comma or its "]"`, ""
	case noCommaMap:
		return ruleSyntax, `the mapping that begins here lacks a comma or its "}"`, "text that begins with { goes in quotes"
	case notClosed:
		return ruleSyntax, "the quote that opens here is never closed", ""
	case "found unknown escape character":
		return ruleSyntax, `no such escape in double quotes`, `write \\ for a backslash, or use single quotes`
	case "block sequence entries are not allowed in this context":
		return ruleSyntax, `"- " cannot begin a list here`, "begin the list on a line of its own"
	}
	if name, isAnchor := strings.CutPrefix(problem, "unknown anchor '"); isAnchor {
		name = strings.TrimSuffix(name, "' referenced")
		return ruleSyntax, "the alias *" + Shorten(name) + " names no anchor before it", "text that begins with * goes in quotes"
	}
	if strings.HasPrefix(problem, "exceeded max depth of") {
		return ruleLimit, depthMessage, ""
	}
	return ruleSyntax, "not YAML: " + problem, ""
}
