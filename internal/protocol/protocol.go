// Package protocol is the contract between the parts of Gleitzeit: what a protocol offers (Spec), what runs it
// (Handler), and what travels between a workflow and its activities (Call, Binding, Ref, Outcome). It imports the
// standard library alone, so that every part can share these words without sharing anything else.
package protocol

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Spec describes one protocol.
type Spec struct {
	Name      string   // With its version: "python/v1".
	Providers []string // What serves it, where people call that by other names: "ollama".
	Summary   string
	Methods   []Method

	Servers   []string // The servers that open methods can name, beside those of a workflow.
	AnyServer bool     // The servers are those of another machine: any name may be right.
}

// Method describes one method of a protocol. Its name is the Temporal activity type.
type Method struct {
	Name       string // In full: "python/execute". An open one stands for many: "mcp/SERVER.tool.NAME".
	Summary    string
	Parameters json.RawMessage // JSON Schema of the parameters, an object. References in them are checked by their place, not their text.
	Result     json.RawMessage // JSON Schema of the result, an object.
	Timeout    time.Duration   // Of one attempt, where the task names none; 0 is the handler's own.

	// SourceParameters name the parameters that hold the path of a file whose text is part of the workflow: it is read
	// when the run starts and travels in the plan.
	SourceParameters []string
	// CodeParameter names the parameter that is program text: references in it become variables, never text.
	CodeParameter string
	// FileParameters name the parameters that hold the path of a file, or a list of such paths, which the handler reads
	// through Request.Files. A path that stands in the workflow file as it is was typed by the user, and may lie anywhere.
	FileParameters []string
	// ItemParameter is where the path of a file goes that a task with one call a file is about: "file_path", or
	// "context.file_path" for a field of an object. Empty: the method takes no file.
	ItemParameter string
	// EnforcesTimeout: the handler keeps Request.Timeout itself, because a call may wait for a slot first, and that does not
	// count. It ends with the code TaskTimeout.
	EnforcesTimeout bool
	// Fresh: no earlier result stands for a call, because it changes what is kept, or tells what is kept now.
	NoCache bool
	// SecretParameters name the parameters that hold a secret. In a workflow they are one reference to `secrets` or `env`
	// and nothing else: what is written there enters the history.
	SecretParameters []string
	// PlaceParameters name the parameters that say where a call goes, secrets included. What a task has brought must not
	// decide that.
	DestinationParameters []string
	// Check finds what is wrong with parameters that fit their schema, as far as that shows without the machine that they
	// are for. Parameters that hold references are left out of them. Nil: their schema says all.
	Check func(parameters value.Value) []ParameterError
	// ToolsParameter names the parameter that lists tools, which the call may use: it may need the workflow's servers.
	ToolsParameter string
	// WantsDependencies: the results of the tasks named in `dependencies` are handed over beside the parameters.
	NeedsDependencies bool
	// Servers: the call is about all tool servers, those of the workflow included. Open methods need not say so.
	Servers bool
	// Foreign: it calls a tool of a tool server, of whose parameters only the server knows before the call.
	IsServerTool bool
	// Refused says why no task can call the method, although it is there.
	Unavailable string
}

// Fault is what is wrong with a parameter.
type ParameterError struct {
	Parameter     string
	Message, Hint string // As those of an Error.
	Note          bool   // It is no error: something to know.
}

// Handler runs the methods of one protocol. It is called from many goroutines and outlives every call.
type Handler interface {
	// Handle runs one attempt. It ends soon after ctx is done and leaves nothing running. Its error is an *Error where
	// the handler knows what went wrong; anything else counts as a fault of the task.
	Handle(ctx context.Context, request Request, progress Progress) (Result, error)
	// Health tells whether calls have a chance now; nil is yes.
	Health(ctx context.Context) error
}

// Identifier is a Handler that knows what else, beside its Request, decides what a call brings: the model that it means
// where it names none, the source of a function that it names. Two calls with equal requests and equal identities are the
// same. An error says that this call is like no other.
type Identifier interface {
	Identity(ctx context.Context, request Request) (value.Value, error)
}

// Progress says how far a call has come ("120 tokens"). It may be called as often as wanted.
type Progress func(message string)

// Request is a call as a handler gets it: every reference resolved.
type Request struct {
	Method       string
	Parameters   value.Value   // An object. The code parameter and the source parameters are not in it.
	Program      *Program      // The code parameter, where it was given.
	Source       *Script       // The source parameter, where it was given.
	Dependencies []value.Field // Results of the tasks in `dependencies` under their ids, where the method wants them.
	Folder       string        // The folder that the run was started in, absolute.
	FlowFolder   string        // The folder of the workflow file, absolute.
	Files        Files
	Timeout      time.Duration // Of this attempt; 0 is none. Kept by the caller, but where the method says EnforcesTimeout.
	Servers      []ToolServer  // Of the workflow, as far as the call may need them.
	Priority     int           // Among calls that wait for the same thing: 1 is served first, 5 last; 0 is NormalPriority.

	// Secret gives the worker's secret of the name, and keeps it out of all that leaves the call. The error is a
	// ConfigurationError. Nil where the caller has none to give.
	Secret func(name string) (string, error)
	// Redact takes the secrets that went into the call out of a text. What the handler returns is redacted all the same; it
	// must do so itself before it cuts a text, for nobody finds half a secret. Nil where there are none.
	Redact func(text string) string
	// Write hears the text of an answer piece by piece, as it comes. Nil where nobody listens. It does not block.
	Write func(text string)
}

// Files reads files for a call, within what the call may read.
type Files interface {
	// Read returns the content of the file. A relative path is taken from the workflow's folder, then from the folder
	// that the run was started in. The error is a permanent *Error of TaskValidationFailed that names the path, why it is
	// refused and what to do: not there, no file, larger than limit bytes, or outside the folders that the call may read.
	Read(path string, limit int64) ([]byte, error)
}

// Program is program text in which every reference was replaced by the name of a variable that stands nowhere else in it.
type Program struct {
	Text      string // With the variables' names.
	Original  string // As the user wrote it, for messages: the same lines.
	Variables []Variable
}

// Variable is the value of one reference in a Program.
type Variable struct {
	Name      string // An identifier of letters, digits and underscores.
	Reference string // As written: "${fetch.body}".
	Value     value.Value
	Text      string // The value as it goes into other text: a string as it is, anything else as compact JSON.
}

// Script is the text of a file as it was when the run started.
type Script struct {
	Path string `json:"path"` // Absolute.
	Text string `json:"text"`
}

// Result is what a handler returns.
type Result struct {
	Value   value.Value // An object that fits the method's result schema.
	Usage   Usage
	Warning string // What people should know although the call succeeded.
}

// Usage counts what a call consumed of a model.
type Usage struct {
	LLMCalls     int64 `json:"llm_calls,omitempty"`
	PromptTokens int64 `json:"prompt_tokens,omitempty"`
	TokensUsed   int64 `json:"tokens_used,omitempty"` // Output tokens.
}

// Add sums two usages.
func (u Usage) Add(other Usage) Usage {
	return Usage{u.LLMCalls + other.LLMCalls, u.PromptTokens + other.PromptTokens, u.TokensUsed + other.TokensUsed}
}
