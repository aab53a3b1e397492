// Package stdio runs the program of an MCP server, which is reached over its standard input and output: it starts the program
// in a process group of its own, keeps the last lines of its standard error, and ends the whole group. It must not know the
// messages.
package stdio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

const (
	// exitGrace is how long a program may take to exit after its standard input has closed, and again after SIGTERM.
	exitGrace = 2 * time.Second
	// orphanGrace is how long programs that the server started may outlive it.
	orphanGrace = 500 * time.Millisecond
	// writeTimeout is the time limit for a program to read a message.
	writeTimeout = 30 * time.Second
)

// Program is the program of a server.
type Program struct {
	Server  string // Its name, for messages.
	Command string // Found on PATH, or a path.
	Args    []string
	Cwd     string // Empty is the folder of this process.
	Env     []protocol.Setting
	Lookup  child.Lookup // Finds the variables that every program gets.
	Log     *slog.Logger
	Secrets *redaction.Set // Redacted in what the program writes.
}

// Process is a running program with everything that it started: a process group.
type Process struct {
	command *exec.Cmd
	group   *group
	stdin   *os.File
	stdout  *os.File
	stderr  *os.File
	tail    *outputTail // Of stderr.
	strays  *outputTail // Of stdout: lines that are not messages.
	exited  chan struct{}
	ended   chan struct{}
	ending  chan struct{} // A lock for ending it.
}

// Start starts a program.
func Start(s Program) (*Process, error) {
	path, err := exec.LookPath(s.Command)
	if err != nil {
		failure := protocol.Errorf(protocol.ConfigurationError, "cannot start the MCP server %q: program %q not found", s.Server, s.Command)
		if words := strings.Fields(s.Command); len(words) > 1 {
			return nil, failure.WithHint("`command` is the program alone; put its arguments in `args`, as in command: %s, args: [%s]", words[0], quoted(words[1:]))
		}
		return nil, failure.WithHint("install it on the worker's machine, or correct `command`")
	}
	if info, err := os.Stat(s.Cwd); s.Cwd != "" && (err != nil || !info.IsDir()) {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot start the MCP server %q: folder %q not found", s.Server, s.Cwd)
	}
	p := &Process{exited: make(chan struct{}), ended: make(chan struct{}), ending: make(chan struct{}, 1), tail: newOutputTail("stderr", s), strays: newOutputTail("stdout", s)}
	var open []*os.File
	pipe := func() (read, write *os.File) {
		if err == nil {
			read, write, err = os.Pipe()
			open = append(open, read, write)
		}
		return read, write
	}
	stdin, stdinOurs := pipe()
	stdoutOurs, stdout := pipe()
	stderrOurs, stderr := pipe()
	if err != nil {
		closeAll(open)
		return nil, fmt.Errorf("cannot create a pipe to the MCP server %q: %w", s.Server, err)
	}
	p.stdin, p.stdout, p.stderr = stdinOurs, stdoutOurs, stderrOurs
	if p.group, err = newGroup(s.Lookup); err != nil {
		closeAll(open)
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot start the MCP server %q: %s", s.Server, err)
	}
	// It outlives the call that starts it; End stops it.
	p.command = child.Command(context.Background(), environment(s.Lookup, s.Env), path, s.Args...)
	p.command.Dir = s.Cwd
	p.command.Stdin, p.command.Stdout, p.command.Stderr = stdin, stdout, stderr
	if err := p.group.start(p.command); err != nil {
		p.group.kill()
		p.group.close()
		closeAll(open)
		if of, is := errors.AsType[*fs.PathError](err); is {
			err = of.Err
		}
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot start the MCP server %q: %q: %s", s.Server, s.Command, err)
	}
	closeAll([]*os.File{stdin, stdout, stderr})
	go func() {
		p.tail.read(stderrOurs)
		_ = stderrOurs.Close()
	}()
	go p.watch()
	return p, nil
}

// quoted returns words as the elements of a list in YAML.
func quoted(words []string) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = strconv.Quote(word)
	}
	return strings.Join(all, ", ")
}

