// Package python is the protocol python/v1: it runs a script in a real python3, in a process of its own, and hands over
// what the script leaves in `result`. It must not know Temporal or the interpreter of workflows, and it never pastes a
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
)

// Options are the settings of the protocol. The zero value is fine.
type Options struct {
	Python string // A command or a path; default "python3", from PATH.
}

// Handler runs the methods of python/v1. It holds no process between calls.
type Handler struct {
	interpreter interpreter
}

// New returns a Handler. It starts nothing yet; Health tells whether there is an interpreter.
func New(o Options) *Handler {
	command := o.Python
	if command == "" {
		command = "python3"
	}
	return &Handler{interpreter: interpreter{command: command}}
}

// Health tells whether there is a Python that can run scripts: nil, or a CONFIGURATION_ERROR.
func (h *Handler) Health(ctx context.Context) error {
	_, err := h.interpreter.find(ctx)
	return err
}

// Handle runs one script. When it returns, nothing that the script started is left, and no file in its TMPDIR.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
	if request.Method != Execute {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "python/v1 has no method %s", request.Method)
	}
	input, err := inputOf(request)
	if err != nil {
		return protocol.Result{}, err
	}
	if info, err := os.Stat(request.Folder); err != nil || !info.IsDir() {
		return protocol.Result{}, protocol.Errorf(protocol.TaskValidationFailed,
			"the folder that the run was started in is not there: %s", request.Folder)
	}
	began := time.Now()
	executable, err := h.interpreter.find(ctx)
	if err != nil {
		return protocol.Result{}, interrupted(ctx, began, err)
	}
	temp, err := os.MkdirTemp("", "gleitzeit-python-")
	if err != nil {
		return protocol.Result{}, protocol.Errorf(protocol.ConfigurationError, "no temporary folder for the script: %v", err)
	}
	ended, err := run(ctx, start{executable: executable, temp: temp, input: input})
	if err != nil && ctx.Err() == nil {
		h.interpreter.forget()
		err = protocol.Errorf(protocol.ConfigurationError, "%s does not start: %v", executable, err)
	}
	if removed := remove(temp); removed != nil && err == nil && ctx.Err() == nil {
		err = protocol.Errorf(protocol.TaskExecutionFailed, "the script's temporary folder cannot be removed: %v", removed)
	}
	if err = interrupted(ctx, began, err); err != nil {
		return protocol.Result{}, err
	}
	return ended.outcome()
}

// interrupted puts the end of ctx, where that is why the call ended, in place of err.
func interrupted(ctx context.Context, began time.Time, err error) error {
	switch {
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
