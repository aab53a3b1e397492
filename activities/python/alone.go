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

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// alone is the engine where a system cannot fork: it starts an interpreter for each script, which runs in that very
// process. Its reply comes in a file of a folder of its own.
type alone struct {
	output int64
}

func (alone) close() error { return nil }

func (a alone) run(ctx context.Context, j job) (*ended, error) {
	if j.wrapper != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the sandbox needs a system that can fork")
	}
	folder, err := os.MkdirTemp("", "gleitzeit-reply-")
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "no temporary folder for the reply: %v", err).WithCause(err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // It holds one file of ours.
	reply := filepath.Join(folder, "reply")
	if err := os.WriteFile(reply, nil, 0o600); err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "no file for the reply: %v", err).WithCause(err)
	}
	e := &ended{}
	command := exec.CommandContext(ctx, j.interpreter.path, "-u", "-X", "utf8", "-c", bootstrap, mainArgument(nil, reply))
	command.Dir, command.Env = j.temp, environment()
	command.Stdin = bytes.NewReader(append([]byte(runner()), j.request...))
	command.Stdout, command.Stderr = sink{&e.stdout, a.output}, sink{&e.stderr, a.output}
	command.WaitDelay = time.Second
	group(command)
	if err := command.Start(); err != nil {
		return nil, &startError{j.interpreter.path, err.Error()}
	}
	failed := command.Wait()
	endGroup(command)
	e.end = endOf(command.ProcessState)
	if failed != nil && e.end == nil && ctx.Err() == nil && !errors.Is(failed, exec.ErrWaitDelay) {
		return nil, &startError{j.interpreter.path, failed.Error()}
	}
	data, err := os.ReadFile(reply)
	if err == nil && len(data) > 0 {
		e.readReply(bytes.NewReader(data))
	}
	return e, nil
}

// sink is a capture as a command writes to it. It never fails: a script must not stall because it writes much.
type sink struct {
	capture *capture
	most    int64
}

func (s sink) Write(data []byte) (int, error) {
	s.capture.write(data, s.most)
	return len(data), nil
}

// mainArgument is what runner/parent.py is told: the modules to import, or the file for the reply of the one script that
// it runs alone; and how many bytes of its standard input are the runner.
func mainArgument(preload []string, reply string) string {
	names := make([]value.Value, len(preload))
	for i, name := range preload {
		names[i] = value.String(name)
	}
	path := value.Value{}
	if reply != "" {
		path = value.String(reply)
	}
	return string(value.Object(
		value.Field{Name: "runner", Value: value.Int(int64(len(runner())))},
		value.Field{Name: "preload", Value: value.List(names...)},
		value.Field{Name: "alone", Value: path},
	).JSON())
}

// bootstrap is all that stands on the interpreter's command line: it takes the runner from standard input. The folder
// that it runs in leaves the import path: any file of that could pass for a module of the runner.
const bootstrap = `import sys
if sys.path[:1] == [""]: del sys.path[0]
before = set(sys.modules)
import json
text = sys.stdin.buffer.read(json.loads(sys.argv[1])["runner"])
exec(compile(text, "<gleitzeit>", "exec"), {"__name__": "gleitzeit", "STARTED_WITH": before})`

// isText tells whether a value is a list of texts.
func isText(list value.Value) bool {
	for _, element := range list.Elements() {
		if element.Kind() != value.KindString || strings.TrimSpace(element.Text()) == "" {
			return false
		}
	}
	return list.Kind() == value.KindList
}
