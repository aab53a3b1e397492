// Package resolve works out what the keys of a workflow file mean: which task a name stands for, which method a task
// calls, what defaults add to it, what its references use, which files it names. It judges nothing: what cannot be
// resolved is a Problem, which a rule of package rules reports. It reads scripts and looks for files through the fs.FS that
// it is given and does no other I/O; its result depends on nothing but its input.
package resolve

import (
	"io/fs"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// Source is a parsed workflow file with all that its meaning depends on.
type Source struct {
	File       string // As shown in messages.
	Definition *definition.Workflow
	Files      fs.FS  // Rooted at "/"; nil where no file can be read.
	Folder     string // Absolute: where the run is started.
	FlowFolder string // Absolute: the workflow file's folder.
	Specs      []protocol.Spec
	Given      []GivenInput
	Elsewhere  []string             // Inputs of other workflows that get the same values.
	Values     []*definition.Values // Files that give inputs: of two for one input the later counts, and Given before both.
	Unread     bool                 // Another such file has errors: it may have inputs that are not given here.

	Arguments    *value.Value // An object, or null: what a program gives inputs, of their types, instead of Given and Values.
	Placeholders bool         // A required input that is not given gets some value of its type.

	Remote bool // The run executes on another machine: a file that is missing here is worth a note only.

	Nested map[*definition.Task]*Nested // The workflow files that tasks run.
}

// GivenInput is the value of an input as the command line has it.
type GivenInput struct {
	Name string
	Text string
}

// Problem is something that cannot be resolved. A rule makes a diagnostic of it.
type Problem struct {
	File    string // "" for the workflow's.
	At      definition.Position
	Message string
	Hint    string
}

// InputProblem is a Problem of a value that an input is given.
type InputProblem struct {
	Problem
	Typed string // What was typed, where the value is that of a flag; the place is that of the declaration.
}

// Workflow is a workflow file resolved. It is complete only where no rule finds an error.
type Workflow struct {
	Source
	Suggester
	Names       *Names
	Catalog     *Catalog
	Paths       *Paths
	Tasks       []*Task // As Definition.Tasks; behind them the steps of their items.
	Inputs      []Input // As Definition.Inputs.
	InputNames  []string
	InputErrors []InputProblem
	Outputs     []Texts // As Definition.Outputs.

	DefaultsTooLarge bool // The defaults add more to the tasks than a plan can hold.

	declared     map[string]bool           // InputNames.
	sizes        map[*definition.Node]size // Of values in defaults.
	added        size                      // By defaults, to all tasks.
	defaultTexts map[*definition.Node]bool // The texts in defaults; made when first needed.
}

// Resolve resolves a workflow file.
func Resolve(source Source) *Workflow {
	w := &Workflow{
		Source:    source,
		Suggester: newSuggester(),
		Paths:     newPaths(source),
		sizes:     map[*definition.Node]size{},
		declared:  map[string]bool{},
	}
	for _, input := range w.Definition.Inputs {
		w.InputNames = append(w.InputNames, input.Name)
		w.declared[input.Name] = true
	}
	for i, task := range w.Definition.Tasks {
		w.Tasks = append(w.Tasks, &Task{Task: task, Number: i, IsBatch: task == w.Definition.Batch})
	}
	addSteps(w)
	w.Names = newNames(w.Tasks)
	w.Catalog = newCatalog(source, w.Suggester)
	w.Inputs, w.InputErrors = w.inputs()
	for _, task := range w.Tasks {
		w.resolveTask(task)
	}
	for _, task := range w.Tasks {
		waitForSteps(w, task)
	}
	for _, output := range w.Definition.Outputs {
		w.Outputs = append(w.Outputs, TextsOf(output.Value, nil))
	}
	return w
}

// Beginning resolves nothing: of a file that passes a limit only the keys are known.
func Beginning(source Source) *Workflow { return &Workflow{Source: source, Suggester: newSuggester()} }

func (w *Workflow) resolveTask(task *Task) {
	if task.Nested = w.Nested[task.Task]; task.Workflow != nil {
		given := *task.Task
		given.Parameters = given.Inputs // What refers to other tasks, and what a call has.
		task.Task = &given
	}
	if task.Task.StepsNode == nil {
		task.Method, task.MethodError = w.Catalog.methodOf(task)
	}
	if task.Method != nil {
		task.inheritKeys()
		w.applyDefaults(task)
	}
	task.resolveFanOut()
	if task.Each != nil || task.Parent != nil {
		task.passItem(w.Names)
	}
	if task.Each != nil {
		task.EachTexts = eachTexts(task.Each)
	}
	task.WhenTexts = TextsOf(task.When, nil)
	if task.Repeat != nil {
		task.UntilTexts = TextsOf(task.Repeat.Until, nil)
	}
	task.Texts = TextsOf(task.callParameters(), task.Method.Code(task.Parameters))
	w.resolveCombine(task)
	task.Waits = w.Names.waits(task)
	if task.Each != nil {
		task.Items = readItems(w.Paths, task)
	}
	w.Paths.readSource(task)
	task.Files = w.Paths.filesOf(task)
}

// RetryPolicy returns the task's policy; nil where it has none of its own.
func (w *Workflow) RetryPolicy(task *Task) *protocol.Retry {
	if task.Task.Retry == nil {
		return nil
	}
	policy, _ := ReadRetry(task.Task.Retry, w.Suggester)
	return &policy
}

// InputValues are the inputs of the run with their values.
func (w *Workflow) InputValues() []value.Field {
	fields := make([]value.Field, 0, len(w.Inputs))
	for _, input := range w.Inputs {
		fields = append(fields, value.Field{Name: input.Name, Value: input.Value})
	}
	return fields
}

// PriorityKey returns the workflow's priority as Temporal's key.
func (w *Workflow) PriorityKey() int { return firstLevel(w.Definition.Priority) }

// PriorityOf returns the task's priority as Temporal's key: its own, else the workflow's.
func (w *Workflow) PriorityOf(task *Task) int {
	return firstLevel(task.Task.Priority, w.Definition.Priority)
}

// ToolServers are those of the workflow as plans have them.
func (w *Workflow) ToolServers() []protocol.ToolServer {
	var all []protocol.ToolServer
	for _, server := range w.Definition.ToolServers {
		all = append(all, ReadToolServer(server, w.FlowFolder))
	}
	return all
}
