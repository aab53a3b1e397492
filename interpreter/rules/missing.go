package rules

import (
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// missing: what a workflow and a task cannot do without.
func missing(c *Context) {
	flow := c.Definition
	if c.foreign {
		return
	}
	tasks := flow.Root.Get("tasks")
	noName, noTasks := c.lacks(flow.Root, "name"), flow.Batch == nil && resolve.IsMissing(flow.Root, "batch") && tasks == nil && c.lacks(flow.Root, "tasks")
	if noName && !noTasks {
		c.report(flow.Root.Position, `required key "name" is missing`, "write name: TITLE")
	}
	switch {
	case noName && noTasks:
		c.report(flow.Root.Position, `required keys "name" and "tasks" are missing`, initWrites)
	case noTasks:
		c.report(flow.Root.Position, `required key "tasks" is missing`, "write "+firstTask)
	case tasks == nil || flow.Batch != nil:
	case tasks.Kind == value.KindNull || tasks.Kind == value.KindList && len(tasks.Elements) == 0:
		c.report(tasks.Position, `"tasks" must contain at least one task`, "write "+firstTask)
	}
	for _, task := range c.Tasks {
		if task.IsBatch {
			continue // The rule of batches checks it.
		}
		if task.Notice {
			notification(c, task)
			continue
		}
		if c.lacks(task.Node, "id") && c.lacks(task.Node, "name") {
			c.report(task.Node.Position, `a `+task.What()+` must have an "id" or a "name"`, "write id: NAME")
		}
		if task.StepsNode == nil && c.lacks(task.Node, "method") && c.lacks(task.Node, "workflow") {
			c.report(task.Node.Position, task.Label()+`: required key "method" is missing`, "write method: "+methodFor(task)+"; "+resolve.ListMethods)
		}
	}
}

// methodFor is the method that a task without one probably calls, to judge by its parameters.
func methodFor(task *resolve.Task) string {
	if task.Parameters != nil && (task.Parameters.Get("code") != nil || task.Parameters.Get("file") != nil) {
		return "python/execute"
	}
	return "llm/chat"
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
