package protocol

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The requests and responses of the local activities of a run: Open, Close, Decide, Expand and Gather.

// The kinds of responses of local activities: readers of a history tell them apart by the field kind.
const (
	DecidedKind  = "decided"
	ExpandedKind = "expanded"
	GatheredKind = "gathered"
	InputsKind   = "inputs"
)

// InputsRequest asks for the inputs of a workflow that a task, or one of its items, runs.
type InputsRequest struct {
	Run      RunInfo   `json:"run"`
	Task     string    `json:"task"`
	Method   string    `json:"method"`
	File     string    `json:"file"`   // Of the workflow, for messages.
	Inputs   []Input   `json:"inputs"` // That the workflow declares.
	Given    Payload   `json:"given"`  // An object: their values, with references.
	Bindings []Binding `json:"bindings,omitempty"`
	Items    *Items    `json:"items,omitempty"` // The item, which is one; nil: the task has none.
}

// InputsResponse has the inputs of a workflow, each with a value. It names the task for readers of a history.
type InputsResponse struct {
	Kind    string   `json:"kind"` // InputsKind.
	Task    string   `json:"task"`
	Method  string   `json:"method"`
	Item    *int     `json:"item,omitempty"`
	Inputs  Payload  `json:"inputs,omitzero"`
	Outcome *Outcome `json:"outcome,omitempty"` // The end of the task or item, whose workflow does not run. That of an item is recorded.
}

// WithinRun is what a run is that a task of another one has started: a part of that one. Its records are those of tasks of that run.
type WithinRun struct {
	Run       RunInfo   `json:"run"`            // The one that the task belongs to.
	Task      string    `json:"task"`           // Its id, with which those of its tasks begin,
	Item      *int      `json:"item,omitempty"` // followed by the item, if it has some.
	Method    string    `json:"method"`         // Of the task.
	Inputs    Payload   `json:"inputs"`         // Of its workflow.
	Timeout   Seconds   `json:"timeout"`        // Of the task; 0 is none.
	StartedAt time.Time `json:"started_at"`     // Of the task.
}

// ID returns the id of the task or item, with which those of the tasks of the run begin.
func (w *WithinRun) ID() string {
	if w.Item == nil {
		return w.Task
	}
	return FormatActivityID(w.Task, *w.Item)
}

// OpenRequest asks to record the start of a run, before its first task starts.
type OpenRequest struct {
	Within bool `json:"within,omitempty"` // It is part of another run, which is recorded.

	Run    RunInfo     `json:"run"`
	Queue  string      `json:"queue"`  // The Temporal task queue.
	Plan   value.Value `json:"plan"`   // The Plan as JSON.
	Values [][]byte    `json:"values"` // The values that Calls have by Ref alone: large parameters and sources.
}

// CloseRequest asks to record the end of a run, and to resolve its outputs.
type CloseRequest struct {
	Run     RunInfo      `json:"run"`
	Queue   string       `json:"queue"`
	Plan    Ref          `json:"plan"`
	Status  Status       `json:"status"`
	Error   *Error       `json:"error,omitempty"`
	Usage   Usage        `json:"usage,omitzero"`
	Outputs value.Value  `json:"outputs"` // An object, with its references.
	Uses    []Binding    `json:"uses,omitempty"`
	Within  *WithinRun   `json:"within,omitempty"`  // It is part of another run: its end is that of a task.
	Warning string       `json:"warning,omitempty"` // Of that task.
	Tasks   []ClosedTask `json:"tasks,omitempty"`   // Tasks whose end no activity recorded: skipped, cancelled before they started, or stopped by a failure.
}

// ClosedTask is the end of a task as the run knows it.
type ClosedTask struct {
	Task    string  `json:"task"`
	Method  string  `json:"method"`
	Outcome Outcome `json:"outcome"`
}

// CloseResponse has the outputs of a run.
type CloseResponse struct {
	Outputs Payload `json:"outputs,omitzero"`
	Error   *Error  `json:"error,omitempty"` // The outputs that cannot be resolved. It fails a run that had completed.
}

// DecideRequest asks whether the condition of a task, or of one of its items, holds.
type DecideRequest struct {
	Run      RunInfo   `json:"run"`
	Task     string    `json:"task"`
	Method   string    `json:"method,omitempty"`
	Item     *int      `json:"item,omitempty"` // The index of the item; nil for the task.
	When     string    `json:"when"`           // The condition, with its references.
	Bindings []Binding `json:"bindings,omitempty"`
}

// DecideResponse is the answer. It names the task for readers of a history.
type DecideResponse struct {
	Kind   string `json:"kind,omitempty"` // DecidedKind; empty in histories of earlier versions.
	Holds  bool   `json:"holds"`
	Error  *Error `json:"error,omitempty"` // Why the condition cannot be evaluated.
	Task   string `json:"task,omitempty"`
	Method string `json:"method,omitempty"`
	Reason string `json:"reason,omitempty"` // Why the task is not to run.
}

