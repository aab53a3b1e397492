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

// interpreter is a Python that was found.
type interpreter struct {
	path     string   // Absolute.
	prefixes []string // The folders that it is installed in: of a virtual environment, and of what that was made from.
}

// interpreters finds the Python behind a command, each once. What stands on PATH may be a shim, which would cost every
// task a tenth of a second; the interpreter itself knows where it is.
type interpreters struct {
	mu    sync.Mutex
	found map[string]*interpreter // A failure is not kept: Python may be installed in the meantime.
}

const probe = `import sys
print("%d.%d" % sys.version_info[:2])
print(int(sys.version_info >= (3, 8)))
print(sys.executable)
print(sys.prefix)
print(sys.base_prefix)`

// probePatience bounds how long a command may take to say what it is.
const probePatience = 20 * time.Second

func (i *interpreters) find(ctx context.Context, command string) (*interpreter, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if found := i.found[command]; found != nil {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	found, err := ask(ctx, command)
	if err != nil {
		return nil, err
	}
	if i.found == nil {
		i.found = map[string]*interpreter{}
	}
	i.found[command] = found
	return found, nil
}

func ask(ctx context.Context, command string) (*interpreter, error) {
	const hint = "install Python 3.8 or later, or correct `python` of the task, or python.interpreter in config.yaml"
	var stderr bytes.Buffer
	probing := exec.CommandContext(ctx, ofEnvironment(command), "-I", "-c", probe)
	probing.Stderr = &stderr
	probing.WaitDelay = time.Second
	output, err := probing.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, protocol.Errorf(protocol.ConfigurationError, "there is no %s on PATH", command).WithHint(hint)
	case errors.Is(err, os.ErrNotExist):
		return nil, protocol.Errorf(protocol.ConfigurationError, "there is no Python at %s", command).WithHint(hint)
	case err != nil:
		said := strings.TrimSpace(stderr.String())
		if said == "" {
			said = err.Error()
		}
		return nil, protocol.Errorf(protocol.ConfigurationError, "%s is no usable Python: %s", command, said).WithHint(hint)
	}
	lines := strings.Split(strings.ReplaceAll(string(output), "\r\n", "\n"), "\n")
	if len(lines) < 3 || lines[2] == "" {
		return nil, protocol.Errorf(protocol.ConfigurationError, "%s does not say which Python it is", command).WithHint(hint)
	}
	version, enough, path := lines[0], lines[1], lines[2]
	if enough != "1" {
		return nil, protocol.Errorf(protocol.ConfigurationError, "%s is Python %s", path, version).WithHint(hint)
	}
	return &interpreter{path: path, prefixes: lines[3 : len(lines)-1]}, nil
}

// ofEnvironment is the interpreter of a virtual environment, where a folder is named.
func ofEnvironment(command string) string {
	if info, err := os.Stat(command); err != nil || !info.IsDir() || !filepath.IsAbs(command) {
		return command
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(command, "Scripts", "python.exe")
	}
	return filepath.Join(command, "bin", "python")
}

// forget makes the next call look again: the interpreter that was found does not start any more.
func (i *interpreters) forget(command string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.found, command)
}

// commandOf is the Python that a task asks for, else the configured one. A relative path begins at the workflow's folder,
// else at the one that the run was started in; a name without a folder is a command on PATH.
func interpreterCommand(configured string, request protocol.Request) (string, error) {
	asked, given := request.Parameters.Get("python")
	if !given || asked.IsNull() {
		return configured, nil
	}
	command := asked.Text()
	if command == "" {
		return "", protocol.Errorf(protocol.InvalidParams, "python is a %s; it must be the path of an interpreter or of a virtual environment", asked.Kind())
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
		return "", protocol.Errorf(protocol.TaskValidationFailed, "the interpreter %s is neither in the workflow's folder nor in the run's", command).
			WithHint("name an interpreter, or the folder of a virtual environment")
	}
	return command, nil
}
