package rules

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// runIfs: unknown values of `run_if`.
func runIfs(c *Context) {
	for _, task := range c.Tasks {
		if n := task.RunIf; n != nil && task.Parent != nil && !slices.Contains(definition.StepRunIfs(), n.Written) {
			c.report(n.Position, "run_if of a step must be success or done, not "+n.Describe(), "an item ends with the first step that fails, unless that step has continue_on_error")
			continue
		}
		if n := task.RunIf; n != nil && !slices.Contains(definition.RunIfs(), n.Written) {
			c.report(n.Position, "run_if must be success, done or always, not "+n.Describe(), c.Suggest(n.Written, definition.RunIfs()))
		}
	}
}
