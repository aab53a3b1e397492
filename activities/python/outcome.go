package python

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

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

// reply is what a script's process says of itself, at its end.
type reply struct {
	Result        value.Value `json:"result"`
	ExecutionTime value.Value `json:"execution_time"`
	Fault         string      `json:"fault"`
	Message       string      `json:"message"`
}

// end is how a script's process ended, after everything that it left behind.
type end struct {
	Status *int `json:"status"`
	Signal *int `json:"signal"`
}

// ended is what is left of a script.
type ended struct {
	script  *reply // Nil where its process did not come that far.
	broken  error  // Why what it said cannot be read.
	end     *end   // Nil where nobody saw it.
	stdout  capture
	stderr  capture
	limits  Limits
	subject string // "script" or "function".
}

// maxFrame bounds what a script can make this process hold; the runner refuses larger results itself.
const maxFrame = protocol.MaxValue + 1<<10

// readReply reads the one frame of a script: its size, a line feed, and JSON.
func (e *ended) readReply(from io.Reader) {
	in := bufio.NewReaderSize(from, 4<<10)
	foreign := protocol.Errorf(protocol.TaskExecutionFailed, "the script wrote to file descriptor 4, which is not its own")
	line, err := in.ReadSlice('\n')
	if err != nil {
		if len(line) > 0 {
			e.broken = foreign
		}
		return // Its process did not come that far.
	}
	size, err := strconv.Atoi(strings.TrimSuffix(string(line), "\n"))
	if err != nil || size < 0 || size > maxFrame {
		e.broken = foreign
		return
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(in, data); err != nil {
		return
	}
	said := &reply{}
	if err := json.Unmarshal(data, said); err != nil {
		e.broken = foreign
		return
	}
	e.script = said
}

// maxTail is how many bytes of the end of a stream are told in messages.
const maxTail = 2 << 10

// capture keeps the beginning of what is written to it, the end, and how much there was.
type capture struct {
	kept    []byte
	tail    []byte
	written int64
}

// drain takes what comes until the end, or an error, of which the beginning up to most bytes is kept: a script must not
// stall because it writes much.
func (c *capture) drain(from io.Reader, most int64) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		c.write(buffer[:n], most)
		if err != nil {
			return // The end, or the deadline.
		}
	}
}

func (c *capture) write(data []byte, most int64) {
	c.written += int64(len(data))
	c.tail = append(c.tail, data[max(0, len(data)-maxTail):]...)
	if excess := len(c.tail) - maxTail; excess > 0 {
		c.tail = append(c.tail[:0], c.tail[excess:]...)
	}
	if room := most - int64(len(c.kept)); most >= 0 {
		data = data[:max(0, min(room, int64(len(data))))]
	}
	c.kept = append(c.kept, data...)
}

// String is what is kept as valid UTF-8, with a last line that says what was cut.
func (c *capture) String() string {
	kept := c.kept
	if cut := c.written > int64(len(kept)); !cut {
		return strings.ToValidUTF8(string(kept), "\uFFFD")
	}
	for i := 1; i < utf8.UTFMax && i <= len(kept); i++ { // The cut may lie inside a character.
		if start := len(kept) - i; utf8.RuneStart(kept[start]) {
			if !utf8.FullRune(kept[start:]) {
				kept = kept[:start]
			}
			break
		}
	}
	return fmt.Sprintf("%s\n[cut here: %d more bytes were written; %d are kept]",
		strings.ToValidUTF8(string(kept), "\uFFFD"), c.written-int64(len(kept)), len(kept))
}

// end is the end of what was written, in whole lines where there are some.
func (c *capture) end() string {
	tail := strings.ToValidUTF8(string(c.tail), "\uFFFD")
	if c.written > int64(len(c.tail)) {
		if _, lines, more := strings.Cut(tail, "\n"); more {
			tail = lines
		}
	}
	return strings.TrimRight(tail, "\n")
}
