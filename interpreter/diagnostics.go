package interpreter

import (
	"fmt"
	"slices"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
	"github.com/gleitzeit/gleitzeit/interpreter/rules"
)

// DiagnosticsError makes one error of the diagnostics of a workflow without a plan, for where only one can be returned. Its
// message has them all, a line each; notes are left out. Its code is WORKFLOW_CIRCULAR_DEPENDENCY where circular
// dependencies are the only errors.
func DiagnosticsError(diagnostics []definition.Diagnostic) *protocol.Error {
	code := protocol.WorkflowCircularDependency
	message := "the workflow has errors:"
	for _, d := range slices.DeleteFunc(slices.Clone(diagnostics), func(d definition.Diagnostic) bool { return d.Note }) {
		if d.Rule != rules.Cycle {
			code = protocol.WorkflowValidationFailed
		}
		message += "\n" + value.Visible(d.String())
	}
	return protocol.Errorf(code, "%s", message)
}

// TaskFailure is why the method of a task cannot be called, which was found outside of the workflow.
type TaskFailure struct {
	Task          int // Its number in the plan.
	Message, Hint string
}

// Places returns a function that says where a task of a workflow is defined, as `flow.yaml:3`; empty if the file has no task of the id. It
// reads the workflow when it is called first: most runs have no need to.
func Places(in Input) func(id string) string {
	read := sync.OnceValue(func() map[string]string {
		places := map[string]string{}
		parsed, _ := definition.Parse(in.File, in.Text)
		if parsed == nil {
			return places
		}
		for _, task := range resolve.Resolve(in.source(parsed)).Tasks {
			places[task.ID] = fmt.Sprintf("%s:%d", in.File, task.Place().Line)
		}
		return places
	})
	return func(id string) string { return read()[id] }
}

// AddFailures adds failures to the diagnostics of a workflow, at the methods of their tasks.
func AddFailures(in Input, found []definition.Diagnostic, failures []TaskFailure) []definition.Diagnostic {
	parsed, _ := definition.Parse(in.File, in.Text)
	if parsed == nil {
		return found
	}
	tasks := resolve.Resolve(in.source(parsed)).Tasks
	for _, failure := range failures {
		at := tasks[failure.Task].Place()
		if method := tasks[failure.Task].Task.Method; method != nil {
			at = method.Position
		}
		found = append(found, definition.Diagnostic{
			File: in.File, Line: at.Line, Column: at.Column, Rule: "method", Message: value.Visible(failure.Message), Hint: value.Visible(failure.Hint),
		})
	}
	return limited(in, found, false)
}
