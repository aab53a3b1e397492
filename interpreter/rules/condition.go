package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/condition"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// conditions: a `when` or an `until` with a syntax error or an unknown name, or whose result is neither true nor false.
func conditions(c *Context) {
	known := map[string][]condition.Error{} // Of texts: many tasks may ask the same.
	for _, task := range c.Tasks {
		if task.When != nil {
			checkCondition(c, known, task.When, task.Condition(), task.WhenTexts)
		}
		if task.Repeat != nil && task.Repeat.Until != nil {
			checkCondition(c, known, task.Repeat.Until, task.RepeatPlan().Until, task.UntilTexts)
		}
	}
}

func checkCondition(c *Context, known map[string][]condition.Error, at *definition.Node, text string, texts resolve.Texts) {
	if slices.ContainsFunc(texts, func(text resolve.Text) bool { return len(text.Errors) > 0 }) {
		return // The rule of references reports these.
	}
	errs, again := known[text]
	if !again {
		_, errs = condition.Compile(text)
		known[text] = errs
	}
	places := c.Definition.Locate(at)
	for _, problem := range errs {
		hint := problem.Hint
		if hint == "" && problem.Unknown != "" {
			hint = suggestName(c, problem)
		}
		if _, comment := c.Definition.Locate(at).Comment(); hint == "" && comment != "" {
			hint = "a # after a space begins a comment in YAML: put the condition in quotes"
		}
		c.report(places.At(problem.Offset), problem.Message, hint)
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
