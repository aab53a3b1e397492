package stories_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/redis/go-redis/v9"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/gleitzeit/gleitzeit/internal/redistest"
)

// canary is a secret with a core that no way of quoting changes.
type canary struct{ before, core, after string }

func (c canary) value() string { return c.before + c.core + c.after }

// canaries are the secrets of a run, by where they are used: a name of `${secrets…}` in capitals, else a variable.
var canaries = map[string]canary{
	"PY":     {`a'"<&`, "7napEEiee4epBQSpb9VGsghw", `\é/+ z`},
	"PEM":    {"-----BEGIN KEY-----\nMIIE", "GfY5PBNaNKNYd7pMCapFTzdb", "\nsecond\n-----END KEY-----\n"},
	"LLM":    {`l<'"&`, "lCSaIFWhNMDoyrCLi25SVRQW", `\ü/+%`},
	"KEY":    {`sk-"<`, "bP0od7fZ7wltnJLXNxGu5sI2", `\/+`},
	"HEAD":   {`he'`, "hLSZcPE0Dso6D0T8vQqyZ1sa", `<&`},
	"TOOL":   {`t"'<`, "zuxcyBMgaWPPyOWF74MguQG3", `>\ö/`},
	"PASS":   {`p'`, "JSr3lpxGut6VkYi3EU5qFWjx", `"&`},
	"TOKEN":  {``, "OlHCsHO4b8gjmbX5BSDbnQXl", `~`},
	"CANARY": {`v'"`, "VTwJBlqY7aAWYDilRDZqbyN5", `<`},
	// These are for nobody: what is started gets none of them.
	"AWS_SECRET_ACCESS_KEY":    {``, "muNwNroWEsgj7qHo90Hzkbac", ``},
	"GITHUB_TOKEN":             {`ghp_`, "CQTLrKdsmvm8XrvjZDw5rEOL", ``},
	"DATABASE_URL":             {`postgres://u:`, "Xy8cFI31JYTgYxlzfPqiiFpY", `@db/`},
	"GLEITZEIT_REDIS_PASSWORD": {``, "g64tPSQql1KQon8iJXSDM0Jv", ``},
	"PYTHONSTARTUP":            {`/`, "4XHOdtsnQL4KTTzrpZBzoUQ9", ``},
	"NODE_OPTIONS":             {``, "N5UbaLOS5OAvP7dxamzpvLJ0", ``},
	"GLEITZEIT_SECRET_OTHER":   {``, "Zx6maUhHTz9SvKRidQZhUsBZ", ``},
}

// forms is Python that makes a list of a text as programs write it.
const forms = `
import base64, json, os, sys, urllib.parse
def forms(s):
    data = s.encode()
    return [s, json.dumps(s), json.dumps(s, ensure_ascii=False), json.dumps(json.dumps(s, ensure_ascii=False)), repr(s), ascii(s), repr(data),
        urllib.parse.quote(s), urllib.parse.quote_plus(s), urllib.parse.quote(s, safe=""), data.hex(),
        base64.b64encode(data).decode(), base64.urlsafe_b64encode(b"user:" + data).decode(), base64.b64encode(b"a" + data + b"?").decode()]
`

