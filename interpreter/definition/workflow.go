package definition

import "github.com/gleitzeit/gleitzeit/internal/value"

// Workflow is what the file says. A key that is absent, without a value or of the wrong type is nil; what is wrong is
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
	Tasks       []*Task // In the file's order; at the end those of `finally`, then those that `on_end` makes.
	Outputs     []Output
	CleanUp     *Node         // Text or a number: its timeout.
	ToolServers []*ToolServer // In the file's order.

	Type         *Node // Text.
	Protocol     *Node // Text: of the template.
	BatchNode    *Node // A mapping.
	TemplateNode *Node // A mapping.
	Batch        *Task // The task that these make, which is Tasks[0]; nil where the file has none of them.

	DuplicateKeys []DuplicateKey
	UnknownKeys   []UnknownKey // In the file's order.
	WrongTypes    []WrongType

	Beginning bool // The file passes a limit, and this is what its first lines say: true only of the keys that they have.

	source  *source
	finally []*Task // Those of `finally`, while the keys are read,
	notices []*Task // and those that `on_end` makes.
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
	Short       bool     // The file has the default alone: topic: tea.
}

// Output is one of the run's own results: any value, with references.
type Output struct {
	Name  string
	At    Position // Of the name.
	Value *Node
}

var workflowKeys = keys[Workflow]{
	{[]string{"name"}, text.required(), func(w *Workflow, n *Node) { w.Name = n },
		"Name of the workflow, from which the ids of its runs are made."},
	{[]string{"id"}, runID, func(w *Workflow, n *Node) { w.ID = n },
		"Fixed id of its runs, instead of the name with a random suffix; only one run can be open at a time."},
	{[]string{"description"}, text, func(w *Workflow, n *Node) { w.Description = n },
		"Description for people."},
	{[]string{"inputs"}, mapping.of("input", Fields, inputKeys).hinting(inputsHint), readInputs,
		"Inputs of a run, by name; `topic: tea` is short for `topic: {default: tea}`."},
	{[]string{"tasks"}, list.of("task", Elements, taskKeys).hinting(tasksHint), readTasks,
		"Tasks; each starts when all its dependencies have completed."},
	{[]string{"finally"}, list.of("task", Elements, taskKeys).hinting(tasksHint), readFinally,
		"Tasks that run after all others have ended, whether the run succeeded, failed, timed out or was cancelled."},
	{[]string{"on_end"}, noticesList, readOnEnd,
		"Notifications that are sent after everything else, however the run ended."},
	{[]string{"cleanup_timeout"}, period, func(w *Workflow, n *Node) { w.CleanUp = n },
		"Timeout of the tasks in `finally` together and, in a run that is stopped, of those with `run_if: always`; the default is 60 s."},
	{[]string{"outputs"}, mapping.hinting(outputsHint), readOutputs,
		"Outputs of the run: names, and values with references such as ${task.response}."},
	{[]string{"timeout"}, period, func(w *Workflow, n *Node) { w.Timeout = n },
		"Timeout of the whole run."},
	{[]string{"max_parallel"}, parallel, func(w *Workflow, n *Node) { w.MaxParallel = n },
		"Maximum number of tasks and items in flight; the default is 16."},
	{[]string{"fail_fast"}, boolean, func(w *Workflow, n *Node) { w.FailFast = n },
		"Whether the first failed task ends the run: nothing more starts, and running tasks are cancelled."},
	{[]string{"type"}, text.words([]string{BatchID}), func(w *Workflow, n *Node) { w.Type = n },
		"Marks the workflow as a batch; optional beside `batch` and `template`."},
	{[]string{"batch"}, mapping.of("batch", Itself, batchKeys).hinting(batchHint), func(w *Workflow, n *Node) { w.BatchNode = n },
		"Files of a batch; `template` defines what to do with each."},
	{[]string{"template"}, mapping.of("template", Itself, templateKeys), func(w *Workflow, n *Node) { w.TemplateNode = n },
		"What a batch does with each file: keys of a task, and parameters of its method."},
	{[]string{"protocol"}, text, func(w *Workflow, n *Node) { w.Protocol = n },
		"Protocol of the template's method."},
	{[]string{"mcp_servers"}, mapping.of("mcp_server", Fields, toolServerKeys).hinting(toolServersHint), readToolServers,
		"MCP servers of the workflow, by name, if the settings of its workers allow them."},
	{[]string{"defaults"}, mapping.of("default", Fields, defaultKeys), readDefaults,
		"Defaults of tasks, by the protocol or the method that they call: `llm/v1`, `llm/chat`."},
	{[]string{"priority"}, priority, func(w *Workflow, n *Node) { w.Priority = n },
		"Priority of the run among others, and default priority of its tasks."},
	{[]string{"wait_for_completion"}, boolean, func(w *Workflow, n *Node) { w.Wait = n },
		"Whether `gleitzeit submit` waits for the end of the run; the flag --wait takes precedence."},
	{[]string{"providers"}, texts, readProviders,
		"Protocols, such as llm/v1, or providers, such as ollama, that the workflow requires."},
	{[]string{"version"}, text, func(w *Workflow, n *Node) { w.Version = n },
		"Version of the workflow, for people."},
	{[]string{"metadata"}, mapping, func(w *Workflow, n *Node) { w.Metadata = n },
		"Additional information about the workflow, for people."},
	{[]string{"tags"}, texts, readTags,
		"Tags of the workflow, for people."},
}

