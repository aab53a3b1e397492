package stories_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// npmServer is the script of a server of npm. The test is skipped where that cannot be had.
func npmServer(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(withPackages(t, mcpPackages), "node_modules/@modelcontextprotocol/server-"+name+"/dist/index.js")
}

// testServer is the server of the tests of activities/mcp, built once.
var testServer = sync.OnceValues(func() (string, error) {
	folder, err := programtest.Folder()
	if err != nil {
		return "", err
	}
	server := filepath.Join(folder, "test-server")
	return server, programtest.Build(server, "./activities/mcp/testdata/server")
})

// withServers gives a user settings with MCP servers.
func (u *user) withServers(servers string) {
	u.File("../home/gleitzeit/config.yaml", "mcp:\n  servers:\n"+servers)
}

// withTestServer gives a user the test server, called "test".
func (u *user) withTestServer() {
	u.T.Helper()
	server, err := testServer()
	must(u.T, err)
	u.withServers(fmt.Sprintf("    test: {command: %q, env: {NOTES: %q}, max_concurrent: 32}\n", server, u.Work))
}

const toolChain = `name: Tools
tasks:
  - {id: write, method: mcp/files.tool.write_file, parameters: {path: "WORK/note.txt", content: "A PINEAPPLE is in here."}}
  - {id: read, method: mcp/files.tool.read_text_file, parameters: {path: "WORK/note.txt"}, dependencies: [write]}
  - id: remember
    method: mcp/memory.tool.create_entities
    parameters: {entities: [{name: note, entityType: file, observations: ["${read.response}"]}]}
  - {id: recall, method: mcp/memory.tool.search_nodes, parameters: {query: PINEAPPLE}, dependencies: [remember]}
  - {id: say, method: llm/chat, parameters: {prompt: "${recall.result.entities[0].observations[0]}"}}
  - {id: echo, method: mcp/everything.tool.echo, parameters: {message: "${say.response}"}}
outputs: {echo: "${echo.response}", recalled: "${recall.result.entities}"}
`

// TestServersOfNpm: what a tool has written another one reads, a third keeps, and a model is asked about it.
func TestServersOfNpm(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.withServers(fmt.Sprintf(`    everything: {command: node, args: [%q]}
    files: {command: node, args: [%q, %q]}
    memory: {command: node, args: [%q], env: {MEMORY_FILE_PATH: %q}}
`, npmServer(t, "everything"), npmServer(t, "filesystem"), u.Work, npmServer(t, "memory"), u.Path("memory.json")))
	u.File("flow.yaml", strings.ReplaceAll(toolChain, "WORK", u.Work))
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	wantFields(t, "outputs", run.Outputs, map[string]string{
		"echo":     `"Echo: I saw the PINEAPPLE."`,
		"recalled": `[{"name":"note","entityType":"file","observations":["A PINEAPPLE is in here."]}]`,
	})
	if got := read(t, u.Path("note.txt")); got != "A PINEAPPLE is in here." {
		t.Errorf("the file holds %q", got)
	}
	u.everything(t)

	// What fails, fails as the table of docs/mcp.md has it.
	table := read(t, filepath.Join(root, "docs/mcp.md"))
	for _, test := range []struct{ row, method, parameters, message string }{
		{"the tool reports a failure, for example access denied to a path", "files.tool.read_text_file", "{path: /etc/passwd}", "Access denied"},
		{"the server has no such tool, or does not support the method", "files.tool.read_txt", "{path: x}", `has no tool "read_txt"`},
		{"the server has no such tool, or does not support the method", "files.prompts/get", "{name: x}", "does not support the method"},
		{"the arguments do not match the tool's schema, or the server rejects them", "everything.tool.get-sum", "{a: one, b: 2}", "parameters.a: got string, want number"},
	} {
		u.File("fails.yaml", fmt.Sprintf("name: Fails\ntasks: [{id: a, method: %q, parameters: %s, retry: {max_attempts: 1}}]\n", "mcp/"+test.method, test.parameters))
		stdout, _ := u.Gleitzeit(5, "run", "fails.yaml", "-o", "json")
		run, err := parseRun(stdout)
		must(t, err)
		failed := run.task("a")
		wantLines(t, "the message", *failed.Error.Message, test.message)
		if row := "| " + test.row + " | `" + *failed.Error.Name + "` |"; !strings.Contains(table, row) {
			t.Errorf("docs/mcp.md has no line %s", row)
		}
	}

	// Before the run, too.
	u.File("wrong.yaml", "name: Wrong\ntasks:\n  - {id: a, method: mcp/files.tool.read_txt}\n  - {id: b, method: mcp/everything.tool.get-sum, parameters: {a: one, b: 2}}\n")
	u.Gleitzeit(0, "validate", "wrong.yaml")
	_, stderr := u.Gleitzeit(2, "validate", "--online", "wrong.yaml")
	wantLines(t, "standard error", stderr, `wrong.yaml:3:21: unknown method "mcp/files.tool.read_txt"`, `wrong.yaml:4:66: parameter "a" of mcp/everything.tool.get-sum must be a number, not "one"`)
}

