package rules

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// afterAll is why nothing can wait for a task in `finally`.
const afterAll = "tasks in finally start when all others have ended"

// dependsOn: dependencies on nothing, on the task itself, on a name that several tasks have, and on tasks that start when all others
// have ended.
func dependsOn(c *Context) {
	for _, task := range c.Tasks {
		for _, word := range task.Dependencies {
			name := word.Written
			other, several := c.Names.Lookup(name)
			if message, hint := beyondScope(c, task, other, false); message != "" {
				c.report(word.Position, fmt.Sprintf("%s depends on %s, %s", task.Label(), definition.Quote(name), message), hint)
				continue
			}
			switch {
			case several != nil:
				c.report(word.Position, fmt.Sprintf("%s depends on %s, which is the name of %d tasks",
					task.Label(), definition.Quote(name), len(several)), useIDs(c, several))
			case other < 0:
				c.report(word.Position, fmt.Sprintf("%s depends on %s, which is not defined", task.Label(), definition.Quote(name)),
					c.Suggest(name, c.Names.Words))
			case c.Tasks[other].Finally && !task.Finally:
				c.report(word.Position, fmt.Sprintf("%s depends on %s, which is in finally", task.Label(), definition.Quote(name)), afterAll)
			case other == task.Number:
				c.report(word.Position, task.Label()+" depends on itself", "")
			}
		}
	}
}
