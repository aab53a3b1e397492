package stories_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// printing is a workflow whose tasks print 150 lines, "ID 0" to "ID 149", and have no result.
const printing = `
name: Printing
tasks:
  - id: plain
    method: python/execute
    parameters: {code: "PRINT('plain')\nraise ValueError('no')"}
  - id: retried
    method: python/execute
    retry: {max_attempts: 2, base_delay: 0.01, jitter: false}
    parameters: {code: "import os\nif os.path.exists('first'):\n    result = 'well'\nelse:\n    open('first', 'w').close()\n    PRINT('retried')\n    raise ValueError('no')"}
  - id: twice
    method: python/execute
    retry: {max_attempts: 2, base_delay: 0.01, jitter: false}
    parameters: {code: "import os\nname = 'twice second' if os.path.exists('once') else 'twice first'\nopen('once', 'w').close()\nPRINT(name)\nraise ValueError('no')"}
  - id: late
    method: python/execute
    timeout: 3
    parameters: {code: "PRINT('late')\nimport time\ntime.sleep(600)"}
  - id: items
    method: python/execute
    for_each: [a, b]
    parameters: {code: "PRINT('item ' + ${item})\nif ${index} == 1: raise SystemExit('no')\nresult = 1"}
  - id: cancelled
    method: python/execute
    dependencies: [plain, retried, twice, late, items]
    run_if: always
    parameters: {code: "PRINT('cancelled')\nimport time\nopen('waiting', 'w').close()\ntime.sleep(600)"}
`

// printedRun is what of a run's document is about what was printed.
type printedRun struct {
	Tasks []struct {
		ID       string
		Error    printedError
		Result   struct{ Results []printedTask }
		Attempts []printedTask `json:"failed_attempts"`
	}
}

type printedTask struct {
	Error    *printedError
	Attempts []printedTask `json:"failed_attempts"`
}

type printedError struct{ Code, Output, Stderr string }

// UnmarshalJSON reads an error, whose code is a number.
func (e *printedError) UnmarshalJSON(data []byte) error {
	var read *struct{ Name, Output, Stderr string }
	err := json.Unmarshal(data, &read)
	if read != nil {
		*e = printedError{read.Name, read.Output, read.Stderr}
	}
	return err
}

// lastLines are what is kept of what PRINT has printed to each stream.
func lastLines(name, indent string) string {
	lines := []string{"…"}
	for i := 50; i < 150; i++ {
		lines = append(lines, fmt.Sprintf("%s%s %d", indent, name, i))
	}
	return strings.Join(lines, "\n")
}

// The last 100 lines of a script without a result are on the screen and in the JSON: of a task, an item, an attempt that was
// retried, a timeout and a cancel; while the run is executed and afterwards.
func TestTheEndOfWhatScriptsPrinted(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json", "jsonl"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			u.File("print.py", "import sys\ndef PRINT(name):\n    for i in range(150):\n        print(name, i)\n        print('E', name, i, file=sys.stderr)\n")
			u.File("flow.yaml", strings.ReplaceAll(printing, `code: "`, `code: "from print import PRINT\n`))
			p := u.Start("run", "flow.yaml", "-o", format)
			u.Appears("waiting")
			p.Signal(syscall.SIGINT)
			p.Wait()
			if format == "text" {
				for _, name := range []string{"plain", "twice first", "twice second", "retried", "late", "cancelled"} {
					wantPrinted(t, "the screen", p.Stderr.String(), name)
				}
				if screen := p.Stderr.String(); !strings.Contains(screen, "\n  output:\n    …\n    item b 140\n") || strings.Contains(screen, "item b 139") || strings.Contains(screen, "item a") {
					t.Errorf("of the items, the screen shows\n%s", screen)
				}
				for task, names := range map[string][]string{"plain": {"plain"}, "twice": {"twice first", "twice second"}, "late": {"late"}, "cancelled": {"cancelled"}} {
					_, stderr := says(u, "results", "@latest", task)
					stdout, _ := u.Gleitzeit(0, "status", "@latest")
					for _, name := range names {
						wantPrinted(t, "results of "+task, stderr, name)
					}
					wantPrinted(t, "status", stdout, names[len(names)-1])
				}
				stdout, _ := u.Gleitzeit(0, "results", "@latest", "items")
				wantPrinted(t, "results of items", stdout, "item b")
				_, stderr := u.Gleitzeit(0, "results", "@latest", "retried")
				wantPrinted(t, "results of retried", stderr, "retried")
				return
			}
			if format == "json" {
				wantPrintedRun(t, "run", p.Stdout.String())
				stdout, _ := u.Gleitzeit(0, "results", "@latest", "-o", "json")
				wantPrintedRun(t, "results", stdout)
				_, stderr := says(u, "results", "@latest", "twice", "-o", "json")
				var failed printedTask
				must(t, json.Unmarshal([]byte(stderr), &failed))
				failed.want(t, "results of twice", "TASK_EXECUTION_FAILED", "twice second", "twice first")
				stdout, _ = u.Gleitzeit(0, "status", "@latest", "-o", "json")
				var run printedRun
				must(t, json.Unmarshal([]byte(stdout), &run))
				printedTask{&run.Tasks[2].Error, run.Tasks[2].Attempts}.want(t, "status", "TASK_EXECUTION_FAILED", "twice second", "twice first")
				return
			}
			var run printedRun
			for line := range strings.Lines(p.Stdout.String()) {
				var item struct {
					Task, Status string
					Index        int
					printedTask
				}
				must(t, json.Unmarshal([]byte(line), &item))
				if item.Task == "items" && item.Index == 1 {
					item.want(t, "the line of the item", "TASK_EXECUTION_FAILED", "item b")
				}
				var tasks printedRun
				must(t, json.Unmarshal([]byte(`{"tasks":[`+line+`]}`), &tasks))
				if tasks.Tasks[0].ID != "" {
					run.Tasks = append(run.Tasks, tasks.Tasks...)
				}
			}
			for _, task := range run.Tasks {
				got := printedTask{&task.Error, task.Attempts}
				switch task.ID {
				case "plain", "late", "cancelled":
					got.want(t, task.ID, codeOf[task.ID], task.ID)
				case "twice":
					got.want(t, task.ID, codeOf[task.ID], "twice second", "twice first")
				case "retried":
					got.want(t, task.ID, "", "", "retried")
				}
			}
			if len(run.Tasks) < 6 {
				t.Errorf("got %d tasks", len(run.Tasks))
			}
		})
	}
}

