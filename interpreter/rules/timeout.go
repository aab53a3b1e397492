package rules

import (
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// timeouts: timeouts that are no durations, or none.
func timeouts(c *Context) {
	checkTimeout(c, c.Definition.Timeout)
	checkDuration(c, "cleanup_timeout", c.Definition.CleanUp)
	for _, one := range c.Definition.Defaults {
		checkTimeout(c, one.Timeout)
		for _, m := range c.Catalog.CalledBy(one, c.Tasks) {
			checkTimeout(c, m.TimeoutIn(one.Parameters))
		}
	}
	for _, task := range c.Tasks {
		checkTimeout(c, task.Task.Timeout)
		checkTimeout(c, task.TimeoutParameter())
	}
}

func checkTimeout(c *Context, n *definition.Node) { checkDuration(c, "timeout", n) }

func checkDuration(c *Context, key string, n *definition.Node) {
	if n == nil {
		return
	}
	switch seconds, problem := definition.Duration(n); {
	case problem != "":
		c.report(n.Position, key+" "+problem, definition.DurationHint(key, n))
	case seconds == 0:
		c.report(n.Position, key+" must be more than 0", "leave it out for the default")
	}
}
