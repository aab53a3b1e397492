package stories_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// examples are those of the folder examples, with their expected outputs.
var examples = []struct {
	name, workflow string
	tasks          []string // As the file has them: id and method.
	outputs        map[string]string
	result         map[string]string // Of one task: its fields as JSON.
	of             string
	models         int64    // Calls of models; with any, the example needs an Ollama.
	says           string   // What it says when it waits for a person.
	approve        []string // The arguments with which a person answers; nil: it does not wait.
}{
	{
		name: "01-hello", workflow: "Hello",
		tasks:   []string{"sum mcp/tool.add", "greeting mcp/tool.concat", "shout python/execute"},
		outputs: map[string]string{"message": `"HELLO, WORLD! 2 + 3 is 5."`},
		of:      "sum",
		result:  map[string]string{"response": `"5"`, "result": `5`, "calculation": `"2 + 3 = 5"`},
	},
	{
		name: "02-python", workflow: "Python chain",
		tasks: []string{"make python/execute", "check python/execute", "report python/execute"},
		outputs: map[string]string{
			"report": `"6 values arrived unchanged: text, big, small, code, rows, nothing"`,
			"text":   `"Quotes \" and ', a\nnew line, ${not a reference}, <tags> and 🦉"`,
		},
		of:     "check",
		result: map[string]string{"output": `"checked 6 values\n"`, "stderr": `""`, "success": `true`},
	},
	{
		name: "03-mixed", workflow: "Mixed",
		tasks: []string{"count python/execute", "double mcp/tool.multiply", "list mcp/tool.concat", "summary python/execute"},
		outputs: map[string]string{
			"summary":     `"3 words (tea, biscuit, spoon); twice the letters: 30; author: unknown"`,
			"calculation": `"15 * 2 = 30"`,
		},
		of:     "list",
		result: map[string]string{"response": `"tea, biscuit, spoon"`, "joined": `"tea, biscuit, spoon"`, "count": `3`},
	},
	{
		name: "04-llm-chain", workflow: "LLM chain",
		tasks:   []string{"topic llm/chat", "essay llm/chat"},
		outputs: map[string]string{"topic": `"I saw the PINEAPPLE."`, "essay": `"I saw the PINEAPPLE."`},
		of:      "essay",
		result: map[string]string{
			"response": `"I saw the PINEAPPLE."`, "content": `"I saw the PINEAPPLE."`, "role": `"assistant"`, "model": `"llama3.2"`, "done_reason": `"stop"`,
		},
		models: 2,
	},
	{
		name: "05-batch-documents", workflow: "Batch documents",
		tasks: []string{"batch llm/chat"},
		outputs: map[string]string{
			"succeeded": `6`,
			"summaries": `[` + strings.Repeat(`"Hello from the scripted model.",`, 5) + `"Hello from the scripted model."]`,
		},
		of:     "batch",
		result: map[string]string{"total": `6`, "succeeded": `6`, "failed": `0`, "skipped": `0`},
		models: 6,
	},
	{
		name: "06-vision", workflow: "Vision",
		tasks:   []string{"red llm/vision", "green llm/vision", "blue llm/vision"},
		outputs: map[string]string{"red": `"I see red."`, "green": `"I see green."`, "blue": `"I see blue."`},
		of:      "green",
		result:  map[string]string{"response": `"I see green."`, "model": `"llava"`},
		models:  3,
	},
	{
		name: "07-long-document", workflow: "Long document",
		tasks:   []string{"fruit llm/chat", "places python/execute"},
		outputs: map[string]string{"fruit": `"I saw the PINEAPPLE."`, "places": `["## Tuesday, lines 9–19 of diary.md"]`},
		of:      "fruit",
		result:  map[string]string{"response": `"I saw the PINEAPPLE."`, "model": `"llama3.2"`},
		models:  4,
	},
	{
		name: "08-clean-up", workflow: "Clean-up",
		tasks:   []string{"folder python/execute", "words python/execute", "remove python/execute", "note mcp/tool.echo"},
		outputs: map[string]string{"words": `3`},
		of:      "note",
		result:  map[string]string{"response": `"the run is completed: no error"`},
	},
	{
		name: "09-polling", workflow: "Polling",
		tasks:   []string{"begin python/execute", "job python/execute", "report python/execute"},
		outputs: map[string]string{"report": `"the job is done"`},
		of:      "report",
		result:  map[string]string{"result": `"the job is done"`},
	},
	{
		name: "10-steps", workflow: "Steps",
		tasks:   []string{"batch steps", "report python/execute"},
		outputs: map[string]string{"report": `"3 of 3 letters; short: apology.txt"`},
		of:      "batch",
		result:  map[string]string{"total": `3`, "succeeded": `3`, "failed": `0`, "skipped": `0`},
		models:  5,
	},
	{
		name: "11-workflows-within", workflow: "Workflows within",
		tasks: []string{
			"first workflow", "first/count python/execute", "first/judge python/execute", "second workflow", "second/count python/execute", "second/judge python/execute",
			"report python/execute",
		},
		outputs: map[string]string{"report": `"first: 4 words, enough; second: 2 words, too few"`},
		of:      "report",
		result:  map[string]string{"result": `"first: 4 words, enough; second: 2 words, too few"`},
	},
	{
		name: "12-approval", workflow: "Approval",
		tasks:   []string{"draft python/execute", "review human/approve", "offer python/execute"},
		outputs: map[string]string{"offer": `"Dear ACME, we offer it for 240 EUR."`, "price": `240`},
		of:      "review",
		result:  map[string]string{"approved": `true`, "values": `{"price":240}`, "by": `"ann"`},
		says:    "  Send an offer of 250 EUR to ACME?\n",
		approve: []string{"review", "--set", "price=240", "--by", "ann"},
	},
	{
		name: "13-report", workflow: "Report",
		tasks:   []string{"batch llm/chat", "report llm/reduce"},
		outputs: map[string]string{"report": `"I saw the PINEAPPLE."`, "documents": `4`},
		of:      "report",
		result: map[string]string{
			"response": `"I saw the PINEAPPLE."`, "model": `"llama3.2"`, "inputs": `4`, "left_out": `0`, "rounds": `1`, "calls": `1`,
		},
		models: 5,
	},
}

