package protocol

import (
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Page is a part of the list of a task's items in the result store: a list.
type Page struct {
	Ref   Ref `json:"ref"`
	First int `json:"first"` // The index of its first item.
	Count int `json:"count"`
}

// Has reports whether the item is in the page.
func (p Page) Has(item int) bool { return p.First <= item && item < p.First+p.Count }

// Manifest is the list of a task's items, in pages. It is a value in the result store.
type Manifest struct {
	Total int    `json:"total"`
	Pages []Page `json:"pages"`
	Table *Table `json:"table,omitempty"` // The table whose rows they are; nil if they are none.
}

// Table is what the table of a task's items looks like, so that results can be written in the same way.
type Table struct {
	Columns []string `json:"columns,omitempty"` // Empty if each row has its own.
	CSV     *CSV     `json:"csv,omitempty"`     // Nil if it is in another format.
}

// CSV is how a file of CSV or TSV is written.
type CSV struct {
	TSV           bool   `json:"tsv,omitempty"` // Its name says so.
	Delimiter     string `json:"delimiter"`
	LineEnd       string `json:"line_end"`
	ByteOrderMark bool   `json:"byte_order_mark,omitempty"`
	Encoding      string `json:"encoding,omitempty"`  // UTF16LE or UTF16BE; empty is UTF-8.
	Separator     bool   `json:"separator,omitempty"` // Its first line names the delimiter, as Excel writes it: "sep=;".
	Quoted        bool   `json:"quoted,omitempty"`    // Every cell is in quotes.
}

// The encodings of CSV beside UTF-8.
const (
	UTF16LE = "utf-16le"
	UTF16BE = "utf-16be"
)

// The bounds of a page. An item that is larger alone has a page of its own.
const (
	MaxPageItems = 500
	MaxPageBytes = 128 << 10
)

// PagedResult is the result of a task with many items. Each page is a list of entries of the list `results`, which in all other
// results of such tasks is beside the counts.
type PagedResult struct {
	Total     int    `json:"total"`
	Succeeded int    `json:"succeeded"`
	Failed    int    `json:"failed"`
	Skipped   int    `json:"skipped"`
	Bytes     int64  `json:"bytes"` // Of all pages.
	Pages     []Page `json:"pages"`
}

// Value returns the result with the results given.
func (p *PagedResult) Value(results value.Value) value.Value {
	count := func(n int) value.Value { return value.Int(int64(n)) }
	return value.Object(
		value.Field{Name: "total", Value: count(p.Total)},
		value.Field{Name: "succeeded", Value: count(p.Succeeded)},
		value.Field{Name: "failed", Value: count(p.Failed)},
		value.Field{Name: "skipped", Value: count(p.Skipped)},
		value.Field{Name: "results", Value: results},
	)
}

// Check rejects the result where all of it is needed as one value and it is larger than a value may be.
func (p *PagedResult) Check() error {
	if p.Bytes <= MaxValue {
		return nil
	}
	return Errorf(TaskParameterError, "the results of %d items have %d bytes, and the limit of one value is %d", p.Total, p.Bytes, MaxValue).
		WithHint("use a part of each, such as ${TASK.results[*].result.response}, give them to a script in context, which reads them one by one, or export them with `gleitzeit batch export`")
}

// Items says which items of a task a Call is for, and what its references need to read them.
type Items struct {
	Page    Page     `json:"page"`
	First   int      `json:"first"`             // The index of the first of them; all are in the page.
	Count   int      `json:"count"`             // 1 for a Call that Temporal retries, more for a unit.
	Files   bool     `json:"files,omitempty"`   // They are paths of files.
	Models  []string `json:"models,omitempty"`  // Each file is an item for each of them; see ModelOf,
	Total   int      `json:"total,omitempty"`   // for which this is how many items there are.
	Folders []string `json:"folders,omitempty"` // Those in which such files were found.
	Reads   []string `json:"reads,omitempty"`   // Folders outside the run's own in which such files may lie.
	Key     string   `json:"key,omitempty"`     // The column that identifies an item which is a row.

	Attempts int  `json:"attempts,omitempty"`  // That the item has had before this activity.
	Recorded bool `json:"recorded,omitempty"`  // It may have ended already: its record counts.
	TakeOver bool `json:"take_over,omitempty"` // Items are taken over from earlier runs, and no call is made.

	When         string    `json:"when,omitempty"` // A condition, with its references, for each item.
	WhenBindings []Binding `json:"when_bindings,omitempty"`
}

// Innermost returns the innermost of the folders that a path is in; empty if it is in none.
func Innermost(folders []string, path string) (innermost string) {
	for _, folder := range folders {
		if strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/") && len(folder) > len(innermost) {
			innermost = folder
		}
	}
	return innermost
}

