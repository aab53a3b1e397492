package stories_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cleaning is a workflow whose task waits until there is a file "go", and whose clean-up waits until there is a file "clean".
const cleaning = `
name: Cleaning
tasks:
  - id: work
    method: python/execute
    parameters:
      code: |
        import os, time
        open("began", "w").write("x\n")
        while not os.path.exists("go"):
            time.sleep(0.01)
        result = "worked"
  - id: always
    method: python/execute
    run_if: always
    dependencies: [work]
    parameters: {code: "open('always', 'a').write('x')"}
finally:
  - id: first
    method: python/execute
    parameters: {code: "open('first', 'a').write('x'); result = ${run.status}"}
  - id: clean
    method: python/execute
    dependencies: [first]
    parameters:
      code: |
        import os, time
        open("cleaning", "w").write("x\n")
        while not os.path.exists("clean"):
            time.sleep(0.01)
        result = "cleaned"
`

func newCleaning(t *testing.T) *user {
	u := newUser(t)
	u.File("flow.yaml", cleaning)
	return u
}

// wantCleaned looks at the account of a run that ended so, and whose clean-up is complete.
func wantCleaned(t *testing.T, u *user, run, status string) {
	t.Helper()
	stdout, _ := u.Gleitzeit(0, "status", run, "-o", "json")
	document, err := parseRun(stdout)
	must(t, err)
	if *document.Status != status {
		t.Errorf("the run is %s, not %s", *document.Status, status)
	}
	for _, id := range []string{"always", "first", "clean"} {
		if task := document.task(id); *task.Status != "completed" || task.Finally != (id != "always") {
			t.Errorf("%s is %s, finally: %v", id, *task.Status, task.Finally)
		}
	}
	for _, file := range []string{"always", "first"} {
		if text, err := os.ReadFile(u.Path(file)); err != nil || string(text) != "x" {
			t.Errorf("the task %s ran %q times, %v", file, text, err)
		}
	}
	if first, _ := u.Gleitzeit(0, "results", run, "first"); first != status+"\n" {
		t.Errorf("the clean-up was told that the run is %q", first)
	}
}

// TestInterruptCleansUp: Ctrl-C waits for the clean-up.
func TestInterruptCleansUp(t *testing.T) {
	t.Parallel()
	u := newCleaning(t)
	p := u.Start("run", "flow.yaml")
	u.Appears("began")
	p.Signal(syscall.SIGINT)
	u.Appears("cleaning")
	if !p.Running() {
		t.Fatal("the command did not wait")
	}
	u.File("clean", "")
	p.Exits(130)
	run := p.RunID()
	wantLines(t, "stderr", p.Stderr.String(), "\ncancelling run "+run+"; press Ctrl-C again to end its clean-up\n", "\n✓ clean  ", "\n"+run+" cancelled in ")
	wantCleaned(t, u, run, "cancelled")
}

// TestSecondInterruptEndsTheCleanUp: it is cancelled, and accounted for.
func TestSecondInterruptEndsTheCleanUp(t *testing.T) {
	t.Parallel()
	u := newCleaning(t)
	p := u.Start("run", "flow.yaml")
	u.Appears("began")
	p.Signal(syscall.SIGINT)
	u.Appears("cleaning")
	asked := time.Now()
	p.Signal(syscall.SIGINT)
	p.Exits(130)
	if took := time.Since(asked); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	run := p.RunID()
	wantLines(t, "stderr", p.Stderr.String(), "\nending the clean-up of run "+run+"; press Ctrl-C again to quit immediately\n", "\n- clean  ", "the clean-up is not complete: clean")
	text, _ := u.Gleitzeit(0, "status", run)
	wantLines(t, "status", text, "\nthe run was cancelled\nthe clean-up is not complete: clean\n", "it was cancelled while it ran, because the clean-up was cancelled")
}

// TestCancelCleansUp: the command cancel does the clean-up of a run whose process was killed, and another one ends it.
func TestCancelCleansUp(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		u := newCleaning(t)
		p := u.Start("run", "flow.yaml")
		u.Appears("began")
		run := p.RunID()
		p.Kill()
		cancel := u.Start("cancel", run)
		u.Appears("cleaning")
		if again {
			u.Gleitzeit(0, "cancel", run)
			cancel.Exits(0)
			text, _ := u.Gleitzeit(0, "status", run)
			wantLines(t, "status", text, "\nthe clean-up is not complete: clean\n")
			continue
		}
		u.File("clean", "")
		cancel.Exits(0)
		wantCleaned(t, u, run, "cancelled")
	}
}

// TestKilledCleanUp: a clean-up that a kill interrupts is resumed, however long that takes, and what is done is not done again.
func TestKilledCleanUp(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", strings.Replace(cleaning, "tasks:", "cleanup_timeout: 20\ntasks:", 1))
	u.File("go", "")
	p := u.Start("run", "flow.yaml")
	u.Appears("cleaning")
	run := p.RunID()
	p.Kill()
	u.File("clean", "")
	again := u.Start("run", "flow.yaml")
	again.Exits(0)
	wantLines(t, "stderr", again.Stderr.String(), "resumed run "+run+"\n")
	wantCleaned(t, u, run, "completed")
}

// TestCleanUpAfterTheTimeout: it has its own time.
func TestCleanUpAfterTheTimeout(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", strings.Replace(cleaning, "tasks:", "timeout: 3\ntasks:", 1))
	u.File("clean", "")
	p := u.Start("run", "flow.yaml")
	p.Exits(124)
	wantCleaned(t, u, p.RunID(), "timed_out")
}

// TestFailedCleanUp: the run is what it was, and the exit code says that something failed.
func TestFailedCleanUp(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", `
name: Failing
tasks:
  - {id: work, method: mcp/tool.echo, parameters: {message: worked}}
finally:
  - {id: bad, method: python/execute, parameters: {code: "result = open('mended').read()"}}
  - {id: note, method: mcp/tool.echo, parameters: {message: "${work.response}"}}
`)
	stdout, said := u.Gleitzeit(5, "run", "flow.yaml")
	if stdout != "work: worked\n" {
		t.Errorf("the results are %q", stdout)
	}
	wantLines(t, "stderr", said, "\n✗ bad  ", " completed in ", "; the clean-up is not complete: bad\n")
	text, _ := u.Gleitzeit(0, "status", "@latest")
	wantLines(t, "status", text, "  Failing  completed  ", "\nthe clean-up is not complete: bad\n", "  ✗ bad  ")
	graph, _ := u.Gleitzeit(0, "graph", "@latest")
	wantLines(t, "graph", graph, "bad  python/execute  failed  finally", "note  mcp/tool.echo  completed  finally")
	// A retry does nothing but the clean-up.
	forecast, _ := u.Gleitzeit(0, "retry", "@latest", "--dry-run")
	wantLines(t, "forecast", forecast, "work  1           0", "clean-up")
	u.File("mended", "yes")
	_, said = u.Gleitzeit(0, "retry", "@latest")
	wantLines(t, "stderr", said, "\n✓ bad  ", " completed in ")
}
