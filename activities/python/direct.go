package python

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/scratch"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// directEngine is the engine for systems that cannot fork: it starts an interpreter for each script, which runs in the same
// process and writes its reply to a file.
type directEngine struct{ engineOptions }

func (directEngine) close() error { return nil }

func (a directEngine) run(ctx context.Context, j job) (*outcome, error) {
	if j.wrapper != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the sandbox is not supported on this system, which cannot fork")
	}
	folder, err := scratch.New("reply")
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot create a temporary folder for the reply: %v", err).WithCause(err)
	}
	defer func() { _ = folder.Remove() }() // It contains one file of this process.
	reply := filepath.Join(folder.Path, "reply")
	if err := os.WriteFile(reply, nil, 0o600); err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot create a file for the reply: %v", err).WithCause(err)
	}
	e := newOutcome(j)
	command := child.Command(context.WithoutCancel(ctx), baseEnvironment(), j.interpreter.path, "-u", "-X", "utf8", "-c", bootstrap, runnerSettings{reply: reply}.argument())
	command.Dir = j.temp
	command.Stdin = j.request.reader(runner() + string(j.request.appendSizes(nil)))
	command.Stdout, command.Stderr = bufferWriter{&e.stdout, a.output}, bufferWriter{&e.stderr, a.output}
	command.WaitDelay = time.Second
	newSession(command)
	if err := command.Start(); err != nil {
		return nil, &startError{j.interpreter.path, err.Error()}
	}
	var kill func()
	ending := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		kill = endGently(command, a.grace)
		close(ending)
	})
	failed := command.Wait()
	if !stop() {
		<-ending
		kill()
	}
	endGroup(command)
	e.exit = exitStatusOf(command.ProcessState)
	if failed != nil && e.exit == nil && ctx.Err() == nil && !errors.Is(failed, exec.ErrWaitDelay) {
		return nil, &startError{j.interpreter.path, failed.Error()}
	}
	data, err := os.ReadFile(reply)
	if err == nil && len(data) > 0 {
		e.readReply(bytes.NewReader(data))
	}
	return e, nil
}

// bufferWriter writes a command's output to a buffer. It never fails: a script must not stall because it writes much.
type bufferWriter struct {
	buffer *outputBuffer
	limit  int64
}

func (s bufferWriter) Write(data []byte) (int, error) {
	s.buffer.write(data, s.limit)
	return len(data), nil
}

// runnerSettings are the settings of runner/parent.py.
type runnerSettings struct {
	preload []string      // The modules to import.
	grace   time.Duration // How long a script may take to end after SIGTERM; 0 or less: no time.
	reply   string        // The file for the reply of the only script that it runs; empty: it forks processes for many.
}

// argument returns the runner's argument, which also says how many bytes of its standard input are the runner.
func (s runnerSettings) argument() string {
	names := make([]value.Value, len(s.preload))
	for i, name := range s.preload {
		names[i] = value.String(name)
	}
	path := value.Value{}
	if s.reply != "" {
		path = value.String(s.reply)
	}
	return string(value.Object(
		value.Field{Name: "runner", Value: value.Int(int64(len(runner())))},
		value.Field{Name: "preload", Value: value.List(names...)},
		value.Field{Name: "grace", Value: value.Float(max(s.grace, 0).Seconds())},
		value.Field{Name: "alone", Value: path},
	).JSON())
}

// bootstrap is the code on the interpreter's command line: it reads the runner from standard input. It removes the current
// folder from the import path, because any file in it could replace a module of the runner.
const bootstrap = `import sys
if sys.path[:1] == [""]: del sys.path[0]
before = set(sys.modules)
import json
text = sys.stdin.buffer.read(json.loads(sys.argv[1])["runner"])
exec(compile(text, "<gleitzeit>", "exec"), {"__name__": "gleitzeit", "STARTED_WITH": before})`

// isTextList reports whether a value is a list of strings that are not blank.
func isTextList(list value.Value) bool {
	for _, element := range list.Elements() {
		if element.Kind() != value.KindString || strings.TrimSpace(element.Text()) == "" {
			return false
		}
	}
	return list.Kind() == value.KindList
}
