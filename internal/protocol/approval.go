package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The kinds of responses of the local activities about approvals.
const (
	AskedKind    = "asked"
	AnsweredKind = "answered"
)

// Approval is what a task asks people, as the store has it.
type Approval struct {
	Message string       `json:"message"`
	Schema  *value.Value `json:"schema,omitempty"`  // JSON Schema of the values that may be entered; nil: none may.
	Default *value.Value `json:"default,omitempty"` // Values that count after the timeout; nil: the task fails then.
	Since   time.Time    `json:"since"`
	Until   time.Time    `json:"until,omitzero"` // Zero: there is no timeout.
}

// Asked is a task that waits for an answer, as its run knows it.
type Asked struct {
	Task     string    `json:"task,omitempty"`
	Method   string    `json:"method,omitempty"`
	Message  string    `json:"message,omitempty"` // The beginning of that of the Approval.
	Since    time.Time `json:"since,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	Approval *Ref      `json:"approval,omitempty"` // In the store.
	Call     string    `json:"call,omitempty"`     // What its record has of the call.
}

// AskResponse is a task that waits, or its end.
type AskResponse struct {
	Kind string `json:"kind"` // AskedKind.
	Asked
	Outcome *Outcome `json:"outcome,omitempty"` // Of a task that does not wait: it has failed, or an earlier run has the answer.
}

// Answer is what a person says to a task that waits: the payload of the update and of the signal.
type Answer struct {
	Task   string       `json:"task"`
	Values *value.Value `json:"values,omitempty"`
	Reject string       `json:"reject,omitempty"` // Why it is not approved; empty: it is.
	By     string       `json:"by,omitempty"`     // Who answers.

	// Invalid says why it is none. It has been typed by hand, perhaps: the run says what is wrong with it, and an error here would let
	// Temporal drop it without a word.
	Invalid string `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler. It never fails.
func (a *Answer) UnmarshalJSON(data []byte) error {
	type fields Answer
	read := fields{}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&read)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = errors.New("there is more than one value")
		}
	}
	if _, wrong := errors.AsType[*json.UnmarshalTypeError](err); wrong {
		err = errors.New("task, reject and by are texts")
	}
	*a = Answer(read)
	if err != nil {
		*a = Answer{Invalid: strings.TrimPrefix(err.Error(), "json: ")}
	}
	return nil
}

// AnswerRequest asks to check an answer and to record the end of its task.
type AnswerRequest struct {
	Run    RunInfo   `json:"run"`
	Asked  Asked     `json:"asked"`
	Answer *Answer   `json:"answer,omitempty"` // Nil: the time is over.
	At     time.Time `json:"at"`
}

// AnswerResponse has the end of the task, or what is wrong with the answer.
type AnswerResponse struct {
	Kind    string   `json:"kind"` // AnsweredKind.
	Task    string   `json:"task"`
	Method  string   `json:"method"`
	Outcome *Outcome `json:"outcome,omitempty"`
	Problem *Error   `json:"problem,omitempty"` // The task waits on.
}

// Receipt is the answer of a run to an Answer that it has recorded.
type Receipt struct {
	Task     string    `json:"task"`
	Approved bool      `json:"approved"`
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at"`
}
