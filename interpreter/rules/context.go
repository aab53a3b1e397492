package rules

import (
	"io/fs"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// Subject is what is checked.
type Subject struct {
	File       string // As shown in messages.
	Flow       *definition.Workflow
	Files      fs.FS  // Rooted at "/"; nil where no file can be read.
	Folder     string // Absolute: where the run is started.
	FlowFolder string // Absolute: the workflow file's folder.
	Specs      []protocol.Spec
	Given      []GivenInput
	Values     []*definition.Values // Files that give inputs: of two for one input the later counts, and Given before both.
	Unread     bool                 // Another such file has mistakes: what is not given may stand there.
	Elsewhere  bool                 // The run executes on another machine: a file that is not here is worth a note.
}

// GivenInput is the value of an input as the command line has it.
type GivenInput struct {
	Name string
	Text string
}

// Context is a workflow with what was found out about it.
type Context struct {
	Subject
	Tasks   []*Task // As Flow.Tasks.
	Inputs  []value.Field
	Outputs []Texts // As Flow.Outputs.
	Found   []definition.Diagnostic

	rule      string // The name of the rule that is being checked.
	byID      map[string]int
	byName    map[string][]int
	words     []string        // What tasks can be called by, in the file's order.
	allHeads  []string        // What references can begin with; made when first needed.
	declared  map[string]bool // Names of inputs.
	allInputs []string        // The same, in the file's order; made when first needed.
	methods   map[string]*method
	scripts   map[string]readScript
	files     map[string]foundFile

	sizes        map[*definition.Node]size // Of values in defaults.
	added        size                      // By defaults, to all tasks.
	overflow     bool                      // That was too much.
	defaultTexts map[*definition.Node]bool // The texts in defaults; made when first needed.

	budget int // Comparisons of letters that suggestions may still make.
}

// Task is a task with what was found out about it.
type Task struct {
	*definition.Task
	ID         string // "" where the file gives none.
	Name       string // As the file has it; "" where it has none.
	Method     *protocol.Method
	Waits      []int // The tasks that it names or refers to, itself left out, without repetition, in the file's order.
	Texts      Texts
	EachTexts  Texts // Of what says which items there are.
	WhenTexts  Texts // Of the condition.
	Source     *protocol.Script
	SourceName string // The parameter that Source was read for.

	number  int  // In the file, from 0.
	derived bool // The id is made from the name.
	method  *method
	batch   bool      // It is the task that the short form makes.
	images  bool      // Its items are images.
	misfits []finding // What is wrong with parameters that are to make it run once a file.

	inherited map[string]*definition.Default // Parameters that it has from defaults, by name.

	referring map[*definition.Node]bool // The nodes of Texts; made when first needed.
}

func resolve(subject Subject) *Context {
	c := &Context{
		Subject: subject,
		byID:    map[string]int{}, byName: map[string][]int{}, declared: map[string]bool{},
		methods: map[string]*method{}, scripts: map[string]readScript{}, files: map[string]foundFile{},
		sizes: map[*definition.Node]size{}, budget: 200_000_000,
	}
	for _, input := range c.Flow.Inputs {
		c.declared[input.Name] = true
	}
	for i, task := range c.Flow.Tasks {
		c.Tasks = append(c.Tasks, &Task{Task: task, number: i, batch: task == c.Flow.Batch})
	}
	c.nameTasks()
	c.listWords()
	for _, task := range c.Tasks {
		task.method, _ = c.methodOf(task)
		if task.method != nil {
			task.Method = &task.method.Method
			c.applyDefaults(task)
		}
		task.fanOut()
		if task.Each != nil {
			task.handOver()
			task.EachTexts = eachTexts(task.Each)
		}
		task.WhenTexts = textsOf(task.When, nil)
		task.Texts = textsOf(task.Parameters, task.code())
		task.Waits = c.waits(task)
	}
	for _, output := range c.Flow.Outputs {
		c.Outputs = append(c.Outputs, textsOf(output.Value, nil))
	}
	return c
}

// code returns the parameter that is program text; nil where there is none.
func (t *Task) code() *definition.Node {
	return codeIn(t.Parameters, t.method)
}

func codeIn(parameters *definition.Node, m *method) *definition.Node {
	if m == nil || m.CodeParameter == "" || parameters == nil {
		return nil
	}
	return parameters.Get(m.CodeParameter)
}

// report notes a mistake under the name of the rule that is being checked.
func (c *Context) report(at definition.Position, message, hint string) {
	c.reportIn(c.File, at, message, hint)
}

// reportIn is report for another file than that of the workflow.
func (c *Context) reportIn(file string, at definition.Position, message, hint string) {
	c.Found = append(c.Found, definition.Diagnostic{
		File: file, Line: at.Line, Column: at.Column, Rule: c.rule, Message: value.Visible(message), Hint: value.Visible(hint),
	})
}

// reportMissing notes a file or folder that is not there: a mistake, but where the run executes elsewhere.
func (c *Context) reportMissing(at definition.Position, message string) {
	if !c.Elsewhere {
		c.report(at, message, "")
		return
	}
	c.report(at, message, "the worker that gets the task looks again")
	c.Found[len(c.Found)-1].Note = true
}
