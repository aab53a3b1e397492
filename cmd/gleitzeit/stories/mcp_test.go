package stories_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// party has inputs of several types, outputs, and a number that a float cannot represent.
const party = `
name: Tea Party!
description: How many cups a party needs.
inputs:
  guests: {type: integer, required: true, description: How many people come.}
  kind: {type: string, enum: [green, black], default: green}
  names: {type: list, default: []}
tasks:
  - id: cups
    method: mcp/tool.multiply
    parameters: {a: "${inputs.guests}", b: 2}
  - id: say
    method: python/execute
    parameters: {code: "result = {'kind': ${inputs.kind}, 'names': len(${inputs.names}), 'big': 2**60 + 1}"}
outputs: {cups: "${cups.result}", said: "${say.result}"}
`

const broken = `
name: Broken
tasks:
  - id: bad
    method: python/execute
    parameters: {code: "raise ValueError('no tea left')"}
  - id: later
    method: mcp/tool.echo
    parameters: {message: "${bad.result}"}
`

const mistaken = "name: Mistaken\ntasks:\n  - {id: a, method: mcp/tool.eco}\n  - {id: b, method: mcp/tool.echo, parameters: {message: \"${c.result}\"}}\n"

func TestMCPServe(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flows/party.yaml", party)
	u.File("flows/broken/flow.yaml", broken)
	u.File("flows/mistaken.yaml", mistaken)
	u.File("flows/notes.txt", "no workflow")
	c := u.mcp("--workflows", "flows")

	tools := c.tools()
	for name, want := range map[string]struct{ reads, destroys, again bool }{
		"list_workflows": {reads: true, again: true}, "read_workflow": {reads: true, again: true}, "validate_workflow": {reads: true, again: true},
		"run_workflow": {destroys: true}, "submit_workflow": {destroys: true}, "follow_run": {again: true},
		"run_results": {reads: true, again: true}, "list_runs": {reads: true, again: true}, "cancel_run": {destroys: true, again: true},
		"tea_party": {destroys: true}, "broken": {destroys: true},
	} {
		tool, there := tools[name]
		hints := tool.Annotations
		destroys := hints.DestructiveHint != nil && *hints.DestructiveHint
		if !there || tool.Description == "" || tool.Title == "" || hints.ReadOnlyHint != want.reads || destroys != want.destroys || hints.IdempotentHint != want.again {
			t.Errorf("%s is there: %t; %+v", name, there, tool)
		}
		delete(tools, name)
	}
	if len(tools) > 0 {
		t.Errorf("other tools: %v", tools)
	}
	c.Says("left out: " + u.Path("flows/mistaken.yaml") + ":3:21: unknown method \"mcp/tool.eco\"")

	tool := c.tools()["tea_party"]
	if !strings.HasPrefix(tool.Description, "How many cups a party needs.\n") {
		t.Errorf("the tool's description is %q", tool.Description)
	}
	const schema = `{"type":"object","properties":{"guests":{"type":"integer","description":"How many people come."},` +
		`"kind":{"type":"string","enum":["green","black"],"default":"green"},"names":{"type":"array","default":[]}},` +
		`"required":["guests"],"additionalProperties":false}`
	if got := compact(t, tool.InputSchema); got != schema {
		t.Errorf("its arguments are\n%s\nwant\n%s", got, schema)
	}

	result := c.call("tea_party", map[string]any{"guests": 3, "names": []any{"a", 1, nil}})
	if got, want := result.Content[0].Text, `{"cups":6,"said":{"kind":"green","names":3,"big":1152921504606846977}}`; got != want {
		t.Errorf("its text is %s, want %s", got, want)
	}
	if got := compact(t, result.Structure); !strings.HasPrefix(got, `{"cups":6,"said":{"kind":"green",`) {
		t.Errorf("its structure is %s", got)
	}
	run := regexp.MustCompile(`^Run (tea-party-[0-9a-f]+) completed in `).FindStringSubmatch(result.Content[1].Text)
	if run == nil {
		t.Fatalf("it says %q", result.Content[1].Text)
	}
	results := c.call("run_results", map[string]any{"run": run[1], "task": "cups"})
	if !strings.Contains(results.Content[0].Text, `"calculation":"3 * 2 = 6"`) {
		t.Errorf("the result of its task is %s", results.Content[0].Text)
	}
	for name, arguments := range map[string]map[string]any{
		`required input "guests" is missing`:                   {},
		`input "guests" must be a whole number, not "3"`:       {"guests": "3"},
		`input "guests" must be a whole number, not 2.5`:       {"guests": 2.5},
		`input "kind" must be "green" or "black", not "white"`: {"guests": 1, "kind": "white"},
		`unknown input "gests"`:                                {"guests": 1, "gests": 1},
	} {
		if said := c.fails("tea_party", arguments); !strings.Contains(said, name) {
			t.Errorf("%v: %s", arguments, said)
		}
	}

	said := c.fails("broken", nil)
	wantLines(t, "a run that fails", said, "Run broken-", " failed", "Task bad (python/execute) failed, TASK_EXECUTION_FAILED: ", "no tea left", `Task later was skipped: it needs "bad", which failed`)

	said = c.fails("run_workflow", map[string]any{"file": u.Path("flows/mistaken.yaml")})
	wantLines(t, "a workflow with mistakes", said, `mistaken.yaml:3:21: unknown method "mcp/tool.eco"; did you mean "mcp/tool.echo"? [method]`, `mistaken.yaml:4:`, "[reference]")
	said = c.fails("validate_workflow", map[string]any{"text": mistaken})
	wantLines(t, "validate", said, "text:3:21: ", "text:4:")
	if said := c.call("validate_workflow", map[string]any{"file": "party.yaml"}).text(); said != `The workflow "Tea Party!" is ok: 2 tasks.` {
		t.Errorf("validate says %q", said)
	}
	if read := c.call("read_workflow", map[string]any{"file": "party.yaml"}).Content[0].Text; read != party {
		t.Errorf("read_workflow returns %q", read)
	}

	byFile := c.call("run_workflow", map[string]any{"file": "party.yaml", "inputs": map[string]any{"guests": 4, "kind": "black"}}).run(t)
	if got := string(byFile.Outputs); byFile.Status != "completed" || byFile.Workflow != "Tea Party!" || !strings.HasPrefix(got, `{"cups":8,"said":{"kind":"black"`) || len(byFile.Tasks) != 2 {
		t.Errorf("run_workflow answers %+v, %s", byFile, got)
	}
	submitted := c.call("submit_workflow", map[string]any{"file": "party.yaml", "inputs": map[string]any{"guests": 5}}).run(t)
	followed := c.call("follow_run", map[string]any{"run": submitted.Run}).run(t)
	if followed.Run != submitted.Run || followed.Status != "completed" || !strings.HasPrefix(string(followed.Outputs), `{"cups":10,`) {
		t.Errorf("follow_run answers %+v", followed)
	}
	var listed struct{ Runs []runOf }
	must(t, json.Unmarshal(c.call("list_runs", map[string]any{"workflow": "Tea Party!", "limit": 2}).Structure, &listed))
	if len(listed.Runs) != 2 || listed.Runs[0].Run != submitted.Run || listed.Runs[1].Run != byFile.Run {
		t.Errorf("list_runs answers %+v", listed.Runs)
	}
	stdout, _ := u.Gleitzeit(0, "results", byFile.Run, "-o", "json")
	if document, err := parseRun(stdout); err != nil || *document.Status != "completed" {
		t.Errorf("the command line does not know the run: %v %s", err, stdout)
	}
	for said, arguments := range map[string]map[string]any{
		`there is no run "none"`:     {"run": "none"},
		`argument "run" is required`: {},
		`unknown argument "x"`:       {"run": "none", "x": 1},
		`must be of type string`:     {"run": 1},
	} {
		if got := c.fails("follow_run", arguments); !strings.Contains(got, said) {
			t.Errorf("follow_run %v says %q", arguments, got)
		}
	}
}

