package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/worker"
)

// execution is a run that this process executes, or follows while another process of the home executes it.
type execution struct {
	program *program
	session *session
	plan    *plan.Plan            // Nil where only the claim is known.
	command string                // What goes on with the run when it is typed again.
	print   func(*view.Run) error // Prints the results; nil prints them as those of a run.
	began   time.Time             // What a task did before that was done by an earlier process.

	claim     home.Claim
	held      *home.HeldClaim // Nil while another process executes the run.
	runID     string          // Of the first Temporal run.
	progress  *progress
	quiet     bool             // Says nothing about attaching.
	watching  bool             // This process only looks: it never executes, and its interrupts cancel nothing.
	overdue   <-chan time.Time // Nil where nobody set a time to wait.
	cancelled bool
	signals   <-chan os.Signal // Nil until listen.
	give      func()
	troubles  chan error // Of the result store, while a result waits for it.

	closeHandlers func() error // Of the worker; nil where there is none.
}

// join executes an open run, or, where a living process does, follows it and stands by to take over.
func (x *execution) join(ctx context.Context, open *claimedRun) error {
	x.claim, x.runID = open.claim, open.runID
	x.listen()
	held, err := x.session.home.Claim(open.claim)
	if errors.Is(err, home.ErrClaimed) {
		if !x.quiet {
			x.program.say("attached to run %s, which another process executes; `--new` starts another", open.claim.Run)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if !x.quiet {
		x.program.say("going on with run %s", open.claim.Run)
	}
	x.held = held
	return x.work()
}

// begin claims the run before it starts, so that a kill in between leaves nothing that nobody executes.
func (x *execution) begin(ctx context.Context, wanted home.Claim) error {
	found, err := x.session.lookUpClaim(ctx, wanted)
	if err != nil {
		return err
	}
	if found != nil && found.open {
		return stillOpen(wanted.Run)
	}
	x.claim = wanted
	x.held, err = x.session.home.Claim(wanted)
	if errors.Is(err, home.ErrClaimed) {
		return stillOpen(wanted.Run)
	}
	if err != nil {
		return err
	}
	if err := x.work(); err != nil {
		return err
	}
	x.listen()
	started, err := worker.Run(ctx, x.session.client, wanted.Run, x.plan, x.options())
	if err != nil {
		if trouble := x.session.trouble(); trouble != nil {
			return trouble // Of a full disk, say, the client hears no more than that nothing answers in time.
		}
		return protocol.Errorf(protocol.EngineUnreachable, "the run cannot be started: %s", err)
	}
	x.runID = started.GetRunID()
	x.program.say("run %s", wanted.Run)
	return nil
}

// hear passes a trouble on to follow; one that waits there already says enough.
func (x *execution) hear(trouble error) {
	select {
	case x.troubles <- trouble:
	default:
	}
}

func stillOpen(run string) error {
	return protocol.Errorf(protocol.ConfigurationError, "run %s is still open", run).
		WithHint("`gleitzeit status %s` shows it, `gleitzeit cancel %s` ends it", run, run)
}

func (x *execution) options() worker.Options {
	return worker.Options{Queue: x.claim.Queue, Local: true, OwnQueue: true}
}

// work starts to execute what the run's queue brings.
func (x *execution) work() error {
	acts, closeHandlers, err := x.program.activities(x.session, nil, x.hear)
	if err != nil {
		return err
	}
	w := worker.New(x.session.client, acts, closeHandlers, x.options())
	if err := w.Start(); err != nil {
		return errors.Join(protocol.Errorf(protocol.EngineUnreachable, "the worker does not start: %s", err), closeHandlers())
	}
	x.closeHandlers = closeHandlers
	return nil
}

// settle ends what handlers keep open (the programs of tool servers), when nothing that uses them runs any more. A process
// that leaves a run under way must not: tasks in flight would fail, instead of being done again elsewhere.
func (s *session) settle(closeHandlers func() error) {
	if closeHandlers == nil {
		return
	}
	if err := closeHandlers(); err != nil {
		s.log.Error("a protocol did not close", "error", err)
	}
}

// activities makes what a worker of this process executes. With roots, calls read files beneath these folders alone. tell
// hears of a store that is away. The function closes the protocols.
func (p *program) activities(s *session, roots []string, tell func(error)) (*activities.Activities, func() error, error) {
	handlers, closeHandlers, err := worker.Handlers(s.handlerOptions())
	if err != nil {
		return nil, nil, err
	}
	acts, err := activities.New(activities.Options{Store: s.store, Protocols: handlers, Log: s.log, Env: p.Env, Roots: roots, OnStoreError: tell})
	if err != nil {
		return nil, nil, errors.Join(err, closeHandlers())
	}
	return acts, closeHandlers, nil
}

// standBy waits until the process that executes the run is gone; its claim then comes through the channel.
func (x *execution) standBy(ctx context.Context) <-chan *home.HeldClaim {
	gone := make(chan *home.HeldClaim, 1)
	if x.held != nil || x.watching {
		return gone
	}
	go func() {
		held, err := x.session.home.TakeClaim(ctx, x.claim.Run)
		switch {
		case err == nil:
			gone <- held
		case !errors.Is(err, home.ErrNoClaim) && ctx.Err() == nil:
			x.session.log.Error("this process cannot take the run over", "run", x.claim.Run, "error", err)
		}
	}()
	return gone
}

// toldPatience is how long a process whose run another one has executed waits until that one has let go of its claim.
const toldPatience = 2 * time.Second

// release gives up the claim of a run that has ended: its results are told. Where another process executed it, that one
// may have been a server, which tells nobody.
func (x *execution) release() error {
	if x.watching {
		return nil
	}
	if x.held == nil {
		ctx, done := context.WithTimeout(context.Background(), toldPatience)
		defer done()
		held, err := x.session.home.TakeClaim(ctx, x.claim.Run)
		switch {
		case errors.Is(err, home.ErrNoClaim), ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		x.held = held
	}
	held := x.held
	x.held = nil
	return held.Release(true)
}

// stop leaves the screen clean. What the worker still does ends with the process.
func (x *execution) stop() {
	if x.progress != nil {
		x.progress.stop()
	}
}

// streamFlag is for commands that follow a run.
func (p *program) streamFlag(command *cobra.Command) *cobra.Command {
	command.Flags().BoolVar(&p.stream, "stream", false, "write answers of models to standard error as they come, where that is no terminal; a terminal shows them anyway")
	return command
}

// say tells people what happens; programs read standard output.
func (p *program) say(format string, args ...any) {
	fmt.Fprintf(p.Err, format+"\n", args...)
}

// cancelTimeout bounds one request to cancel.
const cancelTimeout = 30 * time.Second

// cancel asks for the end of the run.
func (x *execution) cancel(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, cancelTimeout)
	defer done()
	return x.session.client.CancelWorkflow(ctx, x.claim.Run, "")
}
