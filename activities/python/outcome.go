package python

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The signals with a meaning of their own.
const (
	signalKill = 9
	signalCPU  = 24 // SIGXCPU on Linux and macOS.
)

// result returns the method's result, or the error of the script.
func (e *outcome) result() (protocol.Result, error) {
	if err := e.failure(); err != nil {
		return protocol.Result{Printed: e.printed()}, err
	}
	return protocol.Result{Value: value.Object(
		value.Field{Name: "result", Value: e.reply.Result},
		value.Field{Name: "output", Value: value.String(e.stdout.text(e.secrets))},
		value.Field{Name: "stderr", Value: value.String(e.stderr.text(e.secrets))},
		value.Field{Name: "success", Value: value.Bool(true)},
		value.Field{Name: "execution_time", Value: e.reply.ExecutionTime},
	)}, nil
}

// failure returns the error of the script; nil if it succeeded.
func (e *outcome) failure() error {
	var foreign *protocol.Error
	switch {
	case errors.As(e.replyError, &foreign):
		return foreign
	case e.reply != nil && e.reply.Fault != "":
		return e.fault(e.reply)
	case e.exit == nil:
		return e.failed("the script's interpreter exited unexpectedly")
	case e.exit.Signal != nil:
		return e.killed(*e.exit.Signal)
	case e.reply == nil:
		return e.failed(fmt.Sprintf("the script's process exited with status %d before the script finished", *e.exit.Status))
	case *e.exit.Status != 0:
		return e.failed(fmt.Sprintf("the script finished, but its process exited with status %d", *e.exit.Status))
	}
	return nil
}

// fault returns the error for a fault that the runner reported.
func (e *outcome) fault(r *reply) *protocol.Error {
	message := e.message(r)
	switch r.Fault {
	case "reference":
		return protocol.Errorf(protocol.TaskParameterError, "%s", message).
			WithHint("assign it to a variable first, and use the variable")
	case "parameter":
		return protocol.Errorf(protocol.TaskParameterError, "%s", message)
	case "requirement":
		return protocol.Errorf(protocol.InvalidParams, "%s", message)
	case "missing":
		return protocol.Errorf(protocol.TaskValidationFailed, "%s", message).
			WithHint("install it there with pip, or choose another interpreter with the parameter python")
	case "folder", "function":
		return protocol.Errorf(protocol.TaskValidationFailed, "%s", message)
	case "syntax":
		invalid := protocol.Errorf(protocol.TaskExecutionFailed, "the script is not valid Python:\n%s", message).WithKind(protocol.Permanent)
		if strings.HasSuffix(message, "'return' outside function") {
			if parts := returned.FindStringSubmatch(message); parts != nil {
				return invalid.WithHint("write result = %s instead of return %[1]s", parts[1])
			}
			return invalid.WithHint("write result = … instead of return …")
		}
		return invalid
	case "result":
		return protocol.Errorf(protocol.TaskResultInvalid, "%s", message)
	case "pool":
		return e.lostWorker(r.Message)
	case "exit":
		return protocol.Errorf(protocol.TaskExecutionFailed, "the %s called exit with %s", e.subject, message).
			WithHint("a script succeeds if it runs to its end, or exits with status 0")
	}
	raised := protocol.Errorf(protocol.TaskExecutionFailed, "the %s raised an exception:\n%s", e.subject, message)
	if r.Fault == "memory" && e.limits.Memory > 0 {
		return raised.WithHint("the memory limit is %s per process; change it with python.limits.memory in config.yaml", formatSize(e.limits.Memory))
	}
	if parts := noModule.FindStringSubmatch(message); parts != nil {
		name, _, _ := strings.Cut(parts[1], ".")
		return raised.WithHint("%s -m pip install %s installs the package of that name; another Python that has it is chosen with the parameter python", cmp.Or(e.interpreter, "python3"), name)
	}
	return raised
}

// noModule is the last line of a traceback.
var noModule = regexp.MustCompile(`\nModuleNotFoundError: No module named '([^']+)'$`)

// returned is the line of a script that returns something.
var returned = regexp.MustCompile(`(?m)^ +return +([^\n#;]{1,60})$`)

// lostWorker returns the error for a worker of a pool that ended with a status, or by a signal, which is negative.
func (e *outcome) lostWorker(status string) *protocol.Error {
	const before = " before its work was done"
	switch number, _ := strconv.Atoi(status); {
	case number == lostWorkerStatus:
		return e.failed("a worker of a multiprocessing.Pool ended" + before).
			WithHint("with the start methods spawn and forkserver, each worker runs the script again up to where it starts processes: define functions before that, " +
				"put what only the script itself is to do below `if __name__ == \"__main__\":`, or use multiprocessing.get_context(\"fork\")")
	case number == -signalKill:
		return e.failed(fmt.Sprintf("a worker of a multiprocessing.Pool was killed by signal %d (%s)%s", -number, signalName(-number), before)).
			WithHint("the machine may have run out of memory: use fewer processes, or smaller pieces of work")
	case number < 0:
		return e.failed(fmt.Sprintf("a worker of a multiprocessing.Pool was killed by signal %d (%s)%s", -number, signalName(-number), before)).
			WithHint("%s", poolHint)
	default:
		return e.failed(fmt.Sprintf("a worker of a multiprocessing.Pool ended with exit status %d%s", number, before)).WithHint("%s", poolHint)
	}
}

