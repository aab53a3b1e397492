package workflows_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// stepsRun has items with three steps: one that fails for an item and is tried again, one whose condition skips an item, and one with
// the results of both.
func stepsRun(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return r.start(t, compile(t, stepsFlow))
}

const stepsFlow = `
name: Steps
inputs: {tail: "!"}
tasks:
  - {id: list, method: test/echo, parameters: {value: [a, b, c, d, e]}}
  - id: each
    for_each: "${list.value}"
    when: ${item} != "e"
    retry: {max_attempts: 2, base_delay: 0.01}
    outputs: {value: "${join.value}"}
    steps:
      - {id: join, method: test/echo, parameters: {key: "join ${item}", value: "${first.value}-${second.value:-none}${inputs.tail}"}, run_if: done}
      - {id: first, name: The first, method: test/fail, parameters: {key: "first ${item}", times: 1, kind: task}}
      - {id: second, method: test/echo, parameters: {key: "second ${item}", value: "${item}${list.value[0]}"}, when: "${['The first'].value} == 'done' && ${item} != 'b'"}
  - id: named
    for_each: [1, 2, 3]
    steps:
      - {id: double, method: test/echo, parameters: {key: "double ${item}", value: "${item}${item}"}}
      - {id: bad, method: test/fail, parameters: {key: "bad ${item}", times: "${item}", kind: permanent}, retry: {max_attempts: 1}}
      - {id: last, method: test/echo, dependencies: [bad], parameters: {key: "last ${item}", value: "${double.value}"}}
    outputs: {doubled: "${double.value}", index: "${index}", status: "${bad.status}"}
outputs: {joined: "${each.results[0:4][*].result.value}"}
`

func TestStepsOfItems(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	result, err := end(t, stepsRun(t, r))
	if err == nil || result.Status != protocol.Failed {
		t.Fatal(result, err)
	}
	if got := string(result.Outputs.Inline.JSON()); got != `{"joined":["done-aa!","done-none!","done-ca!","done-da!"]}` {
		t.Errorf("outputs: %s", got)
	}
	if each := r.lastOf(t, "each"); each.Counts.Succeeded != 4 || each.Counts.Skipped != 1 || each.Attempts != 1 {
		t.Errorf("each: %+v", each.Counts)
	}
	if named := r.lastOf(t, "named"); named.Status != protocol.Failed || named.Error.Message != `all of 3 items failed; the first is item 0 (1): step "bad": failure 1` {
		t.Errorf("named: %s %+v", named.Status, named.Error)
	}
	for call, want := range map[string]int{"first a": 2, "second a": 1, "second b": 0, "join b": 1, "first e": 0, "double 2": 1, "bad 2": 1, "last 2": 0} {
		if got := r.probe.called(call); got != want {
			t.Errorf("%s was called %d times, not %d", call, got, want)
		}
	}
	steps := r.steps(t, "each", "first")
	if len(steps) != 8 || steps[0].Status != protocol.Failed || steps[1].Status != protocol.Completed || steps[1].Attempts != 2 {
		t.Errorf("records of the first step: %d, %+v", len(steps), steps)
	}
}

// lastOf returns the last record of a task with items.
func (r *rig) lastOf(t testing.TB, task string) resultstore.Record {
	t.Helper()
	whole := protocol.NoItem
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Task: task, Item: &whole})
	if err != nil || len(records) == 0 {
		t.Fatal(records, err)
	}
	return records[len(records)-1]
}

