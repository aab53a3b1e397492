package rules

import (
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// caches: tasks whose results cannot be taken from earlier calls: secrets among the parameters, whose results nobody else
// is to have, and methods of which every call counts.
func caches(c *Context) {
	told := map[*definition.Node]bool{}
	for _, task := range c.Tasks {
		n := task.Cache
		if n == nil || !n.Truth {
			continue
		}
		if task.method != nil && task.method.NoCache && !told[n] {
			told[n] = true
			c.report(n.Position, "every call of "+task.method.Name+" counts: its results cannot be cached", "remove cache")
		}
		for _, text := range task.Texts {
			if ref := secretIn(text); ref >= 0 && !told[text.Node] {
				told[text.Node] = true
				places := c.Flow.Locate(text.Node)
				c.report(places.At(text.References[ref].Offset),
					task.label()+" has cache: true, and a call with "+shown(text.References[ref])+" is never cached",
					"write cache: false, or remove it")
			}
		}
	}
}

// secretIn is the number of the first reference to the environment or a secret; -1 where there is none.
func secretIn(text Text) int {
	for i, ref := range text.References {
		if ref.Head == headEnv || ref.Head == headSecrets {
			return i
		}
	}
	return -1
}
