package python

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// unflushed is the status of a Python that could not flush its standard output at its end, because the script closed it.
const unflushed = 120

// outcome is the method's result, or why there is none.
func (e *ended) outcome() (protocol.Result, error) {
	script, end := e.replies.script, e.replies.end
	var foreign *protocol.Error
	switch {
	case errors.As(e.replies.broken, &foreign):
		return protocol.Result{}, foreign
	case script != nil && script.Fault != "":
		return protocol.Result{}, script.fault()
	case end == nil:
		return protocol.Result{}, e.failed("the script's interpreter vanished")
	case end.Signal != nil:
		return protocol.Result{}, e.killed(*end.Signal, script != nil)
	case script == nil:
		return protocol.Result{}, e.failed(fmt.Sprintf("the script's process ended with status %d before the script came to its end", *end.Status))
	case *end.Status != 0 && *end.Status != unflushed:
		return protocol.Result{}, e.failed(fmt.Sprintf("the script came to its end, but its process ended with status %d", *end.Status))
	}
	return protocol.Result{Value: protocol.OfObject(
		protocol.Field{Name: "result", Value: script.Result},
		protocol.Field{Name: "output", Value: protocol.OfString(e.stdout.String())},
		protocol.Field{Name: "stderr", Value: protocol.OfString(e.stderr.String())},
		protocol.Field{Name: "success", Value: protocol.OfBool(true)},
		protocol.Field{Name: "execution_time", Value: script.ExecutionTime},
	)}, nil
}

// fault says what the runner found wrong, by its name for it.
func (r *reply) fault() *protocol.Error {
	switch r.Fault {
	case "reference":
		return protocol.Errorf(protocol.TaskParameterError, "%s", r.Message).
			WithHint("give it to a variable of its own first, and use that")
	case "parameter":
		return protocol.Errorf(protocol.TaskParameterError, "%s", r.Message)
	case "folder":
		return protocol.Errorf(protocol.TaskValidationFailed, "%s", r.Message)
	case "syntax":
		return protocol.Errorf(protocol.TaskExecutionFailed, "the script is not valid Python:\n%s", r.Message).OfKind(protocol.Permanent)
	case "result":
		return protocol.Errorf(protocol.TaskResultInvalid, "%s", r.Message)
	case "exit":
		return protocol.Errorf(protocol.TaskExecutionFailed, "the script called exit with %s", r.Message).
			WithHint("a script succeeds by coming to its end")
	}
	return protocol.Errorf(protocol.TaskExecutionFailed, "the script raised an exception:\n%s", r.Message)
}

func (e *ended) killed(number int, atItsEnd bool) *protocol.Error {
	when := ""
	if atItsEnd {
		when = " after the script came to its end"
	}
	signal := syscall.Signal(number)
	failed := e.failed(fmt.Sprintf("the script's process was ended by signal %d (%s)%s", number, signal, when))
	if signal == syscall.SIGKILL {
		return failed.WithHint("if nobody did that, the machine ran out of memory")
	}
	return failed
}

func (e *ended) failed(what string) *protocol.Error {
	if said := e.stderr.end(); said != "" {
		what += "; the end of its stderr:\n" + said
	}
	return protocol.Errorf(protocol.TaskExecutionFailed, "%s", what)
}
