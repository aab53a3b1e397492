package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

// secretsCommand is the command `secrets`.
type secretsCommand struct{ *program }

func (p secretsCommand) command() *cobra.Command {
	return group("secrets", "Show the names of secrets, never their values", &cobra.Command{
		Use:   "list [FILE]",
		Short: "List the names of secrets, and where each comes from",
		Long: "List the names of secrets, and the variable or file that each comes from: of all that there are, or of those that a\n" +
			"workflow needs. The exit code is 1 if one of these is missing. No value is shown.",
		Example: "  gleitzeit secrets list\n  gleitzeit secrets list flow.yaml -o json",
		Args:    between(0, "FILE"),
		RunE:    func(_ *cobra.Command, args []string) error { return p.list(args) },
	})
}

func (p secretsCommand) list(files []string) error {
	settings, err := p.settings()
	if err != nil {
		return err
	}
	listing := runs.Secrets(settings, p.Env, p.Environ).List()
	for _, file := range files {
		in, err := p.open(file, given{}, false)
		if err != nil {
			return err
		}
		uses, diagnostics := interpreter.Secrets(in)
		if len(diagnostics) > 0 {
			return p.refuse(file, diagnostics)
		}
		listing = listing.Of(interpreter.SecretNames(uses))
	}
	for _, warning := range listing.Warnings {
		p.say("warning: %s", warning)
	}
	switch {
	case p.forPrograms():
		p.writeJSON(p.Out, listing)
	case len(listing.Secrets) == 0 && len(files) > 0:
		p.say("%s needs no secrets", files[0])
	case len(listing.Secrets) == 0:
		p.say("there are no secrets: GLEITZEIT_SECRET_NAME in the environment would be one, and secrets.dir and secrets.env_file of the settings name files of others")
	default:
		fmt.Fprint(p.Out, listing.Text())
	}
	return listing.Problem()
}
