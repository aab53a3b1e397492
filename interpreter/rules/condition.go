package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/condition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// conditions: a `when` that is no expression, names what there is not, or can be neither true nor false.
func conditions(c *Context) {
	known := map[string][]condition.Error{} // Of texts: many tasks may ask the same.
	for _, task := range c.Tasks {
		if task.When == nil || slices.ContainsFunc(task.WhenTexts, func(text resolve.Text) bool { return len(text.Mistakes) > 0 }) {
			continue // What is no reference is another rule's.
		}
		text := task.Condition()
		mistakes, again := known[text]
		if !again {
			_, mistakes = condition.Compile(text)
			known[text] = mistakes
		}
		places := c.Definition.Locate(task.When)
		for _, mistake := range mistakes {
			hint := mistake.Hint
			if hint == "" && mistake.Unknown != "" {
				hint = meant(c, mistake)
			}
			c.report(places.At(mistake.Offset), mistake.Message, hint)
		}
	}
}

// meant says what to write for a name that a condition does not have.
func meant(c *Context, mistake condition.Error) string {
	name := mistake.Unknown
	if mistake.Called {
		if hint := c.Suggest(name, condition.Names()); hint != "" {
			return hint
		}
		return "there are " + strings.Join(condition.Names(), ", ")
	}
	if task, several := c.Names.Lookup(name); task >= 0 || several != nil || slices.Contains(resolve.FixedHeads(), name) {
		return "write ${" + name + "…}"
	}
	if name == "status" || name == "error" {
		return "write ${task." + name + "}, with the id of a task"
	}
	return "values are written ${…}, and texts in quotes"
}
