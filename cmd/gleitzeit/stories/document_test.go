package stories_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// runDocument is the JSON of a run as programs read it, repeated here, because what users rely on must not change with
// the program. A pointer is nil where the field is missing.
type runDocument struct {
	Run         *string                    `json:"run"`
	Workflow    *string                    `json:"workflow"`
	Status      *string                    `json:"status"`
	Interrupted bool                       `json:"interrupted"`
	StartedAt   *time.Time                 `json:"started_at"`
	FinishedAt  *time.Time                 `json:"finished_at"`
	Duration    *float64                   `json:"duration"`
	Version     string                     `json:"version"` // Where the workflow says it, as the next two.
	Tags        []string                   `json:"tags"`
	Metadata    map[string]json.RawMessage `json:"metadata"`
	Outputs     map[string]json.RawMessage `json:"outputs"`
	Usage       *struct {
		LLMCalls     *int64 `json:"llm_calls"`
		PromptTokens *int64 `json:"prompt_tokens"`
		TokensUsed   *int64 `json:"tokens_used"`
	} `json:"usage"`
	Error     *errorDocument  `json:"error"`
	Continues json.RawMessage `json:"continues"` // Of a run that takes over results of another one.
	Tasks     []taskDocument  `json:"tasks"`
}

type taskDocument struct {
	ID        *string                    `json:"id"`
	Name      *string                    `json:"name"`
	Method    *string                    `json:"method"`
	Status    *string                    `json:"status"`
	Finally   bool                       `json:"finally"`
	Within    string                     `json:"within"`
	Reason    *string                    `json:"reason"`
	Attempts  *int                       `json:"attempts"`
	Cached    bool                       `json:"cached"`
	Items     *itemsDocument             `json:"items"`
	StartedAt *time.Time                 `json:"started_at"`
	Duration  *float64                   `json:"duration"`
	Result    map[string]json.RawMessage `json:"result"`
	Warning   *string                    `json:"warning"`
	Warnings  *int                       `json:"warnings"`
	reasons
	Retrying *int           `json:"retrying"`
	Error    *errorDocument `json:"error"`

	FailedAttempts []attemptDocument `json:"failed_attempts"`

	Rounds   int             `json:"rounds"`
	Repeated []roundDocument `json:"repeated"`
	Calls    *itemsDocument  `json:"calls"`
}

// roundDocument is a round of a task that another one followed.
type roundDocument struct {
	Round      int                        `json:"round"`
	FinishedAt *time.Time                 `json:"finished_at"`
	Attempts   int                        `json:"attempts"`
	Result     map[string]json.RawMessage `json:"result"`
}

// attemptDocument is an attempt that another one followed.
type attemptDocument struct {
	Attempt    *int           `json:"attempt"`
	FinishedAt *time.Time     `json:"finished_at"`
	Error      *errorDocument `json:"error"`
}

type itemsDocument struct {
	Total     *int `json:"total"`
	Succeeded *int `json:"succeeded"`
	Failed    *int `json:"failed"`
	Skipped   *int `json:"skipped"`
	Cached    int  `json:"cached"`
}

type errorDocument struct {
	Code      *int    `json:"code"`
	Name      *string `json:"name"`
	Message   *string `json:"message"`
	Hint      *string `json:"hint"`
	Retryable *bool   `json:"retryable"`
	Output    string  `json:"output"`
	Stderr    string  `json:"stderr"`
}

// parseRun reads a run's document and returns an error where its shape is not the documented one.
func parseRun(text string) (*runDocument, error) {
	run := &runDocument{}
	if err := programtest.StrictJSON(text, run); err != nil {
		return nil, err
	}
	return run, run.check()
}