// watch waits for the program, and ends what it leaves behind, which would keep its pipes open and calls waiting.
func (p *Process) watch() {
	_ = p.command.Wait() // ProcessState has the result.
	close(p.exited)
	select {
	case <-time.After(orphanGrace):
		p.End()
	case <-p.ended:
	}
}

// End ends the whole group, by closing standard input first, as MCP requires. It may be called several times at once.
func (p *Process) End() {
	select {
	case p.ending <- struct{}{}:
	case <-p.ended:
		return
	}
	_ = p.stdin.Close() // It may be broken already.
	if !p.exits(exitGrace) {
		p.group.terminate()
		p.exits(exitGrace)
	}
	p.group.kill()
	<-p.exited
	_ = p.stderr.SetReadDeadline(time.Now().Add(orphanGrace)) // A program that left the group may hold it open.
	p.group.close()
	_ = p.stdout.Close()
	close(p.ended)
}

// Stdout returns what the program writes to its standard output.
func (p *Process) Stdout() io.ReadCloser { return p.stdout }

// Stdin returns the program's standard input. Each write has a time limit.
func (p *Process) Stdin() io.WriteCloser { return deadlineWriter{p.stdin} }

// Exit returns how the program exited by itself, such as "exit status 3"; "" if it has not. It waits a moment, because the end
// of its output is seen first.
func (p *Process) Exit() string {
	if p.exits(orphanGrace) {
		return p.command.ProcessState.String()
	}
	return ""
}

// Stray logs and keeps output on the standard output that is not a message; long if its end is missing. It may have several
// lines.
func (p *Process) Stray(text []byte, long bool) {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	for i, line := range lines {
		p.strays.add(line, long && i == len(lines)-1)
	}
}

// LastOutput returns the last lines of the program's standard error, and those of its standard output that are not messages, to
// be appended to a message; "" if there are none. It waits a moment for the end of the output, for a program that has exited.
func (p *Process) LastOutput() string {
	select {
	case <-p.tail.done:
	case <-time.After(orphanGrace):
	}
	return p.tail.last("its last output") + p.strays.last("on standard output, which is for messages only, it printed")
}

// Unread reports whether the program has yet to read something of its standard input: it is still starting, or busy.
func (p *Process) Unread() bool {
	raw, err := p.stdin.SyscallConn()
	if err != nil {
		return false
	}
	left := 0
	err = raw.Control(func(fd uintptr) { left = unread(fd) })
	return err == nil && left > 0
}

// exits waits for the program, and reports whether it has exited.
func (p *Process) exits(within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

func closeAll(files []*os.File) {
	for _, file := range files {
		if file != nil {
			_ = file.Close() // Pipes hold no data that could be lost.
		}
	}
}

// deadlineWriter writes to a program's standard input with a time limit.
type deadlineWriter struct{ *os.File }

// Write implements io.Writer.
func (p deadlineWriter) Write(data []byte) (int, error) {
	// Pipes of Windows have no deadlines; there a call ends with its own timeout.
	if err := p.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return 0, err
	}
	return p.File.Write(data)
}

// inherited are the variables of this process that a program gets beside those of every program: what it needs to find the
// network and its user, and no keys.
var inherited = []string{
	"USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
}

// StdinClosed reports whether no process reads the program's standard input: the program has exited, even if watch has not
// noticed yet.
func (p *Process) StdinClosed() bool {
	raw, err := p.stdin.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = raw.Control(func(fd uintptr) { closed = unreadable(fd) })
	return closed || err != nil
}

// environment returns the variables of a program: the inherited ones and those of its settings.
func environment(lookup child.Lookup, settings []protocol.Setting) []string {
	all := slices.DeleteFunc(child.Environment(lookup, inherited...), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.ContainsFunc(settings, func(s protocol.Setting) bool { return s.Name == name })
	})
	for _, setting := range settings {
		all = append(all, setting.Name+"="+strings.ReplaceAll(setting.Value, "\x00", ""))
	}
	return all
}
