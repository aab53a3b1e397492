// Package python implements the protocol python/v1: it runs scripts and functions in a real python3, each in its own process,
// and returns their results. It must not know Temporal or the interpreter of workflows, and it never pastes a value into
// source text: values go into the script's process as JSON and into its code as variables.
package python

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/scratch"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Options are the settings of the protocol. All are optional.
type Options struct {
	Interpreter   string   // A command, or the path of an interpreter or a virtual environment; default "python3", from PATH.
	Interpreters  []string // Further commands or absolute paths that a task may name where Sandbox is SandboxBwrap.
	Preload       []string // Modules that are imported once, before processes of scripts are forked.
	Env           []string // Names of further variables of this process that scripts see.
	Sandbox       string   // SandboxBwrap, or SandboxNone, which is the default.
	Limits        Limits
	HiddenFolders []string // Absolute paths of folders, and files, that a sandbox hides.
	Library       Library  // Store of registered functions; nil: no function can be registered.

	// Grace is how long a script may take to end after SIGTERM, before it is killed: 0 is DefaultGrace, NoGrace kills at once.
	Grace time.Duration

	// NoFork starts an interpreter for each script instead of forking one, as on systems that cannot fork.
	NoFork bool
}

// DefaultGrace is the grace of scripts without a setting; NoGrace is none.
const (
	DefaultGrace = 5 * time.Second
	NoGrace      = -1
)

// The sandboxes.
const (
	SandboxNone  = "none"
	SandboxBwrap = "bwrap"
)

// Handler runs the methods of python/v1. It keeps interpreters running between calls; Close ends them.
type Handler struct {
	options      Options
	interpreters interpreterCache
	engine       engine
	calls        sync.WaitGroup
}

// New returns a Handler. It starts no interpreter yet.
func New(o Options) *Handler {
	if o.Interpreter == "" {
		o.Interpreter = "python3"
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	o.Limits = o.Limits.withDefaults()
	h := &Handler{options: o}
	h.engine = newEngine(o)
	return h
}

// Health returns CONFIGURATION_ERROR if there is no Python that can run scripts.
func (h *Handler) Health(ctx context.Context) error {
	_, err := h.interpreters.find(ctx, h.options.Interpreter, nil)
	return err
}

// Describe returns the path and the version of an interpreter; that of the settings if the command is empty.
func (h *Handler) Describe(ctx context.Context, command string) (path, version string, err error) {
	found, err := h.interpreters.find(ctx, cmp.Or(command, h.options.Interpreter), nil)
	if err != nil {
		return "", "", err
	}
	return found.path, found.version, nil
}

// EndGrace implements protocol.Graceful.
func (h *Handler) EndGrace() time.Duration { return max(h.options.Grace, 0) + endMargin }

// endMargin is how long a script may take to end, with everything that it started, apart from its grace.
const endMargin = 10 * time.Second

// Close ends the interpreters. Calls must have ended, or be about to end because their contexts are done.
func (h *Handler) Close() error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.calls.Wait()
	}()
	timeout := time.NewTimer(h.EndGrace())
	defer timeout.Stop()
	select {
	case <-ended:
	case <-timeout.C:
	}
	return h.engine.close()
}

// Handle runs one call. When it returns, no process that a script started is left, and no file in its TMPDIR.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
	h.calls.Add(1)
	defer h.calls.Done()
	switch request.Method {
	case Execute:
		return h.execute(ctx, request)
	case Register:
		return h.register(ctx, request)
	case List:
		return h.list(ctx)
	case Info:
		return h.info(ctx, request)
	}
	return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "unknown method %q", request.Method)
}

func (h *Handler) execute(ctx context.Context, request protocol.Request) (protocol.Result, error) {
	work, err := newScript(request)
	if err != nil {
		return protocol.Result{}, err
	}
	if name, given := request.Parameters.Get("function"); given {
		if work.call, err = h.resolveCall(ctx, name.Text(), request.Parameters); err != nil {
			return protocol.Result{}, err
		}
	}
	ended, err := h.run(ctx, request, work)
	if err != nil {
		return protocol.Result{Printed: ended.printed()}, err
	}
	return ended.result()
}

