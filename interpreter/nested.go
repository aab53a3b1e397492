package interpreter

import (
	"fmt"
	"path"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// maxNested is how deep workflows can be within each other: the ids of their tasks are written after each other.
const maxNested = 8

// nesting reads the workflow files that tasks run, each once.
type nesting struct {
	path  []nestedFile // From the file of the run to the one that is read now.
	read  map[string]*readFile
	tasks int // Of all workflows that were read, as often as a task runs them.
}

// nestedFile is a workflow file: as messages show it, and its absolute path.
type nestedFile struct{ shown, place string }

// readFile is what became of a workflow file that tasks run.
type readFile struct {
	nested resolve.Nested
	tasks  int // That a plan of it has, with those of the workflows within.
}

// within returns the workflow files that the tasks of a workflow run, and the diagnostics of those that are read for the first time.
func (n *nesting) within(in Input, flow *definition.Workflow) (map[*definition.Task]*resolve.Nested, []definition.Diagnostic) {
	all := map[*definition.Task]*resolve.Nested{}
	var found []definition.Diagnostic
	for _, task := range flow.Tasks {
		if task.Workflow == nil || task.Workflow.Written == "" {
			continue
		}
		nested, more := n.open(in, task.Workflow)
		all[task] = nested
		found = append(found, more...)
	}
	return all, found
}

// open reads the workflow file that a task of another one runs.
func (n *nesting) open(in Input, at *definition.Node) (*resolve.Nested, []definition.Diagnostic) {
	name := at.Written
	fail := func(message, hint string) (*resolve.Nested, []definition.Diagnostic) {
		return &resolve.Nested{Problem: &resolve.Problem{At: at.Position, Message: message, Hint: hint}}, nil
	}
	if len(resolve.TextsOf(at, nil)) > 0 {
		return fail("workflow cannot contain a reference: the file is read when the run starts", "name the file")
	}
	place, text, problem := resolve.ReadWorkflow(in.source(nil), name)
	if problem != "" {
		return fail("workflow "+definition.Quote(name)+" "+problem, "")
	}
	file := in.nestedFile(name, place)
	if first := slices.IndexFunc(n.path, func(f nestedFile) bool { return f.place == place }); first >= 0 {
		nested := &resolve.Nested{File: file.shown, Place: place}
		for _, one := range n.path[first:] {
			nested.Circle = append(nested.Circle, one.shown)
		}
		nested.Circle = append(nested.Circle, n.path[first].shown)
		return nested, nil
	}
	if len(n.path) > maxNested {
		return fail(fmt.Sprintf("workflows can be at most %d deep within each other", maxNested), "")
	}
	known := n.read[place]
	var found []definition.Diagnostic
	if known == nil {
		known, found = n.compileFile(in, file, text)
		n.read[place] = known
	}
	if n.tasks += known.tasks; n.tasks > definition.MaxTasks {
		return fail(fmt.Sprintf("the workflows within each other have more than %d tasks together", definition.MaxTasks), "")
	}
	nested := known.nested
	return &nested, found
}

// compileFile compiles a workflow file that a task of another one runs.
func (n *nesting) compileFile(from Input, file nestedFile, text string) (*readFile, []definition.Diagnostic) {
	in := from.of(file, text)
	parsed, found := definition.Parse(in.File, in.Text)
	source := in.source(parsed)
	source.Placeholders = true // What they are is known when the task starts.
	n.path = append(n.path, file)
	before := n.tasks
	compiled, found := n.compile(in, source, found)
	n.path = n.path[:len(n.path)-1]
	read := &readFile{nested: resolve.Nested{File: file.shown, Place: file.place, Plan: compiled}, tasks: n.tasks - before}
	n.tasks = before
	if parsed == nil || parsed.Beginning {
		return read, found
	}
	read.tasks += len(parsed.Tasks)
	read.nested.Read = true
	read.nested.Inputs = resolve.DeclaredInputs(parsed.Inputs)
	for _, output := range parsed.Outputs {
		read.nested.Outputs = append(read.nested.Outputs, output.Name)
	}
	return read, found
}

// addNested adds to a plan the workflow that one of its tasks runs.
func addNested(p *plan.Plan, nested *resolve.Nested) {
	if slices.ContainsFunc(p.Workflows, func(w plan.Workflow) bool { return w.File == nested.Place }) {
		return
	}
	within := *nested.Plan
	within.ID, within.Wait, within.Inputs = "", false, value.Object() // They are those of runs of the file itself.
	p.Workflows = append(p.Workflows, plan.Workflow{File: nested.Place, Inputs: nested.Inputs, Plan: within})
}

// maxTaskID is the maximum length in bytes of the id of a task with those of the tasks that run its workflow: together with the id of the
// run it is the id of a workflow of Temporal.
const maxTaskID = 700

// checkIDs returns a diagnostic if the id of a task within the workflow of a run is too long.
func (n *nesting) checkIDs(in Input, from *resolve.Workflow, p *plan.Plan) *definition.Diagnostic {
	if len(n.path) > 1 || len(p.Workflows) == 0 {
		return nil
	}
	number := -1
	for _, task := range p.All() {
		if task.Within == "" {
			number++
		}
		if len(task.ID) <= maxTaskID {
			continue
		}
		at := from.Tasks[number].Place()
		return &definition.Diagnostic{
			File: in.File, Line: at.Line, Column: at.Column, Rule: "workflow",
			Message: fmt.Sprintf("the id of a task of its workflow has %d bytes with those of the tasks above it, and the limit is %d", len(task.ID), maxTaskID),
			Hint:    "use shorter ids",
		}
	}
	return nil
}

// nestedFile returns the file at a place that a workflow file names.
func (in Input) nestedFile(name, place string) nestedFile {
	if !path.IsAbs(name) && place == path.Join(in.FlowFolder, name) {
		return nestedFile{path.Join(path.Dir(in.File), name), place}
	}
	return nestedFile{place, place}
}

// of returns the input of the workflow in a file that another one names.
func (in Input) of(file nestedFile, text string) Input {
	in.File, in.Path, in.Text, in.FlowFolder = file.shown, file.place, []byte(text), path.Dir(file.place)
	in.Inputs, in.InputFiles = nil, nil
	return in
}
