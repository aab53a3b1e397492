package rules

import "github.com/gleitzeit/gleitzeit/interpreter/definition"

// unknownKey: keys that mean nothing where they stand.
func unknownKey(c *Context) {
	for _, unknown := range c.Definition.Unknown {
		c.report(unknown.At, definition.Quote(unknown.Key)+" is no key of "+unknown.Where, c.Suggest(unknown.Key, unknown.Known))
	}
}
