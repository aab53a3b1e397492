package view

import (
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Batch is the document of a batch: a run with one fanned-out task.
type Batch struct {
	Run       string           `json:"run"`
	Workflow  string           `json:"workflow"`
	Status    protocol.Status  `json:"status"`
	Total     int              `json:"total"`
	Succeeded int              `json:"succeeded"`
	Failed    int              `json:"failed"`
	Skipped   int              `json:"skipped"`
	Warnings  int              `json:"warnings,omitempty"` // Items whose results have warnings.
	Warning   string           `json:"warning,omitempty"`  // Of the task: which files were left out.
	Duration  protocol.Seconds `json:"duration"`
	Error     *Error           `json:"error,omitempty"` // The error of the task, or of the run.
	Results   *value.Value     `json:"results,omitempty"`

	values bool // The items are values, not files.
}

// Batch returns the document of a fanned-out task of the run. Results must have been added.
func (r *Run) Batch(task string) *Batch {
	b := &Batch{Run: r.Run, Workflow: r.Workflow, Status: r.Status, Duration: r.Duration, Error: r.Error}
	empty := value.List()
	b.Results = &empty
	of := r.Task(task)
	if of == nil {
		return b
	}
	b.values, b.Warning = of.Values, of.Warning
	if of.Error != nil {
		b.Error = of.Error
	}
	if of.Items != nil {
		b.Total, b.Succeeded, b.Failed, b.Skipped = of.Items.Total, of.Items.Succeeded, of.Items.Failed, of.Items.Skipped
	}
	if of.Result != nil {
		if list, has := of.Result.Get("results"); has {
			b.Results = &list
			for _, entry := range list.Elements() {
				if warningOf(entry) != "" {
					b.Warnings++
				}
			}
		}
	}
	return b
}

// Text returns the results as text.
func (b *Batch) Text() string {
	return itemsText(value.Object(value.Field{Name: "results", Value: *b.Results}))
}

// Markdown returns a report with a section for each item: its result, its error, or the reason why it was skipped.
func (b *Batch) Markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n\n%d of %d %s succeeded", value.VisibleLines(FirstLine(b.Workflow)), b.Succeeded, b.Total, ItemsWord(b.Total, b.values))
	if b.Warnings > 0 {
		fmt.Fprintf(&text, ", %d with a warning", b.Warnings)
	}
	if b.Failed > 0 {
		fmt.Fprintf(&text, ", %d failed", b.Failed)
	}
	switch b.Skipped {
	case 0:
	case 1:
		text.WriteString(", 1 was skipped")
	default:
		fmt.Fprintf(&text, ", %d were skipped", b.Skipped)
	}
	fmt.Fprintf(&text, ", in %s (run `%s`, %s).\n", Duration(b.Duration), b.Run, b.Status)
	if b.Error != nil {
		fmt.Fprintf(&text, "\n> %s\n", quoted(b.Error.Message))
		if b.Error.Hint != "" {
			fmt.Fprintf(&text, ">\n> %s\n", quoted(b.Error.Hint))
		}
	}
	if b.Warning != "" {
		fmt.Fprintf(&text, "\n> **Warning:** %s\n", quoted(b.Warning))
	}
	for _, entry := range b.Results.Elements() {
		fmt.Fprintf(&text, "\n## %s\n\n", headingOf(entry))
		if warning := warningOf(entry); warning != "" {
			fmt.Fprintf(&text, "> **Warning:** %s\n\n", quoted(warning))
		}
		text.WriteString(markdownOfItem(entry))
	}
	return text.String()
}

func markdownOfItem(entry value.Value) string {
	if failure, _ := entry.Get("error"); !failure.IsNull() {
		status, _ := entry.Get("status")
		message, _ := failure.Get("message")
		text := fmt.Sprintf("**%s:**\n\n%s", status.Text(), fenced("", value.VisibleLines(message.Text())))
		if hint := hintOf(entry); hint != "" {
			text += "\n> " + quoted(hint) + "\n"
		}
		if printed := printedOf(entry).PrintedText("", protocol.PrintedLines); printed != "" {
			text += "\n" + fenced("", printed)
		}
		return text
	}
	if reason, has := entry.Get("reason"); has {
		return "Skipped: " + value.VisibleLines(reason.Text()) + "\n"
	}
	result, _ := entry.Get("result")
	main := MainValue(result)
	if main.Kind() == value.KindString {
		return strings.TrimSpace(value.VisibleLines(main.Text())) + "\n"
	}
	return fenced("json", Text(main))
}

// quoted returns the lines of a text for a block quote, of which the first has its mark.
func quoted(text string) string {
	return strings.ReplaceAll(value.VisibleLines(text), "\n", "\n> ")
}

// fenced returns text as a code block whose fence does not occur in it.
func fenced(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimSuffix(text, "\n") + "\n" + fence + "\n"
}
