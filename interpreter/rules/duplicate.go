package rules

import (
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// duplicateID: two tasks of one id.
func duplicateID(c *Context) {
	for _, task := range c.Tasks {
		first := c.Names.WithID(task.ID)
		if first == nil || first == task || first.IsBatch {
			continue
		}
		what, hint := "id "+definition.Quote(task.ID), "give one of them another id"
		if task.IDFromName || first.IDFromName {
			hint = "give both tasks an id"
		}
		if task.IDFromName {
			what = fmt.Sprintf("id %s, made from the name %s,", definition.Quote(task.ID), definition.Quote(task.Name))
		}
		c.report(task.Place(), fmt.Sprintf("duplicate %s: the task in line %d has it", strings.TrimSuffix(what, ","), first.Place().Line), hint)
	}
}

// duplicateKey: keys that come twice in one mapping, by the same name or by another one for the same thing.
func duplicateKey(c *Context) {
	for _, repeated := range c.Definition.DuplicateKeys {
		message := fmt.Sprintf("duplicate key %s, first given in line %d", definition.Quote(repeated.Key), repeated.First.Line)
		if repeated.Key != repeated.Canonical {
			message = fmt.Sprintf("duplicate key: %s is another name for %s, which is given in line %d",
				definition.Quote(repeated.Key), definition.Quote(repeated.Canonical), repeated.First.Line)
		}
		c.report(repeated.At, message, "")
	}
}
