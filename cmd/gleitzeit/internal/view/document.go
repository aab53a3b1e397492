// Package view shows runs, and graphs of workflows and runs, as text and as JSON, both from the same value. It reads records
// and does not change any.
package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Run is the document of a run, as every command shows it. Durations are seconds, times are UTC.
type Run struct {
	Run      string          `json:"run"`
	Workflow string          `json:"workflow"`
	Version  string          `json:"version,omitempty"`
	Tags     []string        `json:"tags,omitempty"`
	Metadata *value.Value    `json:"metadata,omitempty"`
	Status   protocol.Status `json:"status"`
	// It is open, and no process executes it.
	Interrupted bool `json:"interrupted,omitempty"`
	// The engine no longer knows it, and its end is not recorded: its status is failed.
	Lost       bool             `json:"lost,omitempty"`
	StartedAt  time.Time        `json:"started_at,omitzero"`
	FinishedAt *time.Time       `json:"finished_at"`
	Duration   protocol.Seconds `json:"duration"`
	Outputs    value.Value      `json:"outputs"`
	Usage      Usage            `json:"usage"`
	Error      *Error           `json:"error,omitempty"`
	Tasks      []Task           `json:"tasks,omitempty"`
	Continues  *Continued       `json:"continues,omitempty"` // Of a run that takes over results of an earlier one.

	nestedItems map[string][]int // Of tasks that run a workflow for each, of which something is recorded.

	texts value.Texts // Of the outputs and the results, which are often the same.
}

// Interrupted is what people are shown as the status of a run that is open and that no process executes.
const Interrupted protocol.Status = "interrupted"

// Lost is what people are shown as the status of a run that the engine no longer knows.
const Lost protocol.Status = "lost"

// State returns the status for people.
func (r *Run) State() protocol.Status { return state(r.Status, r.Interrupted, r.Lost) }

func state(status protocol.Status, interrupted, lost bool) protocol.Status {
	switch {
	case interrupted:
		return Interrupted
	case lost:
		return Lost
	}
	return status
}

// Hint returns what can be done about the error of the run; empty where there is none, or a task has the same.
func (r *Run) Hint() string {
	if r.Error == nil || slices.ContainsFunc(r.Tasks, func(t Task) bool { return t.Error != nil && t.Error.Hint == r.Error.Hint }) {
		return ""
	}
	return r.Error.Hint
}

// Continued is an earlier run, with what was taken over from it and from those that it has continued.
type Continued struct {
	Run   string `json:"run"`
	Tasks Share  `json:"tasks"` // Without those that have items.
	Items Share  `json:"items"`

	started time.Time // When the run did that takes over.
	same    bool      // It is another execution of the run that takes over.
}

// Share is how many of all were taken over.
type Share struct {
	TakenOver int `json:"taken_over"`
	Total     int `json:"total"`
}

// has reports whether the result of a record was taken over: it has the times of the earlier run.
func (c *Continued) has(record resultstore.Record) bool {
	return c != nil && record.FromCache && record.FinishedAt.Before(c.started)
}

// Line returns a line about what was taken over; empty if nothing could be.
func (c *Continued) Line() string {
	if c == nil {
		return ""
	}
	var parts []string
	if c.Tasks.Total > 0 && (c.Items.Total == 0 || c.Tasks.TakenOver > 0) {
		parts = append(parts, fmt.Sprintf("%d of %d tasks", c.Tasks.TakenOver, c.Tasks.Total))
	}
	if c.Items.Total > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d items", c.Items.TakenOver, c.Items.Total))
	}
	earlier := c.Run
	if c.same {
		earlier = "an earlier execution of this run"
	}
	if len(parts) == 0 {
		return "continues " + earlier
	}
	return fmt.Sprintf("continues %s: %s taken over", earlier, strings.Join(parts, " and "))
}

