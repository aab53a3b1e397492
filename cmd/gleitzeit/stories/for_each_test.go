package stories_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"image/color"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// TestAForEachIsResumedAfterAKill kills the program in the middle of a list and types the same command again: no item whose
// completion was recorded runs once more, and the result is whole and in order.
func TestAForEachIsResumedAfterAKill(t *testing.T) {
	t.Parallel()
	const count = 40
	u := newUser(t)
	u.File("flow.yaml", fmt.Sprintf(`
name: Counting
tasks:
  - id: make
    method: python/execute
    parameters: {code: "result = [{'name': f'{n:03}.txt', 'number': n, 'text': 'x' * 400} for n in range(%d)]"}
  - {id: batch, method: python/execute, for_each: "${make.result}", max_concurrent: 3, parameters: {file: count.py, context: {good: "${item}"}}}
`, count))
	u.File("count.py", `import os
good = context["good"]
log = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
os.write(log, (good["name"] + "\n").encode())
os.close(log)
if good["number"] in (2, 9):
    raise ValueError("broken")
result = good["number"] + len(good["text"])
`)
	p := u.Start("run", "flow.yaml")
	eventually(t, "items are completed", func() bool { return len(u.itemsCompleted()) >= 12 })
	p.Kill()
	recorded, done := u.itemsCompleted(), u.executions()
	p = u.Start("run", "flow.yaml", "-o", "json")
	p.Says("resumed run ")
	p.Exits(6)
	p.Says("items finished earlier)")
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	batch := run.task("batch")
	if *batch.Items.Total != count || *batch.Items.Succeeded != count-2 || *batch.Items.Failed != 2 {
		t.Errorf("items: %+v", batch.Items)
	}
	executions := u.executions()
	for _, item := range recorded {
		if executions[item] != done[item] {
			t.Errorf("%s was completed at the kill and ran again", item)
		}
	}
	var results []struct {
		Item   struct{ Number int }
		Result struct{ Result int }
	}
	must(t, json.Unmarshal(batch.Result["results"], &results))
	for i, result := range results {
		wanted := i + 400
		if i == 2 || i == 9 {
			wanted = 0
		}
		if result.Item.Number != i || result.Result.Result != wanted {
			t.Errorf("result %d: %+v", i, result)
		}
	}
}

// TestItemsThatWereSkippedCountAsDone: the process that resumes a run counts all items that have ended, however.
func TestItemsThatWereSkippedCountAsDone(t *testing.T) {
	t.Parallel()
	u := newSleeper(t)
	u.File("flow.yaml", strings.Replace(sleeper, "tasks:\n", "tasks:\n"+
		"  - {id: each, method: mcp/tool.echo, for_each: [1, 2, 3], when: \"${item} != 2\", parameters: {message: x}}\n", 1))
	p := u.Start("run", "flow.yaml")
	p.Says("✓ each  ")
	u.asleep()
	p.Kill()
	u.File("go", "")
	p = u.Start("run", "flow.yaml")
	p.Exits(0)
	p.Says("(3 of 3 items finished earlier)")
}

// TestFilesAmongTheParameters: the older ways to say that a model is asked about each file.
func TestFilesAmongTheParameters(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	must(t, os.Mkdir(u.Path("docs"), 0o755))
	u.File("docs/a.txt", "Nothing here.")
	u.File("docs/b.txt", "A PINEAPPLE.")
	paint(t, u.Path("red.png"), color.RGBA{R: 255, A: 255})
	paint(t, u.Path("blue.png"), color.RGBA{B: 255, A: 255})
	u.File("flow.yaml", `
name: Older ways
tasks:
  - {id: listed, method: llm/chat, parameters: {files: [docs/b.txt, docs/a.txt], batch_mode: true, prompt: Summarize.}}
  - {id: folder, method: llm/chat, parameters: {directory: docs, file_pattern: "*.txt", prompt: Summarize.}}
  - {id: images, method: llm/vision, parameters: {image_paths: [red.png, blue.png], batch_mode: true, prompt: "Which colour is this?"}}
  - {id: words, method: llm/chat, for_each: [pear, PINEAPPLE], parameters: {prompt: "Tell me of the ${item}."}}
outputs:
  listed: ${listed.results[*].result.response}
  folder: ${folder.results[*].result.response}
  images: ${images.results[*].result.response}
  words: ${words.results[*].result.response}
`)
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	const hello, pineapple = "Hello from the scripted model.", "I saw the PINEAPPLE."
	for name, wanted := range map[string][]string{
		"listed": {pineapple, hello}, "folder": {hello, pineapple}, "images": {"I see red.", "I see blue."}, "words": {hello, pineapple},
	} {
		var got []string
		must(t, json.Unmarshal(run.Outputs[name], &got))
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: %q, want %q", name, got, wanted)
		}
	}
}