// canaryFlow echoes canaries by every means of every protocol. FORMS stands for the function above.
const canaryFlow = `name: Canary
tasks:
  - id: forms
    method: python/execute
    parameters:
      context: {pem: "${secrets.PEM}", variable: "${env.CANARY}"}
      env: {GIVEN: "${secrets.PY}"}
      code: |
        FORMS
        s = ${secrets.PY}
        result = {}
        for name, text in [("py", s), ("pem", context["pem"]), ("variable", context["variable"]), ("env", os.environ["GIVEN"])]:
            for form in forms(text):
                print(form, "1a2b3c4d5e6f")
                sys.stderr.write(form + "\n")
            result[name] = {"forms": forms(text), text: {repr(text): [text]}}
  - {id: file, method: python/execute, parameters: {file: betray.py, context: {secret: "${secrets.PEM}"}}}
  - id: raise
    method: python/execute
    parameters:
      code: |
        FORMS
        raise ValueError("1a2b3c4d5e6f " + "\n".join(forms(${secrets.PY})))
  - {id: syntax, method: python/execute, parameters: {code: "x = ${secrets.PY} ${secrets.PEM}"}}
  - {id: key, method: python/execute, parameters: {code: "result = {(${secrets.PY},): 1}"}}
  - {id: exit, method: python/execute, parameters: {code: "import sys; sys.exit(${secrets.PY})"}}
  - id: late
    method: python/execute
    timeout: 4
    retry: {max_attempts: 2, base_delay: 0.1}
    parameters:
      code: |
        FORMS
        import time
        print("1a2b3c4d5e6f")
        for form in forms(${secrets.PY}):
            for c, d in zip(form + "\n", "\n" + form):
                sys.stdout.write(c)
                sys.stdout.flush()
                sys.stderr.write(d)
                sys.stderr.flush()
            time.sleep(0.05)
        time.sleep(600)
  - id: cuts
    method: python/execute
    for_each: [0, 5, 9, 13, 17, 21, 25, 29, 33, 37, 41, 45, 49, 53, 57, 61, 65, 69, 73]
    parameters:
      code: |
        FORMS
        for i, form in enumerate(forms(${secrets.PY})[:8]):
            if i == ${index} % 8:
                print("x" * (4096 - ${item}) + form + "y" * 100)
                sys.stderr.write("x" * (4096 - ${item}) + form + "y" * 100)
        result = 1
  - id: ends
    method: python/execute
    for_each: [0, 5, 9, 13, 17, 21, 25, 29, 33, 37, 41]
    parameters:
      code: |
        FORMS
        sys.stderr.write(forms(${secrets.PY})[${index} % 6] + "y" * (2048 - ${item}))
        sys.stderr.flush()
        os._exit(3)
  - id: messages
    method: python/execute
    for_each: [60, 68, 76, 84, 92, 100]
    parameters:
      code: |
        FORMS
        raise ValueError("x" * 500 + forms(${secrets.PY})[${index} % 6] + "y" * (8192 - ${item}))
  - {id: keep, method: python/execute, parameters: {code: "open('kept', 'w').write(${secrets.PY} + ${secrets.PEM})\nresult = 1"}}
  - id: kept
    method: python/execute
    dependencies: [keep]
    parameters:
      code: |
        FORMS
        s = open("kept").read()
        print(s)
        result = {s: forms(s)}
  - {id: kept_raise, method: python/execute, dependencies: [keep], parameters: {code: "raise ValueError(open('kept').read() + 'y' * 8050)"}}
  - {id: kept_exit, method: python/execute, dependencies: [keep], parameters: {code: "import os, sys\nsys.stderr.write(open('kept').read() + 'y' * 2020)\nsys.stderr.flush()\nos._exit(3)"}}
  - {id: memory, method: python/execute, dependencies: [forms], parameters: {code: "import sys\nresult = [repr(vars(m)) for m in list(sys.modules.values())]"}}
BOXED
  - {id: log, method: mcp/std.tool.log, parameters: {text: "${secrets.TOOL} 1a2b3c4d5e6f"}}
  - {id: fail, method: mcp/std.tool.fail, continue_on_error: true}
  - {id: environment, method: mcp/std.tool.environment}
  - {id: repeat, method: mcp/std.tool.repeat, dependencies: [log]}
  - {id: refuse, method: mcp/std.tool.refuse, dependencies: [log], continue_on_error: true}
  - {id: reject, method: mcp/std.tool.reject, dependencies: [log], continue_on_error: true}
  - {id: strict, method: mcp/std.tool.strict, parameters: {n: "${secrets.TOOL}"}, continue_on_error: true}
  - {id: die, method: mcp/std.tool.die_plain, dependencies: [log, fail, environment, repeat, refuse, reject, strict], run_if: always, continue_on_error: true, retry: {max_attempts: 1}}
  - {id: again, method: mcp/std.tool.environment, dependencies: [die], run_if: always}
  - {id: web_log, method: mcp/web.tool.log, parameters: {text: "${secrets.TOOL} 1a2b3c4d5e6f"}}
  - {id: web_environment, method: mcp/web.tool.environment}
  - {id: web_repeat, method: mcp/web.tool.repeat, dependencies: [web_log]}
  - {id: web_refuse, method: mcp/web.tool.refuse, dependencies: [web_log], continue_on_error: true}
  - {id: web_reject, method: mcp/web.tool.reject, dependencies: [web_log], continue_on_error: true}
MODELS
  - id: hold
    run_if: always
    dependencies: [HELD]
    method: python/execute
    parameters: {code: "import os, time\nopen('holding', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.02)\nresult = 1"}
outputs: {forms: "${forms.result}", raised: "${raise.error.message}", kept: "${kept.result}", repeat: "${repeat.result}"}
`

