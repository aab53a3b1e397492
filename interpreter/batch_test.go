package interpreter_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

func compileBatch(t *testing.T, b interpreter.Batch) (*plan.Plan, string) {
	t.Helper()
	p, found := interpreter.Compile(interpreter.Input{
		File: "batch", Text: b.Text(), Folder: "/start", FlowFolder: "/start", Specs: specs(),
		Files: fstest.MapFS{"start/docs/a.txt": {}, "start/od$${d": {}, "start/od${d: [x]\"'\n/b.txt": {}, "far/c.txt": {}},
	})
	return p, listed(found)
}

func TestABatchOfTheCommandLineIsTheSameAsInYAML(t *testing.T) {
	typed, errs := compileBatch(t, interpreter.Batch{
		Directory: "docs", Pattern: "**/*.txt", Exclude: []string{"draft*"}, Prompt: "Summarize ${item.name}: {\"a\": \"#\"}\n- x", Model: "llama3.2", MaxConcurrent: 4,
	})
	if typed == nil {
		t.Fatal(errs)
	}
	written, found := interpreter.Compile(interpreter.Input{
		File: "flow.yaml", Folder: "/start", FlowFolder: "/start", Specs: specs(), Files: fstest.MapFS{"start/docs/a.txt": {}},
		Text: []byte(`
name: Batch docs
type: batch
batch:
  directory: docs
  pattern: "**/*.txt"
  exclude: ["draft*"]
  max_concurrent: 4
template:
  method: llm/chat
  prompt: "Summarize ${item.name}: {\"a\": \"#\"}\n- x"
  model: llama3.2
`),
	})
	if written == nil {
		t.Fatal(listed(found))
	}
	if got, want := string(shown(t, typed)), string(shown(t, written)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatIsTypedNeverBecomesSyntax(t *testing.T) {
	odd := "od${d: [x]\"'\n"
	p, errs := compileBatch(t, interpreter.Batch{Files: []string{odd, "/far/c.txt", odd + "/b.txt"}, Prompt: "Which colour?", Vision: true})
	if p == nil {
		t.Fatal(errs)
	}
	task := p.Tasks[0]
	if task.Method != "llm/vision" || strings.Join(task.FanOut.Files, "|") != "od$${d: [x]\"'\n|/far/c.txt|od$${d: [x]\"'\n/b.txt" || len(task.FanOut.Uses) > 0 || strings.Join(task.FanOut.Reads, " ") != "/far/c.txt" {
		data, err := json.Marshal(p)
		t.Errorf("%s, %v", data, err)
	}
	if p.Name != "Batch of 3 paths" {
		t.Error(p.Name)
	}
}

func TestErrorsOfATypedBatch(t *testing.T) {
	_, errs := compileBatch(t, interpreter.Batch{Directory: "nowhere", Pattern: "[", Prompt: "${it.name}", MaxConcurrent: 2})
	for _, want := range []string{`directory "nowhere" does not exist`, `pattern "[" is not a valid pattern`, `${it.name} refers to "it"`} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in\n%s", want, errs)
		}
	}
}
