package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// compileWith compiles a workflow with others, by their names, beside it.
func compileWith(t testing.TB, text string, others map[string]string) *plan.Plan {
	t.Helper()
	files := fstest.MapFS{}
	for name, other := range others {
		files["flows/"+name] = &fstest.MapFile{Data: []byte(other)}
	}
	return compileIn(t, text, "/flows", files)
}

const double = `
name: Double
inputs:
  n: {type: number, required: true}
  list: {type: list, default: [x]}
  big: {type: string, default: ""}
tasks:
  - {id: first, method: test/echo, parameters: {key: first, value: {n: "${inputs.n}", list: "${inputs.list}"}}}
  - {id: each, method: test/echo, for_each: "${inputs.list}", parameters: {value: "${item} ${inputs.n}"}}
  - {id: last, method: test/echo, dependencies: [first], parameters: {value: "${first.value.n}/${each.succeeded}/${run.id}/${run.workflow}"}}
finally:
  - {id: note, method: test/echo, parameters: {key: note, value: "${run.status}"}}
outputs:
  text: ${last.value}
  items: ${each.results[*].result.value}
  big: ${inputs.big}
`

// nestedRun runs a workflow that runs two others, one of which runs the second, too.
func nestedRun(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return r.start(t, compileWith(t, `
name: Outer
tasks:
  - {id: before, method: test/echo, parameters: {value: [a, b, c]}}
  - {id: sub, workflow: double.yaml, inputs: {n: 7, list: "${before.value}"}}
  - {id: deep, name: Deeper, workflow: within/deeper.yaml, when: "${before.value[0]} == 'a'", inputs: {n: 3}}
  - {id: after, method: test/echo, parameters: {value: "${sub.outputs.text} ${deep.outputs.of}"}}
outputs:
  after: ${after.value}
  items: ${sub.outputs.items}
`, map[string]string{"double.yaml": double, "within/deeper.yaml": `
name: Deeper
inputs: {n: 0}
tasks:
  - {id: sub, workflow: ../double.yaml, inputs: {n: "${inputs.n}"}}
outputs: {of: "${sub.outputs.text}"}
`}))
}

func TestATaskRunsAnotherWorkflow(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, nestedRun(t, r))
	same(t, "status", result.Status, protocol.Completed)
	id := "run-" + r.Queue
	same(t, "outputs", string(result.Outputs.Inline.JSON()), fmt.Sprintf(`{"after":"7/3/%s/Double 3/1/%s/Double","items":["a 7","b 7","c 7"]}`, id, id))
	same(t, "tasks", result.Completed, 4)
	same(t, "items", *result.Items, protocol.Counts{Total: 4, Succeeded: 4})
	same(t, "calls", result.Usage.LLMCalls, 12)
	tasks := r.tasks(t)
	for _, task := range []string{"sub", "sub/first", "sub/each", "sub/last", "sub/note", "deep", "deep/sub", "deep/sub/each"} {
		same(t, task, tasks[task].Status, protocol.Completed)
	}
	same(t, "calls of a part", tasks["deep"].Usage.LLMCalls, 4)
	same(t, "method", tasks["deep"].Method, plan.WorkflowMethod)
	runs, err := r.store.Records(t.Context(), resultstore.Query{Limit: 5})
	if err != nil || len(runs) != 1 {
		t.Error("other runs were recorded:", runs, err)
	}
}

