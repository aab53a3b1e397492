package interpreter_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/rules"
)

var update = flag.Bool("update", false, "write what comes out as what is expected; look at the difference before committing it")

// compile compiles a text as the file flow.yaml. Lines `# --input name=text` in it are given inputs.
func compile(text []byte) (*plan.Plan, []definition.Diagnostic) {
	return interpreter.Compile(input(text))
}

func input(text []byte) interpreter.Input {
	in := interpreter.Input{
		File: "flow.yaml", Path: "/flow/flow.yaml", Text: text, Files: files(), Folder: "/start", FlowFolder: "/flow", Specs: specs(),
	}
	for line := range strings.Lines(string(text)) {
		if given, isInput := strings.CutPrefix(line, "# --input "); isInput {
			name, value, _ := strings.Cut(strings.TrimSpace(given), "=")
			in.Inputs = append(in.Inputs, interpreter.GivenInput{Name: name, Text: value})
		}
	}
	return in
}

// listed shows diagnostics a line each.
func listed(found []definition.Diagnostic) string {
	var text strings.Builder
	for _, diagnostic := range found {
		fmt.Fprintln(&text, diagnostic)
	}
	return text.String()
}

// shown is a plan as JSON for people.
func shown(t *testing.T, p *plan.Plan) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(p); err != nil {
		t.Error(err)
	}
	return text.Bytes()
}

// each runs a test for every YAML file in a folder of testdata.
func each(t *testing.T, folder string, run func(t *testing.T, path string, text []byte)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no test data in %s: %v", folder, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			run(t, path, text)
		})
	}
}

func TestPlans(t *testing.T) {
	each(t, "ok", func(t *testing.T, path string, text []byte) {
		p, found := compile(text)
		if p == nil || len(found) > 0 {
			t.Fatalf("no plan:\n%s", listed(found))
		}
		programtest.Golden(t, strings.TrimSuffix(path, ".yaml")+".json", string(shown(t, p)), *update)
	})
}

func TestErrors(t *testing.T) {
	each(t, "err", func(t *testing.T, path string, text []byte) {
		p, found := compile(text)
		if p != nil || len(found) == 0 {
			t.Fatal("errors were not found")
		}
		programtest.Golden(t, strings.TrimSuffix(path, ".yaml")+".out", listed(found), *update)
	})
}

// TestEveryRuleHasAPair: a rule without an input and what is said of it, in files of its name, is not done.
func TestEveryRuleHasAPair(t *testing.T) {
	for _, rule := range ruleNames() {
		shown := false
		for _, pattern := range []string{rule, rule + "-*"} {
			paths, err := filepath.Glob(filepath.Join("testdata/err", pattern+".out"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				shown = shown || bytes.Contains(text, []byte(" ["+rule+"]\n"))
			}
		}
		if !shown {
			t.Errorf("no file testdata/err/%s.yaml, or %s-….yaml, has an error of the rule %s", rule, rule, rule)
		}
	}
}

// ruleNames are all that a message can end with.
func ruleNames() []string {
	names := []string{"syntax", "limit"} // The parser's own.
	for _, rule := range rules.All() {
		names = append(names, rule.Name)
	}
	return names
}

// TestSameBytes compiles files with and without errors again and again, many at the same time.
func TestSameBytes(t *testing.T) {
	for _, folder := range []string{"ok", "err"} {
		each(t, folder, func(t *testing.T, _ string, text []byte) {
			first, errs := compile(text)
			plan, list := shown(t, first), listed(errs)
			others := make(chan string)
			for range 50 {
				go func() {
					p, found := compile(text)
					others <- string(shown(t, p)) + listed(found)
				}()
			}
			for range 50 {
				if other := <-others; other != string(plan)+list {
					t.Errorf("another result:\n%s\nthan at first:\n%s%s", other, plan, list)
				}
			}
		})
	}
}

// What people write about a task is in its plan as it was written, and makes nothing of a plan without it another.
func TestAPlanHasWhatPeopleWriteAboutATask(t *testing.T) {
	got, found := compile([]byte("name: x\ntasks:\n  - {id: a, method: mcp/tool.add, parameters: {a: 1, b: 2}, description: \"Why ${not}\", tags: one, metadata: {owner: Ada, level: 1.50}}\n"))
	if got == nil {
		t.Fatal(listed(found))
	}
	task := got.Tasks[0]
	if task.Description != "Why ${not}" || len(task.Tags) != 1 || task.Tags[0] != "one" || string(task.Metadata.JSON()) != `{"owner":"Ada","level":1.50}` {
		t.Errorf("got %q, %q, %s", task.Description, task.Tags, task.Metadata.JSON())
	}
	plain, _ := compile([]byte("name: x\ntasks:\n  - {id: a, method: mcp/tool.add, parameters: {a: 1, b: 2}}\n"))
	for _, key := range []string{"description", "tags", "metadata"} {
		if bytes.Contains(shown(t, plain), []byte(key)) {
			t.Errorf("a plan of a file without it has %s", key)
		}
	}
}
