package definition

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Task is one task as the file has it. Keys that are absent are nil.
type Task struct {
	Node         *Node // The task's mapping.
	ID           *Node // Text.
	Name         *Node // Text.
	Description  *Node // Text.
	Tags         []*Node
	Metadata     *Node // A mapping.
	Protocol     *Node // Text.
	Method       *Node // Text.
	Parameters   *Node // A mapping.
	Workflow     *Node // Text: a workflow file that it runs, instead of a method.
	Inputs       *Node // A mapping: the inputs of that workflow.
	Dependencies []*Node
	Timeout      *Node // Text or a number.
	Retry        *Retry
	Priority     *Node   // Text or a number.
	Queue        *Node   // Text.
	Cache        *Node   // A boolean.
	Each         *FanOut // Nil where the task runs once.
	Split        *Split  // Nil where the file does not say how a document is split.
	Combine      *Node   // Text, true, or a mapping.

	When            *Node // Text, or a boolean.
	RunIf           *Node // Text.
	ContinueOnError *Node // A boolean.
	Finally         bool  // It is in `finally`.
	Notice          bool  // It is a notification in `on_end`, which is in `finally` too.

	Repeat *Repeat // Nil where it is done once.

	StepsNode   *Node   // A list; nil where its items have no steps.
	Steps       []*Task // What is done for each item.
	OutputsNode *Node   // A mapping.
	Outputs     []Output

	MaxConcurrent *Node // A count. A batch has it, and those below, in Each.
	MaxFailures   *Node // Text or a number.
	Chunk         *Node // A count, or `auto`.
	MaxTokens     *Node // A count.
}

// Retry is a task's retry policy as the file has it.
type Retry struct {
	MaxAttempts *Node // Text or a number, as all of them but Jitter.
	Backoff     *Node
	BaseDelay   *Node
	MaxDelay    *Node
	Jitter      *Node // A boolean.
	On          *Node // A text or a list, as NotOn.
	NotOn       *Node
	MaxElapsed  *Node // Text or a number.
}

