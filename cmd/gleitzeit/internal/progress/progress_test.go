package progress

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

var update = flag.Bool("update", false, "write what is shown of the recorded histories into testdata")

const recorded = "../../../../workflows/testdata/histories"

// recordedEvents decodes a recorded history.
func recordedEvents(t *testing.T, file string) []history.Event {
	t.Helper()
	data, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	read, err := client.HistoryFromJSON(data, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var decoder history.Decoder
	var events []history.Event
	for _, event := range read.GetEvents() {
		decoded, _ := decoder.Decode(event)
		events = append(events, decoded...)
	}
	return events
}

// durations are all that differs between two recordings of one run.
var durations = regexp.MustCompile(`\d+\.\d\d s\b`)

// TestRecordedRuns shows every recorded history as lines for people, as JSON lines and as steps.
func TestRecordedRuns(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(recorded, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded histories: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			var shown bytes.Buffer
			var lines []string
			store := memory.New()
			printer := New(Options{Run: "run-1", Store: store, Screen: NewScreen(&shown), Line: func(document any) {
				line, err := json.Marshal(document)
				if err != nil {
					t.Error(err)
				}
				lines = append(lines, string(line))
			}})
			steps := &Steps{Run: "run-1", Store: store, Total: 3, Report: func(s Step) {
				lines = append(lines, fmt.Sprintf("step %.2f of %d: %s", s.Done, s.Total, durations.ReplaceAllString(s.Text, "N s")))
			}}
			for _, event := range recordedEvents(t, file) {
				if event.Outcome != nil && event.Outcome.Value.Inline == nil {
					event.Outcome.Value = protocol.Payload{} // It lies in the store of the recording.
				}
				if event.Asked != nil { // What it asks lies there, too: the beginning stands for it.
					asked := *event.Asked
					data, err := json.Marshal(protocol.Approval{Message: asked.Message, Since: asked.Since, Until: asked.Until})
					programtest.Must(t, err)
					question, err := value.Parse(data)
					programtest.Must(t, err)
					payload, stored := protocol.NewResultPayload(question)
					programtest.Must(t, store.Put(t.Context(), resultstore.Batch{Values: [][]byte{stored}}))
					asked.Approval = payload.Ref
					event.Asked = &asked
				}
				for _, observer := range []interface {
					Event(context.Context, history.Event) error
				}{printer, steps} {
					if err := observer.Event(t.Context(), event); err != nil {
						t.Fatal(err)
					}
				}
			}
			got := durations.ReplaceAllString(shown.String(), "N s") + strings.Join(lines, "\n") + "\n"
			programtest.Golden(t, filepath.Join("testdata", name+".txt"), got, *update)
		})
	}
}

// ended is the end of a task at a moment.
func ended(task string, at time.Time, outcome protocol.Outcome) history.Event {
	outcome.StartedAt, outcome.FinishedAt = at.Add(-time.Second), at
	return history.Event{Task: task, Item: protocol.NoItem, Method: "llm/chat", At: at, Outcome: &outcome}
}

func started(task string, at time.Time) history.Event {
	return history.Event{Task: task, Item: protocol.NoItem, Method: "llm/chat", At: at}
}

// printing returns a printer of a plan with these tasks, each after the one before, and what it has shown.
func printing(o Options, tasks ...string) (*Printer, *bytes.Buffer) {
	p := &plan.Plan{Name: "Shown"}
	for i, id := range tasks {
		task := plan.Task{ID: id, Method: "llm/chat"}
		if i > 0 {
			task.After = []string{tasks[i-1]}
		}
		p.Tasks = append(p.Tasks, task)
	}
	shown := &bytes.Buffer{}
	o.Run, o.Plan, o.Store, o.Screen = "run-1", p, memory.New(), NewScreen(shown)
	return New(o), shown
}

func events(t *testing.T, p *Printer, all ...history.Event) {
	t.Helper()
	for _, event := range all {
		if err := p.Event(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
}

func want(t *testing.T, shown *bytes.Buffer, text string) {
	t.Helper()
	if shown.String() != text {
		t.Errorf("got\n%s\nwant\n%s", shown, text)
	}
}

// What to do about failed items is shown once where it is the same for several.
func TestHintsOfFailedItems(t *testing.T) {
	now := time.Now()
	p, shown := printing(Options{Began: now}, "a")
	fail := func(item int, hint string) history.Event {
		event := ended("a", now, protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.InvalidParams, "too long").WithHint("%s", hint)})
		event.Item = item
		return event
	}
	events(t, p, fail(0, "cut it"), fail(1, "cut it"), fail(2, "fit\x1b[2J it"), fail(3, ""))
	line := func(item int) string { return fmt.Sprintf("✗ a[%d]  null  failed  1.00 s  too long\n", item) }
	want(t, shown, line(0)+"  cut it\n"+line(2)+"  fit\\x1b[2J it\n"+line(3))
}

