package interpreter_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/npmtest"
	"github.com/gleitzeit/gleitzeit/interpreter/schema"
)

// judged is what the other validator says of a file.
type judged struct {
	Verdict string   `json:"verdict"` // "valid", "invalid", or "unreadable" as YAML.
	Errors  []string `json:"mistakes"`
}

// A validator and a parser of YAML 1.2 that share nothing with ours.
func TestAnotherValidatorAgrees(t *testing.T) {
	folder := npmtest.Folder(t, os.DirFS("testdata/npm"))
	fine, examples, wrong := filesOf(t, "testdata/ok/*.yaml"), filesOf(t, "../examples/*/flow.yaml"), filesOf(t, "testdata/err/*.yaml")
	type work struct {
		Schema json.RawMessage `json:"schema"`
		Files  []string        `json:"files"`
	}
	in, err := json.Marshal([]work{
		{schema.Of(specs()).JSON(), append(append([]string{}, fine...), wrong...)},
		{schema.Of(realSpecs()).JSON(), examples},
	})
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "node", "validate.js")
	command.Dir = folder
	command.Stdin = bytes.NewReader(in)
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.Bytes())
	}
	var found map[string]judged
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, path := range append(fine, examples...) {
		if found[path].Verdict != "valid" {
			t.Errorf("%s is %s: %v", path, found[path].Verdict, found[path].Errors)
		}
	}
	for _, path := range wrong {
		switch reason := unseen[strings.TrimSuffix(filepath.Base(path), ".yaml")]; {
		case reason == "" && found[path].Verdict == "valid":
			t.Errorf("%s is valid", path)
		case reason != "" && reason != noTree && found[path].Verdict != "valid":
			t.Errorf("%s is %s, although %s: %v", path, found[path].Verdict, reason, found[path].Errors)
		case found[path].Verdict == "":
			t.Errorf("%s was not looked at", path)
		}
	}
	if one := found[absolute(t, "testdata/err/not-a-mapping.yaml")]; one.Verdict != "invalid" {
		t.Errorf("a list is %s as a workflow", one.Verdict)
	}
}

// filesOf lists the files of a pattern by their absolute paths.
func filesOf(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for i := range paths {
		paths[i] = absolute(t, paths[i])
	}
	return paths
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}
