package stories_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// TestRunnerKilled: the process that holds the model dies in the middle of an answer, as it does when memory is short.
// The server starts another one, and the task's next attempt has the whole answer.
func TestRunnerKilled(t *testing.T) {
	t.Parallel()
	server := ollamatest.StartPrivate(t)
	address, answering := relay(t, server.URL)
	u := withOllama(t, address)
	u.File("flow.yaml", `name: Slow
tasks:
  - id: slow
    method: llm/chat
    parameters: {prompt: SLOWLY, max_tokens: 1900}
outputs: {tokens: "${slow.tokens_used}"}
`)
	p := u.Start("run", "flow.yaml", "-o", "json")
	<-answering
	server.KillRunner(t)
	p.Exits(0)
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	wantFields(t, "outputs", run.Outputs, map[string]string{"tokens": "1900"})
	if slow := run.task("slow"); *slow.Status != "completed" || *slow.Attempts != 1 {
		t.Errorf("slow: %s after %d attempts", *slow.Status, *slow.Attempts)
	}
}
