package stories_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// executor is one of the three commands that execute a run here, as a user starts it.
type executor struct {
	name string
	// begin starts a run of the workflow, or has an open one executed, and returns its id, and what kills the executor.
	begin func(u *user) (run string, kill func())
}

// executors are the commands of which all must treat a run alike.
var executors = []executor{
	{"run", func(u *user) (string, func()) {
		p := u.Start("run", "flow.yaml")
		u.asleep()
		if id := between(p.Stderr.String(), "resumed run ", "\n"); id != "" {
			return id, p.Kill
		}
		return p.RunID(), p.Kill
	}},
	{"server", func(u *user) (string, func()) {
		// A server adopts what a process left behind.
		var run string
		if !strings.Contains(must2(u.Gleitzeit(0, "list")), "interrupted") {
			p := u.Start("run", "flow.yaml")
			u.asleep()
			run = p.RunID()
			p.Kill()
			must(u.T, os.Remove(u.Path("pids")))
		}
		server := u.serves("--no-ui", "--queue", "another")
		server.Says("took over run ")
		u.asleep()
		if run == "" {
			run = between(server.Stderr.String(), "took over run ", ":")
		}
		return run, server.Kill
	}},
	{"mcp serve", func(u *user) (string, func()) {
		c := u.mcp("--workflows", ".")
		c.begin("sleeper", nil)
		u.asleep()
		pid := c.server()
		kill := func() { must(c.T, syscall.Kill(pid, syscall.SIGKILL)) }
		if id := between(c.Stderr.String(), "resumed run ", "\n"); id != "" {
			return id, kill
		}
		return between(c.Stderr.String(), "run ", "\n"), kill
	}},
}

func must2(stdout, _ string) string { return stdout }

// TestExecutorsAreAlike: run, server and mcp serve execute a workflow whose tasks name a queue that nobody serves, cancel it
// for another process, and take it over from one of their kind that was killed.
func TestExecutorsAreAlike(t *testing.T) {
	t.Parallel()
	for _, x := range executors {
		begin := func(t *testing.T) (*user, string, func()) {
			u := newUser(t)
			u.File("flow.yaml", strings.ReplaceAll(sleeper, "    method: python/execute\n", "    method: python/execute\n    queue: nobody\n"))
			run, kill := x.begin(u)
			return u, run, kill
		}
		t.Run(x.name+" completes", func(t *testing.T) {
			t.Parallel()
			u, run, _ := begin(t)
			u.File("go", "")
			u.completes(run)
		})
		t.Run(x.name+" cancels", func(t *testing.T) {
			t.Parallel()
			u, run, _ := begin(t)
			pids := u.asleep()
			if stdout, said := u.Gleitzeit(0, "cancel", run); stdout != run+" cancelled\n" {
				t.Errorf("cancel says %q\n%s", stdout, said)
			}
			wantGone(t, pids)
			wantCancelled(t, u, run, cancelledAwake)
		})
		t.Run(x.name+" takes over", func(t *testing.T) {
			t.Parallel()
			u, run, kill := begin(t)
			pids := u.asleep()
			kill()
			wantGone(t, pids)
			must(t, os.Remove(u.Path("pids")))
			again, _ := x.begin(u)
			if again != run {
				t.Errorf("it executes run %q, and was to take over %q", again, run)
			}
			u.File("go", "")
			u.completes(run)
			if listed, _ := u.Gleitzeit(0, "list"); strings.Count(listed, "Sleeper") != 1 {
				t.Errorf("there are several runs:\n%s", listed)
			}
		})
	}
}

// completes waits until a run of the sleeper has ended, and looks at its tasks.
func (u *user) completes(run string) {
	u.T.Helper()
	var document *runDocument
	eventually(u.T, "run "+run+" ends", func() bool {
		stdout, _ := u.Gleitzeit(0, "status", run, "-o", "json")
		var err error
		document, err = parseRun(stdout)
		must(u.T, err)
		return *document.Status != "running"
	})
	if got := *document.Status + ": " + strings.Join(document.statuses(), ", "); got != "completed: quick completed, sleeper completed, after completed" {
		u.T.Errorf("run %s is %s", run, got)
	}
}
