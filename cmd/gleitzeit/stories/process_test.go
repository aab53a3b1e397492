package stories_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that is sure to happen soon.
const patience = time.Minute

// user is somebody at a machine with an empty home: a home folder, and a folder to work in.
type user struct {
	t    *testing.T
	home string // GLEITZEIT_HOME.
	work string
	env  []string // What the program gets beside that.
}

func newUser(t *testing.T) *user {
	t.Helper()
	folder := t.TempDir()
	u := &user{t: t, home: filepath.Join(folder, "home", "gleitzeit"), work: filepath.Join(folder, "work")}
	must(t, os.MkdirAll(u.work, 0o755))
	return u
}

// file writes a file into the folder to work in and returns its path.
func (u *user) file(name, text string) string {
	u.t.Helper()
	path := filepath.Join(u.work, name)
	write(u.t, path, text)
	return path
}

// path is that of a file in the folder to work in.
func (u *user) path(name string) string { return filepath.Join(u.work, name) }

// environment is what the program gets: little, and nothing of whoever runs the tests.
func (u *user) environment(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(u.home), "TMPDIR=" + os.TempDir(), "GLEITZEIT_HOME=" + u.home, "LANG=C.UTF-8",
	}, append(u.env, more...)...)
}

// process is one start of the program.
type process struct {
	t              *testing.T
	command        *exec.Cmd
	stdout, stderr *output
	ended          chan struct{} // Closed when it has ended and been waited for.
}

// start starts the program in the folder to work in. It ends with the test.
func (u *user) start(args ...string) *process {
	u.t.Helper()
	return u.startIn(u.work, nil, args...)
}

func (u *user) startIn(folder string, environment []string, args ...string) *process {
	u.t.Helper()
	command := exec.Command(program(u.t), args...)
	command.Dir = folder
	command.Env = u.environment(environment...)
	return begin(u.t, command)
}

func begin(t *testing.T, command *exec.Cmd) *process {
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
		if p.running() {
			p.kill()
		}
		if t.Failed() {
			t.Logf("%v\nstdout:\n%s\nstderr:\n%s", command.Args[1:], p.stdout, p.stderr)
		}
	})
	return p
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

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("%v has not ended after %s", p.command.Args[1:], patience)
		return 0
	}
}

// exits waits for the end and wants an exit code.
func (p *process) exits(code int) {
	p.t.Helper()
	if got := p.wait(); got != code {
		p.t.Fatalf("%v ended with exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", p.command.Args[1:], got, code, p.stdout, p.stderr)
	}
}

// says waits until standard error holds a text.
func (p *process) says(text string) {
	p.t.Helper()
	eventually(p.t, "stderr holds "+text, func() bool {
		if strings.Contains(p.stderr.String(), text) {
			return true
		}
		if !p.running() && !strings.Contains(p.stderr.String(), text) {
			p.t.Fatalf("%v ended and never said %q", p.command.Args[1:], text)
		}
		return false
	})
}

func (p *process) signal(signal syscall.Signal) {
	p.t.Helper()
	must(p.t, p.command.Process.Signal(signal))
}

// kill ends the process as a power cut does, and waits until it is gone.
func (p *process) kill() {
	p.t.Helper()
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	<-p.ended
}

// runID is the id that a process has named on standard error.
func (p *process) runID() string {
	p.t.Helper()
	p.says("run ")
	eventually(p.t, "the run's id", func() bool { return between(p.stderr.String(), "run ", "\n") != "" })
	return between(p.stderr.String(), "run ", "\n")
}

// gleitzeit runs the program to its end, wants an exit code, and returns what it wrote.
func (u *user) gleitzeit(code int, args ...string) (stdout, stderr string) {
	u.t.Helper()
	p := u.start(args...)
	p.exits(code)
	return p.stdout.String(), p.stderr.String()
}

// eventually waits for a condition that nobody announces.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-ticker.C:
		}
	}
}

// appears waits until there is a file, and returns its text.
func (u *user) appears(name string) string {
	u.t.Helper()
	eventually(u.t, name+" appears", func() bool { return exists(u.path(name)) })
	return read(u.t, u.path(name))
}

func wantLines(t testing.TB, what, got string, want ...string) {
	t.Helper()
	for _, line := range want {
		if !strings.Contains(got, line) {
			t.Errorf("%s lacks %q:\n%s", what, line, got)
		}
	}
}
