// Package resultstore is the contract of stores for the results of runs, tasks and items, with their values. The stores are
// the packages below it; storetest tests all of them.
package resultstore

import (
	"context"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// ErrNotFound means that the store has no such value.
var ErrNotFound = errors.New("not found in the result store")

// Store stores Records and values. It is safe for many goroutines, and every store but memory for many processes at once.
// Errors other than ErrNotFound and the context's own mean that the store cannot be reached or is full; they are
// *protocol.Error of the code PersistenceFailed and name the store and the cause.
type Store interface {
	// Put stores a batch, all of it or nothing. A Record replaces the one with an equal Key; an existing value stays
	// unchanged. So a batch may be put any number of times. After Put has returned, a crash loses nothing. An empty batch asks
	// whether the store can be written to. The cost does not depend on the size of the run or of the store.
	Put(ctx context.Context, batch Batch) error
	// Records returns the Records that match the query: an empty slice, not an error, if there are none.
	Records(ctx context.Context, query Query) ([]Record, error)
	// Value returns the bytes of a value, or ErrNotFound.
	Value(ctx context.Context, ref protocol.Ref) ([]byte, error)
	// Prune removes what the request names, in steps that block no writer for long, and returns the space to the disk where that
	// is possible. A kill in between leaves a store that the same request prunes further. A value that is put meanwhile stays.
	Prune(ctx context.Context, request PruneRequest) (Pruned, error)
	// Sizes returns how much of what the store has. It may read the whole store.
	Sizes(ctx context.Context) (Sizes, error)
	// Close closes the store. It may be called twice; any other call after it fails.
	Close() error
}

// Adviser is a Store with advice for its operator: that its configuration can lose results, for example.
type Adviser interface {
	// Advice returns a sentence for each setting that should be changed.
	Advice() []string
}

// Namer is a Store that has values by other names than their hashes.
type Namer interface {
	// Names returns the names that the value with a hash may have.
	Names(hash string) []string
}

// Batch is a group of records and values that is stored at once.
type Batch struct {
	Records []Record
	Values  [][]byte // Each has the protocol.RefOf its bytes,
	Names   []string // or, where there are names, the one of the same index as its hash. Such a value is not compressed.
}

// Name returns the name of a value; empty: it has the hash of its bytes.
func (b Batch) Name(value int) string {
	if len(b.Names) == 0 {
		return ""
	}
	return b.Names[value]
}

// Kind is the subject of a Record.
type Kind string

// The kinds of Record.
const (
	Run  Kind = "run"
	Task Kind = "task"
	// Function is a function that tasks call by name. It belongs to no run: its Key has the name of its protocol as Run and its
	// own as Task.
	Function Kind = "function"
	// Cached is the result of a completed call, for later equal calls. It belongs to no run: CallKey makes its Key.
	Cached Kind = "cached"
	// Chunk is what an attempt of a task or an item has recorded of a document that it reads in chunks, for other attempts: ChunkKey
	// makes its Key. It is removed with its run.
	Chunk Kind = "chunk"
	// Round is a round of a task that is repeated, after which another one follows or its rounds are over: RoundKey makes its Key. It is
	// removed with its run.
	Round Kind = "round"
	// Step is an attempt of a step of an item: StepKey makes its Key. It is removed with its run.
	Step Kind = "step"
)

// Key identifies a Record. For a run, Task is empty and Attempt 0.
type Key struct {
	Run       string `json:"run"`       // The run's id.
	Execution string `json:"execution"` // Distinguishes runs of the same id.
	Task      string `json:"task,omitempty"`
	Item      int    `json:"item"` // Index of the item, or protocol.NoItem for the task itself.
	Attempt   int    `json:"attempt,omitempty"`
}

// CallKey returns the Key of the Cached record of all calls with the same hash. No run has such an id.
func CallKey(hash string) Key {
	return Key{Run: "cache/v1", Execution: "calls", Task: hash, Item: protocol.NoItem}
}

// ChunkKey returns the Key of what attempts of a task or an item have recorded under a hash. No task has such an id, and no query for
// tasks themselves finds it.
func ChunkKey(of Key, hash string) Key {
	return Key{Run: of.Run, Execution: of.Execution, Task: of.Task + "/chunk/" + hash, Item: max(of.Item, 0)}
}

// RoundSuffix follows the task in the Key of its rounds.
const RoundSuffix = "/round"

// RoundKey returns the Key of a round of a task, of the attempt that was it. No task has such an id, and no query for tasks themselves
// finds it.
func RoundKey(of Key) Key {
	of.Task, of.Item = of.Task+RoundSuffix, max(of.Item, 0)
	return of
}

// StepKey returns the Key of a step of an item. No task has such an id, and no query for tasks themselves finds it.
func StepKey(of Key, step string) Key {
	of.Task = protocol.FormatStepID(of.Task, step)
	return of
}

// Record describes a run, or one attempt of a task, an item or a step of one.
type Record struct {
	Kind Kind `json:"kind"`
	Key
	Workflow   string           `json:"workflow"` // The workflow's name.
	Method     string           `json:"method,omitempty"`
	Status     protocol.Status  `json:"status"`
	Reason     string           `json:"reason,omitempty"` // Why a task was skipped.
	Error      *protocol.Error  `json:"error,omitempty"`
	Warning    string           `json:"warning,omitempty"`           // What people should know of the result.
	Attempts   int              `json:"attempts,omitempty"`          // Without those of lost workers.
	Rounds     int              `json:"rounds,omitempty"`            // Of a task that is repeated: how many it had; of a round: its number.
	FromCache  bool             `json:"cached,omitempty"`            // Of a task: the result is that of an equal earlier call.
	StartedAt  time.Time        `json:"started_at,omitzero"`         // Of a task, an item or a step: when its first attempt started,
	AttemptAt  time.Time        `json:"attempt_started_at,omitzero"` // and when this one did, if it is a later one or a later round.
	FinishedAt time.Time        `json:"finished_at,omitzero"`
	Usage      protocol.Usage   `json:"usage,omitzero"`
	Value      *protocol.Ref    `json:"value,omitempty"`    // The result of a task; the outputs of a run.
	Plan       *protocol.Ref    `json:"plan,omitempty"`     // Of a run.
	Queue      string           `json:"queue,omitempty"`    // Of a run: the Temporal task queue.
	Items      *protocol.Ref    `json:"items,omitempty"`    // Of a task with items: the list of them, or the protocol.Manifest of its pages,
	Pages      []protocol.Ref   `json:"pages,omitempty"`    // and these.
	Printed    *protocol.Ref    `json:"printed,omitempty"`  // Of an attempt without a result: what it has printed, a protocol.Printed.
	Counts     *protocol.Counts `json:"counts,omitempty"`   // Of such a task that has ended.
	Summary    *protocol.Ref    `json:"summary,omitempty"`  // Of such a task with many items: a Summary of them.
	Approval   *protocol.Ref    `json:"approval,omitempty"` // Of a task that asks people: a protocol.Approval.
	Log        *protocol.Ref    `json:"log,omitempty"`      // Of an attempt that has sent or printed something: a protocol.CallLog.
	Call       string           `json:"call,omitempty"`     // Of a task or item: what identifies its resolved call. Secrets are not part of it.
	Sealed     []byte           `json:"sealed,omitempty"`   // What is encrypted, while it is stored.

	TakeOver *protocol.TakeOver `json:"take_over,omitempty"` // Of a run: whose results it takes over.
}

// Outcome returns how the attempt of a task or an item ended.
func (r *Record) Outcome() protocol.Outcome {
	return protocol.Outcome{
		Status: r.Status, Error: r.Error, Reason: r.Reason, Value: protocol.Payload{Ref: r.Value}, Usage: r.Usage, Attempts: r.Attempts, Rounds: r.Rounds,
		StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, Items: r.Counts, Cached: r.FromCache, Warning: r.Warning,
		Printed: protocol.Payload{Ref: r.Printed},
	}
}

// Began returns when the attempt itself started, or the round, without those before and the pauses between them. before is the record of
// the attempt before; nil: there is none. Records of earlier versions do not have it: then it is when that one ended, at the earliest.
func (r *Record) Began(before *Record) time.Time {
	if !r.AttemptAt.IsZero() {
		return r.AttemptAt
	}
	if before != nil && before.Task == r.Task && before.Item == r.Item && before.FinishedAt.After(r.StartedAt) {
		return before.FinishedAt
	}
	return r.StartedAt
}

// Refs returns the Refs of all values that the record refers to; a change of one changes the record.
func (r *Record) Refs() []*protocol.Ref {
	var refs []*protocol.Ref
	for _, ref := range []*protocol.Ref{r.Value, r.Plan, r.Items, r.Printed, r.Summary, r.Approval, r.Log} {
		if ref != nil {
			refs = append(refs, ref)
		}
	}
	for i := range r.Pages {
		refs = append(refs, &r.Pages[i])
	}
	return refs
}

// Query selects Records. With Run: those of that run's newest execution, the run first, then its tasks by task, item and
// attempt. Without Run: Records of runs alone, newest first by StartedAt. With Run, Execution and Task the cost depends only
// on the number of records of that task.
type Query struct {
	Run       string
	Execution string          // With Run: that execution instead of the newest.
	Kind      Kind            // With Run: only those of the kind.
	Task      string          // With Run: only those of the task.
	Item      *int            // With Run: only those of the item with that index, or, for protocol.NoItem, of tasks themselves.
	Last      *int            // With Item, and with Task: also those of the items after it, up to that index.
	Workflow  string          // Without Run: only runs of the workflow.
	Status    protocol.Status // Without Run: only runs in the status.
	Before    time.Time       // Without Run: only runs that started before; zero for all.
	Since     time.Time       // Without Run: only runs that started then or later; zero for all.
	Limit     int             // Maximum number of Records; 0 is no limit.
}

// Check rejects a batch that no store accepts, with a value that is too large or a record without a run. Its error is
// permanent.
func (b Batch) Check() error {
	for _, data := range b.Values {
		if len(data) > protocol.MaxValue {
			return protocol.Errorf(protocol.TaskResultInvalid, "a value has %d bytes, and the limit is %d", len(data), protocol.MaxValue).
				WithKind(protocol.Permanent)
		}
	}
	for _, record := range b.Records {
		if record.Run == "" || (record.Kind != Run && record.Kind != Task && record.Kind != Function && record.Kind != Cached && record.Kind != Chunk && record.Kind != Round && record.Kind != Step) {
			return protocol.Errorf(protocol.InternalError, "cannot store a record of kind %q for run %q", record.Kind, record.Run).
				WithKind(protocol.Permanent)
		}
	}
	return nil
}
