package definition

import "github.com/gleitzeit/gleitzeit/internal/value"

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
