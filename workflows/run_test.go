package workflows_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestValuesGoFromTaskToTaskAndOutputsAreResolved(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Chain
inputs: {n: 1152921504606846976}
tasks:
  - {id: a, method: test/echo, parameters: {value: {big: "${inputs.n}", small: 1e-7, text: "02139 \"<$${x}\""}}}
  - {id: b, method: test/echo, parameters: {value: "${a.value}"}}
outputs:
  copy: ${b.value}
  text: "id ${run.id}: ${b.value.big}"
`[1:])
	same(t, "status", result.Status, protocol.Completed)
	same(t, "completed", result.Completed, 2)
	same(t, "usage", result.Usage.LLMCalls, 2)
	same(t, "outputs", string(result.Outputs.Inline.JSON()),
		`{"copy":{"big":1152921504606846976,"small":1e-7,"text":"02139 \"<${x}\""},"text":"id run-`+r.Queue+`: 1152921504606846976"}`)
}

func TestAFailureSkipsWhatNeedsItAndNothingElse(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Failure
tasks:
  - {id: bad, method: test/fail, parameters: {key: bad, times: 99, kind: task}}
  - {id: needs, method: test/echo, parameters: {value: "${bad.value}"}}
  - {id: needs-that, method: test/echo, dependencies: [needs]}
  - {id: free, method: test/echo, parameters: {key: free, value: 1}}
`)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "error", result.Error.Message, `1 task failed: "bad"; 2 tasks skipped because of that`)
	tasks := r.tasks(t)
	same(t, "bad", tasks["bad"].Status, protocol.Failed)
	same(t, "bad's error", tasks["bad"].Error.Message, "failure 1")
	same(t, "needs", tasks["needs"].Status, protocol.Skipped)
	same(t, "why", tasks["needs-that"].Reason, `it needs "needs", which was skipped`)
	same(t, "free", tasks["free"].Status, protocol.Completed)
	same(t, "attempts at bad", r.probe.called("bad"), 1)
}

func TestKindsOfErrorsDecideHowOftenATaskIsTried(t *testing.T) {
	for _, c := range []struct {
		name, kind, retry string
		times, calls      int
		status            protocol.Status
	}{
		{"a transient error is tried three times", "transient", "", 2, 3, protocol.Completed},
		{"and no more", "transient", "", 3, 3, protocol.Failed},
		{"a task's own error once", "task", "", 1, 1, protocol.Failed},
		{"or as retry says", "task", "retry: {max_attempts: 4, base_delay: 0.01, backoff: linear}, ", 3, 4, protocol.Completed},
		{"a permanent error never again", "permanent", "retry: {max_attempts: 4, base_delay: 0.01}, ", 1, 1, protocol.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			result := r.run(t, fmt.Sprintf("name: Retry\ntasks:\n  - {id: a, method: test/fail, %sparameters: {key: a, times: %d, kind: %s}}\n", c.retry, c.times, c.kind))
			same(t, "status", result.Status, c.status)
			same(t, "calls", r.probe.called("a"), c.calls)
			same(t, "attempts", r.tasks(t)["a"].Attempts, c.calls)
		})
	}
}

func TestNoMoreThanMaxParallelAreInFlight(t *testing.T) {
	r := newRig(t)
	var text strings.Builder
	text.WriteString("name: Wide\nmax_parallel: 3\ntasks:\n")
	for i := range 9 {
		fmt.Fprintf(&text, "  - {id: t%d, method: test/wait, parameters: {key: t%d}}\n", i, i)
	}
	run := r.start(t, compile(t, text.String()))
	r.awaitWaiting(t, 3)
	close(r.probe.release)
	result, _ := end(t, run)
	same(t, "completed", result.Completed, 9)
	same(t, "most in flight", r.probe.most, 3)
}

func TestARunThatTimesOutReturnsItsResult(t *testing.T) {
	r := newRig(t)
	result, closed := end(t, r.start(t, compile(t, `
name: Slow
timeout: 1s
tasks:
  - {id: quick, method: test/echo, parameters: {value: 1}}
  - {id: slow, method: test/wait, parameters: {key: slow}, dependencies: [quick]}
  - {id: never, method: test/echo, dependencies: [slow]}
`)))
	same(t, "status", result.Status, protocol.TimedOut)
	same(t, "error", result.Error.Message, "the run timed out after 1s")
	failure, _ := errors.AsType[*temporal.ApplicationError](closed)
	same(t, "type", failure.Type(), "WORKFLOW_TIMEOUT")
	tasks := r.tasks(t)
	same(t, "quick", tasks["quick"].Status, protocol.Completed)
	same(t, "slow", tasks["slow"].Status, protocol.Cancelled)
	same(t, "never", tasks["never"].Status, protocol.Cancelled)
	same(t, "never's error", tasks["never"].Error.Message, "it had not started when the run timed out after 1s")
}

