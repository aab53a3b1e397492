package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
)

// statusCommand is the command `status`.
type statusCommand struct{ *program }

func (p statusCommand) command() *cobra.Command {
	return p.temporalFlags(&cobra.Command{
		Use:   "status [RUN]",
		Short: "Show the tasks of a run, or the state of the system",
		Long: "Show the status of each task of a run. RUN may be " + runs.Latest + ".\n" +
			"Without a run: the state of engine, workers, result store and providers.",
		Example: "  gleitzeit status\n  gleitzeit status " + runs.Latest,
		Args:    between(0, "RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.system(command.Context())
			}
			s, err := p.openToShow(command.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			run, err := s.Resolve(command.Context(), args[0])
			if err != nil {
				return err
			}
			document, err := s.Known(command.Context(), run)
			if err != nil {
				return err
			}
			if err := document.AddPrinted(command.Context(), s.Store()); err != nil {
				return err
			}
			if err := p.sayInterrupted(s, document); err != nil {
				return err
			}
			if p.output == asText {
				fmt.Fprint(p.Out, view.Wrap(document.Tree(), p.width()))
				return nil
			}
			p.writeJSON(p.Out, document)
			return nil
		},
	})
}