// TestCallsOfServersOfNpm: each answers a call. The last one prints two lines on standard output before its first message.
func TestCallsOfServersOfNpm(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	tailwind := filepath.Join(withPackages(t, mcpPackages), "node_modules/tailwindcss-mcp-server/build/index.js")
	u.withServers(fmt.Sprintf(`    everything: {command: node, args: [%q]}
    files: {command: node, args: [%q, %q]}
    memory: {command: node, args: [%q], env: {MEMORY_FILE_PATH: %q}}
    thinking: {command: node, args: [%q]}
    tailwind: {command: node, args: [%q]}
`, npmServer(t, "everything"), npmServer(t, "filesystem"), u.Work, npmServer(t, "memory"), u.Path("memory.json"),
		npmServer(t, "sequential-thinking"), tailwind))
	u.File("note.txt", "a note")
	for _, test := range []struct {
		call []string
		want string
	}{
		{[]string{"everything.tool.echo", "message=hello"}, "Echo: hello"},
		{[]string{"files.tool.read_text_file", "path=" + u.Path("note.txt")}, "a note"},
		{[]string{"memory.tool.read_graph"}, `"entities": []`},
		{[]string{"thinking.tool.sequentialthinking", "thought=one", "thoughtNumber=1", "totalThoughts=1", "nextThoughtNeeded=false"}, `"thoughtHistoryLength": 1`},
		{[]string{"tailwind.tool.get_tailwind_colors", "colorName=blue"}, `"bg-blue-50"`},
	} {
		test.call[0] = "mcp/" + test.call[0]
		stdout, _ := u.Gleitzeit(0, append([]string{"call"}, test.call...)...)
		wantLines(t, test.call[0], stdout, test.want)
	}
}

// everything tries what the server "everything" has: structured content, images, resources, progress.
func (u *user) everything(t *testing.T) {
	t.Helper()
	u.File("everything.yaml", `name: Everything
tasks:
  - {id: weather, method: mcp/everything.tool.get-structured-content, parameters: {location: Chicago}}
  - {id: image, method: mcp/everything.tool.get-tiny-image}
  - {id: resource, method: mcp/everything.tool.get-resource-reference, parameters: {resourceType: Text, resourceId: 1}}
  - {id: long, method: mcp/everything.tool.trigger-long-running-operation, parameters: {duration: 4, steps: 2}}
  - {id: list, method: mcp/everything.resources/list}
  - {id: document, method: mcp/everything.resources/read, parameters: {uri: "${list.resources[0].uri}"}}
  - {id: prompt, method: mcp/everything.prompts/get, parameters: {name: simple-prompt}}
outputs:
  conditions: ${weather.result.conditions}
  image: ${image.content[1].mimeType}
  resource: ${resource.content[1].resource.uri}
  long: ${long.response}
  document: ${document.contents[0].uri}
  role: ${prompt.messages[0].role}
`)
	p := u.Start("run", "everything.yaml", "-o", "json")
	p.Exits(0)
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	wantFields(t, "outputs", run.Outputs, map[string]string{
		"conditions": `"Light rain / drizzle"`, "image": `"image/png"`, "resource": `"demo://resource/dynamic/text/1"`,
		"long": `"Long running operation completed. Duration: 4 seconds, Steps: 2."`, "role": `"user"`,
	})
	if document := string(run.Outputs["document"]); !strings.HasPrefix(document, `"demo://resource/`) {
		t.Errorf("the document is %s", document)
	}
}

