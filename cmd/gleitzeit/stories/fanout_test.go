package stories_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
)

// countingBatch is a batch of so many files whose script leaves a line when it has read one, and fails at two of them.
func countingBatch(u *user, files int) {
	u.T.Helper()
	must(u.T, os.Mkdir(u.Path("docs"), 0o755))
	for i := range files {
		u.File(fmt.Sprintf("docs/%03d.txt", i), fmt.Sprint(i))
	}
	u.File("flow.yaml", `
name: Counting
batch: {directory: docs, max_concurrent: 3}
template:
  method: python/execute
  file: count.py
outputs: {succeeded: "${batch.succeeded}", items: "${batch.results[*].result.result:-none}"}
`)
	u.File("count.py", `import os
path = context["file_path"]
log = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
os.write(log, (os.path.basename(path) + "\n").encode())
os.close(log)
number = int(open(path).read())
if number in (2, 9):
    raise ValueError("broken")
result = number
`)
}

// TestABatchIsResumedAfterAKill kills the program in the middle of a batch and types the same command again: no item whose
// completion was recorded runs once more, and the result is whole.
func TestABatchIsResumedAfterAKill(t *testing.T) {
	t.Parallel()
	const files = 40
	u := newUser(t)
	countingBatch(u, files)
	p := u.Start("run", "flow.yaml")
	type kill struct {
		completed []string
		done      map[string]int
	}
	var kills []kill
	for range 2 {
		before := len(u.itemsCompleted())
		eventually(t, "more items are completed", func() bool { return len(u.itemsCompleted()) >= before+10 })
		p.Kill()
		kills = append(kills, kill{u.itemsCompleted(), u.executions()})
		p = u.Start("run", "flow.yaml", "-o", "json")
		p.Says("resumed run ")
	}
	p.Exits(6)
	p.Says("files finished earlier)")
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	batch := run.task("batch")
	if *batch.Items.Total != files || *batch.Items.Succeeded != files-2 || *batch.Items.Failed != 2 || *batch.Items.Skipped != 0 {
		t.Errorf("items: %+v", batch.Items)
	}
	executions := u.executions()
	for i, kill := range kills {
		for _, item := range kill.completed {
			if executions[item] != kill.done[item] {
				t.Errorf("%s was completed at kill %d and ran again", item, i+1)
			}
		}
	}
	var results []struct {
		Item   string `json:"item"`
		Status string `json:"status"`
	}
	must(t, json.Unmarshal(batch.Result["results"], &results))
	for i, result := range results {
		wanted := "completed"
		if i == 2 || i == 9 {
			wanted = "failed"
		}
		if filepath.Base(result.Item) != fmt.Sprintf("%03d.txt", i) || result.Status != wanted {
			t.Errorf("result %d: %+v", i, result)
		}
	}
}

// itemsCompleted lists the files of the items of the task `batch` whose completion is recorded: none of them may run again.
func (u *user) itemsCompleted() []string {
	u.T.Helper()
	path := filepath.Join(u.Home, "results.db")
	if !exists(path) {
		return nil
	}
	store, err := sqlite.Open(u.T.Context(), path)
	must(u.T, err)
	defer store.Close()
	runs, err := store.Records(u.T.Context(), resultstore.Query{})
	must(u.T, err)
	if len(runs) == 0 {
		return nil
	}
	records, err := store.Records(u.T.Context(), resultstore.Query{Run: runs[0].Run, Kind: resultstore.Task, Task: "batch"})
	must(u.T, err)
	var files []string
	for _, record := range records {
		if record.Item != protocol.NoItem && record.Status == protocol.Completed {
			files = append(files, fmt.Sprintf("%03d.txt", record.Item))
		}
	}
	return files
}
