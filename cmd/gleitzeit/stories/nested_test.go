package stories_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// nestedPart is a workflow that another one runs: its second task waits until there is a file "go", and fails if there is a file "bad".
const nestedPart = `
name: Part
inputs: {word: {type: string, required: true}}
tasks:
  - id: first
    method: python/execute
    parameters: {code: "open('first', 'a').write('x\\n'); result = ${inputs.word}.upper()"}
  - id: work
    method: python/execute
    parameters:
      code: |
        import os, time
        open("began", "a").write("x\n")
        while not os.path.exists("go"):
            time.sleep(0.01)
        if os.path.exists("bad"):
            raise ValueError("bad")
        result = ${first.result} + "!"
  - {id: last, method: mcp/tool.echo, parameters: {message: "${work.result}"}}
finally:
  - id: clean
    method: python/execute
    parameters: {code: "open('clean', 'a').write(${run.status} + '\\n')"}
outputs: {word: "${last.response}"}
`

func newNested(t *testing.T) *user {
	u := newUser(t)
	u.File("flow.yaml", `
name: Whole
tasks:
  - {id: sub, workflow: parts/part.yaml, inputs: {word: hello}}
  - {id: after, method: mcp/tool.echo, parameters: {message: "it says ${sub.outputs.word}"}}
`)
	u.File("parts/part.yaml", nestedPart)
	return u
}

// TestKilledWithinAWorkflow: a kill within a workflow that a task runs loses nothing of it, and a run is resumed there.
func TestKilledWithinAWorkflow(t *testing.T) {
	t.Parallel()
	u := newNested(t)
	p := u.Start("run", "flow.yaml")
	u.Appears("began")
	run := p.RunID()
	text, _ := u.Gleitzeit(0, "status", run)
	wantLines(t, "status", text, "\n  ▶ sub  workflow  running\n", "\n    ✓ sub/first  python/execute  completed  ", "\n      ▶ sub/work  python/execute  running\n", "\n        · sub/last  mcp/tool.echo  pending\n")
	if list, _ := u.Gleitzeit(0, "list"); strings.Count(list, "\n") != 2 {
		t.Errorf("list shows other runs:\n%s", list)
	}
	p.Kill()
	text, _ = u.Gleitzeit(0, "status", run)
	wantLines(t, "status", text, "\n  ▶ sub  workflow  interrupted\n", "\n    ✓ sub/first  python/execute  completed  ", "\n        · sub/last  mcp/tool.echo  pending\n")
	p = u.Start("run", "flow.yaml")
	p.Says("restarted what was interrupted: sub/work")
	u.File("go", "")
	p.Exits(0)
	if p.Stdout.String() != "after: it says HELLO!\n" {
		t.Errorf("stdout %q", p.Stdout.String())
	}
	wantLines(t, "stderr", p.Stderr.String(), "resumed run "+run+"\n", "\n✓ sub/work  ", "\n✓ sub/last  ", "\n✓ sub/clean  ", "\n✓ sub  workflow  completed  ", "\n✓ after  ")
	if first := lines(u, "first"); len(first) != 1 {
		t.Errorf("sub/first ran %d times", len(first))
	}
	if result, _ := u.Gleitzeit(0, "results", run, "sub"); result != "{\"word\":\"HELLO!\"}\n" {
		t.Errorf("the result of sub is %q", result)
	}
	if result, _ := u.Gleitzeit(0, "results", run, "sub/work"); result != "HELLO!\n" {
		t.Errorf("the result of sub/work is %q", result)
	}
}

// TestCancelWithinAWorkflow: Ctrl-C reaches the workflow that a task runs, and its clean-up.
func TestCancelWithinAWorkflow(t *testing.T) {
	t.Parallel()
	u := newNested(t)
	p := u.Start("run", "flow.yaml")
	u.Appears("began")
	p.Signal(syscall.SIGINT)
	p.Exits(130)
	run := p.RunID()
	text, _ := u.Gleitzeit(0, "status", run)
	wantLines(t, "status", text, "  Whole  cancelled  ", "\n  - sub  workflow  cancelled  ", "\n      - sub/work  python/execute  cancelled  ", "\n    ✓ sub/clean  ")
	if text, err := os.ReadFile(u.Path("clean")); err != nil || string(text) != "cancelled\n" {
		t.Errorf("the clean-up said %q, %v", text, err)
	}
	// The next run takes over what the cancelled one has completed.
	u.File("go", "")
	u.Gleitzeit(0, "run", "flow.yaml")
	if first := lines(u, "first"); len(first) != 1 {
		t.Errorf("sub/first ran %d times", len(first))
	}
}

// TestRetryOfAWorkflowWithin: a retry does again what failed within a workflow, and nothing else.
func TestRetryOfAWorkflowWithin(t *testing.T) {
	t.Parallel()
	u := newNested(t)
	u.File("go", "")
	u.File("bad", "")
	_, said := u.Gleitzeit(5, "run", "flow.yaml")
	wantLines(t, "stderr", said, "\n✗ sub/work  python/execute  failed  ", "\n- sub/last  ", "\n✗ sub  workflow  failed  ", "\n- after  ", `: 1 task failed: "sub"; 1 task skipped because of that`)
	must(t, os.Remove(u.Path("bad")))
	stdout, said := u.Gleitzeit(0, "retry", "@latest")
	if stdout != "after: it says HELLO!\n" {
		t.Errorf("stdout %q", stdout)
	}
	wantLines(t, "stderr", said, "\n✓ sub/first  python/execute  completed  ", "(cached)")
	if first := lines(u, "first"); len(first) != 1 {
		t.Errorf("sub/first ran %d times", len(first))
	}
	text, _ := u.Gleitzeit(0, "status", "@latest")
	wantLines(t, "status", text, "\ncontinues ", "1 of 5 tasks taken over\n")
}

// TestSubmittedWorkflowWithin: the files of the workflows within are not needed once a run is submitted.
func TestSubmittedWorkflowWithin(t *testing.T) {
	t.Parallel()
	u := newNested(t)
	s := u.Start("server", "--no-ui")
	s.Prints("Ctrl-C stops it")
	p := u.Start("submit", "flow.yaml", "--wait")
	u.Appears("began")
	must(t, os.RemoveAll(u.Path("parts")))
	u.File("go", "")
	p.Exits(0)
	wantLines(t, "stdout", p.Stdout.String(), "after: it says HELLO!\n")
}

// TestSkippedWorkflow: the tasks of a workflow that was skipped are skipped, too, wherever the run is shown, and a dry run of a retry looks
// into no workflow.
func TestSkippedWorkflow(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("inner.yaml", "name: Inner\ntasks: [{id: z, method: mcp/tool.add, parameters: {a: 1, b: 2}}]\n")
	u.File("flow.yaml", `
name: Outer
tasks:
  - {id: sub, workflow: inner.yaml, when: "false"}
  - {id: many, workflow: inner.yaml, for_each: [1, 2]}
`)
	u.Gleitzeit(0, "run", "flow.yaml")
	text, _ := u.Gleitzeit(0, "status", "@latest")
	wantLines(t, "status", text, "  - sub  workflow  skipped  its condition is false: false\n", "    - sub/z  mcp/tool.add  skipped  its workflow was skipped\n")
	graph, _ := u.Gleitzeit(0, "graph", "@latest")
	wantLines(t, "graph", graph, "sub/z  mcp/tool.add  skipped")
	forecast, _ := u.Gleitzeit(0, "retry", "@latest", "--dry-run")
	wantLines(t, "forecast", forecast, "many  0           ?      its workflow takes over what is unchanged\n")
}
