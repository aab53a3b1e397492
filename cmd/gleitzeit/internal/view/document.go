// Package view makes what is known of a run, and the graph of a workflow or a run, ready for people (text) and for
// programs (JSON), both from the same value. It reads records and never changes one.
package view

import (
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Run is the document of a run, as every command shows it. Durations are seconds, times are UTC.
type Run struct {
	Run        string           `json:"run"`
	Workflow   string           `json:"workflow"`
	Version    string           `json:"version,omitempty"`
	Tags       []string         `json:"tags,omitempty"`
	Metadata   *value.Value     `json:"metadata,omitempty"`
	Status     protocol.Status  `json:"status"`
	StartedAt  time.Time        `json:"started_at,omitzero"`
	FinishedAt *time.Time       `json:"finished_at"`
	Duration   protocol.Seconds `json:"duration"`
	Outputs    value.Value      `json:"outputs"`
	Usage      Usage            `json:"usage"`
	Error      *Error           `json:"error,omitempty"`
	Tasks      []Task           `json:"tasks,omitempty"`
}

// Task is one task of a run.
type Task struct {
	ID        string           `json:"id"`
	Name      string           `json:"name,omitempty"` // Where it differs from the id.
	About     string           `json:"description,omitempty"`
	Tags      []string         `json:"tags,omitempty"`
	Metadata  *value.Value     `json:"metadata,omitempty"`
	Method    string           `json:"method"`
	Status    protocol.Status  `json:"status"`
	Reason    string           `json:"reason,omitempty"` // Why it was skipped, or does not begin.
	Attempts  int              `json:"attempts"`
	Cached    bool             `json:"cached,omitempty"` // It has the result of an equal call of an earlier run.
	Items     *protocol.Counts `json:"items,omitempty"`  // Of a fanned-out task: how they ended, so far.
	Values    bool             `json:"-"`                // Its items are values, not files.
	StartedAt *time.Time       `json:"started_at"`
	Duration  protocol.Seconds `json:"duration"`
	Result    *value.Value     `json:"result,omitempty"`
	Warning   string           `json:"warning,omitempty"`  // What people should know of a result that is there.
	Warnings  int              `json:"warnings,omitempty"` // Items whose results have warnings.
	Error     *Error           `json:"error"`

	after []string
	each  bool // It is fanned out.
	goOn  bool // The run goes on when it fails.
	when  string
	runIf string
	value *protocol.Ref
}

// FailsRun tells whether the task has failed, and its run for it.
func (t *Task) FailsRun() bool { return t.Status == protocol.Failed && !t.goOn }

// Usage is protocol.Usage with its zeros.
type Usage struct {
	LLMCalls     int64 `json:"llm_calls"`
	PromptTokens int64 `json:"prompt_tokens"`
	TokensUsed   int64 `json:"tokens_used"`
}

// Error is what programs are told of an error.
type Error struct {
	Code      protocol.Code `json:"code"`
	Name      string        `json:"name"`
	Message   string        `json:"message"`
	Hint      string        `json:"hint,omitempty"`
	Retryable bool          `json:"retryable"`
}

// NewError makes the view of an error; of none, none.
func NewError(e *protocol.Error) *Error {
	if e == nil {
		return nil
	}
	return &Error{e.Code, e.Name, e.Message, e.Hint, e.Retryable()}
}

// Live is what only Temporal knows of an open run.
type Live struct {
	Status  protocol.Status // How the run closed, where Temporal says so; Running while it is open.
	Running []string        // Ids of tasks in flight.
	// Waiting has tasks, by id, that cannot start, or not with all of their items, because nobody serves a queue: which one.
	Waiting map[string]string
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