// TestExamplesAsJSON reads the document of every example from `run`, and afterwards from `results` and `status`.
func TestExamplesAsJSON(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs(filepath.Join(root, "examples"))
	must(t, err)
	for _, example := range examples {
		t.Run(example.name, func(t *testing.T) {
			u := newUser(t)
			if example.models > 0 {
				// One call at a time, to a server that nobody else asks: about several images at once, while the machine is
				// busy, a tiny model now and then repeats a token, and Ollama breaks that answer off.
				u.Env = append(u.Env, "OLLAMA_HOST="+ollamatest.StartPrivate(t).URL)
				u.File("../home/gleitzeit/config.yaml", "providers: {ollama: {max_concurrent: 1}}\n")
			}
			before := time.Now()
			p := u.Start("run", filepath.Join(folder, example.name, "flow.yaml"), "-o", "json")
			if example.approve != nil {
				p.Says(example.says)
				u.Gleitzeit(0, append([]string{"approve", "@latest"}, example.approve...)...)
			}
			p.Exits(0)
			stdout := p.Stdout.String()
			run, err := parseRun(stdout)
			must(t, err)
			if *run.Status != "completed" || *run.Workflow != example.workflow || run.Error != nil {
				t.Errorf("status %s, workflow %s, error %v", *run.Status, *run.Workflow, run.Error)
			}
			if run.StartedAt.Before(before.Add(-time.Second)) || run.FinishedAt.After(time.Now().Add(time.Second)) {
				t.Errorf("it started at %s and ended at %s", run.StartedAt, run.FinishedAt)
			}
			if *run.Duration <= 0 || *run.Duration > time.Since(before).Seconds() {
				t.Errorf("it lasted %v s", *run.Duration)
			}
			used := *run.Usage.LLMCalls
			if used != example.models || (*run.Usage.PromptTokens > 0) != (used > 0) || (*run.Usage.TokensUsed > 0) != (used > 0) {
				t.Errorf("%d calls of models with %d and %d tokens, want %d calls", used, *run.Usage.PromptTokens, *run.Usage.TokensUsed, example.models)
			}
			var tasks []string
			for _, task := range run.Tasks {
				tasks = append(tasks, *task.ID+" "+*task.Method)
				if *task.Status != "completed" || *task.Attempts != 1 || task.Result == nil || task.Name != nil {
					t.Errorf("task %s: status %s, %d attempts, result %v, name %v", *task.ID, *task.Status, *task.Attempts, task.Result, task.Name)
				}
			}
			if strings.Join(tasks, ", ") != strings.Join(example.tasks, ", ") {
				t.Errorf("tasks %v, want %v", tasks, example.tasks)
			}
			wantFields(t, "outputs", run.Outputs, example.outputs)
			if len(run.Outputs) != len(example.outputs) {
				t.Errorf("%d outputs, want %d", len(run.Outputs), len(example.outputs))
			}
			wantFields(t, example.of, run.task(example.of).Result, example.result)

			again, _ := u.Gleitzeit(0, "results", "@latest", "-o", "json")
			if again != stdout {
				t.Errorf("results says\n%s\nand run said\n%s", again, stdout)
			}
			status, _ := u.Gleitzeit(0, "status", *run.Run, "-o", "json")
			shown, err := parseRun(status)
			must(t, err)
			if *shown.Run != *run.Run || len(shown.Tasks) != len(run.Tasks) || shown.Tasks[0].Result != nil {
				t.Errorf("status is to show the run without results: %s", status)
			}
		})
	}
}

// TestExamplesAreKnown finds an example that no test runs.
func TestExamplesAreKnown(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(filepath.Join(root, "examples"))
	must(t, err)
	if len(entries) < len(examples) {
		t.Errorf("there are %d examples, and %d are tested", len(entries), len(examples))
	}
	for i, entry := range entries {
		if i >= len(examples) || entry.Name() != examples[i].name {
			t.Errorf("no test runs example %s", entry.Name())
		}
		if !exists(filepath.Join(root, "examples", entry.Name(), "README.md")) {
			t.Errorf("example %s has no README.md", entry.Name())
		}
	}
}
