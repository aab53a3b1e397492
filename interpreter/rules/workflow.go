package rules

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// notNested are the keys that a task cannot have beside `workflow`, with what to do instead.
var notNested = []struct{ key, hint string }{
	{"method", "a task runs either a method or a workflow"},
	{"protocol", "a task runs either a method or a workflow"},
	{"parameters", `write them under "inputs"`},
	{"params", `write them under "inputs"`},
	{"retry", "write it in the tasks of that workflow"},
	{"queue", "write it in the tasks of that workflow"},
	{"cache", "write it in the tasks of that workflow"},
	{"repeat", "write it in a task of that workflow"},
	{"split", "write it in the tasks of that workflow"},
	{"combine", "write it in the tasks of that workflow"},
	{"chunk", "each item is a workflow of its own"},
}

// nestedWorkflows: workflow files that tasks run and that cannot be read, inputs that do not fit them, and keys that do not belong together.
func nestedWorkflows(c *Context) {
	for _, task := range c.Tasks {
		if task.Workflow == nil {
			if n := task.Node.Get("inputs"); n != nil && n.Kind != value.KindNull && resolve.IsMissing(task.Node, "workflow") {
				c.report(n.Position, "inputs is only supported beside workflow", `write them under "parameters"`)
			}
			continue
		}
		for _, other := range notNested {
			if n := task.Node.Get(other.key); n != nil && n.Kind != value.KindNull && !(other.key == "cache" && n.Kind == value.KindBool && !n.Truth) {
				c.report(n.Position, task.Label()+": "+other.key+" is not supported with workflow", other.hint)
			}
		}
		if nested := task.Nested; nested != nil {
			if nested.Problem != nil {
				c.reportAll([]resolve.Problem{*nested.Problem})
			}
			if nested.Read {
				checkNestedInputs(c, task)
			}
		}
	}
}

// checkNestedInputs reports inputs that the workflow of a task does not have, does not get, or gets with another type.
func checkNestedInputs(c *Context, task *resolve.Task) {
	nested, given := task.Nested, map[string]bool{}
	at, names := task.Workflow.Position, make([]string, len(nested.Inputs))
	for i := range nested.Inputs {
		names[i] = nested.Inputs[i].Name
	}
	if task.Parameters != nil {
		at = task.Parameters.Position
		for _, field := range task.Parameters.Fields {
			input := nested.Input(field.Name)
			if input == nil {
				c.report(field.At, fmt.Sprintf("unknown input %s of %s", definition.Quote(field.Name), nested.File), c.Suggest(field.Name, names))
				continue
			}
			if field.Value.Kind == value.KindNull {
				continue // A key without a value counts as absent.
			}
			given[field.Name] = true
			if task.RefersTo(field.Value) {
				continue // Checked when the task starts.
			}
			literal, err := reference.Resolve(field.Value.Value(), &reference.Scope{})
			if err != nil {
				continue // Reported by the rule of references.
			}
			if problem := input.Problem(literal); problem != "" {
				c.report(field.Value.Position, fmt.Sprintf("input %s of %s %s", definition.Quote(field.Name), nested.File, problem), "")
			}
		}
	}
	for _, input := range nested.Inputs {
		if input.Required && !given[input.Name] {
			c.report(at, fmt.Sprintf("required input %s of %s is missing", definition.Quote(input.Name), nested.File), `write it under "inputs"`)
		}
	}
}