// What a task waits for is a line of its own, when it begins and when it changes.
func TestWaits(t *testing.T) {
	p, shown := printing(Options{Began: time.Now()}, "a")
	events(t, p, started("a", time.Now()))
	waiting := func(message string) []history.Attempt {
		return []history.Attempt{{Activity: "a[0]", Number: 1, Message: message, Started: true}}
	}
	const server, limit = "waiting for the server: connection\x1b[2J refused", "waiting until 14:03:%d: the limit is reached"
	for _, message := range []string{server, server, "", server, fmt.Sprintf(limit, 10), fmt.Sprintf(limit, 16), "waiting for another call to finish", "9 tokens"} {
		p.Attempts(t.Context(), waiting(message))
	}
	lines := "· a  waiting for the server: connection\\x1b[2J refused\n· a  waiting until 14:03:10: the limit is reached\n"
	want(t, shown, lines)
	p.waits = map[string]string{"a": fmt.Sprintf(limit, 30)}
	p.noteWaits(time.Now().Add(waitEvery))
	p.waits = nil
	p.noteWaits(time.Now().Add(3 * waitEvery))
	p.waits = map[string]string{"a": fmt.Sprintf(limit, 30)}
	p.noteWaits(time.Now().Add(3 * waitEvery))
	again := "· a  waiting until 14:03:30: the limit is reached\n"
	want(t, shown, lines+again+again)
}

func TestWhatAnEarlierProcessDidIsCounted(t *testing.T) {
	now := time.Now()
	p, shown := printing(Options{Began: now}, "a", "b")
	events(t, p, started("a", now.Add(-time.Minute)), ended("a", now.Add(-time.Minute), protocol.Outcome{Status: protocol.Completed}),
		started("b", now), ended("b", now.Add(time.Second), protocol.Outcome{Status: protocol.Completed, Warning: "cut"}))
	p.End(&view.Run{Run: "run-1", Status: protocol.Completed, Duration: 2, Tasks: []view.Task{{ID: "a", Status: protocol.Completed}, {ID: "b", Status: protocol.Completed}}})
	want(t, shown, "✓ b  llm/chat  completed  1.00 s\n! b  cut\nrun-1 completed in 2.00 s (1 of 2 tasks finished earlier)\n")
}

func TestTasksThatAreSkippedForAFailure(t *testing.T) {
	now := time.Now()
	var lines []string
	p, shown := printing(Options{Line: func(document any) { lines = append(lines, document.(*view.Task).ID) }}, "a", "b", "c")
	failure := protocol.Errorf(protocol.TaskExecutionFailed, "no\x1b[2J model").WithHint("start it")
	events(t, p, started("a", now), ended("a", now, protocol.Outcome{Status: protocol.Failed, Error: failure}))
	if got := strings.Join(lines, " "); got != "a b c" {
		t.Errorf("lines of %s", got)
	}
	p.End(&view.Run{Run: "run-1", Status: protocol.Failed, Tasks: []view.Task{{ID: "a", Status: protocol.Failed, Error: view.NewError(failure)}, {ID: "b", Status: protocol.Skipped}, {ID: "c", Status: protocol.Completed}}})
	if p.Printed("c") || !p.Printed("b") {
		t.Error("the line of c says that it was skipped, and it was not")
	}
	if text := shown.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, "a (TASK_EXECUTION_FAILED):\n") || !strings.Contains(text, "  start it\n") {
		t.Errorf("got\n%s", text)
	}
}

func TestAttemptsAndQueuesAreShownOnce(t *testing.T) {
	p, shown := printing(Options{}, "a")
	events(t, p, started("a", time.Now()))
	for range 2 {
		p.Attempts(t.Context(), []history.Attempt{{Activity: "a", Number: 2, Failure: "overloaded\nin two lines"}, {Activity: "b", Number: 1}})
		p.Waiting([]history.Waiting{{Queue: "gpu 1", Activities: []string{"a", "b"}}})
	}
	p.Waiting(nil)
	p.Waiting([]history.Waiting{{Queue: "gpu 1", Activities: []string{"a"}}})
	p.Note("a note")
	want(t, shown, "↻ a  retrying: overloaded in two lines\n"+
		"· a and 1 more  waiting for a worker on queue \"gpu 1\": start one with `gleitzeit worker --queue 'gpu 1'`\n"+
		"· a  waiting for a worker on queue \"gpu 1\": start one with `gleitzeit worker --queue 'gpu 1'`\na note\n")
}

