package definition

import "github.com/gleitzeit/gleitzeit/internal/value"

// Workflow is what the file says. A key that is absent, without a value or of the wrong type is nil; what is wrong stands
// in Repeated, Unknown and Mistyped for the rules to report.
type Workflow struct {
	Root        *Node
	Name        *Node // Text.
	ID          *Node // Text.
	Description *Node // Text.
	Version     *Node // Text.
	Tags        []*Node
	Metadata    *Node // A mapping.
	Timeout     *Node // Text or a number.
	MaxParallel *Node // A count.
	FailFast    *Node // A boolean.
	Priority    *Node // Text or a number.
	Wait        *Node // A boolean.
	Providers   []*Node
	Defaults    []*Default // In the file's order.
	InputsNode  *Node
	Inputs      []*Input // In the file's order.
	TasksNode   *Node
	Tasks       []*Task // In the file's order.
	Outputs     []Output
	ToolServers []*ToolServer // In the file's order.

	Type         *Node // Text.
	Protocol     *Node // Text: of the template.
	BatchNode    *Node // A mapping.
	TemplateNode *Node // A mapping.
	Batch        *Task // The task that these make, which is Tasks[0]; nil where the file has none of them.

	Repeated []DuplicateKey
	Unknown  []UnknownKey
	Mistyped []WrongType

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

var workflowKeys = keys[Workflow]{
	{[]string{"name"}, text.required(), func(w *Workflow, n *Node) { w.Name = n },
		"What the workflow is called, and its runs after it."},
	{[]string{"id"}, runID, func(w *Workflow, n *Node) { w.ID = n },
		"A fixed id for its runs, of which only one can be open, instead of the name with a random end."},
	{[]string{"description"}, text, func(w *Workflow, n *Node) { w.Description = n },
		"What it is for, for people."},
	{[]string{"inputs"}, mapping.of("input", Fields, inputKeys), readInputs,
		"Values that a run is given, by name; `topic: tea` is short for `topic: {default: tea}`."},
	{[]string{"tasks"}, list.of("task", Elements, taskKeys), readTasks,
		"What is done: tasks, each of which starts when all that it waits for has completed."},
	{[]string{"outputs"}, mapping, readOutputs,
		"The result of the run: names, and values with references such as ${task.response}."},
	{[]string{"timeout"}, period, func(w *Workflow, n *Node) { w.Timeout = n },
		"How long the whole run may take."},
	{[]string{"max_parallel"}, parallel, func(w *Workflow, n *Node) { w.MaxParallel = n },
		"How many tasks and items are in flight at most; the default is 16."},
	{[]string{"fail_fast"}, boolean, func(w *Workflow, n *Node) { w.FailFast = n },
		"Whether the first task that fails ends the run: nothing more starts, and what runs is cancelled."},
	{[]string{"type"}, text.words([]string{BatchID}), func(w *Workflow, n *Node) { w.Type = n },
		"Says that the workflow is a batch, which `batch` and `template` say as well."},
	{[]string{"batch"}, mapping.of("batch", Itself, batchKeys), func(w *Workflow, n *Node) { w.BatchNode = n },
		"Which files a batch is about; `template` says what is done with each."},
	{[]string{"template"}, mapping.of("template", Itself, templateKeys), func(w *Workflow, n *Node) { w.TemplateNode = n },
		"What a batch does with each file: the keys of a task, and parameters of its method beside them."},
	{[]string{"protocol"}, text, func(w *Workflow, n *Node) { w.Protocol = n },
		"The protocol of the template's method."},
	{[]string{"mcp_servers"}, mapping.of("mcp_server", Fields, toolServerKeys), readToolServers,
		"MCP servers of the workflow, by name, where the settings of its workers allow that."},
	{[]string{"defaults"}, mapping.of("default", Fields, defaultKeys), readDefaults,
		"What tasks have that do not say otherwise, by the protocol or the method that they call: `llm/v1`, `llm/chat`."},
	{[]string{"priority"}, priority, func(w *Workflow, n *Node) { w.Priority = n },
		"The priority of the run among others, and of its tasks that name none."},
	{[]string{"wait_for_completion"}, boolean, func(w *Workflow, n *Node) { w.Wait = n },
		"Whether `gleitzeit submit` waits for the end of the run as with --wait, which wins over it."},
	{[]string{"providers"}, texts, readProviders,
		"Protocols that there must be, such as llm/v1, or the providers that serve them, such as ollama."},
	{[]string{"version"}, text, func(w *Workflow, n *Node) { w.Version = n },
		"Which version of the workflow this is, for people."},
	{[]string{"metadata"}, mapping, func(w *Workflow, n *Node) { w.Metadata = n },
		"Whatever else is to be known about the workflow, for people."},
	{[]string{"tags"}, texts, readTags,
		"Words to find the workflow by, for people."},
}

var inputKeys = keys[Input]{
	{[]string{"type"}, text.words(InputTypes()), func(i *Input, n *Node) { i.Type = n },
		"Of which type the value is; without it that of the default, and without that a string."},
	{[]string{"default"}, anything, func(i *Input, n *Node) { i.Default = n },
		"The value where none is given."},
	{[]string{"enum"}, list.as("a list of at least one value", `{"type": "array", "minItems": 1}`), func(i *Input, n *Node) { i.Enum = n },
		"The values that are allowed."},
	{[]string{"required"}, boolean, func(i *Input, n *Node) { i.Required = n },
		"Whether a run without it is refused; where there is a default, that counts and none is."},
	{[]string{"description"}, text, func(i *Input, n *Node) { i.Description = n },
		"What it is, for people."},
}

func readInputs(w *Workflow, n *Node) {
	w.InputsNode = n
	for _, field := range n.Fields {
		input := &Input{Name: field.Name, At: field.At}
		switch field.Value.Kind {
		case value.KindObject:
			read(w, field.Value, input, "an input", inputKeys)
		case value.KindNull:
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

func readProviders(w *Workflow, n *Node) { w.Providers = w.textsOf("providers", n) }

func readTags(w *Workflow, n *Node) { w.Tags = w.textsOf("tags", n) }