// TestEverythingOverHTTP is the same over streamable HTTP.
func TestEverythingOverHTTP(t *testing.T) {
	t.Parallel()
	script, address := npmServer(t, "everything"), nobodyAt(t)
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	serve := func() *process {
		command := exec.Command("node", script, "streamableHttp")
		command.Env = append(os.Environ(), "PORT="+port)
		p := begin(t, command)
		eventually(t, "the server listens", func() bool {
			connection, err := net.DialTimeout("tcp", address, time.Second)
			return err == nil && connection.Close() == nil
		})
		return p
	}
	server := serve()
	u := newUser(t)
	u.withServers("    everything: {url: http://" + address + "/mcp}\n")
	u.everything(t)

	// It answers 400 for a session of which it does not know after a restart.
	u.File("restart.yaml", `name: Restart
tasks:
  - {id: a, method: mcp/everything.tool.echo, parameters: {message: one}}
  - id: pause
    method: python/execute
    dependencies: [a]
    parameters: {code: "import os, time\nopen('paused', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.01)"}
  - {id: b, method: mcp/everything.tool.echo, dependencies: [pause], parameters: {message: two}}
outputs: {b: "${b.response}"}
`)
	p := u.Start("run", "restart.yaml")
	u.Appears("paused")
	server.Kill()
	serve()
	u.File("go", "")
	p.Exits(0)
	wantLines(t, "the run", p.Stdout.String(), "b: Echo: two")
}

// pids are the processes that the test server has noted.
func (u *user) pids() []int {
	u.T.Helper()
	text, err := os.ReadFile(u.Path("started"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(u.T, err)
	var pids []int
	for line := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(line)
		must(u.T, err)
		pids = append(pids, pid)
	}
	return pids
}

// gone reports whether a process has ended; a zombie has.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(stat), ") ")
	return err == nil && strings.HasPrefix(after, "Z")
}

// TestAThousandCallsUseOneServer, which is gone when the program is.
func TestAThousandCallsUseOneServer(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.withTestServer()
	var flow strings.Builder
	flow.WriteString("name: Thousand\nmax_parallel: 32\ntasks:\n")
	for i := range 1000 {
		fmt.Fprintf(&flow, "  - {id: t%d, method: mcp/test.tool.strict, parameters: {n: %d}}\n", i, i)
	}
	u.File("flow.yaml", flow.String())
	p := u.Start("run", "flow.yaml", "-o", "json")
	select {
	case <-p.Ended:
	case <-time.After(5 * patience):
	}
	p.Exits(0)
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	for i := range 1000 {
		var got string
		must(t, json.Unmarshal(run.task(fmt.Sprintf("t%d", i)).Result["response"], &got))
		if want := fmt.Sprintf(`{"n":%d}`, i); got != want {
			t.Fatalf("t%d: %s", i, got)
		}
	}
	pids := u.pids()
	if len(pids) != 1 || !gone(pids[0]) {
		t.Errorf("started were %v", pids)
	}
}

