package stories_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// taskOf is a task of MCP.
type taskOf struct {
	ID      string `json:"taskId"`
	Status  string
	Message string `json:"statusMessage"`
}

// request sends a request to the server, and returns its result.
func (c *mcpClient) request(method string, params map[string]any, result any) {
	c.T.Helper()
	told := c.answer(c.act("request", map[string]any{"method": method, "params": params}))
	if told.Error != "" {
		c.T.Fatalf("%s %v: %s", method, params, told.Error)
	}
	must(c.T, json.Unmarshal(told.Result, result))
}

// task is the task that an act has created.
func (c *mcpClient) task(act int) string {
	c.T.Helper()
	id := ""
	eventually(c.T, "the task is created", func() bool {
		for _, line := range c.lines() {
			if line.ID == act && line.Progress != nil {
				id = line.Progress.Message
			}
			if line.ID == act && line.Error != "" {
				c.T.Fatal(line.Error)
			}
		}
		return id != ""
	})
	return id
}

// messages are what a call as a task consists of, in short: "taskCreated", the results with their text, errors.
func (c *mcpClient) messages(act int) []string {
	c.T.Helper()
	told := c.answer(act)
	var streamed struct {
		Messages []struct {
			Type, Message string
			Result        called
		}
	}
	must(c.T, json.Unmarshal(told.Result, &streamed))
	var all []string
	for _, m := range streamed.Messages {
		if m.Type != "taskStatus" {
			all = append(all, strings.TrimSpace(m.Type+" "+m.Message+m.Result.text()))
		}
	}
	return all
}

// TestMCPTasks: a run is a task of a client of version 2025-11-25, whose id is that of the run, also of another session.
func TestMCPTasks(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	u.File("flows/party.yaml", party)
	c := u.mcp("--workflows", "flows", "--workflows", ".")
	c.tools() // The SDK looks there which of them can be tasks.

	short := c.messages(c.act("task", map[string]any{"name": "tea_party", "arguments": map[string]any{"guests": 3}}))
	if len(short) != 2 || short[0] != "taskCreated" || !strings.HasPrefix(short[1], `result {"cups":6,"said":{"kind":"green","names":0,"big":1152921504606846977}}`) {
		t.Errorf("a task of a workflow's tool is %q", short)
	}
	run := c.messages(c.act("task", map[string]any{"name": "run_workflow", "arguments": map[string]any{"file": "party.yaml", "inputs": map[string]any{"guests": 4}}}))
	if len(run) != 2 || !strings.Contains(run[1], `"status":"completed"`) || !strings.Contains(run[1], `"cups":8`) {
		t.Errorf("a task of run_workflow is %q", run)
	}
	invalid := c.messages(c.act("task", map[string]any{"name": "tea_party", "arguments": map[string]any{"guests": "x"}}))
	if len(invalid) != 1 || !strings.Contains(invalid[0], `input \"guests\" must be a whole number, not \"x\"`) && !strings.Contains(invalid[0], `input "guests" must be a whole number, not "x"`) {
		t.Errorf("with invalid inputs it is %q", invalid)
	}

	// A task that is cancelled.
	act := c.act("task", map[string]any{"name": "sleeper"})
	cancelled := c.task(act)
	u.asleep()
	var task taskOf
	c.request("tasks/get", map[string]any{"taskId": cancelled}, &task)
	if task != (taskOf{cancelled, "working", "1 of 3 tasks ended"}) {
		t.Errorf("the task is %+v", task)
	}
	c.request("tasks/cancel", map[string]any{"taskId": cancelled}, &task)
	if task.Status != "cancelled" {
		t.Errorf("the cancelled task is %+v", task)
	}
	if ended := c.messages(act); len(ended) != 2 || !strings.Contains(ended[1], "cancelled") {
		t.Errorf("of a cancelled task the SDK reads %q", ended)
	}
	wantCancelled(t, u, cancelled, cancelledAwake)
	for method, params := range map[string]map[string]any{
		"tasks/get": {"taskId": "nothing-123"}, "tasks/result": {"taskId": "@latest"}, "tasks/cancel": {"taskId": cancelled}, "tasks/list": {"cursor": "x"},
		"tools/call": {"name": "list_runs", "task": map[string]any{}},
	} {
		if told := c.answer(c.act("request", map[string]any{"method": method, "params": params})); !strings.Contains(told.Error, "-3260") {
			t.Errorf("%s %v is answered with %+v", method, params, told)
		}
	}

	// A task whose server is killed.
	must(t, os.Remove(u.Path("pids")))
	open := c.task(c.act("task", map[string]any{"name": "sleeper"}))
	u.asleep()
	must(t, syscall.Kill(c.server(), syscall.SIGKILL))
	must(t, os.Remove(u.Path("pids")))
	again := u.mcp("--workflows", ".")
	eventually(t, "a server that is asked for the task takes the run over", func() bool {
		again.request("tasks/get", map[string]any{"taskId": open}, &task)
		if task.Status != "working" {
			t.Fatalf("the task of a killed server is %+v", task)
		}
		return strings.Contains(again.Stderr.String(), "took over run "+open)
	})
	u.asleep()
	u.File("go", "")
	var result called
	again.request("tasks/result", map[string]any{"taskId": open}, &result)
	if result.IsError || !strings.Contains(result.text(), "Run "+open+" completed") {
		t.Errorf("its result is %s", result.text())
	}
	var list struct{ Tasks []taskOf }
	again.request("tasks/list", nil, &list)
	if len(list.Tasks) != 4 || list.Tasks[0].ID != open || list.Tasks[0].Status != "completed" || list.Tasks[1].Status != "cancelled" {
		t.Errorf("the tasks are %+v", list.Tasks)
	}
}

