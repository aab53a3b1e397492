package python

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// interpreter finds the Python behind a command once. What stands on PATH may be a shim, which would cost every task a
// tenth of a second; the interpreter itself knows where it is.
type interpreter struct {
	command string

	mu   sync.Mutex
	path string // Empty until found. A failure is not kept: Python may be installed in the meantime.
}

const probe = `import sys
print("%d.%d" % sys.version_info[:2])
print(int(sys.version_info >= (3, 8)))
print(sys.executable)`

// probePatience bounds how long a command may take to say what it is.
const probePatience = 20 * time.Second

func (i *interpreter) find(ctx context.Context) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.path != "" {
		return i.path, nil
	}
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	path, err := i.ask(ctx)
	if err != nil {
		return "", err
	}
	i.path = path
	return path, nil
}

func (i *interpreter) ask(ctx context.Context) (string, error) {
	const hint = "install Python 3.8 or later, or name one in the configuration"
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, i.command, "-I", "-c", probe)
	command.Stderr = &stderr
	command.WaitDelay = time.Second
	output, err := command.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", protocol.Errorf(protocol.ConfigurationError, "there is no %s on PATH", i.command).WithHint(hint)
	case err != nil:
		said := strings.TrimSpace(stderr.String())
		if said == "" {
			said = err.Error()
		}
		return "", protocol.Errorf(protocol.ConfigurationError, "%s is no usable Python: %s", i.command, said).WithHint(hint)
	}
	version, rest, _ := strings.Cut(string(output), "\n")
	enough, path, _ := strings.Cut(rest, "\n")
	path = strings.TrimSuffix(path, "\n")
	switch {
	case path == "":
		return "", protocol.Errorf(protocol.ConfigurationError, "%s does not say which Python it is", i.command).WithHint(hint)
	case enough != "1":
		return "", protocol.Errorf(protocol.ConfigurationError, "%s is Python %s", path, version).WithHint(hint)
	}
	return path, nil
}

// forget makes the next call look again: the interpreter that was found does not start any more.
func (i *interpreter) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.path = ""
}
