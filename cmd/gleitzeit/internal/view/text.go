package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Results is what a run has brought, as text: its outputs, or without outputs the results of the tasks that nothing
// depends on. In a run that has completed, what was skipped depends on nothing, so that a way which conditions
// cut short has the results of its last tasks. Results must have been added.
func (r *Run) Results() string {
	var text strings.Builder
	if r.hasOutputs() {
		for _, output := range r.Outputs.Fields() {
			entry(&text, output.Name, output.Value)
		}
		return text.String()
	}
	leaves := r.leaves()
	for _, task := range leaves {
		switch {
		case task.Items == nil:
			entry(&text, task.ID, MainValue(*task.Result))
		case len(leaves) > 1: // Which items are whose.
			fmt.Fprintf(&text, "%s:\n%s", task.ID, itemsText(*task.Result))
		default:
			text.WriteString(itemsText(*task.Result))
		}
	}
	return text.String()
}

// hasOutputs tells whether there is an output to show: of a run that has not completed, those that could not be had are
// null.
func (r *Run) hasOutputs() bool {
	for _, output := range r.Outputs.Fields() {
		if r.Status == protocol.Completed || !output.Value.IsNull() {
			return true
		}
	}
	return false
}

// leaves are the tasks with results that no other depends on.
func (r *Run) leaves() []*Task {
	var leaves []*Task
	awaited := r.awaited()
	for i := range r.Tasks {
		if task := &r.Tasks[i]; task.Result != nil && !awaited[task.ID] {
			leaves = append(leaves, task)
		}
	}
	return leaves
}

// awaited are the ids of the tasks that another depends on.
func (r *Run) awaited() map[string]bool {
	awaited := map[string]bool{}
	for i := range r.Tasks {
		if r.Status == protocol.Completed && r.Tasks[i].Status == protocol.Skipped {
			continue
		}
		for _, id := range r.Tasks[i].after {
			awaited[id] = true
		}
	}
	return awaited
}

// ResultText is a task's result for people.
func (t *Task) ResultText() string {
	if t.Items != nil {
		return itemsText(*t.Result)
	}
	return Text(MainValue(*t.Result))
}

// MainValue is the part of a task's result that people want to see: the text of a model or tool, the value of a script, or
// what it printed.
func MainValue(result value.Value) value.Value {
	for _, name := range []string{"response", "result", "output"} {
		if part, has := result.Get(name); has && !part.IsNull() {
			return part
		}
	}
	return result
}

func entry(text *strings.Builder, name string, v value.Value) {
	name, shown := value.Visible(name), Text(v)
	if strings.Contains(strings.TrimSuffix(shown, "\n"), "\n") {
		fmt.Fprintf(text, "%s:\n%s\n", name, strings.TrimSuffix(shown, "\n"))
		return
	}
	fmt.Fprintf(text, "%s: %s\n", name, strings.TrimSuffix(shown, "\n"))
}

// Text shows a value to people: a string as it is, short values on one line, long ones as indented JSON.
func Text(v value.Value) string {
	if v.Kind() == value.KindString {
		return Printable(v.Text())
	}
	data := v.JSON()
	const oneLine = 100
	if len(data) <= oneLine {
		return Printable(string(data))
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, data, "", "  "); err != nil {
		return Printable(string(data))
	}
	return Printable(indented.String())
}

// Printable is value.VisibleLines.
func Printable(text string) string { return value.VisibleLines(text) }

