package interpreter_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

func compileBatch(t *testing.T, b interpreter.Batch) (*plan.Plan, string) {
	t.Helper()
	p, found := interpreter.Compile(interpreter.Input{
		File: "batch", Text: b.Text(), Folder: "/start", FlowFolder: "/start", Specs: specs(),
		Files: batchFiles(),
	})
	return p, listed(found)
}

func batchFiles() fstest.MapFS {
	return fstest.MapFS{"start/docs/a.txt": {}, "start/od$${d": {}, "start/od${d: [x]\"'\n/b.txt": {}, "far/c.txt": {}}
}

func prompted(text string) []value.Field {
	return []value.Field{{Name: "prompt", Value: value.String(text)}}
}

func TestABatchOfTheCommandLineIsTheSameAsInYAML(t *testing.T) {
	for _, c := range []struct {
		typed   interpreter.Batch
		written string
	}{
		{interpreter.Batch{
			Directory: "docs", Pattern: "**/*.txt", Exclude: []string{"draft*"}, MaxConcurrent: 4,
			Parameters: []value.Field{{Name: "prompt", Value: value.String("Summarize ${item.name}: {\"a\": \"#\"}\n- x")}, {Name: "model", Value: value.String("llama3.2")}},
		}, `
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
`},
		{interpreter.Batch{
			Directory: "docs", Sample: 3, Seed: 7, Models: []string{"a", "b"}, Cache: true, MaxFailures: "10%", Method: "llm/chat", Parameters: prompted("x"),
		}, `
name: Batch docs
batch: {directory: docs, sample: 3, seed: 7, models: [a, b]}
template: {method: llm/chat, prompt: x, cache: true, max_failures: 10%}
`},
		{interpreter.Batch{Directory: "docs", Limit: 3, MaxFailures: "4", Parameters: prompted("x")}, `
name: Batch docs
batch: {directory: docs, limit: 3}
template: {method: llm/chat, prompt: x, max_failures: 4}
`},
		{interpreter.Batch{Directory: "docs", Split: new(value.Object(value.Field{Name: "size", Value: value.Int(200)})), Combine: value.String("One of ${item.name}"), Parameters: prompted("x")}, `
name: Batch docs
batch: {directory: docs}
template: {method: llm/chat, prompt: x, split: {size: 200}, combine: "One of ${item.name}"}
`},
		{interpreter.Batch{Directory: "docs", Split: new(value.Object()), Combine: value.Bool(true), Parameters: prompted("x")}, `
name: Batch docs
batch: {directory: docs}
template: {method: llm/chat, prompt: x, split: {}, combine: true}
`},
	} {
		typed, errs := compileBatch(t, c.typed)
		if typed == nil {
			t.Fatal(errs)
		}
		written, found := interpreter.Compile(interpreter.Input{
			File: "flow.yaml", Folder: "/start", FlowFolder: "/start", Specs: specs(), Files: fstest.MapFS{"start/docs/a.txt": {}}, Text: []byte(c.written),
		})
		if written == nil {
			t.Fatal(listed(found))
		}
		ofFile, _ := interpreter.Compile(interpreter.Input{
			File: "flow.yaml", Path: "/start/flow.yaml", Folder: "/start", FlowFolder: "/start", Specs: specs(), Files: fstest.MapFS{"start/docs/a.txt": {}}, Text: []byte(c.written),
		})
		if !typed.IsTypedBatch() || ofFile.IsTypedBatch() {
			t.Errorf("typed: %v, of a file: %v", typed.IsTypedBatch(), ofFile.IsTypedBatch())
		}
		if got, want := string(shown(t, typed)), string(shown(t, written)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestWhatIsTypedNeverBecomesSyntax(t *testing.T) {
	odd := "od${d: [x]\"'\n"
	p, errs := compileBatch(t, interpreter.Batch{Files: []string{odd, "/far/c.txt", odd + "/b.txt"}, Method: "llm/vision", Parameters: prompted("Which colour?")})
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
	_, errs := compileBatch(t, interpreter.Batch{Directory: "nowhere", Pattern: "[", Parameters: prompted("${it.name}"), MaxConcurrent: 2})
	for _, want := range []string{`directory "nowhere" does not exist`, `pattern "[" is not a valid pattern`, `${it.name} refers to "it"`} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in\n%s", want, errs)
		}
	}
}

// TestASavedBatchIsTheSame: the workflow that is written for people has the plan of what was typed.
func TestASavedBatchIsTheSame(t *testing.T) {
	for name, b := range map[string]interpreter.Batch{
		"all of it": {
			Directory: "docs", Pattern: "**/*.txt", Exclude: []string{"draft*", "*.bak"}, Sample: 3, Seed: -7, Models: []string{"llama3.2", "qwen3:8b"}, Cache: true, MaxConcurrent: 4, MaxFailures: "10%",
			Parameters: []value.Field{
				{Name: "prompt", Value: value.String("Summarize ${item.name}.\n\n- in one sentence: yes\n- in ${item.model}'s words\n")},
				{Name: "temperature", Value: value.Float(0.2)},
				{Name: "schema", Value: value.Object(value.Field{Name: "type", Value: value.String("object")})},
			},
		},
		"words that mean something": {Directory: "docs", Limit: 2, MaxFailures: "3", Parameters: prompted("no")},
		"numbers":                   {Directory: "docs", Parameters: prompted("007")},
		"odd names":                 {Files: []string{"od${d: [x]\"'\n", "/far/c.txt"}, Parameters: prompted("# not a comment: *x &y !z @a `b` % | >")},
		"odd texts":                 {Directory: "docs", Parameters: prompted(" begins with a space\n\tand a tab\r\nand ends with lines\n\n")},
		"one line":                  {Directory: "docs", Parameters: prompted("Is ${item.name} a good name? {yes: no}, [a]")},
		"unseen":                    {Directory: "docs", Parameters: prompted("a\u2028b\u00a0c\ufeffd\x00e")},
	} {
		typed, errs := compileBatch(t, b)
		text, err := b.YAML()
		if typed == nil || err != nil {
			t.Fatal(name, errs, err)
		}
		saved, found := interpreter.Compile(interpreter.Input{
			File: "flow.yaml", Text: text, Folder: "/start", FlowFolder: "/start", Specs: specs(), Files: batchFiles(),
		})
		if saved == nil || string(shown(t, saved)) != string(shown(t, typed)) {
			t.Errorf("%s: %s\n%s", name, listed(found), text)
		}
		if strings.HasPrefix(string(text), "{") {
			t.Errorf("%s is not written as people write it:\n%s", name, text)
		}
	}
}

// TestFilesInFoldersBeneathAreNoted: a batch that says nothing about them takes none of them, and a note says so.
func TestFilesInFoldersBeneathAreNoted(t *testing.T) {
	files := fstest.MapFS{
		"flow/docs/a.txt": {}, "flow/docs/sub/b.txt": {}, "flow/docs/sub/deep/c.txt": {}, "flow/docs/sub/~$b.txt": {}, "flow/docs/.git/config": {},
		"flow/flat/a.txt": {}, "flow/flat/.git/config": {}, "flow/one/sub/a.txt": {},
	}
	for batch, want := range map[string]string{
		"directory: docs":                          `flow.yaml:2:20: 2 files in folders beneath "docs" will not be read; write pattern: "**/*" to read them, too, or pattern: "*" if they are not meant [batch]` + "\n",
		"directory: one":                           `flow.yaml:2:20: 1 file in a folder beneath "one" will not be read; write pattern: "**/*" to read them, too, or pattern: "*" if they are not meant [batch]` + "\n",
		"files: [flat, docs]":                      `flow.yaml:2:23: 2 files in folders beneath "docs" will not be read; write pattern: "**/*" to read them, too, or pattern: "*" if they are not meant [batch]` + "\n",
		"directory: docs, pattern: '*'":            "",
		"directory: docs, pattern: '**/*'":         "",
		"directory: docs, exclude: [sub]":          "",
		"directory: flat":                          "",
		"files: [docs/a.txt]":                      "",
		`directory: "${inputs.folder}"`:            "",
		"directory: docs, pattern: '*', limit: 10": "",
	} {
		text := "name: x\nbatch: {" + batch + "}\ntemplate: {method: llm/chat, prompt: x}\ninputs: {folder: docs}\n"
		p, found := interpreter.Compile(interpreter.Input{File: "flow.yaml", Text: []byte(text), Folder: "/flow", FlowFolder: "/flow", Specs: specs(), Files: files})
		if got := listed(found); p == nil || got != want {
			t.Errorf("%s:\ngot  %swant %s", batch, got, want)
		}
	}
	many := fstest.MapFS{}
	for i := range 6000 {
		many[fmt.Sprintf("flow/docs/sub/%d.txt", i)] = &fstest.MapFile{}
	}
	_, found := interpreter.Compile(interpreter.Input{
		File: "flow.yaml", Text: []byte("name: x\nbatch: {directory: docs}\ntemplate: {method: llm/chat, prompt: x}\n"), Folder: "/flow", FlowFolder: "/flow", Specs: specs(), Files: many,
	})
	if got := listed(found); !strings.Contains(got, "at least 4") {
		t.Error(got)
	}
}
