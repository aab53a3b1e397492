package stories_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// promise is how long it may take until work continues after a kill.
const promise = 10 * time.Second

const (
	killLanes  = 4  // Runs that are killed, side by side.
	killPoints = 20 // Kills in all, spread over the history of a run.
	firstKill  = 3  // The event of the first one.
	lastKill   = 260
)

// step is the script of every Python task: it leaves a line when it runs, and counts on.
const step = `import os
log = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
os.write(log, (context["id"] + "\n").encode())
os.close(log)
value = context["from"]
result = (sum(value) if isinstance(value, list) else value) + 1
`

// sixtyTasks is a chain of 20 scripts, a fan of 24 scripts from its fifth, a script that joins them, and a chain of 15
// tools behind that.
func sixtyTasks() string {
	var flow strings.Builder
	flow.WriteString("name: Sixty\ntasks:\n")
	script := func(id, from string) {
		fmt.Fprintf(&flow, "  - {id: %s, method: python/execute, parameters: {file: step.py, context: {id: %s, from: %s}}}\n", id, id, from)
	}
	script("c01", "0")
	for i := 2; i <= 20; i++ {
		script(fmt.Sprintf("c%02d", i), fmt.Sprintf(`"${c%02d.result}"`, i-1))
	}
	var fan []string
	for i := 1; i <= 24; i++ {
		script(fmt.Sprintf("f%02d", i), `"${c05.result}"`)
		fan = append(fan, fmt.Sprintf(`"${f%02d.result}"`, i))
	}
	script("join", "["+strings.Join(fan, ", ")+"]")
	before := "join"
	for i := 1; i <= 15; i++ {
		id := fmt.Sprintf("m%02d", i)
		fmt.Fprintf(&flow, "  - {id: %s, method: mcp/tool.add, parameters: {a: \"${%s.result}\", b: 1}}\n", id, before)
		before = id
	}
	flow.WriteString("outputs: {chain: \"${c20.result}\", join: \"${join.result}\", tools: \"${m15.result}\"}\n")
	return flow.String()
}

// TestKillAfterEachEvent kills the program after each n-th event of the history of a run of 60 tasks, types the same
// command again, and checks that it continues within the promise, that no task whose completion was recorded runs again,
// and the result.
func TestKillAfterEachEvent(t *testing.T) {
	t.Parallel()
	for lane := range killLanes {
		var points []int64
		for i := lane; i < killPoints; i += killLanes {
			points = append(points, firstKill+int64(i)*(lastKill-firstKill)/(killPoints-1))
		}
		t.Run(fmt.Sprintf("lane%d", lane+1), func(t *testing.T) {
			t.Parallel()
			killAt(t, points)
		})
	}
}

// killed is what was there when the program was killed.
type killed struct {
	at       int64
	recorded []batch
	done     map[string]int // How often each script had run.
}

func killAt(t *testing.T, points []int64) {
	u := newUser(t)
	u.File("flow.yaml", sixtyTasks())
	u.File("step.py", step)
	var kills []killed
	run := ""
	p := u.Start("run", "flow.yaml")
	history := openHistory(t, u)
	for _, point := range points {
		eventually(t, fmt.Sprintf("event %d", point), func() bool {
			if !p.Running() {
				t.Fatalf("the run ended before event %d: there is nothing to kill", point)
			}
			return history.last() >= point
		})
		p.Kill()
		kill := killed{at: point, recorded: history.batches(), done: u.executions()}
		kills = append(kills, kill)

		restarted := time.Now()
		p = u.Start("run", "flow.yaml")
		p.Says("resumed run ")
		if id := between(p.Stderr.String(), "resumed run ", "\n"); run == "" {
			run = id
		} else if id != run {
			t.Fatalf("it resumes run %s, and was run %s", id, run)
		}
		before := len(completed(kill.recorded))
		eventually(t, "work continues", func() bool { return !p.Running() || len(completed(history.batches())) > before })
		took := time.Since(restarted)
		if took > promise {
			t.Errorf("killed after event %d, it continued after %s, and %s is promised", point, took, promise)
		}
		t.Logf("killed after event %3d with %2d tasks completed; continuing took %.1f s", point, before, took.Seconds())
	}
	p.Exits(0)
	if want := "chain: 20\njoin: 145\ntools: 160\n"; p.Stdout.String() != want {
		t.Errorf("the result is\n%s\nwant\n%s", p.Stdout, want)
	}
	t.Logf("the whole history has more than %d events", history.last())
	wantNothingTwice(t, history.batches(), kills, u.executions())
	wantDone(t, u)
}