// says runs the program, whatever its exit code.
func says(u *user, args ...string) (stdout, stderr string) {
	p := u.Start(args...)
	p.Wait()
	return p.Stdout.String(), p.Stderr.String()
}

var codeOf = map[string]string{"plain": "TASK_EXECUTION_FAILED", "twice": "TASK_EXECUTION_FAILED", "late": "TASK_TIMEOUT", "cancelled": "TASK_CANCELLED"}

// want wants an error with the output of the name, and before it attempts with that of the earlier names.
func (p printedTask) want(t *testing.T, where, code, name string, earlier ...string) {
	t.Helper()
	if p.Error == nil {
		p.Error = &printedError{}
	}
	want := printedError{Code: code}
	if name != "" {
		want.Output, want.Stderr = lastLines(name, ""), lastLines(name, "E ")
	}
	if *p.Error != want {
		t.Errorf("%s: got %.200q", where, *p.Error)
	}
	if len(p.Attempts) != len(earlier) {
		t.Fatalf("%s has %d attempts that another one followed, want %d", where, len(p.Attempts), len(earlier))
	}
	for i, attempt := range p.Attempts {
		attempt.want(t, fmt.Sprint(where, ", attempt ", i+1), "TASK_EXECUTION_FAILED", earlier[i])
	}
}

// wantPrintedRun wants all that the tasks of printing have printed in the JSON of their run.
func wantPrintedRun(t *testing.T, where, document string) {
	t.Helper()
	var run printedRun
	must(t, json.Unmarshal([]byte(document), &run))
	if len(run.Tasks) != 6 {
		t.Fatalf("%s has %d tasks", where, len(run.Tasks))
	}
	for _, task := range run.Tasks {
		at, got := where+", "+task.ID, printedTask{&task.Error, task.Attempts}
		switch task.ID {
		case "twice":
			got.want(t, at, codeOf[task.ID], "twice second", "twice first")
		case "retried":
			got.want(t, at, "", "", "retried")
		case "items":
			task.Result.Results[0].want(t, at, "", "")
			task.Result.Results[1].want(t, at, "TASK_EXECUTION_FAILED", "item b")
		default:
			got.want(t, at, codeOf[task.ID], task.ID)
		}
	}
}

// wantPrinted wants the end of both streams of a script in a text for people.
func wantPrinted(t *testing.T, where, text, name string) {
	t.Helper()
	for _, indent := range []string{"", "E "} {
		var lines []string
		for line := range strings.SplitSeq(lastLines(name, indent), "\n") {
			lines = append(lines, line)
		}
		found := false
		for _, margin := range []string{"    ", "      ", "        "} {
			found = found || strings.Contains(text, margin+strings.Join(lines, "\n"+margin)+"\n")
		}
		if !found {
			t.Errorf("%s does not show the end of %q: %.3000s", where, indent+name, text)
		}
	}
}

// With --stream, what a script prints is written as it comes, and all of it, without anything twice.
func TestScriptsAreStreamed(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", `
name: Streamed
tasks:
  - id: first
    method: python/execute
    parameters:
      code: |
        import os, sys, time
        print("one")
        while not os.path.exists("go"): time.sleep(0.01)
        sys.stderr.write("10 %\r20 %\r")
        print("two")
        result = 1
  - {id: second, method: python/execute, dependencies: [first], parameters: {code: "for i in range(3000): print('line', i)"}}
`)
	p := u.Start("run", "flow.yaml", "--stream")
	eventually(t, "the first line is written", func() bool { return strings.Contains(p.Stderr.String(), "one\n") })
	u.File("go", "")
	p.Wait()
	var all strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&all, "line %d\n", i)
	}
	screen := p.Stderr.String()
	if strings.Count(screen, "one\n") != 1 || strings.Count(screen, "two\n") != 1 || !strings.Contains(screen, "10 %\n20 %\n") || !strings.Contains(screen, all.String()) {
		t.Errorf("got\n%s", screen)
	}
}
