package workflows_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// takenOver is a rig with runs of one batch, each of which takes over the one before.
type takenOver struct {
	*rig
	folder string
	calls  map[string]int
	last   protocol.EarlierRun
}

// plan is a batch with a task before it and one that reads its results.
func (o *takenOver) plan(t *testing.T, note string) *plan.Plan {
	t.Helper()
	return compileBatch(t, fmt.Sprintf(`
name: Batch
batch: {directory: %q, max_concurrent: 4}
template: {method: test/file, parameters: {note: %q}, retry: {max_attempts: 1}}
tasks:
  - {id: first, method: test/echo, parameters: {key: first, value: 1}}
  - {id: after, method: test/echo, parameters: {key: after, value: "${batch.results[*].result}"}}
  - {id: whole, method: test/echo, parameters: {key: whole, value: "${batch}"}}
`, o.folder, note), o.folder)
}

func (o *takenOver) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.folder, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs the plan, and returns which calls were made, in short: "f001.txt 1, after 1".
func (o *takenOver) run(t *testing.T, p *plan.Plan, over *protocol.TakeOver) (result *workflows.Result, made string) {
	t.Helper()
	if over != nil && over.Runs == nil {
		over.Runs = []protocol.EarlierRun{o.last}
	}
	run := o.begin(t, p, workflows.Start{TakeOver: over})
	result, _ = end(t, run)
	o.last = protocol.EarlierRun{Run: run.GetID(), Execution: run.GetRunID()}
	return result, o.made()
}

func (o *takenOver) made() string {
	o.probe.mu.Lock()
	defer o.probe.mu.Unlock()
	var lines []string
	files := 0
	for _, name := range slices.Sorted(maps.Keys(o.probe.calls)) {
		if count := o.probe.calls[name] - o.calls[name]; count > 0 {
			if strings.HasSuffix(name, ".txt") {
				files += count
			}
			lines = append(lines, fmt.Sprintf("%s %d", name, count))
		}
		o.calls[name] = o.probe.calls[name]
	}
	if files > 5 {
		return fmt.Sprintf("%d files", files)
	}
	return strings.Join(lines, ", ")
}

func newTakenOver(t *testing.T, count int) *takenOver {
	return &takenOver{rig: newRig(t), calls: map[string]int{}, folder: folderOf(t, count, func(i int) string {
		if i == 3 || i == 17 || i == count-1 {
			return "fail"
		}
		return fmt.Sprint(i)
	})}
}

// TestARunTakesOverAnother: what an earlier run has completed is not done again, so long as its call is the same.
func TestARunTakesOverAnother(t *testing.T) {
	t.Parallel()
	o := newTakenOver(t, 30)
	p := o.plan(t, "one")
	if result, made := o.run(t, p, nil); made != "30 files" || result.Items.Failed != 3 {
		t.Fatalf("the first run: %s, %d failed", made, result.Items.Failed)
	}
	o.write(t, "f003.txt", "mended")
	o.write(t, "f017.txt", "mended")
	for _, c := range []struct {
		what, want string
		change     func()
		plan       *plan.Plan
		over       protocol.TakeOver
		failed     int
	}{
		{what: "mended", want: "after 1, f003.txt 1, f017.txt 1, f029.txt 1", failed: 1},
		{what: "only the broken one", want: "f029.txt 1", failed: 1},
		{what: "the last one too", want: "after 1, f029.txt 1", change: func() { o.write(t, "f029.txt", "29") }},
		{what: "nothing", want: ""},
		{what: "a changed file", want: "after 1, f005.txt 1", change: func() { o.write(t, "f005.txt", "five") }},
		{what: "a new file before all", want: "a.txt 1, after 1", change: func() { o.write(t, "a.txt", "a") }},
		{what: "one fewer", want: "after 1", change: func() {
			if err := os.Remove(filepath.Join(o.folder, "f000.txt")); err != nil {
				t.Fatal(err)
			}
		}},
		{what: "another call, but only what failed", want: "", plan: o.plan(t, "two"), over: protocol.TakeOver{Failed: true}},
		{what: "selected", want: "f001.txt 1, f020.txt 1, f021.txt 1", plan: p, over: protocol.TakeOver{Items: []string{"1", "f02[01].*"}}},
		{what: "another call", want: "30 files", plan: o.plan(t, "three")},
		{what: "nothing again", want: "", plan: o.plan(t, "three")},
	} {
		if c.change != nil {
			c.change()
		}
		if c.plan != nil {
			p = c.plan
		}
		result, made := o.run(t, p, &c.over)
		if c.want != "" { // Where an item was done, it depends on its duration whether the whole result is another one.
			made = strings.TrimSuffix(made, ", whole 1")
		}
		if made != c.want || result.Items.Failed != c.failed || result.Status != protocol.Completed {
			t.Errorf("%s: %s was done, want %s; %d failed, %s", c.what, made, c.want, result.Items.Failed, result.Status)
		}
		if result.Usage.LLMCalls > 33 || c.want == "" && result.Usage.LLMCalls > 0 {
			t.Errorf("%s: it counts %d calls", c.what, result.Usage.LLMCalls)
		}
	}
	if entries, _ := o.resultOf(t).Get("results"); len(entries.Elements()) != 30 {
		t.Errorf("%d results", len(entries.Elements()))
	}
}

