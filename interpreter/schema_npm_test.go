package interpreter_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/interpreter/schema"
)

// packages of npm: a validator and a parser of YAML 1.2 that share nothing with ours.
var packages = []string{"ajv@8.20.0", "yaml@2.9.1"}

// judged is what the other validator says of a file.
type judged struct {
	Verdict  string   `json:"verdict"` // "valid", "invalid", or "unreadable" as YAML.
	Mistakes []string `json:"mistakes"`
}

func TestAnotherValidatorAgrees(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		require.Skip(t, "node is not installed")
	}
	folder := installed(t)
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
	command := exec.CommandContext(t.Context(), node, "validate.js")
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
			t.Errorf("%s is %s: %v", path, found[path].Verdict, found[path].Mistakes)
		}
	}
	for _, path := range wrong {
		switch reason := unseen[strings.TrimSuffix(filepath.Base(path), ".yaml")]; {
		case reason == "" && found[path].Verdict == "valid":
			t.Errorf("%s is valid", path)
		case reason != "" && reason != noTree && found[path].Verdict != "valid":
			t.Errorf("%s is %s, although %s: %v", path, found[path].Verdict, reason, found[path].Mistakes)
		case found[path].Verdict == "":
			t.Errorf("%s was not looked at", path)
		}
	}
	if one := found[absolute(t, "testdata/err/not-a-mapping.yaml")]; one.Verdict != "invalid" {
		t.Errorf("a list is %s as a workflow", one.Verdict)
	}
}

// installed is a folder with the packages and the script that uses them.
func installed(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		require.Skip(t, "npm is not installed")
	}
	folder := t.TempDir()
	command := exec.CommandContext(t.Context(), npm, append([]string{"install", "--no-audit", "--no-fund", "--ignore-scripts"}, packages...)...)
	command.Dir = folder
	// An own package.json: npm would look for one in the folders above.
	if err := os.WriteFile(filepath.Join(folder, "package.json"), []byte(`{"private": true}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := command.CombinedOutput(); err != nil {
		require.Skip(t, "npm cannot install "+strings.Join(packages, " and ")+": "+err.Error()+"\n"+string(said))
	}
	script, err := os.ReadFile("testdata/npm/validate.js")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "validate.js"), script, 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
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
