// Package export writes the items of a task, one after the other, as text, JSON, JSON lines, CSV, TSV, XLSX, Markdown and Parquet: those of a
// run that goes on into a file that grows with it, and those of any run on demand. It reads records page by page, so that memory does
// not depend on how many items there are, and it changes none.
package export

import (
	"context"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Item is an item of a task that has ended.
type Item struct {
	Index  int
	Status protocol.Status // Completed, Failed or Skipped.
	Entry  value.Value     // As the results of the task have it.
}

// Items are items of one task.
type Items interface {
	// Each passes every item to the function, until that returns an error.
	Each(ctx context.Context, pass func(Item) error) error
	// Table returns what the table looks like whose rows they are; nil if they are none, or if nobody noted it.
	Table() *protocol.Table
}

// itemOf returns the item of an entry; false for a value that is none.
func itemOf(entry value.Value) (Item, bool) {
	number, _ := entry.Get("index")
	status, _ := entry.Get("status")
	index, err := strconv.Atoi(number.Digits())
	return Item{Index: index, Status: protocol.Status(status.Text()), Entry: entry}, err == nil && index >= 0
}

// get returns a value within the entry; null if there is none.
func (i Item) get(path ...string) value.Value {
	found := i.Entry
	for _, name := range path {
		found, _ = found.Get(name)
	}
	return found
}

// warning returns the warning of the item, or of its result.
func (i Item) warning() value.Value {
	if own := i.get("warning"); !own.IsNull() {
		return own
	}
	return i.get("result", "warning")
}

// problem returns the message of the error, or why the item was skipped.
func (i Item) problem() value.Value {
	if message := i.get("error", "message"); !message.IsNull() {
		return message
	}
	return i.get("reason")
}
