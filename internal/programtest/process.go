package programtest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a process that a test started. It ends with the test.
type Process struct {
	T              testing.TB
	Command        *exec.Cmd
	Stdout, Stderr *Output
	Ended          <-chan struct{} // Closed when the process has ended and been waited for.
}

// Begin starts a command. What it wrote is logged where the test fails. A stream that the command has already is left to
// it.
func Begin(t testing.TB, command *exec.Cmd) *Process {
	t.Helper()
	ended := make(chan struct{})
	p := &Process{T: t, Command: command, Stdout: &Output{}, Stderr: &Output{}, Ended: ended}
	if command.Stdout == nil {
		command.Stdout = p.Stdout
	}
	if command.Stderr == nil {
		command.Stderr = p.Stderr
	}
	Must(t, command.Start())
	go func() {
		defer close(ended)
		var exit *exec.ExitError
		if err := command.Wait(); err != nil && !errors.As(err, &exit) {
			t.Errorf("%v: %v", command.Args, err)
		}
	}()
	t.Cleanup(func() {
		if p.Running() {
			p.Kill()
		}
		if t.Failed() {
			t.Logf("%v\nstdout:\n%s\nstderr:\n%s", command.Args, p.Stdout.tail(), p.Stderr.tail())
		}
	})
	return p
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.Ended:
		return false
	default:
		return true
	}
}

// Wait waits for the end and returns the exit code, -1 where a signal ended the process.
func (p *Process) Wait() int {
	p.T.Helper()
	select {
	case <-p.Ended:
	case <-time.After(Patience):
		p.T.Fatalf("%v has not ended after %s", p.Command.Args, Patience)
	}
	return p.Command.ProcessState.ExitCode()
}

// Exits waits for the end and wants an exit code.
func (p *Process) Exits(code int) {
	p.T.Helper()
	if got := p.Wait(); got != code {
		p.T.Fatalf("%v ended with exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", p.Command.Args, got, code, p.Stdout.tail(), p.Stderr.tail())
	}
}

// Says waits until standard error has a text.
func (p *Process) Says(text string) {
	p.T.Helper()
	p.writes("stderr", p.Stderr, text)
}

// Prints waits until standard output has a text.
func (p *Process) Prints(text string) {
	p.T.Helper()
	p.writes("stdout", p.Stdout, text)
}

func (p *Process) writes(stream string, to *Output, text string) {
	p.T.Helper()
	Eventually(p.T, stream+" has "+text, func() bool {
		// Asked first: what the process writes before it ends is seen.
		running := p.Running()
		if strings.Contains(to.String(), text) {
			return true
		}
		if !running {
			p.T.Fatalf("%v ended without writing %q to %s", p.Command.Args, text, stream)
		}
		return false
	})
}

// RunID waits for the id of the run that the program names on standard error.
func (p *Process) RunID() string {
	p.T.Helper()
	const mark = "run "
	id := ""
	p.Says(mark)
	Eventually(p.T, "the id of the run", func() bool {
		_, rest, _ := strings.Cut(p.Stderr.String(), mark)
		id, _, _ = strings.Cut(rest, "\n")
		return id != ""
	})
	return id
}

// Signal sends a signal.
func (p *Process) Signal(signal syscall.Signal) {
	p.T.Helper()
	Must(p.T, p.Command.Process.Signal(signal))
}

// Kill ends the process as a power cut does, and waits for its end.
func (p *Process) Kill() {
	p.T.Helper()
	if err := p.Command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.T.Error(err)
	}
	<-p.Ended
}

// Output collects what a process writes while others read it.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *Output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(data)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// tail is the end of the output: a server writes a lot.
func (o *Output) tail() string {
	const limit = 16_000
	text := o.String()
	return text[max(0, len(text)-limit):]
}

// Patience bounds every wait for something that is sure to happen soon.
const Patience = 2 * time.Minute

// Eventually waits for a condition that nothing announces.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(Patience)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("after %s still not: %s", Patience, what)
		case <-ticker.C:
		}
	}
}

// HasLine waits until a file ends with a whole line, and returns its text: another process makes the file before it writes.
func HasLine(t testing.TB, path string) string {
	t.Helper()
	var text []byte
	Eventually(t, path+" has a line", func() bool {
		text, _ = os.ReadFile(path)
		return strings.HasSuffix(string(text), "\n")
	})
	return string(text)
}

// Appears waits until there is a file, and returns its text.
func Appears(t testing.TB, path string) string {
	t.Helper()
	Eventually(t, path+" appears", func() bool { return Exists(path) })
	return Read(t, path)
}