func (r *runDocument) check() error {
	var wrong []error
	want := func(holds bool, what string) {
		if !holds {
			wrong = append(wrong, errors.New("run: "+what))
		}
	}
	want(r.Run != nil && *r.Run != "", "no id")
	want(r.Workflow != nil && *r.Workflow != "", "no workflow")
	want(r.Status != nil && slices.Contains([]string{"running", "completed", "failed", "cancelled", "timed_out"}, *r.Status), "no status that is one")
	want(r.StartedAt != nil && r.StartedAt.Location() == time.UTC, "no start in UTC")
	want(r.Duration != nil && *r.Duration >= 0, "no duration")
	want(r.Usage != nil && r.Usage.LLMCalls != nil && r.Usage.PromptTokens != nil && r.Usage.TokensUsed != nil, "no usage, or not all of it")
	if r.Status != nil && *r.Status != "running" {
		want(r.FinishedAt != nil && r.StartedAt != nil && !r.FinishedAt.Before(*r.StartedAt), "no end after its start")
	}
	if r.Status != nil && *r.Status != "running" && *r.Status != "completed" {
		want(r.Error != nil, "no error")
	}
	if r.Error != nil {
		wrong = append(wrong, r.Error.check("run"))
	}
	for _, task := range r.Tasks {
		wrong = append(wrong, task.check())
	}
	return errors.Join(wrong...)
}

func (d *taskDocument) check() error {
	var wrong []error
	want := func(holds bool, what string) {
		if !holds {
			wrong = append(wrong, errors.New("task: "+what))
		}
	}
	want(d.ID != nil && *d.ID != "", "no id")
	want(d.Method != nil && *d.Method != "", "no method")
	want(d.Status != nil, "no status")
	want(d.Attempts != nil, "no attempts")
	want(d.Duration != nil && *d.Duration >= 0, "no duration")
	if d.Status == nil || d.Attempts == nil {
		return errors.Join(wrong...)
	}
	switch *d.Status {
	case "completed":
		want(d.StartedAt != nil && *d.Attempts >= 1, "completed without a start or an attempt")
		want(d.Error == nil, "completed with an error")
	case "failed", "cancelled":
		want(d.Error != nil, *d.Status+" without an error")
	case "skipped":
		want(d.Reason != nil && *d.Reason != "", "skipped without a reason")
		want(d.Result == nil && d.StartedAt == nil && *d.Attempts == 0, "skipped, and yet it ran")
	case "pending", "running":
	default:
		want(false, "status "+*d.Status)
	}
	if d.Error != nil {
		wrong = append(wrong, d.Error.check("task "+*d.ID))
	}
	for _, attempt := range d.FailedAttempts {
		want(attempt.Attempt != nil && attempt.FinishedAt != nil && attempt.Error != nil, "an attempt without a number, an end or an error")
		if attempt.Error != nil {
			wrong = append(wrong, attempt.Error.check("an attempt of task "+*d.ID))
		}
	}
	return errors.Join(wrong...)
}

func (e *errorDocument) check(of string) error {
	if e.Code == nil || *e.Code >= 0 || e.Name == nil || *e.Name == "" || e.Message == nil || *e.Message == "" || e.Retryable == nil {
		return fmt.Errorf("%s: an error without code, name, message or retryable", of)
	}
	return nil
}

// task finds a task by its id; nil where there is none.
func (r *runDocument) task(id string) *taskDocument {
	for i := range r.Tasks {
		if *r.Tasks[i].ID == id {
			return &r.Tasks[i]
		}
	}
	return nil
}

// statuses lists the tasks with their statuses: "a completed".
func (r *runDocument) statuses() []string {
	var all []string
	for _, task := range r.Tasks {
		all = append(all, *task.ID+" "+*task.Status)
	}
	return all
}

// wantFields compares some fields of an object with their JSON.
func wantFields(t testing.TB, what string, got map[string]json.RawMessage, want map[string]string) {
	t.Helper()
	for name, value := range want {
		var compact bytes.Buffer
		if err := json.Compact(&compact, got[name]); err != nil || compact.String() != value {
			t.Errorf("%s.%s is %.200s, want %.200s", what, name, got[name], value)
		}
	}
}

// reasons are why items failed, and which warnings their results have.
type reasons struct {
	Failures      []reason `json:"failures"`
	OtherFailures int      `json:"other_failures"`
	WarnedOf      []reason `json:"warning_reasons"`
	OtherWarnings int      `json:"other_warnings"`
}

type reason struct {
	Count   int             `json:"count"`
	Message string          `json:"message"`
	Hint    string          `json:"hint"`
	Example json.RawMessage `json:"example"`
	Index   int             `json:"index"`
}
