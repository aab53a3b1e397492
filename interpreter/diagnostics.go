package interpreter

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
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
