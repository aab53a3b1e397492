package rules

import (
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// missing: what a workflow and a task cannot do without.
func missing(c *Context) {
	flow := c.Definition
	if resolve.IsMissing(flow.Root, "name") {
		c.report(flow.Root.Position, `required key "name" is missing`, "write name: TITLE")
	}
	tasks := flow.Root.Get("tasks")
	switch {
	case flow.Batch != nil:
	case tasks == nil:
		c.report(flow.Root.Position, `required key "tasks" is missing`, "write tasks: [{id: a, method: …}]")
	case tasks.Kind == value.KindNull || tasks.Kind == value.KindList && len(tasks.Elements) == 0:
		c.report(tasks.Position, `"tasks" must contain at least one task`, "write tasks: [{id: a, method: …}]")
	}
	for _, task := range c.Tasks {
		if task.IsBatch {
			continue // The rule of batches checks it.
		}
		if task.Notice {
			notification(c, task)
			continue
		}
		if resolve.IsMissing(task.Node, "id") && resolve.IsMissing(task.Node, "name") {
			c.report(task.Node.Position, `a `+task.What()+` must have an "id" or a "name"`, "write id: NAME")
		}
		if task.StepsNode == nil && resolve.IsMissing(task.Node, "method") && resolve.IsMissing(task.Node, "workflow") {
			c.report(task.Node.Position, task.Label()+`: required key "method" is missing`, "`gleitzeit methods` lists them")
		}
	}
}

// notification: what it sends, and by which way.
func notification(c *Context, task *resolve.Task) {
	webhook, command := resolve.IsMissing(task.Node, "webhook"), resolve.IsMissing(task.Node, "command")
	switch {
	case webhook && command:
		c.report(task.Node.Position, `a notification must have "webhook" or "command"`, "write webhook: URL, or command: [PROGRAM, ARGUMENT]")
	case !webhook && !command:
		c.report(task.Node.Position, "webhook and command cannot both be given", "write a notification for each")
	}
}
