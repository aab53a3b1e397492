package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// takeOver starts the server in this process if it gets the lock; it returns false if another process holds it.
func (e *Engine) takeOver(ctx context.Context) (bool, error) {
	lock := flock.New(e.home.EngineLock())
	locked, err := lock.TryLock()
	if err != nil {
		return false, failed(e.home, "cannot take its lock", err)
	}
	if !locked {
		return false, nil
	}
	server, err := e.start(ctx)
	if err != nil {
		return false, errors.Join(err, lock.Unlock())
	}
	e.mu.Lock()
	e.lock, e.server, e.err = lock, server, nil
	e.mu.Unlock()
	return true, nil
}

// waitToTakeOver returns when this process has taken over, or ctx is done. It retries after errors, which Err returns.
func (e *Engine) waitToTakeOver(ctx context.Context) {
	defer close(e.waiting)
	const longestPause = 2 * time.Second
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
			e.setErr(err)
			e.log.Error("cannot take over the engine", "home", e.home.Path, "error", err)
			pause = min(2*pause, longestPause)
		default:
			pause = lockPoll
		}
	}
}

// Held reports whether a process runs the engine: this one or another, which may be too busy to answer.
func (e *Engine) Held() bool {
	held, err := e.isHeld()
	return e.Holder() || err == nil && held
}

// isHeld reports whether a process runs the engine, or is about to. A Join at the same moment may take the probe for a holder
// and retries.
func (e *Engine) isHeld() (bool, error) {
	if _, err := os.Stat(e.home.EngineLock()); errors.Is(err, fs.ErrNotExist) {
		return false, nil // Whoever holds the lock has made its file; a home that is only looked at stays as it is.
	}
	probe := flock.New(e.home.EngineLock())
	free, err := probe.TryRLock()
	if err != nil {
		return false, failed(e.home, "cannot check its lock", err)
	}
	return !free, probe.Unlock()
}
