package stories_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

// An examplePlace is where the examples of some commands are typed, one after the other.
type examplePlace struct {
	name     string
	commands []string                                // In the order in which they are typed.
	prepare  func(*user) (replace *strings.Replacer) // What the examples take for granted. It may say what is another there, such as a port.
	before   map[string]func(*user)                  // What one example takes for granted, done before it.
	until    map[string]string                       // What those say that do not end, and are then interrupted.
	codes    map[string]exampleCode                  // Of examples that do not end with 0.
}

type exampleCode struct {
	code int
	why  string
}

// Commands that are not here, or have no examples in their place, fail the test.
var examplePlaces = []examplePlace{
	{
		name: "a folder",
		commands: []string{
			"init", "validate", "compile", "graph", "schema", "methods", "call", "exec", "documents read", "provider list", "provider health",
			"secrets list", "config", "config path", "config set", "completion", "version", "doctor", "mcp serve",
		},
		prepare: func(u *user) *strings.Replacer {
			u.File("flow.yaml", exampleFlow)
			u.File("flows/one.yaml", exampleFlow)
			u.File("letter.txt", "Dear Mr Miller, the lid of the teapot is broken.\n")
			u.File("count.py", "result = len(open(context['name']).read().split())\n")
			u.copies("pdf/rotated.pdf", "report.pdf")
			u.copies("docx/minutes.docx", "minutes.docx")
			return strings.NewReplacer("--http 8090", "--http 0")
		},
		before: map[string]func(*user){
			"gleitzeit graph @latest --as mermaid": func(u *user) { u.Gleitzeit(0, "run", "flow.yaml") },
		},
		until: map[string]string{"gleitzeit mcp serve --http 8090": "http://127.0.0.1:"},
	},
	{
		name: "a run",
		commands: []string{
			"run", "list", "status", "results", "task list", "logs", "report", "backend stats", "retry", "prune", "backup", "restore",
		},
		prepare: func(u *user) *strings.Replacer {
			u.File("flow.yaml", exampleFlow)
			return nil
		},
		codes: map[string]exampleCode{"gleitzeit status": {7, "no engine runs, as the code says"}},
		before: map[string]func(*user){
			"gleitzeit logs @latest summary --attempt 2": func(u *user) {
				must(u.T, os.Remove(u.Path("tried")))
				u.Gleitzeit(0, "run", "flow.yaml")
			},
			"gleitzeit logs @latest batch --item 17 -o jsonl": func(u *user) {
				u.documents()
				u.File("docs/17.pdf", "This is no PDF.")
				u.Gleitzeit(6, "batch", "docs", "--prompt", "Summarize this document")
			},
			"gleitzeit retry @latest --items '*.pdf'": func(u *user) { u.copies("pdf/letter.pdf", "docs/17.pdf") },
		},
	},
	{
		name:     "a batch",
		commands: []string{"batch", "batch list", "batch show", "batch export", "batch resume"},
		prepare: func(u *user) *strings.Replacer {
			u.documents()
			u.File("questions.csv", "id,question\n1,How old are you?\n2,What is a teapot?\n")
			u.File("requests.jsonl", chatLine("one", hello))
			server := u.serveAPI()
			return strings.NewReplacer("http://127.0.0.1:8235/v1", server.url)
		},
	},
	{
		name: "a server",
		commands: []string{
			"submit", "watch", "status", "approve", "cancel", "open", "schedule create", "schedule list", "schedule pause", "schedule resume", "schedule trigger",
			"schedule delete", "config env", "worker",
		},
		prepare: func(u *user) *strings.Replacer {
			u.serveUI()
			u.File("flow.yaml", exampleFlow)
			u.File("report.yaml", "name: report\n"+approvalTasks)
			u.File("poll.yaml", "name: poll\n"+approvalTasks)
			u.Env = append(u.Env, "BROWSER=true")
			// Temporal's own program is not here: what it is given is.
			return strings.NewReplacer("&& temporal workflow list", `&& test -n "$TEMPORAL_ADDRESS"`)
		},
		before: map[string]func(*user){
			"gleitzeit approve @latest review":                                                 (*user).asksForApproval,
			"gleitzeit approve @latest review --set amount=250 --set note=\"up to the limit\"": (*user).asksForApproval,
			"gleitzeit approve @latest review --reject \"the total is wrong\"":                 (*user).asksForApproval,
			"gleitzeit cancel @latest":                                                         (*user).asksForApproval,
		},
		until: map[string]string{
			"gleitzeit worker":                       "worker ready: queue ",
			"gleitzeit worker --queue gpu --slots 2": "worker ready: queue ",
		},
	},
	{
		name:     "no server yet",
		commands: []string{"server"},
		prepare: func(u *user) *strings.Replacer {
			// The port of every machine may be in use on that of a test.
			return strings.NewReplacer("--batch-api", "--batch-api --batch-api-port 0")
		},
		until: map[string]string{
			"gleitzeit server": "Ctrl-C stops it", "gleitzeit server --no-ui --slots 20": "Ctrl-C stops it", "gleitzeit server --batch-api": "Ctrl-C stops it",
		},
	},
}

