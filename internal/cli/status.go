package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) statusCommand() *cobra.Command {
	return p.temporalFlags(&cobra.Command{
		Use:   "status RUN",
		Short: "Show how far a run has come, task by task",
		Long:  "Show how far a run has come, task by task. RUN may be " + latestRun + ".",
		Args:  exact("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
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
