package help

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// ManCommand returns the command that writes the manual pages of all commands, which packages install. It is for those who make a
// release.
func ManCommand(arguments func(names ...string) cobra.PositionalArgs) *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages of all commands", Hidden: true, Args: arguments("DIR"),
		Example: "  gleitzeit man /usr/local/share/man/man1",
		RunE: func(command *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := command.Root()
			root.DisableAutoGenTag = true // It has the day: a release is the same whenever it is made.
			return doc.GenManTree(root, &doc.GenManHeader{Title: "GLEITZEIT", Section: "1", Date: made(), Source: "Gleitzeit", Manual: "Gleitzeit"}, args[0])
		},
	}
}

// made returns the time of the commit of which this program was built. If it is not known, the pages have the current month.
func made() *time.Time {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return nil
	}
	for _, setting := range info.Settings {
		if at, err := time.Parse(time.RFC3339, setting.Value); setting.Key == "vcs.time" && err == nil {
			return &at
		}
	}
	return nil
}
