package help

import (
	"os"

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
			root.DisableAutoGenTag = true // It has the date: a release is the same whenever it is made.
			return doc.GenManTree(root, &doc.GenManHeader{Title: "GLEITZEIT", Section: "1", Source: "Gleitzeit", Manual: "Gleitzeit"}, args[0])
		},
	}
}
