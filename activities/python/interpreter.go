package python

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// interpreter is an installed Python.
type interpreter struct {
	path     string   // Absolute.
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

func (i *interpreterCache) find(ctx context.Context, command string) (*interpreter, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if found := i.found[command]; found != nil {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found, err := probeInterpreter(ctx, command)
	if err != nil {
		return nil, err
	}
	if i.found == nil {
		i.found = map[string]*interpreter{}
	}
	i.found[command] = found
	return found, nil
}

func probeInterpreter(ctx context.Context, command string) (*interpreter, error) {
	const hint = "install Python 3.8 or later, or correct `python` of the task or python.interpreter in config.yaml"
	var stderr bytes.Buffer
	probing := exec.CommandContext(ctx, environmentInterpreter(command), "-I", "-c", probe)
	probing.Stderr = &stderr
	newSession(probing) // A Ctrl-C is for the run: it must not look as if there were no Python.
	probing.WaitDelay = time.Second
	output, err := probing.Output()
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
	return &interpreter{path: path, prefixes: lines[3 : len(lines)-1]}, nil
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
}

// interpreterCommand returns the interpreter of the task, else that of the settings. A relative path is looked up in the
// workflow's folder, then in the run's folder; a name without a folder is a command on PATH.
func interpreterCommand(configured string, request protocol.Request) (string, error) {
	asked, given := request.Parameters.Get("python")
	if !given || asked.IsNull() {
		return configured, nil
	}
	command := asked.Text()
	if command == "" {
		return "", protocol.Errorf(protocol.InvalidParams, "python must be the path of an interpreter or of a virtual environment, not a %s", asked.Kind())
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
