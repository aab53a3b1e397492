package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// MaxInline is the size in bytes of the largest value (as JSON) that travels through a workflow itself; a larger one
// stays in the result store and its Ref travels.
const MaxInline = 16 << 10

// MaxValue is the size in bytes of the largest value (as JSON) that a result store takes.
const MaxValue = 64 << 20

// Status is how far a run, a task or an item has come.
type Status string

// The statuses. A run is never Pending or Skipped.
const (
	Pending   Status = "pending"
	Running   Status = "running"
	Completed Status = "completed"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
	TimedOut  Status = "timed_out"
	Skipped   Status = "skipped"
)

// Ended tells whether nothing will change any more.
func (s Status) Ended() bool { return s != Pending && s != Running && s != "" }

// Ref leads to a value in the result store, by the hash of its JSON.
type Ref struct {
	Hash string `json:"hash"` // SHA-256 in lowercase hex.
	Size int64  `json:"size"` // Bytes of JSON.
}

// RefOf returns the Ref under which a store keeps the bytes.
func RefOf(data []byte) Ref {
	sum := sha256.Sum256(data)
	return Ref{Hash: hex.EncodeToString(sum[:]), Size: int64(len(data))}
}

// Payload is a value on its way through a workflow. Either field may be absent; the zero Payload is empty.
type Payload struct {
	Ref    *Ref         `json:"ref,omitempty"`
	Inline *value.Value `json:"inline,omitempty"` // The value itself, up to MaxInline.
}

// Empty tells whether nothing is held.
func (h Payload) Empty() bool { return h.Ref == nil && h.Inline == nil }

// NewCallPayload returns the value as a Call takes it along: in full if small, else by the Ref alone, with the JSON that whoever
// makes the Call must have put into the store.
func NewCallPayload(v value.Value) (Payload, []byte) {
	held, data := NewPayload(v)
	if held.Inline != nil {
		return Payload{Inline: held.Inline}, data
	}
	return held, data
}

// NewPayload returns the value as an Outcome reports it, and its JSON for the store.
func NewPayload(v value.Value) (Payload, []byte) {
	data := v.JSON()
	ref := RefOf(data)
	held := Payload{Ref: &ref}
	if len(data) <= MaxInline {
		held.Inline = &v
	}
	return held, data
}

// RunInfo is what a run tells its tasks of itself; `${run…}` reads it.
type RunInfo struct {
	ID         string    `json:"id"`        // Temporal's workflow id.
	Execution  string    `json:"execution"` // Tells runs of the same id apart: the id of the first Temporal run.
	Workflow   string    `json:"workflow"`  // The workflow's name.
	StartedAt  time.Time `json:"started_at"`
	Folder     string    `json:"folder"`      // Where it was started, absolute.
	FlowFolder string    `json:"flow_folder"` // Where the workflow file lies, absolute.
}

// Call is what goes into an activity: one method with its parameters as written and what its references need.
type Call struct {
	Format       int       `json:"format"` // CallFormat of the program that made it.
	Run          RunInfo   `json:"run"`
	Task         string    `json:"task"`           // The task's id.
	Item         *int      `json:"item,omitempty"` // The index of the item, where the task runs once an item.
	Name         string    `json:"name,omitempty"`
	Method       string    `json:"method"`
	Parameters   Payload   `json:"parameters"`      // An object, with its references.
	Reads        []string  `json:"reads,omitempty"` // Files and folders outside of the run's that it may read, absolute.
	Source       *Source   `json:"source,omitempty"`
	Bindings     []Binding `json:"bindings,omitempty"`
	Dependencies []string  `json:"dependencies,omitempty"` // Ids whose bindings are handed to the handler, where its method wants them.
	Timeout      Seconds   `json:"timeout"`                // Of one attempt; 0 is the handler's own.
	Retry        *Retry    `json:"retry,omitempty"`
	Cache        bool      `json:"cache,omitempty"` // What an equal call has brought will do.

	Servers  []ToolServer `json:"servers,omitempty"`  // Of the workflow, as far as it may need them.
	Priority int          `json:"priority,omitempty"` // Temporal's key: 1 starts first, 5 last. Absent, the call is as urgent as most.
}

// NormalPriority is that of a call that says nothing of it.
const NormalPriority = 3

// Source is a Script on its way: its text is a string, held like any other value.
type Source struct {
	Path string  `json:"path"`
	Text Payload `json:"text"`
}

// CallFormat is the version of Call and Outcome that this program writes; an activity refuses a later one.
const CallFormat = 1

// Binding gives the head of a reference its value: a task that ended, the inputs, or an item and its index.
type Binding struct {
	Head   string  `json:"head"`             // As references write it: a task's id or name, "inputs", "item", "index".
	Task   string  `json:"task,omitempty"`   // The id, where it is a task.
	Status Status  `json:"status,omitempty"` // Of the task.
	Error  *Error  `json:"error,omitempty"`  // Of the task, where it has one.
	Reason string  `json:"reason,omitempty"` // Why the task was skipped.
	Value  Payload `json:"value,omitzero"`
	File   bool    `json:"file,omitempty"` // The value is the path of a file: its name, stem and dir can be asked for.
}

// Retry says how often and when a task is tried again. Absent, transient errors have three attempts and others one.
type Retry struct {
	MaxAttempts int     `json:"max_attempts"`
	Backoff     Backoff `json:"backoff"`
	BaseDelay   Seconds `json:"base_delay"`
	MaxDelay    Seconds `json:"max_delay"`
	Jitter      bool    `json:"jitter"` // Each delay is shortened by up to half, at random.
}

// Backoff is how delays grow from attempt to attempt.
type Backoff string

// The backoffs: doubled, one base delay more, or the same each time.
const (
	Exponential Backoff = "exponential"
	Linear      Backoff = "linear"
	Fixed       Backoff = "fixed"
)

// Seconds is a duration as JSON shows it to people: a number of seconds.
type Seconds float64

// Duration converts to Go's.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// SecondsOf converts from Go's.
func SecondsOf(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Outcome is what an activity hands to the workflow: small, whatever the result's size.
type Outcome struct {
	Status     Status    `json:"status"`
	Error      *Error    `json:"error,omitempty"`
	Reason     string    `json:"reason,omitempty"` // Why a task was skipped.
	Value      Payload   `json:"value,omitzero"`
	Usage      Usage     `json:"usage,omitzero"`
	Attempts   int       `json:"attempts,omitempty"` // Lost workers not counted.
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Items      *Counts   `json:"items,omitempty"`   // Of a task that ran once an item.
	Cached     bool      `json:"cached,omitempty"`  // It is that of an equal call of an earlier run.
	Warning    string    `json:"warning,omitempty"` // What people should know of a result that is there.
}

// MaxLostWorkers is how often a task is scheduled again because its worker vanished.
const MaxLostWorkers = 10

// Attempts is how often a task may fail with an error of the kind before it has failed for good.
func (r *Retry) Attempts(kind ErrorKind) int {
	switch {
	case kind == Permanent:
		return 1
	case r != nil:
		return max(r.MaxAttempts, 1)
	case kind == Transient:
		return 3
	}
	return 1
}

// The search attributes by which Temporal finds runs, both keywords.
const (
	WorkflowAttribute = "GleitzeitWorkflow" // The workflow's name.
	StatusAttribute   = "GleitzeitStatus"   // A Status.
)