// TestToolsAsTasks: a tool that can only be called as a task is, of a server of 2025-11-25 on npm.
func TestToolsAsTasks(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.withServers(fmt.Sprintf("    everything: {command: node, args: [%q]}\n", npmServer(t, "everything")))
	u.File("flow.yaml", `name: Research
tasks:
  - {id: done, method: mcp/everything.tool.simulate-research-query, parameters: {topic: tea}}
  - {id: late, method: mcp/everything.tool.simulate-research-query, timeout: 2, parameters: {topic: coffee}, retry: {max_attempts: 1}}
`)
	stdout, _ := u.Gleitzeit(5, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	if got := string(run.task("done").Result["response"]); !strings.Contains(got, "# Research Report: tea") {
		t.Errorf("the result is %s", got)
	}
	if got := *run.task("late").Error.Name; got != "TASK_TIMEOUT" {
		t.Errorf("the late task ends with %s", got)
	}
}

// TestRunsAsTasks: both sides of the extension of 2026-07-28 at once. A call that takes longer returns the run as a task, which
// is cancelled with the call, and which outlives the server.
func TestRunsAsTasks(t *testing.T) {
	t.Parallel()
	served := newSleeper(t)
	served.File("flows/party.yaml", party)
	u := newUser(t)
	u.withServers(fmt.Sprintf("    far: {command: sh, args: [-c, 'echo $$ > server.new; mv server.new server; exec \"$0\" mcp serve --workflows flows --workflows .', %q], cwd: %q, env: {GLEITZEIT_HOME: %q}}\n",
		program(t), served.Work, served.Home))
	u.File("short.yaml", "name: Short\ntasks: [{id: a, method: mcp/far.tool.tea_party, parameters: {guests: 576460752303423488}}]\n")
	stdout, _ := u.Gleitzeit(0, "run", "short.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	wantFields(t, "a", run.task("a").Result, map[string]string{"result": `{"cups":1152921504606846976,"said":{"kind":"green","names":0,"big":1152921504606846977}}`})

	u.File("late.yaml", "name: Late\ntasks: [{id: a, method: mcp/far.tool.sleeper, timeout: 6}]\n")
	p := u.Start("run", "late.yaml")
	served.asleep()
	p.Exits(5)
	wantLines(t, "standard error", p.Stderr.String(), "a (TASK_TIMEOUT, late.yaml:2)")
	eventually(t, "the run is cancelled", func() bool {
		listed, _ := served.Gleitzeit(0, "list")
		return strings.Contains(listed, "cancelled")
	})

	must(t, os.Remove(served.Path("pids")))
	u.File("long.yaml", "name: Long\ntasks: [{id: a, method: mcp/far.tool.sleeper, timeout: 100}]\noutputs: {a: \"${a.response}\"}\n")
	p = u.Start("run", "long.yaml")
	served.asleep()
	eventually(t, "the call has returned a task", func() bool {
		listed, _ := served.Gleitzeit(0, "list", "-o", "json", "--status", "running")
		var runs struct {
			Runs []struct {
				StartedAt time.Time `json:"started_at"`
			}
		}
		must(t, json.Unmarshal([]byte(listed), &runs))
		return len(runs.Runs) == 1 && time.Since(runs.Runs[0].StartedAt) > 3*time.Second
	})
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, served.Path("server"))))
	must(t, err)
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	must(t, os.Remove(served.Path("pids")))
	served.asleep()
	served.File("go", "")
	p.Exits(0)
	wantLines(t, "standard output", p.Stdout.String(), `"after"`, "completed")
}

// TestMCPTasksOverHTTP: another session asks for the task that one has created.
func TestMCPTasksOverHTTP(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flows/party.yaml", party)
	s := u.mcpHTTP("--workflows", "flows")
	bearer := map[string]string{"Authorization": "Bearer " + s.token}
	c := connectMCP(t, s.client(bearer))
	var created struct{ Task taskOf }
	c.request("tools/call", map[string]any{"name": "tea_party", "arguments": map[string]any{"guests": 3}, "task": map[string]any{"ttl": 60000}}, &created)
	var result called
	connectMCP(t, s.client(bearer)).request("tasks/result", map[string]any{"taskId": created.Task.ID}, &result)
	if created.Task.Status != "working" || result.Content[0].Text != `{"cups":6,"said":{"kind":"green","names":0,"big":1152921504606846977}}` {
		t.Errorf("the task %+v has the result %+v", created.Task, result)
	}
}