// longestReason is how many characters of a condition the reason of a skip quotes.
const longestReason = 200

// ConditionFalseReason returns the reason why a task, or an item, was skipped by its condition.
func ConditionFalseReason(condition string) string {
	text := strings.Join(strings.Fields(condition), " ")
	if utf8.RuneCountInString(text) > longestReason {
		text = string([]rune(text)[:longestReason-1]) + "…"
	}
	return "its condition is false: " + text
}

// Counts counts the items of a task by how they ended.
type Counts struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Skipped   int `json:"skipped"`          // Skipped, not started, or cancelled.
	Cached    int `json:"cached,omitempty"` // Of those that succeeded, from an equal call of an earlier run.
}

// Add adds the counts of other items.
func (c *Counts) Add(more Counts) {
	c.Total += more.Total
	c.Succeeded += more.Succeeded
	c.Failed += more.Failed
	c.Skipped += more.Skipped
	c.Cached += more.Cached
}

// ExpandRequest asks for the items of a task: the elements of a list, the rows of a table, or the files that exist now.
type ExpandRequest struct {
	Run       RunInfo      `json:"run"`
	Task      string       `json:"task"`
	Method    string       `json:"method"`
	Directory string       `json:"directory,omitempty"` // With its references. Either this or Files.
	Files     []string     `json:"files,omitempty"`     // With their references; a folder stands for the files in it.
	Values    *value.Value `json:"values,omitempty"`    // Instead of files: a list, or a text that resolves to one, with their references.
	Rows      *Rows        `json:"rows,omitempty"`      // Instead of files: a table.
	Pattern   string       `json:"pattern,omitempty"`   // Of files in folders; empty matches all.
	Exclude   []string     `json:"exclude,omitempty"`   // Patterns of excluded files.
	Omit      []string     `json:"omit,omitempty"`      // Absolute paths of files that are left out, whatever path or link leads to them.
	Reads     []string     `json:"reads,omitempty"`     // Files and folders outside the run's own that may be read, absolute.
	Bindings  []Binding    `json:"bindings,omitempty"`
	Most      int          `json:"most,omitempty"` // Maximum number of items; 0 is no limit.

	Limit  int      `json:"limit,omitempty"`  // Number of files to take, the first ones; 0 is all.
	Sample int      `json:"sample,omitempty"` // Number of files to take at random; 0 is all.
	Seed   int64    `json:"seed,omitempty"`   // Of Sample.
	Models []string `json:"models,omitempty"` // Each file is an item for each of them; see ModelOf.

	When         string    `json:"when,omitempty"` // A condition, with its references, that is evaluated for each item.
	WhenBindings []Binding `json:"when_bindings,omitempty"`

	Pages bool `json:"pages,omitempty"` // The items are wanted as a Manifest, and without decisions.
}

// Rows is a table whose rows are items.
type Rows struct {
	File      string   `json:"file"`                // With its references; "book.xlsx#Sheet" is a sheet of a workbook.
	Key       string   `json:"key,omitempty"`       // The column that identifies a row; empty: all of its cells do.
	Delimiter string   `json:"delimiter,omitempty"` // Of CSV; empty: it is found.
	Columns   []string `json:"columns,omitempty"`   // Those without which no call can be made.

	Requests bool `json:"requests,omitempty"`  // The file is a request file of a Batch API: its lines are the rows.
	AnyModel bool `json:"any_model,omitempty"` // Its requests need no model: the call names one.
}

// KeyOf returns what identifies an item that is a row, by the column that has it; null if the row has none.
func KeyOf(item value.Value, column string) value.Value {
	if column == "" {
		return value.Value{}
	}
	key, _ := item.Get(column)
	return key
}

// NameOf returns a short name of an item, for people: of a request file that of a request is its custom_id, and that of a line that cannot
// be sent is its number, with its custom_id if it has one; of a group of texts it is their number.
func NameOf(item value.Value) string {
	if name, isGroup := nameOfGroup(item); isGroup {
		return name
	}
	problems, _ := item.Get("problems")
	if line, _ := item.Get("line"); line.Kind() == value.KindNumber && problems.Kind() == value.KindList {
		name := "line " + line.Digits()
		if id, _ := item.Get("id"); id.Kind() == value.KindString {
			name += ", " + id.Brief()
		}
		return name
	}
	id, _ := item.Get("custom_id")
	body, _ := item.Get("body")
	if id.Kind() == value.KindString && body.Kind() == value.KindObject {
		return id.Brief()
	}
	return item.Brief()
}

// IdentityOf returns what an item is found by in other runs: its key, or else all of it.
func IdentityOf(item value.Value, column string) []byte {
	if key := KeyOf(item, column); !key.IsNull() {
		return key.JSON()
	}
	return item.JSON()
}

