package rules

import (
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// unknownKey: keys that their mapping does not support. Suggestions cost much and are made for those that will be shown.
func unknownKey(c *Context) {
	problems := make([]resolve.Problem, len(c.Definition.UnknownKeys))
	for i, unknown := range c.Definition.UnknownKeys {
		hint := ""
		if i < definition.MaxDiagnostics {
			hint = c.Suggest(unknown.Key, unknown.Known)
		}
		problems[i] = resolve.Problem{At: unknown.At, Message: "unknown key " + definition.Quote(unknown.Key) + " in " + unknown.Where, Hint: hint}
	}
	c.reportAll(problems)
}
