package rules

import (
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// priorities: unknown priorities.
func priorities(c *Context) {
	checkPriority(c, c.Definition.Priority)
	for _, task := range c.Tasks {
		checkPriority(c, task.Task.Priority)
	}
}

func checkPriority(c *Context, n *definition.Node) {
	if n == nil {
		return
	}
	if _, known := resolve.PriorityLevel(n); !known {
		c.report(n.Position, "priority must be urgent, high, normal or low, or 1 (high), 2 (normal) or 3 (low), not "+n.Describe(),
			c.Suggest(n.Written, definition.Priorities()))
	}
}
