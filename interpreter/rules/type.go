package rules

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// wrongType: values that are not of the type that their key wants.
func wrongType(c *Context) {
	for _, wrong := range c.Definition.WrongTypes {
		c.report(wrong.At, fmt.Sprintf("%s must be %s, not %s", wrong.What, wrong.Want, wrong.Value.Describe()), wrong.Hint)
	}
	if n := c.Definition.MaxParallel; n != nil {
		if value, _ := definition.Count(n); value > definition.MaxParallel {
			c.report(n.Position, fmt.Sprintf("max_parallel must be at most %d, not %d", definition.MaxParallel, value), "")
		}
	}
}