var taskKeys = keys[taskReader]{
	{[]string{"id"}, id, func(t *taskReader, n *Node) { t.ID = n },
		"Name of the task in references and dependencies; by default it is made from the name."},
	{[]string{"name"}, text, func(t *taskReader, n *Node) { t.Name = n },
		"Display name of the task, any text; a task must have an id or a name."},
	{[]string{"description"}, text, func(t *taskReader, n *Node) { t.Description = n },
		"Description for people."},
	{[]string{"protocol"}, text, func(t *taskReader, n *Node) { t.Protocol = n },
		"Protocol of the method, which allows a short method name: `execute` for `python/execute`."},
	{[]string{"method"}, text, func(t *taskReader, n *Node) { t.Method = n },
		"Method that the task runs; required, unless it has `workflow` or `steps`."},
	{[]string{"parameters", "params"}, mapping.hinting(mappingHint("parameters")), func(t *taskReader, n *Node) { t.Parameters = n },
		"Parameters of the method; their values can contain references such as ${task.response}."},
	{[]string{"workflow"}, text, func(t *taskReader, n *Node) { t.Workflow = n },
		"Workflow file that the task runs instead of a method, relative to the folder of this one; its outputs are ${id.outputs}."},
	{[]string{"inputs"}, mapping, func(t *taskReader, n *Node) { t.Inputs = n },
		"Inputs of the workflow that the task runs; their values can contain references such as ${task.response}."},
	{[]string{"dependencies", "depends_on"}, list.as("a list of ids or names", textsSchema), readDependencies,
		"Tasks that must complete first; every task in a reference is a dependency, too."},
	{[]string{"timeout"}, period, func(t *taskReader, n *Node) { t.Timeout = n },
		"Timeout of one attempt, not counting the wait for a slot."},
	{[]string{"retry"}, retryMapping, readRetry,
		"Retry policy; by default transient errors get three attempts and other errors one."},
	{[]string{"priority"}, priority, func(t *taskReader, n *Node) { t.Priority = n },
		"Order in which tasks that are ready start."},
	{[]string{"when"}, condition, func(t *taskReader, n *Node) { t.When = n },
		"Condition, such as ${score.result} > 0.5; if it is false, the task is skipped. It is evaluated after run_if, and with for_each for each item."},
	{[]string{"run_if"}, text.words(RunIfs()), func(t *taskReader, n *Node) { t.RunIf = n },
		"How its dependencies must end: all completed (success, the default), completed or skipped by their own `when` (done), or in any way (always). A task with always runs even if the run is cancelled, times out or fails fast, within cleanup_timeout."},
	{[]string{"continue_on_error"}, boolean, func(t *taskReader, n *Node) { t.ContinueOnError = n },
		"Whether the run and dependent tasks continue after the task has failed; ${id.error.message} is the reason."},
	{[]string{"repeat"}, mapping.of("repeat", Itself, repeatKeys), readRepeat,
		"Condition until which the task is done again, with pauses: polling."},
	{[]string{"for_each"}, items.of("for_each", Itself, rowsKeys), readItems,
		"Items to run the task for, each with ${item} and ${index}: a list, a reference to one, or the rows of a table."},
	{[]string{"steps"}, stepsList, readSteps,
		"What is done for each item, instead of one method: tasks in the order of their dependencies, with references among them."},
	{[]string{"outputs"}, mapping, readStepOutputs,
		"Result of an item with steps: names, and values with references such as ${step.response}; by default it is the result of the last step."},
	{[]string{"max_concurrent"}, parallel, func(t *taskReader, n *Node) { t.MaxConcurrent = n },
		"Maximum number of its items in flight, within the max_parallel of the run."},
	{[]string{"max_failures"}, failures, func(t *taskReader, n *Node) { t.MaxFailures = n },
		"Number or percentage of its items that may fail before the rest is skipped and the task fails; by default all items run."},
	{[]string{"chunk"}, chunk, func(t *taskReader, n *Node) { t.Chunk = n },
		"Maximum number of its items that are done by one activity, one after the other; auto, the default, goes by how long they take."},
	{[]string{"max_tokens_total"}, count, func(t *taskReader, n *Node) { t.MaxTokens = n },
		"Number of tokens, read and written by models for all its items together, after which no further item starts and the task fails."},
	{[]string{"split"}, mapping.of("split", Itself, splitKeys), readSplit,
		"How a document that is too long is read: in chunks, one after the other, whose answers are combined."},
	{[]string{"combine"}, combine, func(t *taskReader, n *Node) { t.Combine = n },
		"How the answers about the chunks of a split document become one: a prompt for the same model, true for a prompt that fits most tasks, or a mapping with a method such as python/execute and its parameters."},
	{[]string{"queue"}, queue, func(t *taskReader, n *Node) { t.Queue = n },
		"Temporal task queue whose workers execute it, for submitted runs; the default is the queue of the run."},
	{[]string{"cache"}, boolean, func(t *taskReader, n *Node) { t.Cache = n },
		"Whether to reuse the result of an earlier call with the same method, parameters and files."},
	{[]string{"metadata"}, mapping, func(t *taskReader, n *Node) { t.Metadata = n },
		"Additional information about the task, for people."},
	{[]string{"tags"}, texts, func(t *taskReader, n *Node) { t.Tags = t.flow.textsOf("tags", n) },
		"Tags of the task, for people."},
}

// Split is how a document is split as the file has it.
type Split struct {
	Node    *Node
	Size    *Node // A count.
	Overlap *Node // A whole number.
	By      *Node // Text.
}

var splitKeys = keys[Split]{
	{[]string{"size"}, count, func(s *Split, n *Node) { s.Size = n },
		"Maximum number of tokens of a chunk; by default what fits into the model's context, if the document does not."},
	{[]string{"overlap"}, whole.as("a whole number of at least 0", `{"type": "integer", "minimum": 0}`), func(s *Split, n *Node) { s.Overlap = n },
		"Number of tokens at the end of a chunk that the next one begins with; the default is 0."},
	{[]string{"by"}, scalar.words(SplitBys()), func(s *Split, n *Node) { s.By = n },
		"Where chunks end if possible: at paragraphs (the default), headings, pages or lines."},
}