// canaryModels are the tasks of one provider, PROVIDER.
const canaryModels = `
  - {id: PROVIDER_echo, method: llm/chat, parameters: {provider: PROVIDER, model: m, prompt: "ECHO ${secrets.LLM}"}}
  - {id: PROVIDER_keep, method: llm/chat, parameters: {provider: PROVIDER, model: m, prompt: "KEEP ${secrets.LLM}"}}
  - {id: PROVIDER_repeat, method: llm/chat, dependencies: [PROVIDER_keep], parameters: {provider: PROVIDER, model: m, prompt: REPEAT}}
  - {id: PROVIDER_break, method: llm/chat, dependencies: [PROVIDER_keep], parameters: {provider: PROVIDER, model: m, prompt: BREAK}, retry: {max_attempts: 1}, continue_on_error: true}
  - {id: PROVIDER_refuse, method: llm/chat, dependencies: [PROVIDER_keep], for_each: [0, 1, 210, 221, 230, 241, 250, 261, 270, 280, 287], parameters: {provider: PROVIDER, model: m, prompt: "REFUSE ${item}"}, retry: {max_attempts: 1}, continue_on_error: true}
  - {id: PROVIDER_schema, method: llm/chat, dependencies: [PROVIDER_keep], parameters: {provider: PROVIDER, model: m, prompt: SCHEMA, schema: {type: object, required: [absent]}}, retry: {max_attempts: 1}, continue_on_error: true}
`

const canaryBoxed = `  - id: boxed
    method: python/execute
    parameters:
      sandbox: bwrap
      code: |
        FORMS
        s = ${secrets.PY}
        print(*forms(s), dict(os.environ))
        raise ValueError("\n".join(forms(s)))`

// newCanaryUser makes a user all of whose secrets are canaries, and the workflow that betrays them. What the user's programs
// start leaves its environment and its command line in "programs".
func newCanaryUser(t *testing.T) *user {
	t.Helper()
	u := newUser(t)
	must(t, os.MkdirAll(u.Path("programs"), 0o755))
	must(t, os.MkdirAll(filepath.Join(filepath.Dir(u.Home), "tmp"), 0o700))
	u.Env = append(u.Env, "TMPDIR="+filepath.Join(filepath.Dir(u.Home), "tmp"), "GLEITZEIT_LOG_LEVEL=debug")
	for name, c := range canaries {
		variable := name
		if regexp.MustCompile(`^[A-Z]{2,5}$`).MatchString(name) {
			variable = "GLEITZEIT_SECRET_" + name
		}
		u.Env = append(u.Env, variable+"="+c.value())
	}
	server, err := testServer()
	must(t, err)
	boxed := ""
	programs := map[string]string{"python3": "python3", "server": server}
	if _, err := exec.LookPath("bwrap"); err == nil {
		boxed, programs["bwrap"] = canaryBoxed, "bwrap"
	}
	for name, of := range programs {
		path, err := exec.LookPath(of)
		must(t, err)
		if name == "python3" && exists("/usr/bin/python3") {
			path = "/usr/bin/python3" // A sandbox shows no other folder than that of the script on PATH.
		}
		u.File("bin/"+name, fmt.Sprintf("#!/bin/sh\ncat /proc/$$/environ /proc/$$/cmdline > '%s'.$$\nexec '%s' \"$@\"\n", u.Path("programs/"+name), path))
		must(t, os.Chmod(u.Path("bin/"+name), 0o755))
	}
	u.Env = append(u.Env, "PATH="+u.Path("bin")+":"+os.Getenv("PATH"))

	web := exec.Command(server, "-http", "127.0.0.1:0")
	web.Env = append(os.Environ(), "NOTES="+u.Work, "TOKEN="+canaries["TOKEN"].value())
	begin(t, web)
	models := newParrot(t)
	write(t, filepath.Join(u.Home, "config.yaml"), fmt.Sprintf(`providers:
  openai: {url: "%s/v1", api_key: "${secrets.KEY}"}
  ollama: {url: "%s", headers: {X-Token: "Bearer ${secrets.HEAD}"}}
python: {limits: {output: 4KiB}}
mcp:
  servers:
    std: {command: %q, env: {PASSWORD: "${secrets.PASS}", NOTES: %q}}
    web: {url: %q, headers: {Authorization: "Bearer ${secrets.TOKEN}"}}
`, models.URL, models.URL, u.Path("bin/server"), u.Work, strings.TrimSpace(hasLine(t, u.Path("address")))))

	u.File("betray.py", forms+"print(*forms(context['secret']), '1a2b3c4d5e6f')\nresult = forms(context['secret'])\nraise KeyError(context['secret'])\n")
	flow := strings.NewReplacer(
		"BOXED", boxed, "MODELS", strings.ReplaceAll(canaryModels, "PROVIDER", "openai")+strings.ReplaceAll(canaryModels, "PROVIDER", "ollama"),
	).Replace(canaryFlow)
	flow = strings.ReplaceAll(flow, "        FORMS\n", strings.ReplaceAll(strings.TrimSpace(forms), "\n", "\n        ")+"\n")
	flow = strings.ReplaceAll(flow, "code: |\nimport", "code: |\n        import")
	flow = strings.ReplaceAll(flow, ", method: python/execute", ", continue_on_error: true, method: python/execute")
	flow = strings.ReplaceAll(flow, "    method: python/execute", "    continue_on_error: true\n    method: python/execute")
	ids := regexp.MustCompile(`(?m)^  - (?:\{)?id: (\w+)`).FindAllStringSubmatch(flow, -1)
	held := make([]string, 0, len(ids))
	for _, id := range ids[:len(ids)-1] {
		held = append(held, id[1])
	}
	u.File("flow.yaml", strings.Replace(flow, "HELD", strings.Join(held, ", "), 1))
	u.Gleitzeit(0, "validate", "flow.yaml")
	return u
}

