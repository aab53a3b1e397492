package rules

import (
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// missing: what a workflow and a task cannot do without.
func missing(c *Context) {
	flow := c.Flow
	if isMissing(flow.Root, "name") {
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
		if task.batch {
			continue // The rule of batches says what it lacks.
		}
		if isMissing(task.Node, "id") && isMissing(task.Node, "name") {
			c.report(task.Node.Position, "a task needs an id or a name", "")
		}
		if isMissing(task.Node, "method") {
			c.report(task.Node.Position, task.label()+" needs a method", "")
		}
	}
}

// isMissing tells whether a text is not there. One of the wrong type is, and another rule's.
func isMissing(n *definition.Node, name string) bool {
	val := n.Get(name)
	return val == nil || val.Kind == value.KindNull || val.Kind == value.KindString && val.Text == ""
}
