package stories_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const approval = `
name: Approval
tasks:
  - {id: before, method: python/execute, parameters: {code: "open('before', 'a').write('x')\nresult = 7"}}
  - id: review
    method: human/approve
    timeout: 24h
    parameters:
      message: "Pay ${before.result} EUR?"
      schema: {type: object, properties: {sum: {type: integer, minimum: 1}, to: {type: string}}, required: [sum]}
  - {id: after, method: python/execute, parameters: {code: "open('after', 'a').write('x')\nresult = 'paid ' + str(${review.values.sum})"}}
`

// TestApproval: a second terminal answers a run of the first.
func TestApproval(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", approval)
	p := u.Start("run", "flow.yaml")
	p.Says("  reject:  gleitzeit approve ")
	run := p.RunID()
	wantLines(t, "stderr", p.Stderr.String(), "· review  waiting for an approval since ", "\n  Pay 7 EUR?\n  values: sum (integer), to (string, optional)\n  until ",
		"; then the task fails\n  approve: gleitzeit approve "+run+" review --set sum=INTEGER\n")
	status, _ := u.Gleitzeit(0, "status", run)
	wantLines(t, "status", status, "▶ review  human/approve  running  waiting for an approval since ", "Pay 7 EUR?\n", "approve: gleitzeit approve "+run+" review --set sum=INTEGER\n", "· after  python/execute  pending")
	document, _ := u.Gleitzeit(0, "status", run, "-o", "json")
	wantLines(t, "document", document, `"approval": {`, `"message": "Pay 7 EUR?"`, `"reject": "gleitzeit approve `+run+` review --reject \"WHY\""`)
	watching := u.Start("watch", run)
	watching.Says("  Pay 7 EUR?\n")

	for want, args := range map[string][]string{
		"gleitzeit: run " + run + " has no task \"rewiev\"\n  waiting for an approval: \"review\"\n":                                     {"rewiev"},
		"gleitzeit: task \"before\" does not ask for an approval: its method is python/execute\n  waiting for an approval: \"review\"\n": {"before"},
		"gleitzeit: task \"after\" does not ask for an approval: its method is python/execute\n  waiting for an approval: \"review\"\n":  {"after"},
		"gleitzeit: values: missing property 'sum'\n": {"review"},
		"gleitzeit: values: unknown value \"too\" (did you mean \"to\"?); values.sum: got string, want integer\n": {
			"review", "--set", "sum=much", "--set", "too=me",
		},
		"gleitzeit: \"sum\": expected NAME=VALUE\n":                          {"review", "--set", "sum"},
		"gleitzeit: --set and --reject exclude each other\n":                 {"review", "--set", "sum=1", "--reject", "no"},
		"gleitzeit: --reject must say why\n":                                 {"review", "--reject", " "},
		"gleitzeit: missing argument TASK; see `gleitzeit approve --help`\n": nil,
	} {
		_, said := u.Gleitzeit(2, append([]string{"approve", run}, args...)...)
		if said != want {
			t.Errorf("approve %v says %q, want %q", args, said, want)
		}
	}
	said, _ := u.Gleitzeit(0, "approve", "@latest", "review", "--set", "sum=5", "--by", "ann")
	if said != "approved review of run "+run+"\n" {
		t.Errorf("approve says %s", said)
	}
	p.Exits(0)
	watching.Exits(0)
	wantLines(t, "stdout", p.Stdout.String(), "paid 5")
	_, twice := u.Gleitzeit(2, "approve", run, "review", "--set", "sum=5")
	if want := "gleitzeit: task \"review\" of run " + run + " was already approved\n"; twice != want {
		t.Errorf("approve says %q, want %q", twice, want)
	}
}

// TestApprovalWithin: a task of a workflow within another one, and of one for each item, is answered like any other, also when the run
// was killed.
func TestApprovalWithin(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("inner.yaml", `
name: Inner
inputs: {who: {type: string}}
tasks:
  - {id: review, method: human/approve, parameters: {message: "Is it ${inputs.who}?"}}
  - {id: after, method: python/execute, parameters: {code: "result = ${review.by}"}}
outputs: {by: "${after.result}"}
`)
	u.File("flow.yaml", `
name: Outer
tasks:
  - {id: one, workflow: inner.yaml, inputs: {who: Ann}}
  - {id: two, workflow: inner.yaml, depends_on: [one], for_each: [Bob, Cid], inputs: {who: "${item}"}}
outputs: {one: "${one.outputs.by}", two: "${two.results[*].result.outputs.by}"}
`)
	p := u.Start("run", "flow.yaml")
	p.Says("  Is it Ann?\n")
	run := p.RunID()
	p.Kill()
	said, told := u.Gleitzeit(0, "approve", run, "one/review", "--by", "first")
	wantLines(t, "approve", said, "approved one/review of run "+run+"\n")
	wantLines(t, "approve", told, "run "+run+" is open and no process executes it: `gleitzeit run ")
	p = u.Start("run", "flow.yaml")
	for item, who := range []string{"Bob", "Cid"} {
		p.Says("  Is it " + who + "?\n")
		u.Gleitzeit(0, "approve", run, fmt.Sprintf("two[%d]/review", item), "--by", who)
	}
	p.Exits(0)
	wantLines(t, "stdout", p.Stdout.String(), "first", "Bob", "Cid")
}