// TestNoCanaryGetsOut: whatever scripts, tools and servers do with a secret, no part of it is in a file of the home, a store,
// a log, an output, an answer of an API, or the process list; with each command that executes runs, in the midst of the run and
// after it.
func TestNoCanaryGetsOut(t *testing.T) {
	t.Parallel()
	cores := map[string]string{}
	for name, c := range canaries {
		cores[name] = c.core
	}
	for name, execute := range map[string]func(t *testing.T, u *user, s *canarySearch){
		"run": func(t *testing.T, u *user, s *canarySearch) {
			for _, format := range []string{"text", "jsonl"} {
				p := u.Start("run", "flow.yaml", "--stream", "-o", format)
				u.Appears("holding")
				s.live(u, p)
				if format == "text" {
					p.Kill() // What the databases have not put in order yet lies beside them.
					must(t, os.Remove(u.Path("holding")))
				} else {
					u.File("go", "")
					p.Wait()
				}
				s.in("standard output of run", p.Stdout.String())
				s.in("standard error of run", p.Stderr.String())
			}
		},
		"server": func(t *testing.T, u *user, s *canarySearch) {
			server := u.serveUI()
			p := u.Start("submit", "flow.yaml", "--wait", "-o", "json")
			u.Appears("holding")
			s.live(u, server.process)
			u.File("go", "")
			p.Wait()
			s.in("standard output of submit", p.Stdout.String())
			s.in("standard error of submit", p.Stderr.String())
			run, err := parseRun(p.Stdout.String())
			must(t, err)
			s.in("the Web UI", u.page(t, server, "/api/v1/namespaces/default/workflows/"+url.PathEscape(*run.Run)+"/history"))
			s.in("MCP", u.asked(t, "run_results", map[string]any{"run": *run.Run}))
			s.in("MCP", u.asked(t, "follow_run", map[string]any{"run": *run.Run}))
			s.in("MCP", u.asked(t, "list_runs", map[string]any{}))
			s.in("standard output of server", server.Stdout.String())
			s.in("standard error of server", server.Stderr.String())
			s.wantControls("the Web UI", "MCP")
		},
		"worker and Redis": func(t *testing.T, u *user, s *canarySearch) {
			store := redistest.Start(t, "--requirepass", canaries["GLEITZEIT_REDIS_PASSWORD"].value())
			u.Env = append(u.Env, "GLEITZEIT_PERSISTENCE_BACKEND=redis", "GLEITZEIT_REDIS_URL="+store.URL("", 0))
			server := u.serves("--no-ui", "--queue", "another")
			worker := u.works()
			p := u.Start("submit", "flow.yaml", "--wait", "-o", "jsonl")
			u.Appears("holding")
			s.live(u, worker)
			u.File("go", "")
			p.Wait()
			for what, of := range map[string]*process{"submit": p, "worker": worker, "server": server} {
				s.in("standard output of "+what, of.Stdout.String())
				s.in("standard error of "+what, of.Stderr.String())
			}
			s.redis(store.Address)
			s.wantControls("Redis")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, s := newCanaryUser(t), newCanarySearch(t, cores)
			execute(t, u, s)
			for _, command := range []string{
				"results @latest", "results @latest -o json", "results @latest forms", "results @latest raise", "results @latest late", "results @latest late -o json", "results @latest ends", "results @latest boxed", "status @latest", "status @latest -o json", "status",
				"list -o jsonl", "graph @latest", "config", "config env", "provider health", "provider health -o json", "call mcp/std.tool.fail",
				"call mcp/std.tool.environment -o json", "compile flow.yaml",
			} {
				p := u.Start(strings.Fields(command)...)
				p.Wait()
				s.in(command, p.Stdout.String()+p.Stderr.String())
			}
			s.wantControls("results @latest", "results @latest -o json", "results @latest late", "results @latest late -o json")
			s.wantStatuses(u)
			s.started(u)
			s.folder(filepath.Dir(u.Home))
			if exists(filepath.Join(u.Home, "results.db")) {
				for _, value := range storedValues(t, u) {
					s.in("the result store", string(value))
				}
				s.wantControls("the result store")
			}
			s.wantControls("the history, as clients read it")
		})
	}
}

