package rules

import "github.com/gleitzeit/gleitzeit/interpreter/definition"

// unknownKey: keys that their mapping does not support.
func unknownKey(c *Context) {
	for _, unknown := range c.Definition.UnknownKeys {
		c.report(unknown.At, "unknown key "+definition.Quote(unknown.Key)+" in "+unknown.Where, c.Suggest(unknown.Key, unknown.Known))
	}
}
