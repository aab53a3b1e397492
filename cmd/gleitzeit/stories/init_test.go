package stories_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// initResult is what init prints to programs.
type initResult struct {
	File, Type, Model, Provider, Next string
	Files                             []string
	Ready                             bool
}

// TestInit: what init writes is valid and runs as it is, with the model that is there.
func TestInit(t *testing.T) {
	t.Parallel()
	url := ollamatest.Start(t)
	said := `"Hello from the scripted model."`
	for kind, want := range map[string]map[string]string{
		"chain":  {"idea": said, "text": said},
		"batch":  {"succeeded": "3", "failed": "0", "summaries": "[" + said + "," + said + "," + said + "]"},
		"python": {"counts": `{"tea":3,"coffee":6,"water":5}`, "longest": `"coffee"`},
		"mcp":    {"total": "10", "message": `"5 pieces cost 10."`},
		"chat":   {"answer": said},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			u := withOllama(t, url)
			stdout, stderr := u.Gleitzeit(0, "init", "first", "--type", kind, "-o", "json")
			var made initResult
			must(t, json.Unmarshal([]byte(stdout), &made))
			prompts := kind != "python" && kind != "mcp"
			if made.File != "first.yaml" || made.Type != kind || !made.Ready || stderr != "" || prompts != (made.Model == "llama3.2") {
				t.Errorf("init printed %s%s", stdout, stderr)
			}
			if stdout, stderr := u.Gleitzeit(0, "validate", "first.yaml"); stderr != "" {
				t.Errorf("validate printed %s%s", stdout, stderr)
			}
			stdout, _ = u.Gleitzeit(0, "run", "first.yaml", "-o", "json")
			run, err := parseRun(stdout)
			must(t, err)
			wantFields(t, "outputs", run.Outputs, want)

			before := read(t, u.Path("first.yaml"))
			_, stderr = u.Gleitzeit(2, "init", "first.yaml", "--type", "chat")
			wantLines(t, "standard error", stderr, `gleitzeit: "first.yaml" exists, and is not overwritten`, "give another NAME")
			if read(t, u.Path("first.yaml")) != before {
				t.Error("the file was overwritten")
			}
		})
	}
}

// TestInitChoosesAModel: the default model is not there, and another one is.
func TestInitChoosesAModel(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	must(t, os.MkdirAll(u.Home, 0o700))
	write(t, filepath.Join(u.Home, "config.yaml"), "providers: {ollama: {model: absent}}\n")
	stdout, stderr := u.Gleitzeit(0, "init", "--type=chat")
	wantLines(t, "standard output", stdout, "wrote chat.yaml: one conversation with a model, with the model ", "run it: gleitzeit run chat.yaml\n")
	if stderr != "" {
		t.Errorf("standard error: %s", stderr)
	}
	stdout, _ = u.Gleitzeit(0, "run", "chat.yaml")
	wantLines(t, "standard output", stdout, "answer: ")
}

// TestInitWithoutServer: the workflow names the default model, and init says what to do.
func TestInitWithoutServer(t *testing.T) {
	t.Parallel()
	address := nobodyAt(t)
	u := withOllama(t, address)
	stdout, stderr := u.Gleitzeit(0, "init")
	wantLines(t, "standard output", stdout, "wrote chain.yaml: ", "run it: gleitzeit run chain.yaml\n")
	wantLines(t, "standard error", stderr, "first: Ollama at http://"+address+" cannot be reached", "start it with `ollama serve`")
	wantLines(t, "the workflow", read(t, u.Path("chain.yaml")), "      model: llama3.2\n")
	u.Gleitzeit(0, "validate", "chain.yaml")
}

// TestInitRefuses: nothing is written where one of the files is there, or the arguments are wrong.
func TestInitRefuses(t *testing.T) {
	t.Parallel()
	u := withOllama(t, nobodyAt(t))
	must(t, os.Mkdir(u.Path("mail-letters"), 0o755))
	write(t, u.Path("mail-letters/anna.txt"), "mine")
	_, stderr := u.Gleitzeit(2, "init", "mail", "--type", "batch")
	wantLines(t, "standard error", stderr, `gleitzeit: "mail-letters/anna.txt" exists, and is not overwritten`)
	if exists(u.Path("mail.yaml")) || read(t, u.Path("mail-letters/anna.txt")) != "mine" {
		t.Error("init wrote something")
	}
	_, stderr = u.Gleitzeit(2, "init", "--type", "chian")
	wantLines(t, "standard error", stderr, `gleitzeit: --type "chian" is not one of chain, batch, python, mcp, chat; did you mean "chain"?`)
	_, stderr = u.Gleitzeit(1, "init", "gone/flow", "--type", "python")
	wantLines(t, "standard error", stderr, `gleitzeit: cannot write "gone/flow.yaml": no such file or directory`, "in another folder, which must exist")
	// A name that YAML would read as something else, and the shell as two words.
	u.Gleitzeit(0, "init", "true story: 1", "--type", "python")
	u.Gleitzeit(0, "validate", "true story: 1.yaml")
}
