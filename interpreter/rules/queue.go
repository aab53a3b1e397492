package rules

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/temporalname"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// queues: names that a Temporal task queue cannot have.
func queues(c *Context) {
	for _, one := range c.Definition.Defaults {
		checkQueue(c, one.Queue)
	}
	for _, task := range c.Tasks {
		checkQueue(c, task.Queue)
	}
}

func checkQueue(c *Context, n *definition.Node) {
	if n == nil {
		return
	}
	switch name := n.Written; {
	case name == "":
		c.report(n.Position, "queue is empty", "leave it out for the run's own queue")
	case strings.Contains(name, "${"):
		c.report(n.Position, "queue cannot contain a reference", "")
	case strings.HasPrefix(name, "/_sys/"):
		c.report(n.Position, "queue "+n.Describe()+" is reserved by Temporal", "")
	default:
		if problem := temporalname.Problem(name); problem != "" {
			c.report(n.Position, "queue "+definition.Quote(name)+" "+problem, temporalname.Hint(name))
		}
	}
}