// TestToolServersEndWithAKilledProgram: the program cannot end them.
func TestToolServersEndWithAKilledProgram(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	server, err := testServer()
	must(t, err)
	u.withServers(fmt.Sprintf("    test: {command: %q, args: [-stubborn], env: {NOTES: %q}}\n", server, u.Work))
	u.File("flow.yaml", "name: Wait\ntasks: [{id: a, method: mcp/test.tool.wait}]\n")
	p := u.Start("run", "flow.yaml")
	u.Appears("calls")
	pids := u.pids()
	if len(pids) != 2 {
		t.Fatalf("started are %v", pids)
	}
	p.Kill()
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return gone(pid) })
	}
}

// TestHealthOfMCPServers: what does not work is not called ok, and what was not checked neither.
func TestHealthOfMCPServers(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	server, err := testServer()
	must(t, err)
	u.withServers(fmt.Sprintf(`    good: {command: %q, env: {NOTES: %q}}
    broken: {command: /nonexistent/prog}
    dead: {url: "http://127.0.0.1:9/mcp"}
`, server, u.Work))
	for _, command := range [][]string{{"provider", "health", "mcp"}, {"provider", "health", "mcp/v1"}, {"provider", "health", "mcp/dead", "mcp/broken", "mcp/good"}} {
		stdout, said := u.Gleitzeit(4, command...)
		for row, want := range map[string]string{"mcp": "ok", "mcp/good": "ok", "mcp/broken": "CONFIGURATION_ERROR", "mcp/dead": "PROVIDER_NOT_AVAILABLE"} {
			found := false
			for line := range strings.Lines(stdout) {
				fields := strings.Fields(line)
				found = found || fields[0] == row && fields[2] == want
			}
			if found == (row == "mcp" && len(command) > 3) {
				t.Errorf("%v: %s should be %s:\n%s", command, row, want, stdout)
			}
		}
		wantLines(t, "standard error", said, `program "/nonexistent/prog" not found`, `the MCP server "dead" at http://127.0.0.1:9/mcp cannot be reached`)
	}
	if stdout, _ := u.Gleitzeit(0, "provider", "health", "mcp/good", "python", "-o", "json"); strings.Contains(stdout, "broken") || !strings.Contains(stdout, `"server": "good"`) {
		t.Errorf("provider health mcp/good prints %s", stdout)
	}
	u.Gleitzeit(4, "provider", "health")
	if _, said := u.Gleitzeit(2, "provider", "health", "mcp/none"); !strings.Contains(said, `unknown provider "mcp/none"`) {
		t.Errorf("of an unknown server it says %s", said)
	}
	stdout, _ := u.Gleitzeit(0, "provider", "list")
	wantLines(t, "provider list", stdout, "mcp/good", "mcp/broken", "mcp/dead", "http://127.0.0.1:9/mcp")
	stdout, _ = u.Gleitzeit(7, "status")
	wantLines(t, "status", stdout, "not checked: good, broken, dead (see `gleitzeit provider health`)")
	stdout, _ = u.Gleitzeit(7, "status", "-o", "json")
	var status struct {
		Providers []struct {
			Name      string
			Unchecked []string
		}
	}
	must(t, json.Unmarshal([]byte(stdout), &status))
	for _, of := range status.Providers {
		if got := strings.Join(of.Unchecked, " "); got != map[string]string{"mcp/v1": "good broken dead"}[of.Name] {
			t.Errorf("unchecked of %s is %q", of.Name, got)
		}
	}
}

