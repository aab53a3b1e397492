package rules

import (
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// caches: tasks whose results cannot be taken from earlier calls: secrets among the parameters, whose results are not
// for others, and methods whose results cannot be cached.
func caches(c *Context) {
	reported := map[*definition.Node]bool{}
	for _, task := range c.Tasks {
		n := task.Cache
		if n == nil || !n.Truth {
			continue
		}
		if task.Method != nil && task.Method.NoCache && !reported[n] {
			reported[n] = true
			c.report(n.Position, "results of "+task.Method.Name+" cannot be cached", "remove cache")
		}
		for _, text := range task.Texts {
			if ref := secretIn(text); ref >= 0 && !reported[text.Node] {
				reported[text.Node] = true
				places := c.Definition.Locate(text.Node)
				c.report(places.At(text.References[ref].Offset),
					task.Label()+" has cache: true, but a call with "+shown(text.References[ref])+" is never cached",
					"write cache: false, or remove it")
			}
		}
	}
}

// secretIn is the number of the first reference to the environment or a secret; -1 where there is none.
func secretIn(text resolve.Text) int {
	for i, ref := range text.References {
		if ref.Head == resolve.HeadEnv || ref.Head == resolve.HeadSecrets {
			return i
		}
	}
	return -1
}
