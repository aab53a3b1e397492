package interpreter

import (
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// Callable describes a workflow to a program that calls it with values.
type Callable struct {
	Name        string
	Description string
	Inputs      value.Value // The JSON Schema of the object that holds its inputs.
	Plan        *plan.Plan  // With placeholders for required inputs: to be looked at, not to be run.
}

// Describe checks a workflow whose inputs are not given yet. It ignores in.Inputs and in.InputFiles, and returns nil where
// there are errors.
func Describe(in Input) (*Callable, []definition.Diagnostic) {
	parsed, found := definition.Parse(in.File, in.Text)
	source := in.source(parsed)
	source.Placeholders = true
	compiled, found := compile(in, source, found)
	if compiled == nil {
		return nil, found
	}
	return &Callable{
		Name: compiled.Name, Description: compiled.Description, Inputs: resolve.InputSchema(parsed.Inputs), Plan: compiled,
	}, found
}

// CompileWith is Compile with inputs as programs have them: values is an object, or null, and each value must have the type
// of its input. It ignores in.Inputs and in.InputFiles.
func CompileWith(in Input, values value.Value) (*plan.Plan, []definition.Diagnostic) {
	parsed, found := definition.Parse(in.File, in.Text)
	source := in.source(parsed)
	source.Arguments = &values
	return compile(in, source, found)
}
