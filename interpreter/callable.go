package interpreter

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/rules"
)

// Callable is what a workflow says of itself to a program that calls it with values.
type Callable struct {
	Name        string
	Description string
	Inputs      value.Value // The JSON Schema of the object that holds its inputs.
	Plan        *plan.Plan  // With some value for each input that must be given: it is to be looked at, not to be run.
}

// Describe checks a workflow for inputs that are not given yet: in.Inputs is not looked at. Nil where it has mistakes.
func Describe(in Input) (*Callable, []definition.Diagnostic) {
	flow, found := definition.Parse(in.File, in.Text)
	if flow == nil {
		return nil, definition.SortDiagnostics(found)
	}
	in.Inputs = rules.Fitting(flow.Inputs)
	compiled, found := Compile(in)
	if compiled == nil {
		return nil, found
	}
	return &Callable{
		Name: compiled.Name, Description: compiled.Description, Inputs: rules.InputSchema(flow.Inputs), Plan: compiled,
	}, found
}

// CompileWith is Compile with inputs as programs have them: values is an object, or null, and each value must be of its
// input's type. in.Inputs is not looked at.
func CompileWith(in Input, values value.Value) (*plan.Plan, []definition.Diagnostic) {
	flow, found := definition.Parse(in.File, in.Text)
	if flow == nil {
		return nil, definition.SortDiagnostics(found)
	}
	given, mistakes := rules.Given(in.File, flow.Inputs, values)
	in.Inputs = given
	compiled, found := Compile(in)
	if len(mistakes) > 0 {
		return nil, definition.SortDiagnostics(append(slices.Clone(found), mistakes...))
	}
	return compiled, found
}
