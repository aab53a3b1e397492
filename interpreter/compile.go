// Package interpreter turns a workflow file into a plan: it parses the YAML text, checks what it means, and compiles what
// has no mistakes. It is pure: text and a file system go in, a plan or diagnostics come out, the same for the same input.
// It reads no clock, no environment and no network, knows no Temporal SDK and starts nothing.
package interpreter

import (
	"io/fs"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/rules"
)

// GivenInput is the value of an input as the command line has it: `--input name=text`.
type GivenInput = rules.GivenInput

// Input is all that a plan depends on.
type Input struct {
	File       string // As shown in messages: "flow.yaml", or "-".
	Path       string // Absolute path of the file; "" for standard input.
	Text       []byte
	Files      fs.FS           // Rooted at "/": absolute paths without the leading slash. Script files are read through it.
	Folder     string          // Absolute: where the run is started.
	FlowFolder string          // Absolute: the workflow file's folder.
	Specs      []protocol.Spec // The protocols there are.
	Inputs     []GivenInput    // In the order given; of two for one input the later counts.
	Elsewhere  bool            // The run executes on another machine: what is not here may be there.
}

// Compile returns the plan of a workflow, or every mistake in it, sorted by line, column and rule: the plan is nil where
// there is any. Notes come beside both.
func Compile(in Input) (*plan.Plan, []definition.Diagnostic) {
	flow, found := definition.Parse(in.File, in.Text)
	if flow == nil {
		return nil, definition.SortDiagnostics(found)
	}
	checked := rules.Check(rules.Subject{
		File: in.File, Flow: flow, Files: in.Files, Folder: in.Folder, FlowFolder: in.FlowFolder, Specs: in.Specs, Given: in.Inputs, Elsewhere: in.Elsewhere,
	})
	if found = definition.SortDiagnostics(append(found, checked.Found...)); slices.ContainsFunc(found, isMistake) {
		return nil, found
	}
	return build(in, checked), found
}

func isMistake(d definition.Diagnostic) bool { return !d.Note }
