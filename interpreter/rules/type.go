package rules

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// mostParallel is how many activities Temporal lets one workflow have in flight.
const mostParallel = 2000

// wrongType: values that are not of the type that their key wants.
func wrongType(c *Context) {
	for _, wrong := range c.Flow.Mistyped {
		c.report(wrong.At, fmt.Sprintf("%s must be %s, not %s", wrong.What, wrong.Want, wrong.Value.Describe()), wrong.Hint)
	}
	if n := c.Flow.MaxParallel; n != nil {
		if value, _ := definition.Count(n); value > mostParallel {
			c.report(n.Position, fmt.Sprintf("max_parallel must be at most %d, not %d", mostParallel, value), "")
		}
	}
}
