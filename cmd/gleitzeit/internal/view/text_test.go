package view

import (
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

func want(t *testing.T, what, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s:\ngot  %q\nwant %q", what, got, wanted)
	}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// stored puts a run of three tasks into a store: one completed after two attempts, one failed, one skipped.
func stored(t *testing.T, outputs *value.Value) resultstore.Store {
	t.Helper()
	p := &plan.Plan{Name: "Diamond", Tasks: []plan.Task{
		{ID: "join", Name: "Join them", Method: "python/execute", After: []string{"good", "bad"}},
		{ID: "good", Name: "good", Method: "mcp/tool.add"},
		{ID: "bad", Method: "python/execute"},
	}}
	encoded, err := value.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	planRef := protocol.RefOf(encoded.JSON())
	result := []byte(`{"response":"5","result":5}`)
	resultRef := protocol.RefOf(result)
	key := func(task string, attempt int) resultstore.Key {
		return resultstore.Key{Run: "r", Execution: "e", Task: task, Item: protocol.NoItem, Attempt: attempt}
	}
	failed := protocol.Errorf(protocol.TaskExecutionFailed, "the script raised an exception:\nTraceback\nKeyError: 'x\x1b[31m'")
	batch := resultstore.Batch{Values: [][]byte{encoded.JSON(), result}, Records: []resultstore.Record{
		{Kind: resultstore.Run, Key: key("", 0), Workflow: "Diamond", Status: protocol.Failed, StartedAt: noon, FinishedAt: noon.Add(90 * time.Second), Plan: &planRef,
			Error: protocol.Errorf(protocol.WorkflowTasksFailed, "1 task failed")},
		{Kind: resultstore.Task, Key: key("good", 1), Status: protocol.Failed, Attempts: 1, StartedAt: noon, FinishedAt: noon, Error: failed},
		{Kind: resultstore.Task, Key: key("good", 2), Status: protocol.Completed, Attempts: 2, StartedAt: noon, FinishedAt: noon.Add(1500 * time.Millisecond), Value: &resultRef},
		{Kind: resultstore.Task, Key: key("bad", 1), Status: protocol.Failed, Attempts: 1, StartedAt: noon, FinishedAt: noon.Add(time.Minute), Error: failed},
		{Kind: resultstore.Task, Key: key("join", 1<<20), Status: protocol.Skipped, Reason: `it needs "bad", which failed`, Error: failed},
	}}
	if outputs != nil {
		batch.Values = append(batch.Values, outputs.JSON())
		ref := protocol.RefOf(outputs.JSON())
		batch.Records[0].Value = &ref
	}
	store := memory.New()
	if err := store.Put(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return store
}

func read(t *testing.T, store resultstore.Store) *Run {
	t.Helper()
	run, err := Read(t.Context(), store, "r", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := run.AddResults(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	return run
}

func TestBrief(t *testing.T) {
	const raised = "the script raised an exception:\n"
	const frame = "Traceback (most recent call last):\n  File \"<code>\", line 1, in <module>\n    f()\n    ~^^\n"
	for message, want := range map[string]string{
		"one line": "one line",
		"it failed; end of stderr:\nsome\nlast words\n":                                                          "it failed; end of stderr: last words",
		raised + frame + "KeyError: 'x'":                                                                         "the script raised an exception: KeyError: 'x'",
		raised + frame + "ValueError: 3 validation errors for Order:\n  price: missing\n  name: missing":         "the script raised an exception: ValueError: 3 validation errors for Order:",
		raised + frame + "ValueError: first\nsecond\n\nthird":                                                    "the script raised an exception: ValueError: first",
		raised + frame + "KeyError: 'a'\n\nDuring handling of it:\n\n" + frame + "a.Error: one\n  two":           "the script raised an exception: a.Error: one",
		raised + frame + "ValueError: \n  price: missing\n":                                                      "the script raised an exception: ValueError: price: missing",
		raised + "…\n    f()\n  [Previous line repeated 9 more times]\n  File \"<code>\", line 2, in f\nE: a\nb": "the script raised an exception: E: a",
		"the script is not valid Python:\n  File \"<code>\", line 1\n    1 + )\n        ^\nSyntaxError: bad":     "the script is not valid Python: SyntaxError: bad",
	} {
		if got := Brief(message); got != want {
			t.Errorf("%q: %q", message, got)
		}
	}
}

func TestARunAsATree(t *testing.T) {
	want(t, "tree", read(t, stored(t, nil)).Tree(), "r  Diamond  failed  90 s\n1 task failed\n"+
		"  ✓ good  mcp/tool.add  completed  1.50 s  2 attempts\n"+
		"  ✗ bad  python/execute  failed  60 s  the script raised an exception: KeyError: 'x\\x1b[31m'\n"+
		"    - join  python/execute  skipped  it needs \"bad\", which failed\n")
}

func TestARunAsJSON(t *testing.T) {
	run, err := value.Encode(read(t, stored(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	tasks, _ := run.Get("tasks")
	want(t, "skipped", string(tasks.Elements()[0].JSON()),
		`{"id":"join","name":"Join them","method":"python/execute","status":"skipped","reason":"it needs \"bad\", which failed","attempts":0,"started_at":null,"duration":0,"error":null}`)
	want(t, "completed", string(tasks.Elements()[1].JSON()),
		`{"id":"good","method":"mcp/tool.add","status":"completed","attempts":2,"started_at":"2026-01-02T12:00:00Z","duration":1.5,"result":{"response":"5","result":5},"error":null,`+
			`"failed_attempts":[{"attempt":1,"finished_at":"2026-01-02T12:00:00Z","error":{"code":-29002,"name":"TASK_EXECUTION_FAILED","message":"the script raised an exception:\nTraceback\nKeyError: 'x\u001b[31m'","retryable":true}}]}`)
	outputs, _ := run.Get("outputs")
	usage, _ := run.Get("usage")
	want(t, "outputs", string(outputs.JSON()), `{}`)
	want(t, "usage", string(usage.JSON()), `{"llm_calls":0,"prompt_tokens":0,"tokens_used":0}`)
}

func TestResultsAreTheOutputsElseWhatNothingDependsOn(t *testing.T) {
	outputs, err := value.Parse([]byte(`{"text":"one\ntwo\n","n":1e-7,"list":["a",{"b":"<"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "outputs", read(t, stored(t, &outputs)).Results(), "text:\none\ntwo\nn: 1e-7\nlist: [\"a\",{\"b\":\"<\"}]\n")
	run := read(t, stored(t, nil))
	want(t, "no leaf has a result", run.Results(), "")
	run.Status = protocol.Completed
	want(t, "what depends on it was skipped, and the run has completed", run.Results(), "good: 5\n")
	run.Status, run.Tasks[0].after = protocol.Failed, nil
	want(t, "nothing depends on it", run.Results(), "good: 5\n")
}

func TestNothingInAResultControlsTheTerminal(t *testing.T) {
	for name, v := range map[string]value.Value{
		"text":   value.String("a\n\x1b[31m\u202ered"),
		"object": value.Object(value.Field{Name: "k\u202e", Value: value.String("\u009b31m\u2028")}),
		"long":   value.List(value.String(strings.Repeat("x", 200)), value.String("\u202e\x7f")),
	} {
		if got := Text(v); strings.ContainsAny(got, "\x1b\u202e\u009b\u2028\x7f") {
			t.Errorf("%s: %q", name, got)
		}
	}
	var text strings.Builder
	if err := entry(&text, "name\u202e\n", value.Int(1)); err != nil {
		t.Fatal(err)
	}
	want(t, "name", text.String(), `name\u202e\n: 1`+"\n")
}

func TestARunEndedFromOutsideIsNotShownAsRunning(t *testing.T) {
	run := &Run{Status: protocol.Running, Tasks: []Task{{ID: "a", Status: protocol.Completed}, {ID: "b", Status: protocol.Pending}, {ID: "c", Status: protocol.Failed}}}
	run.Merge(Live{Status: protocol.Running, Running: []string{"b", "c"}})
	want(t, "b", string(run.Tasks[1].Status), "running")
	want(t, "c, retried", string(run.Tasks[2].Status), "running")
	run.Merge(Live{Status: protocol.Running, Running: []string{"c"}, Waits: map[string]string{"a": "no", "c": "waiting for the server: gone"}})
	want(t, "a does not wait", run.Tasks[0].Reason, "")
	want(t, "c waits", run.Tasks[2].Line(), "▶ c    running  waiting for the server: gone")
	run.Merge(Live{Status: protocol.Failed})
	want(t, "run", string(run.Status), "failed")
	want(t, "a", string(run.Tasks[0].Status), "completed")
	want(t, "b", string(run.Tasks[1].Status), "cancelled")
}

func TestDurationsAsPeopleReadThem(t *testing.T) {
	for seconds, text := range map[protocol.Seconds]string{0.004: "0.00 s", 9.5: "9.50 s", 42.4: "42 s", 200: "3m20s", 7200: "2h0m0s"} {
		want(t, text, Duration(seconds), text)
	}
}

func TestBriefOutput(t *testing.T) {
	for message, want := range map[string]string{
		"it did not answer": "it did not answer",
		"it exited; its last output:\n  npm warn old\n  npm error code E404\n  npm error 404 Not Found - GET https://r/memroy\n  npm error\n  npm error 404 'memroy@*' is not in this registry.\n  npm error A complete log of this run can be found in: /x": "it exited; its last output: npm error code E404; npm error 404 Not Found - GET https://r/memroy; npm error 404 'memroy@*' is not in this registry.",
		"it exited; its last output:\n  Traceback (most recent call last):\n    File \"error.py\", line 1, in <module>\n      import x\n  ModuleNotFoundError: No module named 'x'":                                                                          "it exited; its last output: ModuleNotFoundError: No module named 'x'",
		"it exited; its last output:\n  one\n  two\n  three\n  four": "it exited; its last output: two; three; four",
	} {
		if got := BriefOutput(message); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
