// Package engine runs the Temporal server inside this process, on a SQLite file in the home folder, or connects to the one that
// another process of this home runs. Only this package may import the Temporal server. It knows no workflows.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Namespace is the Temporal namespace of every run.
const Namespace = "default"

// ErrNotRunning means that no process of the home runs an engine.
var ErrNotRunning = errors.New("no engine runs in this home folder")

const (
	lockPoll    = 25 * time.Millisecond // How often a process checks whether the holder has ended.
	joinTimeout = 30 * time.Second      // How long a holder may take to answer, unless the context is shorter.
)

// Options of an engine.
type Options struct {
	Home *home.Home
	// Log receives the log of server and SDK from LogLevel on; nil discards it.
	Log *slog.Logger
	// LogLevel defaults to slog.LevelError: the server warns about intended settings.
	LogLevel slog.Leveler
	// Identity is the Temporal identity of this process's clients; default: that of the SDK (pid@host).
	Identity string
	// Scavengers starts Temporal's own scavengers with the server: for processes that live for days.
	Scavengers bool
	// Overrides is YAML in the format of the server's dynamic configuration that overrides the engine's own. For tests.
	Overrides string
}

// Engine is the engine of a home, in this process or in another one.
type Engine struct {
	options Options
	home    *home.Home
	log     *slog.Logger
	stop    context.CancelFunc // Stops waiting to take over.
	waiting chan struct{}      // Closed when nothing waits to take over.

	mu     sync.Mutex
	lock   *flock.Flock // Held while this process runs the server; nil otherwise. A lost reference would unlock it.
	server *server
	err    error // See Err.
}

// Join starts the engine if none runs, and otherwise waits until the running one answers. A process that joined the engine of
// another process takes it over when that one ends, until Close. The error is a *protocol.Error with a hint, or that of ctx.
func Join(ctx context.Context, o Options) (*Engine, error) {
	setBuildID()
	e := open(o)
	ctx, cancel := context.WithTimeoutCause(ctx, joinTimeout, e.noAnswer())
	defer cancel()
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for {
		held, err := e.takeOver(ctx)
		if err != nil {
			return nil, err
		}
		if held {
			close(e.waiting)
			return e, nil
		}
		if e.isServing(ctx) {
			background, stop := context.WithCancel(context.WithoutCancel(ctx))
			e.stop = stop
			go e.waitToTakeOver(background)
			return e, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// Connect connects to the running engine, and never starts or takes over one. It returns ErrNotRunning if there is none, and
// waits while one starts or is taken over.
func Connect(ctx context.Context, o Options) (*Engine, error) {
	setBuildID()
	e := open(o)
	close(e.waiting)
	ctx, cancel := context.WithTimeoutCause(ctx, joinTimeout, e.noAnswer())
	defer cancel()
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for {
		if e.isServing(ctx) {
			return e, nil
		}
		held, err := e.isHeld()
		if err != nil {
			return nil, err
		}
		if !held {
			return nil, ErrNotRunning
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

func open(o Options) *Engine {
	return &Engine{options: o, home: o.Home, log: filtered(o.Log, o.LogLevel), stop: func() {}, waiting: make(chan struct{})}
}

func (e *Engine) noAnswer() error {
	return protocol.Errorf(protocol.EngineUnreachable, "the process that holds %q does not answer", e.home.EngineLock()).
		WithHint("end that process and try again; `fuser %s` shows it", e.home.EngineLock())
}

// Info returns the address of the engine, current or last. The error is that of the file.
func (e *Engine) Info() (Info, error) { return ReadInfo(e.home) }

// Holder reports whether this process runs the engine.
func (e *Engine) Holder() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.server != nil
}

// Err returns the error of the engine in this process, or that of the last attempt to take it over: a full disk, a damaged
// database. Nil if there is none.
func (e *Engine) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

func (e *Engine) setErr(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
}

// Close stops waiting to take over and returns at once. An engine in this process runs until the process exits, which must
// follow: the database survives an exit at any moment, and stopping the server would take a second.
func (e *Engine) Close() { e.stop() }

// Stop is Close for a process that does not exit: it stops the server and lets another process take over. It takes a second or
// more. If ctx ends first, the engine keeps running, and the error says so.
func (e *Engine) Stop(ctx context.Context) error {
	e.stop()
	stopped := make(chan error, 1)
	go func() {
		<-e.waiting
		stopped <- e.release()
	}()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the engine has not stopped yet: %w", ctx.Err())
	}
}

func (e *Engine) release() error {
	e.mu.Lock()
	server, lock := e.server, e.lock
	e.server, e.lock = nil, nil
	e.mu.Unlock()
	if server == nil {
		return nil
	}
	// The next holder of the lock starts a server on the same database: the lock is released last.
	return errors.Join(e.stopServer(server), lock.Unlock())
}

// stopServer stops the server and sweeps its database. An error of the latter does not fail the stop: the next start sweeps again.
func (e *Engine) stopServer(s *server) error {
	if err := awaitCheckpoint(e.home); err != nil {
		e.log.Warn("cannot wait for the checkpoint of the engine's database", "error", err)
	}
	err := s.stop()
	if err := sweepHome(context.Background(), e.home); err != nil {
		e.log.Warn("cannot sweep the engine's database", "error", err)
	}
	return err
}