// End returns the index after the last of the items.
func (i *Items) End() int { return i.First + i.Count }

// UnitOutcome is the output of an activity for several items, which has done them one after the other. Each of them that has ended
// has its own record in the result store.
type UnitOutcome struct {
	Counts  ItemCounts    `json:"counts"`
	Usage   Usage         `json:"usage,omitzero"`
	Took    Seconds       `json:"took,omitempty"`  // For all that it has done.
	Again   []RetriedItem `json:"again,omitempty"` // Items that are to be tried again.
	Left    int           `json:"left,omitempty"`  // How many of the last items it has not begun.
	Failure *ItemFailure  `json:"failure,omitempty"`
	ToDo    []ItemRange   `json:"to_do,omitempty"` // Items that no earlier run has done.
	Next    []ItemRange   `json:"next,omitempty"`  // Items whose next step follows.
}

// ItemRange is a number of items that follow each other.
type ItemRange struct {
	First int `json:"first"`
	Count int `json:"count"`
}

// AddToDo adds an item that no earlier run has done. Items are added in their order.
func (u *UnitOutcome) AddToDo(index int) { u.ToDo = addItem(u.ToDo, index) }

// ItemCounts counts items by how they ended.
type ItemCounts struct {
	Counts
	ByCondition int `json:"by_condition,omitempty"` // Of those skipped: by their condition.
	Warned      int `json:"warned,omitempty"`       // Of those that succeeded: with a warning.
}

// Add adds the end of an item.
func (c *ItemCounts) Add(o Outcome) {
	c.Total++
	switch o.Status {
	case Completed:
		c.Succeeded++
		if o.Cached {
			c.Cached++
		}
		if o.Warning != "" {
			c.Warned++
		}
	case Failed, TimedOut:
		c.Failed++
	default:
		c.Skipped++
		if o.Status == Skipped && o.Error == nil {
			c.ByCondition++
		}
	}
}

// AddAll adds those of a unit.
func (c *ItemCounts) AddAll(other ItemCounts) {
	c.Total += other.Total
	c.Succeeded += other.Succeeded
	c.Failed += other.Failed
	c.Skipped += other.Skipped
	c.Cached += other.Cached
	c.ByCondition += other.ByCondition
	c.Warned += other.Warned
}

// RetriedItem is an item whose attempt has failed and that is to be tried again.
type RetriedItem struct {
	Index    int     `json:"index"`
	Attempts int     `json:"attempts"` // That it has had.
	Delay    Seconds `json:"delay"`    // Before the next one.
}

// ItemFailure is what is known of items that failed: the first of them, and whether all have the same error code.
type ItemFailure struct {
	Index int    `json:"index"`
	Item  string `json:"item"` // As messages name it: a path, or the index with a label.
	Error *Error `json:"error"`
	Mixed bool   `json:"mixed,omitempty"` // Others have other codes.
}

// FailureOf returns the failure of an item.
func FailureOf(index int, outcome Outcome) *ItemFailure {
	name := outcome.Item
	if name == "" {
		name = "item " + strconv.Itoa(index)
	}
	return &ItemFailure{Index: index, Item: name, Error: outcome.Error}
}

// Merge returns what is known of the items of both.
func (f *ItemFailure) Merge(other *ItemFailure) *ItemFailure {
	switch {
	case f == nil:
		return other
	case other == nil:
		return f
	}
	merged := *f
	if other.Index < f.Index {
		merged = *other
	}
	merged.Mixed = f.Mixed || other.Mixed || f.Error.Code != other.Error.Code
	return &merged
}

// PageRequest asks for a page of a task's items.
type PageRequest struct {
	Manifest Ref    `json:"manifest"`
	Item     int    `json:"item"`            // The index of an item in it.
	Files    bool   `json:"files,omitempty"` // The items are paths of files.
	Key      string `json:"key,omitempty"`   // The column that identifies an item which is a row.
}

// PageResponse has the page.
type PageResponse struct {
	Page   Page     `json:"page,omitzero"`
	Labels []string `json:"labels,omitempty"` // Of its items, for people.
	Error  *Error   `json:"error,omitempty"`  // Why it cannot be read, ever.
}

// ItemBinding returns the binding of `item` in the references of a call.
func ItemBinding(item value.Value, isFile bool) Binding {
	payload, _ := NewCallPayload(item)
	if payload.Inline == nil || item.IsNull() {
		payload = Payload{Inline: &item}
	}
	return Binding{Head: "item", Value: payload, File: isFile}
}
