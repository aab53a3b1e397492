package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/internal/licenses"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/internal/version"
)

// versionCommand is the command `version`.
type versionCommand struct{ *program }

func (p versionCommand) command() *cobra.Command {
	var isLicenses bool
	command := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  gleitzeit version\n  gleitzeit version --licenses",
		Args:    exact(),
		RunE: func(*cobra.Command, []string) error {
			if isLicenses {
				p.printResult(strings.TrimSuffix(licenses.ThirdParty, "\n"), value.Object(value.Field{Name: "licenses", Value: value.String(licenses.ThirdParty)}))
				return nil
			}
			document := struct {
				Version string `json:"version"`
				Commit  string `json:"commit,omitempty"`
				Engine  string `json:"engine"`
				Go      string `json:"go"`
			}{Version: version.Current(), Engine: "unknown", Go: runtime.Version()}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, setting := range info.Settings {
					if setting.Key == "vcs.revision" {
						document.Commit = setting.Value
					}
				}
				for _, module := range info.Deps {
					if module.Path == "go.temporal.io/server" {
						document.Engine = "Temporal " + module.Version
					}
				}
			}
			if p.output != asText {
				p.writeJSON(p.Out, document)
				return nil
			}
			parts := []string{document.Version, document.Commit, "(" + document.Engine + ", " + document.Go + ")"}
			fmt.Fprintln(p.Out, "gleitzeit", strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " "))
			return nil
		},
	}
	command.Flags().BoolVar(&isLicenses, "licenses", false, "print the licenses of what the program contains")
	return command
}
