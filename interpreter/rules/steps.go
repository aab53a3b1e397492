package rules

import (
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// stepsOfItems: steps of a task without items, keys that cannot stand beside steps, and steps that do the same for every item.
func stepsOfItems(c *Context) {
	for _, task := range c.Tasks {
		if n := task.OutputsNode; n != nil && task.StepsNode == nil {
			c.report(n.Position, task.Label()+" has outputs, which are those of steps", `remove it: other tasks refer to the result by the id, as in ${id.response}, and "outputs" of the workflow names results`)
		}
		if task.StepsNode != nil {
			checkSteps(c, task)
		}
	}
}

func checkSteps(c *Context, task *resolve.Task) {
	n := task.StepsNode
	switch {
	case len(n.Elements) == 0:
		c.report(n.Position, "steps is an empty list", "")
	case len(n.Elements) > definition.MaxSteps:
		c.report(n.Position, fmt.Sprintf("steps has %d steps, and the limit is %d", len(n.Elements), definition.MaxSteps), "use a task of its own for a part of them")
	}
	if task.Each == nil && len(task.FanOutErrors) == 0 && !hasValue(task.Node, "for_each") {
		c.report(n.Position, task.Label()+" has steps, which are for items, and has none", "add for_each, or list the steps in tasks of the workflow")
	}
	checkBesideSteps(c, task)
	for i, output := range task.Outputs {
		checkKeys(c, output.Value)
		if output.Name == "" {
			c.report(task.Outputs[i].At, "an output has an empty name", "")
		}
	}
	for i, step := range task.Parts {
		if last := i == len(task.Parts)-1; last && step.ContinueOnError != nil && step.ContinueOnError.Truth && len(task.Outputs) == 0 {
			c.report(step.ContinueOnError.Position, "the result of the last step is that of the item, so the item fails with it", "remove continue_on_error, or say with outputs what the result of an item is")
		}
		if step.Method != nil && step.Method.ReduceParameter != "" {
			c.report(step.Task.Method.Position, step.Label()+": "+step.Method.Name+" is not supported as a step", "make it a task that refers to the results of all items")
		}
		checkSameStep(c, task, step)
	}
}

// checkBesideSteps reports keys that a task cannot have beside steps.
func checkBesideSteps(c *Context, task *resolve.Task) {
	const hint = "put it into a step"
	for _, key := range []struct {
		name string
		n    *definition.Node
	}{{"method", task.Task.Method}, {"protocol", task.Protocol}, {"combine", task.Combine}, {"workflow", task.Workflow}} {
		if key.n != nil {
			c.report(key.n.Position, key.name+" and steps cannot both be given", hint)
		}
	}
	if task.Split != nil {
		c.report(task.Split.Node.Position, "split and steps cannot both be given", hint)
	}
	if task.Repeat != nil && task.Each == nil {
		c.report(task.Repeat.Node.Position, "repeat and steps cannot both be given", "")
	}
	if task.Parameters != nil {
		for _, field := range task.Parameters.Fields {
			if name := field.Name; isBatchKey(name) {
				c.report(field.At, definition.Quote(name)+" cannot be given beside steps", "put it under batch")
				continue
			}
			c.report(field.At, definition.Quote(field.Name)+" and steps cannot both be given", hint)
		}
	}
	if task.Each == nil {
		return
	}
	if n := task.Each.ModelsNode; n != nil {
		c.report(n.Position, "models is not supported with steps", "write model in the parameters of each step")
	}
	if n := task.Each.Requests; n != nil {
		c.report(n.Position, "requests is not supported with steps", "use rows: each line is an item, with ${item.body}")
	}
}

// checkSameStep reports a step that would do the same for each item.
func checkSameStep(c *Context, task, step *resolve.Task) {
	if step.Method == nil || step.Parameters == nil || task.Each == nil || task.Each.Values != nil || step.UsesItem() || step.UsesStep(c.Names) {
		return
	}
	if slices.ContainsFunc(step.Waits, func(other int) bool { return c.Tasks[other].Parent == task }) {
		return
	}
	c.report(step.Parameters.Position, step.Label()+" would make the same call for every item: no parameter refers to ${item} or to another step", "use ${item}")
}

// beyondScope says why a task cannot refer to another one, or depend on it, because one of them is a step; "" where nothing speaks
// against it. The outputs of a task can have the results of its steps.
func beyondScope(c *Context, task *resolve.Task, other int, outputs bool) (message, hint string) {
	if other < 0 {
		return "", ""
	}
	to := c.Tasks[other]
	switch {
	case to.Parent == nil && task != nil && task.Parent == to:
		return "whose items it is a step of", "use ${item}, or a step"
	case to.Parent == nil, task != nil && task.Parent == to.Parent, outputs && to.Parent == task:
		return "", ""
	}
	id := definition.Quote(to.Parent.ID)
	return "which is a step of the items of " + id, "use ${" + to.Parent.ID + ".results}, which has the results of all items"
}

// isBatchKey reports whether a batch has a key of the name.
func isBatchKey(name string) bool {
	for _, key := range definition.Language() {
		if key.Name() == "batch" {
			return slices.ContainsFunc(key.Keys, func(k definition.Key) bool { return k.Name() == name })
		}
	}
	return false
}
