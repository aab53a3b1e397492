package python

import (
	"errors"
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The signals that tell what happened.
const (
	signalKill = 9
	signalCPU  = 24 // SIGXCPU, of Linux and of macOS.
)

// outcome is the method's result, or why there is none.
func (e *ended) outcome() (protocol.Result, error) {
	if err := e.failure(); err != nil {
		return protocol.Result{}, err
	}
	return protocol.Result{Value: value.Object(
		value.Field{Name: "result", Value: e.script.Result},
		value.Field{Name: "output", Value: value.String(e.stdout.String())},
		value.Field{Name: "stderr", Value: value.String(e.stderr.String())},
		value.Field{Name: "success", Value: value.Bool(true)},
		value.Field{Name: "execution_time", Value: e.script.ExecutionTime},
	)}, nil
}

// failure is why the script did not succeed; nil where it did.
func (e *ended) failure() error {
	var foreign *protocol.Error
	switch {
	case errors.As(e.broken, &foreign):
		return foreign
	case e.script != nil && e.script.Fault != "":
		return e.fault(e.script)
	case e.end == nil:
		return e.failed("the script's interpreter vanished")
	case e.end.Signal != nil:
		return e.killed(*e.end.Signal)
	case e.script == nil:
		return e.failed(fmt.Sprintf("the script's process ended with status %d before the script came to its end", *e.end.Status))
	case *e.end.Status != 0:
		return e.failed(fmt.Sprintf("the script came to its end, but its process ended with status %d", *e.end.Status))
	}
	return nil
}

// fault says what the runner found wrong, by its name for it.
func (e *ended) fault(r *reply) *protocol.Error {
	switch r.Fault {
	case "reference":
		return protocol.Errorf(protocol.TaskParameterError, "%s", r.Message).
			WithHint("give it to a variable of its own first, and use that")
	case "parameter":
		return protocol.Errorf(protocol.TaskParameterError, "%s", r.Message)
	case "requirement":
		return protocol.Errorf(protocol.InvalidParams, "%s", r.Message)
	case "missing":
		return protocol.Errorf(protocol.TaskValidationFailed, "%s", r.Message).
			WithHint("install it there with pip, or name an interpreter that has it with the parameter python")
	case "folder", "function":
		return protocol.Errorf(protocol.TaskValidationFailed, "%s", r.Message)
	case "syntax":
		return protocol.Errorf(protocol.TaskExecutionFailed, "the script is not valid Python:\n%s", r.Message).WithKind(protocol.Permanent)
	case "result":
		return protocol.Errorf(protocol.TaskResultInvalid, "%s", r.Message)
	case "exit":
		return protocol.Errorf(protocol.TaskExecutionFailed, "the %s called exit with %s", e.subject, r.Message).
			WithHint("a script succeeds by coming to its end")
	}
	raised := protocol.Errorf(protocol.TaskExecutionFailed, "the %s raised an exception:\n%s", e.subject, r.Message)
	if r.Fault == "memory" && e.limits.Memory > 0 {
		return raised.WithHint("a process may use %s of memory; python.limits.memory in config.yaml sets another limit", size(e.limits.Memory))
	}
	return raised
}

func (e *ended) killed(number int) *protocol.Error {
	when := ""
	if e.script != nil {
		when = " after the script came to its end"
	}
	if number == signalCPU && e.limits.CPU > 0 {
		return e.failed("the script used up its processor time of " + seconds(e.limits.CPU) + when).
			WithHint("python.limits.cpu in config.yaml sets another limit")
	}
	failed := e.failed(fmt.Sprintf("the script's process was ended by signal %d (%s)%s", number, signalName(number), when))
	if number == signalKill {
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

// size writes bytes as people do: "4 GiB".
func size(bytes int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes >= unit.size && bytes%unit.size == 0 {
			return fmt.Sprintf("%d %s", bytes/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", bytes)
}
