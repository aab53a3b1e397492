package rules

import (
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// missing: what a workflow and a task cannot do without.
func missing(c *Context) {
	flow := c.Definition
	if resolve.IsMissing(flow.Root, "name") {
		c.report(flow.Root.Position, "a workflow needs a name", "")
	}
	tasks := flow.Root.Get("tasks")
	switch {
	case flow.Batch != nil:
	case tasks == nil:
		c.report(flow.Root.Position, "a workflow needs tasks", "")
	case tasks.Kind == value.KindNull || tasks.Kind == value.KindList && len(tasks.Elements) == 0:
		c.report(tasks.Position, "a workflow needs at least one task", "")
	}
	for _, task := range c.Tasks {
		if task.IsBatch {
			continue // The rule of batches says what it lacks.
		}
		if resolve.IsMissing(task.Node, "id") && resolve.IsMissing(task.Node, "name") {
			c.report(task.Node.Position, "a task needs an id or a name", "")
		}
		if resolve.IsMissing(task.Node, "method") {
			c.report(task.Node.Position, task.Label()+" needs a method", "")
		}
	}
}