func TestAFailureWithinAWorkflowFailsItsTask(t *testing.T) {
	for _, c := range []struct {
		keys, status, after string
	}{
		{"", "failed", "skipped"},
		{"continue_on_error: true, ", "completed", "completed"},
	} {
		r := newRig(t)
		result, _ := end(t, r.start(t, compileWith(t, `
name: Outer
tasks:
  - {id: sub, `+c.keys+`workflow: bad.yaml}
  - {id: after, method: test/echo, dependencies: [sub], parameters: {value: "${sub.error.message:-}"}}
`, map[string]string{"bad.yaml": `
name: Bad
tasks:
  - {id: good, method: test/echo, parameters: {value: 1}}
  - {id: bad, method: test/fail, dependencies: [good], parameters: {key: bad, times: 9, kind: task}}
  - {id: needs, method: test/echo, dependencies: [bad]}
outputs: {good: "${good.value}", never: "${needs.value:-}"}
`})))
		same(t, "status", string(result.Status), c.status)
		tasks := r.tasks(t)
		same(t, "error", tasks["sub"].Error.Message, `1 task failed: "sub/bad"; 1 task skipped because of that`)
		same(t, "why", tasks["sub/needs"].Reason, `it needs "sub/bad", which failed`)
		same(t, "after", string(tasks["after"].Status), c.after)
	}
}

func TestInputsOfAWorkflowAreCheckedWhenItsTaskStarts(t *testing.T) {
	for _, c := range []struct{ value, error string }{
		{`"seven"`, `input "n" of /flows/double.yaml must be a number, not "seven"`},
		{`null`, `required input "n" of /flows/double.yaml is missing: its value is null`},
	} {
		r := newRig(t)
		result, _ := end(t, r.start(t, compileWith(t, `
name: Outer
tasks:
  - {id: before, method: test/echo, parameters: {value: `+c.value+`}}
  - {id: sub, workflow: double.yaml, inputs: {n: "${before.value}"}}
`, map[string]string{"double.yaml": double})))
		same(t, "status", result.Status, protocol.Failed)
		failed := r.tasks(t)["sub"]
		same(t, "error", failed.Error.Message, c.error)
		same(t, "code", failed.Error.Code, protocol.TaskParameterError)
		same(t, "calls", r.probe.called("first"), 0)
	}
}

func TestLargeValuesPassThroughAWorkflow(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, r.start(t, compileWith(t, `
name: Outer
tasks:
  - {id: text, method: test/text, parameters: {size: 3000000}}
  - {id: sub, workflow: double.yaml, inputs: {n: 1, big: "${text.value}"}}
  - {id: same, method: test/echo, parameters: {value: "${sub.outputs.big}"}}
`, map[string]string{"double.yaml": double})))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "length", len(r.value(t, "same").Text()), 3000000)
}

const waiting = `
name: Waiting
timeout: %s
tasks:
  - {id: first, method: test/echo, parameters: {key: first, value: 1}}
  - {id: work, method: test/wait, dependencies: [first], parameters: {key: work, value: done}}
finally:
  - {id: note, method: test/echo, parameters: {key: note, value: "${run.status}: ${run.error.message:-}"}}
  - {id: slow, method: %s, parameters: {key: slow}}
outputs: {text: "${work.value}"}
`

// cancelledNested cancels a run that runs another workflow, and then what is left of both.
func cancelledNested(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	run := r.start(t, compileWith(t, `
name: Outer
tasks:
  - {id: sub, workflow: inner.yaml}
  - {id: next, method: test/echo, dependencies: [sub]}
`, map[string]string{"inner.yaml": fmt.Sprintf(waiting, "1h", "test/wait")}))
	r.awaitWaiting(t, 1)
	r.cancel(t, run)
	r.awaitWaiting(t, 1)
	r.cancelAgain(t, run)
	return run
}

func TestACancelReachesAWorkflowWithin(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, cancelledNested(t, r))
	same(t, "status", result.Status, protocol.Cancelled)
	tasks := r.tasks(t)
	same(t, "sub", tasks["sub"].Status, protocol.Cancelled)
	same(t, "why", tasks["sub"].Error.Message, "it was cancelled while it ran")
	same(t, "sub/work", tasks["sub/work"].Status, protocol.Cancelled)
	same(t, "sub/note", r.value(t, "sub/note").Text(), "cancelled: the workflow was cancelled")
	same(t, "sub/slow", tasks["sub/slow"].Error.Message, "it was cancelled while it ran, because the clean-up was cancelled")
	same(t, "next", tasks["next"].Status, protocol.Cancelled)
}

