// Package resultstore is the contract of the place where results are kept: of runs, tasks and items, with their
// values. Adapters live below it; storetest proves all of them alike.
package resultstore

import (
	"context"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// ErrNotFound: the store has no such value.
var ErrNotFound = errors.New("not found in the result store")

// Store keeps Records and values. It may be used from many goroutines, and every adapter but memory by many processes
// at once. Errors other than ErrNotFound and the context's own mean that the store cannot be reached or is full; they
// are *protocol.Error of the code PersistenceFailed and name the store and the cause.
type Store interface {
	// Put keeps a batch, all of it or nothing. A Record replaces the one with an equal Key; a value that is there
	// already stays as it is. So a batch may be put any number of times. When Put returns, a crash loses nothing.
	// What it costs does not depend on how large the run, or the store, has become.
	Put(ctx context.Context, batch Batch) error
	// Records returns what the query asks for; nothing found is an empty slice, not an error.
	Records(ctx context.Context, query Query) ([]Record, error)
	// Value returns the bytes that were put, or ErrNotFound.
	Value(ctx context.Context, ref protocol.Ref) ([]byte, error)
	// Close ends the use of the store. It may be called twice; calls that follow it fail.
	Close() error
}

// Adviser is a Store that may have something to tell people who depend on it: that it is operated in a way that can lose
// results, say.
type Adviser interface {
	// Advice returns a sentence for each thing that should be changed.
	Advice() []string
}

// Batch is what is put at once.
type Batch struct {
	Records []Record
	Values  [][]byte // Each is kept under protocol.RefOf of its bytes.
}

// Kind tells what a Record is about.
type Kind string

// The kinds of Record.
const (
	Run  Kind = "run"
	Task Kind = "task"
	// Function is a function that tasks call by name. It belongs to no run: its Key has the name of its protocol as Run,
	// and its own as Task.
	Function Kind = "function"
	// Cached is what a call has brought that later calls like it may have: a completed one, with its Value. It belongs to no
	// run: CallKey makes its Key.
	Cached Kind = "cached"
)

// Key tells Records apart. Of a run, Task is empty and Attempt 0.
type Key struct {
	Run       string `json:"run"`       // The run's id.
	Execution string `json:"execution"` // Tells runs of the same id apart.
	Task      string `json:"task,omitempty"`
	Item      int    `json:"item"` // Index of the item, or protocol.NoItem for the task itself.
	Attempt   int    `json:"attempt,omitempty"`
}

// CallKey is the Key of the Cached record of all calls whose hash is the same. No run has such an id.
func CallKey(hash string) Key {
	return Key{Run: "cache/v1", Execution: "calls", Task: hash, Item: protocol.NoItem}
}

// Record is what is kept of a run, or of one attempt of a task or an item.
type Record struct {
	Kind Kind `json:"kind"`
	Key
	Workflow   string           `json:"workflow"` // The workflow's name.
	Method     string           `json:"method,omitempty"`
	Status     protocol.Status  `json:"status"`
	Reason     string           `json:"reason,omitempty"` // Why a task was skipped.
	Error      *protocol.Error  `json:"error,omitempty"`
	Warning    string           `json:"warning,omitempty"`  // What people should know of a result that is there.
	Attempts   int              `json:"attempts,omitempty"` // Lost workers not counted.
	FromCache  bool             `json:"cached,omitempty"`   // Of a task: an earlier call's result was taken.
	StartedAt  time.Time        `json:"started_at,omitzero"`
	FinishedAt time.Time        `json:"finished_at,omitzero"`
	Usage      protocol.Usage   `json:"usage,omitzero"`
	Value      *protocol.Ref    `json:"value,omitempty"`  // The result of a task; the outputs of a run.
	Plan       *protocol.Ref    `json:"plan,omitempty"`   // Of a run.
	Queue      string           `json:"queue,omitempty"`  // Of a run: the Temporal task queue.
	Items      *protocol.Ref    `json:"items,omitempty"`  // Of a task that runs once an item: the list of the items.
	Counts     *protocol.Counts `json:"counts,omitempty"` // Of such a task, when it has ended.
}

// Query says which Records are wanted. With Run, the Records of that run's newest execution: the run first, then its
// tasks by task, item and attempt. Without, Records of runs alone, newest first by StartedAt. With Run, Execution and Task,
// what it costs depends on the records of that task alone, however many others there are.
type Query struct {
	Run       string
	Execution string          // With Run: that execution instead of the newest.
	Kind      Kind            // With Run: only those of the kind.
	Task      string          // With Run: only those of the task.
	Item      *int            // With Run: only those of the item of that index, or, for protocol.NoItem, of whole tasks.
	Workflow  string          // Without Run: only runs of the workflow.
	Status    protocol.Status // Without Run: only runs in the status.
	Limit     int             // At most so many; 0 is all.
}

// Check refuses what no store takes: a value that is too large, a record of nothing. Its error is permanent: the same
// batch will never be taken.
func (b Batch) Check() error {
	for _, data := range b.Values {
		if len(data) > protocol.MaxValue {
			return protocol.Errorf(protocol.TaskResultInvalid, "a value has %d bytes, and the most that can be kept is %d", len(data), protocol.MaxValue).
				WithKind(protocol.Permanent)
		}
	}
	for _, record := range b.Records {
		if record.Run == "" || (record.Kind != Run && record.Kind != Task && record.Kind != Function && record.Kind != Cached) {
			return protocol.Errorf(protocol.InternalError, "a record of kind %q about run %q cannot be kept", record.Kind, record.Run).
				WithKind(protocol.Permanent)
		}
	}
	return nil
}