// TestKillWhileStarting kills the program when its first traces appear in an empty home.
func TestKillWhileStarting(t *testing.T) {
	t.Parallel()
	for _, trace := range []string{"results.db", "engine.lock", "engine.db*", "engine.db", "engine.json", "runs"} {
		t.Run(trace, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			u.File("step.py", step)
			u.File("flow.yaml", "name: Start\ntasks: [{id: only, method: python/execute, parameters: {file: step.py, context: {id: only, from: 1}}}]\n")
			p := u.Start("run", "flow.yaml")
			for deadline := time.Now().Add(patience); ; {
				found, err := filepath.Glob(filepath.Join(u.Home, trace))
				must(t, err)
				if len(found) > 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s does not appear", trace)
				}
			}
			p.Kill()
			stdout, _ := u.Gleitzeit(0, "run", "flow.yaml")
			if stdout != "only: 2\n" {
				t.Errorf("the result is %q", stdout)
			}
			if listed, _ := u.Gleitzeit(0, "list"); strings.Count(listed, "\n") != 2 || !strings.Contains(listed, "completed") {
				t.Errorf("list shows\n%s", listed)
			}
		})
	}
}

// TestKillBeforeTheResult kills the program when the run has ended and nothing was printed: the next one prints it.
func TestKillBeforeTheResult(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", `
name: Untold
tasks:
  - id: large
    method: python/execute
    parameters: {code: "result = 'x' * 1000000"}
  - id: last
    method: python/execute
    parameters: {code: "result = len('${large.result}')"}
`)
	// Nothing reads the output: a line longer than the buffer of a pipe blocks the program before its end.
	reader, writer, err := os.Pipe()
	must(t, err)
	command := exec.Command(program(t), "run", "flow.yaml", "-o", "jsonl")
	command.Dir, command.Env, command.Stdout = u.Work, u.Environment(), writer
	must(t, command.Start())
	t.Cleanup(func() { must(t, errors.Join(reader.Close(), writer.Close())) })
	history := openHistory(t, u)
	eventually(t, "the run ends", func() bool { return history.closed("untold") })
	must(t, command.Process.Kill())
	if command.Wait() == nil {
		t.Fatal("the program came to its end before it was killed")
	}
	stdout, said := u.Gleitzeit(0, "run", "flow.yaml")
	if stdout != "last: 1000000\n" {
		t.Errorf("the result is %q", stdout)
	}
	wantLines(t, "stderr", said, " finished earlier; showing its results from ", "; use `--new` to run it again\n")
	if listed, _ := u.Gleitzeit(0, "list"); strings.Count(listed, "\n") != 2 || !strings.Contains(listed, "completed") {
		t.Errorf("list shows\n%s", listed)
	}
	// The results were printed: the next command starts another run.
	if _, said := u.Gleitzeit(0, "run", "flow.yaml"); strings.Contains(said, "finished earlier") {
		t.Errorf("the results are printed twice: %s", said)
	}
}

// wantNothingTwice looks at what was executed: a task whose completion had been recorded never again.
func wantNothingTwice(t *testing.T, history []batch, kills []killed, executions map[string]int) {
	t.Helper()
	for task, times := range scheduled(history) {
		if times != 1 {
			t.Errorf("task %s was scheduled %d times", task, times)
		}
	}
	if done := completed(history); len(done) != 60 {
		t.Errorf("%d completions are recorded, want 60", len(done))
	}
	seen := map[string]bool{}
	for _, kill := range kills {
		for _, task := range completed(kept(kill.recorded, history)) {
			seen[task] = true
			if executions[task] != kill.done[task] {
				t.Errorf("task %s was completed when the program was killed after event %d, and was executed again", task, kill.at)
			}
		}
	}
	if len(seen) == 0 {
		t.Error("no kill came after a completed task: this shows nothing")
	}
	for _, id := range slices.Sorted(maps.Keys(executions)) {
		if times := executions[id]; times > 1+len(kills) {
			t.Errorf("task %s was executed %d times with %d kills", id, times, len(kills))
		}
	}
}

// wantDone looks at the run afterwards, as its user would.
func wantDone(t *testing.T, u *user) {
	t.Helper()
	stdout, _ := u.Gleitzeit(0, "status", "@latest", "-o", "json")
	document, err := parseRun(stdout)
	must(t, err)
	if *document.Status != "completed" || len(document.Tasks) != 60 {
		t.Errorf("the run is %s and has %d tasks", *document.Status, len(document.Tasks))
	}
	for _, task := range document.Tasks {
		if *task.Status != "completed" || *task.Attempts != 1 {
			t.Errorf("task %s is %s after %d attempts; a kill is not an attempt", *task.ID, *task.Status, *task.Attempts)
		}
	}
	if runs, err := os.ReadDir(filepath.Join(u.Home, "runs")); err != nil || len(runs) != 0 {
		t.Errorf("something is left of the claim: %v %v", runs, err)
	}
}

// executions counts the lines that each script has left.
func (u *user) executions() map[string]int {
	u.T.Helper()
	times := map[string]int{}
	if !exists(u.Path("log")) {
		return times
	}
	for id := range strings.FieldsSeq(read(u.T, u.Path("log"))) {
		times[id]++
	}
	return times
}
