package report

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// A comment of GitHub has at most 65,536 characters.
const (
	maxMarkdown       = 60_000
	maxMarkdownOutput = 8_000
	maxMarkdownTasks  = 100
	maxMarkdownGroups = 10
	maxCell           = 120
)

// markdown writes a report as Markdown. Whatever comes from a run is code in it: nothing else is shown as it is, and mentions nobody.
type markdown struct {
	*counted
	err error
}

func (m *markdown) print(format string, args ...any) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m, format, args...)
	}
}

// cell returns a text as code on one line, also within a table.
func cell(content string) string {
	beginning, left := cutText(content, 4*maxCell)
	line, more := cutText(strings.Join(strings.Fields(value.Visible(strings.ReplaceAll(beginning, "\n", " "))), " "), maxCell)
	if left+more > 0 {
		line += "…"
	}
	if line == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(line, fence) {
		fence += "`"
	}
	line = strings.ReplaceAll(line, "|", "\\|")
	if strings.HasPrefix(line, "`") || strings.HasSuffix(line, "`") || len(fence) > 1 {
		line = " " + line + " "
	}
	return fence + line + fence
}

// block writes a text as a block of code.
func (m *markdown) block(content string, limit int) {
	cut, left := cutText(strings.TrimRight(content, "\n"), limit)
	fence := "```"
	for strings.Contains(cut, fence) {
		fence += "`"
	}
	m.print("%s\n%s\n%s\n\n", fence, value.VisibleLines(cut), fence)
	if left > 0 {
		m.print("%s more bytes are left out.\n\n", number(left))
	}
}

func (r *report) writeMarkdown(ctx context.Context, to io.Writer) error {
	buffered := bufio.NewWriter(to)
	m := &markdown{counted: &counted{to: buffered}}
	s := r.summary()
	m.print("## %s\n\n", cell(s.Name))
	for _, notice := range s.Notices {
		m.print("> %s\n\n", strings.ReplaceAll(notice, "\n", " "))
	}
	m.print("| | |\n| --- | --- |\n| Status | %s |\n", s.State)
	for _, t := range s.Tiles {
		note := ""
		if t.Note != "" {
			note = " (" + t.Note + ")"
		}
		m.print("| %s | %s%s |\n", t.Name, t.Text, note)
	}
	for _, f := range s.Facts {
		m.print("| %s | %s |\n", strings.Trim(cell(f.Name), "`"), cell(f.Text))
	}
	m.print("\n")
	m.reasons("Failures", s.Failures)
	m.reasons("Warnings", s.Warnings)
	if len(s.Outputs) > 0 {
		m.print("### Outputs\n\n")
	}
	for _, output := range s.Outputs {
		m.print("%s\n\n", cell(output.Name))
		m.block(output.Text, maxMarkdownOutput)
	}
	m.tasks(s)
	m.models(s)
	for _, l := range r.lists {
		if err := r.markdownItems(ctx, m, l); err != nil {
			return err
		}
	}
	if m.err != nil {
		return m.err
	}
	return buffered.Flush()
}

func (m *markdown) reasons(title string, all []reason) {
	if len(all) == 0 {
		return
	}
	m.print("### %s\n\n", title)
	for i, why := range all {
		if i == maxMarkdownGroups {
			m.print("- and %d more\n", len(all)-i)
			break
		}
		of := "The run"
		if why.Task != "" {
			of = cell(why.Task)
		}
		if why.Count > 0 {
			of = fmt.Sprintf("%s × %s", number(why.Count), of)
		}
		m.print("- %s: %s", of, cell(why.Message))
		if why.Example != "" {
			m.print(", for example %s", cell(why.Example))
		}
		m.print("\n")
		if why.Hint != "" {
			m.print("  %s\n", cell(why.Hint))
		}
	}
	m.print("\n")
}

func (m *markdown) tasks(s *summary) {
	if len(s.Details) == 0 {
		return
	}
	m.print("### Tasks\n\n| Task | Method | Status | Time | Items | After |\n| --- | --- | --- | --: | --- | --- |\n")
	for i := range s.Details {
		if i == maxMarkdownTasks {
			m.print("\n%d more tasks are left out.\n", len(s.Details)-i)
			break
		}
		task := &s.Details[i]
		after := make([]string, len(task.After()))
		for at, id := range task.After() {
			after[at] = cell(id)
		}
		m.print("| %s | %s | %s | %s | %s | %s |\n", cell(task.ID), cell(task.Method), task.Status, task.Took(), task.ItemsText(), strings.Join(after[:min(len(after), 5)], ", "))
	}
	m.print("\n")
}

func (m *markdown) models(s *summary) {
	if len(s.Models) == 0 {
		return
	}
	m.print("### Models\n\n| Model | Calls | Tokens read | Tokens written | Written per second |\n| --- | --: | --: | --: | --: |\n")
	for _, model := range s.Models {
		m.print("| %s | %s | %s | %s | %s |\n", cell(model.Name), number(model.Usage.LLMCalls), number(model.Usage.PromptTokens), number(model.Usage.TokensUsed), model.Speed())
	}
	m.print("\n")
}

// markdownItems writes the items of a task, as many as fit.
func (r *report) markdownItems(ctx context.Context, m *markdown, l *list) error {
	m.print("### Items of %s\n\n| Index | Item | Status | Time | Answer |\n| --: | --- | --- | --: | --- |\n", cell(l.task.ID))
	reader, written := r.newItemReader(ctx, l), 0
	err := l.records.EachAttempts(ctx, func(item value.Value, attempts []resultstore.Record) error {
		if m.written > maxMarkdown || r.left <= 0 {
			return errEnough
		}
		shown, err := reader.read(item, attempts, false)
		if err != nil {
			return err
		}
		name := shown.Name
		if shown.Model != "" {
			name += " (" + shown.Model + ")"
		}
		m.print("| %d | %s | %s | %s | %s |\n", shown.Index, cell(name), shown.Status, shown.Took, cell(shown.Gist))
		written++
		r.left--
		return m.err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	m.print("\n")
	if left := l.ended - written; left > 0 {
		m.print("%s of %s items that have ended are left out; %s writes all of them.\n\n", number(left), number(l.ended), cell(view.ExportCommand(r.run.Run, l.task.ID)))
	}
	return m.err
}
