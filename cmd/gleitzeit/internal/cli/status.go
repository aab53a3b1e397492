package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) statusCommand() *cobra.Command {
	return p.temporalFlags(&cobra.Command{
		Use:   "status [RUN]",
		Short: "Show how far a run has come, task by task; without a run, how engine, workers, store and providers are",
		Long: "Show how far a run has come, task by task. RUN may be " + latestRun + ".\n" +
			"Without a run: how engine, workers, result store and providers are.",
		Args: between(0, "RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.systemStatus(command.Context())
			}
			s, err := p.lookUp(command.Context())
			if err != nil {
				return err
			}
			defer s.close()
			run, err := s.resolve(command.Context(), args[0])
			if err != nil {
				return err
			}
			document, err := s.document(command.Context(), run)
			if err != nil {
				return err
			}
			if document == nil {
				return s.notFound(run)
			}
			if err := p.abandoned(s, document); err != nil {
				return err
			}
			if p.output == asText {
				fmt.Fprint(p.Out, document.Tree())
				return nil
			}
			p.writeJSON(p.Out, document)
			return nil
		},
	})
}
