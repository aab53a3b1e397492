package rules

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// duplicateID: two tasks of one id.
func duplicateID(c *Context) {
	for i, task := range c.Tasks {
		first, has := c.byID[task.ID]
		if !has || first == i || c.Tasks[first].batch {
			continue
		}
		what, hint := "id "+definition.Quote(task.ID), ""
		if task.derived || c.Tasks[first].derived {
			hint = "give both an id of their own"
		}
		if task.derived {
			what = fmt.Sprintf("id %s, made from the name %s,", definition.Quote(task.ID), definition.Quote(task.Name))
		}
		c.report(task.place(), fmt.Sprintf("%s is that of the task in line %d already", what, c.Tasks[first].place().Line), hint)
	}
}
