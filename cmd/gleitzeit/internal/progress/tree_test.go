package progress

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// treePrinter shows a run of some tasks, each of which is written as "id<dependency,dependency".
func treePrinter(t *testing.T, o Options, tasks ...string) (*Printer, *bytes.Buffer) {
	t.Helper()
	shown := &bytes.Buffer{}
	o.Run, o.Store, o.Screen, o.Plan = "r", memory.New(), NewScreen(shown), &plan.Plan{}
	for _, task := range tasks {
		id, after, _ := strings.Cut(task, "<")
		planned := plan.Task{ID: id, Method: "llm/chat"}
		if after != "" {
			planned.After = strings.Split(after, ",")
		}
		o.Plan.Tasks = append(o.Plan.Tasks, planned)
	}
	return New(o), shown
}

func begin(t *testing.T, p *Printer, at time.Time, tasks ...string) {
	t.Helper()
	for _, task := range tasks {
		events(t, p, history.Event{Task: task, Item: protocol.NoItem, Method: "llm/chat", At: at})
	}
}

func finish(t *testing.T, p *Printer, at time.Time, task string, usage protocol.Usage) {
	t.Helper()
	outcome := &protocol.Outcome{Status: protocol.Completed, Usage: usage, StartedAt: at.Add(-time.Second), FinishedAt: at, Attempts: 1}
	events(t, p, history.Event{Task: task, Item: protocol.NoItem, Method: "llm/chat", At: at, Outcome: outcome})
}

func wantRows(t *testing.T, got []string, want string) {
	t.Helper()
	if text := strings.Join(got, "\n") + "\n"; text != want {
		t.Errorf("the rows are\n%swant\n%s", text, want)
	}
}

// TestTree: tasks that run, with their time, attempt and newest line, and below the last of what it waits for each that does not.
func TestTree(t *testing.T) {
	began := time.Now()
	p, _ := treePrinter(t, Options{Began: began}, "fetch", "ask", "clean<fetch", "combine<ask,clean", "report<combine", "idle")
	begin(t, p, began, "fetch", "ask")
	p.Attempts(t.Context(), []history.Attempt{
		{Activity: "fetch", Number: 2, Started: true, Line: "page 3 of 14\x1b[2J"}, {Activity: "ask", Number: 1, Started: true, Message: "120 tokens"},
	})
	now := began.Add(5 * time.Second)
	wantRows(t, treeRows(p, 79, 10, now), `▶ fetch  5s  attempt 2  page 3 of 14\x1b[2J
  · clean
    · combine  waits for ask, clean
      · report
▶ ask  5s  120 tokens
· idle  waits to start
`)
	if got := summaryRow(p, 79, now); got != "0 of 6 done  2 running  5s" {
		t.Error(got)
	}
	wantRows(t, treeRows(p, 24, 10, now), `▶ fetch  5s  attempt 2
  · clean
    · combine  waits fo…
      · report
▶ ask  5s  120 tokens
· idle  waits to start
`)
	wantRows(t, treeRows(p, 79, 3, now), `▶ fetch  5s  attempt 2  page 3 of 14\x1b[2J
  · clean
  and 4 more
`)

	finish(t, p, now, "ask", protocol.Usage{PromptTokens: 100, TokensUsed: 20})
	finish(t, p, now, "fetch", protocol.Usage{})
	begin(t, p, now, "clean")
	wantRows(t, treeRows(p, 79, 10, now.Add(time.Second)), `▶ clean  1s
  · combine
    · report
· idle  waits to start
`)
	if got := summaryRow(p, 79, now); got != "2 of 6 done  1 running  120 tokens  5s" {
		t.Error(got)
	}
	if got := summaryRow(p, 20, now); got != "2 of 6 done" && runewidth.StringWidth(got) > 20 {
		t.Error(got)
	}
	for _, task := range []string{"clean", "idle", "combine"} {
		finish(t, p, now, task, protocol.Usage{})
	}
	begin(t, p, now, "report")
	if rows := treeRows(p, 79, 10, now); rows != nil {
		t.Errorf("the last task has rows of its own: %q", rows)
	}
}

