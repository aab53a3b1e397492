package definition

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// BatchID is the id of the task that the short form makes.
const BatchID = "batch"

// Each says that a task runs once an item, and what the items are. Keys that are absent are nil.
type Each struct {
	Node          *Node // The mapping that says it; nil where it is not there.
	Directory     *Node // Text.
	FilesNode     *Node
	Files         []*Node // Texts.
	Pattern       *Node   // Text.
	Exclude       []*Node // Texts.
	MaxConcurrent *Node   // A count.
	MaxFailures   *Node   // Text or a number.
}

// batchReader is `batch` while its keys are read.
type batchReader struct {
	Each
	flow *Workflow
}

// texts is what `exclude` takes.
var texts = shape{"text or a list of texts", func(n *Node) bool { return n.Kind == protocol.List || text.fits(n) }, nil}

// The tables are filled where the program starts and never changed.
var (
	batchKeys = []key[batchReader]{
		{[]string{"directory"}, text, func(b *batchReader, n *Node) { b.Directory = n }},
		{[]string{"files"}, list, readFiles},
		{[]string{"pattern"}, text, func(b *batchReader, n *Node) { b.Pattern = n }},
		{[]string{"exclude"}, texts, readExclude},
		{[]string{"max_concurrent"}, count, func(b *batchReader, n *Node) { b.MaxConcurrent = n }},
	}
	// What else stands in a template is a parameter.
	templateKeys = []key[taskReader]{
		{[]string{"method"}, text, func(t *taskReader, n *Node) { t.Method = n }},
		{[]string{"protocol"}, text, func(t *taskReader, n *Node) { t.Protocol = n }},
		{[]string{"priority"}, scalar, func(t *taskReader, n *Node) { t.Priority = n }},
		{[]string{"timeout"}, elapsed, func(t *taskReader, n *Node) { t.Timeout = n }},
		{[]string{"retry"}, mapping, readRetry},
		{[]string{"max_failures"}, scalar, func(t *taskReader, n *Node) { t.Each.MaxFailures = n }},
		{[]string{"parameters", "params"}, mapping, func(t *taskReader, n *Node) { t.Parameters = n }},
	}
)

func readFiles(b *batchReader, n *Node) {
	b.FilesNode = n
	b.flow.each("files", n, text, func(element *Node) { b.Files = append(b.Files, element) })
}

func readExclude(b *batchReader, n *Node) {
	if n.Kind != protocol.List {
		b.Exclude = []*Node{n}
		return
	}
	b.flow.each("exclude", n, text, func(element *Node) { b.Exclude = append(b.Exclude, element) })
}

// addBatch makes the task that the short form stands for, the first of the workflow, where the file has that form.
func (w *Workflow) addBatch() {
	if w.BatchNode == nil && w.TemplateNode == nil && (w.Type == nil || w.Type.Written != BatchID) {
		return
	}
	from := &batchReader{Each{Node: w.BatchNode}, w}
	if w.BatchNode != nil {
		read(w, w.BatchNode, from, "a batch", batchKeys)
	}
	made := taskReader{Task{Node: w.Root, Each: &from.Each}, w}
	at := w.Root.Position
	if w.BatchNode != nil {
		at = w.BatchNode.Position
	}
	if w.TemplateNode != nil {
		made.Node = w.TemplateNode
		w.readTemplate(&made)
	}
	if made.Protocol == nil {
		made.Protocol = w.Protocol
	}
	made.ID = &Node{Position: at, Kind: protocol.String, Text: BatchID, Written: BatchID}
	w.Batch = &made.Task
	w.Tasks = slices.Insert(w.Tasks, 0, w.Batch)
}

// readTemplate reads the keys of a task, and takes what else is there for its parameters.
func (w *Workflow) readTemplate(made *taskReader) {
	keys := &Node{Position: w.TemplateNode.Position, Kind: protocol.Object}
	var others []Field
	for _, field := range w.TemplateNode.Fields {
		if find(templateKeys, field.Name) >= 0 {
			keys.Fields = append(keys.Fields, field)
		} else {
			others = append(others, field)
		}
	}
	read(w, keys, made, "a template", templateKeys)
	given := keys.Get("parameters")
	if given == nil {
		given = keys.Get("params")
	}
	if made.Parameters == nil && given != nil && given.Kind != protocol.Null {
		return // Of the wrong type, which was noted: what the parameters are, nobody knows.
	}
	merged := &Node{Position: w.TemplateNode.Position, Kind: protocol.Object, Fields: others}
	if made.Parameters != nil {
		for _, field := range made.Parameters.Fields {
			if at := slices.IndexFunc(others, func(other Field) bool { return other.Name == field.Name }); at >= 0 {
				w.Repeated = append(w.Repeated, Repeated{field.At, others[at].At, field.Name, field.Name})
				continue
			}
			merged.Fields = append(merged.Fields, field)
		}
	}
	made.Parameters = merged
}
