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

// GivenFile is a file with values of inputs, in YAML or JSON.
type GivenFile struct {
	File string // As shown in messages.
	Text []byte
}

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
	InputFiles []GivenFile     // As Inputs, which win over them.
	Remote     bool            // The run executes on another machine: what is not here may be there.
}

// Compile returns the plan of a workflow, or every mistake in it and in the files of inputs: those of each file together,
// the workflow's first, sorted by line, column and rule. The plan is nil where there is any. Notes come beside both.
func Compile(in Input) (*plan.Plan, []definition.Diagnostic) {
	flow, found := definition.Parse(in.File, in.Text)
	subject := rules.Subject{
		File: in.File, Flow: flow, Files: in.Files, Folder: in.Folder, FlowFolder: in.FlowFolder, Specs: in.Specs, Given: in.Inputs, Elsewhere: in.Remote,
	}
	for _, file := range in.InputFiles {
		values, mistakes := definition.ParseValues(file.File, file.Text)
		if found = append(found, mistakes...); values == nil {
			subject.Unread = true
			continue
		}
		subject.Values = append(subject.Values, values)
	}
	if flow == nil {
		return nil, sorted(in, found)
	}
	checked := rules.Check(subject)
	if found = sorted(in, append(found, checked.Found...)); slices.ContainsFunc(found, isMistake) {
		return nil, found
	}
	return build(in, checked), found
}

// sorted sorts what was found, file by file.
func sorted(in Input, found []definition.Diagnostic) []definition.Diagnostic {
	var all []definition.Diagnostic
	told := map[string]bool{}
	sortOf := func(file string) {
		if told[file] {
			return
		}
		told[file] = true
		of := slices.DeleteFunc(slices.Clone(found), func(d definition.Diagnostic) bool { return d.File != file })
		all = append(all, definition.SortDiagnostics(of)...)
	}
	sortOf(in.File)
	for _, given := range in.InputFiles {
		sortOf(given.File)
	}
	return all
}

func isMistake(d definition.Diagnostic) bool { return !d.Note }
