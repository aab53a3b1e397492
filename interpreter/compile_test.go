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

	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
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
		t.Fatal(err)
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

func expect(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func TestPlans(t *testing.T) {
	each(t, "ok", func(t *testing.T, path string, text []byte) {
		p, found := compile(text)
		if p == nil || len(found) > 0 {
			t.Fatalf("no plan:\n%s", listed(found))
		}
		expect(t, strings.TrimSuffix(path, ".yaml")+".json", shown(t, p))
	})
}

func TestMistakes(t *testing.T) {
	each(t, "err", func(t *testing.T, path string, text []byte) {
		p, found := compile(text)
		if p != nil || len(found) == 0 {
			t.Fatal("mistakes were not found")
		}
		expect(t, strings.TrimSuffix(path, ".yaml")+".out", []byte(listed(found)))
	})
}

// TestEveryRuleHasAMistake keeps the test data complete.
func TestEveryRuleHasAMistake(t *testing.T) {
	outs, err := filepath.Glob("testdata/err/*.out")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range outs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, rule := range []string{
		"syntax", "limit", "unknown-key", "duplicate-key", "type", "missing", "id-format", "duplicate-id", "depends-on", "cycle",
		"reference", "method", "parameters", "timeout", "retry", "priority", "source-file", "file", "batch", "inputs", "outputs",
	} {
		if !strings.Contains(all.String(), " ["+rule+"]\n") {
			t.Errorf("no mistake of the rule %s in testdata/err", rule)
		}
	}
}

// TestSameBytes compiles files with and without mistakes again and again.
func TestSameBytes(t *testing.T) {
	for _, folder := range []string{"ok", "err"} {
		each(t, folder, func(t *testing.T, _ string, text []byte) {
			first, mistakes := compile(text)
			for range 50 {
				p, found := compile(text)
				if !bytes.Equal(shown(t, p), shown(t, first)) || listed(found) != listed(mistakes) {
					t.Fatalf("another result:\n%s%s\nthan at first:\n%s%s", shown(t, p), listed(found), shown(t, first), listed(mistakes))
				}
			}
		})
	}
}
