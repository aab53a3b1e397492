package rules

import (
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// forEach: what is to make a task run once an item and does not, and what stands there only for tasks that do.
func forEach(c *Context) {
	for _, task := range c.Tasks {
		if task.batch {
			continue
		}
		for _, mistake := range task.misfits {
			c.report(mistake.at, mistake.message, mistake.hint)
		}
		if task.Each == nil {
			c.checkOnce(task)
			continue
		}
		_, _, wrong, _ := c.readEach(task) // What is absent is the matter of the rule of files.
		for _, mistake := range wrong {
			c.report(mistake.at, mistake.message, mistake.hint)
		}
		if task.Each.Values != nil {
			c.checkValues(task)
		} else {
			c.checkDifference(task)
		}
	}
}

// checkOnce reports what means nothing for a task that runs once.
func (c *Context) checkOnce(task *Task) {
	if len(task.misfits) > 0 || task.method == nil || hasValue(task.Node, "for_each") {
		return // What it is meant to be, nobody knows.
	}
	for _, limit := range []struct {
		name string
		n    *definition.Node
	}{{"max_concurrent", task.MaxConcurrent}, {"max_failures", task.MaxFailures}} {
		if limit.n != nil {
			c.report(limit.n.Position, fmt.Sprintf("%s is for a task that runs once an item, and %s runs once", limit.name, task.label()), "give it items with for_each, or remove "+limit.name)
		}
	}
}

func hasValue(n *definition.Node, name string) bool {
	val := n.Get(name)
	return val != nil && val.Kind != value.KindNull
}

// checkValues reports what is no list of items.
func (c *Context) checkValues(task *Task) {
	n := task.Each.Values
	if n.Kind == value.KindList {
		if count := len(n.Elements); count > plan.MaxItems {
			c.report(n.Position, fmt.Sprintf("for_each has %d items, and %d is the limit of one task", count, plan.MaxItems), "divide them among several tasks")
		}
		return
	}
	for _, text := range task.EachTexts {
		if len(text.Mistakes) > 0 {
			return // Told by the rule of references.
		}
		if len(text.References) == 1 && text.References[0].Text == n.Text {
			c.checkInputList(n, text)
			c.checkNoItems(n, text)
			return
		}
	}
	c.report(n.Position, "for_each must be a list or one reference and nothing else, not "+n.Describe(), "write for_each: [a, b] or for_each: ${task.list}")
}

// checkInputList reports an input that is to give the items and is declared to be no list.
func (c *Context) checkInputList(n *definition.Node, text Text) {
	ref := text.References[0]
	if ref.Head != headInputs || len(ref.Steps) != 1 {
		return
	}
	for _, input := range c.Flow.Inputs {
		if input.Name != ref.Steps[0].Field {
			continue
		}
		name := impliedType(input)
		if input.Type != nil {
			name = input.Type.Written
		}
		if name != typeList && slices.Contains(definition.InputTypes(), name) {
			c.report(n.Position, fmt.Sprintf("for_each must be a list, and the input %s is %s", definition.Quote(input.Name), named(name)), "declare the input with type: list")
		}
	}
}

// checkNoItems reports a default that is no list. Beneath `[*]` it stands in for elements, which may be texts.
func (c *Context) checkNoItems(n *definition.Node, text Text) {
	ref := text.References[0]
	every := slices.ContainsFunc(ref.Steps, func(step reference.Step) bool { return step.Every })
	if ref.HasDefault && !every && !ref.HasEmptyListDefault() {
		c.report(n.Position, "for_each must be a list, and the default "+definition.Quote(ref.Default)+" is text", "write :-[] for no items")
	}
}
