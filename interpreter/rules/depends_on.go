package rules

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// dependsOn: dependencies on nothing, on the task itself, and on a name that several tasks have.
func dependsOn(c *Context) {
	for _, task := range c.Tasks {
		for _, word := range task.Dependencies {
			name := word.Written
			switch other, several := c.lookup(name); {
			case several != nil:
				c.report(word.Position, fmt.Sprintf("%s depends on %s, which is the name of %d tasks",
					task.label(), definition.Quote(name), len(several)), c.ids(several))
			case other < 0:
				c.report(word.Position, fmt.Sprintf("%s depends on %s, which is not defined", task.label(), definition.Quote(name)),
					c.suggest(name, c.words))
			case other == task.number:
				c.report(word.Position, task.label()+" depends on itself", "")
			}
		}
	}
}
