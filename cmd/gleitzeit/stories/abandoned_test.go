package stories_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "ps", "-o", "ppid=", "-p", strconv.Itoa(pid)).Output()
	must(t, err)
	parent, err := strconv.Atoi(strings.TrimSpace(string(said)))
	must(t, err)
	return parent
}

// TestAbandonedFolders: the temporary folders of a killed process are removed by the next one, those of a living one are not.
func TestAbandonedFolders(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"sqlite", "memory"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			living, killed, next := newSleeper(t), newSleeper(t), newUser(t)
			for _, u := range []*user{living, killed, next} {
				u.Env = append(u.Env, "TMPDIR="+temp, "GLEITZEIT_PERSISTENCE_BACKEND="+backend)
			}
			folders := func() string {
				all, err := filepath.Glob(filepath.Join(temp, "gleitzeit*"))
				must(t, err)
				return strings.Join(all, " ")
			}
			other := living.Start("run", "flow.yaml")
			living.asleep()
			kept := folders()
			p := killed.Start("run", "flow.yaml")
			script := killed.asleep()[0]
			// The process between the two removes the folder when it notices that the first has gone.
			between := parentOf(t, script)
			must(t, syscall.Kill(between, syscall.SIGSTOP))
			p.Signal(syscall.SIGKILL)
			must(t, syscall.Kill(between, syscall.SIGKILL))
			p.Wait()
			if left := folders(); left == kept {
				t.Fatalf("the process that was killed has left no folder: before %q, after %q", kept, left)
			}
			next.File("sum.yaml", sum)
			next.Gleitzeit(0, "run", "sum.yaml")
			eventually(t, "the folders of the killed process are gone", func() bool { return folders() == kept })
			living.File("go", "")
			other.Exits(0)
			if left := folders(); left != "" {
				t.Errorf("left after all: %s", left)
			}
		})
	}
}
