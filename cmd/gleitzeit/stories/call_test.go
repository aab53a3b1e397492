package stories_test

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

func TestCall(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for _, test := range []struct {
		code         int
		args, stdout string
		stderr       string
	}{
		{0, "mcp/tool.add a=2 b=3", "5\n", ""},
		{0, "mcp/tool.echo message=12", "12\n", ""},
		{0, `mcp/tool.concat strings=["a","b"] separator=-`, "a-b\n", ""},
		{0, `python/execute code=result=context["n"] context={"n":12345678901234567890}`, "12345678901234567890\n", ""},
		{0, "python/execute file=half.py context={\"of\":5}", "2.5\n", ""},
		{2, "mcp/tool.add a=2", "", "gleitzeit: required parameter \"b\" of mcp/tool.add is missing\n"},
		{2, "mcp/tool.add a=x b=3", "", "gleitzeit: parameter \"a\" of mcp/tool.add must be a number, not \"x\"\n"},
		{2, "mcp/tool.ad a=2", "", "gleitzeit: unknown method \"mcp/tool.ad\"; did you mean \"mcp/tool.add\"?\n"},
		{2, "mcp/tool.add a", "", "gleitzeit: \"a\": expected NAME=VALUE; `gleitzeit methods mcp/tool.add` lists the names\n"},
		{2, "python/execute file=none.py", "", "gleitzeit: file \"none.py\" does not exist: "},
		{0, "python/execute function=math.sqrt args=[16]", "4.0\n", ""},
		{0, `python/register name=twice module=operator function=add -o jsonl`, "", ""},
		{0, `python/execute function=twice args=["a","b"]`, "ab\n", ""},
		{5, "python/execute function=os.system args=[\"true\"]", "", "gleitzeit: unknown function \"os.system\"\n"},
		{2, "python/execute code=1 args=[1]", "", "gleitzeit: the parameters of python/execute must have \"function\" if \"args\" is given\n"},
		{2, "python/register name=a/b code=1", "", "gleitzeit: parameter \"name\" of python/register must match "},
		{5, "python/execute code=1 requirements=[\"no_such_module\"]", "", "gleitzeit: the module no_such_module, which the task requires, is not installed for "},
		{5, "python/execute code=1/0", "", "ZeroDivisionError: division by zero\n"},
		{5, "python/execute code=while(True):pass timeout=1", "", "gleitzeit: timed out after 1s\n"},
	} {
		u.File("half.py", "result = context['of'] / 2\n")
		stdout, said := u.Gleitzeit(test.code, append([]string{"call"}, strings.Fields(test.args)...)...)
		if strings.Contains(test.args, "-o jsonl") {
			wantLines(t, "call "+test.args, stdout, `"name":"twice","kind":"module","module":"operator"`, `"signature":"(a, b, /)"`)
			continue
		}
		if stdout != test.stdout || !strings.Contains(said, test.stderr) || test.stderr == "" && said != "" {
			t.Errorf("call %s prints %q and says %s", test.args, stdout, said)
		}
	}
	large := strings.Repeat("x", 100_000)
	if stdout, _ := u.Gleitzeit(0, "task", "submit", "mcp/tool.echo", "message="+large); stdout != large+"\n" {
		t.Errorf("a large result has %d bytes", len(stdout))
	}
	shown, _ := u.Gleitzeit(0, "call", "mcp/tool.multiply", "a=3", "b=4", "-o", "jsonl")
	wantLines(t, "call -o jsonl", shown, `"calculation":"3 * 4 = 12"`)

	p := u.Start("call", "python/execute", "code=import time; open('begun', 'w').close(); time.sleep(600)")
	u.Appears("begun")
	p.Signal(syscall.SIGINT)
	p.Exits(130)
	wantLines(t, "call", p.Stderr.String(), "cancelling the call; press Ctrl-C again to quit immediately\n", "gleitzeit: it was cancelled while it ran\n")
	if listed, _ := u.Gleitzeit(0, "list"); strings.Count(listed, "\n") != 1 {
		t.Errorf("calls are listed as runs:\n%s", listed)
	}
}

// TestCallOfALongName: Temporal limits the name that its Web UI shows a call under.
func TestCallOfALongName(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	server, err := testServer()
	must(t, err)
	for _, letters := range []string{strings.Repeat("n", 380), strings.Repeat("ü", 120)} {
		u.withServers(fmt.Sprintf("    test: {command: %q, args: [-extra, %q]}\n", server, letters))
		if stdout, said := u.Gleitzeit(0, "call", "mcp/test.tool."+letters); stdout != "done\n" {
			t.Errorf("call prints %q and says %s", stdout, said)
		}
	}
}

// TestCallOfAToolOfAServer: the schema that only the server has says which values are text, and the server is started once.
func TestCallOfAToolOfAServer(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.withTestServer()
	for i, call := range []string{"mcp/test.tool.log text=5", "mcp/test.tool.log text=true", `mcp/test.tool.log text=["a"]`, "mcp/test.tool.strict n=5"} {
		u.Gleitzeit(0, append([]string{"call"}, strings.Fields(call)...)...)
		if started := strings.Count(read(t, u.Path("started")), "\n"); started != i+1 {
			t.Errorf("call %s: the servers of %d calls were started %d times", call, i+1, started)
		}
	}
	_, said := u.Gleitzeit(5, "call", "mcp/test.tool.strict", "n=x")
	wantLines(t, "call", said, "parameters.n: got string, want ")
}

// TestCallReadsStandardInput: as the prompt, and after it.
func TestCallReadsStandardInput(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	for _, line := range []string{"call llm/chat prompt=-", "call llm/chat prompt=Summarize --stdin", "task submit llm/chat --stdin"} {
		for letter, want := range map[string]string{"a PINEAPPLE\n": "I saw the PINEAPPLE.\n", "a pear\n": "Hello from the scripted model.\n"} {
			command := exec.Command(program(t), strings.Fields(line)...)
			command.Dir, command.Env, command.Stdin = u.Work, u.Environment(), strings.NewReader(letter)
			if output, err := command.CombinedOutput(); err != nil || string(output) != want {
				t.Errorf("%s < %q printed %q, %v", line, letter, output, err)
			}
		}
	}
}

// TestStandardInputIsLiteral: what is piped into a call is no template, so that nobody who wrote the text gets a secret.
func TestStandardInputIsLiteral(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	const hello, pineapple = "Hello from the scripted model.\n", "I saw the PINEAPPLE.\n"
	for _, test := range []struct{ line, text, want string }{
		{"prompt=-", "${secrets.FRUIT} ${env.FRUIT}", hello},
		{"prompt=x --stdin", "${secrets.FRUIT} $${secrets.FRUIT} ${env.FRUIT}", hello},
		{"--stdin", "${secrets.FRUIT}", hello},
		{"prompt=x --stdin", "echo ${HOME%/*} ${", hello},
		{"prompt=${env.FRUIT} --stdin", "no fruit", "I saw the [env.FRUIT].\n"}, // The argument is whose command it is.
		{"prompt=-", `"a PINEAPPLE"`, pineapple},
	} {
		command := exec.Command(program(t), append([]string{"call", "llm/chat"}, strings.Fields(test.line)...)...)
		command.Dir, command.Env = u.Work, u.Environment("GLEITZEIT_SECRET_FRUIT=PINEAPPLE", "FRUIT=PINEAPPLE")
		command.Stdin = strings.NewReader(test.text)
		if output, err := command.CombinedOutput(); err != nil || string(output) != test.want {
			t.Errorf("call llm/chat %s < %q printed %q, %v", test.line, test.text, output, err)
		}
	}
}