// TestTakingOverFollowsTheChain: a run that was cancelled while it took another one over has not lost what that one had.
func TestTakingOverFollowsTheChain(t *testing.T) {
	t.Parallel()
	o := newTakenOver(t, 30)
	o.write(t, "f029.txt", "wait")
	p := o.plan(t, "one")
	p.Tasks[0].FanOut.MaxConcurrent = 1 // The last file is the last one.
	run := o.begin(t, p, workflows.Start{})
	o.awaitWaiting(t, 1)
	if err := o.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	result, _ := end(t, run)
	if made := o.made(); made != "30 files" || result.Status != protocol.Cancelled {
		t.Fatalf("the first run: %s, %s", made, result.Status)
	}
	first := protocol.EarlierRun{Run: run.GetID(), Execution: run.GetRunID()}
	o.write(t, "f029.txt", "29")
	over := &protocol.TakeOver{Runs: []protocol.EarlierRun{{Run: "unknown", Execution: "unknown"}, first}}
	if _, made := o.run(t, p, over); strings.TrimSuffix(made, ", whole 1") != "after 1, f003.txt 1, f017.txt 1, f029.txt 1" {
		t.Errorf("the second run: %s", made)
	}
	records, err := o.store.Records(t.Context(), resultstore.Query{Run: o.last.Run, Execution: o.last.Execution, Kind: resultstore.Run})
	if err != nil || len(records) != 1 || len(records[0].TakeOver.Runs) != 2 {
		t.Errorf("the record of the run: %+v, %v", records, err)
	}
}

// TestEqualItemsAreTakenOverByTheirCalls: of equal items, each has its own result where their calls differ.
func TestEqualItemsAreTakenOverByTheirCalls(t *testing.T) {
	t.Parallel()
	o := &takenOver{rig: newRig(t), calls: map[string]int{}}
	equal := func(list, failed string) *plan.Plan {
		return compile(t, fmt.Sprintf(`
name: Equal
tasks:
  - {id: each, method: test/echo, for_each: [%s], parameters: {key: all, value: "${index} %s"}}
outputs: {last: "${each.results[-1].result.value}"}
`, list, failed))
	}
	twenty := strings.Repeat("5, ", 19) + "5"
	for _, c := range []struct {
		plan *plan.Plan
		over *protocol.TakeOver
		made string
	}{
		{equal(twenty, "a"), nil, "all 20"},
		{equal(twenty, "a"), &protocol.TakeOver{}, ""},
		{equal(twenty+", 5", "a"), &protocol.TakeOver{}, "all 1"},
		{equal("5, 5, "+twenty, "a"), &protocol.TakeOver{Failed: true}, "all 1"},
		{equal(twenty, "b"), &protocol.TakeOver{Failed: true}, "all 20"}, // Which result is that of which item is not known.
	} {
		if _, made := o.run(t, c.plan, c.over); made != c.made {
			t.Errorf("%d items: %q was done, want %q", len(c.plan.Tasks[0].FanOut.Values.Elements()), made, c.made)
		}
	}
}