// TestRejection: what is rejected fails its run.
func TestRejection(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", approval)
	p := u.Start("run", "flow.yaml", "-o", "jsonl")
	p.Says("waiting for an approval")
	said, _ := u.Gleitzeit(0, "approve", "@latest", "review", "--reject", "not now", "--by", "ann", "-o", "json")
	wantLines(t, "stdout", said, `"approved": false`, `"by": "ann"`)
	p.Exits(5)
	wantLines(t, "stdout", p.Stdout.String(), `"TASK_REJECTED"`, `rejected by ann: not now`)
	_, again := u.Gleitzeit(2, "approve", "@latest", "review", "--set", "sum=5")
	wantLines(t, "stderr", again, "was already rejected by ann: not now")

	// It is asked again, and what was done before is not.
	retried := u.Start("retry", "@latest")
	retried.Says("  Pay 7 EUR?\n")
	u.Gleitzeit(0, "approve", "@latest", "review", "--set", "sum=6")
	retried.Exits(0)
	if text := read(t, u.Path("before")); text != "x" {
		t.Errorf("before was executed %d times", len(text))
	}
}

// TestApprovalOfAKilledRun: the question outlives the process, and so does an answer that nobody was there for.
func TestApprovalOfAKilledRun(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", approval)
	p := u.Start("run", "flow.yaml")
	p.Says("  Pay 7 EUR?\n")
	run := p.RunID()
	p.Kill()
	status, _ := u.Gleitzeit(0, "status", run)
	wantLines(t, "status without an engine", status, "Pay 7 EUR?\n", "approve: gleitzeit approve "+run+" review")
	p = u.Start("run", "flow.yaml")
	p.Says("  Pay 7 EUR?\n") // It is still asked.
	p.Kill()

	_, said := u.Gleitzeit(2, "approve", run, "review", "--set", "sum=0")
	wantLines(t, "stderr", said, "values.sum: minimum: got 0, want 1")
	stdout, said := u.Gleitzeit(0, "approve", run, "review", "--set", "sum=9")
	if stdout != "approved review of run "+run+"\n" {
		t.Errorf("approve says %s", stdout)
	}
	wantLines(t, "stderr", said, "run "+run+" is open and no process executes it: `gleitzeit run ")
	if exists(u.Path("after")) {
		t.Error("approve has executed a task")
	}
	_, said = u.Gleitzeit(2, "approve", run, "review", "--set", "sum=9")
	wantLines(t, "stderr", said, "was already approved")
	p = u.Start("run", "flow.yaml")
	p.Exits(0)
	wantLines(t, "stderr", p.Stderr.String(), "resumed run "+run+"\n")
	if strings.Contains(p.Stderr.String(), "Pay 7 EUR?") {
		t.Errorf("it asks what was answered: %s", p.Stderr)
	}
	wantLines(t, "stdout", p.Stdout.String(), "paid 9")
	for _, task := range []string{"before", "after"} {
		if text := read(t, u.Path(task)); text != "x" {
			t.Errorf("%s was executed %d times", task, len(text))
		}
	}
}

// TestApprovalOutlivesAServer: server and worker are killed while a run that was submitted waits.
func TestApprovalOutlivesAServer(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", approval)
	server, worker := u.serves(), u.works()
	run, _ := u.Gleitzeit(0, "submit", "flow.yaml")
	run = strings.TrimSpace(run)
	eventually(t, "the run asks", func() bool {
		status, _ := u.Gleitzeit(0, "status", run)
		return strings.Contains(status, "Pay 7 EUR?")
	})
	server.Kill()
	worker.Kill()
	_, said := u.Gleitzeit(7, "approve", run, "review", "--set", "sum=9")
	wantLines(t, "stderr", said, "no worker serves queue \"gleitzeit\"", "start `gleitzeit server`")
	u.serves()
	u.Gleitzeit(0, "approve", run, "review", "--set", "sum=9")
	stdout, _ := u.Gleitzeit(0, "watch", run)
	wantLines(t, "stdout", stdout, "paid 9")
	if text := read(t, u.Path("before")); text != "x" {
		t.Errorf("before was executed %d times", len(text))
	}
}

