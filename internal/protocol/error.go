package protocol

import (
	"errors"
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// ErrorKind decides whether an error is retried.
type ErrorKind string

// The kinds of error.
const (
	// Transient: the same call may succeed later (an overloaded server, a lost connection). Three attempts, or as `retry` says.
	Transient ErrorKind = "transient"
	// TaskFault: the task itself failed (an exception, a tool's error, its timeout). One attempt, or as `retry` says.
	TaskFault ErrorKind = "task"
	// Permanent: no attempt can succeed (invalid parameters, an unknown method). Never retried, whatever `retry` says.
	Permanent ErrorKind = "permanent"
)

// Code is the number of an error, as in JSON-RPC. Codes lists them all.
type Code int

// The codes.
const (
	InvalidParams              Code = -32602
	InternalError              Code = -32603
	ConfigurationError         Code = -31003
	ProviderNotAvailable       Code = -30003
	ProviderTimeout            Code = -30006
	ProviderOverloaded         Code = -30007
	MethodNotSupported         Code = -30008
	TaskValidationFailed       Code = -29001
	TaskExecutionFailed        Code = -29002
	TaskTimeout                Code = -29003
	TaskCancelled              Code = -29004
	TaskDependencyFailed       Code = -29005
	TaskParameterError         Code = -29006
	TaskResultInvalid          Code = -29007
	WorkerLost                 Code = -29008
	TaskLimitReached           Code = -29009
	TaskRejected               Code = -29010
	TaskUnanswered             Code = -29011
	WorkflowValidationFailed   Code = -28001
	WorkflowNotFound           Code = -28002
	WorkflowTimeout            Code = -28004
	WorkflowCancelled          Code = -28005
	WorkflowCircularDependency Code = -28006
	WorkflowTasksFailed        Code = -28007
	EngineUnreachable          Code = -27001
	PersistenceFailed          Code = -26001
)

// CodeInfo describes a Code.
type CodeInfo struct {
	Code    Code
	Name    string
	Kind    ErrorKind
	Meaning string
}

// Codes lists every code, as docs/errors.md shows them.
var Codes = []CodeInfo{
	{InvalidParams, "INVALID_PARAMS", Permanent, "a parameter is missing, unknown or invalid"},
	{InternalError, "INTERNAL_ERROR", TaskFault, "a bug in Gleitzeit; please report it"},
	{ConfigurationError, "CONFIGURATION_ERROR", Permanent, "a setting is invalid, or a program that it names was not found"},
	{ProviderNotAvailable, "PROVIDER_NOT_AVAILABLE", Transient, "the server of the method (a model server, a tool server) cannot be reached"},
	{ProviderTimeout, "PROVIDER_TIMEOUT", Transient, "the server of the method did not answer in time"},
	{ProviderOverloaded, "PROVIDER_OVERLOADED", Transient, "the server of the method is overloaded"},
	{MethodNotSupported, "METHOD_NOT_SUPPORTED", Permanent, "unknown method"},
	{TaskValidationFailed, "TASK_VALIDATION_FAILED", Permanent, "a file, a folder or a model that the task names was not found, or may not be read"},
	{TaskExecutionFailed, "TASK_EXECUTION_FAILED", TaskFault, "the script, the model or the tool failed"},
	{TaskTimeout, "TASK_TIMEOUT", TaskFault, "an attempt exceeded the task's timeout"},
	{TaskCancelled, "TASK_CANCELLED", Permanent, "the run was cancelled, timed out, or stopped at the first failed task (`fail_fast`)"},
	{TaskDependencyFailed, "TASK_DEPENDENCY_FAILED", Permanent, "a task that this one depends on did not complete; for a requested result, also: its task was skipped by its condition"},
	{TaskParameterError, "TASK_PARAMETER_ERROR", Permanent, "a reference or a condition cannot be resolved"},
	{TaskResultInvalid, "TASK_RESULT_INVALID", TaskFault, "the result is not JSON, does not match its schema, or is too large"},
	{WorkerLost, "WORKER_LOST", Permanent, "the process that ran the task was lost ten times"},
	{TaskLimitReached, "TASK_LIMIT_REACHED", Permanent, "the items of the task have used the tokens that `max_tokens_total` allows, or the task has had the rounds that `repeat` allows"},
	{TaskRejected, "TASK_REJECTED", Permanent, "a person has rejected what the task asked (`human/approve`)"},
	{TaskUnanswered, "TASK_UNANSWERED", Permanent, "nobody has answered the task within its timeout, and it has no default (`human/approve`)"},
	{WorkflowValidationFailed, "WORKFLOW_VALIDATION_FAILED", Permanent, "the workflow file has errors"},
	{WorkflowNotFound, "WORKFLOW_NOT_FOUND", Permanent, "no workflow file, run or schedule has this name"},
	{WorkflowTimeout, "WORKFLOW_TIMEOUT", Permanent, "the run exceeded the workflow's timeout"},
	{WorkflowCancelled, "WORKFLOW_CANCELLED", Permanent, "the run was cancelled"},
	{WorkflowCircularDependency, "WORKFLOW_CIRCULAR_DEPENDENCY", Permanent, "circular dependency between tasks"},
	{WorkflowTasksFailed, "WORKFLOW_TASKS_FAILED", Permanent, "at least one task of the run failed"},
	{EngineUnreachable, "ENGINE_UNREACHABLE", Transient, "the Temporal server cannot be reached, or cannot be started"},
	{PersistenceFailed, "PERSISTENCE_CONNECTION_FAILED", Transient, "the result store cannot be reached, or is out of space"},
}

// Info returns the entry of Codes; for an unknown code, one made from its number.
func (c Code) Info() CodeInfo {
	for _, info := range Codes {
		if info.Code == c {
			return info
		}
	}
	return CodeInfo{c, fmt.Sprintf("ERROR_%d", -int(c)), TaskFault, "unknown code"}
}

// Error is the failure of a task or a run: a message and perhaps a hint for people, a code for programs.
type Error struct {
	Code    Code      `json:"code"`
	Name    string    `json:"name"`
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"` // What to do, where there is something.
	Kind    ErrorKind `json:"kind"`

	cause error // Known in this process alone: it is not marshaled.
}

// Errorf returns an Error of the code's own kind.
func Errorf(code Code, format string, args ...any) *Error {
	info := code.Info()
	return &Error{Code: code, Name: info.Name, Kind: info.Kind, Message: fmt.Sprintf(format, args...)}
}

// WithHint returns e with advice on what to do.
func (e *Error) WithHint(format string, args ...any) *Error {
	with := *e
	with.Hint = fmt.Sprintf(format, args...)
	return &with
}

// WithCause returns e with the error that it translates, for errors.Is and errors.As. The message must already say what the
// cause says: whoever reads e elsewhere has no cause.
func (e *Error) WithCause(cause error) *Error {
	with := *e
	with.cause = cause
	return &with
}

// Unwrap returns the cause; nil where there is none, or where e comes from another process.
func (e *Error) Unwrap() error { return e.cause }

// WithKind returns e as an error of another kind than its code's own: an execution that must not be repeated, say.
func (e *Error) WithKind(kind ErrorKind) *Error {
	with := *e
	with.Kind = kind
	return &with
}

// Error returns the message, and the hint in parentheses.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// Retryable reports whether another attempt may succeed.
func (e *Error) Retryable() bool { return e.Kind != Permanent }

// AsError returns the Error in err, or wraps err in one of the code given.
func AsError(err error, otherwise Code) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	return Errorf(otherwise, "%s", err.Error()).WithCause(err)
}

// Redacted returns the error without secrets in its message and its hint, and without its cause, whose text may have some.
func (e *Error) Redacted(s *redaction.Set) *Error {
	if e == nil || s.Empty() {
		return e
	}
	without := *e.WithCause(nil)
	without.Message, without.Hint = s.String(e.Message), s.String(e.Hint)
	return &without
}
