package storetest

import (
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

func recordComesBack(t *testing.T, store resultstore.Store) {
	value, plan := protocol.RefOf([]byte(`{"a":1}`)), protocol.RefOf([]byte(`{"format":1}`))
	run := runOf("r", "e", 0)
	run.Status, run.FinishedAt, run.Queue = protocol.Failed, start.Add(90*time.Second), "gleitzeit-r"
	run.Error = protocol.Errorf(protocol.WorkflowTasksFailed, "1 task failed: %s", "sum").WithHint("see %s", "gleitzeit results r")
	run.Usage = protocol.Usage{LLMCalls: 2, PromptTokens: 80, TokensUsed: 41}
	run.Value, run.Plan = &value, &plan
	task := taskOf("sum", 3, 2)
	task.Status, task.Reason = protocol.Skipped, "its dependency \"fetch\" failed: 'quotes', <tags>\nand 😀"
	task.Warning = "the prompt was cut, and\n\x1b[31m'this'"
	early := taskOf("zero", protocol.NoItem, 1)
	early.StartedAt = time.Time{}
	put(t, store, run, task, early)
	wants(t, store, resultstore.Query{Run: "r"}, run, task, early)
	wants(t, store, resultstore.Query{}, run)
}

func recordReplaces(t *testing.T, store resultstore.Store) {
	run, task := runOf("r", "e", 0), taskOf("sum", protocol.NoItem, 1)
	put(t, store, run, task)
	run.Workflow, run.Status, run.StartedAt = "Renamed", protocol.Completed, start.Add(time.Hour)
	task.Status, task.Method = protocol.Failed, "python/execute"
	put(t, store, run, task)
	wants(t, store, resultstore.Query{Run: "r"}, run, task)
	wants(t, store, resultstore.Query{Workflow: "Renamed", Status: protocol.Completed}, run)
	wants(t, store, resultstore.Query{Workflow: "Example"})
	wants(t, store, resultstore.Query{Status: protocol.Running})

	last := task
	task.Status, last.Status = protocol.Cancelled, protocol.Completed
	put(t, store, task, last) // Of equal keys in one batch, the last one is stored.
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Task}, last)
}

func keysStayApart(t *testing.T, store resultstore.Store) {
	base := taskOf("a", 0, 1)
	others := []resultstore.Record{taskOf("a", 0, 2), taskOf("a", 1, 1), taskOf("b", 0, 1)}
	put(t, store, append(others, base, of("r", "e2", base), of("r2", "e", base))...)
	wants(t, store, resultstore.Query{Run: "r", Execution: "e"}, base, others[0], others[1], others[2])
	wants(t, store, resultstore.Query{Run: "r", Execution: "e2"}, of("r", "e2", base))
	wants(t, store, resultstore.Query{Run: "r2"}, of("r2", "e", base))
}

func anyTextIsAKey(t *testing.T, store resultstore.Store) {
	for _, text := range []string{`quotes ' " and ; --`, "%_*?[", "line\nbreak", "nul\x00here", "Ünïcode 😀", " spaces ", "A", "a"} {
		run, task := runOf(text, "e", 0), of(text, "e", taskOf(text, protocol.NoItem, 1))
		run.Workflow = text
		put(t, store, run, task)
		wants(t, store, resultstore.Query{Run: text}, run, task)
		wants(t, store, resultstore.Query{Run: text, Task: text}, task)
		wants(t, store, resultstore.Query{Workflow: text}, run)
	}
}

func runIsInOrder(t *testing.T, store resultstore.Store) {
	ordered := []resultstore.Record{
		runOf("r", "e", 0),
		taskOf("B", protocol.NoItem, 1),
		taskOf("a", protocol.NoItem, 1), taskOf("a", protocol.NoItem, 2),
		taskOf("a", 2, 1), taskOf("a", 10, 1), taskOf("a", 10, 2), taskOf("a", 10, 10),
		taskOf("a2", 0, 1),
		taskOf("b", 0, 1),
	}
	for _, i := range []int{7, 2, 9, 0, 4, 1, 8, 6, 3, 5} {
		put(t, store, ordered[i], of("other", "e", taskOf("a", i, 1)))
	}
	wants(t, store, resultstore.Query{Run: "r"}, ordered...)
}

func runIsFiltered(t *testing.T, store resultstore.Store) {
	run, a, a2, b := runOf("r", "e", 0), taskOf("a", 0, 1), taskOf("a", 1, 1), taskOf("b", 0, 1)
	put(t, store, b, a2, a, run)
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Run}, run)
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Task}, a, a2, b)
	wants(t, store, resultstore.Query{Run: "r", Task: "a"}, a, a2)
	wants(t, store, resultstore.Query{Run: "r", Execution: "e", Kind: resultstore.Task, Task: "b"}, b)
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Run, Task: "a"})
	zero, one, none := 0, 1, protocol.NoItem
	wants(t, store, resultstore.Query{Run: "r", Task: "a", Item: &zero}, a)
	wants(t, store, resultstore.Query{Run: "r", Item: &one}, a2)
	wants(t, store, resultstore.Query{Run: "r", Item: &zero}, a, b)
	wants(t, store, resultstore.Query{Run: "r", Item: &none}, run)
	// Filters of runs do not apply to the records of one.
	wants(t, store, resultstore.Query{Run: "r", Workflow: "Other", Status: protocol.Failed}, run, a, a2, b)
	ten, a10 := 10, taskOf("a", 10, 2)
	put(t, store, a10, taskOf("a", 11, 1), taskOf("a", protocol.NoItem, 1), taskOf("b", 1, 1))
	wants(t, store, resultstore.Query{Run: "r", Task: "a", Item: &one, Last: &ten}, a2, a10)
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Task, Task: "a", Item: &zero, Last: &one}, a, a2)
}