// run runs a script in its own process. With an error, such as that of its timeout, the outcome has what the script printed.
func (h *Handler) run(ctx context.Context, request protocol.Request, work *script) (*outcome, error) {
	if info, err := os.Stat(request.Folder); err != nil || !info.IsDir() {
		return nil, protocol.Errorf(protocol.TaskValidationFailed,
			"the folder of the run does not exist: %q", request.Folder)
	}
	sandbox, err := chooseSandbox(h.options.Sandbox, request.Parameters)
	if err != nil {
		return nil, err
	}
	command, err := interpreterCommand(h.options, request)
	if err != nil {
		return nil, err
	}
	temp, err := scratch.New("python")
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot create a temporary folder for the script: %v", err).WithCause(err)
	}
	ended, err := h.runWith(ctx, temp.Path, command, sandbox, request, work)
	if removed := temp.Remove(); removed != nil && err == nil && ctx.Err() == nil {
		err = protocol.Errorf(protocol.TaskExecutionFailed, "cannot remove the script's temporary folder: %v", removed).WithCause(removed)
	}
	if ended != nil {
		ended.limits, ended.subject, ended.secrets = h.options.Limits.forAttempt(request), work.subject(), request.Secrets
	}
	return ended, err
}

// runWith runs a script with the interpreter of a command.
func (h *Handler) runWith(ctx context.Context, temp, command, sandbox string, request protocol.Request, work *script) (*outcome, error) {
	began := time.Now()
	var wrap wrapper
	if sandbox == SandboxBwrap {
		wrap = func(ctx context.Context, python *interpreter) ([]string, error) {
			return bubblewrapCommand(ctx, python, temp, h.options.Limits.Temp, request, h.options.HiddenFolders)
		}
	}
	found, err := h.interpreters.find(ctx, command, wrap)
	if err != nil {
		return nil, withContextError(ctx, began, err)
	}
	ended, err := h.runIn(ctx, temp, found, wrap, request, work)
	var start *startError
	if errors.As(err, &start) {
		h.interpreters.forget(command)
	}
	return ended, withContextError(ctx, began, err)
}

func (h *Handler) runIn(ctx context.Context, temp string, found *interpreter, wrap wrapper, request protocol.Request, work *script) (*outcome, error) {
	environment, err := scriptEnvironment(h.options.Env, request.Parameters, temp)
	if err != nil {
		return nil, err
	}
	if wrap != nil {
		environment = environment.With("HOME", value.String(temp)) // The user's home is empty in the sandbox.
	}
	j := job{interpreter: found, temp: temp, request: work.encode(request, environment, h.options.Limits.forAttempt(request)), secrets: request.Secrets, print: request.Print}
	if wrap != nil {
		j.wrapper, err = wrap(ctx, found)
		if err != nil {
			return nil, err
		}
	}
	return h.engine.run(ctx, j)
}

// job is what an engine needs to run a script.
type job struct {
	interpreter *interpreter
	temp        string // The script's TMPDIR, an empty folder.
	request     frame
	wrapper     []string // The command line that starts the interpreter in a sandbox; nil = no sandbox.
	secrets     *redaction.Set
	print       func(text string, stderr bool) // Receives what the script prints, as it comes; nil where nobody reads it.
}

// engine is a way to run scripts. Its errors are failures to start an interpreter or the script; failures of the script are
// in the outcome.
type engine interface {
	run(ctx context.Context, j job) (*outcome, error)
	close() error
}

// engineOptions are what every engine needs to know.
type engineOptions struct {
	output int64         // Bytes kept of each stream.
	grace  time.Duration // How long a script may take to end after SIGTERM; 0 or less: no time.
}

func (o Options) engine() engineOptions { return engineOptions{o.Limits.Output, o.Grace} }

// startError is the failure to start an interpreter.
type startError struct {
	path  string
	cause string
}

func (e *startError) Error() string { return "cannot start " + e.path + ": " + e.cause }

// withContextError replaces err with the error of ctx if ctx is done.
func withContextError(ctx context.Context, began time.Time, err error) error {
	var start *startError
	switch {
	case ctx.Err() == nil && errors.As(err, &start):
		return protocol.Errorf(protocol.ConfigurationError, "%s", start.Error())
	case ctx.Err() == nil:
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		after := time.Since(began)
		if deadline, set := ctx.Deadline(); set {
			after = deadline.Sub(began)
		}
		return protocol.Errorf(protocol.TaskTimeout, "the script timed out after %s", formatSeconds(after))
	}
	return protocol.Errorf(protocol.TaskCancelled, "the script was cancelled")
}

func formatSeconds(d time.Duration) string {
	text := strings.TrimRight(fmt.Sprintf("%.2f", d.Seconds()), "0")
	return strings.TrimSuffix(text, ".") + " s"
}