// steps returns the records of a step of items.
func (r *rig) steps(t testing.TB, task, step string) []resultstore.Record {
	t.Helper()
	key := resultstore.StepKey(resultstore.Key{Task: task}, step)
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Kind: resultstore.Step, Task: key.Task})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// TestStepsEndItems: an item without outputs has the result of its last step, also if that does not run last or is skipped; a step that
// fails lets it go on if it may.
func TestStepsEndItems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, steps, want string }{
		{"outputs", `
      - {id: a, method: test/echo, parameters: {value: "${item}"}}
      - {id: b, method: test/fail, parameters: {key: b, times: 9, kind: permanent}, dependencies: [a], continue_on_error: true}
      - {id: c, method: test/echo, parameters: {value: "${b.error.message}"}}
    outputs: {a: "${a.value}", b: "${b.status}", c: "${c.value}", n: "${index}"}`,
			`completed {"a":"x","b":"failed","c":"failure 1","n":0}`},
		{"a result that is there before the last step runs", `
      - {id: b, method: test/echo, parameters: {value: "${c.value}"}}
      - {id: c, method: test/echo, parameters: {value: "${item}"}}`,
			`completed {"value":"x"}`},
		{"a last step that is skipped", `
      - {id: a, method: test/echo, parameters: {value: "${item}"}}
      - {id: b, method: test/echo, parameters: {value: "${a.value}"}, when: "${a.value} == 'y'"}`,
			`skipped null its condition is false: ${a.value} == 'y'`},
		{"a step that needs one which was skipped", `
      - {id: a, method: test/echo, parameters: {value: "${item}"}, when: false}
      - {id: b, method: test/echo, parameters: {value: "${a.value}"}}`,
			`skipped null it needs "a", which was skipped`},
		{"an output that is missing", `
      - {id: a, method: test/echo, parameters: {value: "${item}"}}
    outputs: {x: "${a.none}"}`,
			`failed null output "x": ${a.none}: a has no field "none"; it has value`},
		{"a condition that cannot be decided", `
      - {id: a, method: test/echo, parameters: {value: "${item}"}}
      - {id: b, method: test/echo, parameters: {value: "${item}"}, when: "${a.value} > 3"}`,
			`failed null step "b": `},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			end(t, r.start(t, compile(t, "name: Ends\ntasks:\n  - id: batch\n    for_each: [x]\n    steps:"+c.steps+"\n")))
			got := ""
			for _, entry := range entries(r.resultOf(t)) {
				got += get(entry, "status").Text() + " " + string(get(entry, "result").JSON())
				if text := get(entry, "reason").Text() + get(entry, "error", "message").Text(); text != "" {
					got += " " + text
				}
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// stepsOver is a rig with runs of one plan of steps, each of which takes over the one before.
func (o *takenOver) stepsPlan(t *testing.T, note string) *plan.Plan {
	t.Helper()
	return compileBatch(t, fmt.Sprintf(`
name: Batch
batch: {directory: %q, max_concurrent: 4}
template:
  retry: {max_attempts: 1}
  steps:
    - {id: read, method: test/echo, parameters: {key: "read ${item.name}", value: "${item.text}"}}
    - {id: note, method: test/echo, parameters: {key: "note ${item.name}", value: "${read.value} %s"}}
    - {id: file, method: test/file, parameters: {path: "${item}"}, dependencies: [note]}
    - {id: last, method: test/echo, parameters: {key: "last ${item.name}", value: "${file.value} of ${note.value}"}}
tasks:
  - {id: whole, method: test/echo, parameters: {key: whole, value: "${batch}"}}
`, o.folder, note), o.folder)
}

// stepsMade counts the calls of each step: "note 30, read 30".
func (o *takenOver) stepsMade() string {
	o.probe.mu.Lock()
	defer o.probe.mu.Unlock()
	counts := map[string]int{}
	for name, count := range o.probe.calls {
		step, _, _ := strings.Cut(name, " ")
		if strings.HasSuffix(step, ".txt") {
			step = "file"
		}
		if count -= o.calls[name]; count > 0 {
			counts[step] += count
		}
	}
	maps.Copy(o.calls, o.probe.calls)
	var lines []string
	for _, step := range slices.Sorted(maps.Keys(counts)) {
		lines = append(lines, fmt.Sprintf("%s %d", step, counts[step]))
	}
	return strings.Join(lines, ", ")
}

// TestStepsAreTakenOver: an item that has failed at a step goes on there, and after a change of a step that and what depends on it is done
// again.
func TestStepsAreTakenOver(t *testing.T) {
	t.Parallel()
	o := newTakenOver(t, 30)
	for _, c := range []struct {
		what, note string
		over       *protocol.TakeOver
		change     func()
		want       string
		failed     int
	}{
		{what: "the first run", note: "one", want: "file 30, last 27, note 30, read 30, whole 1", failed: 3},
		{what: "nothing changed", note: "one", over: &protocol.TakeOver{}, want: "file 3, whole 1", failed: 3},
		{what: "mended", note: "one", over: &protocol.TakeOver{}, want: "file 3, last 2, note 2, read 2, whole 1", failed: 1, change: func() {
			o.write(t, "f003.txt", "mended")
			o.write(t, "f017.txt", "mended")
		}},
		{what: "another second step", note: "two", over: &protocol.TakeOver{}, want: "file 1, last 29, note 30, whole 1", failed: 1},
		{what: "what failed, with another second step", note: "three", over: &protocol.TakeOver{Failed: true}, want: "file 1, note 1, whole 1", failed: 1},
		{what: "selected", note: "three", over: &protocol.TakeOver{Items: []string{"1", "f029.txt"}}, want: "file 2, last 1, note 2, read 2, whole 1", failed: 1},
		{what: "nothing", note: "three", over: &protocol.TakeOver{}, want: "file 1, last 28, note 28, whole 1", failed: 1},
		{what: "nothing again", note: "three", over: &protocol.TakeOver{}, want: "file 1, whole 1", failed: 1},
	} {
		if c.change != nil {
			c.change()
		}
		if c.over != nil {
			c.over.Runs = []protocol.EarlierRun{o.last}
		}
		run := o.begin(t, o.stepsPlan(t, c.note), workflows.Start{TakeOver: c.over})
		result, _ := end(t, run)
		o.last = protocol.EarlierRun{Run: run.GetID(), Execution: run.GetRunID()}
		if made := o.stepsMade(); made != c.want || result.Items.Failed != c.failed || result.Items.Total != 30 {
			t.Fatalf("%s: made %s, %+v; want %s", c.what, made, result.Items, c.want)
		}
		for _, entry := range entries(o.resultOf(t)) {
			if text := get(entry, "error", "message").Text(); text != "" && !strings.HasPrefix(text, `step "file": failure of f0`) {
				t.Errorf("%s: %s", c.what, text)
			}
		}
	}
	if err := os.Remove(filepath.Join(o.folder, "f000.txt")); err != nil {
		t.Fatal(err)
	}
}