// ExpandResponse has the items, in their order. It names the task for readers of a history.
type ExpandResponse struct {
	Kind      string    `json:"kind,omitempty"` // ExpandedKind; empty in histories of earlier versions.
	Task      string    `json:"task,omitempty"`
	Method    string    `json:"method,omitempty"`
	Items     []string  `json:"items,omitempty"`   // Absolute paths, or
	Folders   []string  `json:"folders,omitempty"` // (with those of the folders in which they were found)
	Values    []Item    `json:"values,omitempty"`  // the values.
	Ref       *Ref      `json:"ref,omitempty"`     // The list of all items in the store.
	StartedAt time.Time `json:"started_at,omitzero"`
	Error     *Error    `json:"error,omitempty"`   // Why there are no items.
	Warning   string    `json:"warning,omitempty"` // Which files and folders are not among them.

	Skipped []SkippedItem `json:"refused,omitempty"` // Items that are not to run, in their order.
	Reason  string        `json:"reason,omitempty"`  // Why the skipped items without an error are not to run.

	Total int `json:"total,omitempty"` // Of a Manifest, whose Ref is Ref: how many items it has.

	Groups *Groups `json:"groups,omitempty"` // The items are groups of texts: those of the round that was asked for.
}

// SkippedItem is an item that is not to run: its condition is false or, with an error, cannot be evaluated.
type SkippedItem struct {
	Index int    `json:"index"`
	Error *Error `json:"error,omitempty"`
}

// ModelOf returns the model of one of so many items of a task with such models; empty if it has none. All files of one model come
// before those of the next: a server that has memory for one of them need not load it again for each file.
func ModelOf(models []string, item, items int) string {
	if len(models) == 0 {
		return ""
	}
	return models[item*len(models)/items]
}

// MaxInlineItem is the size in bytes of the largest item (as JSON) that is inline in an ExpandResponse: about that of a Ref,
// so that the items of a task never fill a history.
const MaxInlineItem = 256

// Item is a value for which a task runs. It is in the list of all items; a large one is also in the store under its own Ref,
// so that a call need not read the others.
type Item struct {
	Value Payload `json:"value"` // Inline or by Ref.
	Label string  `json:"label"` // For people, as of Value.Brief.
}

// GatherRequest asks for the result of a task whose items have ended.
type GatherRequest struct {
	Run       RunInfo   `json:"run"`
	Task      string    `json:"task"`
	Method    string    `json:"method"`
	Status    Status    `json:"status"` // Of the task, as the run decided.
	Error     *Error    `json:"error,omitempty"`
	Counts    Counts    `json:"counts"`
	Usage     Usage     `json:"usage,omitzero"`    // Of all items.
	Warning   string    `json:"warning,omitempty"` // That of the ExpandResponse.
	StartedAt time.Time `json:"started_at,omitzero"`
	Items     *Ref      `json:"items"`            // The list of the items.
	Paths     []string  `json:"paths"`            // The items, where they are files.
	Outcomes  []Outcome `json:"outcomes"`         // How each of them ended.
	Models    []string  `json:"models,omitempty"` // Those of the ExpandRequest.

	Recorded bool     `json:"recorded,omitempty"` // The items are in a Manifest, and how they ended is recorded; there are no Outcomes.
	Files    bool     `json:"files,omitempty"`    // Such items are files.
	Folders  []string `json:"folders,omitempty"`  // In which these were found: people are shown their paths within them.
	Reason   string   `json:"reason,omitempty"`   // Why those without a record did not start.

	Reduced *Reduced `json:"reduced,omitempty"` // The items are groups of texts: the result is that of the last one.
}

// GatherResponse is the end of a task with items. It names the task for readers of a history.
type GatherResponse struct {
	Failures []string `json:"failures,omitempty"` // Lines about the items that failed, for the Web UI: the first reasons.
	Kind     string   `json:"kind,omitempty"`     // GatheredKind; empty in histories of earlier versions.
	Task     string   `json:"task"`
	Method   string   `json:"method"`
	Outcome  Outcome  `json:"outcome"`
}

// NameWithin returns the name of an item on one line: the path of its file within the first of the folders that it lies in, all of it
// where that is none, since files in several folders may have one name; or NameOf.
func NameWithin(folders []string, item value.Value) string {
	file := item.Text()
	if folder := FolderOf(folders, item); folder != "" {
		return value.Visible(file[len(strings.TrimSuffix(folder, "/"))+1:])
	}
	if strings.HasPrefix(file, "/") && !strings.Contains(file, "\n") {
		return value.Visible(file)
	}
	return value.Visible(NameOf(item))
}

// FolderOf returns the first of the folders that the file which an item is lies in; empty if that is none.
func FolderOf(folders []string, item value.Value) string {
	file := item.Text()
	for _, folder := range folders {
		if folder != "" && strings.HasPrefix(file, strings.TrimSuffix(folder, "/")+"/") {
			return folder
		}
	}
	return ""
}
