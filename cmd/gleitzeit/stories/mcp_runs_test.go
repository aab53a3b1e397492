package stories_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// server returns the process that a client has started.
func (c *mcpClient) server() int {
	c.T.Helper()
	var started struct{ PID int }
	must(c.T, json.Unmarshal(c.answer(c.act("pid", nil)).Result, &started))
	return started.PID
}

func TestMCPProgress(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	c := u.mcp("--workflows", ".")
	call := c.begin("sleeper", nil)
	u.asleep()
	progress := func() []string {
		var all []string
		for _, one := range c.lines() {
			if one.ID == call && one.Progress != nil {
				all = append(all, fmt.Sprintf("%g/%g %s", one.Progress.Progress, one.Progress.Total, one.Progress.Message))
			}
		}
		return all
	}
	eventually(t, "the client hears of the first task while the second runs", func() bool { return len(progress()) == 1 })
	u.File("go", "")
	if said := c.ended(call).Content[0].Text; said != `{"after":"after"}` {
		t.Errorf("its result is %s", said)
	}
	// The client may drop what comes along with the end.
	got := progress()
	if len(got) < 2 {
		t.Fatalf("the progress is %q", got)
	}
	for i, task := range []string{"quick", "sleeper"} {
		if !strings.HasPrefix(got[i], fmt.Sprintf("%d/3 ✓ %s  python/execute  completed", i+1, task)) {
			t.Errorf("its progress is %q", got[i])
		}
	}
}

func TestMCPCancelledCall(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	c := u.mcp("--workflows", ".")
	first := c.begin("sleeper", nil)
	pids := u.asleep()
	run := between(c.Stderr.String(), "run ", "\n")
	second := c.begin("run_workflow", map[string]any{"file": "flow.yaml"})
	c.Says("attached to run " + run + ", which this process executes")
	following := c.begin("follow_run", map[string]any{"run": run, "wait": 600})

	// Another call waits for the same run: it continues.
	c.act("cancel", map[string]any{"of": first})
	if told := c.answer(first); told.Error == "" {
		t.Errorf("the call that was cancelled answers %s", told.Result)
	}
	looked := c.call("follow_run", map[string]any{"run": run, "wait": 0})
	if got := looked.run(t); got.Status != "running" {
		t.Errorf("the run is %s although a call waits for it", got.Status)
	}
	c.act("cancel", map[string]any{"of": second})
	c.answer(second)
	c.Says("cancelling run " + run + ": no call waits for it any more")
	said := c.ended(following)
	if got := said.run(t); !said.IsError || got.Status != "cancelled" {
		t.Errorf("the call that follows returns %s", said.text())
	}
	wantGone(t, pids)
	wantCancelled(t, u, run, cancelledAwake)
}

func TestMCPCancelRun(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	c := u.mcp("--workflows", ".")
	run := c.call("submit_workflow", map[string]any{"file": "flow.yaml"}).run(t).Run
	pids := u.asleep()
	// Who only follows does not end it.
	following := c.begin("follow_run", map[string]any{"run": run, "wait": 600})
	c.call("follow_run", map[string]any{"run": run, "wait": 0})
	c.act("cancel", map[string]any{"of": following})
	c.answer(following)
	if got := c.call("follow_run", map[string]any{"run": run, "wait": 0.2}).run(t); got.Status != "running" {
		t.Errorf("the run is %s", got.Status)
	}
	if got := c.call("cancel_run", map[string]any{"run": run}).run(t); got.Run != run || got.Status != "cancelled" {
		t.Errorf("cancel_run answers %+v", got)
	}
	wantGone(t, pids)
	wantCancelled(t, u, run, cancelledAwake)
	if said := c.fails("cancel_run", map[string]any{"run": "@latest"}); !strings.Contains(said, "has already ended: it is cancelled") {
		t.Errorf("the second time it says %s", said)
	}
}