// The newest line of a script stands where a handler says nothing itself, and that of an item in the line of its task. A script
// that prints what looks like a wait does not wait.
func TestTheNewestLineOfAScript(t *testing.T) {
	p, shown := printing(Options{Began: time.Now()}, "a")
	p.Attempts(t.Context(), []history.Attempt{
		{Activity: "a", Number: 1, Line: "step 3", Started: true}, {Activity: "b", Number: 1, Message: "9 tokens", Line: "text", Started: true},
		{Activity: "c[4]", Number: 1, Line: "waiting for the server: down", Started: true}, {Activity: "c[5]", Number: 1, Line: "other", Started: true},
	})
	if p.message("a") != "step 3" || p.message("b") != "9 tokens" || p.itemLines["c"] != "[4] waiting for the server: down" || len(p.waits) > 0 {
		t.Errorf("got %q, %q, %q and waits %v", p.message("a"), p.message("b"), p.itemLines["c"], p.waits)
	}
	p.Live(&history.Live{Heartbeat: protocol.Heartbeat{Line: "step 4"}, Task: "a"})
	want(t, shown, "")
}

// Of what a script prints, each stream is written as it comes, and what is left of both at its end.
func TestStreamOfAScript(t *testing.T) {
	now := time.Now()
	p, shown := printing(Options{Stream: true}, "a")
	events(t, p, started("a", now))
	beat := func(out string, outWritten int, errs string, errsWritten int) {
		p.Live(&history.Live{Task: "a", Attempt: 1, Heartbeat: protocol.Heartbeat{
			Stdout: &protocol.PrintedTail{Tail: out, Written: outWritten}, Stderr: &protocol.PrintedTail{Tail: errs, Written: errsWritten},
		}})
	}
	beat("1\n", 2, "", 0)
	beat("1\n", 2, "w\n", 2)
	beat("1\n2\n", 4, "w\n", 2)
	result := value.Object(value.Field{Name: "result", Value: value.Value{}}, value.Field{Name: "output", Value: value.String("1\n2\n3\n")}, value.Field{Name: "stderr", Value: value.String("w\nx\r")})
	end := ended("a", now.Add(time.Second), protocol.Outcome{Status: protocol.Completed, Value: protocol.Payload{Inline: &result}})
	end.Method = "python/execute"
	events(t, p, end)
	if got, _, _ := strings.Cut(shown.String(), "✓"); got != "1\nw\n2\n3\nx\n" {
		t.Errorf("got %q", got)
	}
}

// An answer is written as it comes, the rest of it when it is there, and nothing of it twice.
func TestStream(t *testing.T) {
	now := time.Now()
	answer := func(text string) protocol.Outcome {
		result := value.Object(value.Field{Name: "response", Value: value.String(text)})
		return protocol.Outcome{Status: protocol.Completed, Value: protocol.Payload{Inline: &result}}
	}
	for name, c := range map[string]struct {
		live []protocol.Heartbeat
		end  string
		want string
	}{
		"at once":         {nil, "Hello", "Hello"},
		"piece by piece":  {[]protocol.Heartbeat{{Tail: "Hel", Written: 3}, {Tail: "Hello, w", Written: 8}}, "Hello, world", "Hello, world"},
		"with a gap":      {[]protocol.Heartbeat{{Tail: "Hel", Written: 3}, {Tail: "end", Written: 100}}, "", "Hel…end\n"},
		"another attempt": {[]protocol.Heartbeat{{Tail: "No", Written: 2}}, "Yes", "No\nYes"},
	} {
		p, shown := printing(Options{Stream: true}, "a")
		events(t, p, started("a", now))
		if p.LiveTask() != "a" {
			t.Fatalf("%s: the task is %q", name, p.LiveTask())
		}
		for _, beat := range c.live {
			p.Live(&history.Live{Heartbeat: beat, Task: "a", Attempt: 1})
		}
		events(t, p, ended("a", now.Add(time.Second), answer(c.end)))
		if got, _, _ := strings.Cut(shown.String(), "\n✓"); got != strings.TrimSuffix(c.want, "\n") {
			t.Errorf("%s: got %q", name, shown)
		}
	}
}

// TestWhatACancelledTaskPrinted: its error stands above what it printed, as that of a task that failed.
func TestWhatACancelledTaskPrinted(t *testing.T) {
	p, shown := printing(Options{Began: time.Now()}, "a")
	cancelled := view.NewError(protocol.Errorf(protocol.TaskCancelled, "it was cancelled while it ran"))
	cancelled.Printed = protocol.Printed{Output: "half done"}
	p.End(&view.Run{Run: "run-1", Status: protocol.Cancelled, Duration: 2, Tasks: []view.Task{{ID: "a", Status: protocol.Cancelled, Error: cancelled}}})
	want(t, shown, "\na (TASK_CANCELLED):\nit was cancelled while it ran\n  output:\n    half done\nrun-1 cancelled in 2.00 s\n")
}
