package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/workflows"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"
)

func TestTheWebUIShowsATableOfTheTasks(t *testing.T) {
	r := newRig(t)
	folder := folderOf(t, 3, func(i int) string { return []string{"x", "fail", "wait"}[i] })
	run := r.start(t, compileBatch(t, fmt.Sprintf("name: Details\nbatch: {directory: %q, max_concurrent: 1}\ntemplate: {method: test/file}\ntasks: [{id: after, method: test/echo, dependencies: [batch]}]\n", folder), folder))
	r.awaitWaiting(t, 1)
	const head = "| task | method | status | attempts |\n| --- | --- | --- | --- |\n"
	same(t, "under way", details(t, r, run), head+"| batch | test/file | running |  |\n| after | test/echo | pending |  |\n")
	same(t, "its items", detailsOf(t, r, workflows.MapID(run.GetID(), "batch")), "2 of 3 items, 1 failed")
	close(r.probe.release)
	end(t, run)
	same(t, "at the end", details(t, r, run), head+"| batch | test/file | completed | 3 of 3 items, 1 failed |\n| after | test/echo | completed | 1 |\n"+
		"\nwhy items of batch failed (all: gleitzeit batch show "+run.GetID()+" batch --failed):\n\n    1 × failure of …, for example f001.txt\n")
}

func TestTheWebUIShowsWhatRuns(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, "name: Details\ntasks: [{id: a, method: test/wait, parameters: {key: a}}]\n"))
	r.awaitWaiting(t, 1)
	same(t, "under way", details(t, r, run), "| task | method | status | attempts |\n| --- | --- | --- | --- |\n| a | test/wait | running |  |\n")
	close(r.probe.release)
	end(t, run)
}

func details(t testing.TB, r *rig, run client.WorkflowRun) string {
	t.Helper()
	return detailsOf(t, r, run.GetID())
}

func detailsOf(t testing.TB, r *rig, id string) string {
	t.Helper()
	value, err := r.Client.QueryWorkflow(t.Context(), id, "", "__temporal_workflow_metadata")
	if err != nil {
		t.Fatal(err)
	}
	var metadata sdkpb.WorkflowMetadata
	if err := value.Get(&metadata); err != nil {
		t.Fatal(err)
	}
	return metadata.GetCurrentDetails()
}

// TestTheWebUINamesTasksAndItems reads what the Web UI calls activities and workflows within from the histories of a run.
func TestTheWebUINamesTasksAndItems(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compileWith(t, `
name: Names
tasks:
  - {id: plain, method: test/echo, parameters: {value: a}}
  - {id: named, name: Fetch the pages, method: test/echo, parameters: {value: a}}
  - {id: each, method: test/echo, for_each: [one, two], parameters: {value: "${item}"}}
  - {id: sub, workflow: double.yaml, inputs: {n: 7}}
  - {id: subs, workflow: double.yaml, for_each: [3], inputs: {n: "${item}"}}
`, map[string]string{"double.yaml": double}))
	end(t, run)
	got := map[string]string{}
	var read func(id, runID string)
	read = func(id, runID string) {
		for _, event := range slices.Concat(histories(t, r.Client, id, runID)...) {
			name := event.GetActivityTaskScheduledEventAttributes().GetActivityId()
			if child := event.GetStartChildWorkflowExecutionInitiatedEventAttributes(); child != nil {
				name = strings.TrimPrefix(child.GetWorkflowId(), run.GetID())
			}
			if name != "" {
				got[name] = string(event.GetUserMetadata().GetSummary().GetData())
			}
			if began := event.GetChildWorkflowExecutionStartedEventAttributes(); began != nil {
				read(began.GetWorkflowExecution().GetWorkflowId(), began.GetWorkflowExecution().GetRunId())
			}
		}
	}
	read(run.GetID(), run.GetRunID())
	for name, want := range map[string]string{
		"plain": `"plain"`, "named": `"named Fetch the pages"`, "each[0]": `"each [0] one"`, "each[1]": `"each [1] two"`,
		"/each": `"items of each"`, "/sub": `"sub"`, "/subs": `"items of subs"`, "/subs[0]": `"subs [0] 3"`,
	} {
		same(t, name, got[name], want)
	}
}
