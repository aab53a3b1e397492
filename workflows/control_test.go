package workflows_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestARunFailsFast(t *testing.T) {
	r := newRig(t)
	sign := filepath.Join(t.TempDir(), "sign")
	run := r.start(t, compile(t, strings.ReplaceAll(failingFast, "SIGN", sign)))
	r.awaitWaiting(t, 1)
	if err := os.WriteFile(sign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "error", result.Error.Message, `1 task failed: "bad"; 2 tasks cancelled because of that`)
	tasks := r.tasks(t)
	same(t, "bad", tasks["bad"].Status, protocol.Failed)
	same(t, "beside", tasks["beside"].Status, protocol.Cancelled)
	same(t, "why", tasks["beside"].Error.Message, `it was cancelled while it ran, because task "bad" failed`)
	same(t, "beside's time is kept", tasks["beside"].FinishedAt.IsZero(), false)
	same(t, "later", tasks["later"].Status, protocol.Cancelled)
	same(t, "why", tasks["later"].Error.Message, `it had not started when task "bad" failed`)
	same(t, "later's calls", r.probe.called("later"), 0)
	same(t, "always", tasks["always"].Status, protocol.Completed)
}

func TestAFanOutThatWasCancelledNamesTheCause(t *testing.T) {
	r := newRig(t)
	sign := filepath.Join(t.TempDir(), "sign")
	run := r.start(t, compile(t, strings.ReplaceAll(`
name: Fast
fail_fast: true
tasks:
  - {id: each, method: test/wait, for_each: [1, 2, 3], max_concurrent: 2, parameters: {key: "${index}"}}
  - id: slow
    method: python/execute
    parameters: {code: "import os, time\nwhile not os.path.exists('SIGN'): time.sleep(0.01)"}
  - {id: bad, method: test/fail, dependencies: [slow], parameters: {key: bad, times: 9, kind: task}}
`, "SIGN", sign)))
	r.awaitWaiting(t, 2)
	if err := os.WriteFile(sign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	end(t, run)
	same(t, "why", r.wholeOf(t, "each").Error.Message, `it was cancelled when 0 of 3 items were done, because task "bad" failed`)
}

// failingFast fails when the file exists, while `beside` runs.
const failingFast = `
name: Fast
fail_fast: true
tasks:
  - {id: beside, method: test/wait, parameters: {key: beside}}
  - {id: forgiven, method: test/fail, continue_on_error: true, parameters: {key: forgiven, times: 9, kind: task}}
  - id: slow
    method: python/execute
    parameters: {code: "import os, time\nwhile not os.path.exists('SIGN'): time.sleep(0.01)"}
  - {id: bad, method: test/fail, dependencies: [slow, forgiven], parameters: {key: bad, times: 9, kind: task}}
  - {id: always, method: test/echo, run_if: always, dependencies: [bad], parameters: {key: always}}
  - {id: later, method: test/echo, dependencies: [beside], parameters: {key: later}}
`

func TestWithoutFailFastWhatDoesNotNeedTheFailureRuns(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Slow
tasks:
  - {id: bad, method: test/fail, parameters: {key: bad, times: 9, kind: task}}
  - {id: clean, method: test/echo, run_if: always, dependencies: [bad], parameters: {value: "${bad.status}: ${bad.error.message}"}}
  - {id: done, method: test/echo, run_if: done, dependencies: [bad]}
  - {id: free, method: test/echo}
`)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "error", result.Error.Message, `1 task failed: "bad"; 1 task skipped because of that`)
	same(t, "clean", r.value(t, "clean").Text(), "failed: failure 1")
	same(t, "done", r.tasks(t)["done"].Reason, `it needs "bad", which failed`)
	same(t, "free", r.tasks(t)["free"].Status, protocol.Completed)
}

func TestARunContinuesOnErrorAndCompletes(t *testing.T) {
	r := newRig(t)
	result := r.run(t, goingOn)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "counts", fmt.Sprint(result.Completed, result.Failed, result.Skipped), "4 1 0")
	same(t, "outputs", string(result.Outputs.Inline.JSON()),
		`{"status":"failed","why":"failure 1","value":"none","fine":"no error"}`)
	tasks := r.tasks(t)
	same(t, "bad", tasks["bad"].Status, protocol.Failed)
	same(t, "next", r.value(t, "next").Text(), "failed: failure 1 (-29002)")
	same(t, "done", tasks["done"].Status, protocol.Completed)
	same(t, "its context", r.value(t, "last").Text(), "None, 1")
	same(t, "attempts", tasks["bad"].Attempts, 1)
}

const goingOn = `
name: Going on
fail_fast: true
tasks:
  - {id: bad, method: test/fail, continue_on_error: true, parameters: {key: bad, times: 9, kind: task}}
  - {id: next, method: test/echo, parameters: {value: "${bad.status}: ${bad.error.message} (${bad.error.code})"}}
  - {id: done, method: test/echo, run_if: done, dependencies: [bad], parameters: {value: 1}}
  - {id: named, method: python/execute, dependencies: [bad, done], parameters: {code: "result = '%s, %s' % (context['bad'], context['done']['value'])"}}
  - {id: last, method: test/echo, parameters: {value: "${named.result}"}}
outputs:
  status: ${bad.status}
  why: ${bad.error.message}
  value: ${bad.value:-none}
  fine: ${next.error.message:-no error}
`

func TestNothingStartsInARunThatWasCancelled(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Cancelled
tasks:
  - {id: a, method: test/wait, parameters: {key: a}}
  - {id: b, method: test/echo, run_if: done, dependencies: [a], parameters: {key: b}}
`))
	r.awaitWaiting(t, 1)
	if err := r.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "b", r.probe.called("b"), 0)
	same(t, "why", r.tasks(t)["b"].Error.Message, "it had not started when the run was cancelled")
}
