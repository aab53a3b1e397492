package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func (p configCommand) envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the variables with which the temporal CLI reaches the engine",
		Long: "Print the variables with which the temporal CLI, or any other client, reaches the engine of this home:\n" +
			"`eval \"$(gleitzeit config env)\"`. Anybody who can read the key file can use the engine.",
		Example: "  eval \"$(gleitzeit config env)\" && temporal workflow list",
		Args:    exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			return p.env(command.Context())
		},
	}
}

func (p configCommand) env(ctx context.Context) error {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	running, err := s.ConnectHome(ctx)
	if err != nil {
		return err
	}
	if !running {
		return protocol.Errorf(protocol.EngineUnreachable, "no server runs in %s", s.Place()).
			WithHint("`gleitzeit server` in another terminal starts one")
	}
	variables, err := s.Variables()
	if err != nil {
		return err
	}
	if p.output != asText {
		var fields []value.Field
		for _, v := range variables {
			fields = append(fields, value.Field{Name: v.Name, Value: value.String(v.Value)})
		}
		p.writeJSON(p.Out, value.Object(fields...))
		return nil
	}
	for _, v := range variables {
		fmt.Fprintf(p.Out, "export %s=%s\n", v.Name, quoted(v.Value))
	}
	return nil
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
