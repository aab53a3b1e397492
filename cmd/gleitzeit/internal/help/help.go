// Package help is the help of the commands: in groups, and no wider than a small terminal.
package help

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
)

// Width is the maximum width of help in columns.
const Width = 80

// groups are the commands by what people want to do. A command that none has is listed behind them.
var groups = []struct {
	title    string
	commands []string
}{
	{"Run", []string{"init", "run", "batch", "retry", "submit", "watch", "cancel", "approve", "schedule", "call", "exec"}},
	{"Look", []string{"list", "status", "results", "task", "logs", "report", "open", "graph", "validate", "compile", "schema", "workflow"}},
	{"Models and tools", []string{"methods", "provider", "documents", "mcp"}},
	{"Operate", []string{"doctor", "server", "worker", "config", "secrets", "system", "backend", "prune", "backup", "restore", "completion", "version", "help"}},
}

// Arrange makes the commands show their help like this.
func Arrange(root *cobra.Command) {
	root.SetHelpFunc(func(command *cobra.Command, _ []string) { write(command.OutOrStdout(), command) })
}

func write(to io.Writer, command *cobra.Command) {
	about := command.Long
	if about == "" {
		about = command.Short
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n\nUsage:\n", paragraphs(about))
	if command.Runnable() {
		fmt.Fprintf(&text, "  %s\n", command.UseLine())
	}
	if command.HasAvailableSubCommands() {
		fmt.Fprintf(&text, "  %s [command]\n", command.CommandPath())
	}
	if command.HasExample() {
		fmt.Fprintf(&text, "\nExamples:\n%s", examples(command.Example))
	}
	writeCommands(&text, command)
	if command.HasAvailableLocalFlags() {
		fmt.Fprintf(&text, "\nFlags:\n%s", command.LocalFlags().FlagUsagesWrapped(Width))
	}
	if command.HasAvailableInheritedFlags() {
		fmt.Fprintf(&text, "\nGlobal Flags:\n%s", command.InheritedFlags().FlagUsagesWrapped(Width))
	}
	if command.HasAvailableSubCommands() {
		fmt.Fprintf(&text, "\nUse \"%s [command] --help\" for more information about a command.\n", command.CommandPath())
	}
	_, _ = io.WriteString(to, text.String()) // What cannot be written is noticed by who made the writer.
}

func writeCommands(text *strings.Builder, command *cobra.Command) {
	var all []*cobra.Command
	width := 0
	for _, each := range command.Commands() {
		if each.IsAvailableCommand() || each.Name() == "help" {
			all = append(all, each)
			width = max(width, len(each.Name()))
		}
	}
	list := func(title string, commands []*cobra.Command) {
		if len(commands) == 0 {
			return
		}
		fmt.Fprintf(text, "\n%s:\n", title)
		for _, each := range commands {
			fmt.Fprintf(text, "  %-*s  %s\n", width, each.Name(), each.Short)
		}
	}
	if command.HasParent() {
		list("Available Commands", all)
		return
	}
	for _, group := range groups {
		var in []*cobra.Command
		for _, name := range group.commands {
			for _, each := range all {
				if each.Name() == name {
					in = append(in, each)
				}
			}
		}
		list(group.title, in)
		all = slices.DeleteFunc(all, func(each *cobra.Command) bool { return slices.Contains(in, each) })
	}
	list("Other", all)
}

// paragraphs fills lines. One that is indented stays, and begins a line of its own.
func paragraphs(text string) string {
	var filled []string
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		last := len(filled) - 1
		if last < 0 || line == "" || strings.HasPrefix(line, " ") || filled[last] == "" || strings.HasPrefix(filled[last], " ") || strings.HasSuffix(filled[last], ":") {
			filled = append(filled, line)
			continue
		}
		filled[last] += " " + line
	}
	for i, line := range filled {
		filled[i] = view.Wrap(line, Width)
		if !strings.HasPrefix(line, " ") {
			filled[i] = strings.ReplaceAll(filled[i], "\n  ", "\n") // A paragraph is not a list.
		}
	}
	return strings.Join(filled, "\n")
}

// examples breaks long command lines before a flag, as a shell reads them.
func examples(text string) string {
	var broken strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		for len([]rune(line)) > Width {
			at := strings.LastIndex(line[:Width-1], " --")
			if at <= len("      ") {
				break
			}
			broken.WriteString(line[:at] + " \\\n")
			line = "     " + line[at:]
		}
		broken.WriteString(line + "\n")
	}
	return broken.String()
}
