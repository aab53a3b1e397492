package stories_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

const stepScript = "result = context[\"file_path\"].rsplit(\"/\", 1)[-1] if \"file_path\" in context else context[\"q\"]\n"

// refuses wants a command to be refused before anything runs, with the files as they were.
func refuses(t *testing.T, u *user, want string, args ...string) {
	t.Helper()
	before := map[string]string{}
	files, err := os.ReadDir(u.Work)
	must(t, err)
	for _, file := range files {
		if file.Type().IsRegular() {
			before[file.Name()] = read(t, u.Path(file.Name()))
		}
	}
	_, stderr := u.Gleitzeit(2, args...)
	wantLines(t, strings.Join(args, " "), stderr, want)
	for name, text := range before {
		if got := read(t, u.Path(name)); got != text {
			t.Errorf("gleitzeit %s: %s is now\n%s", strings.Join(args, " "), name, got)
		}
	}
}

func requestLines(n int, model string) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"custom_id":"r%d","method":"POST","url":"/v1/chat/completions","body":{"model":%q,"messages":[{"role":"user","content":"hello"}]}}`+"\n", i, model)
	}
	return lines.String()
}

// TestNoOutputReplacesARequestFile: neither the output nor the error file, by any name, is the request file, or the other of the two.
func TestNoOutputReplacesARequestFile(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("q.jsonl", requestLines(3, "a"))
	u.File("r.errors.jsonl", requestLines(3, "a"))
	must(t, os.Symlink("q.jsonl", u.Path("link.jsonl")))
	read := func(file string) string { return `cannot write the results to "` + file + `": the run reads it` }
	for _, file := range []string{"q.jsonl", "./q.jsonl", "link.jsonl", u.Path("q.jsonl")} {
		refuses(t, u, read(file), "batch", "q.jsonl", "--model", "a=llama3.2", "--output", "o.jsonl", "--errors", file)
		refuses(t, u, read(file), "batch", "q.jsonl", "--model", "a=llama3.2", "--output", file)
	}
	refuses(t, u, read("r.errors.jsonl"), "batch", "r.errors.jsonl", "--model", "a=llama3.2", "--output", "r.jsonl")
	for _, file := range []string{"o.jsonl", "./o.jsonl"} {
		refuses(t, u, "--output and --errors name the same file", "batch", "q.jsonl", "--model", "a=llama3.2", "--output", "o.jsonl", "--errors", file)
	}
	if exists(u.Path("o.jsonl")) {
		t.Error("o.jsonl was written")
	}

	u.Gleitzeit(0, "batch", "q.jsonl", "--model", "a=llama3.2", "--output", "o.jsonl")
	for _, args := range [][]string{{"batch", "export", "@latest"}, {"batch", "resume", "@latest"}} {
		refuses(t, u, read("q.jsonl"), append(args, "--output", "b.jsonl", "--errors", "q.jsonl")...)
		refuses(t, u, read("link.jsonl"), append(args, "--output", "link.jsonl")...)
		refuses(t, u, "name the same file", append(args, "--output", "b.jsonl", "--errors", "b.jsonl")...)
		refuses(t, u, "--format csv and --output", append(args, "--output", "b.xlsx", "--format", "csv")...)
	}
	u.Gleitzeit(0, "batch", "export", "@latest", "--output", "b.jsonl", "--errors", "b3.jsonl")

	// All requests fail: the file with them is named.
	_, stderr := u.Gleitzeit(5, "batch", "q.jsonl", "--model", "a=nosuchmodel", "--output", "none.jsonl")
	wantLines(t, "standard error", stderr, "wrote the requests to none.errors.jsonl: none of them has an answer, and none.jsonl is empty\n")
}

// TestNoOutputReplacesAnInput: a table, a file of a folder, a script or a prompt stays what it is, whatever path leads to it.
func TestNoOutputReplacesAnInput(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("step.py", stepScript)
	u.File("t.csv", "id,q\n1,one\n2,two\n")
	u.File("docs/a.txt", "a\n")
	u.File("docs/b.txt", "b\n")
	must(t, os.Link(u.Path("docs/b.txt"), u.Path("hard.txt")))
	must(t, os.Symlink("docs", u.Path("other")))
	must(t, os.Symlink("t.csv", u.Path("link.csv")))
	reads := func(file string) string { return `to "` + file + `": the run reads it` }
	want := func() {
		t.Helper()
		for file, text := range map[string]string{"docs/a.txt": "a\n", "docs/b.txt": "b\n"} {
			if got := read(t, u.Path(file)); got != text {
				t.Errorf("%s is now %q", file, got)
			}
		}
	}
	rows, files := []string{"batch", "--rows", "t.csv", "--script", "step.py"}, []string{"batch", "docs", "--script", "step.py"}
	refuses(t, u, reads("t.csv"), append(rows, "--output", "t.csv")...)
	refuses(t, u, reads("link.csv"), append(rows, "--output", "link.csv")...)
	refuses(t, u, reads("step.py"), append(rows, "--format", "text", "--output", "step.py")...)
	refuses(t, u, reads("t.csv"), append(rows, "--save", "t.csv", "--yes")...)
	for _, file := range []string{"docs/a.txt", "other/a.txt", "hard.txt", u.Path("docs/a.txt")} {
		refuses(t, u, reads(file), append(files, "--output", file)...)
		want()
	}
	u.File("prompt.txt", "What is it?")
	refuses(t, u, reads("prompt.txt"), "batch", "docs", "--prompt-file", "prompt.txt", "--output", "prompt.txt")

	u.Gleitzeit(0, append(rows, "--output", "answers.csv")...)
	refuses(t, u, reads("answers.csv"), "batch", "--rows", "answers.csv", "--script", "step.py", "--output", "answers.csv")
	for _, verb := range []string{"export", "resume"} {
		refuses(t, u, reads("t.csv"), "batch", verb, "@latest", "--output", "t.csv")
		refuses(t, u, reads("link.csv"), "batch", verb, "@latest", "--output", "link.csv")
	}
	u.Gleitzeit(0, "batch", "export", "@latest", "--output", "answers.csv")

	u.Gleitzeit(0, append(files, "--output", "docs/report.md")...)
	for _, verb := range []string{"export", "resume"} {
		for _, file := range []string{"docs/a.txt", "other/b.txt", "hard.txt"} {
			refuses(t, u, reads(file), "batch", verb, "@latest", "--output", file)
			want()
		}
		u.Gleitzeit(0, "batch", verb, "@latest", "--output", "other/report.md")
	}

	// Typed again, the report is replaced; a file that no run has written is not.
	_, stderr := u.Gleitzeit(0, append(files, "--new", "--output", "docs/report.md")...)
	wantLines(t, "standard error", stderr, `left out: file "`+u.Path("docs/report.md")+`", because the results are written to it`)
	u.File("docs/notes.md", "mine\n")
	u.Gleitzeit(2, append(files, "--new", "--output", "docs/notes.md")...)
	u.Gleitzeit(2, "batch", "resume", "@latest", "--output", "docs/notes.md")
	if got := read(t, u.Path("docs/notes.md")); got != "mine\n" {
		t.Errorf("docs/notes.md is now %q", got)
	}

	// What a resumed run writes into the folder is no document of the next one.
	u.Gleitzeit(0, "batch", "resume", "@latest", "--output", "docs/resumed.md")
	stdout, _ := u.Gleitzeit(0, "batch", "resume", "@latest", "--output", "docs/resumed.md", "--dry-run")
	wantLines(t, "the forecast", stdout, "batch  ")
	_, stderr = u.Gleitzeit(0, append(files, "--new", "--output", "docs/resumed.md")...)
	wantLines(t, "standard error", stderr, `file "`+u.Path("docs/resumed.md")+`", because`)
}

// TestNoOutputReplacesAWorkflow: neither a report nor an export replaces the workflow file of its run, or a document that a task names.
func TestNoOutputReplacesAWorkflow(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("step.py", stepScript)
	u.File("t.csv", "id,q\n1,one\n")
	u.File("flow.yaml", `name: Rows
