package view

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Batch is the document of a batch: a run with one fanned-out task.
type Batch struct {
	Run      string          `json:"run"`
	Workflow string          `json:"workflow"`
	Status   protocol.Status `json:"status"`
	// Interrupted: as that of the run.
	Interrupted bool   `json:"interrupted,omitempty"`
	Total       int    `json:"total"`
	Succeeded   int    `json:"succeeded"`
	Failed      int    `json:"failed"`
	Skipped     int    `json:"skipped"`
	Warnings    int    `json:"warnings,omitempty"` // Items whose results have warnings.
	Warning     string `json:"warning,omitempty"`  // Of the task: which files were left out.
	Reasons
	Duration protocol.Seconds `json:"duration"`
	Error    *Error           `json:"error,omitempty"` // The error of the task, or of the run.

	Rows    bool     `json:"-"` // The items are the rows of a table.
	Answers []string `json:"-"` // The fields of the answers, as far as the schema of the task names them.
	Models  bool     `json:"-"` // The items name the models that are asked.
	values  bool     // The items are values, not files.
}

// Batch returns the document of a fanned-out task of the run, without the results of its items.
func (r *Run) Batch(task string) *Batch {
	b := &Batch{Run: r.Run, Workflow: r.Workflow, Status: r.Status, Interrupted: r.Interrupted, Duration: r.Duration, Error: r.Error}
	of := r.Task(task)
	if of == nil {
		return b
	}
	b.Rows, b.values, b.Warning, b.Warnings, b.Reasons = of.Rows, of.Values, of.Warning, of.Warnings, of.Reasons
	b.Answers, b.Models = of.answers, of.models
	if of.Error != nil {
		b.Error = of.Error
	}
	if of.Items != nil {
		b.Total, b.Succeeded, b.Failed, b.Skipped = of.Items.Total, of.Items.Succeeded, of.Items.Failed, of.Items.Skipped
	}
	return b
}

// MarkdownHeading returns the beginning of a report in Markdown, which a section for each item follows.
func (b *Batch) MarkdownHeading() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n\n%d of %d %s succeeded", markdownTitle(FirstLine(b.Workflow)), b.Succeeded, b.Total, ItemsWord(b.Total, b.values))
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
	return text.String()
}

// MarkdownItem returns the section of an item: its result, its error, or the reason why it was skipped.
func MarkdownItem(entry value.Value) string {
	text := MarkdownItemHeading(entry)
	if warning := warningOf(entry); warning != "" {
		text += fmt.Sprintf("> **Warning:** %s\n\n", quoted(warning))
	}
	return text + markdownOfItem(entry)
}

// MarkdownItemHeading returns the heading of the section of an item.
func MarkdownItemHeading(entry value.Value) string {
	return "\n## " + markdownTitle(headingOf(entry)) + "\n\n"
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
		return MarkdownValue(value.String("Skipped: " + reason.Text()))
	}
	result, _ := entry.Get("result")
	return MarkdownValue(MainValue(result))
}

// MarkdownValue returns a value as a block of Markdown. A text that would end its section, or hide the next one, is a quote, or with
// HTML in it, a code block.
func MarkdownValue(v value.Value) string {
	if v.Kind() != value.KindString {
		return fenced("json", Text(v))
	}
	text := strings.TrimSpace(value.VisibleLines(v.Text()))
	switch {
	case strings.ContainsRune(text, '\r'), htmlOrDefinition.MatchString(text):
		return fenced("", text)
	case structure.MatchString(text):
		return "> " + strings.ReplaceAll(text, "\n", "\n> ") + "\n"
	}
	return text + "\n"
}

var (
	// htmlOrDefinition matches what a renderer takes for HTML, which no block contains, and definitions of links, which apply to all of
	// a document.
	htmlOrDefinition = regexp.MustCompile(`<[A-Za-z/!?]|(?m)^[\s>*+\-0-9.)]*\[[^\]]*\]:`)
	// structure matches a line that begins a heading or a code block, or makes a heading of the line above it.
	structure = regexp.MustCompile("(?m)^[\\s>*+\\-0-9.)]*(#{1,6}(\\s|$)|```|~~~)|^\\s*(=+|-+)\\s*$")
)

// titleMarks matches what Markdown does not take literally in a heading.
var titleMarks = regexp.MustCompile("[\\\\`*\\[\\]<&~|]|\\b_|_\\b|#+$")

// markdownTitle returns a text on one line so that a heading shows it as it is.
func markdownTitle(text string) string {
	return titleMarks.ReplaceAllString(strings.ReplaceAll(value.VisibleLines(text), "\n", " "), `\$0`)
}

// quoted returns the lines of a text for a block quote, of which the first has its mark.
func quoted(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(value.VisibleLines(text), "<", "&lt;"), "\n", "\n> ")
}

// fenced returns text as a code block whose fence does not occur in it.
func fenced(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimSuffix(text, "\n") + "\n" + fence + "\n"
}
