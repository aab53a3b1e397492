package workflows_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// folderOf returns a folder with count files, f000.txt and so on; text returns their contents.
func folderOf(t testing.TB, count int, text func(i int) string) string {
	t.Helper()
	folder := t.TempDir()
	for i := range count {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("f%03d.txt", i)), []byte(text(i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func numbered(i int) string { return fmt.Sprint(i) }

// batch returns the plan of a batch over a real folder.
func batch(t testing.TB, folder, keys, template string) *plan.Plan {
	t.Helper()
	text := fmt.Sprintf("name: Batch\nbatch: {directory: %q%s}\ntemplate: {method: test/file%s}\n", folder, keys, template)
	return compileBatch(t, text, folder)
}

func compileBatch(t testing.TB, text, folder string) *plan.Plan {
	t.Helper()
	return compileIn(t, text, "/flows", fstest.MapFS{strings.TrimPrefix(folder, "/") + "/f000.txt": {}})
}

// resultOf returns the result of the task `batch`.
func (r *rig) resultOf(t testing.TB) value.Value {
	t.Helper()
	none := protocol.NoItem
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Task: "batch", Item: &none})
	if err != nil || len(records) == 0 {
		t.Fatal(records, err)
	}
	last := records[len(records)-1]
	if last.Value == nil {
		t.Fatalf("no result: %+v", last)
	}
	data, err := r.store.Value(t.Context(), *last.Value)
	if err != nil {
		t.Fatal(err)
	}
	v, err := value.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// shape describes the result without its entries: "total 3, succeeded 2, failed 1, skipped 0".
func shape(result value.Value) string {
	var parts []string
	for _, field := range result.Fields() {
		if field.Name != "results" {
			parts = append(parts, field.Name+" "+field.Value.Digits())
		}
	}
	return strings.Join(parts, ", ")
}

func entries(result value.Value) []value.Value {
	list, _ := result.Get("results")
	return list.Elements()
}

func get(v value.Value, path ...string) value.Value {
	for _, name := range path {
		v, _ = v.Get(name)
	}
	return v
}

func events(t testing.TB, r *rig, run client.WorkflowRun, first string) []*historypb.HistoryEvent {
	t.Helper()
	return slices.Concat(histories(t, r.Client, run.GetID(), first)...)
}

// itemHistories returns the histories of the workflow that ran the items of a task, from the first.
func itemHistories(t testing.TB, r *rig, run client.WorkflowRun, first, task string) [][]*historypb.HistoryEvent {
	t.Helper()
	for _, child := range itemWorkflows(t, r, run.GetID(), first) {
		if child.GetWorkflowId() == workflows.MapID(run.GetID(), task) {
			return histories(t, r.Client, child.GetWorkflowId(), child.GetRunId())
		}
	}
	t.Fatalf("no workflow ran the items of %s", task)
	return nil
}

// itemWorkflows returns the first executions of the workflows that ran items of a run.
func itemWorkflows(t testing.TB, r *rig, run, first string) (found []*commonpb.WorkflowExecution) {
	t.Helper()
	for _, history := range histories(t, r.Client, run, first) {
		for _, event := range history {
			if child := event.GetChildWorkflowExecutionStartedEventAttributes().GetWorkflowExecution(); child != nil {
				found = append(found, child)
			}
		}
	}
	return found
}

func TestABatchOf200FilesWithBrokenOnes(t *testing.T) {
	r := newRig(t)
	folder := folderOf(t, 200, func(i int) string {
		if i == 17 || i == 150 {
			return "fail"
		}
		return numbered(i)
	})
	p := compileBatch(t, fmt.Sprintf(`
name: Batch
batch: {directory: %q, max_concurrent: 5}
template: {method: test/file, note: "${item.stem} ${index}"}
tasks:
  - {id: after, method: test/echo, parameters: {value: "${batch.failed} of ${batch.total}"}}
outputs: {first: "${batch.results[0].result.value}", reason: "${batch.results[17].error.message}", after: "${after.value}"}
`, folder), folder)
	run := r.start(t, p)
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"first":"0","reason":"failure of f017.txt","after":"2 of 200"}`)
	same(t, "counts", *result.Items, protocol.Counts{Total: 200, Succeeded: 198, Failed: 2})
	same(t, "usage", result.Usage.LLMCalls, 199) // The failed ones used none, and the last task one.
	if r.probe.most > 5 {
		t.Errorf("%d items were in flight", r.probe.most)
	}
	got := r.resultOf(t)
	same(t, "shape", shape(got), "total 200, succeeded 198, failed 2, skipped 0")
	for i, entry := range entries(got) {
		same(t, "index", get(entry, "index").Digits(), fmt.Sprint(i))
		same(t, "item", get(entry, "item").Text(), filepath.Join(folder, fmt.Sprintf("f%03d.txt", i)))
		if i == 17 || i == 150 {
			same(t, "status", get(entry, "status").Text(), "failed")
			same(t, "name", get(entry, "error", "name").Text(), "TASK_EXECUTION_FAILED")
			continue
		}
		same(t, "status", get(entry, "status").Text(), "completed")
		same(t, "value", get(entry, "result", "value").Text(), fmt.Sprint(i))
	}
	for _, event := range itemHistories(t, r, run, first, "batch")[0] {
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityId() == "batch[0]" {
			same(t, "summary", string(event.GetUserMetadata().GetSummary().GetData()), `"batch [0] f000.txt"`)
			return
		}
	}
	t.Error("no activity is called batch[0]")
}

func TestABatchFailsWhenAllItsItemsDo(t *testing.T) {
	r := newRig(t)
	folder := folderOf(t, 3, func(int) string { return "fail" })
	result, _ := end(t, r.start(t, batch(t, folder, "", "")))
	same(t, "status", result.Status, protocol.Failed)
	got := r.resultOf(t)
	same(t, "shape", shape(got), "total 3, succeeded 0, failed 3, skipped 0")
	same(t, "error", r.whole(t).Error.Message, "all of 3 files failed; the first is "+strings.TrimPrefix(folder, os.TempDir()+"/")+"/f000.txt: failure of f000.txt") // As the plan's folder is.
}

// whole returns the last record of the task `batch` itself.
func (r *rig) whole(t testing.TB) resultstore.Record {
	t.Helper()
	none := protocol.NoItem
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Task: "batch", Item: &none})
	if err != nil || len(records) == 0 {
		t.Fatal(records, err)
	}
	return records[len(records)-1]
}

func TestMaxFailuresStopsABatch(t *testing.T) {
	for name, template := range map[string]string{"a number": ", max_failures: 2", "a percentage": `, max_failures: 10%`} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			folder := folderOf(t, 20, func(i int) string {
				if i%2 == 0 {
					return "fail"
				}
				return "x"
			})
			result, _ := end(t, r.start(t, batch(t, folder, ", max_concurrent: 1", template)))
			same(t, "status", result.Status, protocol.Failed)
			got := r.resultOf(t)
			same(t, "shape", shape(got), "total 20, succeeded 2, failed 3, skipped 15")
			same(t, "the rest", get(entries(got)[19], "status").Text(), "skipped")
			same(t, "calls of the sixth", r.probe.called("f005.txt"), 0)
			if message := r.whole(t).Error.Message; !strings.HasPrefix(message, "3 of 20 files failed, and max_failures is ") {
				t.Error(message)
			}
		})
	}
}

func TestABatchWithoutFilesFails(t *testing.T) {
	r := newRig(t)
	folder := t.TempDir()
	p := compileIn(t, fmt.Sprintf("name: None\nbatch: {directory: %q, pattern: \"*.txt\"}\ntemplate: {method: test/file}\ntasks: [{id: b, method: test/echo, dependencies: [batch]}]\n", folder),
		"/flows", fstest.MapFS{strings.TrimPrefix(folder, "/") + "/x": {}})
	result, _ := end(t, r.start(t, p))
	same(t, "status", result.Status, protocol.Failed)
	tasks := r.tasks(t)
	same(t, "message", tasks["batch"].Error.Message, fmt.Sprintf("no file in %q matches %q", folder, "*.txt"))
	same(t, "code", tasks["batch"].Error.Code, protocol.TaskValidationFailed)
	same(t, "b", tasks["b"].Status, protocol.Skipped)
}

func TestABatchOf500FilesFitsIntoOneHistory(t *testing.T) {
	for name, keys := range map[string]string{"sixteen at once": "", "one after another": ", max_concurrent: 1"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			folder := folderOf(t, 500, numbered)
			run := r.start(t, batch(t, folder, keys, ", long: "+strings.Repeat("x", 10_000)))
			first := run.GetRunID()
			result, _ := end(t, run)
			same(t, "counts", *result.Items, protocol.Counts{Total: 500, Succeeded: 500})
			all := itemHistories(t, r, run, first, "batch")
			size := 0
			for _, event := range all[0] {
				size += len(event.String())
			}
			t.Logf("%d events, about %d bytes", len(all[0]), size)
			if len(all) != 1 || len(all[0]) > 4000 || size > 3<<20 {
				t.Errorf("%d histories; the first has %d events and about %d bytes", len(all), len(all[0]), size)
			}
		})
	}
}

func TestABatchContinuesInANewHistory(t *testing.T) {
	r := newRig(t, servertest.WithOverrides(smallHistories))
	folder := folderOf(t, 60, func(i int) string {
		if i == 3 || i == 50 {
			return "fail"
		}
		return numbered(i)
	})
	p := compileBatch(t, fmt.Sprintf(`
name: Continued
max_parallel: 4
batch: {directory: %q}
template: {method: test/file, max_failures: 5}
tasks:
  - {id: other, method: test/echo, parameters: {key: other, value: 1}}
  - {id: after, method: test/echo, parameters: {value: "${batch.results[59].result.value}"}}
`, folder), folder)
	run := r.start(t, p)
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "counts", *result.Items, protocol.Counts{Total: 60, Succeeded: 58, Failed: 2})
	same(t, "usage", result.Usage.LLMCalls, 60)
	same(t, "after", r.value(t, "after").Text(), "59")
	for i := range 60 {
		same(t, fmt.Sprintf("calls of item %d", i), r.probe.called(fmt.Sprintf("f%03d.txt", i)), 1)
	}
	if got := len(itemHistories(t, r, run, first, "batch")); got < 2 {
		t.Errorf("%d histories", got)
	}
}

func TestACancelledBatchKeepsItsResults(t *testing.T) {
	r := newRig(t)
	run := cancelledBatch(t, r)
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	got := r.resultOf(t)
	same(t, "shape", shape(got), "total 6, succeeded 2, failed 0, skipped 4")
	same(t, "in flight", get(entries(got)[2], "error", "message").Text(), "it was cancelled while it ran")
	same(t, "not started", get(entries(got)[5], "error", "message").Text(), "it had not started when the run was cancelled")
	same(t, "task", r.whole(t).Status, protocol.Cancelled)
	same(t, "after", r.tasks(t)["after"].Status, protocol.Cancelled)
}

func TestItemsStartByPriorityThenInTheFilesOrder(t *testing.T) {
	r := newRig(t)
	folder := folderOf(t, 3, numbered)
	p := compileBatch(t, fmt.Sprintf(`
name: Order
max_parallel: 1
batch: {directory: %q}
template: {method: test/file}
tasks:
  - {id: first, priority: urgent, method: test/echo}
  - {id: last, method: test/echo}
  - {id: between, priority: high, method: test/echo, dependencies: [first]}
`, folder), folder)
	run := r.start(t, p)
	id := run.GetRunID()
	end(t, run)
	var scheduled []*historypb.HistoryEvent
	for _, event := range append(events(t, r, run, id), itemHistories(t, r, run, id, "batch")[0]...) {
		if event.GetActivityTaskScheduledEventAttributes() != nil {
			scheduled = append(scheduled, event)
		}
	}
	slices.SortStableFunc(scheduled, func(a, b *historypb.HistoryEvent) int {
		return a.GetEventTime().AsTime().Compare(b.GetEventTime().AsTime())
	})
	var order []string
	for _, event := range scheduled {
		order = append(order, event.GetActivityTaskScheduledEventAttributes().GetActivityId())
	}
	same(t, "order", strings.Join(order, " "), "first between batch[0] batch[1] batch[2] last")
}

func TestALargeListOfItemsStaysOutOfTheHistory(t *testing.T) {
	r := newRig(t)
	folder := filepath.Join(t.TempDir(), strings.Repeat("deep/"+strings.Repeat("x", 200)+"/", 3))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("f%03d.txt", i)), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := r.start(t, batch(t, folder, "", ""))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "counts", *result.Items, protocol.Counts{Total: 300, Succeeded: 300})
	for _, event := range append(events(t, r, run, first), itemHistories(t, r, run, first, "batch")[0]...) {
		for _, payloads := range event.GetMarkerRecordedEventAttributes().GetDetails() {
			for _, payload := range payloads.GetPayloads() {
				if len(payload.GetData()) > 64<<10 {
					t.Errorf("a marker has %d bytes", len(payload.GetData()))
				}
			}
		}
	}
}

// Results that are too large for one value are there all the same: only what needs them as one value fails.
func TestTheResultsOfAllItemsMayBeTooLargeForOneValue(t *testing.T) {
	r := newRig(t)
	folder := folderOf(t, 9, numbered)
	p := compileBatch(t, fmt.Sprintf(`
name: Large
batch: {directory: %q}
template: {method: test/text, size: 8388608, path: "${item}"}
tasks:
  - {id: part, method: test/echo, parameters: {value: "${batch.results[*].index}"}}
  - {id: all, method: test/echo, parameters: {value: "${batch}"}}
outputs: {part: "${part.value}"}
`, folder), folder)
	result, _ := end(t, r.start(t, p))
	same(t, "status", result.Status, protocol.Failed)
	tasks := r.tasks(t)
	same(t, "batch", tasks["batch"].Status, protocol.Completed)
	same(t, "part", tasks["part"].Status, protocol.Completed)
	same(t, "code", tasks["all"].Error.Code, protocol.TaskParameterError)
	if failure := tasks["all"].Error; !strings.Contains(failure.Message, `the results of 9 items of task "batch" have 7549`) || !strings.Contains(failure.Hint, "gleitzeit batch export") {
		t.Errorf("%+v", failure)
	}
}

func TestNoCallContainsTheFilesOfOthers(t *testing.T) {
	r := newRig(t)
	const count = 300
	folder := folderOf(t, count, numbered)
	files, there := make([]string, count), fstest.MapFS{}
	for i := range files {
		files[i] = fmt.Sprintf("%s/f%03d.txt", folder, i)
		there[strings.TrimPrefix(files[i], "/")] = &fstest.MapFile{}
	}
	text := fmt.Sprintf("name: Elsewhere\nmax_parallel: 200\nbatch: {files: [%s]}\ntemplate: {method: test/file}\n", strings.Join(files, ", "))
	run := r.start(t, compileIn(t, text, "/flows", there))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	for _, event := range events(t, r, run, first) {
		for _, input := range event.GetActivityTaskScheduledEventAttributes().GetInput().GetPayloads() {
			if len(input.GetData()) > 4<<10 {
				t.Fatalf("a call has %d bytes", len(input.GetData()))
			}
		}
	}
}
