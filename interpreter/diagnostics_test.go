package interpreter_test

import (
	"fmt"
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

// TestDiagnosticsEnd: after 200 one line says how many more there are; errors are never hidden behind notes.
func TestDiagnosticsEnd(t *testing.T) {
	at := func(line int, rule string, note bool) definition.Diagnostic {
		return definition.Diagnostic{File: "flow.yaml", Line: line, Column: 1, Rule: rule, Message: fmt.Sprintf("number %d", line), Hint: "a hint", Note: note}
	}
	var notes, mixed []definition.Diagnostic
	for line := range 300 {
		notes = append(notes, at(line, "file", true))
		mixed = append(mixed, at(line, "file", line < 250))
	}
	exactly := definition.Limited(notes[:200:200], false)
	if len(exactly) != 200 || exactly[199].Message != "number 199" {
		t.Errorf("200 are %d, the last %s", len(exactly), exactly[len(exactly)-1])
	}
	shown := definition.Limited(notes, true)
	if last := shown[200]; len(shown) != 201 || !last.Note || last.String() != "flow.yaml:200:1: and at least 100 more [file]" {
		t.Errorf("300 notes are %d, the last %+v", len(shown), last)
	}
	shown = definition.Limited(mixed, false)
	if last := shown[200]; len(shown) != 201 || !last.Note || last.String() != "flow.yaml:150:1: and 100 more [file]" || shown[199].Line != 299 || shown[150].Line != 250 {
		t.Errorf("50 errors after 250 notes are %d, the last %+v", len(shown), last)
	}
	mixed[299].Rule, mixed = "type", append(mixed, mixed[:0]...)
	for line := range 200 {
		mixed = append(mixed, at(400+line, "type", false))
	}
	shown = definition.Limited(mixed, false)
	if last := shown[200]; last.Note || last.String() != "flow.yaml:0:1: and 300 more [limit]" || shown[0].Line != 250 {
		t.Errorf("250 errors after 250 notes end with %+v", last)
	}
}
