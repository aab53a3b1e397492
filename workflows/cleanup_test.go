package workflows_test

import (
	"fmt"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
	"github.com/gleitzeit/gleitzeit/workflows"
)

func (r *rig) cancel(t testing.TB, run client.WorkflowRun) {
	t.Helper()
	if err := r.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
}

// cancelAgain cancels a run that is cancelled already.
func (r *rig) cancelAgain(t testing.TB, run client.WorkflowRun) {
	t.Helper()
	if err := r.Client.SignalWorkflow(t.Context(), run.GetID(), "", workflows.CancelSignal, nil); err != nil {
		t.Fatal(err)
	}
}

const finally = `
finally:
  - {id: note, method: test/echo, parameters: {key: note, value: "${run.status}: ${run.error.message:-no error}"}}
  - {id: remove, method: test/echo, dependencies: [note, work], parameters: {key: remove, value: "${work.status}"}}
  - {id: condition, method: test/echo, when: '${run.status} == "failed"', parameters: {key: condition}}
`

func TestFinallyRunsAfterEveryEnd(t *testing.T) {
	for _, c := range []struct {
		name, keys, work string
		cancel           bool
		status           protocol.Status
		note, remove     string
	}{
		{"success", "", "test/echo", false, protocol.Completed, "completed: no error", "completed"},
		{"failure", "", "test/fail", false, protocol.Failed, `failed: 1 task failed: "work"; 1 task skipped because of that`, "failed"},
		{"fail fast", "fail_fast: true\n", "test/fail", false, protocol.Failed, `failed: 1 task failed: "work"; 1 task skipped because of that`, "failed"},
		{"cancel", "", "test/wait", true, protocol.Cancelled, "cancelled: the run was cancelled", "cancelled"},
		{"timeout", "timeout: 0.5\n", "test/wait", false, protocol.TimedOut, "timed_out: the run timed out after 500ms", "cancelled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			run := r.start(t, compile(t, fmt.Sprintf("name: Finally\n%stasks:\n  - {id: work, method: %s, parameters: {key: work, times: 9, kind: task}}\n"+
				"  - {id: next, method: test/echo, dependencies: [work], parameters: {key: next}}\n%s", c.keys, c.work, finally)))
			if c.cancel {
				r.awaitWaiting(t, 1)
				r.cancel(t, run)
			}
			result, _ := end(t, run)
			same(t, "status", result.Status, c.status)
			same(t, "clean-up", result.CleanUp, nil)
			same(t, "note", r.value(t, "note").Text(), c.note)
			same(t, "remove", r.value(t, "remove").Text(), c.remove)
			same(t, "condition", r.probe.called("condition") == 1, c.status == protocol.Failed)
			same(t, "tasks", result.Completed+result.Failed+result.Skipped+result.Cancelled, 5)
		})
	}
}

func TestAFailedCleanUpDoesNotChangeTheOutcome(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Failing
fail_fast: true
tasks:
  - {id: work, method: test/echo, parameters: {value: 1}}
finally:
  - {id: bad, method: test/fail, parameters: {key: bad, times: 9, kind: task}}
  - {id: needs, method: test/echo, dependencies: [bad]}
  - {id: free, method: test/echo, parameters: {key: free}}
outputs: {value: "${work.value}"}
`)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"value":1}`)
	same(t, "clean-up", result.CleanUp.Message, `the clean-up is not complete: "bad", "needs"`)
	same(t, "counts", fmt.Sprint(result.Completed, result.Failed, result.Skipped), "2 1 1")
	same(t, "free", r.probe.called("free"), 1)
}

const slowCleanUp = `
name: Slow
cleanup_timeout: 0.5
tasks:
  - {id: work, method: test/echo}
finally:
  - {id: slow, method: test/wait, parameters: {key: slow}}
  - {id: never, method: test/echo, dependencies: [slow], parameters: {key: never}}
`

func TestTheCleanUpTimesOut(t *testing.T) {
	r := newRig(t)
	result := r.run(t, slowCleanUp)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "clean-up", result.CleanUp.Message, `the clean-up is not complete: "slow", "never"; the clean-up timed out after 500ms`)
	tasks := r.tasks(t)
	same(t, "slow", tasks["slow"].Status, protocol.Cancelled)
	same(t, "why", tasks["slow"].Error.Message, "it was cancelled while it ran, because the clean-up timed out after 500ms")
	same(t, "never", tasks["never"].Error.Message, "it had not started when the clean-up timed out after 500ms")
}

