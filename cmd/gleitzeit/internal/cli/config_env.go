package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func (p *program) configEnvCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the variables with which the temporal CLI reaches the home's engine",
		Long: "Print the variables with which the temporal CLI, or any other client, reaches the engine of this home:\n" +
			"`eval \"$(gleitzeit config env)\"`. Whoever can read the key that they name can do the same.",
		Args: exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			return p.configEnv(command.Context())
		},
	}
}

func (p *program) configEnv(ctx context.Context) error {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	running, err := s.connectHome(ctx)
	if err != nil {
		return err
	}
	if !running {
		return protocol.Errorf(protocol.EngineUnreachable, "no engine runs in %s", s.home.Path).
			WithHint("`gleitzeit server` starts one")
	}
	info, err := engine.ReadInfo(s.home)
	if err != nil {
		return err
	}
	// The names are those of the SDK's envconfig, which the temporal CLI uses.
	variables := []value.Field{
		{Name: "TEMPORAL_ADDRESS", Value: value.String(info.Address)},
		{Name: "TEMPORAL_NAMESPACE", Value: value.String(engine.Namespace)},
		{Name: "TEMPORAL_TLS", Value: value.String("true")},
		{Name: "TEMPORAL_TLS_CLIENT_CERT_PATH", Value: value.String(s.home.EngineCertificate())},
		{Name: "TEMPORAL_TLS_CLIENT_KEY_PATH", Value: value.String(s.home.EngineKey())},
		{Name: "TEMPORAL_TLS_SERVER_CA_CERT_PATH", Value: value.String(s.home.EngineCertificate())},
		{Name: "TEMPORAL_TLS_SERVER_NAME", Value: value.String(engine.ServerName)},
	}
	if p.output != asText {
		p.writeJSON(p.Out, value.Object(variables...))
		return nil
	}
	for _, v := range variables {
		fmt.Fprintf(p.Out, "export %s=%s\n", v.Name, quoted(v.Value.Text()))
	}
	return nil
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
