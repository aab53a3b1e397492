package stories_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/require"
)

// TestAUserWithoutAName: in a container, a user may be a number that its image does not know.
func TestAUserWithoutAName(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bwrap"); err != nil {
		require.Skip(t, "bubblewrap")
	}
	u := newUser(t)
	u.File("flow.yaml", "name: Bare\ntasks: [{id: sum, method: mcp/tool.add, parameters: {a: 2, b: 3}}]\noutputs: {sum: '${sum.result}'}\n")
	command := exec.Command("bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc", "--tmpfs", "/etc",
		"--clearenv", "--setenv", "HOME", u.Work, "--setenv", "GLEITZEIT_HOME", u.Home, program(t), "run", "flow.yaml")
	command.Dir = u.Work
	var said strings.Builder
	command.Stderr = &said
	if printed, err := command.Output(); err != nil || string(printed) != "sum: 5\n" {
		t.Errorf("%v: it printed %q and %s", err, printed, &said)
	}
}