func newestExecution(t *testing.T, store resultstore.Store) {
	older, newer := runOf("r", "z-older", 1), runOf("r", "a-newer", 2)
	olderTask, newerTask := of("r", "z-older", taskOf("t", 0, 1)), of("r", "a-newer", taskOf("t", 0, 1))
	put(t, store, newer, newerTask)
	put(t, store, older, olderTask)
	put(t, store, of("r", "only-a-task", taskOf("t", 0, 1)))
	put(t, store, runOf("other", "e", 60))
	wants(t, store, resultstore.Query{Run: "r"}, newer, newerTask)
	wants(t, store, resultstore.Query{Run: "r", Execution: "z-older"}, older, olderTask)
	wants(t, store, resultstore.Query{Run: "r", Execution: "none"})
	wants(t, store, resultstore.Query{}, runOf("other", "e", 60), newer, older)
}

func newestExecutionOfEqual(t *testing.T, store resultstore.Store) {
	first, second := runOf("r", "b", 0), runOf("r", "a", 0)
	put(t, store, first)
	put(t, store, second)
	wants(t, store, resultstore.Query{Run: "r"}, second)
	put(t, store, first)
	wants(t, store, resultstore.Query{Run: "r"}, first)
}

func tasksBeforeTheirRun(t *testing.T, store resultstore.Store) {
	early, late := of("r", "a", taskOf("x", 0, 1)), of("r", "b", taskOf("x", 0, 1))
	put(t, store, late)
	put(t, store, early)
	wants(t, store, resultstore.Query{Run: "r"}, early)
	put(t, store, late)
	wants(t, store, resultstore.Query{Run: "r"}, late)
	wants(t, store, resultstore.Query{})
	put(t, store, runOf("r", "a", 0))
	wants(t, store, resultstore.Query{Run: "r"}, runOf("r", "a", 0), early)
}

func runsAreInOrder(t *testing.T, store resultstore.Store) {
	put(t, store, runOf("b", "e", 2))
	put(t, store, runOf("d", "e", 2), of("d", "e", taskOf("not-a-run", 0, 1)))
	put(t, store, runOf("a", "e", 3))
	put(t, store, runOf("c", "e", 1))
	wants(t, store, resultstore.Query{}, runOf("a", "e", 3), runOf("d", "e", 2), runOf("b", "e", 2), runOf("c", "e", 1))
}

func runsAreFiltered(t *testing.T, store resultstore.Store) {
	a, b, c, d := runOf("a", "e", 1), runOf("b", "e", 2), runOf("c", "e", 3), runOf("d", "e", 4)
	b.Status, c.Workflow, d.Workflow, d.Status = protocol.Failed, "Other", "Other", protocol.Failed
	put(t, store, a, b, c, d)
	wants(t, store, resultstore.Query{Workflow: "Example"}, b, a)
	wants(t, store, resultstore.Query{Status: protocol.Failed}, d, b)
	wants(t, store, resultstore.Query{Workflow: "Other", Status: protocol.Failed}, d)
	wants(t, store, resultstore.Query{Workflow: "Other", Status: protocol.Skipped})
	// Filters of the records of one run do not apply to runs.
	wants(t, store, resultstore.Query{Kind: resultstore.Task, Task: "t", Execution: "none"}, d, c, b, a)
}

func limit(t *testing.T, store resultstore.Store) {
	put(t, store, runOf("r", "e", 2), taskOf("a", 0, 1), taskOf("b", 0, 1), runOf("q", "e", 1), runOf("s", "e", 3))
	wants(t, store, resultstore.Query{Limit: 2}, runOf("s", "e", 3), runOf("r", "e", 2))
	wants(t, store, resultstore.Query{Workflow: "Example", Limit: 1}, runOf("s", "e", 3))
	wants(t, store, resultstore.Query{Run: "r", Limit: 2}, runOf("r", "e", 2), taskOf("a", 0, 1))
	wants(t, store, resultstore.Query{Run: "r", Kind: resultstore.Task, Limit: 1}, taskOf("a", 0, 1))
	wants(t, store, resultstore.Query{Run: "r", Limit: 100}, runOf("r", "e", 2), taskOf("a", 0, 1), taskOf("b", 0, 1))
}

func nothingFound(t *testing.T, store resultstore.Store) {
	for _, query := range []resultstore.Query{{}, {Run: "none"}, {Run: "none", Execution: "none"}, {Workflow: "none"}} {
		found, err := store.Records(t.Context(), query)
		if err != nil || found == nil || len(found) != 0 {
			t.Errorf("%+v: %#v, %v; want an empty slice", query, found, err)
		}
	}
}
