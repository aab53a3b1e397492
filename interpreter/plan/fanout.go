package plan

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// MaxItems is the maximum number of items of one task in a Plan without ItemsApart. An item that runs alone costs six events, so that
// 500 of them, and what else the run does, fit into one history of 4,000.
const MaxItems = 500

// FanOut says what the items of a task are, and how they run. Every form of the language in which a task has items
// compiles to it. The items are files, the elements of a list or the rows of a table, listed when the task starts.
type FanOut struct {
	Directory string   `json:"directory,omitempty"` // With its references. Either this, Files, Values or Rows.
	Files     []string `json:"files,omitempty"`     // With their references, in the order to run in; a folder stands for the files in it.
	// Values: the items are the elements of this list, in which there may be references, or of the list to which this text,
	// a single reference, resolves.
	Values        *value.Value   `json:"values,omitempty"`
	Rows          *protocol.Rows `json:"rows,omitempty"`             // The items are the rows of this table.
	Pattern       string         `json:"pattern,omitempty"`          // Of the files in a folder.
	Exclude       []string       `json:"exclude,omitempty"`          // Patterns of files to leave out.
	Omit          []string       `json:"omit,omitempty"`             // Files that are no items, whatever leads to them, absolute.
	Reads         []string       `json:"reads,omitempty"`            // Files and folders outside of the run's that it names, absolute, sorted: items lie there.
	Uses          []Use          `json:"uses,omitempty"`             // Heads of the references in Directory, Files and Values.
	MaxConcurrent int            `json:"max_concurrent,omitempty"`   // Limit of items in flight; 0 is the run's limit alone.
	MaxFailures   *Tolerance     `json:"max_failures,omitempty"`     // Nil is no limit.
	MaxTokens     int64          `json:"max_tokens_total,omitempty"` // Tokens of all items after which no other starts; 0 is no limit.
	Chunk         int            `json:"chunk,omitempty"`            // Maximum number of items of one activity; 0: as their duration suggests.
	Limit         int            `json:"limit,omitempty"`            // Number of files to take, the first ones; 0 is all.
	Sample        int            `json:"sample,omitempty"`           // Number of files to take at random; 0 is all.
	Seed          int64          `json:"seed,omitempty"`             // Of Sample.
	Reduces       bool           `json:"reduces,omitempty"`          // Values are texts, of which the calls make one answer: the items are groups of them, round after round.
	GroupBy       string         `json:"group_by,omitempty"`         // Of texts, with its references: there is one answer for each key.
	Models        []string       `json:"models,omitempty"`           // Each file is an item for each of them; see protocol.ModelOf.
	Steps         *Steps         `json:"steps,omitempty"`            // What is done for each item; nil: the task's method is called.
}

// HasFiles reports whether the items are files.
func (f *FanOut) HasFiles() bool { return f.Values == nil && f.Rows == nil }

// HasRequests reports whether the items are the lines of a request file.
func (f *FanOut) HasRequests() bool { return f != nil && f.Rows != nil && f.Rows.Requests }

// IsReduction reports whether the task makes one answer of many texts.
func (f *FanOut) IsReduction() bool { return f != nil && f.Reduces }

// Key returns the column that identifies an item; empty if there is none.
func (f *FanOut) Key() string {
	if f.Rows == nil {
		return ""
	}
	return f.Rows.Key
}

// selects reports whether not each file is one item.
func (f *FanOut) selects() bool { return f.Limit > 0 || f.Sample > 0 || len(f.Models) > 0 }

// MaxTokensReason is why items did not start when others had used so many tokens.
const MaxTokensReason = "it had not started when max_tokens_total was reached"

// Tolerance is how many items may fail: a number or a percentage of all.
type Tolerance struct {
	Items   int      `json:"items"`
	Percent *float64 `json:"percent,omitempty"` // Takes precedence over Items.
}

// Exceeded reports whether more items have failed than are tolerated.
func (t *Tolerance) Exceeded(failed, total int) bool {
	switch {
	case t == nil:
		return false
	case t.Percent != nil:
		return float64(failed)*100 > *t.Percent*float64(total)
	}
	return failed > t.Items
}

// String shows the tolerance as workflows write it: "3", "10%".
func (t *Tolerance) String() string {
	if t.Percent != nil {
		return fmt.Sprintf("%g%%", *t.Percent)
	}
	return fmt.Sprint(t.Items)
}