// Task is one task of a run.
type Task struct {
	ID        string           `json:"id"`
	Name      string           `json:"name,omitempty"` // Empty if it is the id.
	About     string           `json:"description,omitempty"`
	Tags      []string         `json:"tags,omitempty"`
	Metadata  *value.Value     `json:"metadata,omitempty"`
	Method    string           `json:"method"`
	Within    string           `json:"within,omitempty"` // The task that runs its workflow; empty for a task of the run itself.
	Status    protocol.Status  `json:"status"`
	Finally   bool             `json:"finally,omitempty"` // It is part of the clean-up.
	Reason    string           `json:"reason,omitempty"`  // Why it was skipped, or does not start or continue.
	Attempts  int              `json:"attempts"`
	Rounds    int              `json:"rounds,omitempty"` // Of a task with `repeat`, or that makes one answer of many texts: how many it has had.
	Calls     *protocol.Counts `json:"calls,omitempty"`  // Of a task that makes one answer of many texts: how the calls of its rounds ended, so far.
	Cached    bool             `json:"cached,omitempty"` // It has the result of an equal call of an earlier run.
	Items     *protocol.Counts `json:"items,omitempty"`  // Of a fanned-out task: how they ended, so far.
	Values    bool             `json:"-"`                // Its items are values, not files.
	Rows      bool             `json:"-"`                // Its items are the rows of a table.
	StartedAt *time.Time       `json:"started_at"`
	Duration  protocol.Seconds `json:"duration"`
	Result    *value.Value     `json:"result,omitempty"`
	Warning   string           `json:"warning,omitempty"`  // What people should know of a result that is there.
	Warnings  int              `json:"warnings,omitempty"` // Items whose results have warnings.
	Reasons
	Approval *Approval   `json:"approval,omitempty"` // What it asks, while it waits for the answer.
	InFlight []time.Time `json:"-"`                  // When the attempts that workers execute now began: its own, or those of its items.
	Retrying int         `json:"retrying,omitempty"` // Items that wait for their next attempt, or are in it.
	Error    *Error      `json:"error"`

	FailedAttempts []FailedAttempt `json:"failed_attempts,omitempty"` // Those that another one followed.
	Repeated       []Round         `json:"repeated,omitempty"`        // Rounds whose result is not that of the task.

	after           []string
	nested          bool             // It runs a workflow.
	items           map[int]attempts // Of its items: those that failed.
	printed         *protocol.Ref    // What the last attempt has printed.
	answers         []string         // The fields of its answers, as far as its schema names them.
	models          bool             // Its items name the models that are asked.
	folders         []string         // Within which its items are named.
	steps           []string         // Ids of the steps of its items.
	listFailed      string           // The command that lists its items that failed.
	each            bool             // It is fanned out.
	reduces         bool             // It makes one answer of many texts: its items are calls.
	tolerance       *plan.Tolerance  // How many of its items may fail; nil: any number.
	continueOnError bool             // The run continues when the task fails.
	when            string
	runIf           string
	waits           bool          // It asks for an approval.
	asked           *protocol.Ref // What it asks: a protocol.Approval.
	value           *protocol.Ref
}

// FailsRun reports whether the task has failed and its run fails because of it.
func (t *Task) FailsRun() bool {
	return t.Status == protocol.Failed && !t.continueOnError && !t.Finally && t.Within == ""
}

// AsksForApproval reports whether the task is one that a person answers.
func (t *Task) AsksForApproval() bool { return t.waits }

// failsCleanUp reports whether the task is one of the clean-up that did not complete.
func (t *Task) failsCleanUp() bool {
	return t.Finally && t.Within == "" && (t.Status == protocol.Failed && !t.continueOnError || t.Status == protocol.Cancelled)
}

// CleanUpFailure returns a line about the clean-up of a run that has ended; empty if it is complete.
func (r *Run) CleanUpFailure() string {
	var failed []string
	for i := range r.Tasks {
		if r.Status.Ended() && r.Tasks[i].failsCleanUp() {
			failed = append(failed, r.Tasks[i].ID)
		}
	}
	if len(failed) == 0 {
		return ""
	}
	return "the clean-up is not complete: " + strings.Join(failed, ", ")
}

// LimitReached reports whether the task has failed because its items reached a limit that the workflow sets.
func (t *Task) LimitReached() bool {
	return t.Status == protocol.Failed &&
		(t.Error != nil && t.Error.Code == protocol.TaskLimitReached || t.Items != nil && t.tolerance.Exceeded(t.Items.Failed, t.Items.Total))
}

// Steps returns the ids of the steps of the task's items.
func (t *Task) Steps() []string { return t.steps }

// HasItems reports whether the task is fanned out.
func (t *Task) HasItems() bool { return t.each || t.Items != nil }

// Usage is protocol.Usage with its zeros.
type Usage struct {
	LLMCalls     int64 `json:"llm_calls"`
	PromptTokens int64 `json:"prompt_tokens"`
	TokensUsed   int64 `json:"tokens_used"`
}

// Error is an error in a document.
type Error struct {
	Code      protocol.Code `json:"code"`
	Name      string        `json:"name"`
	Message   string        `json:"message"`
	Hint      string        `json:"hint,omitempty"`
	Retryable bool          `json:"retryable"`

	protocol.Printed // By the attempt that failed.
}

// NewError returns the document of an error; nil for nil.
func NewError(e *protocol.Error) *Error {
	if e == nil {
		return nil
	}
	return &Error{Code: e.Code, Name: e.Name, Message: e.Message, Hint: e.Hint, Retryable: e.Retryable()}
}

// Live is the state of an open run that only Temporal has.
type Live struct {
	Status  protocol.Status // How the run closed; Running while it is open.
	Running []string        // Ids of tasks in flight.
	// InFlight has when the attempts that workers execute began, by the id of the task: its own, or those of its items.
	InFlight map[string][]time.Time
	// Waiting has the queue for each task, by id, that waits, itself or some of its items, because the queue has no worker.
	Waiting map[string]string
	// Waits has what a task waits for, by id, where all that is in flight of it reports that it waits.
	Waits map[string]string
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
