package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Results returns the results of a run as text: its outputs, or without outputs the results of the tasks that no other
// depends on. In a completed run, skipped tasks do not count as dependents, so that a branch that a condition ended shows
// the results of its last tasks. Results must have been added.
func (r *Run) Results() string {
	var text strings.Builder
	if err := r.WriteResults(&text, 0); err != nil {
		panic(err) // A builder has no errors.
	}
	return text.String()
}

// HasResults reports whether Results has any text.
func (r *Run) HasResults() bool { return r.WriteResults(refusing{}, 0) != nil }

// refusing is a writer that takes nothing.
type refusing struct{}

// Write implements io.Writer.
func (refusing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// WriteResults writes what Results returns, large texts piece by piece. On a terminal of a width in columns, what is said about items is
// broken between words, and what they returned is not; 0 is no limit.
func (r *Run) WriteResults(to io.Writer, width int) error {
	if r.hasOutputs() {
		for _, output := range r.Outputs.Fields() {
			if err := entry(to, output.Name, output.Value); err != nil {
				return err
			}
		}
		return nil
	}
	leaves := r.leaves()
	for _, task := range leaves {
		var err error
		switch {
		case task.Items == nil:
			err = entry(to, task.ID, MainValue(*task.Result))
		case len(leaves) > 1: // Items of several tasks need headings.
			err = writeTexts(to, task.ID, ":\n", task.ResultText(width))
		default:
			err = writeTexts(to, task.ResultText(width))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTexts writes texts without a copy of a large one.
func writeTexts(to io.Writer, texts ...string) error {
	var buffer [16 << 10]byte
	for _, text := range texts {
		for len(text) > 0 {
			length := copy(buffer[:], text)
			if _, err := to.Write(buffer[:length]); err != nil {
				return err
			}
			text = text[length:]
		}
	}
	return nil
}

// hasOutputs reports whether there is an output to show: in a run that has not completed, outputs without a value are null.
func (r *Run) hasOutputs() bool {
	for _, output := range r.Outputs.Fields() {
		if r.Status == protocol.Completed || !output.Value.IsNull() {
			return true
		}
	}
	return false
}

// leaves returns the tasks with results that no other task depends on, without those of the clean-up.
func (r *Run) leaves() []*Task {
	var leaves []*Task
	dependencies := r.dependencies()
	for i := range r.Tasks {
		if task := &r.Tasks[i]; task.Result != nil && !task.Finally && task.Within == "" && !dependencies[task.ID] {
			leaves = append(leaves, task)
		}
	}
	return leaves
}

// dependencies returns the ids of the tasks that another task depends on.
func (r *Run) dependencies() map[string]bool {
	dependencies := map[string]bool{}
	for i := range r.Tasks {
		if r.Tasks[i].Finally || r.Status == protocol.Completed && r.Tasks[i].Status == protocol.Skipped {
			continue
		}
		for _, id := range r.Tasks[i].after {
			dependencies[id] = true
		}
	}
	return dependencies
}

// WriteText writes a text that ends in one line feed, without a copy of it.
func WriteText(to io.Writer, text string) error {
	return writeTexts(to, strings.TrimSuffix(text, "\n"), "\n")
}

// ResultText returns a task's result as text, for a terminal of a width as in WriteResults.
func (t *Task) ResultText(width int) string {
	if t.Items != nil {
		if export, large := t.Result.Get("export"); large {
			text := fmt.Sprintf("%s\n%ssee them with `%s`\n", ItemCounts(*t.Items, t.Values, t.Status.Ended()), t.failureText("")+t.warningText("", ""), export.Text())
			return Wrap(text, width)
		}
		return itemsText(t, width)
	}
	return Text(MainValue(*t.Result))
}

// MainValue returns the main part of a task's result: the text of a model or tool, the value of a script, or the output
// that it printed.
func MainValue(result value.Value) value.Value {
	for _, name := range []string{"response", "result", "output", "outputs", "text"} {
		if part, has := result.Get(name); has && !part.IsNull() {
			return part
		}
	}
	return result
}

// entry writes a named value, on one line if the value has one.
func entry(to io.Writer, name string, v value.Value) error {
	name, shown := value.Visible(name), strings.TrimSuffix(Text(v), "\n")
	if strings.Contains(shown, "\n") {
		return writeTexts(to, name, ":\n", shown, "\n")
	}
	return writeTexts(to, name, ": ", shown, "\n")
}

// Text returns a value as text: a string as it is, a short value on one line, a long one as indented JSON.
func Text(v value.Value) string {
	if v.Kind() == value.KindString {
		return value.VisibleLines(v.Text())
	}
	data := v.JSON()
	const oneLine = 100
	if len(data) <= oneLine {
		return value.VisibleLines(string(data))
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, data, "", "  "); err != nil {
		return value.VisibleLines(string(data))
	}
	return value.VisibleLines(indented.String())
}

// Tree returns a run as a tree of its tasks, each beneath the deepest of its dependencies.
func (r *Run) Tree() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s  %s  %s", r.Run, value.VisibleLines(r.Workflow), r.State())
	if r.FinishedAt != nil {
		fmt.Fprintf(&text, "  %s", Duration(r.Duration))
	}
	text.WriteString("\n")
	if line := r.Continues.Line(); line != "" {
		text.WriteString(line + "\n")
	}
	if r.Error != nil {
		fmt.Fprintf(&text, "%s\n", value.VisibleLines(r.Error.Message))
	}
	if hint := r.Hint(); hint != "" {
		fmt.Fprintf(&text, "  %s\n", value.VisibleLines(hint))
	}
	if line := r.CleanUpFailure(); line != "" {
		text.WriteString(line + "\n")
	}
	depth := make(map[string]int, len(r.Tasks))
	for _, i := range r.order() {
		task := &r.Tasks[i]
		for _, id := range task.above() {
			depth[task.ID] = max(depth[task.ID], depth[id]+1)
		}
		fmt.Fprintf(&text, "%s%s\n", strings.Repeat("  ", depth[task.ID]+1), r.TaskLine(task))
		if task.Warning != "" {
			fmt.Fprintf(&text, "%s! %s\n", strings.Repeat("  ", depth[task.ID]+2), value.VisibleLines(Brief(task.Warning)))
		}
		indent := strings.Repeat("  ", depth[task.ID]+2)
		if task.Approval != nil && !r.Status.Ended() {
			text.WriteString(task.Approval.Text(indent))
		}
		text.WriteString(task.failureText(indent) + task.warningText(indent, ": see the results"))
	}
	return text.String()
}

// order returns the indices of the tasks in topological order, and otherwise in the order of the file.
func (r *Run) order() []int {
	index := make(map[string]int, len(r.Tasks))
	for i := range r.Tasks {
		index[r.Tasks[i].ID] = i
	}
	after := make([][]int, len(r.Tasks))
	for i := range r.Tasks {
		for _, id := range r.Tasks[i].above() {
			after[i] = append(after[i], index[id])
		}
	}
	return topological(after)
}

// above returns the tasks above which the tree does not have the task: those that it depends on, or else the one that runs its workflow.
func (t *Task) above() []string {
	if len(t.after) == 0 && t.Within != "" {
		return []string{t.Within}
	}
	return t.after
}

// topological returns the indices of after so that each follows the indices in its entry, and otherwise in ascending order.
func topological(after [][]int) []int {
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

// Line returns a line about a task: mark, id, method, status, duration, and the reason if it did not complete.
func (t *Task) Line() string { return t.lineAs(t.Status) }

func (t *Task) lineAs(status protocol.Status) string {
	line := fmt.Sprintf("%s %s  %s  %s", Mark(t.Status), t.ID, t.Method, status)
	if t.StartedAt != nil && t.Status.Ended() {
		line += "  " + Duration(t.Duration)
	}
	if t.Cached {
		line += "  (cached)"
	}
	if t.Rounds > 1 && (t.Calls == nil || t.Status.Ended()) {
		line += fmt.Sprintf("  %d rounds", t.Rounds)
	}
	if t.Attempts > 1 {
		line += fmt.Sprintf("  %d attempts", t.Attempts)
	}
	if t.Calls != nil {
		line += "  " + CallCounts(t.Rounds, *t.Calls, t.Status.Ended())
	}
	if t.Items != nil {
		line += "  " + ItemCounts(*t.Items, t.Values, t.Status.Ended())
		if t.Retrying > 0 {
			line += fmt.Sprintf(", %d retrying", t.Retrying)
		}
	}
	switch {
	case t.Approval != nil && status == protocol.Running:
		line += "  " + t.Approval.Line()
	case t.Reason != "":
		line += "  " + value.VisibleLines(t.Reason)
	case t.Error != nil:
		line += "  " + value.VisibleLines(Brief(t.Error.Message))
	}
	return line
}

// TaskLine returns the line about a task of the run: one that runs is interrupted where the run is.
func (r *Run) TaskLine(task *Task) string {
	if r.Interrupted && task.Status == protocol.Running {
		return task.lineAs(Interrupted)
	}
	return task.Line()
}

// WarningLine returns a line with the warning of the task's result.
func (t *Task) WarningLine() string {
	return fmt.Sprintf("! %s  %s", t.ID, value.VisibleLines(Brief(t.Warning)))
}

// Mark returns the symbol of a status.
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

// Duration formats seconds: "0.01 s", "42 s", "3m20s".
func Duration(s protocol.Seconds) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.2f s", float64(s))
	case s < 120:
		return fmt.Sprintf("%.0f s", float64(s))
	}
	return s.Duration().Round(time.Second).String()
}

// Brief returns a message on one line: of a longer one the first line, which says what failed, and the last, or in a traceback
// the type of the exception with the first line of its message, which says why.
func Brief(message string) string {
	lines := strings.Split(strings.TrimSpace(message), "\n")
	if len(lines) == 1 {
		return lines[0]
	}
	return lines[0] + " " + cause(lines[1:])
}

// raised returns the exception of a message with a traceback, where there is no room for more; of another one what Brief returns.
func raised(message string) string {
	lines := strings.Split(strings.TrimSpace(message), "\n")
	if len(lines) > 1 && slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, `  File "`) }) {
		return cause(lines[1:])
	}
	return Brief(message)
}