func TestTheTimeoutOfATaskIsThatOfItsWorkflow(t *testing.T) {
	for _, c := range []struct{ task, inner string }{{"timeout: 0.3, ", "1h"}, {"", "0.3"}, {"timeout: 1h, ", "0.3"}} {
		r := newRig(t)
		result, _ := end(t, r.start(t, compileWith(t, "name: Outer\ntasks:\n  - {id: sub, "+c.task+"workflow: inner.yaml}\n",
			map[string]string{"inner.yaml": fmt.Sprintf(waiting, c.inner, "test/echo")})))
		same(t, "status", result.Status, protocol.Failed)
		tasks := r.tasks(t)
		same(t, "status of the task", tasks["sub"].Status, protocol.Failed)
		same(t, "code", tasks["sub"].Error.Code, protocol.TaskTimeout)
		same(t, "message", tasks["sub"].Error.Message, "the workflow timed out after 300ms")
		same(t, "note", r.value(t, "sub/note").Text(), "timed_out: the workflow timed out after 300ms")
	}
}

func TestAFailureElsewhereCancelsAWorkflow(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compileWith(t, `
name: Outer
fail_fast: true
tasks:
  - {id: sub, workflow: inner.yaml}
  - {id: bad, method: test/file, parameters: {path: no.txt}}
`, map[string]string{"inner.yaml": fmt.Sprintf(waiting, "1h", "test/echo")}))
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Failed)
	sub := r.tasks(t)["sub"]
	same(t, "sub", sub.Status, protocol.Cancelled)
	same(t, "why", strings.HasSuffix(sub.Error.Message, `because task "bad" failed`), true)
}

// killedNested starts a run whose worker is killed while a task of a workflow within it runs, and resumes it here.
func killedNested(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return killedWhile(t, r, "work", compileWith(t, `
name: Outer
tasks:
  - {id: sub, workflow: inner.yaml}
outputs: {text: "${sub.outputs.text}"}
`, map[string]string{"inner.yaml": fmt.Sprintf(waiting, "1h", "test/echo")}))
}

func TestAKilledWorkerLosesNothingOfAWorkflowWithin(t *testing.T) {
	r := newIdleRig(t)
	result, _ := end(t, killedNested(t, r))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"text":"done"}`)
	same(t, "calls of first here", r.probe.called("first"), 0)
	same(t, "calls of work here", r.probe.called("work"), 1)
	same(t, "attempts", r.tasks(t)["sub/work"].Attempts, 1)
}

func TestARetryTakesOverWhatAWorkflowWithinHasCompleted(t *testing.T) {
	r := newRig(t)
	p := compileWith(t, `
name: Outer
tasks:
  - {id: sub, workflow: inner.yaml, inputs: {n: 2}}
  - {id: after, method: test/echo, parameters: {key: after, value: "${sub.outputs.n}"}}
`, map[string]string{"inner.yaml": `
name: Inner
inputs: {n: 0}
tasks:
  - {id: a, method: test/echo, parameters: {key: a, value: "${inputs.n}"}}
  - {id: each, method: test/echo, for_each: [1, 2], parameters: {key: each, value: "${item}"}}
  - {id: b, method: test/fail, dependencies: [a, each], parameters: {key: b, times: 1, kind: task, value: "${a.value}"}}
outputs: {n: "${b.value}"}
`})
	first := r.start(t, p)
	result, _ := end(t, first)
	same(t, "status", result.Status, protocol.Failed)
	over := &protocol.TakeOver{Runs: []protocol.EarlierRun{{Run: first.GetID(), Execution: first.GetRunID()}}}
	result, _ = end(t, r.begin(t, p, workflows.Start{TakeOver: over}))
	same(t, "status of the second", result.Status, protocol.Completed)
	same(t, "a", r.probe.called("a"), 1)
	same(t, "each", r.probe.called("each"), 2)
	same(t, "b", r.probe.called("b"), 2)
	same(t, "after", r.probe.called("after"), 1)
}

// continuedNested runs a workflow within another one that fills several histories.
func continuedNested(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	var inner strings.Builder
	inner.WriteString("name: Long\ninputs: {n: 1}\nmax_parallel: 4\ntasks:\n  - {id: t0, method: test/echo, parameters: {key: t, value: \"${inputs.n}\"}}\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&inner, "  - {id: t%d, method: test/echo, parameters: {key: t, value: \"${t%d.value}\"}}\n", i, i-1)
	}
	inner.WriteString("outputs: {n: \"${t39.value}\"}\n")
	return r.start(t, compileWith(t, `
