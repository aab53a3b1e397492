package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
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
	for _, below := range []*cobra.Command{p.pathCommand(), p.envCommand(), p.setCommand()} {
		command.AddCommand(below)
	}
	return command
}

func (p configCommand) pathCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print the path of config.yaml",
		Example: "  gleitzeit config path",
		Args:    exact(),
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

// changed is the document of `config set`.
type changed struct {
	Path  string       `json:"path"`
	Entry config.Entry `json:"setting"`
}

func (p configCommand) setCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Set a value in config.yaml, and keep the rest of it",
		Long: "Set a value in config.yaml. The other lines stay as they are, with their comments. The file is only written if the\n" +
			"settings with it are valid. VALUE is YAML: a list is '[a, b]'. A secret is set by its name: '${secrets.NAME}'.",
		Example: "  gleitzeit config set retention 30d\n  gleitzeit config set roots '[/srv/documents]'",
		Args:    exact("KEY", "VALUE"),
		RunE:    func(_ *cobra.Command, args []string) error { return p.set(args[0], args[1]) },
	}
}

func (p configCommand) set(name, text string) error {
	edited, err := config.Set(p.options(), name, text)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(edited.Path), 0o700); err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot write %q: %s", edited.Path, err)
	}
	if err := home.WriteAtomic(edited.Path, edited.Text); err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot write %q: %s", edited.Path, err)
	}
	settings, err := p.settings()
	if err != nil {
		return err
	}
	done := changed{Path: edited.Path}
	for _, entry := range settings.Entries {
		if entry.Name == name {
			done.Entry = entry
		}
	}
	p.printDocument(done, fmt.Sprintf("set %s to %s in %s\n", name, value.VisibleLines(text), edited.Path))
	if from := done.Entry.From; from != "" && !strings.HasPrefix(from, edited.Path+":") {
		p.say("warning: %s takes precedence over the file", from)
	}
	return nil
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
		rows := [][]string{{"SETTING", "VALUE", "FROM"}}
		for _, entry := range settings.Entries {
			rows = append(rows, []string{entry.Name, value.VisibleLines(shownSetting(entry.Value)), entry.From})
		}
		fmt.Fprint(p.Out, view.FitTable(rows, p.width(), view.Shape{}))
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
