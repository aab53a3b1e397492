package definition

import "strings"

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