// TestTimeoutOfATool: a parameter with that name is the tool's, wherever it is written, and the task has its own.
func TestTimeoutOfATool(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.withTestServer()
	u.File("flow.yaml", `name: Timeouts
inputs: {ms: 500}
defaults: {mcp/test.tool.shell: {parameters: {timeout: 9}}}
tasks:
  - {id: both, method: mcp/test.tool.shell, timeout: 60, parameters: {command: make, timeout: 90000}}
  - {id: zero, method: mcp/test.tool.shell, parameters: {timeout: 0}}
  - {id: inherited, method: mcp/test.tool.shell, parameters: {command: make}}
  - {id: unnamed, method: mcp/tool.shell, parameters: {timeout: "${inputs.ms}"}}
  - {id: object, method: mcp/test.tool.fetch, parameters: {timeout: {read: 5}}}
  - {id: each, method: mcp/test.tool.shell, for_each: [7], parameters: {timeout: "${item}"}}
  - {id: waits, method: mcp/test.tool.wait, timeout: 0.2, parameters: {timeout: 3600}}
`)
	u.Gleitzeit(0, "validate", "--online", "flow.yaml")
	stdout, _ := u.Gleitzeit(5, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	for task, want := range map[string]string{
		"both": `{"command":"make","timeout":90000}`, "zero": `{"timeout":0}`, "inherited": `{"command":"make","timeout":9}`,
		"unnamed": `{"timeout":500}`, "object": `{"timeout":{"read":5}}`,
	} {
		wantFields(t, task, run.task(task).Result, map[string]string{"result": want})
	}
	if got := *run.task("waits").Error.Name; got != "TASK_TIMEOUT" {
		t.Errorf("the task with a timeout of its own ends with %s", got)
	}
	u.File("files/a.txt", "x")
	u.File("template.yaml", "name: Template\nbatch: {files: [files/a.txt]}\ntemplate: {method: mcp/test.tool.shell, command: \"make ${item.name}\", parameters: {timeout: 7}}\n")
	stdout, _ = u.Gleitzeit(0, "run", "template.yaml")
	wantLines(t, "the batch", stdout, `{"command":"make a.txt","timeout":7}`)
	stdout, _ = u.Gleitzeit(0, "call", "mcp/test.tool.shell", "command=x", "timeout=5")
	wantLines(t, "the call", stdout, `{"command":"x","timeout":5}`)

	u.File("wrong.yaml", "name: Wrong\ntasks: [{id: a, method: mcp/test.tool.strict, parameters: {n: 1, timeout: 5}}]\n")
	const hint = "the timeout of the task is `timeout` beside `parameters`"
	_, said := u.Gleitzeit(2, "validate", "--online", "wrong.yaml")
	wantLines(t, "validate", said, `unknown parameter "timeout" of mcp/test.tool.strict; `+hint)
	_, said = u.Gleitzeit(5, "run", "wrong.yaml")
	wantLines(t, "run", said, "additional properties 'timeout' not allowed", "the tool has no argument `timeout`; "+hint)
}

// TestValidateOnlineReportsEverything: servers that are not available once each, and the mistakes about those that are.
func TestValidateOnlineReportsEverything(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	server, err := testServer()
	must(t, err)
	u.withServers(fmt.Sprintf("    test: {command: %q}\n    gone: {command: /nonexistent/prog}\n    dies: {command: sh, args: [-c, 'echo fatal: no luck >&2; exit 1']}\n", server))
	u.File("flow.yaml", `name: Flow
tasks:
  - {id: a, method: mcp/gone.tool.x, parameters: {a: 1}}
  - {id: b, method: mcp/test.tool.launch}
  - {id: c, method: mcp/dies.tool.x}
  - {id: d, method: mcp/gone.tool.y}
  - {id: e, method: mcp/test.tool.strict, parameters: {n: x}}
`)
	_, stderr := u.Gleitzeit(2, "validate", "--online", "flow.yaml")
	wantLines(t, "standard error", stderr, `flow.yaml:3:21: cannot start the MCP server "gone": program "/nonexistent/prog" not found; install it`,
		`flow.yaml:4:21: unknown method "mcp/test.tool.launch"; there are mcp/test.tool.`, `flow.yaml:5:21: the MCP server "dies" did not start: its program exited (exit status 1); its last output: fatal: no luck [method]`,
		`flow.yaml:7:59: parameter "n" of mcp/test.tool.strict must be `)
	if lines := strings.Count(stderr, "\n"); lines != 4 {
		t.Errorf("%d lines:\n%s", lines, stderr)
	}
}
