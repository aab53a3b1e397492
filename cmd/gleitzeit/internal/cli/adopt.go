package cli

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/worker"
)

const (
	// adoptEvery is how often a server looks for runs whose process has died.
	adoptEvery = time.Second
	// adoptTimeout bounds one look.
	adoptTimeout = 5 * time.Second
)

// adopter executes open runs of the home whose process has died. A run that has ended keeps its claim: whoever types the
// command again is told its results.
type adopter struct {
	program *program
	session *session
	acts    *activities.Activities
	ended   map[string]time.Time // Runs that need nobody any more, with their start: an id may be used again.
	mu      sync.Mutex
	runs    sync.WaitGroup
}

// adopt looks for such runs until ctx is done, and then lets go of those that it executes.
func (a *adopter) adopt(ctx context.Context) {
	defer a.runs.Wait()
	ticker := time.NewTicker(adoptEvery)
	defer ticker.Stop()
	told := ""
	for {
		if err := a.look(ctx); err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			a.program.say("not all runs whose process has died can be gone on with; this is tried again: %s", told)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (a *adopter) look(ctx context.Context) error {
	claims, failed := a.session.home.Claims()
	for _, claim := range claims {
		if a.known(claim) {
			continue
		}
		executed, err := a.session.home.Executed(claim.Run)
		if err == nil && !executed {
			err = a.consider(ctx, claim)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// consider adopts the run of a claim that nobody holds, where it is open.
func (a *adopter) consider(ctx context.Context, claim home.Claim) error {
	asking, done := context.WithTimeout(ctx, adoptTimeout)
	defer done()
	found, err := a.session.lookUpClaim(asking, claim)
	if err != nil || found == nil {
		return err
	}
	if !found.open {
		a.close(claim)
		return nil
	}
	held, err := a.session.home.Claim(claim)
	if errors.Is(err, home.ErrClaimed) {
		return nil // Another process was faster.
	}
	if err != nil {
		return err
	}
	a.program.say("going on with run %s, whose process is gone", claim.Run)
	a.runs.Go(func() { a.execute(ctx, held, found) })
	return nil
}

// execute serves the queue of a run until it has ended. Where that fails, the run is looked at again.
func (a *adopter) execute(ctx context.Context, held *home.HeldClaim, run *claimedRun) {
	log := a.session.log.With("run", run.claim.Run)
	serving, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	w := worker.New(a.session.client, a.acts, nil, worker.Options{Queue: run.claim.Queue, Local: true, Fatal: giveUp})
	err := w.Start()
	if err == nil {
		err = a.session.watch(serving, run.claim.Run, run.runID, nil)
		if stopped := w.Stop(); stopped != nil {
			log.Error("the worker of a run that was adopted does not stop", "error", stopped)
		}
	}
	switch {
	case err == nil:
		a.close(run.claim)
		a.program.say("run %s has ended; `gleitzeit results %s` prints what it brought", run.claim.Run, run.claim.Run)
	case ctx.Err() == nil:
		a.program.say("run %s cannot be gone on with now; this is tried again: %s", run.claim.Run, cmp.Or(context.Cause(serving), err))
	}
	if err := held.Release(false); err != nil {
		log.Error("the claim of a run that was adopted is not released", "error", err)
	}
}

func (a *adopter) known(claim home.Claim) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	started, known := a.ended[claim.Run]
	return known && started.Equal(claim.StartedAt)
}

// close remembers that the run needs nobody any more.
func (a *adopter) close(claim home.Claim) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended[claim.Run] = claim.StartedAt
}
