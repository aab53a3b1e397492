package rules

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// repeats: values of `repeat` that are missing or out of range, conditions that no round can change, and tasks that cannot be repeated.
func repeats(c *Context) {
	for _, task := range c.Tasks {
		repeat := task.Repeat
		if repeat == nil {
			continue
		}
		_, wrong := resolve.ReadRepeat(repeat, c.Suggester)
		c.reportAll(wrong)
		own := func(use resolve.Use) bool {
			return use.Task == task.Number || use.Task < 0 && use.Head == resolve.HeadRepeat
		}
		switch {
		case repeat.Until == nil && resolve.IsMissing(repeat.Node, "until"):
			c.report(repeat.Node.Position, task.Label()+`: required key "until" of repeat is missing`, "")
		case repeat.Until != nil && !slices.ContainsFunc(task.UntilTexts, func(text resolve.Text) bool { return len(text.Errors) > 0 }) && !slices.ContainsFunc(c.Names.Uses(task.UntilTexts), own):
			c.report(repeat.Until.Position, "until does not depend on the result of "+task.Label(), "write a condition such as ${"+example(task)+".result} == \"done\"")
		}
		if task.Each != nil {
			with := "for_each"
			if task.Each.Reduces {
				with = task.Method.Name
			}
			c.report(repeat.Node.Position, task.Label()+": repeat is not supported with "+with, "use it in a task without items, or poll within a script")
		}
		if n := ownCache(task); n != nil {
			c.report(n.Position, task.Label()+" has repeat, and its results cannot be cached", "remove cache")
		}
	}
}

func example(task *resolve.Task) string {
	if task.ID != "" {
		return task.ID
	}
	return "id"
}

// ownCache is the `cache: true` of a task itself; nil where there is none.
func ownCache(task *resolve.Task) *definition.Node {
	if n := task.Node.Get("cache"); n != nil && n.Truth {
		return n
	}
	return nil
}
