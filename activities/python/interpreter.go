package python

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// interpreter is an installed Python.
type interpreter struct {
	path     string   // Absolute.
	version  string   // "3.12".
	prefixes []string // The folders of its installation: that of a virtual environment, and that of its base.
}

// interpreterCache finds the Python of each command once. The command on PATH may be a shim, which would cost every task a
// tenth of a second; the interpreter itself reports its path.
type interpreterCache struct {
	mu    sync.Mutex
	found map[string]*interpreter // Without failures: Python may be installed in the meantime.
}

const probe = `import sys
print("%d.%d" % sys.version_info[:2])
print(int(sys.version_info >= (3, 8)))
print(sys.executable)
print(sys.prefix)
print(sys.base_prefix)`

// probeTimeout is the time limit for a command to report its version.
const probeTimeout = 20 * time.Second

// find returns the interpreter of a command. wrap, which is nil without a sandbox, returns the command line that starts a
// program of the folder in the sandbox: an interpreter that a workflow names is a program like any other.
func (i *interpreterCache) find(ctx context.Context, command string, wrap wrapper) (*interpreter, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	key := command
	if wrap != nil {
		key = "sandboxed " + command
	}
	if found := i.found[key]; found != nil {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found, err := probeInterpreter(ctx, command, wrap)
	if err != nil {
		return nil, err
	}
	if i.found == nil {
		i.found = map[string]*interpreter{}
	}
	i.found[key] = found
	return found, nil
}

// wrapper returns the command line that starts an interpreter in a sandbox.
type wrapper func(ctx context.Context, python *interpreter) ([]string, error)

func probeInterpreter(ctx context.Context, command string, wrap wrapper) (*interpreter, error) {
	const hint = "install Python 3.8 or later, or correct `python` of the task or python.interpreter in config.yaml"
	program, err := exec.LookPath(environmentInterpreter(command))
	var words []string
	if err == nil && wrap != nil {
		words, err = wrap(ctx, unprobed(program))
	}
	var stderr bytes.Buffer
	var output []byte
	if err == nil {
		words = append(words, program, "-I", "-c", probe)
		probing := child.Command(ctx, baseEnvironment(), words[0], words[1:]...)
		probing.Stderr = &stderr
		newSession(probing) // A Ctrl-C is for the run: it must not look as if there were no Python.
		probing.WaitDelay = time.Second
		output, err = outputOf(probing, wrap != nil)
	}
	if known, is := errors.AsType[*protocol.Error](err); is {
		return nil, known
	}
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, protocol.Errorf(protocol.ConfigurationError, "%s not found on PATH", command).WithHint(hint)
	case errors.Is(err, os.ErrNotExist):
		return nil, protocol.Errorf(protocol.ConfigurationError, "no Python found at %s", command).WithHint(hint)
	case err != nil:
		cause := strings.TrimSpace(stderr.String())
		if cause == "" {
			cause = err.Error()
		}
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot use %s as the Python interpreter: %s", command, cause).WithHint(hint)
	}
	lines := strings.Split(strings.ReplaceAll(string(output), "\r\n", "\n"), "\n")
	if len(lines) < 3 || lines[2] == "" {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot use %s as the Python interpreter: it does not report its version", command).WithHint(hint)
	}
	version, enough, path := lines[0], lines[1], lines[2]
	if enough != "1" {
		return nil, protocol.Errorf(protocol.ConfigurationError, "%s is Python %s, which is not supported", path, version).WithHint(hint)
	}
	return &interpreter{path: path, version: version, prefixes: lines[3 : len(lines)-1]}, nil
}

// outputOf runs a command, in a sandbox without the keys of this process, and returns its output.
func outputOf(command *exec.Cmd, sandboxed bool) (output []byte, err error) {
	if !sandboxed {
		return command.Output()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // Not unlocked: the thread ends with the goroutine.
		if err = leaveKeyring(); err == nil {
			output, err = command.Output()
		}
	}()
	<-done
	return output, err
}

// unprobed returns what is known of an interpreter before it has reported its prefixes: the folder above that of its program,
// and, of a virtual environment, that of the installation it was made from.
func unprobed(program string) *interpreter {
	folder := filepath.Dir(filepath.Dir(program))
	found := &interpreter{path: program, prefixes: []string{folder}}
	about, err := os.ReadFile(filepath.Join(folder, "pyvenv.cfg"))
	if err != nil {
		return found
	}
	for line := range strings.Lines(string(about)) {
		if name, home, is := strings.Cut(line, "="); is && strings.TrimSpace(name) == "home" {
			found.prefixes = append(found.prefixes, filepath.Dir(strings.TrimSpace(home)))
		}
	}
	return found
}

// environmentInterpreter returns the interpreter of a virtual environment if the command is a folder, else the command.
func environmentInterpreter(command string) string {
	if info, err := os.Stat(command); err != nil || !info.IsDir() || !filepath.IsAbs(command) {
		return command
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(command, "Scripts", "python.exe")
	}
	return filepath.Join(command, "bin", "python")
}

// forget removes an interpreter that does not start any more, so that the next call looks for it again.
func (i *interpreterCache) forget(command string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.found, command)
	delete(i.found, "sandboxed "+command)
}

// interpreterCommand returns the interpreter of the task, else that of the settings. Where the settings enforce a sandbox, a task
// can name only what they allow.
func interpreterCommand(o Options, request protocol.Request) (string, error) {
	named, given := request.Parameters.Get("python")
	if !given || named.IsNull() {
		return o.Interpreter, nil
	}
	command, err := namedInterpreter(named, request)
	if err != nil {
		return "", err
	}
	if o.Sandbox == SandboxBwrap && command != o.Interpreter && !slices.Contains(o.Interpreters, command) {
		return "", protocol.Errorf(protocol.InvalidParams, "the settings enforce the sandbox bwrap and do not allow the interpreter %q", command).
			WithHint("remove python from the task, or add the interpreter to python.interpreters in config.yaml")
	}
	return command, nil
}

// namedInterpreter returns the interpreter that a task names. A relative path is looked up in the workflow's folder, then in
// the run's folder; a name without a folder is a command on PATH.
func namedInterpreter(named value.Value, request protocol.Request) (string, error) {
	command := named.Text()
	if command == "" {
		return "", protocol.Errorf(protocol.InvalidParams, "python must be the path of an interpreter or of a virtual environment, not a %s", named.Kind())
	}
	if filepath.IsAbs(command) {
		return command, nil
	}
	for _, folder := range []string{request.FlowFolder, request.Folder} {
		path := filepath.Join(folder, command)
		if _, err := os.Stat(path); err == nil && folder != "" {
			return path, nil
		}
	}
	if strings.ContainsRune(filepath.ToSlash(command), '/') {
		return "", protocol.Errorf(protocol.TaskValidationFailed, "the interpreter %s is neither in the workflow's folder nor in the run's folder", command).
			WithHint("set python to an interpreter or to the folder of a virtual environment")
	}
	return command, nil
}
