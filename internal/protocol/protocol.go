// Package protocol has the contracts between the parts of Gleitzeit: what a protocol offers (Spec), what runs it (Handler),
// and what a workflow and its activities exchange (Call, Binding, Payload, Outcome). It imports the standard library and
// internal/value alone, so that every part can share these types without sharing anything else.
package protocol

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Spec describes one protocol.
type Spec struct {
	Name      string   // With its version: "python/v1".
	Providers []string // Names of the kinds of servers behind it: "ollama".
	Summary   string
	Methods   []Method

	Servers   []string // The servers that method patterns can name, beside those of a workflow.
	AnyServer bool     // The servers are those of another machine: any name is valid.
	// AllowServer returns an error if the workers do not allow a server that a workflow defines. Nil: it is not known.
	AllowServer func(ToolServer) error
}

// Method describes one method of a protocol. Its name is the Temporal activity type.
type Method struct {
	Name       string // In full: "python/execute". A pattern stands for many: "mcp/SERVER.tool.NAME".
	Summary    string
	Parameters json.RawMessage // JSON Schema of the parameters, an object. A reference is valid in place of any value.
	Result     json.RawMessage // JSON Schema of the result, an object.
	Timeout    time.Duration   // Of one attempt, unless the task sets one; 0 is the handler's own.

	// SourceParameters name the parameters that hold the path of a file whose text is part of the workflow: it is read
	// when the run starts and travels in the plan.
	SourceParameters []string
	// CodeParameter names the parameter that is program text: references in it become variables, never text.
	CodeParameter string
	// FileParameters name the parameters that hold the path of a file, or a list of such paths, which the handler reads
	// through Request.Files. A path written in the workflow file itself was typed by the user, and may be anywhere.
	FileParameters []string
	// ContentParameters are those of FileParameters of which the result has nothing but the content: two calls that name equal files by
	// different paths are equal. Warnings and errors may have the path.
	ContentParameters []string
	// ItemParameter names the parameter for the path of a file, of a task that runs for each file: "file_path", or
	// "context.file_path" for a field of an object. Empty: the method takes no file.
	ItemParameter string
	// EnforcesTimeout: the handler enforces Request.Timeout itself, because a call may wait for a slot first, which does not
	// count. Its error has the code TaskTimeout.
	EnforcesTimeout bool
	// NoCache: no earlier result may replace a call, because it changes or reads the current state.
	NoCache bool
	// SecretParameters name the parameters that hold a secret. In a workflow they must be one reference to `secrets` or `env`
	// and nothing else: their text is in the history.
	SecretParameters []string
	// DestinationParameters name the parameters that decide where a call, with its secrets, is sent. The result of a task must
	// not decide that.
	DestinationParameters []string
	// Check returns the problems of parameters that match their schema, as far as they can be found on any machine. The
	// parameters are without those that hold references, whose names are those that are unknown. Nil: the schema is enough.
	Check func(parameters value.Value, unknown []string) []ParameterError
	// ToolsParameter names the parameter with the list of tools that the call may use: it may need the workflow's servers.
	ToolsParameter string
	// ListParameter names the parameter in which a list of items' results may be of any size: beyond MaxPlainList it is one of the
	// Lists of the Request. Empty: there is none.
	ListParameter string
	// NeedsDependencies: the handler gets the results of the tasks in `dependencies` beside the parameters.
	NeedsDependencies bool
	// Servers: the call is about all tool servers, those of the workflow included. Method patterns need not set it.
	Servers bool
	// Splits names the parameters with the documents that the method reads and that may be split; empty: there are none.
	Splits []string
	// ReduceParameter names the parameter with the list of texts of which the method makes one answer: its handler is called for groups
	// of them, without the parameter. Empty: there is none.
	ReduceParameter string
	// GroupParameter names the parameter with the key of a text: there is one answer for each key. The handler does not get it.
	GroupParameter string
	// IsServerTool: the method calls a tool of a tool server, which alone knows its parameters.
	IsServerTool bool
	// Waits: a person answers. The run asks and waits, and no handler is called.
	Waits bool
	// Unavailable is the reason why no task can call the method, although it exists; empty if it can be called.
	Unavailable string
}

// ParameterError is a problem of a parameter.
type ParameterError struct {
	Parameter     string
	Message, Hint string // As those of an Error.
	Note          bool   // It is no error: something to know.
}

// Handler runs the methods of one protocol. It is called from many goroutines and outlives every call.
type Handler interface {
	// Handle runs one attempt. It returns soon after ctx is done and leaves nothing running. Its error is an *Error where the
	// handler knows the code; any other error becomes a TaskExecutionFailed.
	Handle(ctx context.Context, request Request, progress Progress) (Result, error)
	// Health returns the reason why calls cannot succeed now; nil if they can.
	Health(ctx context.Context) error
}

// Graceful is a Handler that may take longer to return after the context of a call is done than most.
type Graceful interface {
	// EndGrace returns how long; after that the call is abandoned.
	EndGrace() time.Duration
}

