package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/condition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// conditions: a `when` with a syntax error or an unknown name, or whose result is neither true nor false.
func conditions(c *Context) {
	known := map[string][]condition.Error{} // Of texts: many tasks may ask the same.
	for _, task := range c.Tasks {
		if task.When == nil || slices.ContainsFunc(task.WhenTexts, func(text resolve.Text) bool { return len(text.Errors) > 0 }) {
			continue // The rule of references reports these.
		}
		text := task.Condition()
		errs, again := known[text]
		if !again {
			_, errs = condition.Compile(text)
			known[text] = errs
		}
		places := c.Definition.Locate(task.When)
		for _, problem := range errs {
			hint := problem.Hint
			if hint == "" && problem.Unknown != "" {
				hint = suggestName(c, problem)
			}
			c.report(places.At(problem.Offset), problem.Message, hint)
		}
	}
}

// meant says what to write for a name that a condition does not have.
func suggestName(c *Context, problem condition.Error) string {
	name := problem.Unknown
	if problem.Called {
		if hint := c.Suggest(name, condition.Names()); hint != "" {
			return hint
		}
		return "available: " + strings.Join(condition.Names(), ", ")
	}
	if task, several := c.Names.Lookup(name); task >= 0 || several != nil || slices.Contains(resolve.FixedHeads(), name) {
		return "write ${" + name + "…}"
	}
	if name == "status" || name == "error" {
		return "write ${TASK." + name + "}, with the id of a task"
	}
	return "write values as ${…}, and text in quotes"
}