name: Outer
tasks:
  - {id: sub, workflow: long.yaml, inputs: {n: 5}}
outputs: {n: "${sub.outputs.n}"}
`, map[string]string{"long.yaml": inner.String()}))
}

func TestAWorkflowWithinContinuesAsNew(t *testing.T) {
	r := newRig(t, servertest.WithOverrides(smallHistories))
	run := continuedNested(t, r)
	result, _ := end(t, run)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"n":5}`)
	same(t, "calls", r.probe.called("t"), 40)
	child := itemWorkflows(t, r, run.GetID(), run.GetRunID())[0]
	if got := len(histories(t, r.Client, child.GetWorkflowId(), child.GetRunId())); got < 2 {
		t.Errorf("%d histories", got)
	}
}

// eachNested runs a workflow for each item. Of three, one fails and one has a condition that is false.
func eachNested(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return r.start(t, compileWith(t, `
name: Outer
tasks:
  - {id: list, method: test/echo, parameters: {value: [{n: 1}, {n: 2}, {n: x}, {n: 0}, {n: 5}]}}
  - id: sub
    workflow: inner.yaml
    for_each: ${list.value}
    when: ${item.n} != 0
    max_concurrent: 2
    inputs: {n: "${item.n}", place: "${index}", text: "${list.value[0].n}"}
  - {id: all, method: test/echo, parameters: {value: "${sub.results[*].result.outputs.n:-none}"}}
outputs:
  all: ${all.value}
  counts: "${sub.succeeded} ${sub.failed} ${sub.skipped}"
`, map[string]string{"inner.yaml": `
name: Inner
inputs: {n: {type: integer, required: true}, place: 0, text: {type: number}}
tasks:
  - {id: each, method: test/echo, for_each: [a, b], parameters: {key: each, value: "${item}${inputs.n}"}}
  - {id: n, method: test/fail, dependencies: [each], when: "${inputs.n} != 2", parameters: {key: "n${inputs.n}", times: "${inputs.place}", kind: "task", value: 1}}
outputs: {n: "${n.value:-skipped} ${inputs.place} ${each.succeeded}"}
`}))
}

func TestAWorkflowRunsForEachItem(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, eachNested(t, r))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"all":["done 0 2","skipped 1 2","none","none","none"],"counts":"2 2 1"}`)
	same(t, "tasks", result.Completed, 3)
	same(t, "usage", result.Usage.LLMCalls, 9)
	tasks := r.tasks(t)
	same(t, "a task of the first", tasks["sub[0]/n"].Status, protocol.Completed)
	same(t, "of the second", tasks["sub[1]/n"].Status, protocol.Skipped)
	same(t, "of the last", tasks["sub[4]/n"].Error.Message, "failure 1")
	for item, want := range []string{"completed", "completed", `failed input "n" of /flows/inner.yaml must be a whole number, not "x"`, `skipped`, `failed 1 task failed: "sub[4]/n"`} {
		records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Kind: resultstore.Task, Task: "sub", Item: &item})
		if err != nil || len(records) != 1 {
			t.Fatal(item, records, err)
		}
		got := string(records[0].Status)
		if records[0].Error != nil {
			got += " " + records[0].Error.Message
		}
		same(t, fmt.Sprint("item ", item), got, want)
	}
}

func TestTheWorkflowsOfItemsAreLimited(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compileWith(t, `
name: Outer
inputs: {list: [1, 2, 3, 4, 5]}
tasks:
  - {id: sub, workflow: inner.yaml, for_each: "${inputs.list}", max_concurrent: 2}