func TestATasksTimeoutFailsTheTask(t *testing.T) {
	r := newRig(t)
	result := r.run(t, "name: Slow\ntasks:\n  - {id: slow, method: test/wait, timeout: 0.2, parameters: {key: slow}}\n")
	same(t, "status", result.Status, protocol.Failed)
	failed := r.tasks(t)["slow"].Error
	same(t, "code", failed.Code, protocol.TaskTimeout)
	same(t, "message", failed.Message, "timed out after 200ms")
}

func TestACancelledRunWaitsForWhatIsInFlight(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Cancelled
tasks:
  - {id: a, method: test/wait, parameters: {key: a}}
  - {id: b, method: test/echo, dependencies: [a]}
`))
	r.awaitWaiting(t, 1)
	if err := r.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	described, err := r.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), "")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "Temporal says", described.GetWorkflowExecutionInfo().GetStatus(), enums.WORKFLOW_EXECUTION_STATUS_CANCELED)
	same(t, "in flight", r.probe.inFlight, 0)
	tasks := r.tasks(t)
	same(t, "a", tasks["a"].Error.Message, "it was cancelled while it ran")
	same(t, "b", tasks["b"].Error.Message, "it had not started when the run was cancelled")
}

func TestAnOutputThatCannotBeResolvedFailsTheRun(t *testing.T) {
	r := newRig(t)
	result := r.run(t, "name: Outputs\ntasks:\n  - {id: a, method: test/echo, parameters: {value: {x: 1}}}\noutputs: {good: \"${a.value.x}\", bad: \"${a.value.y}\"}\n")
	same(t, "status", result.Status, protocol.Failed)
	same(t, "code", result.Error.Code, protocol.TaskParameterError)
	same(t, "names the output", strings.HasPrefix(result.Error.Message, `output "bad": `), true)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"good":1,"bad":null}`)
}

func TestEachOutputThatCannotBeResolvedIsNamed(t *testing.T) {
	const outputs = "outputs: {one: \"${a.value.y}\", good: \"${a.value.x}\", two: \"${a.value.z}\"}\n"
	r := newRig(t)
	result := r.run(t, "name: Outputs\ntasks:\n  - {id: a, method: test/echo, parameters: {value: {x: 1}}}\n"+outputs)
	same(t, "status", result.Status, protocol.Failed)
	lines := strings.Split(result.Error.Message, "\n")
	same(t, "lines", len(lines), 3)
	same(t, "first", lines[0], "cannot resolve 2 outputs")
	same(t, "one", strings.HasPrefix(lines[1], `output "one": ${a.value.y}: `), true)
	same(t, "two", strings.HasPrefix(lines[2], `output "two": ${a.value.z}: `), true)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"one":null,"good":1,"two":null}`)

	// Where a task has failed too, that comes first, and nothing is kept back.
	r = newRig(t)
	result = r.run(t, "name: Outputs\ntasks:\n  - {id: a, method: test/echo, parameters: {value: {x: 1, z: 2}}}\n"+
		"  - {id: bad, method: test/fail, parameters: {key: bad, times: 9, kind: task}}\n"+outputs)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "code", result.Error.Code, protocol.WorkflowTasksFailed)
	lines = strings.Split(result.Error.Message, "\n")
	same(t, "lines", len(lines), 2)
	same(t, "the task", lines[0], `1 task failed: "bad"`)
	same(t, "the output", strings.HasPrefix(lines[1], `output "one": ${a.value.y}: `), true)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"one":null,"good":1,"two":2}`)
}

func TestAnUnknownMethodFailsItsTask(t *testing.T) {
	r := newRig(t)
	p := compile(t, "name: Unknown\ntasks:\n  - {id: a, method: test/echo}\n")
	p.Tasks[0].Method = "test/nothing"
	result, _ := end(t, r.start(t, p))
	same(t, "status", result.Status, protocol.Failed)
	same(t, "message", r.tasks(t)["a"].Error.Message, `unknown method "test/nothing" on this worker`)
}

func TestAPlanOfALaterFormatIsRejected(t *testing.T) {
	r := newRig(t)
	p := compile(t, "name: Later\ntasks:\n  - {id: a, method: test/echo}\n")
	p.Format = plan.Format + 1
	err := r.start(t, p).Get(t.Context(), nil)
	failure, is := errors.AsType[*temporal.ApplicationError](err)
	if want := fmt.Sprintf("the plan has format %d, and this program reads formats up to %d", plan.Format+1, plan.Format); !is || failure.Message() != want || !failure.NonRetryable() {
		t.Errorf("got %v", err)
	}
}

func TestAPlanWithACircularDependencyIsRejected(t *testing.T) {
	r := newRig(t)
	p := compile(t, "name: Circle\ntasks:\n  - {id: a, method: test/echo}\n  - {id: b, method: test/echo, dependencies: [a]}\n")
	p.Tasks[0].After = []string{"b"}
	err := r.start(t, p).Get(t.Context(), nil)
	failure, is := errors.AsType[*temporal.ApplicationError](err)
	if !is || failure.Type() != protocol.WorkflowCircularDependency.Info().Name || failure.Message() != "circular dependency: a -> b -> a" || !failure.NonRetryable() {
		t.Errorf("got %v", err)
	}
}