// wantStatuses wants that each task did what it is there for, and shows the names of the secrets instead of them.
func (s *canarySearch) wantStatuses(u *user) {
	s.t.Helper()
	stdout, _ := u.Gleitzeit(0, "results", "@latest", "-o", "json")
	run, err := parseRun(stdout)
	must(s.t, err)
	failed := []string{"late", "file", "raise", "syntax", "key", "exit", "ends", "messages", "kept_raise", "kept_exit", "fail", "refuse", "reject", "strict", "die",
		"web_refuse", "web_reject", "boxed", "openai_break", "openai_refuse", "openai_schema", "ollama_break", "ollama_refuse", "ollama_schema"}
	for _, task := range run.Tasks {
		want, shown := "completed", jsonOf(s.t, task.Result)
		if slices.Contains(failed, *task.ID) {
			want = "failed"
		}
		if *task.Status != want {
			s.t.Errorf("%s is %s, want %s: %s", *task.ID, *task.Status, want, jsonOf(s.t, task.Error))
		}
		if task.Error != nil {
			shown += *task.Error.Message
		}
		label := map[string]string{
			"forms": "[secrets.PY]", "file": "[secrets.PEM]", "raise": "[secrets.PY]", "kept": "[secrets.PY]", "kept_raise": "ValueError", "log": "", "repeat": "[secrets.TOOL]",
			"refuse": "[secrets.TOOL]", "reject": "[secrets.TOOL]", "fail": "[secrets.PASS]", "environment": "[secrets.PASS]", "die": "[secrets.TOOL]", "web_repeat": "[secrets.TOOL]",
			"web_refuse": "[secrets.TOOL]", "openai_echo": "[secrets.LLM]", "ollama_echo": "[secrets.LLM]", "openai_repeat": "[secrets.KEY]", "ollama_repeat": "[secrets.HEAD]",
			"openai_break": "[secrets.LLM]", "ollama_break": "[secrets.LLM]", "boxed": "[secrets.PY]",
		}[*task.ID]
		if !strings.Contains(shown, label) {
			s.t.Errorf("%s shows no %s: %s", *task.ID, label, shown)
		}
	}
}

