package definition

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
	Dependencies []*Node
	Timeout      *Node // Text or a number.
	Retry        *Retry
	Priority     *Node   // Text or a number.
	Queue        *Node   // Text.
	Cache        *Node   // A boolean.
	Each         *FanOut // Nil where the task runs once.

	When            *Node // Text, or a boolean.
	RunIf           *Node // Text.
	ContinueOnError *Node // A boolean.

	MaxConcurrent *Node // A count. In a batch it stands in Each, as does the next.
	MaxFailures   *Node // Text or a number.
}

// Retry is a task's retry policy as the file has it.
type Retry struct {
	MaxAttempts *Node // Text or a number, as all of them but Jitter.
	Backoff     *Node
	BaseDelay   *Node
	MaxDelay    *Node
	Jitter      *Node // A boolean.
}

var taskKeys = keys[taskReader]{
	{[]string{"id"}, id, func(t *taskReader, n *Node) { t.ID = n },
		"What references and dependencies call the task; without it, it is made from the name."},
	{[]string{"name"}, text, func(t *taskReader, n *Node) { t.Name = n },
		"What people call the task, any text; a task needs an id or a name."},
	{[]string{"description"}, text, func(t *taskReader, n *Node) { t.Description = n },
		"What it is for, for people."},
	{[]string{"protocol"}, text, func(t *taskReader, n *Node) { t.Protocol = n },
		"The protocol of the method, which may then be written short: `execute` for `python/execute`."},
	{[]string{"method"}, text.required(), func(t *taskReader, n *Node) { t.Method = n },
		"What the task does."},
	{[]string{"parameters", "params"}, mapping, func(t *taskReader, n *Node) { t.Parameters = n },
		"The parameters of the method; their values may hold references such as ${task.response}."},
	{[]string{"dependencies", "depends_on"}, list.as("a list of ids or names", textsSchema), readDependencies,
		"The tasks that must have completed before; one that is referred to is a dependency anyway."},
	{[]string{"timeout"}, period, func(t *taskReader, n *Node) { t.Timeout = n },
		"How long one attempt may take, waiting for a slot not counted."},
	{[]string{"retry"}, mapping.of("retry", Itself, retryKeys), readRetry,
		"When and how often to try again; without it, transient errors have three attempts and all others one."},
	{[]string{"priority"}, priority, func(t *taskReader, n *Node) { t.Priority = n },
		"Which of the tasks that are ready start first."},
	{[]string{"when"}, condition, func(t *taskReader, n *Node) { t.When = n },
		"A condition, such as ${score.result} > 0.5; where it is false, the task is skipped. It is asked after run_if, and with for_each for each item."},
	{[]string{"run_if"}, text.words(RunIfs()), func(t *taskReader, n *Node) { t.RunIf = n },
		"How what it waits for must have ended: all completed (success, the default), completed or skipped by their own `when` (done), or ended however (always)."},
	{[]string{"continue_on_error"}, boolean, func(t *taskReader, n *Node) { t.ContinueOnError = n },
		"Whether the run, and what waits for the task, goes on when it has failed; ${id.error.message} tells why."},
	{[]string{"for_each"}, items, func(t *taskReader, n *Node) { t.Each = &FanOut{Node: n, Values: n} },
		"Items, each of which the task runs once for, with ${item} and ${index}: a list, or a reference to one."},
	{[]string{"max_concurrent"}, parallel, func(t *taskReader, n *Node) { t.MaxConcurrent = n },
		"How many of its items are in flight at most, within the max_parallel of the run."},
	{[]string{"max_failures"}, failures, func(t *taskReader, n *Node) { t.MaxFailures = n },
		"How many of its items may fail before the rest is skipped and the task fails; without it everything runs."},
	{[]string{"queue"}, queue, func(t *taskReader, n *Node) { t.Queue = n },
		"The Temporal task queue whose workers do it, where the run is submitted and it is not the run's own."},
	{[]string{"cache"}, boolean, func(t *taskReader, n *Node) { t.Cache = n },
		"Whether to take the result of an equal call of an earlier run, where there is one: same method, parameters and files."},
	{[]string{"metadata"}, mapping, func(t *taskReader, n *Node) { t.Metadata = n },
		"Whatever else is to be known about the task, for people."},
	{[]string{"tags"}, texts, func(t *taskReader, n *Node) { t.Tags = t.flow.textsOf("tags", n) },
		"Words for the task, for people."},
}

var retryKeys = keys[Retry]{
	{[]string{"max_attempts"}, attempts, func(r *Retry, n *Node) { r.MaxAttempts = n },
		"How many attempts there are, the first one included; the default is 3."},
	{[]string{"backoff"}, scalar.words(Backoffs()), func(r *Retry, n *Node) { r.Backoff = n },
		"How the pause grows: doubled each time (the default), one base_delay more each time, or not at all."},
	{[]string{"base_delay", "delay"}, elapsed, func(r *Retry, n *Node) { r.BaseDelay = n },
		"The first pause; the default is 1 s."},
	{[]string{"max_delay"}, elapsed, func(r *Retry, n *Node) { r.MaxDelay = n },
		"The longest pause; the default is 300 s."},
	{[]string{"jitter"}, boolean, func(r *Retry, n *Node) { r.Jitter = n },
		"Whether each pause is shortened at random, by up to half."},
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

func readDependencies(t *taskReader, n *Node) {
	t.flow.each("dependencies", n, text, func(element *Node) { t.Dependencies = append(t.Dependencies, element) })
}

func readRetry(t *taskReader, n *Node) {
	t.Retry = t.flow.retry(n)
}

func (w *Workflow) retry(n *Node) *Retry {
	retry := &Retry{}
	read(w, n, retry, "retry", retryKeys)
	return retry
}