// combine is what becomes of the answers about chunks.
var combine = shape{
	want: "a prompt, true, or a mapping with a method",
	fits: func(n *Node) bool {
		return n.Kind == value.KindString || n.Kind == value.KindObject || n.Kind == value.KindBool && n.Truth
	},
	schema: `{"anyOf": [{"type": "string", "minLength": 1}, {"const": true}, {"type": "object", "anyOf": [{"required": ["method"]}, {"required": ["prompt"]}],
		"properties": {"method": {"type": "string"}, "prompt": {"type": "string"}, "parameters": {"type": ["object", "null"]}, "timeout": {"type": ["number", "string", "null"]}}}]}`,
}

func readSplit(t *taskReader, n *Node) {
	t.Split = &Split{Node: n}
	read(t.flow, n, t.Split, "split", splitKeys)
}

var retryMapping = mapping.of("retry", Itself, retryKeys).hinting(retryHint)

var retryKeys = keys[Retry]{
	{[]string{"max_attempts"}, attempts, func(r *Retry, n *Node) { r.MaxAttempts = n },
		"Maximum number of attempts, including the first; the default is 3."},
	{[]string{"backoff"}, scalar.words(Backoffs()), func(r *Retry, n *Node) { r.Backoff = n },
		"How the delay grows: doubled each time (exponential, the default), by base_delay each time (linear), or not at all (fixed)."},
	{[]string{"base_delay", "delay"}, elapsed, func(r *Retry, n *Node) { r.BaseDelay = n },
		"First delay; the default is 1 s."},
	{[]string{"max_delay"}, elapsed, func(r *Retry, n *Node) { r.MaxDelay = n },
		"Maximum delay; the default is 300 s."},
	{[]string{"jitter"}, boolean, func(r *Retry, n *Node) { r.Jitter = n },
		"Whether to shorten each delay at random, by up to half."},
	{[]string{"on"}, errorNames, func(r *Retry, n *Node) { r.On = n },
		"Names of the errors that are retried, such as PROVIDER_TIMEOUT; no other is."},
	{[]string{"not_on"}, errorNames, func(r *Retry, n *Node) { r.NotOn = n },
		"Names of errors that are not retried."},
	{[]string{"max_elapsed"}, period, func(r *Retry, n *Node) { r.MaxElapsed = n },
		"Limit of all attempts together, with the delays between them; by default there is none."},
}

// Repeat says until when a task is done again as the file has it.
type Repeat struct {
	Node     *Node
	Until    *Node // Text, or a boolean.
	Max      *Node // A count.
	Delay    *Node // Text or a number, as all below.
	Backoff  *Node
	MaxDelay *Node
}

// MaxRounds is how often a task can be done at most: every round has a record.
const MaxRounds = 100_000

var repeatKeys = keys[Repeat]{
	{[]string{"until"}, condition.required(), func(r *Repeat, n *Node) { r.Until = n },
		"Condition over the result of the task, such as ${poll.result.state} == \"done\"; when it is true, the task has completed."},
	{[]string{"max"}, rounds, func(r *Repeat, n *Node) { r.Max = n },
		"Maximum number of rounds, after which the task fails; the default is 100."},
	{[]string{"delay"}, elapsed, func(r *Repeat, n *Node) { r.Delay = n },
		"First pause between rounds; the default is 1 s."},
	{[]string{"backoff"}, scalar.words(Backoffs()), func(r *Repeat, n *Node) { r.Backoff = n },
		"How the pause grows: not at all (fixed, the default), by delay each time (linear), or doubled each time (exponential)."},
	{[]string{"max_delay"}, elapsed, func(r *Repeat, n *Node) { r.MaxDelay = n },
		"Maximum pause; the default is 300 s."},
}

