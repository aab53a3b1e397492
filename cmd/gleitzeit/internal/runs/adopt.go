package runs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

const (
	// adoptEvery is how often a server looks for runs whose process has died.
	adoptEvery = time.Second
	// adoptTimeout bounds one look.
	adoptTimeout = 5 * time.Second
)

// adoption is what Adopt remembers between looks.
type adoption struct {
	executor *Executor
	mu       sync.Mutex
	ended    map[string]time.Time // Runs that need nobody any more, with their start: an id may be used again.
}

// Adopt executes open runs of the home whose process has died, until ctx is done. Nobody here gets their results: their
// claims stay, so that whoever types the command again does.
func (e *Executor) Adopt(ctx context.Context) {
	a := &adoption{executor: e, ended: map[string]time.Time{}}
	ticker := time.NewTicker(adoptEvery)
	defer ticker.Stop()
	notified := ""
	for {
		if err := a.look(ctx); err != nil && ctx.Err() == nil && err.Error() != notified {
			notified = err.Error()
			e.session.notify(NotExecutable, "", "cannot resume all runs whose process has died; retrying: %s", notified)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (a *adoption) look(ctx context.Context) error {
	claims, failed := a.executor.session.home.Claims()
	for _, claim := range claims {
		if a.known(claim) {
			continue
		}
		executed, err := a.executor.session.home.Executed(claim.Run)
		if err == nil && !executed {
			err = a.consider(ctx, claim)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// consider adopts the run of a claim that nobody holds, where it is open.
func (a *adoption) consider(ctx context.Context, claim home.Claim) error {
	s := a.executor.session
	asking, done := context.WithTimeout(ctx, adoptTimeout)
	defer done()
	found, err := s.lookUpClaim(asking, claim)
	if err != nil || found == nil {
		return err
	}
	if !found.open {
		a.close(claim)
		return nil
	}
	held, err := takeNow(s.home, claim)
	if errors.Is(err, home.ErrClaimed) || errors.Is(err, home.ErrNoClaim) {
		return nil // Another process was faster.
	}
	if err != nil {
		return err
	}
	var restarted []string
	if !found.cancelling {
		restarted = restartInterrupted(asking, s.connection, claim.Run)
	}
	h := a.executor.handle(found, false)
	if h.execution, err = a.executor.serve(held, found.runID, nil); err != nil {
		h.Release(false)
		return err
	}
	s.notify(TookOver, claim.Run, "took over run %s: the process executing it is gone", claim.Run)
	notifyRestarted(s.connection, claim.Run, restarted)
	a.executor.working.Go(func() {
		defer h.Release(false)
		if h.Follow(ctx, nil) == nil {
			a.close(claim)
			s.notify(Ended, claim.Run, "run %s has ended; `gleitzeit results %s` prints its results", claim.Run, claim.Run)
		}
	})
	return nil
}

func (a *adoption) known(claim home.Claim) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	started, known := a.ended[claim.Run]
	return known && started.Equal(claim.StartedAt)
}

// close remembers that the run needs nobody any more.
func (a *adoption) close(claim home.Claim) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended[claim.Run] = claim.StartedAt
}
