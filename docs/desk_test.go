package docs_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/npmtest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// Where the desk lies, as pages show it.
const (
	shownFolder = "/home/you/flows"
	shownHome   = "/home/you/.gleitzeit"
	shownOllama = "http://127.0.0.1:11434"
)

// desk is where the commands of one page are typed: a folder with the examples in it, and a home folder.
type desk struct {
	folder string
	home   string
	path   string // Of programs.
	ollama string // URL of the Ollama that commands are given; empty without one.
}

func newDesk(t *testing.T, program string) *desk {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{folder: filepath.Join(top, "flows"), home: filepath.Join(top, "home"), path: filepath.Join(top, "bin")}
	for _, err := range []error{
		os.Mkdir(d.folder, 0o755),
		os.Mkdir(d.path, 0o755),
		os.Symlink(program, filepath.Join(d.path, "gleitzeit")),
		os.CopyFS(filepath.Join(d.folder, "examples"), os.DirFS(filepath.Join(root, "examples"))),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *desk) write(t *testing.T, name, text string) {
	t.Helper()
	programtest.Write(t, filepath.Join(d.folder, name), text)
}

// install puts the packages of a package.json at hand, as after an npm install in the folder of the desk.
func (d *desk) install(t *testing.T, from string) {
	t.Helper()
	folder := npmtest.Folder(t, os.DirFS(from))
	if err := os.Symlink(filepath.Join(folder, "node_modules"), filepath.Join(d.folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// patience is how long a command may take: far more than any does.
const patience = 60 * time.Second

// typed runs a command in a shell and returns what is seen, line by line.
func (d *desk) typed(t *testing.T, s step) []string {
	t.Helper()
	line := strings.ReplaceAll(s.command, "go run ./cmd/gleitzeit", "gleitzeit")
	at := s.signal()
	if at >= 0 {
		line = "exec " + line // The signal is for the program, not for its shell.
	}
	screen := &screen{grown: make(chan struct{}, 1)}
	command := exec.Command("/bin/sh", "-c", line)
	command.Dir = d.folder
	command.Env = []string{
		"PATH=" + d.path + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + os.Getenv("HOME"), "GLEITZEIT_HOME=" + d.home, "TZ=UTC", "LANG=C.UTF-8",
	}
	if d.ollama != "" {
		command.Env = append(command.Env, "OLLAMA_HOST="+d.ollama)
	}
	command.Stdout, command.Stderr = screen, screen
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	late := time.NewTimer(patience)
	defer late.Stop()
	marks := []mark{}
	for at >= 0 && !d.shows(screen, s.want[:at]) {
		select {
		case <-screen.grown:
			continue
		case <-ended:
			t.Errorf("$ %s ended before it could be sent %s; it shows\n%s", s.command, s.want[at], screen.text())
			return d.lines(screen.text())
		case <-late.C:
			kill(t, command)
			<-ended
			t.Fatalf("$ %s does not show what stands above %s:\n%s", s.command, s.want[at], screen.text())
		}
	}
	if at >= 0 {
		marks = append(marks, mark{len(d.lines(screen.text())), s.want[at]})
		if err := command.Process.Signal(signals[s.want[at]]); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
	}
	select {
	case <-ended: // With which exit code, pages show by `echo $?`.
	case <-late.C:
		kill(t, command)
		<-ended
		t.Fatalf("$ %s does not end; it shows\n%s", s.command, screen.text())
	}
	seen := d.lines(screen.text())
	for _, m := range marks {
		seen = slices.Insert(seen, m.line, m.text)
	}
	return seen
}

var signals = map[string]syscall.Signal{"Killed": syscall.SIGKILL, "^C": syscall.SIGINT}

// mark is a line that the terminal, not the program, puts on the screen.
type mark struct {
	line int
	text string
}

func kill(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if err := command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

// shows reports whether all the lines are on the screen.
func (d *desk) shows(s *screen, wanted []string) bool {
	seen := normal(d.lines(s.text()))
	for _, line := range normal(wanted) {
		if !slices.Contains(seen, line) {
			return false
		}
	}
	return true
}

// lines is what is seen, with the desk's folders as pages show them.
func (d *desk) lines(text string) []string {
	if text == "" {
		return nil
	}
	text = strings.NewReplacer(d.home, shownHome, d.folder, shownFolder).Replace(text)
	if d.ollama != "" {
		text = strings.ReplaceAll(text, d.ollama, shownOllama)
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// screen takes what a command writes to both of its streams.
type screen struct {
	mu    sync.Mutex
	seen  strings.Builder
	grown chan struct{}
}

func (s *screen) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Write(data)
	select {
	case s.grown <- struct{}{}:
	default:
	}
	return len(data), nil
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}
