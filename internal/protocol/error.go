package protocol

import (
	"errors"
	"fmt"
)

// ErrorKind tells what becomes of a task after an error.
type ErrorKind string

// The kinds of error.
const (
	// Transient: the same call may well succeed later (an overload, a lost connection). Three attempts, or as `retry` says.
	Transient ErrorKind = "transient"
	// TaskFault: the task itself went wrong (an exception, a tool's error, its timeout). One attempt, or as `retry` says.
	TaskFault ErrorKind = "task"
	// Permanent: no attempt can succeed (wrong parameters, an unknown method). Never again, whatever `retry` says.
	Permanent ErrorKind = "permanent"
)

// Code is the number of an error in the manner of JSON-RPC. Every one of them stands in Codes.
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
	WorkflowValidationFailed   Code = -28001
	WorkflowNotFound           Code = -28002
	WorkflowTimeout            Code = -28004
	WorkflowCancelled          Code = -28005
	WorkflowCircularDependency Code = -28006
	WorkflowTasksFailed        Code = -28007
	EngineUnreachable          Code = -27001
	PersistenceFailed          Code = -26001
)

// CodeInfo is what people are told of a Code.
type CodeInfo struct {
	Code    Code
	Name    string
	Kind    ErrorKind
	Meaning string
}

// Codes lists every code, as docs/errors.md shows them.
var Codes = []CodeInfo{
	{InvalidParams, "INVALID_PARAMS", Permanent, "the parameters do not fit the method"},
	{InternalError, "INTERNAL_ERROR", TaskFault, "a fault of Gleitzeit itself; please report it"},
	{ConfigurationError, "CONFIGURATION_ERROR", Permanent, "a setting is wrong, or a program that it names is not there"},
	{ProviderNotAvailable, "PROVIDER_NOT_AVAILABLE", Transient, "what serves the method (a model server, a tool server) cannot be reached"},
	{ProviderTimeout, "PROVIDER_TIMEOUT", Transient, "what serves the method did not answer in time"},
	{ProviderOverloaded, "PROVIDER_OVERLOADED", Transient, "what serves the method has too much to do"},
	{MethodNotSupported, "METHOD_NOT_SUPPORTED", Permanent, "no protocol has this method"},
	{TaskValidationFailed, "TASK_VALIDATION_FAILED", Permanent, "a file, a folder or a model that the task names is not there, or may not be read"},
	{TaskExecutionFailed, "TASK_EXECUTION_FAILED", TaskFault, "the script, the model or the tool failed"},
	{TaskTimeout, "TASK_TIMEOUT", TaskFault, "an attempt took longer than the task's timeout"},
	{TaskCancelled, "TASK_CANCELLED", Permanent, "the run was cancelled, its time was over, or another task failed and it fails fast"},
	{TaskDependencyFailed, "TASK_DEPENDENCY_FAILED", Permanent, "a task that this one needs did not complete; of a result that is asked for, also that its task was skipped by its condition"},
	{TaskParameterError, "TASK_PARAMETER_ERROR", Permanent, "a reference leads to nothing, or a condition cannot be decided"},
	{TaskResultInvalid, "TASK_RESULT_INVALID", TaskFault, "the result is no JSON, does not fit its schema, or is too large"},
	{WorkerLost, "WORKER_LOST", Permanent, "the process that ran the task vanished ten times"},
	{WorkflowValidationFailed, "WORKFLOW_VALIDATION_FAILED", Permanent, "the workflow file has mistakes"},
	{WorkflowNotFound, "WORKFLOW_NOT_FOUND", Permanent, "no workflow file, or no run, of that name"},
	{WorkflowTimeout, "WORKFLOW_TIMEOUT", Permanent, "the run took longer than the workflow's timeout"},
	{WorkflowCancelled, "WORKFLOW_CANCELLED", Permanent, "the run was cancelled"},
	{WorkflowCircularDependency, "WORKFLOW_CIRCULAR_DEPENDENCY", Permanent, "tasks wait for one another in a circle"},
	{WorkflowTasksFailed, "WORKFLOW_TASKS_FAILED", Permanent, "at least one task of the run failed"},
	{EngineUnreachable, "ENGINE_UNREACHABLE", Transient, "the Temporal server cannot be reached, or cannot be started"},
	{PersistenceFailed, "PERSISTENCE_CONNECTION_FAILED", Transient, "the result store cannot be reached, or is out of space"},
}

// Info returns what is known of the code; an unknown one is described as itself.
func (c Code) Info() CodeInfo {
	for _, info := range Codes {
		if info.Code == c {
			return info
		}
	}
	return CodeInfo{c, fmt.Sprintf("ERROR_%d", -int(c)), TaskFault, "unknown code"}
}

// Error is what went wrong with a task or a run: for people a message and perhaps a hint, for programs a code.
type Error struct {
	Code    Code      `json:"code"`
	Name    string    `json:"name"`
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"` // What to do, where there is something.
	Kind    ErrorKind `json:"kind"`
}

// Errorf makes an Error of the code's own kind.
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

// OfKind returns e as an error of another kind than its code's own: an execution that must not be repeated, say.
func (e *Error) WithKind(kind ErrorKind) *Error {
	with := *e
	with.Kind = kind
	return &with
}

// Error gives the message and the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// Retryable tells whether the same call may be made again.
func (e *Error) Retryable() bool { return e.Kind != Permanent }

// AsError finds the Error in err; any other error becomes one of the code given, so that no error is without one.
func AsError(err error, otherwise Code) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	return Errorf(otherwise, "%s", err.Error())
}
