package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
)

// cancelCommand is the command `cancel`.
type cancelCommand struct{ *program }

func (p cancelCommand) command() *cobra.Command {
	return p.temporalFlags(&cobra.Command{
		Use:   "cancel RUN",
		Short: "Cancel a run and wait until its tasks have ended",
		Long: "Cancel a run and wait until its tasks have ended; completed results are kept. RUN may be " + runs.Latest + ".\n" +
			"Tasks in `finally` and those with `run_if: always` still run; cancelling the run again meanwhile ends them.\n" +
			"If the process executing the run has died, this command ends the run itself.",
		Example: "  gleitzeit cancel " + runs.Latest,
		Args:    exact("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.cancel(command.Context(), args[0])
		},
	})
}

func (p cancelCommand) cancel(ctx context.Context, run string) error {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.JoinAny(ctx); err != nil {
		return err
	}
	if run, err = s.Resolve(ctx, run); err != nil {
		return err
	}
	f := newFollower(ctx, p.program, s)
	defer f.stop()
	h, err := s.NewExecutor(ctx).Open(f.ctx, run)
	if err != nil {
		return f.notStarted(err)
	}
	cancel := h.Cancel
	if again, err := h.CancelRequested(f.ctx); err != nil {
		return f.notStarted(err)
	} else if again && !h.Executes() {
		cancel = h.EndCleanUp
	}
	if err := cancel(f.ctx); err != nil {
		return f.notStarted(err)
	}
	f.cancelling()
	waits, err := h.Unserved(f.ctx)
	if err != nil {
		return f.notStarted(err)
	}
	if !waits {
		if err := f.follow(h, true); err != nil {
			return err
		}
	}
	document, err := s.Known(ctx, run)
	if err != nil {
		return err
	}
	if p.output != asText {
		p.writeJSON(p.Out, document)
	} else {
		fmt.Fprintf(p.Out, "%s %s\n", run, document.Status)
	}
	h.Release(!waits && p.written.err() == nil) // Not before: the claim leads to the results.
	return nil
}
