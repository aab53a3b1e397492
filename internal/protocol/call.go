package protocol

import (
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Status is the state of a run, a task or an item.
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

// Ended reports whether the status is final.
func (s Status) Ended() bool { return s != Pending && s != Running && s != "" }

// RunInfo describes a run to its tasks; `${run…}` reads it.
type RunInfo struct {
	ID         string    `json:"id"`        // Temporal's workflow id.
	Execution  string    `json:"execution"` // Distinguishes runs of the same id: the id of the first Temporal run.
	Workflow   string    `json:"workflow"`  // The workflow's name.
	StartedAt  time.Time `json:"started_at"`
	Folder     string    `json:"folder"`      // The folder in which it was started, absolute.
	FlowFolder string    `json:"flow_folder"` // The folder of the workflow file, absolute.
	TakeOver   *TakeOver `json:"take_over,omitempty"`

	Status Status `json:"status,omitempty"` // How the run has ended, for tasks in `finally`; empty before that.
	Error  *Error `json:"error,omitempty"`  // Why it has not completed.
}

// TakeOver names earlier runs whose results a run takes over where the resolved call of a task or an item is the same, and has not
// to be made again.
type TakeOver struct {
	Runs []EarlierRun `json:"runs"` // The first one that has a result of a call counts.
	// Failed: items that completed are taken over whatever their call is now.
	Failed bool `json:"failed,omitempty"`
	// Items are the only ones that are done again, whatever their call is now: indexes, and patterns of the names of files. The others
	// are taken over as they ended, unless they did not end.
	Items []string `json:"items,omitempty"`
	// Cacheable: only results of methods that may be cached are taken over.
	Cacheable bool `json:"cacheable,omitempty"`
}

// EarlierRun identifies a run that is taken over.
type EarlierRun struct {
	Run       string `json:"run"`
	Execution string `json:"execution"`
}

// Call is the input of an activity: one method, its parameters as written, and what their references need.
type Call struct {
	Format       int       `json:"format"` // CallFormat of the program that made it.
	Run          RunInfo   `json:"run"`
	Task         string    `json:"task"`           // The task's id.
	Item         *int      `json:"item,omitempty"` // The index of the item, of a task with items.
	Name         string    `json:"name,omitempty"`
	Method       string    `json:"method"`
	Parameters   Payload   `json:"parameters"`       // An object, with its references.
	Reads        []string  `json:"reads,omitempty"`  // Files and folders outside the run's own that it may read, absolute.
	Within       string    `json:"within,omitempty"` // The folder in which the item, a file, was found, absolute: no link is followed out of it.
	Source       *Source   `json:"source,omitempty"`
	Bindings     []Binding `json:"bindings,omitempty"`
	Dependencies []string  `json:"dependencies,omitempty"` // Ids of the tasks whose results the handler gets, where its method needs them.
	Timeout      Seconds   `json:"timeout"`                // Of one attempt; 0 is the handler's own.
	Retry        *Retry    `json:"retry,omitempty"`
	Cache        bool      `json:"cache,omitempty"` // The result of an equal earlier call may be used.

	Repeat   *Repeat      `json:"repeat,omitempty"`   // It is made again until a condition holds; nil: once.
	Reduce   *Reduce      `json:"reduce,omitempty"`   // It groups texts, and no call of its method is made.
	Split    *Split       `json:"split,omitempty"`    // How its document is split; nil: it is read as a whole.
	Servers  []ToolServer `json:"servers,omitempty"`  // Those of the workflow that the call may need.
	Items    *Items       `json:"items,omitempty"`    // The items that it is for, one after the other. It has no Item and no binding for them.
	Priority int          `json:"priority,omitempty"` // Temporal's key: 1 starts first, 5 last; 0 is NormalPriority.
	Absence  Seconds      `json:"absence,omitempty"`  // How long a server that is not there is waited for, also if it has never answered; 0 is the handler's own.
	Step     *Step        `json:"step,omitempty"`     // The step of the items that it is for; nil: they have none.
}

// NormalPriority is the priority of a call that sets none.
const NormalPriority = 3

// Source is a Script in a Call: its text is a payload.
type Source struct {
	Path string  `json:"path"`
	Text Payload `json:"text"`
}

// CallFormat is the latest version of Call and Outcome; an activity rejects a later one. A program writes the earliest that
// suffices: StepFormat is that of a Call with Step, ReduceFormat that of one with Reduce, RetryFormat that of one with Repeat, or whose Retry is
// Selective, SplitFormat that of one with Split, and all others have the first.
const (
	CallFormat   = StepFormat
	StepFormat   = 4
	ReduceFormat = 4
	RetryFormat  = 3
	SplitFormat  = 2
	FirstFormat  = 1
)

// Binding is the value of the head of a reference: of a task that ended, the inputs, or an item and its index.
type Binding struct {
	Head   string  `json:"head"`             // As references write it: a task's id or name, "inputs", "item", "index".
	Task   string  `json:"task,omitempty"`   // The id, where it is a task.
	Status Status  `json:"status,omitempty"` // Of the task.
	Error  *Error  `json:"error,omitempty"`  // Of the task, where it has one.
	Reason string  `json:"reason,omitempty"` // Why the task was skipped.
	Value  Payload `json:"value,omitzero"`
	File   bool    `json:"file,omitempty"`  // The value is the path of a file, with the fields name, stem and dir.
	Model  string  `json:"model,omitempty"` // Of such a file, with several models: its field model.
}

// Retry is the retry policy of a task. Without one, transient errors have three attempts and others one.
type Retry struct {
	MaxAttempts int     `json:"max_attempts"`
	Backoff     Backoff `json:"backoff"`
	BaseDelay   Seconds `json:"base_delay"`
	MaxDelay    Seconds `json:"max_delay"`
	Jitter      bool    `json:"jitter"` // Each delay is shortened by up to half, at random.

	On         []string `json:"on,omitempty"`          // Names of the only errors that are retried; empty: all that can be.
	NotOn      []string `json:"not_on,omitempty"`      // Names of errors that are not.
	MaxElapsed Seconds  `json:"max_elapsed,omitempty"` // Limit of all attempts together, from when the task was scheduled; 0 is none.
}

// Backoff is how delays grow from retry to retry.
type Backoff string

// The backoffs: doubled, increased by the base delay, or constant.
const (
	Exponential Backoff = "exponential"
	Linear      Backoff = "linear"
	Fixed       Backoff = "fixed"
)

// Seconds is a duration in JSON: a number of seconds.
type Seconds float64

// Duration converts to Go's.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// SecondsOf converts from Go's. The seconds have no more digits than the duration: 1.695, not 1.6949999999999998.
func SecondsOf(d time.Duration) Seconds { return Seconds(float64(d) / float64(time.Second)) }

// RoundedSeconds is SecondsOf in milliseconds: at most three digits after the point, as people are shown durations.
func RoundedSeconds(d time.Duration) Seconds { return SecondsOf(d.Round(time.Millisecond)) }

// Outcome is the output of an activity: small, whatever the size of the result.
type Outcome struct {
	Status     Status    `json:"status"`
	Error      *Error    `json:"error,omitempty"`
	Reason     string    `json:"reason,omitempty"` // Why a task was skipped.
	Value      Payload   `json:"value,omitzero"`
	Usage      Usage     `json:"usage,omitzero"`
	Attempts   int       `json:"attempts,omitempty"` // Without those of lost workers; of a task that is repeated, in its last round.
	Rounds     int       `json:"rounds,omitempty"`   // Of a task that is repeated.
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Items      *Counts   `json:"items,omitempty"`   // Of a task with items.
	Cached     bool      `json:"cached,omitempty"`  // The result is that of an equal earlier call.
	Warning    string    `json:"warning,omitempty"` // What people should know of the result.
	Item       string    `json:"item,omitempty"`    // Of an item that has failed: as messages name it.
	Printed    Payload   `json:"printed,omitzero"`  // What an attempt without a result has printed: a Printed.
	Next       bool      `json:"next,omitempty"`    // Of a step of an item: the next one follows.
	Took       Seconds   `json:"took,omitempty"`    // Of an item that has ended with a step: how long that took, without the steps before.
}

// MaxLostWorkers is how often a task is scheduled again after the process running it stopped.
const MaxLostWorkers = 10

// Attempts returns how many attempts a task has that fails with an error of the kind.
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

// The search attributes of runs in Temporal, both keywords.
const (
	WorkflowAttribute = "GleitzeitWorkflow" // The workflow's name.
	StatusAttribute   = "GleitzeitStatus"   // A Status.
)

// Heartbeat is the progress of a task in flight. It is small, whatever the length of the answer.
type Heartbeat struct {
	Message string `json:"message,omitempty"` // How far it has come: "120 tokens".
	Tail    string `json:"tail,omitempty"`    // The end of the text that its model has written.
	Written int    `json:"written,omitempty"` // Bytes of all that it has written.

	Stdout *PrintedTail `json:"stdout,omitempty"` // What its script has printed; nil: nothing.
	Stderr *PrintedTail `json:"stderr,omitempty"`
	Line   string       `json:"line,omitempty"` // The newest line of both.
}

// PrintedTail is the end of what a script has written to one of its streams so far.
type PrintedTail struct {
	Tail    string    `json:"tail"`
	Written int       `json:"written"`     // Bytes of all that it has written.
	At      time.Time `json:"at,omitzero"` // When it wrote the newest of them; zero in heartbeats of earlier programs.
}

// Printed is the end of what a script without a result has printed, without secrets.
type Printed struct {
	Output string `json:"output,omitempty"` // Standard output.
	Stderr string `json:"stderr,omitempty"`
}

const (
	// PrintedLines and PrintedBytes are how much of the end of each stream a Printed has.
	PrintedLines = 100
	PrintedBytes = 64 << 10
)

// Empty reports whether nothing was printed.
func (p Printed) Empty() bool { return p == Printed{} }

// Value returns the value that the result store has.
func (p Printed) Value() value.Value {
	return value.Object(value.Field{Name: "output", Value: value.String(p.Output)}, value.Field{Name: "stderr", Value: value.String(p.Stderr)})
}

// SetPrinted sets what the attempt has printed, and returns the values that its Payload refers to.
func (o *Outcome) SetPrinted(printed Printed) [][]byte {
	if printed.Empty() {
		return nil
	}
	data := printed.Value().JSON()
	ref := RefOf(data)
	o.Printed = Payload{Ref: &ref} // Never inline: it would be in the history of the run, for every item.
	return [][]byte{data}
}

// ParsePrinted reads a value that Value has returned.
func ParsePrinted(v value.Value) Printed {
	output, _ := v.Get("output")
	stderr, _ := v.Get("stderr")
	return Printed{output.Text(), stderr.Text()}
}

// OfItem returns the status of an item as results have it: one that was cancelled counts as skipped.
func (s Status) OfItem() Status {
	switch s {
	case Completed, Failed:
		return s
	case TimedOut:
		return Failed
	}
	return Skipped
}
