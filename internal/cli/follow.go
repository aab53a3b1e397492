package cli

import (
	"context"
	"os"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/view"
)

// lookEvery is how often a run that is under way is asked for what its history does not tell: attempts that failed.
const lookEvery = time.Second

// askTimeout is how long a second interrupt waits for the first to be heard: what is left must be a run that ends.
const askTimeout = 2 * time.Second

// follow shows how the run comes along until it has closed. The first interrupt cancels the run, the second leaves.
func (x *execution) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if x.progress == nil {
		x.progress = newProgress(x.program, x.claim.Run, x.plan, x.session.store, x.began)
		x.progress.lines = x.progress.lines && x.print == nil
	}
	events := make(chan taskEvent)
	closed := make(chan error, 1)
	go func() { closed <- x.session.watch(ctx, x.claim.Run, x.runID, events) }()
	gone := x.standBy(ctx)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	x.listen()
	defer x.give()
	var trouble string
	asked := make(chan struct{}) // Closed when the engine has heard of the first interrupt, or cannot.
	if x.cancelled {
		close(asked)
	}
	for {
		select {
		case event := <-events:
			if err := x.progress.show(ctx, event); err != nil {
				return err
			}
		case err := <-closed:
			return err
		case held := <-gone:
			x.program.say("the process that executed run %s is gone; going on here", x.claim.Run)
			x.held = held
			if err := x.work(); err != nil {
				return err
			}
		case signal := <-x.signals:
			if x.cancelled || signal != os.Interrupt {
				if x.cancelled {
					await(asked)
				}
				return x.leave()
			}
			x.progress.note("cancelling run " + x.claim.Run + "; Ctrl-C again leaves at once")
			x.cancelled = true
			go func() {
				defer close(asked)
				if err := x.cancel(ctx); err != nil && ctx.Err() == nil {
					x.session.log.Error("the run could not be cancelled", "error", err)
				}
			}()
		case err := <-x.troubles:
			x.progress.note(view.Printable(err.Error()))
		case <-look.C:
			if err := x.session.engine.Err(); err != nil && err.Error() != trouble {
				trouble = err.Error()
				x.progress.note(view.Printable(trouble))
			}
			x.progress.retries(x.session.attempts(ctx, x.claim.Run))
		}
	}
}

// listen takes signals from before the run is announced: whoever sees which run it is may cancel it.
func (x *execution) listen() {
	if x.signals == nil {
		x.signals, x.give = x.program.interrupts.take()
	}
}

// leave ends this process and not the run. A signal other than Ctrl-C, at a shutdown say, is no wish to lose the run.
func (x *execution) leave() error {
	x.progress.stop()
	if x.cancelled {
		x.program.say("left; run %s is still being cancelled: `gleitzeit cancel %s` brings it to its end", x.claim.Run, x.claim.Run)
	} else {
		x.program.say("left; run %s is open: `%s` goes on, `gleitzeit cancel %s` ends it", x.claim.Run, x.command, x.claim.Run)
	}
	return ended{exitInterrupted}
}

// await gives the request to cancel, which takes milliseconds, the time to reach an engine that answers.
func await(asked <-chan struct{}) {
	select {
	case <-asked:
	case <-time.After(askTimeout):
	}
}
