package workflows_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
)

// cancelledBatch is a run that is cancelled in the middle of a batch.
func cancelledBatch(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	folder := fixedFolder(t, "0", "1", "wait", "wait", "wait", "wait")
	run := r.start(t, compileBatch(t, fmt.Sprintf("name: Cancelled batch\nbatch: {directory: %q, max_concurrent: 2}\ntemplate: {method: test/file}\ntasks: [{id: after, method: test/echo, dependencies: [batch]}]\n", folder), folder))
	r.awaitWaiting(t, 2)
	if err := r.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	return run
}

// failingBatch is a run of a batch with an item that always fails.
func failingBatch(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	folder := fixedFolder(t, "0", "fail", "2", "3")
	return r.start(t, compileBatch(t, fmt.Sprintf(`
name: Failing batch
batch: {directory: %q, max_concurrent: 2}
template: {method: test/file, retry: {max_attempts: 2, base_delay: 0.01}, note: "${item.name} ${index}"}
tasks: [{id: after, method: test/echo, parameters: {value: "${batch.failed}"}}]
outputs: {failed: "${after.value}"}
`, folder), folder))
}

// forEachRun has items that are values, small, large and null, of which one fails, in several histories; then none.
func forEachRun(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return r.start(t, compile(t, fmt.Sprintf(`
name: For each
max_parallel: 2
inputs: {words: {type: list, default: [a, null, {b: 1}, %s, c, d, e, f, g, h]}}
tasks:
  - {id: each, method: test/echo, for_each: "${inputs.words}", parameters: {value: ["${item}", "${index}"]}}
  - {id: failing, method: test/fail, for_each: [0, 99, 0], max_failures: 50%%, parameters: {key: "k${index}", times: "${item}", kind: task}}
  - {id: none, method: test/echo, for_each: [], dependencies: [failing]}
  - {id: again, method: test/echo, for_each: "${each.results[*].index}", dependencies: [none], parameters: {value: "${item}"}}
outputs: {failed: "${failing.failed}", last: "${again.results[-1].result.value}"}
`, strings.Repeat("long", 100))))
}

// conditionalItems has items of which some are skipped and the condition of one cannot be evaluated; in the second task, all
// are skipped.
func conditionalItems(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return r.start(t, compile(t, `
name: Conditional items
tasks:
  - {id: each, method: test/echo, for_each: [1, 2, three, 4], when: "${item} > 1", parameters: {value: "${item}"}}
  - {id: none, method: test/echo, for_each: "${each.results}", when: "${index} > 9", parameters: {value: "${item}"}}
outputs: {skipped: "${each.skipped} ${none.skipped}", failed: "${each.failed}"}
`))
}

// fixedFolder returns a folder with files whose path is the same on every machine: recorded histories name it.
func fixedFolder(t testing.TB, texts ...string) string {
	t.Helper()
	folder := filepath.Join(os.TempDir(), "gleitzeit-recorded-batch")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	for i, text := range texts {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("f%03d.txt", i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