// Each part has the whole time: what the tasks with `run_if: always` take does not shorten `finally`.
func TestTheTimeoutOfTheCleanUpIsThatOfEachPart(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Slow
cleanup_timeout: 0.5
tasks:
  - {id: work, method: test/wait, parameters: {key: work}}
  - {id: always, method: test/wait, run_if: always, dependencies: [work], parameters: {key: always}}
finally:
  - {id: note, method: test/echo, parameters: {value: "${always.status}"}}
`))
	r.awaitWaiting(t, 1)
	r.cancel(t, run)
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "always", r.tasks(t)["always"].Error.Message, "it was cancelled while it ran, because the clean-up timed out after 500ms")
	same(t, "note", r.value(t, "note").Text(), "cancelled")
	same(t, "clean-up", result.CleanUp, nil)
}

// cancelledTwice cancels a run, and then its clean-up.
func cancelledTwice(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	run := r.start(t, compile(t, `
name: Twice
tasks:
  - {id: work, method: test/wait, parameters: {key: work}}
finally:
  - {id: slow, method: test/wait, parameters: {key: slow}}
  - {id: each, method: test/wait, for_each: [1, 2], parameters: {key: each}}
  - {id: never, method: test/echo, dependencies: [slow], parameters: {key: never}}
`))
	r.awaitWaiting(t, 1)
	r.cancel(t, run)
	r.awaitWaiting(t, 3)
	r.cancelAgain(t, run)
	return run
}

func TestASecondCancelEndsTheCleanUp(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, cancelledTwice(t, r))
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "error", result.Error.Message, "the run was cancelled")
	same(t, "clean-up", result.CleanUp.Message, `the clean-up is not complete: "slow", "each", "never"; the clean-up was cancelled`)
	tasks := r.tasks(t)
	same(t, "slow", tasks["slow"].Error.Message, "it was cancelled while it ran, because the clean-up was cancelled")
	same(t, "each", r.wholeOf(t, "each").Error.Message, "it was cancelled when 0 of 2 items were done, because the clean-up was cancelled")
	same(t, "never", r.probe.called("never"), 0)
}

// cancelledLate cancels a run in whose clean-up everything else has ended: neither changes.
func cancelledLate(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	run := r.start(t, compile(t, `
name: Late
timeout: 30s
tasks:
  - {id: work, method: test/echo}
finally:
  - {id: slow, method: test/wait, parameters: {key: slow}}
  - {id: last, method: test/echo, dependencies: [slow], parameters: {value: "${run.status}"}}
`))
	r.awaitWaiting(t, 1)
	r.cancel(t, run)
	close(r.probe.release)
	return run
}

func TestACancelDuringTheCleanUp(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, cancelledLate(t, r))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "clean-up", result.CleanUp, nil)
	same(t, "last", r.value(t, "last").Text(), "completed")
}

// alwaysRun is cancelled: what runs in any case runs then, and continues if it runs already.
func alwaysRun(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	run := r.start(t, compile(t, `
name: Always
tasks:
  - {id: work, method: test/wait, parameters: {key: work}}
  - {id: running, method: test/wait, run_if: always, parameters: {key: running}}
  - {id: after, method: test/echo, run_if: always, dependencies: [work, later], parameters: {value: "${work.status}, ${later.status}"}}
  - {id: later, method: test/echo, dependencies: [work], parameters: {key: later}}
  - {id: each, method: test/echo, run_if: always, for_each: [1, 2], dependencies: [after], parameters: {key: each}}
  - {id: needs, method: test/echo, dependencies: [after], parameters: {key: needs}}
`))
	r.awaitWaiting(t, 2)
	r.cancel(t, run)
	programtest.Eventually(t, "each has completed while the other one still runs", func() bool { return r.tasks(t)["each"].Status == protocol.Completed })
	close(r.probe.release)
	return run
}

func TestAlwaysIsAlways(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, alwaysRun(t, r))
	same(t, "status", result.Status, protocol.Cancelled)
	tasks := r.tasks(t)
	same(t, "work", tasks["work"].Status, protocol.Cancelled)
	same(t, "running", tasks["running"].Status, protocol.Completed)
	same(t, "after", r.value(t, "after").Text(), "cancelled, cancelled")
	same(t, "each", r.probe.called("each"), 2)
	same(t, "needs", tasks["needs"].Error.Message, "it had not started when the run was cancelled")
}

// The clean-up of a run may need more than one history.
func TestACleanUpContinuesAsNew(t *testing.T) {
	r := newRig(t, servertest.WithOverrides(smallHistories))
	run := longCleanUp(t, r)
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "clean-up", result.CleanUp, nil)
	same(t, "last", r.value(t, "f19").Text(), "cancelled")
	if count := len(histories(t, r.Client, run.GetID(), first)); count < 2 {
		t.Errorf("%d histories", count)
	}
}

func longCleanUp(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	var text strings.Builder
	text.WriteString("name: Long\ntasks:\n  - {id: work, method: test/wait, parameters: {key: work}}\n  - {id: always, method: test/echo, run_if: always, dependencies: [work]}\nfinally:\n")
	for i := range 20 {
		after := ""
		if i > 0 {
			after = fmt.Sprintf("f%d", i-1)
		}
		fmt.Fprintf(&text, "  - {id: f%d, method: test/echo, dependencies: [%s], parameters: {value: \"${run.status}\"}}\n", i, after)
	}
	run := r.start(t, compile(t, text.String()))
	r.awaitWaiting(t, 1)
	r.cancel(t, run)
	return run
}

// A clean-up whose worker was killed is resumed.
func TestACleanUpOutlivesItsWorker(t *testing.T) {
	r := newIdleRig(t)
	result, _ := end(t, killedCleanUp(t, r))
	same(t, "status", result.Status, protocol.Failed)
	same(t, "clean-up", result.CleanUp, nil)
	same(t, "last", r.value(t, "last").Text(), "failed")
	same(t, "calls of first here", r.probe.called("first"), 0)
}

func killedCleanUp(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return killedWhile(t, r, "slow", compile(t, `
name: Killed
tasks:
  - {id: bad, method: test/fail, parameters: {key: bad, times: 9, kind: task}}
finally:
  - {id: first, method: test/echo, parameters: {key: first}}
  - {id: slow, method: test/wait, dependencies: [first], parameters: {key: slow}}
  - {id: last, method: test/echo, dependencies: [slow], parameters: {value: "${run.status}"}}
`))
}