// A start that waits for the end of a cancelled run holds up no start of another workflow.
func TestMCPOtherStartsDoNotWait(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	u.File("party.yaml", party)
	u.serves("--no-ui", "--queue", "another") // The engine is its own, so that the run's process can stand still.
	hanging := u.Start("run", "flow.yaml")
	run := hanging.RunID()
	pids := u.asleep()
	hanging.Signal(syscall.SIGSTOP)
	cancel := u.Start("cancel", run, "-o", "jsonl")
	cancel.Prints(`"id":"quick"`)

	c := u.mcp("--workflows", ".")
	waiting := c.begin("sleeper", nil)
	c.Says("run " + run + " is being cancelled; waiting for its end before another starts")
	if got := c.call("tea_party", map[string]any{"guests": 1}).text(); !strings.HasPrefix(got, `{"cups":2,`) {
		t.Errorf("the other workflow returns %s", got)
	}
	hanging.Signal(syscall.SIGCONT)
	hanging.Exits(130)
	cancel.Exits(0)
	wantGone(t, pids)
	u.File("go", "")
	said := c.ended(waiting)
	if said.IsError || said.Content[0].Text != `{"after":"after"}` || strings.Contains(said.text(), run) {
		t.Errorf("the start that waited returns %s", said.text())
	}
	wantCancelled(t, u, run, cancelledAwake)
}

// A run outlives the server that executed it: the next request for it resumes the run.
func TestMCPRunsGoOn(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *mcpClient){
		"the client leaves": func(c *mcpClient) { c.answer(c.act("close", nil)) },
		"it is killed":      func(c *mcpClient) { must(c.T, syscall.Kill(c.server(), syscall.SIGKILL)) },
		"it is stopped":     func(c *mcpClient) { must(c.T, syscall.Kill(c.server(), syscall.SIGTERM)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newSleeper(t)
			c := u.mcp("--workflows", ".")
			call := c.begin("sleeper", nil)
			u.asleep()
			run := between(c.Stderr.String(), "run ", "\n")
			pid := c.server()
			end(c)
			c.answer(call)
			eventually(t, "the server is gone", func() bool { return syscall.Kill(pid, 0) != nil })
			must(t, os.Remove(u.Path("pids")))
			listed, _ := u.Gleitzeit(0, "list")
			if !strings.Contains(listed, "interrupted") {
				t.Fatalf("the run is not open:\n%s", listed)
			}
			again := u.mcp("--workflows", ".")
			var asked int
			if name == "it is killed" {
				asked = again.begin("follow_run", map[string]any{"run": run, "wait": 600})
				again.Says("took over run " + run + ": the process executing it is gone")
			} else {
				asked = again.begin("sleeper", nil)
				again.Says("resumed run " + run)
			}
			u.asleep()
			u.File("go", "")
			if said := again.ended(asked); said.IsError || !strings.Contains(said.text(), "Run "+run+" completed") {
				t.Errorf("it ends with %s", said.text())
			}
			if listed, _ := u.Gleitzeit(0, "list"); strings.Count(listed, "Sleeper") != 1 {
				t.Errorf("there are several runs:\n%s", listed)
			}
			if left := again.call("sleeper", nil); !strings.Contains(left.text(), "completed") || strings.Contains(left.text(), run) {
				t.Errorf("a reported result is reported again: %s", left.text())
			}
		})
	}
}

// The next request returns the results of a run that `gleitzeit server` has completed meanwhile.
func TestMCPTellsWhatAServerHasEnded(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	c := u.mcp("--workflows", ".")
	call := c.begin("sleeper", nil)
	u.asleep()
	run := between(c.Stderr.String(), "run ", "\n")
	c.answer(c.act("close", nil))
	c.answer(call)
	u.File("go", "")
	server := u.Start("server", "--no-ui")
	server.Says("run " + run + " has ended")
	again := u.mcp("--workflows", ".")
	if said := again.call("sleeper", nil).text(); !strings.Contains(said, "Run "+run+" completed") {
		t.Errorf("it says %s", said)
	}
	if said := again.call("sleeper", nil).text(); strings.Contains(said, run) {
		t.Errorf("it says it again: %s", said)
	}
}

