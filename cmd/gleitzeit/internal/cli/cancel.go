package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func (p *program) cancelCommand() *cobra.Command {
	return p.temporalFlags(&cobra.Command{
		Use:   "cancel RUN",
		Short: "Cancel a run, wait until its tasks have ended, and keep what is done",
		Long: "Cancel a run, wait until its tasks have ended, and keep what is done. RUN may be " + latestRun + ".\n" +
			"A run whose process has died is brought to its end here.",
		Args: exact("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.cancel(command.Context(), args[0])
		},
	})
}

func (p *program) cancel(ctx context.Context, run string) error {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.joinAny(ctx); err != nil {
		return err
	}
	if run, err = s.resolve(ctx, run); err != nil {
		return err
	}
	x, err := p.cancelling(ctx, s, run)
	if err != nil {
		return err
	}
	defer x.stop()
	if err := x.cancel(ctx); err != nil {
		return protocol.Errorf(protocol.EngineUnreachable, "run %s could not be cancelled: %s", run, err)
	}
	waits, err := x.unserved(ctx)
	if err != nil {
		return err
	}
	if !waits {
		if err := x.follow(ctx); err != nil {
			return err
		}
		if err := x.release(); err != nil {
			return err
		}
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

// cancelling makes the execution of a run that is to end: one of this home whose process has died ends here, any other
// where it runs.
func (p *program) cancelling(ctx context.Context, s *session, run string) (*execution, error) {
	claim, err := s.claimOf(run)
	if err != nil {
		return nil, err
	}
	if claim != nil && s.cluster == nil {
		open, err := s.lookUpClaim(ctx, *claim)
		if err != nil {
			return nil, err
		}
		if open == nil || !open.open {
			return nil, p.nothingToCancel(ctx, s, run)
		}
		x := &execution{program: p, session: s, command: commandOf(*claim), began: time.Now(), troubles: make(chan error, 1), quiet: true, cancelled: true}
		return x, x.join(ctx, open)
	}
	document, err := s.document(ctx, run)
	if err != nil {
		return nil, err
	}
	if document == nil || document.Status.Ended() {
		return nil, p.nothingToCancel(ctx, s, run)
	}
	x, err := p.watching(ctx, s, run)
	if err != nil {
		return nil, err
	}
	x.began, x.cancelled = time.Now(), true
	return x, nil
}

// unserved tells, and says, that nobody is there who could bring a submitted run to its end now.
func (x *execution) unserved(ctx context.Context) (bool, error) {
	if !x.watching {
		return false, nil
	}
	found, err := x.session.pollers(ctx, x.claim.Queue)
	if err != nil || len(found) > 0 {
		return false, err
	}
	x.program.say("run %s is to be cancelled, and ends when somebody serves its queue %q", x.claim.Run, x.claim.Queue)
	return true, nil
}

// claimOf finds the claim of a run, nil where there is none.
func (s *session) claimOf(run string) (*home.Claim, error) {
	claims, err := s.home.Claims()
	for i := range claims {
		if claims[i].Run == run {
			return &claims[i], nil
		}
	}
	if err != nil {
		return nil, err
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
	return protocol.Errorf(protocol.InvalidParams, "run %s has ended already: it is %s", run, document.Status)
}