const (
	// lostWorkerStatus is the exit status of a worker with a new interpreter that cannot work, as runner/processes.py has it.
	lostWorkerStatus = 213
	// poolHint is for workers that the script itself ends.
	poolHint = "the functions and the initializer of a Pool must not end its workers; with concurrent.futures.ProcessPoolExecutor, a worker that ends is an exception in the script"
)

const (
	// maxMessage and maxLines are how much of the end of a runner's message an error shows.
	maxMessage = 8 << 10
	maxLines   = 30
	// cutMark begins a message that the runner has cut at its beginning.
	cutMark = "\x00"
)

// message returns the end of the runner's message without secrets: the last lines of a traceback say why.
func (e *outcome) message(r *reply) string {
	kept, cut := strings.CutPrefix(r.Message, cutMark)
	return redaction.NewRaw(kept, cut, false).Redact(e.secrets).LastLines(maxLines, maxMessage)
}

func (e *outcome) killed(number int) *protocol.Error {
	when := ""
	if e.reply != nil {
		when = " after the script finished"
	}
	if number == signalCPU && e.limits.CPU > 0 {
		return e.failed("the script exceeded its CPU time limit of " + formatSeconds(e.limits.CPU) + when).
			WithHint("change the limit with python.limits.cpu in config.yaml")
	}
	failed := e.failed(fmt.Sprintf("the script's process was killed by signal %d (%s)%s", number, signalName(number), when))
	if number == signalKill {
		return failed.WithHint("the machine may have run out of memory")
	}
	return failed
}

func (e *outcome) failed(what string) *protocol.Error {
	if said := e.stderr.tailLines(e.secrets); said != "" {
		what += "; end of stderr:\n" + said
	}
	return protocol.Errorf(protocol.TaskExecutionFailed, "%s", what)
}

// formatSize returns a size for people: "4 GiB".
func formatSize(bytes int64) string {
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

// reply is the message of a script's process at its end.
type reply struct {
	Result        value.Value
	ExecutionTime value.Value
	Fault         string
	Message       string
}

// parseReply reads a reply, whose result may be large and is not copied.
func parseReply(data []byte) (*reply, error) {
	v, err := value.ParseOwned(data)
	if err != nil {
		return nil, err
	}
	if v.Kind() != value.KindObject {
		return nil, errors.New("the reply is not an object")
	}
	var r reply
	for _, field := range v.Fields() {
		switch field.Name {
		case "result":
			r.Result = field.Value
		case "execution_time":
			r.ExecutionTime = field.Value
		case "fault":
			r.Fault = field.Value.Text()
		case "message":
			r.Message = field.Value.Text()
		}
	}
	return &r, nil
}

// exitStatus is how a script's process ended. One of the fields is set.
type exitStatus struct {
	Status *int `json:"status"`
	Signal *int `json:"signal"`
}

// newOutcome returns the outcome of a job that has not started.
func newOutcome(j job) *outcome {
	e := &outcome{}
	if j.interpreter != nil {
		e.interpreter = j.interpreter.path
	}
	if j.print != nil {
		e.stdout.live = &liveText{print: func(text string) { j.print(text, false) }}
		e.stderr.live = &liveText{print: func(text string) { j.print(text, true) }}
	}
	return e
}

// outcome is what a script's process left behind.
type outcome struct {
	reply      *reply      // Nil if the process sent none.
	replyError error       // Why the reply is invalid.
	exit       *exitStatus // Nil if unknown.
	stdout     outputBuffer
	stderr     outputBuffer
	limits     Limits
	subject    string // "script" or "function".

	interpreter string         // Its path; empty if it is not known.
	secrets     *redaction.Set // Of the call.
}

// maxFrame limits the memory that a script's reply can take; the runner rejects larger results itself.
const maxFrame = protocol.MaxValue + 1<<10

// readReply reads the reply of a script: its size, a line feed, and JSON.
func (e *outcome) readReply(from io.Reader) {
	in := bufio.NewReaderSize(from, 4<<10)
	foreign := protocol.Errorf(protocol.TaskExecutionFailed, "the script wrote to file descriptor 4, which is reserved")
	line, err := in.ReadSlice('\n')
	if err != nil {
		if len(line) > 0 {
			e.replyError = foreign
		}
		return // The process ended before its reply.
	}
	size, err := strconv.Atoi(strings.TrimSuffix(string(line), "\n"))
	if err != nil || size < 0 || size > maxFrame {
		e.replyError = foreign
		return
	}
	value.MakeRoom(size)
	data := make([]byte, size)
	if _, err := io.ReadFull(in, data); err != nil {
		return
	}
	said, err := parseReply(data)
	if err != nil {
		e.replyError = foreign
		return
	}
	e.reply = said
}

// maxTail is the number of bytes of the end of a stream that messages show.
const maxTail = 2 << 10

// outputBuffer keeps the beginning and the end of a stream, and its size.
type outputBuffer struct {
	kept    []byte
	tail    []byte // At least the last protocol.PrintedBytes.
	written int64
	live    *liveText // Receives the text as it comes; nil where nobody reads it.
}

// drain reads a stream to its end or an error, and keeps at most limit bytes. A script must not stall because it writes much.
func (c *outputBuffer) drain(from io.Reader, limit int64) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		c.write(buffer[:n], limit)
		if err != nil {
			return // The end, or the deadline.
		}
	}
}

