package definition

import "github.com/gleitzeit/gleitzeit/internal/protocol"

// Workflow is what the file says. A key that is absent, without a value or of the wrong type is nil; what is wrong stands
// in Repeated, Unknown and Mistyped for the rules to report.
type Workflow struct {
	Root        *Node
	Name        *Node // Text.
	ID          *Node // Text.
	Description *Node // Text.
	Timeout     *Node // Text or a number.
	MaxParallel *Node // A count.
	InputsNode  *Node
	Inputs      []*Input // In the file's order.
	TasksNode   *Node
	Tasks       []*Task // In the file's order.
	Outputs     []Output

	Type         *Node // Text.
	Protocol     *Node // Text: of the template.
	BatchNode    *Node // A mapping.
	TemplateNode *Node // A mapping.
	Batch        *Task // The task that these make, which is Tasks[0]; nil where the file has none of them.

	Repeated []Repeated
	Unknown  []Unknown
	Mistyped []Mistyped

	source *source
}

// Input is a value that a run is given. The short form `topic: tea` is an Input with a Default alone.
type Input struct {
	Name        string
	At          Position // Of the name.
	Type        *Node    // Text.
	Default     *Node    // Anything, null included.
	Enum        *Node    // A list.
	Required    *Node    // A boolean.
	Description *Node    // Text.
}

// Output is one of the run's own results: any value, with references.
type Output struct {
	Name  string
	At    Position // Of the name.
	Value *Node
}

var workflowKeys = []key[Workflow]{
	{[]string{"name"}, text, func(w *Workflow, n *Node) { w.Name = n }},
	{[]string{"id"}, text, func(w *Workflow, n *Node) { w.ID = n }},
	{[]string{"description"}, text, func(w *Workflow, n *Node) { w.Description = n }},
	{[]string{"inputs"}, mapping, readInputs},
	{[]string{"tasks"}, list, readTasks},
	{[]string{"outputs"}, mapping, readOutputs},
	{[]string{"timeout"}, elapsed, func(w *Workflow, n *Node) { w.Timeout = n }},
	{[]string{"max_parallel"}, count, func(w *Workflow, n *Node) { w.MaxParallel = n }},
	{[]string{"type"}, text, func(w *Workflow, n *Node) { w.Type = n }},
	{[]string{"batch"}, mapping, func(w *Workflow, n *Node) { w.BatchNode = n }},
	{[]string{"template"}, mapping, func(w *Workflow, n *Node) { w.TemplateNode = n }},
	{[]string{"protocol"}, text, func(w *Workflow, n *Node) { w.Protocol = n }},
	{[]string{"version"}, text, func(*Workflow, *Node) {}},
	{[]string{"metadata"}, anything, func(*Workflow, *Node) {}},
	{[]string{"tags"}, anything, func(*Workflow, *Node) {}},
}

var inputKeys = []key[Input]{
	{[]string{"type"}, text, func(i *Input, n *Node) { i.Type = n }},
	{[]string{"default"}, anything, func(i *Input, n *Node) { i.Default = n }},
	{[]string{"enum"}, list, func(i *Input, n *Node) { i.Enum = n }},
	{[]string{"required"}, boolean, func(i *Input, n *Node) { i.Required = n }},
	{[]string{"description"}, text, func(i *Input, n *Node) { i.Description = n }},
}

func readInputs(w *Workflow, n *Node) {
	w.InputsNode = n
	for _, field := range n.Fields {
		input := &Input{Name: field.Name, At: field.At}
		switch field.Value.Kind {
		case protocol.Object:
			read(w, field.Value, input, "an input", inputKeys)
		case protocol.Null:
		default:
			input.Default = field.Value
		}
		w.Inputs = append(w.Inputs, input)
	}
}

func readOutputs(w *Workflow, n *Node) {
	for _, field := range n.Fields {
		w.Outputs = append(w.Outputs, Output(field))
	}
}
