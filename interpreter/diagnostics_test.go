package interpreter_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

func TestDiagnosticsError(t *testing.T) {
	const (
		circle = "  - {id: a, method: free/any, dependencies: [b]}\n  - {id: b, method: free/any, dependencies: [a]}\n"
		gone   = "  - {id: c, method: free/any, dependencies: [gone]}\n"
	)
	for _, c := range []struct {
		tasks string
		code  protocol.Code
	}{
		{circle, protocol.WorkflowCircularDependency},
		{circle + gone, protocol.WorkflowValidationFailed},
		{gone, protocol.WorkflowValidationFailed},
	} {
		_, found := compile([]byte("name: x\ntasks:\n" + c.tasks))
		want := "the workflow has errors:"
		for _, d := range found {
			want += "\n" + d.String()
		}
		got := interpreter.DiagnosticsError(append(found, definition.Diagnostic{File: "flow.yaml", Message: "a note", Note: true}))
		if len(found) == 0 || got.Code != c.code || got.Message != want {
			t.Errorf("%s: got %s: %s", c.tasks, got.Name, got.Message)
		}
	}
}
