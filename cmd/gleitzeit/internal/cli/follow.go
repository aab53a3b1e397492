package cli

import (
	"context"
	"os"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
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
	listen := time.NewTicker(listenEvery)
	defer listen.Stop()
	heard := make(chan *live, 1)
	listening := false
	x.listen()
	defer x.give()
	away := outage{tell: x.progress.note, session: x.session}
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
			if x.watching || x.cancelled || signal != os.Interrupt {
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
		case <-x.overdue:
			return x.giveUp()
		case err := <-x.troubles:
			x.progress.note(view.Printable(err.Error()))
		case <-listen.C:
			if task := x.progress.alone(); task != "" && !listening {
				listening = true
				go func() { heard <- x.session.listen(ctx, x.claim.Run, task) }()
			}
		case told := <-heard:
			listening = false
			x.progress.hear(told)
		case <-look.C:
			if err := x.session.trouble(); err != nil && err.Error() != trouble {
				trouble = err.Error()
				x.progress.note(view.Printable(trouble))
			}
			pending, waiting, err := x.session.attempts(ctx, x.claim.Run)
			if err != nil && x.watching {
				// The process with the engine leaves with the end of its run, and nobody need take it over.
				var over bool
				if over, err = x.session.over(ctx, x.claim.Run, x.runID, err); over {
					return nil
				}
			}
			away.look(err)
			if err == nil {
				x.progress.waits(waiting)
			}
			x.progress.look(pending)
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
	switch {
	case x.cancelled && x.watching:
		x.program.say("left; run %s is still being cancelled", x.claim.Run)
	case x.watching:
		x.program.say("left; run %s goes on: `gleitzeit watch %s` follows it, `gleitzeit cancel %s` ends it", x.claim.Run, x.claim.Run, x.claim.Run)
	case x.cancelled:
		x.program.say("left; run %s is still being cancelled: `gleitzeit cancel %s` brings it to its end", x.claim.Run, x.claim.Run)
	default:
		x.program.say("left; run %s is open: `%s` goes on, `gleitzeit cancel %s` ends it", x.claim.Run, x.command, x.claim.Run)
	}
	return ended{exitInterrupted}
}

// giveUp ends a wait that took too long; the run goes on.
func (x *execution) giveUp() error {
	x.progress.stop()
	return protocol.Errorf(protocol.WorkflowTimeout, "run %s has not ended in the time that --wait gives it", x.claim.Run).
		WithHint("it goes on: `gleitzeit watch %s` follows it, `gleitzeit cancel %s` ends it", x.claim.Run, x.claim.Run)
}

// outage tells of a Temporal that does not answer for a while, and of its return.
type outage struct {
	tell    func(string)
	session *session
	misses  int
}

// longOutage is how many looks in vain make an outage: a take-over takes less.
const longOutage = 3

func (o *outage) look(err error) {
	if err == nil {
		if o.misses >= longOutage {
			o.tell("Temporal answers again")
		}
		o.misses = 0
		return
	}
	o.misses++
	switch {
	case o.misses != longOutage:
	case o.session.cluster != nil:
		o.tell("Temporal at " + o.session.cluster.Address + " does not answer; waiting for it")
	default:
		o.tell("the engine does not answer; waiting until a process of " + o.session.home.Path + " runs it again: `gleitzeit server` does")
	}
}

// await gives the request to cancel, which takes milliseconds, the time to reach an engine that answers.
func await(asked <-chan struct{}) {
	select {
	case <-asked:
	case <-time.After(askTimeout):
	}
}
