package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

func (p *program) watchCommand() *cobra.Command {
	return p.temporalFlags(p.streamFlag(&cobra.Command{
		Use:   "watch RUN",
		Short: "Follow a run until it ends, and print its results",
		Long: "Follow a run that others execute, print its results and exit as `run` does. RUN may be " + latestRun + ".\n" +
			"Nothing is executed here, and Ctrl-C cancels nothing.",
		Args: exact("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.watch(command.Context(), args[0])
		},
	}))
}

func (p *program) watch(ctx context.Context, run string) error {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.reach(ctx); err != nil {
		return err
	}
	if run, err = s.resolve(ctx, run); err != nil {
		return err
	}
	x, err := p.watching(ctx, s, run)
	if _, unknown := errors.AsType[*serviceerror.NotFound](err); unknown {
		return p.watchForgotten(ctx, s, run)
	}
	if err != nil {
		return err
	}
	defer x.stop()
	return x.finish(ctx)
}

// watching makes an execution that only follows. Its error, where Temporal does not know the run, is Temporal's.
func (p *program) watching(ctx context.Context, s *session, run string) (*execution, error) {
	described, err := s.client.DescribeWorkflowExecution(ctx, run, "")
	if err != nil {
		return nil, err
	}
	info := described.GetWorkflowExecutionInfo()
	return &execution{
		program: p, session: s, watching: true, troubles: make(chan error, 1),
		claim: home.Claim{Run: run, Queue: described.GetExecutionConfig().GetTaskQueue().GetName()}, runID: info.GetFirstRunId(),
		began: info.GetStartTime().AsTime().Add(-time.Second), // Everything is news to who watches.
	}, nil
}

// watchForgotten prints a run that is in the store alone.
func (p *program) watchForgotten(ctx context.Context, s *session, run string) error {
	document, err := s.forgotten(ctx, run)
	if err != nil {
		return err
	}
	if document == nil {
		return s.notFound(run)
	}
	if err := document.AddResults(ctx, s.store); err != nil {
		return err
	}
	p.printRun(document, nil)
	return ended{exitOf(document)}
}