// Tree shows a run as a tree of its tasks, each beneath the last of those that it waits for.
func (r *Run) Tree() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s  %s  %s", r.Run, Printable(r.Workflow), r.Status)
	if r.FinishedAt != nil {
		fmt.Fprintf(&text, "  %s", Duration(r.Duration))
	}
	text.WriteString("\n")
	if r.Error != nil {
		fmt.Fprintf(&text, "%s\n", Printable(r.Error.Message))
	}
	depth := make(map[string]int, len(r.Tasks))
	for _, i := range r.order() {
		task := &r.Tasks[i]
		for _, id := range task.after {
			depth[task.ID] = max(depth[task.ID], depth[id]+1)
		}
		fmt.Fprintf(&text, "%s%s\n", strings.Repeat("  ", depth[task.ID]+1), task.Line())
		if task.Warning != "" {
			fmt.Fprintf(&text, "%s! %s\n", strings.Repeat("  ", depth[task.ID]+2), Printable(Brief(task.Warning)))
		}
		if task.Warnings > 0 {
			fmt.Fprintf(&text, "%s! %d %s with a warning: see the results\n", strings.Repeat("  ", depth[task.ID]+2), task.Warnings, ItemsWord(task.Warnings, task.Values))
		}
	}
	return text.String()
}

// order lists tasks so that each follows those that it waits for, and else as in the file.
func (r *Run) order() []int {
	place := make(map[string]int, len(r.Tasks))
	for i := range r.Tasks {
		place[r.Tasks[i].ID] = i
	}
	after := make([][]int, len(r.Tasks))
	for i := range r.Tasks {
		for _, id := range r.Tasks[i].after {
			after[i] = append(after[i], place[id])
		}
	}
	return inOrder(after)
}

// inOrder lists numbers so that each follows those that it comes after, and else by size.
func inOrder(after [][]int) []int {
	order := make([]int, 0, len(after))
	seen := make([]bool, len(after))
	var visit func(int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, earlier := range after[i] {
			visit(earlier)
		}
		order = append(order, i)
	}
	for i := range after {
		visit(i)
	}
	return order
}

// Line is one line about a task: mark, id, method, status, duration, and why, where it did not complete.
func (t *Task) Line() string {
	line := fmt.Sprintf("%s %s  %s  %s", Mark(t.Status), t.ID, t.Method, t.Status)
	if t.StartedAt != nil && t.Status.Ended() {
		line += "  " + Duration(t.Duration)
	}
	if t.Cached {
		line += "  (cached)"
	}
	if t.Attempts > 1 {
		line += fmt.Sprintf("  %d attempts", t.Attempts)
	}
	if t.Items != nil {
		line += "  " + ItemCounts(*t.Items, t.Values, t.Status.Ended())
	}
	switch {
	case t.Reason != "":
		line += "  " + Printable(t.Reason)
	case t.Error != nil:
		line += "  " + Printable(Brief(t.Error.Message))
	}
	return line
}

// WarningLine is a line of its own about a task whose result has a warning.
func (t *Task) WarningLine() string {
	return fmt.Sprintf("! %s  %s", t.ID, Printable(Brief(t.Warning)))
}

// Mark is the sign of a status.
func Mark(status protocol.Status) string {
	switch status {
	case protocol.Completed:
		return "✓"
	case protocol.Failed, protocol.TimedOut:
		return "✗"
	case protocol.Running:
		return "▶"
	case protocol.Pending:
		return "·"
	}
	return "-"
}

// Duration shows seconds: "0.01 s", "42 s", "3m20s".
func Duration(s protocol.Seconds) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.2f s", float64(s))
	case s < 120:
		return fmt.Sprintf("%.0f s", float64(s))
	}
	return s.Duration().Round(time.Second).String()
}

// Brief is a message on one line: of a longer one the first line, which says what happened, and the last, which in a
// traceback says why.
func Brief(message string) string {
	lines := strings.Split(strings.TrimSpace(message), "\n")
	if len(lines) == 1 {
		return lines[0]
	}
	return lines[0] + " " + strings.TrimSpace(lines[len(lines)-1])
}

// FirstLine cuts a text at its first line break.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// Outcome returns the outcome of a run as an object: its outputs, or without outputs the main value of each task that nothing
// depends on. Results must have been added.
func (r *Run) Outcome() value.Value {
	if r.hasOutputs() {
		return r.Outputs
	}
	var fields []value.Field
	for _, task := range r.leaves() {
		result := *task.Result
		if task.Items == nil {
			result = MainValue(result)
		}
		fields = append(fields, value.Field{Name: task.ID, Value: result})
	}
	return value.Object(fields...)
}