// cause returns the line that says why: what follows the last frame of a traceback, or else the last line.
func cause(lines []string) string {
	last := len(lines) - 1
	for frame := last; frame >= 0; frame-- {
		if !strings.HasPrefix(lines[frame], `  File "`) {
			continue
		}
		for at := frame + 1; at <= last; at++ {
			raised := strings.TrimSpace(lines[at])
			switch {
			case raised == "" || strings.HasPrefix(lines[at], " "):
				continue // The source of the frame.
			case at < last && strings.HasSuffix(raised, ":") && !strings.Contains(raised, " "):
				return raised + " " + strings.TrimSpace(lines[at+1]) // The message begins with a line break.
			}
			return raised
		}
		break
	}
	return strings.TrimSpace(lines[last])
}

var (
	looksLikeError = regexp.MustCompile(`(?i)error\b|err!|exception\b|\bfatal\b|\bpanic:|not found|no such|cannot |can't |denied|\bfailed\b|unknown |invalid `)
	noise          = regexp.MustCompile(`^(at |File "|npm error$)`)
)

// BriefOutput returns a message that ends with lines of a program's output, indented, on one line: of the output it has the
// first line that looks like an error and what explains it, or else the last lines.
func BriefOutput(message string) string {
	const most = 3
	first, rest, more := strings.Cut(strings.TrimSpace(message), "\n")
	if !more {
		return first
	}
	var lines []string
	for line := range strings.Lines(rest) {
		if line = strings.TrimSpace(line); line != "" && !noise.MatchString(line) {
			lines = append(lines, line)
		}
	}
	if at := slices.IndexFunc(lines, looksLikeError.MatchString); at >= 0 {
		lines = lines[at:min(at+most, len(lines))]
	} else {
		lines = lines[max(0, len(lines)-most):]
	}
	return first + " " + strings.Join(lines, "; ")
}

// FirstLine returns a text up to its first line break.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// Outcome returns the results of a run as an object: its outputs, or without outputs the main value of each task that no
// other depends on. Results must have been added.
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
