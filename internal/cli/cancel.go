package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func (p *program) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel RUN",
		Short: "Cancel a run, wait until its tasks have ended, and keep what is done",
		Long: "Cancel a run, wait until its tasks have ended, and keep what is done. RUN may be " + latestRun + ".\n" +
			"A run whose process has died is brought to its end here.",
		Args: exact("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.cancel(command.Context(), args[0])
		},
	}
}

func (p *program) cancel(ctx context.Context, run string) error {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if run, err = s.resolve(ctx, run); err != nil {
		return err
	}
	claim, err := s.claimOf(run)
	if err != nil {
		return err
	}
	if claim == nil {
		return p.nothingToCancel(ctx, s, run)
	}
	if err := s.join(ctx); err != nil {
		return err
	}
	open, err := s.lookUpClaim(ctx, *claim)
	if err != nil {
		return err
	}
	if open == nil || !open.open {
		return p.nothingToCancel(ctx, s, run)
	}
	x := &execution{program: p, session: s, command: commandOf(*claim), began: time.Now(), troubles: make(chan error, 1), quiet: true, cancelled: true}
	defer x.stop()
	if err := x.join(ctx, open); err != nil {
		return err
	}
	if err := x.cancel(ctx); err != nil {
		return protocol.Errorf(protocol.EngineUnreachable, "run %s could not be cancelled: %s", run, err)
	}
	if err := x.follow(ctx); err != nil {
		return err
	}
	if err := x.release(); err != nil {
		return err
	}
	document, err := s.document(ctx, run)
	if err != nil {
		return err
	}
	if document == nil {
		return s.notFound(run)
	}
	if p.output != asText {
		p.writeJSON(p.Out, document)
		return nil
	}
	fmt.Fprintf(p.Out, "%s %s\n", run, document.Status)
	return nil
}

// claimOf finds the claim of a run, nil where there is none.
func (s *session) claimOf(run string) (*home.Claim, error) {
	claims, err := s.home.Claims()
	if err != nil {
		return nil, err
	}
	for i := range claims {
		if claims[i].Run == run {
			return &claims[i], nil
		}
	}
	return nil, nil
}

func (p *program) nothingToCancel(ctx context.Context, s *session, run string) error {
	document, err := s.document(ctx, run)
	if err != nil {
		return err
	}
	if document == nil {
		return s.notFound(run)
	}
	if !document.Status.Ended() {
		return errors.New("run " + run + " is open, but no process of this home has executed it")
	}
	return protocol.Errorf(protocol.InvalidParams, "run %s has ended already: it is %s", run, document.Status)
}
