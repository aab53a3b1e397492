package resolve

import (
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// Task is a task resolved. The keys of its definition include what the defaults of the workflow add.
type Task struct {
	*definition.Task
	Number      int     // Its place in the file, from 0.
	ID          string  // "" where the file gives none.
	Name        string  // As the file has it; "" where it has none.
	IDFromName  bool    // The id is made from the name.
	IsBatch     bool    // It is the task that the short form of a batch makes.
	Method      *Method // nil where it is unknown.
	MethodError *Problem
	Nested      *Nested // The workflow file that it runs; nil where there is none, or nothing is known of it.
	Waits       []int   // The tasks that it names or refers to, itself left out, without repetition, in the file's order.
	Texts       Texts
	EachTexts   Texts // Of what says which items there are.
	WhenTexts   Texts // Of the condition.
	UntilTexts  Texts // Of the condition of `repeat`, in which the task refers to its own result.

	Inherited map[string]*definition.Default // Parameters that it has from defaults, by name.

	Source       *protocol.Script
	SourceName   string // The parameter that Source was read for.
	SourceErrors []Problem
	Files        []NamedFile // Those that it names in parameters.

	CombinePrompt *definition.Node // For the model that combines answers about chunks; true is a default, nil none.
	CombineCall   *Task            // The call that combines them instead; nil if there is none. It has no tasks of its own to wait for.

	Parent      *Task   // The task of whose items it is a step; nil: it is a task itself.
	Parts       []*Task // The steps of its items, in the file's order.
	OutputTexts Texts   // Of what its steps make the result of an item.

	Items        Items // What it runs for, where Each is not nil.
	FanOutErrors []Problem
	images       bool // Its items are images.

	referring map[*definition.Node]bool // The nodes of Texts; made when first needed.
}

// What says whether it is a task or a step of items.
func (t *Task) What() string {
	if t.Parent != nil {
		return "step"
	}
	return "task"
}

// Label names the task in a message.
func (t *Task) Label() string {
	what, number := t.What()+" ", t.Number
	if t.Parent != nil {
		number = slices.Index(t.Parent.Parts, t)
	}
	switch {
	case t.Name != "" && (t.ID == "" || t.IDFromName):
		return what + definition.Quote(t.Name)
	case t.ID != "":
		return what + definition.Quote(t.ID)
	}
	return fmt.Sprintf("%s%d", what, number+1)
}

// Place is where the task's id is, else its name, else the task itself.
func (t *Task) Place() definition.Position {
	switch {
	case t.Task.ID != nil:
		return t.Task.ID.Position
	case t.Task.Name != nil:
		return t.Task.Name.Position
	}
	return t.Node.Position
}

// HasParameters reports whether the file gives the task parameters, of the right type or not.
func (t *Task) HasParameters() bool {
	for _, name := range []string{"parameters", "params"} {
		if given := t.Node.Get(name); given != nil && given.Kind != value.KindNull {
			return true
		}
	}
	return false
}

// SplitEachTexts returns the texts that say which items there are, and those that say what the key of an element is.
func (t *Task) SplitEachTexts() (lists, keys Texts) {
	for _, text := range t.EachTexts {
		if t.Each != nil && t.Each.GroupBy != nil && text.Node == t.Each.GroupBy {
			keys = append(keys, text)
		} else {
			lists = append(lists, text)
		}
	}
	return lists, keys
}

// RefersTo reports whether a value holds, anywhere in it, what looks like a reference.
func (t *Task) RefersTo(n *definition.Node) bool {
	if t.referring == nil {
		t.referring = make(map[*definition.Node]bool, len(t.Texts))
		for _, texts := range []Texts{t.Texts, t.EachTexts} {
			for _, text := range texts {
				t.referring[text.Node] = true
			}
		}
	}
	found := false
	n.Strings(func(text *definition.Node) { found = found || t.referring[text] })
	return found
}

// MethodParameters returns what the method gets: all parameters but the file whose text is in Source and the timeout that
// is the task's.
func (t *Task) MethodParameters() value.Value {
	fields := []value.Field{}
	if t.Parameters != nil {
		for _, field := range t.callParameters().Fields {
			if t.Source != nil && field.Name == t.SourceName || field.Name == ParameterTimeout && t.TimeoutParameter() != nil {
				continue
			}
			fields = append(fields, value.Field{Name: field.Name, Value: field.Value.Value()})
		}
	}
	return value.Object(fields...)
}

// Reads returns the files that the task names outside of the workflow's folder and that of the run, or behind a link:
// absolute, without repetition, in the file's order.
func (t *Task) Reads() []string {
	var reads []string
	for _, file := range t.Files {
		if file.outside && !slices.Contains(reads, file.Place) {
			reads = append(reads, file.Place)
		}
	}
	return reads
}