func compact(t *testing.T, data json.RawMessage) string {
	t.Helper()
	var text bytes.Buffer
	must(t, json.Compact(&text, data))
	return text.String()
}

// A model reaches no file but the workflows of the folders, and writes none that runs.
func TestMCPServesItsFoldersAlone(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flows/party.yaml", party)
	outside := u.File("outside.yaml", strings.Replace(party, "Tea Party!", "Outside", 1))
	u.File("flows/notes.txt", "secret")
	must(t, os.Symlink(outside, u.Path("flows/linked.yaml")))
	must(t, os.Symlink(u.Work, u.Path("flows/up")))
	u.File("flow.yaml", party)
	c := u.mcp("--workflows", "flows")
	for _, file := range []string{outside, "../outside.yaml", "linked.yaml", u.Path("flows/linked.yaml"), "up/outside.yaml", "notes.txt", "/etc/passwd", "flows/party.yaml", ".", ""} {
		for _, tool := range []string{"run_workflow", "submit_workflow", "validate_workflow", "read_workflow"} {
			if said := c.fails(tool, map[string]any{"file": file}); !strings.Contains(said, "WORKFLOW_NOT_FOUND: there is no workflow file ") {
				t.Errorf("%s %q: %s", tool, file, said)
			}
		}
	}
	for _, tool := range []string{"run_workflow", "submit_workflow"} {
		if said := c.fails(tool, map[string]any{"text": party, "inputs": map[string]any{"guests": 1}}); !strings.Contains(said, "this server does not run workflows given as text") {
			t.Errorf("%s: %s", tool, said)
		}
	}
	// Not even whether there is a file can be found out.
	u.File("known.py", "result = 1")
	scripted := func(file string) map[string]any {
		return map[string]any{"text": "name: x\ntasks: [{id: a, method: python/execute, parameters: {file: " + file + "}}]"}
	}
	there, nowhere := c.fails("validate_workflow", scripted(u.Path("known.py"))), c.fails("validate_workflow", scripted(u.Path("gone_.py")))
	if strings.ReplaceAll(there, "known", "gone_") != nowhere {
		t.Errorf("of a file that is there it says\n%s\nof another\n%s", there, nowhere)
	}
	if tools := c.tools(); len(tools) != 10 {
		t.Errorf("%d tools are offered: %v", len(tools), tools)
	}
	if listed, _ := u.Gleitzeit(0, "list"); strings.Contains(listed, "Party") || strings.Contains(listed, "Outside") {
		t.Errorf("something has run:\n%s", listed)
	}
}

