package workflows_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/servertest"
)

var record = flag.Bool("record", false, "record the histories that are missing under testdata/histories")

// TestRecordHistories records what is missing. To record after commands changed on purpose, add a name: what was
// recorded before stays.
func TestRecordHistories(t *testing.T) {
	if !*record {
		return
	}
	for _, c := range []struct {
		name    string
		options []servertest.Option
		idle    bool
		run     func(t *testing.T, r *rig) client.WorkflowRun
	}{
		{name: "example-hello", run: example("01-hello")},
		{name: "example-python", run: example("02-python")},
		{name: "example-mixed", run: example("03-mixed")},
		{name: "continued", options: []servertest.Option{servertest.WithOverrides(smallHistories)}, run: continued},
		{name: "failed", run: failedRun},
		{name: "cancelled", run: cancelledRun},
		{name: "killed", idle: true, run: killedRun},
		{name: "batch-failing", run: failingBatch},
		{name: "batch-cancelled", run: cancelledBatch},
		{name: "for-each", options: []servertest.Option{servertest.WithOverrides(smallHistories)}, run: forEachRun},
		{name: "for-each-when", run: conditionalItems},
		{name: "failed-fast", run: failedFast},
		{name: "going-on", run: flow(goingOn)},
		{name: "conditional", run: flow(conditional)},
		{name: "items", options: []servertest.Option{servertest.WithOverrides(smallHistories)}, run: forEachRun},
		{name: "items-when", run: conditionalItems},
		{name: "items-failing", run: failingBatch},
		{name: "items-cancelled", run: cancelledBatch},
		{name: "cleanup-continued", options: []servertest.Option{servertest.WithOverrides(smallHistories)}, run: longCleanUp},
		{name: "cleanup-cancelled", run: cancelledTwice},
		{name: "cleanup-late", run: cancelledLate},
		{name: "cleanup-always", run: alwaysRun},
		{name: "cleanup-slow", run: flow(slowCleanUp)},
		{name: "cleanup-killed", idle: true, run: killedCleanUp},
		{name: "repeated", run: polling},
		{name: "steps", options: []servertest.Option{servertest.WithOverrides(smallHistories)}, run: stepsRun},
		{name: "repeated-killed", idle: true, run: killedPolling},
		{name: "approved", run: reviewedRun},
		{name: "approved-continued", options: []servertest.Option{servertest.WithOverrides(smallHistories)}, run: signalledReview},
		{name: "approved-never", run: flow(unanswered)},
		{name: "within", run: nestedRun},
		{name: "within-cancelled", run: cancelledNested},
		{name: "within-killed", idle: true, run: killedNested},
		{name: "within-continued", options: []servertest.Option{servertest.WithOverrides(smallHistories)}, run: continuedNested},
		{name: "within-each", run: eachNested},
		{name: "within-each-cancelled", run: cancelledEach},
		{name: "reduced", run: reduced},
		{name: "reduced-by-key", run: byTeam},
		{name: "reduced-failing", run: failedRound},
		{name: "reduced-cancelled", run: cancelledRound},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat(historyFile(c.name, 1)); err == nil {
				return
			}
			r := newIdleRig(t, c.options...)
			if !c.idle {
				r.work(t)
			}
			run := c.run(t, r)
			first := run.GetRunID()
			end(t, run)
			for i, events := range histories(t, r.Client, run.GetID(), first) {
				writeHistory(t, historyFile(c.name, i+1), events)
			}
			for _, child := range itemWorkflows(t, r, run.GetID(), first) {
				_, task, _ := strings.Cut(child.GetWorkflowId(), "/")
				for i, events := range histories(t, r.Client, child.GetWorkflowId(), child.GetRunId()) {
					writeHistory(t, historyFile(c.name+"-of-"+strings.ReplaceAll(task, "/", "-"), i+1), events)
				}
			}
		})
	}
}

func writeHistory(t *testing.T, file string, events []*historypb.HistoryEvent) {
	t.Helper()
	data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&historypb.History{Events: events})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func historyFile(name string, number int) string {
	return filepath.Join("testdata/histories", fmt.Sprintf("%s-%d.json", name, number))
}

// example runs one of the examples as if it lay in a folder of its own, so that no path of this machine is recorded.
func example(folder string) func(*testing.T, *rig) client.WorkflowRun {
	return func(t *testing.T, r *rig) client.WorkflowRun {
		t.Helper()
		files := fstest.MapFS{}
		scripts, err := filepath.Glob(filepath.Join("../examples", folder, "*.py"))
		if err != nil {
			t.Fatal(err)
		}
		for _, script := range scripts {
			text, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			files["flows/"+filepath.Base(script)] = &fstest.MapFile{Data: text}
		}
		text, err := os.ReadFile(filepath.Join("../examples", folder, "flow.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return r.start(t, compileIn(t, string(text), "/flows", files))
	}
}

func continued(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	var text strings.Builder
	text.WriteString("name: Continued\nmax_parallel: 2\ntasks:\n")
	for i := range 20 {
		fmt.Fprintf(&text, "  - {id: t%d, method: test/echo, parameters: {value: \"${inputs.n}\"}, dependencies: [%s]}\n", i, strings.Join(before(i), ", "))
	}
	text.WriteString("inputs: {n: 7}\noutputs: {last: \"${t19.value}\"}\n")
	return r.start(t, compile(t, text.String()))
}

func flow(text string) func(*testing.T, *rig) client.WorkflowRun {
	return func(t *testing.T, r *rig) client.WorkflowRun {
		t.Helper()
		return r.start(t, compile(t, text))
	}
}

func failedFast(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	run := r.start(t, compile(t, `
name: Failed fast
fail_fast: true
tasks:
  - {id: a, method: test/wait, parameters: {key: a}}
  - {id: bad, method: test/fail, retry: {max_attempts: 3, backoff: fixed, base_delay: 0.5}, parameters: {key: bad, times: 99, kind: task}}
  - {id: always, method: test/echo, run_if: always, dependencies: [bad]}
`))
	r.awaitWaiting(t, 1)
	return run
}

func before(i int) []string {
	if i == 0 {
		return nil
	}
	return []string{fmt.Sprintf("t%d", (i-1)/2)}
}

func failedRun(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return r.start(t, compile(t, `
name: Failed
tasks:
  - {id: bad, method: test/fail, retry: {max_attempts: 2, base_delay: 0.01}, parameters: {key: bad, times: 99, kind: task}}
  - {id: needs, method: test/echo, parameters: {value: "${bad.value}"}}
  - {id: free, method: test/echo, parameters: {value: 1}}
`))
}

func cancelledRun(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	run := r.start(t, compile(t, `
name: Cancelled
timeout: 1h
tasks:
  - {id: a, method: test/wait, parameters: {key: a}}
  - {id: b, method: test/echo, dependencies: [a]}
`))
	r.awaitWaiting(t, 1)
	if err := r.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	return run
}