// Identifier is a Handler that knows what else, beside its Request, decides the result of a call: the default model, the
// source of a function that it names. Two calls with equal requests and equal identities are equal. With an error, the call
// equals no other.
type Identifier interface {
	Identity(ctx context.Context, request Request) (value.Value, error)
}

// Progress reports how far a call has come ("120 tokens"). It may be called at any rate.
type Progress func(message string)

// PageImage is a page of a file that is sent as an image, because it has no text.
type PageImage struct {
	File int // Its index among those that the parameters name.
	Page int // From 1; 0 is all pictures of a document that cannot be rendered.
}

// Request is a call with every reference resolved.
type Request struct {
	Method       string
	Key          string        // Names the call: the same in all its attempts, and that of no other call of a run.
	Parameters   value.Value   // An object, without the code parameter and the source parameters.
	Program      *Program      // The code parameter, if given.
	Source       *Script       // The source parameter, if given.
	Dependencies []value.Field // Results of the tasks in `dependencies` under their ids, if the method needs them.
	Lists        []List        // Parts of the parameters and dependencies that are too large for memory.
	Folder       string        // The folder that the run was started in, absolute.
	FlowFolder   string        // The folder of the workflow file, absolute.
	Files        Files
	Timeout      time.Duration // Of this attempt; 0 is none. The caller enforces it, unless the method has EnforcesTimeout.
	Servers      []ToolServer  // Those of the workflow that the call may need.
	Document     string        // Text instead of the files that the parameters name: a chunk of them. Empty: they are read.
	Images       []PageImage   // With Document: the pages without text that belong to the chunk, and are sent as images.
	Priority     int           // Among waiting calls: 1 is served first, 5 last; 0 is NormalPriority.
	Absence      time.Duration // How long a server that nobody listens at is waited for; 0: as long as the handler waits.
	Expected     bool          // Whether one that has never answered is waited for as well.

	// Secret returns the worker's secret of the name, and redacts it in everything that leaves the call. The error is a
	// ConfigurationError. Nil where the caller has no secrets.
	Secret func(name string) (string, error)
	// Secrets are those of the call. What the handler returns is redacted in any case; it must redact a text itself before it
	// cuts it, because half a secret is not recognized. Nil where there are none.
	Secrets *redaction.Set
	// Write receives the text of an answer in pieces, as it comes. Nil where nobody reads it. It does not block.
	Write func(text string)
	// Sent receives each request to a server before it is sent, with its texts as they are: they may have secrets. Nil where nobody reads it.
	Sent func(Sent)
	// Stream receives the response to a request of llm/request that wants a stream, in pieces, as it comes. After its error, the call ends.
	// Nil: such a request is not supported, because a result is one document.
	Stream func(piece []byte) error
	// Print receives what a script prints, in pieces, as it comes: to its standard error, or else to its standard output. Nil
	// where nobody reads it. It does not block.
	Print func(text string, stderr bool)
}

// MaxPlainList is the size in bytes of the largest list (as JSON) of items' results that is a part of the parameters, where the
// method has a ListParameter.
const MaxPlainList = 16 << 20

// List is a list of items' results in a file of internal/listfile. In its place among the parameters or dependencies is null.
type List struct {
	Place  []string // ListOfParameters or ListOfDependencies, then names of fields and numbers of elements.
	Path   string   // In a folder with nothing but lists of this call, which is removed after it.
	Count  int
	Bytes  int64
	Digest string // Equal lists have the same.
}

// The first steps of the place of a List.
const (
	ListOfParameters   = "parameters"
	ListOfDependencies = "dependencies"
)

// Files reads the files that a call may read.
type Files interface {
	// Read returns the content of the file. A relative path is resolved against the workflow's folder, then against the folder
	// that the run was started in. The error is a permanent *Error of TaskValidationFailed with the path, the reason and a
	// hint: it does not exist, is not a regular file, is larger than limit bytes, or is outside the folders that the call may
	// read.
	Read(path string, limit int64) ([]byte, error)
}

// Program is program text in which every reference was replaced by the name of a variable that occurs nowhere else in it.
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
	Text      string // The value as part of other text: a string itself, any other value as compact JSON.
}

// Script is the text of a file as it was when the run started.
type Script struct {
	Path string `json:"path"` // Absolute.
	Text string `json:"text"`
}

// Result is what a handler returns.
type Result struct {
	Value   value.Value // An object that matches the method's result schema.
	Usage   Usage
	Warning string  // What people should know although the call succeeded.
	Printed Printed // What a call that failed has printed; of one that succeeded, Value has it.
}

// Usage counts what a call consumed of a model.
type Usage struct {
	LLMCalls     int64 `json:"llm_calls,omitempty"`
	PromptTokens int64 `json:"prompt_tokens,omitempty"`
	TokensUsed   int64 `json:"tokens_used,omitempty"` // Output tokens.
}

// Tokens returns the number of tokens that were read and written.
func (u Usage) Tokens() int64 { return u.PromptTokens + u.TokensUsed }

// Add sums two usages.
func (u Usage) Add(other Usage) Usage {
	return Usage{u.LLMCalls + other.LLMCalls, u.PromptTokens + other.PromptTokens, u.TokensUsed + other.TokensUsed}
}
