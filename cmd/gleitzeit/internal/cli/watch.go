package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
)

// watchCommand is the command `watch`.
type watchCommand struct{ *program }

func (p watchCommand) command() *cobra.Command {
	return p.temporalFlags(p.streamFlag(&cobra.Command{
		Use:   "watch RUN",
		Short: "Follow a run until it ends, and print its results",
		Long: "Follow a run that another process executes, print its results and exit as `run` does. RUN may be " + runs.Latest + ".\n" +
			"Nothing is executed here, and Ctrl-C cancels nothing.",
		Example: "  gleitzeit watch " + runs.Latest,
		Args:    exact("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.watch(command.Context(), args[0])
		},
	}))
}

func (p watchCommand) watch(ctx context.Context, run string) error {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Reach(ctx); err != nil {
		return p.ended(ctx, s, run, err)
	}
	if run, err = s.Resolve(ctx, run); err != nil {
		return err
	}
	h, err := s.Watch(ctx, run)
	if runs.IsUnknown(err) { // Only the store may know it.
		document, err := s.KnownWithResults(ctx, run)
		if err != nil {
			return err
		}
		p.printRun(document, nil)
		return exitError{exitOf(document)}
	}
	if err != nil {
		return err
	}
	f := newFollower(ctx, p.program, s)
	defer f.stop()
	return f.finish(h, nil, nil)
}

// ended prints the results of a run that has ended, for which no engine is needed, or the error of one that is unknown. unreachable is why
// no other run can be followed.
func (p watchCommand) ended(ctx context.Context, s *runs.Session, named string, unreachable error) error {
	if remote, err := s.Remote(); remote || err != nil {
		return errors.Join(err, unreachable)
	}
	run, err := s.Resolve(ctx, named)
	if err != nil {
		return err
	}
	document, err := s.KnownWithResults(ctx, run)
	if err != nil {
		return err
	}
	if !document.Status.Ended() {
		return unreachable
	}
	p.printRun(document, nil)
	return exitError{exitOf(document)}
}
