package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// configCommand is the command `config`.
type configCommand struct{ *program }

// configCommand shows the settings. A command about them goes beneath it: a line in the list here.
func (p configCommand) command() *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Show every setting, its value, and where it comes from",
		Long: "Show every setting, its value, and where it comes from: a flag, a variable, a line of config.yaml, or the default.\n" +
			"Passwords are not shown.",
		Example: "  gleitzeit config",
		Args:    exact(),
		RunE:    func(*cobra.Command, []string) error { return p.show() },
	}
	for _, below := range []*cobra.Command{p.pathCommand(), p.envCommand()} {
		command.AddCommand(below)
	}
	return command
}

func (p configCommand) pathCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "path",
		Short: "Print the path of config.yaml",
		Args:  exact(),
		RunE: func(*cobra.Command, []string) error {
			path, err := config.Path(p.options())
			if err != nil {
				return err
			}
			if p.forPrograms() {
				p.writeJSON(p.Out, struct {
					Path string `json:"path"`
				}{path})
				return nil
			}
			fmt.Fprintln(p.Out, path)
			return nil
		},
	}
}

func (p configCommand) show() error {
	settings, err := p.settings()
	if err != nil {
		return err
	}
	switch p.output {
	case asJSON:
		p.writeJSON(p.Out, struct {
			Settings []config.Entry `json:"settings"`
		}{settings.Entries})
	case asJSONL:
		for _, entry := range settings.Entries {
			p.writeJSON(p.Out, entry)
		}
	default:
		table := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "SETTING\tVALUE\tFROM")
		for _, entry := range settings.Entries {
			fmt.Fprintf(table, "%s\t%s\t%s\n", entry.Name, value.VisibleLines(shownSetting(entry.Value)), entry.From)
		}
		return table.Flush()
	}
	return nil
}

// shownSetting is a value on one line; "-" where there is none.
func shownSetting(val value.Value) string {
	if val.Kind() == value.KindObject {
		return string(val.JSON())
	}
	if val.Kind() == value.KindString && val.Text() == "" {
		return "-"
	}
	if val.Kind() != value.KindList {
		return view.FirstLine(view.Text(val))
	}
	var parts []string
	for _, element := range val.Elements() {
		parts = append(parts, view.FirstLine(view.Text(element)))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}
