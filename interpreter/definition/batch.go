package definition

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// BatchID is the id of the task that the short form makes.
const BatchID = "batch"

// FanOut says that a task runs for each item, and what the items are. Keys that are absent are nil.
type FanOut struct {
	Node          *Node // What says it; nil where it is not there.
	Values        *Node // A list, or the text of a reference to one: the items. Else they are rows or files.
	Rows          *Node // Text: the path of a table, whose rows are the items; or of a request file.
	Requests      *Node // Text: the path of a request file. It is Rows as well, unless that is given too.
	Key           *Node // Text: the column that identifies a row.
	Delimiter     *Node // Text: of CSV.
	Directory     *Node // Text.
	FilesNode     *Node
	Files         []*Node // Texts.
	Pattern       *Node   // Text.
	Exclude       []*Node // Texts.
	MaxConcurrent *Node   // A count.
	MaxFailures   *Node   // Text or a number.
	Chunk         *Node   // A count, or `auto`.
	MaxTokens     *Node   // A count.
	Limit         *Node   // A count.
	Sample        *Node   // A count.
	Seed          *Node   // A whole number.
	ModelsNode    *Node
	Models        []*Node // Texts.

	Reduces bool  // Values are texts of which the task makes one answer,
	GroupBy *Node // or one for each value of this text.
}

// HasFiles reports whether the items are files.
func (f *FanOut) HasFiles() bool { return f.Values == nil && f.Rows == nil }

// batchReader is `batch` while its keys are read.
type batchReader struct {
	FanOut
	flow *Workflow
}

// texts is what `exclude` and others take.
var texts = shape{
	want: "text or a list of texts", fits: func(n *Node) bool { return n.Kind == value.KindList || text.fits(n) },
	schema: `{"type": ["string", "number", "array"], "items": ` + textSchema + `}`,
}

var batchKeys = keys[batchReader]{
	{[]string{"directory"}, text, func(b *batchReader, n *Node) { b.Directory = n },
		"Folder with the files, searched when the task starts."},
	{[]string{"files"}, list.as("a list of at least one path", `{"type": "array", "minItems": 1, "items": `+textSchema+`}`), readFiles,
		"List of files, instead of a directory; a folder in the list stands for the files in it."},
	{[]string{"rows"}, text, func(b *batchReader, n *Node) { b.Rows = n },
		"Table whose rows are the items, instead of files: CSV, TSV, JSON lines, a JSON list, XLSX (book.xlsx#Sheet) or Parquet; ${item.COLUMN} is a cell."},
	{[]string{"requests"}, text, readRequests,
		"Request file of a Batch API (lines with custom_id, method, url and body), instead of files: ${item.url} and ${item.body} are those of a line."},
	{[]string{"key"}, text, func(b *batchReader, n *Node) { b.Key = n },
		"Column of the table that identifies a row, to resume and to repeat a run; by default all of its cells do."},
	{[]string{"delimiter"}, text, func(b *batchReader, n *Node) { b.Delimiter = n },
		"Delimiter of a CSV table: a character, or tab; by default it is found."},
	{[]string{"pattern"}, text, func(b *batchReader, n *Node) { b.Pattern = n },
		"Pattern of the files in a folder, such as *.txt, or **/*.txt to include subfolders; the default is *. The case of an ending is ignored."},
	{[]string{"exclude"}, texts, readExclude,
		"Patterns of files to exclude; one without / matches names at any depth."},
	{[]string{"max_concurrent"}, parallel, func(b *batchReader, n *Node) { b.MaxConcurrent = n },
		"Maximum number of items in flight, within the max_parallel of the run."},
	{[]string{"chunk"}, chunk, func(b *batchReader, n *Node) { b.Chunk = n },
		"Maximum number of items that are done by one activity, one after the other; auto, the default, goes by how long they take."},
	{[]string{"limit"}, count, func(b *batchReader, n *Node) { b.Limit = n },
		"Number of files or rows to take, the first ones in their order; by default all."},
	{[]string{"sample"}, count, func(b *batchReader, n *Node) { b.Sample = n },
		"Number of files or rows to take at random, instead of limit; the same ones each time for the same list and seed."},
	{[]string{"seed"}, whole, func(b *batchReader, n *Node) { b.Seed = n },
		"Seed of sample; the default is 0."},
	{[]string{"models"}, texts.as("a list of names", `{"type": ["string", "number", "array"], "minLength": 1, "minItems": 1, "uniqueItems": true, "items": `+nameSchema+`}`), readModels,
		"Models that are each asked about each file; ${item.model} is the one of a call, and the default of its parameter model."},
}

// readRequests reads the path of a request file.
func readRequests(b *batchReader, n *Node) {
	if b.Requests = n; b.Rows == nil {
		b.Rows = n
	}
}

// rowsReader is a `for_each` with the rows of a table while its keys are read.
type rowsReader struct{ batchReader }

var rowsKeys = keys[rowsReader]{
	{[]string{"rows"}, text.required(), func(r *rowsReader, n *Node) { r.Rows = n },
		"Table whose rows are the items: CSV, TSV, JSON lines, a JSON list, XLSX (book.xlsx#Sheet) or Parquet; ${item.COLUMN} is a cell."},
	{[]string{"key"}, text, func(r *rowsReader, n *Node) { r.Key = n },
		"Column that identifies a row, to resume and to repeat a run; by default all of its cells do."},
	{[]string{"delimiter"}, text, func(r *rowsReader, n *Node) { r.Delimiter = n },
		"Delimiter of CSV: a character, or tab; by default it is found."},
	{[]string{"limit"}, count, func(r *rowsReader, n *Node) { r.Limit = n },
		"Number of rows to take, the first ones; by default all."},
	{[]string{"sample"}, count, func(r *rowsReader, n *Node) { r.Sample = n },
		"Number of rows to take at random, instead of limit; the same ones each time for the same table and seed."},
	{[]string{"seed"}, whole, func(r *rowsReader, n *Node) { r.Seed = n },
		"Seed of sample; the default is 0."},
}

