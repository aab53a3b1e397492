package definition

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
