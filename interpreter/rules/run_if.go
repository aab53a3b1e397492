package rules

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// runIfs: values of `run_if` that are none.
func runIfs(c *Context) {
	for _, task := range c.Tasks {
		if n := task.RunIf; n != nil && !slices.Contains(definition.RunIfs(), n.Written) {
			c.report(n.Position, "run_if must be success, done or always, not "+n.Describe(), c.suggest(n.Written, definition.RunIfs()))
		}
	}
}

// RunCondition returns the task's `run_if` as the plan has it: empty for the default.
func (t *Task) RunCondition() plan.RunIf {
	if t.RunIf == nil || t.RunIf.Written == definition.RunIfs()[0] {
		return ""
	}
	return plan.RunIf(t.RunIf.Written)
}