`, map[string]string{"inner.yaml": "name: Inner\ntasks: [{id: a, method: test/wait, parameters: {key: a}}]\n"}))
	r.awaitWaiting(t, 2)
	close(r.probe.release)
	result, _ := end(t, run)
	same(t, "items", *result.Items, protocol.Counts{Total: 5, Succeeded: 5})
	same(t, "most", r.probe.most, 2)

	var items []string
	for i := range plan.MaxNestedItems + 1 {
		items = append(items, fmt.Sprint(i))
	}
	other := newRig(t)
	result, _ = end(t, other.start(t, compileWith(t, "name: Outer\ntasks: [{id: sub, workflow: inner.yaml, for_each: ["+strings.Join(items, ",")+"]}]\n",
		map[string]string{"inner.yaml": "name: Inner\ntasks: [{id: a, method: test/echo, parameters: {key: a}}]\n"})))
	same(t, "status", result.Status, protocol.Failed)
	same(t, "error", other.tasks(t)["sub"].Error.Message, "for_each has 1001 items, and the limit of a task with workflow is 1000")
	same(t, "calls", other.probe.called("a"), 0)
}

// cancelledEach cancels a run that runs a workflow for each item, and then their clean-up.
func cancelledEach(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	run := r.start(t, compileWith(t, "name: Outer\ntasks: [{id: sub, workflow: inner.yaml, for_each: [1, 2, 3], max_concurrent: 2}]\n",
		map[string]string{"inner.yaml": fmt.Sprintf(waiting, "1h", "test/wait")}))
	r.awaitWaiting(t, 2)
	r.cancel(t, run)
	r.awaitWaiting(t, 2)
	r.cancelAgain(t, run)
	return run
}

func TestACancelReachesTheWorkflowsOfItems(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, cancelledEach(t, r))
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "notes", r.probe.called("note"), 2)
	tasks := r.tasks(t)
	same(t, "work", tasks["sub[1]/work"].Status, protocol.Cancelled)
	same(t, "slow", tasks["sub[0]/slow"].Error.Message, "it was cancelled while it ran, because the clean-up was cancelled")
	same(t, "sub", r.wholeOf(t, "sub").Error.Message, "it was cancelled when 0 of 3 items were done")
}

func TestARetryOfWorkflowsOfItems(t *testing.T) {
	r := newRig(t)
	p := compileWith(t, "name: Outer\ntasks: [{id: sub, workflow: inner.yaml, for_each: [1, 2, 3], inputs: {n: \"${item}\"}}]\n", map[string]string{"inner.yaml": `
name: Inner
inputs: {n: 0}
tasks:
  - {id: a, method: test/echo, parameters: {key: "a${inputs.n}"}}
  - {id: b, method: test/fail, dependencies: [a], parameters: {key: "b${inputs.n}", times: "${inputs.n}", kind: task}}
`})
	first := r.start(t, p)
	end(t, first)
	over := &protocol.TakeOver{Runs: []protocol.EarlierRun{{Run: first.GetID(), Execution: first.GetRunID()}}}
	second := r.begin(t, p, workflows.Start{TakeOver: over})
	result, _ := end(t, second)
	same(t, "items", *result.Items, protocol.Counts{Total: 3, Succeeded: 1, Failed: 2})
	for n, calls := range []int{0, 2, 2, 2} {
		if n > 0 {
			same(t, fmt.Sprint("a", n), r.probe.called(fmt.Sprint("a", n)), 1)
			same(t, fmt.Sprint("b", n), r.probe.called(fmt.Sprint("b", n)), calls)
		}
	}
	over = &protocol.TakeOver{Runs: []protocol.EarlierRun{{Run: second.GetID(), Execution: second.GetRunID()}}, Items: []string{"1"}}
	result, _ = end(t, r.begin(t, p, workflows.Start{TakeOver: over}))
	same(t, "selected", *result.Items, protocol.Counts{Total: 3, Succeeded: 2, Failed: 1, Cached: 1})
	same(t, "b2", r.probe.called("b2"), 3)
	same(t, "b3", r.probe.called("b3"), 2)
}
