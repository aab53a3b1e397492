// Package interpreter turns a workflow file into a plan: it parses the YAML text, resolves what it means, checks that, and
// compiles what has no errors. It is pure: text and a file system go in, a plan or diagnostics come out, the same for the same input.
// It reads no clock, no environment and no network, knows no Temporal SDK and starts nothing.
package interpreter

import (
	"cmp"
	"io/fs"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
	"github.com/gleitzeit/gleitzeit/interpreter/rules"
)

// GivenInput is the value of an input as the command line has it: `--input name=text`.
type GivenInput = resolve.GivenInput

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
	Specs      []protocol.Spec // The available protocols.
	Inputs     []GivenInput    // In the order given; of two for one input the later counts.
	InputFiles []GivenFile     // As Inputs, which win over them.
	Elsewhere  []string        // Inputs of other workflows that get the same values: to give them is no mistake.
	AnyInputs  bool            // A required input that is not given has some value of its type: the plan is not run.
	Omit       []string        // Absolute paths of files that are never read as items: those that are written.
	Remote     bool            // The run executes on another machine: what is not here may be there.
}

// Compile returns the plan of a workflow, or the errors in it and in the files of inputs: those of each file together, the
// workflow's first, sorted by line, column and rule. Of more than definition.MaxDiagnostics of one file the last says how many
// are left out. The plan is nil where there is an error. Notes come with both.
func Compile(in Input) (*plan.Plan, []definition.Diagnostic) {
	parsed, found := definition.Parse(in.File, in.Text)
	source := in.source(parsed)
	source.Given, source.Elsewhere, source.Placeholders = in.Inputs, in.Elsewhere, in.AnyInputs
	for _, file := range in.InputFiles {
		values, errors := definition.ParseValues(file.File, file.Text)
		if found = append(found, errors...); values == nil {
			source.Unread = true
			continue
		}
		source.Values = append(source.Values, values)
	}
	return compile(in, source, found)
}

// DeclaredInputs returns the names of the inputs that a workflow declares, as far as its file can be read.
func DeclaredInputs(file string, text []byte) (names []string) {
	parsed, _ := definition.Parse(file, text)
	if parsed == nil {
		return nil
	}
	for _, input := range parsed.Inputs {
		names = append(names, input.Name)
	}
	return names
}

// source is what resolving a parsed workflow needs, without values of inputs.
func (in Input) source(parsed *definition.Workflow) resolve.Source {
	return resolve.Source{
		File: in.File, Definition: parsed, Files: in.Files, Folder: in.Folder, FlowFolder: in.FlowFolder, Specs: in.Specs, Remote: in.Remote,
	}
}

// compile makes the plan of a parsed workflow. What parsing found is among the diagnostics.
func compile(in Input, source resolve.Source, found []definition.Diagnostic) (*plan.Plan, []definition.Diagnostic) {
	n := &nesting{path: []nestedFile{{in.File, in.Path}}, read: map[string]*readFile{}}
	return n.compile(in, source, found)
}

// compile is the same for a workflow that others may run. The diagnostics of the workflows that it runs follow its own.
func (n *nesting) compile(in Input, source resolve.Source, found []definition.Diagnostic) (*plan.Plan, []definition.Diagnostic) {
	if source.Definition == nil {
		return nil, limited(in, found, false)
	}
	if source.Definition.Beginning {
		return nil, limited(in, append(found, rules.CheckBeginning(resolve.Beginning(source))...), true)
	}
	var others []definition.Diagnostic
	source.Nested, others = n.within(in, source.Definition)
	resolved := resolve.Resolve(source)
	found = append(found, rules.Check(resolved)...)
	invalid := slices.ContainsFunc(found, isError) || slices.ContainsFunc(others, isError)
	found = append(limited(in, found, false), others...)
	if invalid {
		return nil, found
	}
	built := build(in, resolved)
	if tooLong := n.checkIDs(in, resolved, built); tooLong != nil {
		return nil, append(found, *tooLong)
	}
	return built, found
}

// limited sorts the diagnostics of each file, and leaves out those beyond the limit. Of a workflow of which only the beginning
// was read there may be more of them.
func limited(in Input, found []definition.Diagnostic, beginning bool) []definition.Diagnostic {
	files := []string{in.File}
	for _, given := range in.InputFiles {
		files = append(files, given.File)
	}
	slices.SortStableFunc(found, func(a, b definition.Diagnostic) int {
		return cmp.Compare(slices.Index(files, a.File), slices.Index(files, b.File))
	})
	var all []definition.Diagnostic
	for len(found) > 0 {
		file, end := found[0].File, len(found)
		if next := slices.IndexFunc(found, func(d definition.Diagnostic) bool { return d.File != file }); next > 0 {
			end = next
		}
		all = append(all, definition.Limited(definition.SortDiagnostics(found[:end:end]), beginning && file == in.File)...)
		found = found[end:]
	}
	return all
}

func isError(d definition.Diagnostic) bool { return !d.Note }
