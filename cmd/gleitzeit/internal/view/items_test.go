package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// storedBatch puts a run of a batch of three into a store: one item completed at its second attempt, one failed, and one
// is not done, or, where the batch has ended, was skipped.
func storedBatch(t *testing.T, ended bool) resultstore.Store {
	t.Helper()
	encoded, err := value.Encode(&plan.Plan{Name: "Batch docs", Tasks: []plan.Task{{ID: "batch", Method: "llm/chat", FanOut: &plan.FanOut{}}}})
	if err != nil {
		t.Fatal(err)
	}
	list := []byte(`["/f/a.txt","/f/b.txt","/f/c.txt"]`)
	result := []byte(`{"total":3,"succeeded":1,"failed":1,"skipped":1,"results":[` +
		`{"item":"/f/a.txt","index":0,"status":"completed","result":{"response":"blue"},"error":null,"duration":1},` +
		"{\"item\":\"/f/b.txt\",\"index\":1,\"status\":\"failed\",\"result\":null,\"error\":{\"message\":\"no ``` text\"},\"duration\":1}," +
		`{"item":"/f/c.txt","index":2,"status":"skipped","result":null,"error":{"message":"it had not started"},"duration":0}]}`)
	planRef, listRef, resultRef := protocol.RefOf(encoded.JSON()), protocol.RefOf(list), protocol.RefOf(result)
	record := func(item, attempt int, status protocol.Status) resultstore.Record {
		return resultstore.Record{
			Kind: resultstore.Task, Key: resultstore.Key{Run: "r", Execution: "e", Task: "batch", Item: item, Attempt: attempt},
			Status: status, Attempts: attempt, StartedAt: noon, FinishedAt: noon.Add(time.Second),
		}
	}
	begun := record(protocol.NoItem, 0, protocol.Running)
	begun.FinishedAt, begun.Items = time.Time{}, &listRef
	run := resultstore.Record{
		Kind: resultstore.Run, Key: resultstore.Key{Run: "r", Execution: "e", Item: protocol.NoItem}, Workflow: "Batch docs",
		Status: protocol.Running, StartedAt: noon, Plan: &planRef,
	}
	batch := resultstore.Batch{
		Values:  [][]byte{encoded.JSON(), list, result},
		Records: []resultstore.Record{run, begun, record(0, 1, protocol.Failed), record(0, 2, protocol.Completed), record(1, 1, protocol.Failed)},
	}
	if ended {
		whole := record(protocol.NoItem, 1, protocol.Completed)
		whole.Items, whole.Counts, whole.Value = &listRef, &protocol.Counts{Total: 3, Succeeded: 1, Failed: 1, Skipped: 1}, &resultRef
		batch.Records = append(batch.Records, whole, record(2, 1<<20, protocol.Skipped))
	}
	store := memory.New()
	if err := store.Put(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestABatchUnderWay(t *testing.T) {
	store := storedBatch(t, false)
	run := read(t, store)
	want(t, "line", run.Tasks[0].Line(), "▶ batch  llm/chat  running  2 of 3 files, 1 failed")
	items, err := OpenItems(t.Context(), store, "r", "batch")
	if err != nil || items.Total != 3 || items.Values {
		t.Fatalf("%+v, %v", items, err)
	}
	for i, path := range []string{"/f/a.txt", "/f/b.txt", "/f/c.txt", ""} {
		if item, err := items.At(t.Context(), i); err != nil || item.Text() != path {
			t.Errorf("item %d: %v, %v", i, item, err)
		}
	}
}

func TestABatchThatHasEnded(t *testing.T) {
	run := read(t, storedBatch(t, true))
	want(t, "line", run.Tasks[0].Line(), "✓ batch  llm/chat  completed  1.00 s  1 of 3 files, 1 failed, 1 skipped")
	const text = "== /f/a.txt\nblue\n== /f/b.txt\nfailed: no ``` text\n== /f/c.txt\nskipped: it had not started\n"
	want(t, "results", run.Results(), text)
	batch := run.Batch("batch")
	want(t, "markdown", markdown(batch, run.Tasks[0].Result), "# Batch docs\n\n1 of 3 files succeeded, 1 failed, 1 was skipped, in 0.00 s (run `r`, running).\n"+
		"\n## /f/a.txt\n\nblue\n\n## /f/b.txt\n\n**failed:**\n\n````\nno ``` text\n````\n\n## /f/c.txt\n\n**skipped:**\n\n```\nit had not started\n```\n")
	encoded, err := value.Encode(batch)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "json", string(encoded.JSON()), `{"run":"r","workflow":"Batch docs","status":"running","total":3,"succeeded":1,"failed":1,"skipped":1,"duration":0}`)
}

// markdown is a report with all items of a result.
func markdown(batch *Batch, result *value.Value) string {
	text := batch.MarkdownHeading()
	list, _ := result.Get("results")
	for _, entry := range list.Elements() {
		text += MarkdownItem(entry)
	}
	return text
}

func TestItemsThatAreValues(t *testing.T) {
	long := value.String("  many\nlines " + strings.Repeat("and words ", 20))
	object := value.Object(value.Field{Name: "name", Value: value.String("tea")})
	item := Item{Task: "each", Item: object, Index: 2, Status: protocol.Failed, Attempts: 1, Error: &Error{Message: "broken"}}
	want(t, "line", item.Line(), `✗ each[2]  {"name":"tea"}  failed  broken`)
	counts := protocol.Counts{Total: 3, Succeeded: 1, Failed: 2}
	task := Task{ID: "each", Method: "llm/chat", Status: protocol.Completed, Attempts: 1, Items: &counts, Values: true}
	want(t, "task", task.Line(), "✓ each  llm/chat  completed  1 of 3 items, 2 failed")
	node := Node{ID: "each", Values: true, Each: true}
	want(t, "node", strings.Join(node.notes(), " "), "for each item")
	entry := func(item value.Value) value.Value {
		return value.Object(value.Field{Name: "item", Value: item}, value.Field{Name: "result", Value: value.Int(1)})
	}
	result := value.Object(value.Field{Name: "results", Value: value.List(entry(long), entry(value.Int(7)), entry(value.String("")))})
	task.Result = &result
	want(t, "results", itemsText(&task, 0), "== many lines and words and words and words and words and word…\n1\n== 7\n1\n== \"\"\n1\n")
}

// Items that failed for one reason are one line with what to do, where that says all: not a traceback, and not one that failed otherwise.
func TestItemsThatFailedForOneReason(t *testing.T) {
	result, err := value.Parse([]byte(`{"results":[{"item":"/f/first.txt","index":0,"status":"completed","result":{"response":"tick"},"error":null},` +
		`{"item":"/f/second.txt","index":1,"status":"failed","error":{"message":"no model for second.txt","hint":"pull it"}},` +
		`{"item":"/f/third.txt","index":2,"status":"failed","error":{"message":"no text","hint":"pull it"}},` +
		`{"item":"/f/fourth.txt","index":3,"status":"failed","error":{"message":"no model for fourth.txt","hint":"pull it"}},` +
		`{"item":"/f/fifth.txt","index":4,"status":"failed","error":{"message":"a\ntraceback"}},` +
		`{"item":"/f/sixth.txt","index":5,"status":"failed","error":{"message":"a\ntraceback"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	task := &Task{ID: "x", Status: protocol.Failed, Items: &protocol.Counts{Total: 6, Succeeded: 1, Failed: 5}, Result: &result, folders: []string{"/f"}, listFailed: "show"}
	task.Failures = []Reason{
		{Count: 2, Message: "no model for …", Hint: "pull it", Example: value.String("/f/second.txt"), Index: 1},
		{Count: 1, Message: "no text", Hint: "pull it", Example: value.String("/f/third.txt"), Index: 2},
		{Count: 2, Message: "a\ntraceback", Example: value.String("/f/fifth.txt"), Index: 4},
	}
	want(t, "results", itemsText(task, 0), "== /f/first.txt\ntick\n== /f/third.txt\nfailed: no text\n  pull it\n== /f/fifth.txt\nfailed: a\ntraceback\n"+
		"== /f/sixth.txt\nfailed: a\ntraceback\n2 × no model for …, for example second.txt\n  pull it\n`show` lists all 5\n")
	if text := task.ReasonsBelowItems(); !strings.Contains(text, "x: 5 files failed\n") {
		t.Errorf("%q", text)
	}
	task.Failures = task.Failures[:1]
	if text := task.ReasonsBelowItems(); text != "" {
		t.Errorf("the reason is told again: %s", text)
	}
}

// A result that is not whole has its warning wherever it is shown.
func TestWarningsOfItems(t *testing.T) {
	const cut = "the answer was cut off after 6 tokens"
	result, err := value.Parse([]byte(`{"total":2,"succeeded":2,"failed":0,"skipped":0,"results":[` +
		`{"item":"/f/a.txt","index":0,"status":"completed","result":{"response":"tick","warning":"` + cut + `"},"error":null},` +
		`{"item":"/f/b.txt","index":1,"status":"completed","result":{"response":"blue"},"error":null}]}`))
	if err != nil {
		t.Fatal(err)
	}
	run := &Run{Run: "r", Workflow: "W", Status: protocol.Completed, Tasks: []Task{
		{ID: "batch", Method: "llm/chat", Status: protocol.Completed, Attempts: 1, Items: &protocol.Counts{Total: 2, Succeeded: 2}, Warnings: 1, Result: &result},
	}}
	const text = "== /f/a.txt\ntick\n! " + cut + "\n== /f/b.txt\nblue\n"
	want(t, "results", run.Results(), text)
	want(t, "status", run.Tree(), "r  W  completed\n  ✓ batch  llm/chat  completed  2 of 2 files\n    ! 1 file with a warning: see the results\n")
	batch := run.Batch("batch")
	want(t, "markdown", markdown(batch, run.Tasks[0].Result), "# W\n\n2 of 2 files succeeded, 1 with a warning, in 0.00 s (run `r`, completed).\n"+
		"\n## /f/a.txt\n\n> **Warning:** "+cut+"\n\ntick\n\n## /f/b.txt\n\nblue\n")
	encoded, err := value.Encode(batch)
	if err != nil {
		t.Fatal(err)
	}
	if warnings, _ := encoded.Get("warnings"); warnings.Digits() != "1" {
		t.Errorf("json: %s", encoded.JSON())
	}
}

// The items of a run that a store keeps are counted with their warnings.
func TestCountedWarnings(t *testing.T) {
	record := func(attempt int, status protocol.Status, warning string) resultstore.Record {
		return resultstore.Record{Key: resultstore.Key{Task: "batch", Item: 1, Attempt: attempt}, Status: status, Warning: warning}
	}
	var found itemsOf
	found.at = func(int) (value.Value, error) { return value.Int(1), nil }
	if err := found.count([]resultstore.Record{record(1, protocol.Failed, ""), record(2, protocol.Completed, "cut")}, nil); err != nil || found.summary.Warned != 1 || found.counts.Succeeded != 1 {
		t.Errorf("%+v, %v", found, err)
	}
}

// What to do about an item that failed stands beside its error wherever it is shown.
func TestHintsOfItems(t *testing.T) {
	const hint = "set on_truncation: fit"
	result, err := value.Parse([]byte(`{"total":1,"succeeded":0,"failed":1,"skipped":0,"results":[` +
		`{"item":"/f/a.txt","index":0,"status":"failed","result":null,"error":{"message":"too long","hint":"` + hint + `"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	run := &Run{Run: "r", Workflow: "W", Status: protocol.Completed, Tasks: []Task{
		{ID: "batch", Method: "llm/chat", Status: protocol.Completed, Attempts: 1, Items: &protocol.Counts{Total: 1, Failed: 1}, Result: &result},
	}}
	const text = "== /f/a.txt\nfailed: too long\n  " + hint + "\n"
	want(t, "results", run.Results(), text)
	if got, wanted := markdown(run.Batch("batch"), &result), "**failed:**\n\n```\ntoo long\n```\n\n> "+hint+"\n"; !strings.HasSuffix(got, wanted) {
		t.Errorf("markdown: %q", got)
	}
	run.Error = &Error{Message: "all failed", Hint: hint}
	if got := markdown(run.Batch("batch"), &result); !strings.Contains(got, "\n\n> all failed\n>\n> "+hint+"\n\n") {
		t.Errorf("markdown: %q", got)
	}
}

// The status of a run groups its failed items by why they failed and what to do about them, with an example each.
func TestFailedItemsInATree(t *testing.T) {
	failed := func(item int, message, hint string) resultstore.Record {
		err := protocol.Errorf(protocol.InvalidParams, "%s", message).WithHint("%s", hint)
		return resultstore.Record{Key: resultstore.Key{Task: "batch", Item: item, Attempt: 1}, Status: protocol.Failed, Attempts: 1, Error: err}
	}
	records := []resultstore.Record{failed(1, "a is too long", "cut it"), failed(4, "b is too long", "cut it"), failed(5, "broken", ""), failed(6, "broken", ""), failed(7, "other", "")}
	task := Task{ID: "batch", Method: "llm/chat", Status: protocol.Failed, folders: []string{"/f/of", "/f"}, Error: &Error{Message: "items failed", Hint: "cut it"}, Items: &protocol.Counts{Total: 9, Succeeded: 4, Failed: 5}}
	counted := itemsOf{at: func(index int) (value.Value, error) { return value.String(fmt.Sprintf("/f/%d.txt", index)), nil }}
	if err := counted.count(records, nil); err != nil {
		t.Fatal(err)
	}
	task.Reasons = reasonsOf(&counted.summary)
	run := &Run{Run: "r", Workflow: "W", Status: protocol.Completed, Tasks: []Task{task}}
	run.nameCommands()
	run.Tasks[0].each = true
	want(t, "tree", run.Tree(), "r  W  completed\n  ✗ batch  llm/chat  failed  4 of 9 files, 5 failed  items failed\n"+
		"    1 × a is too long, for example 1.txt\n      cut it\n    1 × b is too long, for example 4.txt\n"+
		"    2 × broken, for example 5.txt\n    1 × other, for example 7.txt\n    `gleitzeit batch show r --failed` lists all 5\n")
	run.Tasks[0] = Task{ID: "one", Method: "llm/chat", Status: protocol.Failed, Error: &Error{Message: "no model", Hint: "pull it"}}
	want(t, "task", run.Tree(), "r  W  completed\n  ✗ one  llm/chat  failed  no model\n    pull it\n")
}

// An attempt that is followed by another is no end of its item or task.
func TestAttemptsThatAreRetried(t *testing.T) {
	again, never := protocol.Errorf(protocol.TaskExecutionFailed, "x"), protocol.Errorf(protocol.InvalidParams, "y")
	failed := func(item, attempt int, err *protocol.Error) resultstore.Record {
		return resultstore.Record{Key: resultstore.Key{Task: "batch", Item: item, Attempt: attempt}, Status: protocol.Failed, Attempts: attempt, Error: err}
	}
	records := []resultstore.Record{failed(0, 1, again), failed(1, 1, never), failed(2, 1, again), failed(2, 2, again)}
	planned := &plan.Plan{Tasks: []plan.Task{{ID: "batch", Retry: &protocol.Retry{MaxAttempts: 2}, FanOut: &plan.FanOut{}}}}
	var open, ended itemsOf
	open.at = func(int) (value.Value, error) { return value.Int(1), nil }
	ended.at = open.at
	if err := open.count(records, (&Run{Status: protocol.Running}).retries(planned)); err != nil {
		t.Fatal(err)
	}
	if open.retrying != 1 || open.counts.Failed != 2 {
		t.Errorf("%+v", open)
	}
	if err := ended.count(records, (&Run{Status: protocol.Cancelled}).retries(planned)); err != nil {
		t.Fatal(err)
	}
	if ended.retrying != 0 || ended.counts.Failed != 3 {
		t.Errorf("%+v", ended)
	}
	task := Task{ID: "batch", Method: "llm/chat", Status: protocol.Running, Items: &open.counts, Retrying: open.retrying}
	want(t, "line", task.Line(), "▶ batch  llm/chat  running  2 of 0 files, 2 failed, 1 retrying")

	planned.Tasks[0].FanOut = nil
	for status, wanted := range map[protocol.Status]protocol.Status{protocol.Running: protocol.Running, protocol.Failed: protocol.Failed} {
		run := &Run{Status: status}
		run.addTasks(planned, byTask([]resultstore.Record{failed(protocol.NoItem, 1, again)}))
		want(t, "task of a run that is "+string(status), string(run.Tasks[0].Status), string(wanted))
	}

	terminated := &Run{Status: protocol.Running, Tasks: []Task{{ID: "batch", Status: protocol.Running, Items: &protocol.Counts{Total: 3, Failed: 1}, Retrying: 1}}}
	terminated.Merge(Live{Status: protocol.Failed})
	if got := terminated.Tasks[0]; got.Items.Failed != 2 || got.Retrying != 0 {
		t.Errorf("%+v", got)
	}
}

func TestALineOfAnItem(t *testing.T) {
	item := Item{Task: "batch", Item: value.String("/f/\x1b.txt"), Index: 2, Status: protocol.Failed, Attempts: 2, StartedAt: &noon, Duration: 1.5, Error: &Error{Message: "broken\nValueError: x"}}
	want(t, "line", item.Line(), "✗ batch[2]  /f/\\x1b.txt  failed  1.50 s  2 attempts  broken ValueError: x")
}

// What several tasks have brought item by item is told apart, and nothing is no empty line.
func TestTheItemsOfSeveralTasksAreToldApart(t *testing.T) {
	items := func(result string) *value.Value {
		v, err := value.Parse([]byte(`{"total":1,"results":[{"item":1,"index":0,"status":"completed","result":` + result + `,"error":null}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return &v
	}
	two := &Run{Status: protocol.Completed, Tasks: []Task{
		{ID: "a", Status: protocol.Completed, Items: &protocol.Counts{Total: 1}, Values: true, Result: items(`{"result":2,"output":""}`)},
		{ID: "b", Status: protocol.Completed, Items: &protocol.Counts{Total: 1}, Values: true, Result: items(`{"result":null,"output":""}`)},
	}}
	want(t, "two", two.Results(), "a:\n== 1\n2\nb:\n== 1\nnull\n")
	two.Tasks = two.Tasks[1:]
	want(t, "one alone", two.Results(), "== 1\nnull\n")
	two.Tasks[0].Result = items(`{"result":null,"output":"said"}`)
	want(t, "a script that printed", two.Results(), "== 1\nsaid\n")
	two.Tasks[0].Result = items(`{"response":""}`)
	want(t, "a model that said nothing", two.Results(), "== 1\n\n")
}

func TestOneIsNoPlural(t *testing.T) {
	want(t, "one file", ItemCounts(protocol.Counts{Total: 1, Failed: 1}, false, true), "0 of 1 file, 1 failed")
	want(t, "two items", ItemCounts(protocol.Counts{Total: 2, Succeeded: 1}, true, false), "1 of 2 items")
}

// Files of one name in several folders can be told apart wherever they are named, also outside of the folders of the run.
func TestItemsAreNamedWithinTheirFolders(t *testing.T) {
	p := &plan.Plan{Folder: "/home/you", FlowFolder: "/flows"}
	for _, c := range []struct {
		each plan.FanOut
		path string
		want string
	}{
		{plan.FanOut{Directory: "docs"}, "/home/you/docs/a/x.pdf", "a/x.pdf"},
		{plan.FanOut{Directory: "docs/"}, "/home/you/docs/b/x.pdf", "b/x.pdf"},
		{plan.FanOut{Directory: "docs"}, "/flows/docs/x.pdf", "x.pdf"},
		{plan.FanOut{Directory: "/data"}, "/data/x.pdf", "x.pdf"},
		{plan.FanOut{Files: []string{"docs", "more"}}, "/home/you/docs/x.pdf", "docs/x.pdf"},
		{plan.FanOut{Directory: "docs"}, "/home/you/docs2/x.pdf", "docs2/x.pdf"},
		{plan.FanOut{Directory: "docs"}, "/data/x.pdf", "/data/x.pdf"},
		{plan.FanOut{}, "/home/you/a\x1b.pdf", `a\x1b.pdf`},
	} {
		task := Task{folders: ItemFolders(p, &c.each)}
		want(t, "name of "+c.path, task.NameOf(value.String(c.path)), c.want)
	}
	task := Task{folders: ItemFolders(p, &plan.FanOut{})}
	want(t, "name of a value", task.NameOf(value.Object(value.Field{Name: "id", Value: value.Int(7)})), `{"id":7}`)
}
