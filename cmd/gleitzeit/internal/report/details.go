package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// taskDetails is a task with what it got and what came of it.
type taskDetails struct {
	*view.Task
	planned    plan.ListedTask
	Parameters []text
	Answer     text
	Fields     []text // Of the result, where it has more than the answer.
	Large      bool   // The result is not shown.
	Began      string // After the start of the run.
	List       string // The id of the section of its items; empty without.
}

// maxFields is how many fields of a result are shown beside the answer.
const maxFields = 40

// setResult sets the result of a task.
func (d *taskDetails) setResult(record *resultstore.Record, result value.Value) {
	if record.Value == nil {
		return
	}
	if record.Value.Paged || record.Value.Size > maxResult {
		d.Large = true
		return
	}
	main := view.MainValue(result)
	d.Answer = textOf("", main, maxOutput)
	if main.IsNull() {
		d.Answer.Text = ""
	}
	for _, field := range result.Fields() {
		if len(d.Fields) == maxFields {
			break
		}
		if field.Value.IsNull() || string(field.Value.JSON()) == string(main.JSON()) {
			continue
		}
		d.Fields = append(d.Fields, textOf(field.Name, field.Value, maxInput))
	}
}

// Took returns how long the task took.
func (d *taskDetails) Took() string {
	if d.StartedAt == nil || d.Duration == 0 {
		return ""
	}
	return view.Duration(d.Duration)
}

// ItemsText returns how the items of the task have ended.
func (d *taskDetails) ItemsText() string {
	switch {
	case d.Items != nil:
		return view.ItemCounts(*d.Items, d.Values, d.Status.Ended())
	case d.Calls != nil:
		return view.CallCounts(d.Rounds, *d.Calls, d.Status.Ended())
	}
	return ""
}

// After lists what the task waits for.
func (d *taskDetails) After() []string { return d.planned.After }

// Facts returns the line below the name of the task.
func (d *taskDetails) Facts() string {
	var all []string
	add := func(fact string) {
		if fact != "" {
			all = append(all, fact)
		}
	}
	add(value.Visible(d.Method))
	add(d.ItemsText())
	if d.Began != "" && d.Took() != "" {
		add("began after " + d.Began + ", took " + d.Took())
	}
	if d.Attempts > 1 {
		add(fmt.Sprintf("%d attempts", d.Attempts))
	}
	if d.Rounds > 0 && d.Calls == nil {
		add(fmt.Sprintf("%d rounds", d.Rounds))
	}
	if d.Cached {
		add("from an earlier call")
	}
	if after := d.After(); len(after) > 0 {
		more := ""
		if len(after) > maxAfter {
			more = fmt.Sprintf(" and %d more", len(after)-maxAfter)
		}
		add("after " + value.Visible(strings.Join(after[:min(len(after), maxAfter)], ", ")) + more)
	}
	if d.planned.When != "" {
		line, _ := gist(d.planned.When)
		add("when " + line)
	}
	return strings.Join(all, " · ")
}

// maxAfter is how many dependencies of a task are named.
const maxAfter = 8

// Summary returns what is behind the line of the task.
func (d *taskDetails) Summary() string {
	var all []string
	if len(d.Parameters) > 0 {
		all = append(all, "parameters")
	}
	if d.Answer.Text != "" || len(d.Fields) > 0 || d.Large {
		all = append(all, "result")
	}
	if len(all) == 0 {
		return "Details"
	}
	all[0] = strings.ToUpper(all[0][:1]) + all[0][1:]
	return strings.Join(all, " and ")
}

// HasDetails reports whether there is anything behind the line of the task.
func (d *taskDetails) HasDetails() bool {
	return len(d.Parameters) > 0 || d.Answer.Text != "" || len(d.Fields) > 0 || d.About != "" || len(d.FailedAttempts) > 0 || d.Large
}

// reason is why a task, or some of its items, failed, or have a warning.
type reason struct {
	Task    string
	Count   int // Of items; 0 for the task itself.
	Noun    string
	Message string
	Whole   string // The message, where it has more than one line.
	Hint    string
	Example string
	Printed string
}

// maxReasons is how many reasons are shown for each task.
const maxReasons = 20

// reasons returns why tasks and items failed, as `results` groups them, then the warnings.
func (r *report) reasons() (failures, warnings []reason) {
	if r.run.Error != nil {
		failures = append(failures, newReason("", r.run.Error.Message, r.run.Error.Hint))
	}
	for i := range r.run.Tasks {
		task := &r.run.Tasks[i]
		if task.Error != nil {
			why := newReason(task.ID, task.Error.Message, task.Error.Hint)
			why.Printed, _ = cutText(task.Error.PrintedText("", protocol.PrintedLines), maxReason)
			failures = append(failures, why)
		}
		failures = append(failures, groups(task, task.Failures, task.OtherFailures)...)
		if task.Warning != "" {
			warnings = append(warnings, newReason(task.ID, task.Warning, ""))
		}
		warnings = append(warnings, groups(task, task.WarnedOf, task.OtherWarnings)...)
	}
	return failures, warnings
}

func newReason(task, message, hint string) reason {
	brief, whole := visibleReason(message)
	return reason{Task: task, Message: brief, Whole: whole, Hint: visible(hint)}
}

func groups(task *view.Task, of []view.Reason, others int) (all []reason) {
	for i := range of {
		if i >= maxReasons {
			others += of[i].Count
			continue
		}
		group := &of[i]
		why := newReason(task.ID, group.Message, group.Hint)
		why.Count, why.Noun, why.Example = group.Count, view.ItemsWord(group.Count, task.Values), visible(task.NameOf(group.Example))
		why.Printed, _ = cutText(group.Output(), maxReason)
		all = append(all, why)
	}
	if others > 0 {
		all = append(all, reason{Task: task.ID, Count: others, Noun: view.ItemsWord(others, task.Values), Message: "other reasons"})
	}
	return all
}

// visibleReason returns a message as people see it: in brief and, where there is more, as a whole.
func visibleReason(message string) (brief, whole string) {
	cut, left := cutText(message, maxReason)
	if left > 0 {
		cut += "…"
	}
	brief = value.VisibleLines(view.Brief(message))
	if brief, left = cutText(brief, maxBrief); left > 0 {
		brief += "…"
	}
	if whole = value.VisibleLines(strings.TrimSpace(cut)); whole == brief {
		whole = ""
	}
	return brief, whole
}

// since returns how long after the start of the run a time is, for people.
func (r *report) since(at *time.Time) string {
	if at == nil || at.Before(r.begin) {
		return ""
	}
	return view.Duration(protocol.RoundedSeconds(at.Sub(r.begin)))
}

// instant formats a time for people.
func instant(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

func itemsID(number int) string { return fmt.Sprintf("items-%d", number) }
