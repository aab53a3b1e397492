// Package python is the protocol python/v1: it runs scripts and functions in a real python3, each in a process of its
// own, and hands over what they leave. It must not know Temporal or the interpreter of workflows, and it never pastes a
// value into source text: values go into the script's process as JSON and into its code as variables.
package python

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Options are the settings of the protocol. The zero value is fine.
type Options struct {
	Interpreter string   // A command, or the path of an interpreter or a virtual environment; default "python3", from PATH.
	Preload     []string // Modules that are imported once, before scripts are forked.
	Env         []string // Names of variables of this process that scripts see, beside those that all see.
	Sandbox     string   // SandboxBwrap, or SandboxNone, the default.
	Limits      Limits
	Hide        []string // Folders that no script in a sandbox sees, absolute.
	Library     Library  // Where registered functions are kept; nil: none can be registered.

	// NoFork starts an interpreter for each script and forks nothing, as is always done where a system cannot fork.
	NoFork bool
}

// The sandboxes.
const (
	SandboxNone  = "none"
	SandboxBwrap = "bwrap"
)

// Handler runs the methods of python/v1. It keeps interpreters warm between calls; Close ends them.
type Handler struct {
	options      Options
	interpreters interpreters
	engine       engine
}

// New returns a Handler. It starts nothing yet; Health tells whether there is an interpreter.
func New(o Options) *Handler {
	if o.Interpreter == "" {
		o.Interpreter = "python3"
	}
	o.Limits = o.Limits.withDefaults()
	h := &Handler{options: o}
	h.engine = newEngine(o)
	return h
}

// Health tells whether there is a Python that can run scripts: nil, or a CONFIGURATION_ERROR.
func (h *Handler) Health(ctx context.Context) error {
	_, err := h.interpreters.find(ctx, h.options.Interpreter)
	return err
}

// Close ends the interpreters that are kept. Calls must have ended.
func (h *Handler) Close() error { return h.engine.close() }

// Handle runs one call. When it returns, nothing that a script started is left, and no file in its TMPDIR.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
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
	return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "python/v1 has no method %s", request.Method)
}

func (h *Handler) execute(ctx context.Context, request protocol.Request) (protocol.Result, error) {
	work, err := workOf(request)
	if err != nil {
		return protocol.Result{}, err
	}
	if name, given := request.Parameters.Get("function"); given {
		if work.call, err = h.callOf(ctx, name.Text(), request.Parameters); err != nil {
			return protocol.Result{}, err
		}
	}
	ended, err := h.run(ctx, request, work)
	if err != nil {
		return protocol.Result{}, err
	}
	return ended.outcome()
}

// run does the work in a process of its own.
func (h *Handler) run(ctx context.Context, request protocol.Request, work *work) (*ended, error) {
	if info, err := os.Stat(request.Folder); err != nil || !info.IsDir() {
		return nil, protocol.Errorf(protocol.TaskValidationFailed,
			"the folder that the run was started in is not there: %s", request.Folder)
	}
	sandbox, err := chooseSandbox(h.options.Sandbox, request.Parameters)
	if err != nil {
		return nil, err
	}
	command, err := interpreterCommand(h.options.Interpreter, request)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	found, err := h.interpreters.find(ctx, command)
	if err != nil {
		return nil, interrupted(ctx, began, err)
	}
	temp, err := os.MkdirTemp("", "gleitzeit-python-")
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "no temporary folder for the script: %v", err).WithCause(err)
	}
	ended, err := h.runIn(ctx, temp, found, sandbox, request, work)
	var start *startError
	if errors.As(err, &start) {
		h.interpreters.forget(command)
	}
	if removed := remove(temp); removed != nil && err == nil && ctx.Err() == nil {
		err = protocol.Errorf(protocol.TaskExecutionFailed, "the script's temporary folder cannot be removed: %v", removed).WithCause(removed)
	}
	if err = interrupted(ctx, began, err); err != nil {
		return nil, err
	}
	ended.limits, ended.subject = h.options.Limits.forAttempt(request), work.subject()
	return ended, nil
}

func (h *Handler) runIn(ctx context.Context, temp string, found *interpreter, sandbox string, request protocol.Request, work *work) (*ended, error) {
	environment, err := scriptEnvironment(h.options.Env, request.Parameters, temp)
	if err != nil {
		return nil, err
	}
	if sandbox == SandboxBwrap {
		environment = environment.With("HOME", value.String(temp)) // The user's own is empty there.
	}
	j := job{interpreter: found, temp: temp, request: work.encode(request, environment, h.options.Limits.forAttempt(request))}
	if sandbox == SandboxBwrap {
		j.wrapper, err = bubblewrap(ctx, found, temp, request, h.options.Hide)
		if err != nil {
			return nil, err
		}
	}
	return h.engine.run(ctx, j)
}

// job is what an engine needs to run a script.
type job struct {
	interpreter *interpreter
	temp        string   // The script's TMPDIR, empty.
	request     []byte   // As the runner's run_script reads it.
	wrapper     []string // The command line that starts the interpreter in a sandbox; nil is none.
}

// engine is a way to run scripts. Its errors are that no interpreter could be started, or why it did not take the script;
// what became of the script is in ended.
type engine interface {
	run(ctx context.Context, j job) (*ended, error)
	close() error
}

// startError is that an interpreter does not start.
type startError struct {
	path  string
	cause string
}

func (e *startError) Error() string { return e.path + " does not start: " + e.cause }

// interrupted puts the end of ctx, where that is why the call ended, in place of err.
func interrupted(ctx context.Context, began time.Time, err error) error {
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
		return protocol.Errorf(protocol.TaskTimeout, "the script was still running after %s, its timeout", seconds(after))
	}
	return protocol.Errorf(protocol.TaskCancelled, "the script was ended because its task was cancelled")
}

func seconds(d time.Duration) string {
	text := strings.TrimRight(fmt.Sprintf("%.2f", d.Seconds()), "0")
	return strings.TrimSuffix(text, ".") + " s"
}