func readItems(t *taskReader, n *Node) {
	if n.Kind != value.KindObject {
		t.Each = &FanOut{Node: n, Values: n}
		return
	}
	from := &rowsReader{batchReader{FanOut{Node: n}, t.flow}}
	read(t.flow, n, from, "for_each", rowsKeys)
	if from.Rows == nil { // A rule reports it.
		from.Rows = &Node{Position: n.Position, Kind: value.KindString}
	}
	t.Each = &from.FanOut
}

// Every other key of a template is a parameter.
var templateKeys = keys[taskReader]{
	{[]string{"method"}, text, func(t *taskReader, n *Node) { t.Method = n },
		"Method to run for each file; required without steps."},
	{[]string{"steps"}, stepsList, readSteps,
		"What is done for each file, instead of one method: tasks in the order of their dependencies, with references among them."},
	{[]string{"outputs"}, mapping, readStepOutputs,
		"Result of a file with steps: names, and values with references such as ${step.response}; by default it is the result of the last step."},
	{[]string{"protocol"}, text, func(t *taskReader, n *Node) { t.Protocol = n },
		"Protocol of the method, which allows a short method name: `chat` for `llm/chat`."},
	{[]string{"priority"}, priority, func(t *taskReader, n *Node) { t.Priority = n },
		"Order in which tasks that are ready start."},
	{[]string{"timeout"}, period, func(t *taskReader, n *Node) { t.Timeout = n },
		"Timeout of one attempt of one item, not counting the wait for a slot."},
	{[]string{"retry"}, retryMapping, readRetry,
		"Retry policy of each item; by default transient errors get three attempts and other errors one."},
	{[]string{"split"}, mapping.of("split", Itself, splitKeys), readSplit,
		"How a document that is too long is read: in chunks, one after the other, whose answers are combined."},
	{[]string{"combine"}, combine, func(t *taskReader, n *Node) { t.Combine = n },
		"How the answers about the chunks of a split document become one: a prompt for the same model, true for a prompt that fits most tasks, or a mapping with a method such as python/execute and its parameters."},
	{[]string{"queue"}, queue, func(t *taskReader, n *Node) { t.Queue = n },
		"Temporal task queue whose workers execute it, for submitted runs; the default is the queue of the run."},
	{[]string{"cache"}, boolean, func(t *taskReader, n *Node) { t.Cache = n },
		"Whether to reuse the result of an earlier call with the same method, parameters and file."},
	{[]string{"max_failures"}, failures, func(t *taskReader, n *Node) { t.Each.MaxFailures = n },
		"Number or percentage of items that may fail before the rest is skipped and the task fails; by default all items run."},
	{[]string{"max_tokens_total"}, count, func(t *taskReader, n *Node) { t.Each.MaxTokens = n },
		"Number of tokens, read and written by models for all items together, after which no further item starts and the task fails."},
	{[]string{"parameters", "params"}, mapping.hinting(mappingHint("parameters")), func(t *taskReader, n *Node) { t.Parameters = n },
		"Parameters of the method; required for those that have the name of a template key."},
}

func readFiles(b *batchReader, n *Node) {
	b.FilesNode = n
	b.flow.each("files", n, text, func(element *Node) { b.Files = append(b.Files, element) })
}

func readModels(b *batchReader, n *Node) {
	b.ModelsNode, b.Models = n, b.flow.textsOf("models", n)
}

func readExclude(b *batchReader, n *Node) {
	b.Exclude = b.flow.textsOf("exclude", n)
}

// addBatch makes the task that the short form stands for, the first of the workflow, where the file has that form.
func (w *Workflow) addBatch() {
	if w.BatchNode == nil && w.TemplateNode == nil && (w.Type == nil || w.Type.Written != BatchID) {
		return
	}
	from := &batchReader{FanOut{Node: w.BatchNode}, w}
	if w.BatchNode != nil {
		read(w, w.BatchNode, from, "a batch", batchKeys)
	}
	made := taskReader{Task{Node: w.Root, Each: &from.FanOut}, w}
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
	made.ID = &Node{Position: at, Kind: value.KindString, Text: BatchID, Written: BatchID}
	w.Batch = &made.Task
	w.Tasks = slices.Insert(w.Tasks, 0, w.Batch)
}

// readTemplate reads the keys of a task, and takes what else is there for its parameters.
func (w *Workflow) readTemplate(made *taskReader) {
	keys := &Node{Position: w.TemplateNode.Position, Kind: value.KindObject}
	var others []Field
	steps := isSteps(w.TemplateNode.Get("steps"))
	for _, field := range w.TemplateNode.Fields {
		ofSteps := field.Name == "steps" || field.Name == "outputs"
		if find(templateKeys, field.Name) >= 0 && (!ofSteps || steps) {
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
	if made.Parameters == nil && given != nil && given.Kind != value.KindNull {
		return // Of the wrong type, which is reported elsewhere.
	}
	if steps && made.Parameters == nil && len(others) == 0 {
		return
	}
	merged := &Node{Position: w.TemplateNode.Position, Kind: value.KindObject, Fields: others}
	if made.Parameters != nil {
		for _, field := range made.Parameters.Fields {
			if at := slices.IndexFunc(others, func(other Field) bool { return other.Name == field.Name }); at >= 0 {
				w.DuplicateKeys = append(w.DuplicateKeys, DuplicateKey{field.At, others[at].At, field.Name, field.Name})
				continue
			}
			merged.Fields = append(merged.Fields, field)
		}
	}
	made.Parameters = merged
}
