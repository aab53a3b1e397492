package stories_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// TestABatchAsksOnlyAboutWhatHasChanged: of five files one is changed, and the model is asked about that one alone.
func TestABatchAsksOnlyAboutWhatHasChanged(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	must(t, os.Mkdir(u.Path("docs"), 0o755))
	for i := range 5 {
		u.File(fmt.Sprintf("docs/%d.txt", i), fmt.Sprintf("Document %d.", i))
	}
	u.File("flow.yaml", `
name: Summaries
batch: {directory: docs}
template: {method: llm/chat, cache: true, prompt: Summarize.}
outputs: {third: "${batch.results[3].result.response}", first: "${batch.results[0].result.response}"}
`)
	const hello, pineapple = `"Hello from the scripted model."`, `"I saw the PINEAPPLE."`
	for _, c := range []struct {
		third  string
		asked  int64
		cached int
	}{{"Document 3.", 5, 0}, {"A PINEAPPLE.", 1, 4}, {"A PINEAPPLE.", 0, 5}, {"Document 3.", 0, 5}} {
		u.File("docs/3.txt", c.third)
		stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
		run, err := parseRun(stdout)
		must(t, err)
		said := hello
		if c.third != "Document 3." {
			said = pineapple
		}
		wantFields(t, "outputs", run.Outputs, map[string]string{"first": hello, "third": said})
		if batch := run.task("batch"); *run.Usage.LLMCalls != c.asked || batch.Items.Cached != c.cached || *batch.Items.Succeeded != 5 {
			t.Errorf("%s: the model was asked %d times, want %d; %d items of %d were cached", c.third, *run.Usage.LLMCalls, c.asked, batch.Items.Cached, *batch.Items.Succeeded)
		}
	}
}

// TestABatchAsksOnceAboutCopies: of five files with the same content one is sent.
func TestABatchAsksOnceAboutCopies(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	must(t, os.Mkdir(u.Path("docs"), 0o755))
	for i := range 5 {
		u.File(fmt.Sprintf("docs/%d.txt", i), "A PINEAPPLE.")
	}
	u.File("flow.yaml", `
name: Copies
batch: {directory: docs}
template: {method: llm/chat, cache: true, prompt: Summarize.}
outputs: {last: "${batch.results[4].result.response}"}
`)
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	wantFields(t, "outputs", run.Outputs, map[string]string{"last": `"I saw the PINEAPPLE."`})
	if batch := run.task("batch"); *run.Usage.LLMCalls != 1 || batch.Items.Cached != 4 || *batch.Items.Succeeded != 5 {
		t.Errorf("the model was asked %d times; %d items of %d were cached", *run.Usage.LLMCalls, batch.Items.Cached, *batch.Items.Succeeded)
	}
}
