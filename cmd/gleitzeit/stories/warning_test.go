package stories_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// TestWarnings: a prompt that was truncated is a warning wherever the result is shown, during the run and afterwards.
func TestWarnings(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	long := strings.Repeat("word ", 200)
	u.File("flow.yaml", `name: Cut
tasks:
  - {id: short, method: llm/chat, parameters: {prompt: hello, num_ctx: 512}}
  - {id: long, method: llm/chat, parameters: {prompt: "`+long+`", num_ctx: 512}}
  - {id: each, method: llm/chat, for_each: [few, "`+long+`"], parameters: {prompt: "${item}", num_ctx: 512}}
`)
	const said = "the prompt of about "
	stdout, stderr := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	wantLines(t, "standard error", stderr, "✓ long  llm/chat  completed", "\n! long  "+said, "\n! each[1]  word")
	if strings.Count(stderr, said) != 2 {
		t.Errorf("not every warning is printed once:\n%s", stderr)
	}
	run, err := parseRun(stdout)
	must(t, err)
	if warning := run.task("long").Warning; warning == nil || !strings.HasPrefix(*warning, said) {
		t.Errorf("the task's warning in the document is %v", warning)
	} else if cut := " tokens is longer than the model's context of 512 tokens: its middle was left out, and "; !strings.Contains(*warning, cut) {
		t.Errorf("the task's warning in the document is %q", *warning)
	}
	if warnings := run.task("each").Warnings; warnings == nil || *warnings != 1 {
		t.Errorf("the items' warnings in the document are %v", warnings)
	}
	if warning := run.task("short").Warning; warning != nil {
		t.Errorf("a task whose prompt was whole has the warning %q", *warning)
	}

	stdout, _ = u.Gleitzeit(0, "status", *run.Run)
	wantLines(t, "status", stdout, "  ✓ long  llm/chat  completed", "\n    ! "+said, "\n    ! 1 item with a warning: see the results")
	stdout, stderr = u.Gleitzeit(0, "results", *run.Run)
	wantLines(t, "results", stdout, "\n! "+said)
	wantLines(t, "standard error of results", stderr, "! long  "+said)
	stdout, _ = u.Gleitzeit(0, "run", "flow.yaml", "-o", "jsonl")
	wantLines(t, "lines", stdout, `"warning":"`+said)
	if items := strings.Count(stdout, `"warning":"`+said); items < 4 { // Of a task and of an item, and in the result of each.
		t.Errorf("%d warnings in\n%s", items, stdout)
	}
	stdout, stderr = u.Gleitzeit(0, "call", "llm/chat", "prompt="+long, "num_ctx=512")
	wantLines(t, "the call's standard error", stderr, "! "+said)
	if strings.Contains(stdout, said) {
		t.Errorf("the call's result is %q", stdout)
	}
}