func TestMCPManyRunsAtOnce(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("party.yaml", party)
	c := u.mcp("--workflows", ".")
	const many = 12
	var calls [many]int
	for i := range calls {
		calls[i] = c.begin("tea_party", map[string]any{"guests": i})
	}
	for i, call := range calls {
		if said := c.ended(call).Content[0].Text; !strings.HasPrefix(said, fmt.Sprintf(`{"cups":%d,`, 2*i)) {
			t.Errorf("call %d returns %s", i, said)
		}
	}
	// Nothing of them is left but their results.
	eventually(t, "the claims of the runs are gone", func() bool {
		left, err := os.ReadDir(u.Home + "/runs")
		must(t, err)
		return len(left) == 0
	})
}

func TestMCPFollowsItsFolders(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flows/a.yaml", "name: Hello\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: one}}]")
	c := u.mcp("--workflows", "flows")
	if tools := c.tools(); tools["hello"].Name == "" || len(tools) != 10 {
		t.Fatalf("the tools are %v", tools)
	}
	changes := func() int {
		count := 0
		for _, one := range c.lines() {
			if one.Changed {
				count++
			}
		}
		return count
	}
	// The name still belongs to the file that had it.
	u.File("flows/0.yaml", "name: hello\ninputs: {to: {required: true}}\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: \"two ${inputs.to}\"}}]")
	eventually(t, "the client hears that the tools have changed", func() bool { return changes() == 1 })
	if tools := c.tools(); tools["hello_2"].Name == "" || len(tools) != 11 {
		t.Errorf("the tools are %v", tools)
	}
	if said := c.call("hello", nil).Content[0].Text; said != `{"a":"one"}` {
		t.Errorf("hello returns %s", said)
	}
	if said := c.call("hello_2", map[string]any{"to": "x"}).Content[0].Text; said != `{"a":"two x"}` {
		t.Errorf("hello_2 returns %s", said)
	}
	must(t, os.Remove(u.Path("flows/a.yaml")))
	if said := c.fails("hello", nil); !strings.Contains(said, "there is no workflow file") {
		t.Errorf("a workflow that is gone says %s", said)
	}
	u.File("flows/0.yaml", "name: hello\ntasks: [{id: a, method: mcp/tool.echo}]")
	if tools := c.tools(); len(tools) != 9 {
		t.Errorf("tools of workflows that are gone or wrong are there: %v", tools)
	}
	c.Says("left out: " + u.Path("flows/0.yaml") + ":2:")
	u.File("flows/0.yaml", "name: Other\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: three}}]")
	if tools := c.tools(); tools["other"].Name == "" || len(tools) != 10 {
		t.Errorf("the tools are %v", tools)
	}
}

// A run that one of several calls has taken over is released by the last one, whichever that is: an equal start follows.
func TestMCPTakeoverWithManyFollowers(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	u.File("flow.yaml", strings.Replace(sleeper, "name: Sleeper\n", "name: Sleeper\nid: report\n", 1))
	first := u.Start("run", "flow.yaml")
	u.asleep()
	c := u.mcp("--workflows", ".")
	following := make([]int, 5)
	for i := range following {
		following[i] = c.begin("follow_run", map[string]any{"run": "report", "wait": 600})
	}
	c.call("follow_run", map[string]any{"run": "report", "wait": 0}) // The others have begun.
	must(t, os.Remove(u.Path("pids")))
	first.Kill()
	u.asleep()
	c.Says("took over run report: the process executing it is gone")
	for _, call := range following[1:] {
		c.act("cancel", map[string]any{"of": call})
		c.answer(call)
	}
	u.File("go", "")
	if said := c.ended(following[0]); said.IsError || said.run(t).Status != "completed" {
		t.Errorf("the call that follows returns %s", said.text())
	}
	left, err := os.ReadDir(filepath.Join(u.Home, "runs"))
	must(t, err)
	if len(left) != 0 {
		t.Errorf("after the run there are claims: %v", left)
	}
	if said := c.call("sleeper", nil); said.IsError || said.Content[0].Text != `{"after":"after"}` {
		t.Errorf("the next start returns %s", said.text())
	}
}