func (c *outputBuffer) write(data []byte, limit int64) {
	c.written += int64(len(data))
	c.live.write(data)
	c.tail = append(c.tail, data[max(0, len(data)-protocol.PrintedBytes):]...)
	if len(c.tail) > 2*protocol.PrintedBytes { // Rarely, because it copies.
		c.tail = append(c.tail[:0], c.tail[len(c.tail)-protocol.PrintedBytes:]...)
	}
	if room := limit - int64(len(c.kept)); limit >= 0 {
		data = data[:max(0, min(room, int64(len(data))))]
	}
	c.kept = append(c.kept, data...)
}

// text returns the beginning as valid UTF-8 without secrets, with a last line that says how much was truncated.
func (c *outputBuffer) text(secrets *redaction.Set) string {
	kept, cut := c.kept, c.written > int64(len(c.kept))
	for i := 1; cut && i < utf8.UTFMax && i <= len(kept); i++ { // The cut may lie inside a character.
		if start := len(kept) - i; utf8.RuneStart(kept[start]) {
			if !utf8.FullRune(kept[start:]) {
				kept = kept[:start]
			}
			break
		}
	}
	text := redaction.NewRaw(string(kept), false, cut).Redact(secrets).String()
	if !cut {
		return text
	}
	return fmt.Sprintf("%s\n[truncated: %d more bytes were written; %d are kept]", text, c.written-int64(len(kept)), len(kept))
}

// end returns the last lines of the stream without secrets, and of those what fits into limit bytes, from the beginning of a
// line if possible. cut: there was more.
func (c *outputBuffer) end(secrets *redaction.Set, lines, limit int) (text string, cut bool) {
	cut = c.written > int64(len(c.tail))
	text = strings.TrimRight(redaction.NewRaw(string(c.tail), cut, false).Redact(secrets).String(), "\n")
	if len(text) > limit {
		text, cut = strings.ToValidUTF8(text[len(text)-limit:], ""), true
	}
	if _, whole, more := strings.Cut(text, "\n"); cut && more {
		text = whole
	}
	if all := strings.Split(text, "\n"); len(all) > lines {
		text, cut = strings.Join(all[len(all)-lines:], "\n"), true
	}
	return text, cut
}

// tailLines returns the end of the stream for a message.
func (c *outputBuffer) tailLines(secrets *redaction.Set) string {
	text, _ := c.end(secrets, protocol.PrintedLines, maxTail)
	return text
}

// printed returns the end of the stream, after a line with "…" if something was cut.
func (c *outputBuffer) printed(secrets *redaction.Set) string {
	text, cut := c.end(secrets, protocol.PrintedLines, protocol.PrintedBytes)
	if cut {
		return "…\n" + text
	}
	return text
}

// printed returns what the script has printed.
func (e *outcome) printed() protocol.Printed {
	if e == nil {
		return protocol.Printed{}
	}
	return protocol.Printed{Output: e.stdout.printed(e.secrets), Stderr: e.stderr.printed(e.secrets)}
}

// liveText passes a stream on as text while it is written.
type liveText struct {
	print  func(text string)
	held   []byte // The beginning of a character.
	folded bool   // The last line ended with a carriage return.
}

// write passes data on, with line feeds in place of the carriage returns with which progress bars overwrite their line.
func (l *liveText) write(data []byte) {
	if l == nil || len(data) == 0 {
		return
	}
	l.held = append(l.held, data...)
	whole := len(l.held)
	for i := 1; i < utf8.UTFMax && i <= len(l.held); i++ {
		if start := len(l.held) - i; utf8.RuneStart(l.held[start]) {
			if !utf8.FullRune(l.held[start:]) {
				whole = start
			}
			break
		}
	}
	text := strings.ToValidUTF8(string(l.held[:whole]), "\uFFFD")
	l.held = append(l.held[:0], l.held[whole:]...)
	if l.folded {
		text = strings.TrimPrefix(text, "\n")
	}
	l.folded = strings.HasSuffix(text, "\r") || l.folded && text == ""
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	if text != "" {
		l.print(text)
	}
}
