package rules

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// maxQueue is how long Temporal lets the name of a task queue be, in bytes.
const maxQueue = 1000

// queues: names that no Temporal task queue has.
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
		c.report(n.Position, "queue is empty", "leave it out for the run's own")
	case strings.Contains(name, "${"):
		c.report(n.Position, "queue cannot hold a reference", "")
	case len(name) > maxQueue:
		c.report(n.Position, fmt.Sprintf("queue has %d bytes, and %d is the limit", len(name), maxQueue), "")
	case strings.HasPrefix(name, "/_sys/"):
		c.report(n.Position, "queue "+n.Describe()+" is one of Temporal's own", "")
	case strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl):
		c.report(n.Position, "queue "+n.Describe()+" begins or ends with a space, or holds what cannot be seen", "")
	}
}
