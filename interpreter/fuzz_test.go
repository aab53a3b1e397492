package interpreter_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// FuzzCompile: whatever the text, there is a plan that hangs together, runs to its end and survives its JSON, or there are
// errors of known rules with places in the file; never both, and the same each time.
func FuzzCompile(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, i%2 == 0)
	}
	known := ruleNames()
	f.Fuzz(func(t *testing.T, text []byte, elsewhere bool) {
		in := input(text)
		in.Remote = elsewhere
		var p *plan.Plan
		var found []definition.Diagnostic
		inTime(t, func() { p, found = interpreter.Compile(in) })
		checkFound(t, text, found, known)
		if mistaken := slices.ContainsFunc(found, func(d definition.Diagnostic) bool { return !d.Note }); (p == nil) != mistaken {
			t.Fatalf("plan %v with the errors %s", p, listed(found))
		}
		if p == nil {
			return
		}
		checkPlan(t, p)
		runToTheEnd(t, p)
		bytesOfPlan, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var read plan.Plan
		if err := json.Unmarshal(bytesOfPlan, &read); err != nil {
			t.Fatalf("%v: %s", err, bytesOfPlan)
		}
		if again, err := json.Marshal(&read); err != nil || !bytes.Equal(again, bytesOfPlan) {
			t.Errorf("read and written again it is another plan (%v):\n%s\nfrom\n%s", err, again, bytesOfPlan)
		}
		if again, _ := interpreter.Compile(in); !bytes.Equal(shown(t, p), shown(t, again)) {
			t.Error("another plan the second time")
		}
	})
}

// inTime fails where something takes over a second three times in a row: once, a busy machine may be the reason.
func inTime(t *testing.T, work func()) {
	t.Helper()
	for range 3 {
		start := time.Now()
		if work(); time.Since(start) <= time.Second {
			return
		}
	}
	t.Error("it took over a second, three times")
}

func checkFound(t *testing.T, text []byte, found []definition.Diagnostic, known []string) {
	t.Helper()
	unified := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(text), "\ufeff"))
	lines := strings.Split(unified, "\n")
	for i, one := range found {
		if one.File != "flow.yaml" { // Of a workflow within: those of the file itself come first.
			continue
		}
		if one.Line < 1 || one.Line > len(lines) || one.Column < 1 || one.Column > utf8.RuneCountInString(lines[one.Line-1])+1 {
			t.Errorf("an error without a place in the file: %+v", one)
		}
		if one.Message == "" || !utf8.ValidString(one.String()) || strings.ContainsFunc(one.String(), unicode.IsControl) {
			t.Errorf("an error that cannot be shown on one line: %q", one)
		}
		if !slices.Contains(known, one.Rule) {
			t.Errorf("an error of no rule: %s", one)
		}
		if i > 0 && !inOrder(found[i-1], one) {
			t.Errorf("out of order: %s after %s", one, found[i-1])
		}
	}
}

func inOrder(a, b definition.Diagnostic) bool {
	if a.Line != b.Line {
		return a.Line < b.Line
	}
	if a.Column != b.Column {
		return a.Column < b.Column
	}
	return a.Rule <= b.Rule
}

func checkPlan(t *testing.T, p *plan.Plan) {
	t.Helper()
	ids := map[string]bool{}
	for _, task := range p.Tasks {
		if ids[task.ID] {
			t.Errorf("two tasks %q", task.ID)
		}
		ids[task.ID] = true
	}
	for _, task := range p.Tasks {
		for _, use := range task.Uses {
			if use.Task != "" && !slices.Contains(task.After, use.Task) {
				t.Errorf("task %q uses %q and does not wait for it", task.ID, use.Task)
			}
		}
		for _, other := range slices.Concat(task.After, task.Dependencies) {
			if !ids[other] || other == task.ID {
				t.Errorf("task %q waits for %q", task.ID, other)
			}
		}
		if task.Method == "" || task.Timeout <= 0 && !task.HasSteps() && task.Workflow == "" && !keepsItsOwnTime(task.Method) {
			t.Errorf("task without a timeout or a method: %+v", task)
		}
	}
}

// keepsItsOwnTime reports whether a method has a timeout that its handler alone knows.
func keepsItsOwnTime(name string) bool {
	for _, spec := range specs() {
		spec.AnyServer = true
		if m, is := spec.Find(name); is {
			return m.Timeout == 0
		}
	}
	return false
}

// runToTheEnd has every task complete: there is no circle, and none waits for what never comes.
func runToTheEnd(t *testing.T, p *plan.Plan) {
	t.Helper()
	progress, err := plan.Begin(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range p.Tasks {
		next, found := progress.Next()
		if !found {
			t.Fatal("a task waits for ever")
		}
		progress.End(next.Task, protocol.Outcome{Status: protocol.Completed})
	}
	if !progress.Done() {
		t.Error("the run does not end")
	}
}