// exampleFlow needs two attempts the first time.
const exampleFlow = `name: Flow
tags: [nightly]
inputs: {topic: coffee}
tasks:
  - {id: draft, method: llm/chat, parameters: {prompt: "Tell me of ${inputs.topic}."}}
  - id: summary
    method: python/execute
    dependencies: [draft]
    retry: {max_attempts: 2, base_delay: 0.1}
    parameters:
      code: |
        import os
        tried = os.path.exists("tried")
        open("tried", "w").close()
        if not tried: raise ValueError("the first attempt fails")
        result = "done"
`

const approvalTasks = `tasks:
  - id: review
    method: human/approve
    parameters:
      message: "Send it?"
      schema: {type: object, properties: {amount: {type: integer}, note: {type: string}}}
`

// TestHelpExamples types every example of every command in a shell, where what it names is there.
func TestHelpExamples(t *testing.T) {
	require.Long(t, "it types all examples")
	t.Parallel()
	examples, placed := map[string][]string{}, map[string]bool{}
	commands := newUser(t).commands()
	for name, c := range commands {
		if found := commands.examples(name); len(found) > 0 && c.aliasOf == "" {
			examples[name] = found
		}
	}
	for _, place := range examplePlaces {
		for _, command := range place.commands {
			placed[command] = true
			if len(examples[command]) == 0 {
				t.Errorf("gleitzeit %s has no examples", command)
			}
		}
		t.Run(place.name, func(t *testing.T) {
			t.Parallel()
			place.typed(t, examples)
		})
	}
	for command := range examples {
		if !placed[command] {
			t.Errorf("the examples of gleitzeit %s are typed nowhere: add it to examplePlaces", command)
		}
	}
}

// examplesOf returns the examples of a help text, each in one line.
func examplesOf(help string) (examples []string) {
	for line := range strings.Lines(strings.ReplaceAll(between(help, "\nExamples:\n", "\n\n"), " \\\n", " ")) {
		examples = append(examples, strings.Join(strings.Fields(line), " "))
	}
	return examples
}

// typed types the examples of its commands.
func (place examplePlace) typed(t *testing.T, examples map[string][]string) {
	u := withOllama(t, ollamatest.Start(t))
	replace := place.prepare(u)
	if replace == nil {
		replace = strings.NewReplacer()
	}
	seen := map[string]bool{}
	for _, command := range place.commands {
		for _, example := range examples[command] {
			seen[example] = true
			if before := place.before[example]; before != nil {
				before(u)
			}
			u.typesExample(replace.Replace(example), place.until[example], place.codes[example])
		}
	}
	for example := range place.before {
		if !seen[example] {
			t.Errorf("%q is no example any more", example)
		}
	}
	for example := range place.until {
		if !seen[example] {
			t.Errorf("%q is no example any more", example)
		}
	}
	for example := range place.codes {
		if !seen[example] {
			t.Errorf("%q is no example any more", example)
		}
	}
}

// typesExample types a line in a shell, and interrupts what does not end where it has said that it is ready.
func (u *user) typesExample(line, until string, want exampleCode) {
	u.T.Helper()
	if until != "" {
		line = "exec " + line // The interrupt is for the program, not for its shell.
	}
	command := exec.Command("bash", "-c", line)
	command.Dir = u.Work
	command.Env = u.Environment("PATH=" + filepath.Dir(program(u.T)) + string(filepath.ListSeparator) + os.Getenv("PATH"))
	p := begin(u.T, command)
	if until != "" {
		eventually(u.T, fmt.Sprintf("%q says %q", line, until), func() bool {
			said := p.Stdout.String() + p.Stderr.String()
			return strings.Contains(said, until) || !p.Running()
		})
		p.Signal(syscall.SIGINT)
	}
	if got := p.Wait(); got != want.code {
		u.T.Errorf("$ %s\nexit code %d, want %d %s\n%s%s", line, got, want.code, want.why, p.Stdout, p.Stderr)
	}
}

// copies puts a document of the tests into the folder to work in.
func (u *user) copies(from, to string) {
	u.T.Helper()
	u.File(to, read(u.T, filepath.Join(root, "internal", "documents", "testdata", from)))
}

// documents makes a folder of eighteen of them.
func (u *user) documents() {
	u.T.Helper()
	for i := range 18 {
		u.File(fmt.Sprintf("docs/%02d.txt", i), fmt.Sprintf("Letter %d: the lid of the teapot is broken.\n", i))
	}
}

// asksForApproval submits a run that waits for an answer.
func (u *user) asksForApproval() {
	u.T.Helper()
	u.Gleitzeit(0, "submit", "report.yaml")
	eventually(u.T, "the run waits for an answer", func() bool {
		said, _ := u.Gleitzeit(0, "status", "@latest")
		return strings.Contains(said, "waiting for an approval")
	})
}