// live looks at a run in its midst: at what is started, and at the history as a client of Temporal reads it.
func (s *canarySearch) live(u *user, p *process) {
	s.t.Helper()
	for _, pid := range descendants(s.t, p.Command.Process.Pid) {
		words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue // It has ended.
		}
		s.in("a command line", string(words))
		s.guarded = s.guarded || strings.Contains(string(words), "kill -KILL 0")
		variables, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && pid != p.Command.Process.Pid {
			s.environment(string(words), string(variables))
		}
	}
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{DisableFile: true, EnvLookup: u.environmentOf()})
	must(s.t, err)
	options.Logger = silent{}
	c, err := client.DialContext(context.Background(), options)
	must(s.t, err)
	defer c.Close()
	run := strings.TrimSpace(must2(u.Gleitzeit(0, "list", "--limit", "1", "-o", "jsonl")))
	id := between(run, `"run":"`, `"`)
	events := c.GetWorkflowHistory(s.t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		must(s.t, err)
		text, err := prototext.MarshalOptions{}.Marshal(event)
		must(s.t, err)
		s.in("the history, as clients read it", string(text))
	}
	described, err := c.DescribeWorkflowExecution(s.t.Context(), id, "")
	must(s.t, err)
	s.in("the description of the workflow", prototext.Format(described))
}

// silent drops the log of a client.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// childVariables are those that a program may have that is started: those of child.Environment and of interpreters, and, for a
// server of MCP, those that it needs and that its settings name.
var childVariables = regexp.MustCompile(`^(PATH|HOME|LANG|TZ|LC_[A-Z]+|PYTHONUTF8|PYTHONIOENCODING|PWD|USER|LOGNAME|SHELL|TERM|TMPDIR|PASSWORD|NOTES)$`)

// environment looks at the variables of a program.
func (s *canarySearch) environment(program, variables string) {
	s.t.Helper()
	for entry := range strings.SplitSeq(strings.Trim(variables, "\x00"), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		if !childVariables.MatchString(name) {
			s.t.Errorf("%q has the variable %s", program, name)
		}
		if name != "PASSWORD" { // The server gets it on purpose.
			s.in("the environment of a program", value)
		}
	}
}

// started looks at every program that was started, however short it lived.
func (s *canarySearch) started(u *user) {
	s.t.Helper()
	seen := map[string]bool{}
	files, err := filepath.Glob(u.Path("programs/*"))
	must(s.t, err)
	for _, file := range files {
		text := read(s.t, file)
		at := strings.Index(text, "\x00/bin/sh\x00")
		if at < 0 {
			s.t.Fatalf("%s has no command line: %q", file, text)
		}
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		seen[name] = true
		s.environment(name, text[:at])
		s.in("a command line", text[at:])
	}
	if !s.guarded {
		s.t.Error("no guard of an MCP server was seen")
	}
	if _, err := os.Stat(u.Path("bin/bwrap")); len(seen) < 2 || err == nil && !seen["bwrap"] {
		s.t.Errorf("only %v were started", seen)
	}
}

// redis looks at every key of a server.
func (s *canarySearch) redis(address string) {
	s.t.Helper()
	ctx := s.t.Context()
	c := redis.NewClient(&redis.Options{Addr: address, Password: canaries["GLEITZEIT_REDIS_PASSWORD"].value()})
	defer func() { must(s.t, c.Close()) }()
	keys, err := c.Keys(ctx, "*").Result()
	must(s.t, err)
	for _, key := range keys {
		s.in("a key of Redis", key)
		kind, err := c.Type(ctx, key).Result()
		must(s.t, err)
		var all any
		switch kind {
		case "string":
			all, err = c.Get(ctx, key).Result()
		case "hash":
			all, err = c.HGetAll(ctx, key).Result()
		case "list":
			all, err = c.LRange(ctx, key, 0, -1).Result()
		case "set":
			all, err = c.SMembers(ctx, key).Result()
		case "zset":
			all, err = c.ZRange(ctx, key, 0, -1).Result()
		default:
			s.t.Errorf("%s is a %s, which this test does not know", key, kind)
		}
		must(s.t, err)
		s.in("Redis", fmt.Sprint(all))
	}
}

// page returns an answer of the API of the Web UI.
func (u *user) page(t *testing.T, server *uiServer, path string) string {
	t.Helper()
	answer, err := browserOf(t, server).Get(server.base + path)
	must(t, err)
	defer answer.Body.Close()
	var text strings.Builder
	must(t, answer.Write(&text))
	return text.String()
}

// asked returns what `gleitzeit mcp serve` answers to a call of a tool.
func (u *user) asked(t *testing.T, tool string, arguments map[string]any) string {
	t.Helper()
	command := exec.Command(program(t), "mcp", "serve")
	command.Dir, command.Env = u.Work, u.Environment()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &mcp.CommandTransport{Command: command}, nil)
	must(t, err)
	defer func() { must(t, session.Close()) }()
	answer, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	must(t, err)
	return jsonOf(t, answer)
}