// TestTreeFits: no row is wider than the terminal, and there are no more than it has room for.
func TestTreeFits(t *testing.T) {
	began := time.Now()
	tasks := []string{"a-task-with-a-long-name-日本語"}
	for i := range 30 {
		tasks = append(tasks, fmt.Sprintf("task-%d<%s", i, strings.Split(tasks[i], "<")[0]))
	}
	p, _ := treePrinter(t, Options{Began: began}, tasks...)
	begin(t, p, began, tasks[0])
	p.Attempts(t.Context(), []history.Attempt{{Activity: tasks[0], Number: 1, Started: true, Line: strings.Repeat("wörter 日本 ", 50)}})
	for width := 5; width < 130; width++ {
		for most := 1; most < 20; most += 6 {
			rows := treeRows(p, width, most, began.Add(time.Minute))
			if len(rows) != most {
				t.Fatalf("%d rows, want %d", len(rows), most)
			}
			for _, row := range rows {
				if runewidth.StringWidth(row) > width {
					t.Fatalf("%d columns: %q", width, row)
				}
			}
		}
	}
}

// TestTreeHasWhatAScriptPrintsOnce: below its own task, broken between words, and not on the row of the task, too.
func TestTreeHasWhatAScriptPrintsOnce(t *testing.T) {
	for _, c := range []struct {
		tasks []string
		want  string
	}{
		{[]string{"talk", "after<talk"}, "▶ talk  0s\n    step 3 of the script\n" +
			"    step 4, which says more than the row of a terminal of eighty columns has\n    room for\n  · after\n0 of 2 done  1 running  0s"},
		{[]string{"talk"}, "  step 3 of the script\n  step 4, which says more than the row of a terminal of eighty columns has room\n  for\n0 of 1 done, running: talk  0s"},
	} {
		p, shown := treePrinter(t, Options{}, c.tasks...)
		file, err := os.Open(os.DevNull) // A terminal whose size is not known has 80 columns.
		programtest.Must(t, err)
		defer file.Close()
		p.o.Screen = &Screen{to: shown, file: file}
		p.o.Began = time.Now()
		begin(t, p, p.o.Began, "talk")
		said := "step 4, which says more than the row of a terminal of eighty columns has room for"
		p.Live(&history.Live{Task: "talk", Attempt: 1, Heartbeat: protocol.Heartbeat{Line: said, Stdout: &protocol.PrintedTail{Tail: "step 3 of the script\n" + said + "\n", Written: 100}}})
		drawn := shown.String()
		rows := strings.ReplaceAll(drawn[strings.LastIndex(drawn, "\033[J")+len("\033[J"):], "\r\n", "\n")
		if rows = regexp.MustCompile(`\b\d+s`).ReplaceAllString(rows, "0s"); rows != c.want {
			t.Errorf("the rows are\n%s\nwant\n%s", rows, c.want)
		}
		p.Attempts(t.Context(), []history.Attempt{{Activity: "talk", Number: 1, Started: true, Line: said}})
		if drawn := shown.String(); strings.Count(drawn[strings.LastIndex(drawn, "\033[J"):], "step 4") != 1 {
			t.Errorf("drawn again it is\n%s", drawn)
		}
	}
}

// TestVolume: --quiet shows only what went wrong, --verbose also starts and tokens.
func TestVolume(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "✓ a  llm/chat  completed  1.00 s\n✗ b  llm/chat  failed  1.00 s  no\n"},
		{Options{Quiet: true}, "✗ b  llm/chat  failed  1.00 s  no\n"},
		{Options{Verbose: true}, "▶ a  llm/chat  started\n✓ a  llm/chat  completed  1.00 s  7 tokens read, 2 written\n▶ b  llm/chat  started\n✗ b  llm/chat  failed  1.00 s  no\n"},
	} {
		began := time.Now()
		c.o.Began = began
		p, shown := treePrinter(t, c.o, "a", "b")
		begin(t, p, began, "a")
		finish(t, p, began.Add(time.Second), "a", protocol.Usage{PromptTokens: 7, TokensUsed: 2})
		begin(t, p, began, "b")
		events(t, p, history.Event{Task: "b", Item: protocol.NoItem, Method: "llm/chat", At: began.Add(time.Second), Outcome: &protocol.Outcome{
			Status: protocol.Failed, Error: protocol.Errorf(protocol.TaskExecutionFailed, "no"), StartedAt: began, FinishedAt: began.Add(time.Second),
		}})
		want(t, shown, c.want)
	}
}
