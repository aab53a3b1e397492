package cluster_test

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

// patience bounds every wait for something that is sure to happen soon.
const patience = 2 * time.Minute

// process is a program that was started. It ends with the test.
type process struct {
	t              testing.TB
	command        *exec.Cmd
	stdout, stderr *output
	ended          chan struct{} // Closed when it has ended and been waited for.
}

// begin starts a program. Where the test fails, what the program wrote is shown if it did not end well.
func begin(t testing.TB, command *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, command: command, stdout: &output{}, stderr: &output{}, ended: make(chan struct{})}
	command.Stdout, command.Stderr = p.stdout, p.stderr
	must(t, command.Start())
	go func() {
		defer close(p.ended)
		var exit *exec.ExitError
		if err := command.Wait(); err != nil && !errors.As(err, &exit) {
			t.Errorf("%v: %v", command.Args, err)
		}
	}()
	t.Cleanup(func() {
		fine := !p.running() && p.command.ProcessState.Success()
		p.end(syscall.SIGKILL)
		if t.Failed() && !fine {
			t.Logf("%v\nstdout:\n%s\nstderr:\n%s", command.Args, tail(p.stdout), tail(p.stderr))
		}
	})
	return p
}

// end sends a signal and waits until the process is gone.
func (p *process) end(signal syscall.Signal) {
	p.t.Helper()
	if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Errorf("%v does not end by %s", p.command.Args, signal)
	}
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// exits waits for the end and wants an exit code.
func (p *process) exits(code int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("%v has not ended after %s", p.command.Args, patience)
	}
	if got := p.command.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("%v ended with exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", p.command.Args, got, code, tail(p.stdout), tail(p.stderr))
	}
}

// says waits until the process has written a text to one of its streams.
func (p *process) says(text string) {
	p.t.Helper()
	said := func() bool {
		return strings.Contains(p.stderr.String(), text) || strings.Contains(p.stdout.String(), text)
	}
	eventually(p.t, "says "+text, func() bool {
		if !p.running() && !said() {
			p.t.Fatalf("%v ended and never said %q", p.command.Args, text)
		}
		return said()
	})
}

// output collects what a process writes while others read it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(data)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// tail is the end of what a process wrote: a server writes much.
func tail(o *output) string {
	const most = 4000
	text := o.String()
	return text[max(0, len(text)-most):]
}

// eventually waits for a condition that nobody announces.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-ticker.C:
		}
	}
}
