package engine

import (
	"context"
	"errors"
	"time"

	"github.com/gofrs/flock"
)

// takeOver starts the server in this process where it gets the lock; false means that another process holds it.
func (e *Engine) takeOver(ctx context.Context) (bool, error) {
	lock := flock.New(e.home.EngineLock())
	locked, err := lock.TryLock()
	if err != nil {
		return false, e.failed("cannot take its lock", err)
	}
	if !locked {
		return false, nil
	}
	server, err := e.start(ctx)
	if err != nil {
		return false, errors.Join(err, lock.Unlock())
	}
	e.mu.Lock()
	e.lock, e.server, e.trouble = lock, server, nil
	e.mu.Unlock()
	return true, nil
}

// waitToTakeOver ends when this process has taken over, or ctx is done. What goes wrong is shown by Err and tried again.
func (e *Engine) waitToTakeOver(ctx context.Context) {
	defer close(e.waiting)
	const slowest = 2 * time.Second
	pause := lockPoll
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		held, err := e.takeOver(ctx)
		switch {
		case held:
			e.log.Info("took over the engine", "home", e.home.Path)
			return
		case err != nil && ctx.Err() == nil:
			e.setTrouble(err)
			e.log.Error("cannot take over the engine", "home", e.home.Path, "error", err)
			pause = min(2*pause, slowest)
		default:
			pause = lockPoll
		}
	}
}

// somebodyHolds tells whether a process runs the engine, or is about to. A Join at the same moment may take the probe
// for a holder; it tries again.
func (e *Engine) somebodyHolds() (bool, error) {
	probe := flock.New(e.home.EngineLock())
	free, err := probe.TryRLock()
	if err != nil {
		return false, e.failed("cannot check its lock", err)
	}
	return !free, probe.Unlock()
}