func TestMCPAllowsAnyWorkflow(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("there.py", "import os\nresult = os.getcwd()")
	c := u.mcp("--allow-any-workflow")
	given := map[string]any{"text": "name: Written\ntasks: [{id: a, method: python/execute, parameters: {file: there.py}}]"}
	if said := c.call("validate_workflow", given).text(); !strings.Contains(said, "ok: 1 task.") {
		t.Error(said)
	}
	folder, err := filepath.EvalSymlinks(u.Work)
	must(t, err)
	if run := c.call("run_workflow", given).run(t); run.Status != "completed" || compact(t, run.Outputs) != fmt.Sprintf(`{"a":%q}`, folder) {
		t.Errorf("%+v", run)
	}
	other := newUser(t)
	path := other.File("far.yaml", "name: Far\ntasks: [{id: a, method: python/execute, parameters: {code: import os; result = os.getcwd()}}]")
	folder, err = filepath.EvalSymlinks(other.Work)
	must(t, err)
	linked := u.Path("linked.yaml")
	must(t, os.Symlink(path, linked))
	if said := c.call("validate_workflow", map[string]any{"file": linked}).text(); !strings.Contains(said, "ok: 1 task.") {
		t.Error(said)
	}
	if run := c.call("run_workflow", map[string]any{"file": path}).run(t); compact(t, run.Outputs) != fmt.Sprintf(`{"a":%q}`, folder) {
		t.Errorf("a workflow does not run in its own folder: %+v", run)
	}
}

