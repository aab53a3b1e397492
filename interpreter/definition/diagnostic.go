package definition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Diagnostic is one error in a workflow file, with its place, for people and for programs.
type Diagnostic struct {
	File    string `json:"-"` // As shown in messages: "flow.yaml", or "-" for standard input.
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Rule    string `json:"rule"` // The name of the check that found it: "depends-on".
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`  // What would be right, where that is known.
	Note    bool   `json:"note,omitempty"`  // No error: something to know.
	Typed   string `json:"typed,omitempty"` // What is wrong, where that is no part of the file: `--input cups=many`. The place is that of what it does not match.
}

// String gives the line that people read: `flow.yaml:12:7: message; hint [rule]`.
func (d Diagnostic) String() string {
	text := fmt.Sprintf("%s:%d:%d: %s", d.File, d.Line, d.Column, d.Message)
	if d.Typed != "" {
		text = fmt.Sprintf("%s: %s (%s:%d:%d)", d.Typed, d.Message, d.File, d.Line, d.Column)
	}
	if d.Hint != "" {
		text += "; " + d.Hint
	}
	return text + " [" + d.Rule + "]"
}

// SortDiagnostics puts them in the order that they are shown in and drops those that say the same of the same place.
// A mapping that is used twice through an alias has each of its errors once. All are of one file.
func SortDiagnostics(diagnostics []Diagnostic) []Diagnostic {
	slices.SortFunc(diagnostics, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Hint, b.Hint),
			cmp.Compare(a.Typed, b.Typed),
		)
	})
	return slices.Compact(diagnostics)
}

// Limited cuts the sorted diagnostics of one file after MaxDiagnostics; then one more says how many are left out, in the place
// of the first of these; of a file that was not read to its end they are at least as many. Notes are left out before errors.
func Limited(diagnostics []Diagnostic, unread bool) []Diagnostic {
	if len(diagnostics) <= MaxDiagnostics {
		return diagnostics
	}
	errors := 0
	for _, d := range diagnostics {
		if !d.Note {
			errors++
		}
	}
	errors = min(errors, MaxDiagnostics)
	notes := MaxDiagnostics - errors
	shown := make([]Diagnostic, 0, MaxDiagnostics+1)
	rest := Diagnostic{}
	for _, d := range diagnostics {
		left := &errors
		if d.Note {
			left = &notes
		}
		switch {
		case *left > 0:
			*left--
			shown = append(shown, d)
		case rest.Rule == "":
			rest = d
		default:
			rest.Note = rest.Note && d.Note
			if rest.Rule != d.Rule {
				rest.Rule = ruleLimit
			}
		}
	}
	count := "and %d more"
	if unread {
		count = "and at least %d more"
	}
	rest.Typed = ""
	rest.Message, rest.Hint = fmt.Sprintf(count, len(diagnostics)-MaxDiagnostics), ""
	return append(shown, rest)
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
	cannotStart   = "found character that cannot start any token"
	tabIndents    = "found a tab character that violates indentation"
	noComma       = "did not find expected ',' or ']'"
	noCommaMap    = "did not find expected ',' or '}'"
	noDash        = "did not find expected '-' indicator"
	noKey         = "did not find expected key"
	notClosed     = "found unexpected end of stream"
	noColon       = "could not find expected ':'"
	noColonHere   = "mapping values are not allowed in this context"
	noValue       = "did not find expected node content"
	halfEscape    = "found invalid Unicode character escape code"
	unknownAnchor = "unknown anchor '"
	tooDeep       = "exceeded max depth of"
	// Of this package.
	noSubstitute = "no substitute for a line break of YAML 1.1"
)

// explain puts a problem of the YAML parser into words that help.
func explain(problem string) (rule, message, hint string) {
	switch problem {
	case noColonHere:
		return ruleSyntax, `unexpected ":"`, `put text that contains ": " in quotes, or check the indentation`
	case cannotStart:
		return ruleSyntax, "a value cannot begin like this", "put the text in quotes"
	case tabIndents, "found a tab character where an indentation space is expected":
		return ruleSyntax, "a tab is used for indentation", "use spaces"
	case noColon:
		return ruleSyntax, `":" is missing after this key`, `write "key: value", or check the indentation`
	case noDash:
		return ruleSyntax, "expected another entry of the list above", `begin it with "- ", or check the indentation`
	case noKey:
		return ruleSyntax, "expected a key of the mapping above", "check the indentation, and quotes and brackets before this place"
	case noValue:
		return ruleSyntax, "a value is missing here", "check the brackets and commas"
	case noComma:
		return ruleSyntax, `a comma or "]" is missing in the list that begins here`, ""
	case noCommaMap:
		return ruleSyntax, `a comma or "}" is missing in the mapping that begins here`, "put text that begins with { in quotes"
	case notClosed:
		return ruleSyntax, "this quote is not closed", ""
	case "found unknown escape character":
		return ruleSyntax, `unknown escape sequence in double quotes`, `write \\ for a backslash, or use single quotes`
	case halfEscape:
		return ruleSyntax, "this escape sequence is not a character", `write the character itself, or \\ for a backslash`
	case noSubstitute:
		return ruleSyntax, "the file has too many different characters", "write U+0085, U+2028 and U+2029 as escapes in double quotes"
	case "block sequence entries are not allowed in this context":
		return ruleSyntax, `a list cannot begin here`, "begin the list on a line of its own"
	}
	if name, isAnchor := strings.CutPrefix(problem, unknownAnchor); isAnchor {
		name = strings.TrimSuffix(name, "' referenced")
		return ruleSyntax, "unknown alias *" + Shorten(name) + ": no anchor before it has this name", "put text that begins with * in quotes"
	}
	if strings.HasPrefix(problem, tooDeep) {
		return ruleLimit, depthMessage, ""
	}
	return ruleSyntax, "invalid YAML: " + problem, ""
}
