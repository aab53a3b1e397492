package batchapi

import (
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/requestfile"
)

// Status is the status of a batch.
type Status string

// The statuses. From each follow the next ones only, or Failed, Expired, Cancelling.
const (
	Validating Status = "validating"
	InProgress Status = "in_progress"
	Finalizing Status = "finalizing"
	Completed  Status = "completed"
	Failed     Status = "failed"
	Expired    Status = "expired"
	Cancelling Status = "cancelling"
	Cancelled  Status = "cancelled"
)

func (s Status) ended() bool {
	return s == Completed || s == Failed || s == Expired || s == Cancelled
}

// record is the record of a batch. Its run has the same id.
type record struct {
	document
	Content  string `json:"content"`           // The hash of the requests.
	Filename string `json:"filename"`          // Of the file of requests.
	Owner    string `json:"owner,omitempty"`   // As that of a file.
	Keep     int64  `json:"keep,omitempty"`    // After how many seconds the files with the results expire; 0: they do not.
	Started  bool   `json:"started,omitempty"` // It had its turn among those that have a run.
	// The ids of the files with the results, from the moment when they are written.
	WritingOutput string `json:"writing_output,omitempty"`
	WritingErrors string `json:"writing_errors,omitempty"`
	Moved         int64  `json:"moved,omitempty"` // When the status last changed, in nanoseconds.
}

// document is a batch as clients get it. What is not known is left out: the types of clients have no null there.
type document struct {
	ID         string            `json:"id"`
	Object     string            `json:"object"`
	Endpoint   string            `json:"endpoint"`
	Model      string            `json:"model,omitempty"`
	Errors     *problems         `json:"errors,omitempty"`
	InputFile  string            `json:"input_file_id"`
	Window     string            `json:"completion_window"`
	Status     Status            `json:"status"`
	OutputFile string            `json:"output_file_id,omitempty"`
	ErrorFile  string            `json:"error_file_id,omitempty"`
	CreatedAt  int64             `json:"created_at"`
	StartedAt  int64             `json:"in_progress_at,omitempty"`
	ExpiresAt  int64             `json:"expires_at,omitempty"`
	FinalizeAt int64             `json:"finalizing_at,omitempty"`
	DoneAt     int64             `json:"completed_at,omitempty"`
	FailedAt   int64             `json:"failed_at,omitempty"`
	ExpiredAt  int64             `json:"expired_at,omitempty"`
	CancelAt   int64             `json:"cancelling_at,omitempty"`
	CancelDone int64             `json:"cancelled_at,omitempty"`
	Counts     counts            `json:"request_counts"`
	Usage      *usage            `json:"usage,omitempty"`
	Metadata   map[string]string `json:"metadata"` // Null if there is none.
}

// counts are how many requests there are, and how they ended so far.
type counts struct {
	Total     int `json:"total"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
}

// usage is how many tokens a batch has used.
type usage struct {
	Input        int64 `json:"input_tokens"`
	InputDetails struct {
		Cached int64 `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	Output        int64 `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int64 `json:"total_tokens"`
}

// problems are why a batch has failed.
type problems struct {
	Object string    `json:"object"`
	Data   []problem `json:"data"`
}

type problem struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Param   *string `json:"param"`
	Line    *int    `json:"line"`
}

func (p *problems) add(found requestfile.Problem) {
	one := problem{Code: string(found.Code), Message: found.Message, Param: optional(found.Param)}
	if found.Line > 0 {
		one.Line = &found.Line
	}
	p.Data = append(p.Data, one)
}

// move changes the status, and notes when.
func (b *record) move(to Status) {
	now := time.Now()
	b.Status, b.Moved = to, now.UnixNano()
	at := map[Status]*int64{
		InProgress: &b.StartedAt, Finalizing: &b.FinalizeAt, Completed: &b.DoneAt, Failed: &b.FailedAt, Expired: &b.ExpiredAt, Cancelling: &b.CancelAt,
		Cancelled: &b.CancelDone,
	}[to]
	if at != nil {
		*at = now.Unix()
	}
}

// fail ends a batch with an error that is of no line.
func (b *record) fail(code, message string) {
	b.Errors = &problems{Object: "list", Data: []problem{{Code: code, Message: message}}}
	b.move(Failed)
}

// failAs ends a batch as its run has failed, which had no request.
func (b *record) failAs(run *view.Run) {
	code, message := "run_failed", "the run ended without a request"
	failure := run.Error
	for i := range run.Tasks {
		if run.Tasks[i].Error != nil {
			failure = run.Tasks[i].Error
		}
	}
	if failure != nil {
		code, message = strings.ToLower(failure.Name), failure.Message
	}
	b.fail(code, message)
}

// observe notes how far the run is.
func (b *record) observe(run *view.Run) {
	items := run.Tasks
	if len(items) == 0 || items[0].Items == nil || b.Status.ended() {
		return
	}
	b.Counts.Completed, b.Counts.Failed = items[0].Items.Succeeded, items[0].Items.Failed
	if total := items[0].Items.Total; total > 0 {
		b.Counts.Total = total
	}
}

// use notes what the run has used.
func (b *record) use(run *view.Run) {
	b.Usage = &usage{Input: run.Usage.PromptTokens, Output: run.Usage.TokensUsed, Total: run.Usage.PromptTokens + run.Usage.TokensUsed}
}