// TestMCPStreams speaks the protocol itself: nothing else is on standard output, and the end of the input is the end.
func TestMCPStreams(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("party.yaml", party)
	command := exec.Command(program(t), "mcp", "serve", "--workflows", ".", "-o", "json")
	command.Dir, command.Env = u.Work, u.Environment("GLEITZEIT_LOG_LEVEL=debug")
	in, err := command.StdinPipe()
	must(t, err)
	p := begin(t, command)
	for _, line := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"_meta":{"progressToken":"p"},"name":"tea_party","arguments":{"guests":1152921504606846977}}}`,
	} {
		_, err := fmt.Fprintln(in, line)
		must(t, err)
	}
	eventually(t, "the run has ended", func() bool { return strings.Contains(p.Stdout.String(), `"id":2`) })
	must(t, in.Close())
	p.Exits(0)
	for line := range strings.Lines(p.Stdout.String()) {
		var message struct{ JSONRPC string }
		if err := json.Unmarshal([]byte(line), &message); err != nil || message.JSONRPC != "2.0" {
			t.Errorf("standard output has %q", line)
		}
	}
	for _, told := range []string{`✓ cups  mcp/tool.multiply  completed`, `✓ say  python/execute  completed`} {
		if strings.Count(p.Stdout.String(), told) != 1 {
			t.Errorf("progress does not have %q once:\n%s", told, p.Stdout)
		}
	}
	if !strings.Contains(p.Stdout.String(), `"structuredContent":{"cups":2305843009213693954,`) {
		t.Errorf("digits are lost:\n%s", p.Stdout)
	}
}

// The beginning of a session, a line each.
const mcpBeginning = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
`

// piped is `gleitzeit mcp serve` with a text as its input.
func (u *user) piped(input string, args ...string) *process {
	u.T.Helper()
	command := exec.Command(program(u.T), append([]string{"mcp", "serve"}, args...)...)
	command.Dir, command.Env, command.Stdin = u.Work, u.Environment(), strings.NewReader(input)
	return begin(u.T, command)
}

// TestMCPInputEnds: what was sent before the end of the input is answered.
func TestMCPInputEnds(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("party.yaml", party)
	const asked = mcpBeginning + `{"jsonrpc":"2.0","id":2,"method":"tools/list"}
{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"validate_workflow","arguments":{"file":"party.yaml"}}}
{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"tea_party","arguments":{"guests":"none"}}}
{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"submit_workflow","arguments":{"file":"party.yaml","inputs":{"guests":3}}}}
{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"list_runs"}}` // Without a line feed.
	p := u.piped(asked, "--workflows", ".")
	p.Exits(0)
	wantLines(t, "standard output", p.Stdout.String(), `"id":1,`, `"id":2,`, `"id":3,`, `is ok: 2 tasks`, `"id":4,`, `must be a whole number`, `"id":5,`, `"id":6,`)
	if said := p.Stderr.String(); strings.Contains(said, "ignored") {
		t.Errorf("it says %s", said)
	}
	// Each time.
	for range 5 {
		p := u.piped(mcpBeginning+`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`+"\n", "--workflows", ".")
		p.Exits(0)
		if answers := strings.Count(p.Stdout.String(), "\n"); answers != 2 || !strings.Contains(p.Stdout.String(), `"name":"tea_party"`) {
			t.Fatalf("%d answers: %s", answers, p.Stdout)
		}
	}
}

// TestMCPInputEndsDuringARun: the server does not wait for a run, which stays open.
func TestMCPInputEndsDuringARun(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	p := u.piped(mcpBeginning+`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"run_workflow","arguments":{"file":"flow.yaml"}}}`+"\n", "--workflows", ".")
	p.Exits(0)
	if said := p.Stdout.String(); !strings.Contains(said, `"id":1,`) || strings.Contains(said, `"isError":true`) {
		t.Errorf("standard output has %s", said)
	}
	run := between(p.Stderr.String(), "run ", "\n")
	wantLines(t, "standard error", p.Stderr.String(), "run "+run+" stays open: `gleitzeit server` resumes it, or a client that asks for it again; `gleitzeit cancel "+run+"` cancels it\n")
	if status, _ := u.Gleitzeit(0, "status", "@latest"); !strings.Contains(status, "interrupted") {
		t.Errorf("the run is\n%s", status)
	}
	u.File("go", "")
	if stdout, said := u.Gleitzeit(0, "run", "flow.yaml"); stdout != "after: after\n" || !strings.Contains(said, "resumed") {
		t.Errorf("run prints %q\n%s", stdout, said)
	}
}

// TestMCPInvalidLines: a line that is not a message is answered and reported, and the server continues.
func TestMCPInvalidLines(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("party.yaml", party)
	p := u.piped("garbage\n"+mcpBeginning+"{\"jsonrpc\":\n{\"hello\":1}\n[]\n"+strings.Repeat("x", 17<<20)+"\n"+`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`+"\n", "--workflows", ".")
	p.Exits(0)
	got := p.Stdout.String()
	if strings.Count(got, "\n") != 7 || strings.Count(got, `"id":null,"error":{"code":-32700,`) != 2 || strings.Count(got, `"id":null,"error":{"code":-32600,`) != 3 || !strings.Contains(got, `"name":"tea_party"`) {
		t.Errorf("standard output has %.5000s", got)
	}
	wantLines(t, "standard error", p.Stderr.String(),
		`ignored a line of standard input: the line is not JSON: invalid character 'g' looking for beginning of value: "garbage"`,
		`ignored a line of standard input: the line is not JSON: `, `ignored a line of standard input: the line is not a JSON-RPC 2.0 message: "{\"hello\":1}"`,
		`ignored a line of standard input: the batch is empty: "[]"`, `ignored a line of standard input: the message is longer than 16777216 bytes: "xxx`)
}

func TestMCPArguments(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for _, test := range []struct {
		code int
		said string
		args []string
	}{
		{1, `cannot open the folder "nowhere" of workflows: no such file or directory`, []string{"--workflows", "nowhere"}},
		{2, `"0.0.0.0:0" is not on loopback: its host must be 127.0.0.1, localhost or [::1]`, []string{"--http", "0.0.0.0:0"}},
		{2, `"here" is neither a port nor host:port`, []string{"--http=here"}},
		{2, `unexpected argument "8234"`, []string{"8234"}},
	} {
		if _, said := u.Gleitzeit(test.code, append([]string{"mcp", "serve"}, test.args...)...); !strings.Contains(said, test.said) {
			t.Errorf("%v says %q", test.args, said)
		}
	}
	p := u.StartIn("/", nil, "mcp", "serve")
	p.Exits(2)
	if !strings.Contains(p.Stderr.String(), "no workflows are named, and the current folder is /") {
		t.Errorf("in / it says %s", p.Stderr)
	}
}