func readRepeat(t *taskReader, n *Node) {
	t.Repeat = &Repeat{Node: n}
	read(t.flow, n, t.Repeat, "repeat", repeatKeys)
}

// taskReader is a task while its keys are read.
type taskReader struct {
	Task
	flow *Workflow
}

func readTasks(w *Workflow, n *Node) {
	w.TasksNode = n
	w.each("tasks", n, mapping, func(element *Node) {
		reader := taskReader{Task{Node: element}, w}
		read(w, element, &reader, "a task", taskKeys)
		w.Tasks = append(w.Tasks, &reader.Task)
	})
}

func readFinally(w *Workflow, n *Node) {
	w.each("finally", n, mapping, func(element *Node) {
		reader := taskReader{Task{Node: element, Finally: true}, w}
		read(w, element, &reader, "a task", taskKeys)
		w.finally = append(w.finally, &reader.Task)
	})
}

func readDependencies(t *taskReader, n *Node) {
	t.flow.each("dependencies", n, text, func(element *Node) { t.Dependencies = append(t.Dependencies, element) })
}

func readRetry(t *taskReader, n *Node) {
	t.Retry = t.flow.retry(n)
}

// MaxSteps is how many steps the items of a task can have: every call of one names the others.
const MaxSteps = 32

// stepsList takes the steps of items.
var stepsList = list.of("step", Elements, keysOfSteps{}).hinting(tasksHint)

// keysOfSteps is the table of the keys of a step, which is made of that of a task.
type keysOfSteps struct{}

func (keysOfSteps) listed() []Key { return stepKeys.listed() }

// notInSteps are the keys of a task that a step of its items cannot have.
var notInSteps = []string{"workflow", "inputs", "for_each", "repeat", "max_concurrent", "max_failures", "max_tokens_total", "chunk", "steps", "outputs"}

// stepKeys are the keys of a step of items: those of a task, without what makes a task with items.
var stepKeys keys[taskReader]

func init() {
	stepKeys = slices.DeleteFunc(slices.Clone(taskKeys), func(k key[taskReader]) bool { return slices.Contains(notInSteps, k.names[0]) })
	for i := range stepKeys {
		of := &stepKeys[i]
		switch of.names[0] {
		case "method":
			of.takes, of.about = of.takes.required(), "Method that the step runs."
		case "dependencies":
			of.about = "Steps before this one, and tasks, that must complete first; every one in a reference is a dependency, too."
		case "run_if":
			of.takes = text.words(StepRunIfs())
			of.about = "How the steps that it needs must end: all completed (success, the default), or completed or skipped by their own `when` (done)."
		case "continue_on_error":
			of.about = "Whether the next steps of the item run after this one has failed; ${id.error.message} is the reason."
		case "when":
			of.about = "Condition, such as ${score.result} > 0.5; if it is false, the step is skipped for the item."
		case "id":
			of.about = "Name of the step in references and dependencies, which no other step and no task has; by default it is made from the name."
		}
	}
}

// readSteps reads the steps of items.
func readSteps(t *taskReader, n *Node) {
	t.StepsNode = n
	t.flow.each("steps", n, mapping, func(element *Node) {
		reader := taskReader{Task{Node: element, Finally: t.Finally}, t.flow}
		read(t.flow, element, &reader, "a step", stepKeys)
		t.Steps = append(t.Steps, &reader.Task)
	})
}

// readStepOutputs reads what the steps of an item make its result.
func readStepOutputs(t *taskReader, n *Node) {
	t.OutputsNode = n
	for _, field := range n.Fields {
		t.Outputs = append(t.Outputs, Output(field))
	}
}

// isSteps reports whether what a template has under `steps` are steps, and no parameter of its method.
func isSteps(n *Node) bool {
	return n != nil && n.Kind == value.KindList && slices.ContainsFunc(n.Elements, func(element *Node) bool { return element.Kind == value.KindObject })
}