// TestApprovalIsInterrupted: Ctrl-C cancels a run that waits at once, and its default counts after the timeout.
func TestApprovalIsInterrupted(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", approval)
	p := u.Start("run", "flow.yaml")
	p.Says("  Pay 7 EUR?\n")
	began := time.Now()
	p.Signal(syscall.SIGINT)
	p.Exits(130)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	_, said := u.Gleitzeit(2, "approve", "@latest", "review", "sum=9")
	wantLines(t, "stderr", said, "; to enter a value, write --set sum=9")
	_, said = u.Gleitzeit(2, "approve", "@latest", "review", "--set", "sum=9")
	wantLines(t, "stderr", said, "waits no longer: it is cancelled")

	u.File("default.yaml", "name: Default\ntasks:\n  - {id: a, method: human/approve, timeout: 1s, parameters: {message: Pay?, default: {sum: 3}, schema: {properties: {sum: {}}}}}\noutputs: {sum: '${a.values.sum}', by: '${a.by}'}\n")
	p = u.Start("run", "default.yaml")
	p.Exits(0)
	wantLines(t, "stderr", p.Stderr.String(), "; then the default counts: {\"sum\":3}\n")
	wantLines(t, "stdout", p.Stdout.String(), "sum: 3\n", "by: timeout\n")
	u.File("never.yaml", "name: Never\ntasks:\n  - {id: a, method: human/approve, timeout: 1s, parameters: {message: Pay?}}\n")
	_, said = u.Gleitzeit(5, "run", "never.yaml")
	wantLines(t, "stderr", said, "(TASK_UNANSWERED, never.yaml:3)", "nobody answered within 1s")
}

// TestApprovalByElicitation: the user of an MCP client is asked, until the answer counts.
func TestApprovalByElicitation(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", approval)
	connect := func(handler func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error)) *mcp.ClientSession {
		command := exec.Command(program(t), "mcp", "serve")
		command.Dir, command.Env = u.Work, u.Environment()
		session, err := mcp.NewClient(&mcp.Implementation{Name: "desk", Version: "1"}, &mcp.ClientOptions{ElicitationHandler: handler}).
			Connect(t.Context(), &mcp.CommandTransport{Command: command}, &mcp.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
		must(t, err)
		t.Cleanup(func() { session.Close() })
		return session
	}
	var asked []string
	session := connect(func(_ context.Context, request *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
		asked = append(asked, request.Params.Message)
		sum := 2
		if len(asked) == 1 {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"sum": 1, "to": strings.Repeat("x", 30)}}, nil
		}
		return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"sum": sum}}, nil
	})
	u.File("flow.yaml", strings.Replace(approval, "to: {type: string}}", "to: {type: string}}, anyOf: [{properties: {to: {maxLength: 9}}}]", 1))
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "run_workflow", Arguments: map[string]any{"file": "flow.yaml"}})
	must(t, err)
	text, err := json.Marshal(result.Content)
	must(t, err)
	wantLines(t, "result", string(text), "paid 2")
	if len(asked) != 2 || asked[0] != "Pay 7 EUR?" || !strings.HasPrefix(asked[1], "Pay 7 EUR?\n\nThe answer does not count: values.to: ") {
		t.Errorf("it asked %q", asked)
	}
	stdout, _ := u.Gleitzeit(0, "results", "@latest", "review")
	wantLines(t, "result", stdout, `"desk"`)

	session = connect(func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
		return &mcp.ElicitResult{Action: "decline"}, nil
	})
	result, err = session.CallTool(t.Context(), &mcp.CallToolParams{Name: "run_workflow", Arguments: map[string]any{"file": "flow.yaml", "new": true}})
	must(t, err)
	text, err = json.Marshal(result.Content)
	must(t, err)
	wantLines(t, "result", string(text), "TASK_REJECTED", "rejected by desk: declined")

	// A client that cannot ask is told what is waited for.
	session = connect(nil)
	result, err = session.CallTool(t.Context(), &mcp.CallToolParams{Name: "submit_workflow", Arguments: map[string]any{"file": "flow.yaml"}})
	must(t, err)
	run := strings.Split(result.Content[1].(*mcp.TextContent).Text, " ")[1]
	eventually(t, "it waits", func() bool {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "follow_run", Arguments: map[string]any{"run": run, "wait": 0}})
		must(t, err)
		text, err := json.Marshal(result.Content)
		must(t, err)
		return strings.Contains(string(text), "Task review waits for a person to decide") && strings.Contains(string(text), "gleitzeit approve "+run+" review")
	})
}