var inputKeys = keys[Input]{
	{[]string{"type"}, text.words(InputTypes()), func(i *Input, n *Node) { i.Type = n },
		"Type of the value; by default that of the default value, or string."},
	{[]string{"default"}, anything, func(i *Input, n *Node) { i.Default = n },
		"Value if none is given."},
	{[]string{"enum"}, list.as("a list of at least one value", `{"type": "array", "minItems": 1}`), func(i *Input, n *Node) { i.Enum = n },
		"List of allowed values."},
	{[]string{"required"}, boolean, func(i *Input, n *Node) { i.Required = n },
		"Whether a value must be given; ignored if there is a default."},
	{[]string{"description"}, text, func(i *Input, n *Node) { i.Description = n },
		"Description for people."},
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
			input.Default, input.Short = field.Value, true
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

// Default is what the tasks have that call a method, or any method of a protocol, and do not say otherwise. Keys that are
// absent are nil.
type Default struct {
	Name       string   // Of the protocol or the method: "llm/v1", "llm/chat".
	At         Position // Of the name.
	Node       *Node    // The mapping.
	Parameters *Node    // A mapping.
	Timeout    *Node    // Text or a number.
	Retry      *Retry
	Queue      *Node // Text.
	Cache      *Node // A boolean.
}

// defaultReader is a Default while its keys are read.
type defaultReader struct {
	Default
	flow *Workflow
}

var defaultKeys = keys[defaultReader]{
	{[]string{"parameters", "params"}, mapping, func(d *defaultReader, n *Node) { d.Parameters = n },
		"Parameters of every such task; those of the task take precedence."},
	{[]string{"timeout"}, period, func(d *defaultReader, n *Node) { d.Timeout = n },
		"Timeout of one attempt, not counting the wait for a slot."},
	{[]string{"retry"}, mapping.of("retry", Itself, retryKeys), func(d *defaultReader, n *Node) { d.Retry = d.flow.retry(n) },
		"Retry policy; keys in the retry of a task take precedence."},
	{[]string{"queue"}, queue, func(d *defaultReader, n *Node) { d.Queue = n },
		"Temporal task queue whose workers execute it, for submitted runs; the default is the queue of the run."},
	{[]string{"cache"}, boolean, func(d *defaultReader, n *Node) { d.Cache = n },
		"Whether to reuse the result of an earlier call with the same method, parameters and files."},
}

func readDefaults(w *Workflow, n *Node) {
	for _, field := range n.Fields {
		switch field.Value.Kind {
		case value.KindObject:
			reader := defaultReader{Default{Name: field.Name, At: field.At, Node: field.Value}, w}
			read(w, field.Value, &reader, "a default", defaultKeys)
			w.Defaults = append(w.Defaults, &reader.Default)
		case value.KindNull:
		default:
			w.addWrongType("defaults."+field.Name, mapping, field.Value)
		}
	}
}