inputs: {table: t.csv}
tasks:
  - {id: each, method: python/execute, for_each: {rows: "${inputs.table}"}, parameters: {file: step.py, context: "${item}"}}
  - {id: one, method: llm/chat, parameters: {file_path: letter.txt, prompt: x}, when: "false"}
`)
	u.File("letter.txt", "Dear all\n")
	must(t, os.Symlink("flow.yaml", u.Path("link.yaml")))
	u.Gleitzeit(0, "run", "flow.yaml")
	for _, file := range []string{"flow.yaml", "link.yaml", u.Path("flow.yaml"), "letter.txt", "step.py", "t.csv"} {
		want := `to "` + file + `": the run reads it`
		refuses(t, u, want, "report", "@latest", "--output", file)
		if !strings.HasSuffix(file, ".yaml") { // In which no results are written.
			refuses(t, u, want, "batch", "export", "@latest", "each", "--format", "csv", "--output", file)
		}
	}
	u.Gleitzeit(0, "report", "@latest", "--output", "report.html")
	u.Gleitzeit(0, "batch", "export", "@latest", "each", "--output", "each.csv")
}

// TestOutputIsARegularFile: what stands for standard output is refused, and what was printed before and after stays.
func TestOutputIsARegularFile(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("step.py", stepScript)
	u.File("t.csv", "id,q\n1,one\n")
	must(t, os.Symlink("/dev/stdout", u.Path("link")))
	for _, path := range []string{"/dev/stdout", "/dev/stderr", "/dev/fd/1", "link", "t.txt", "-"} {
		script := exec.CommandContext(t.Context(), "sh", "-c", `(echo before; "$@"; echo "exit code $?") > t.txt 2>&1`, "sh", program(t), "batch", "--rows", "t.csv", "--script", "step.py", "--output", path)
		script.Dir, script.Env = u.Work, u.Environment()
		must(t, script.Run())
		wantLines(t, path, read(t, u.Path("t.txt")), "before\n", `cannot write the results to "`+path+`": `, "without --output", "--format", "exit code 2\n")
	}
	if exists(u.Path("-")) {
		t.Error(`a file "-" was written`)
	}
	u.Gleitzeit(2, "batch", "--rows", "t.csv", "--script", "step.py", "--save", "/dev/stdout", "--yes")
	u.Gleitzeit(0, "batch", "--rows", "t.csv", "--script", "step.py", "--output", "./-")
	refuses(t, u, "cannot write the results to", "batch", "export", "@latest", "--output", "/dev/stdout")
	refuses(t, u, "cannot write the results to", "batch", "resume", "@latest", "--output", "-")
	refuses(t, u, "results are not written as .foo", "batch", "--rows", "t.csv", "--script", "step.py", "--output", "x.foo")
	refuses(t, u, "results are not written as .foo", "batch", "export", "@latest", "--output", "x.foo")
	refuses(t, u, "--format csv and --output", "batch", "--rows", "t.csv", "--script", "step.py", "--format", "csv", "--output", "out.xlsx")
	u.Gleitzeit(0, "batch", "export", "@latest", "--output", "x.foo", "--format", "csv")
}

// TestTheHintWritesTheFile: the command that does the rest of a batch, typed as it is printed, completes the file for its results.
func TestTheHintWritesTheFile(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("step.py", "import os\nif context[\"q\"] == \"two\" and not os.path.exists("+fmt.Sprintf("%q", u.Path("mended"))+"):\n    raise ValueError(\"not yet\")\nresult = context[\"q\"]\n")
	u.File("t.csv", "id,q\n1,one\n2,two\n")
	_, stderr := u.Gleitzeit(6, "batch", "--rows", "t.csv", "--key", "id", "--script", "step.py", "--output", "my answers.txt", "-o", "csv", "--keep", "--fields", "item.id,status")
	hint := between(stderr, "shows why, `gleitzeit ", "` does the rest")
	if want := "--output 'my answers.txt' --format csv --fields item.id,status --keep"; !strings.HasSuffix(hint, want) {
		t.Fatalf("the command is %q, want …%s\n%s", hint, want, stderr)
	}
	u.File("mended", "")
	u.File("step.py", "result = context[\"q\"]\n")
	again := exec.CommandContext(t.Context(), "sh", "-c", `exec "$0" `+hint, program(t))
	again.Dir, again.Env = u.Work, u.Environment()
	out, err := again.Output()
	must(t, err)
	if got := read(t, u.Path("my answers.txt")); strings.Contains(got, "failed") || strings.Count(got, "completed") != 2 || len(out) > 0 {
		t.Errorf("the file has\n%s\nand standard output\n%s", got, out)
	}
}
