package batch

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// What of a prompt is shown to people.
const (
	maxPromptLines = 12
	maxPromptBytes = 1200
)

// Text returns the preview for people.
func (p *Preview) Text() string {
	var text strings.Builder
	files, about := p.items, ""
	what := count(files, p.word)
	if files != p.Matched {
		what = fmt.Sprintf("%d of %s", files, count(p.Matched, p.word))
	}
	if p.Split != nil {
		about = p.Split.bound()
	}
	fmt.Fprintf(&text, "%s, %s%s of %s", what, about, count(p.Calls, "call"), p.Method)
	if p.Tokens != nil {
		fmt.Fprintf(&text, ", about %s to read", count(int(*p.Tokens), "token"))
	}
	text.WriteString("\n")
	if p.Split != nil {
		fmt.Fprintf(&text, "%s\n", p.Split)
	}
	if p.Earlier != nil {
		fmt.Fprintf(&text, "%s\n", p.Earlier)
	}
	if len(p.Models) > 0 {
		fmt.Fprintf(&text, "models: %s\n", value.Visible(strings.Join(p.Models, ", ")))
	}
	for _, file := range p.Files {
		fmt.Fprintf(&text, "  %s\n", p.name(file))
	}
	if more := files - len(p.Files); more > 0 {
		fmt.Fprintf(&text, "  and %d more\n", more)
	}
	for _, prompt := range p.Prompts {
		fmt.Fprintf(&text, "\n== %s", p.name(prompt.File))
		if prompt.Model != "" {
			fmt.Fprintf(&text, " (%s)", value.Visible(prompt.Model))
		}
		if prompt.Chunks > 0 {
			fmt.Fprintf(&text, ", chunk 1 of about %d", prompt.Chunks)
		}
		text.WriteString("\n")
		if prompt.System != "" {
			fmt.Fprintf(&text, "system: %s\n\n", shortened(prompt.System))
		}
		if prompt.Parameters != nil {
			fmt.Fprintf(&text, "%s\n", shortened(string(prompt.Parameters.JSON())))
		} else {
			fmt.Fprintf(&text, "%s\n", shortened(prompt.Prompt))
		}
	}
	if len(p.Skipped) > 0 {
		text.WriteString("\nskipped:\n")
	}
	for _, file := range p.Skipped {
		if file.File == "" {
			fmt.Fprintf(&text, "  %s\n", value.VisibleLines(file.Reason))
			continue
		}
		fmt.Fprintf(&text, "  %s: %s\n", p.name(file.File), value.VisibleLines(file.Reason))
	}
	if more := p.LeftOut + p.Failing - len(p.Skipped); more > 0 {
		fmt.Fprintf(&text, "  and %d more\n", more)
	}
	if p.Converted > 0 {
		fmt.Fprintf(&text, "\ntext that is not known before the run, as a converter calls a method for it: %s\n", count(p.Converted, "file"))
	}
	if p.Beneath != nil {
		fmt.Fprintf(&text, "\n%s\n", p.Beneath)
	}
	return text.String()
}

// name returns the path of a file as it is short.
func (p *Preview) name(path string) string {
	if relative, err := filepath.Rel(p.folder, path); err == nil && len(relative) < len(path) {
		path = relative
	}
	return value.Visible(path)
}

// shortened returns the beginning of a text, and how much of it is missing.
func shortened(text string) string {
	text = strings.TrimRight(text, "\n")
	shown := text
	if lines := strings.SplitAfterN(shown, "\n", maxPromptLines+1); len(lines) > maxPromptLines {
		shown = strings.Join(lines[:maxPromptLines], "")
	}
	if len(shown) > maxPromptBytes {
		shown = strings.ToValidUTF8(shown[:maxPromptBytes], "")
	}
	if more := len(text) - len(shown); more > 0 {
		return value.VisibleLines(strings.TrimRight(shown, "\n")) + fmt.Sprintf("\n… %d more bytes", more)
	}
	return value.VisibleLines(shown)
}
