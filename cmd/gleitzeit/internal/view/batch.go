package view

import (
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Batch is the document of a run that is about one task with its items.
type Batch struct {
	Run       string           `json:"run"`
	Workflow  string           `json:"workflow"`
	Status    protocol.Status  `json:"status"`
	Total     int              `json:"total"`
	Succeeded int              `json:"succeeded"`
	Failed    int              `json:"failed"`
	Skipped   int              `json:"skipped"`
	Warnings  int              `json:"warnings,omitempty"` // Items whose results have warnings.
	Duration  protocol.Seconds `json:"duration"`
	Error     *Error           `json:"error,omitempty"` // Why there is no result, or what made the run end.
	Results   *value.Value     `json:"results,omitempty"`

	values bool // The items are values, not files.
}

// Batch makes the document of one task of the run. Results must have been added.
func (r *Run) Batch(task string) *Batch {
	b := &Batch{Run: r.Run, Workflow: r.Workflow, Status: r.Status, Duration: r.Duration, Error: r.Error}
	none := value.List()
	b.Results = &none
	of := r.Task(task)
	if of == nil {
		return b
	}
	b.values = of.Values
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

// Text shows the results to people.
func (b *Batch) Text() string {
	return itemsText(value.Object(value.Field{Name: "results", Value: *b.Results}))
}

// Markdown makes a report of the results: a heading an item, failures in words.
func (b *Batch) Markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n\n%d of %d %s succeeded", Printable(FirstLine(b.Workflow)), b.Succeeded, b.Total, ItemsWord(b.Total, b.values))
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
		fmt.Fprintf(&text, "\n> %s\n", strings.ReplaceAll(Printable(b.Error.Message), "\n", "\n> "))
	}
	for _, entry := range b.Results.Elements() {
		item, _ := entry.Get("item")
		fmt.Fprintf(&text, "\n## %s\n\n", titleOf(item))
		if warning := warningOf(entry); warning != "" {
			fmt.Fprintf(&text, "> **Warning:** %s\n\n", strings.ReplaceAll(Printable(warning), "\n", "\n> "))
		}
		text.WriteString(markdownOfItem(entry))
	}
	return text.String()
}

func markdownOfItem(entry value.Value) string {
	if failure, _ := entry.Get("error"); !failure.IsNull() {
		status, _ := entry.Get("status")
		message, _ := failure.Get("message")
		return fmt.Sprintf("**%s:**\n\n%s", status.Text(), fenced("", Printable(message.Text())))
	}
	if reason, has := entry.Get("reason"); has {
		return "Skipped: " + Printable(reason.Text()) + "\n"
	}
	result, _ := entry.Get("result")
	gist := MainValue(result)
	if gist.Kind() == value.KindString {
		return strings.TrimSpace(Printable(gist.Text())) + "\n"
	}
	return fenced("json", Text(gist))
}

// fenced puts text into a block that nothing in it can end.
func fenced(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimSuffix(text, "\n") + "\n" + fence + "\n"
}
