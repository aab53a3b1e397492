package definition

// Task is one task as the file has it. Keys that are absent are nil.
type Task struct {
	Node         *Node // The task's mapping.
	ID           *Node // Text.
	Name         *Node // Text.
	Description  *Node // Text.
	Protocol     *Node // Text.
	Method       *Node // Text.
	Parameters   *Node // A mapping.
	Dependencies []*Node
	Timeout      *Node // Text or a number.
	Retry        *Retry
	Priority     *Node // Text or a number.
	Each         *Each // Nil where the task runs once.
}

// Retry is a task's retry policy as the file has it.
type Retry struct {
	MaxAttempts *Node // Text or a number, as all of them but Jitter.
	Backoff     *Node
	BaseDelay   *Node
	MaxDelay    *Node
	Jitter      *Node // A boolean.
}

// The tables are filled where the program starts and never changed.
var (
	taskKeys = []key[taskReader]{
		{[]string{"id"}, text, func(t *taskReader, n *Node) { t.ID = n }},
		{[]string{"name"}, text, func(t *taskReader, n *Node) { t.Name = n }},
		{[]string{"description"}, text, func(t *taskReader, n *Node) { t.Description = n }},
		{[]string{"protocol"}, text, func(t *taskReader, n *Node) { t.Protocol = n }},
		{[]string{"method"}, text, func(t *taskReader, n *Node) { t.Method = n }},
		{[]string{"parameters", "params"}, mapping, func(t *taskReader, n *Node) { t.Parameters = n }},
		{[]string{"dependencies", "depends_on"}, list, readDependencies},
		{[]string{"timeout"}, elapsed, func(t *taskReader, n *Node) { t.Timeout = n }},
		{[]string{"retry"}, mapping, readRetry},
		{[]string{"priority"}, scalar, func(t *taskReader, n *Node) { t.Priority = n }},
	}
	retryKeys = []key[Retry]{
		{[]string{"max_attempts"}, scalar, func(r *Retry, n *Node) { r.MaxAttempts = n }},
		{[]string{"backoff"}, scalar, func(r *Retry, n *Node) { r.Backoff = n }},
		{[]string{"base_delay", "delay"}, elapsed, func(r *Retry, n *Node) { r.BaseDelay = n }},
		{[]string{"max_delay"}, elapsed, func(r *Retry, n *Node) { r.MaxDelay = n }},
		{[]string{"jitter"}, boolean, func(r *Retry, n *Node) { r.Jitter = n }},
	}
)

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
	t.Retry = &Retry{}
	read(t.flow, n, t.Retry, "retry", retryKeys)
}
