// Package engine runs the Temporal server inside this process, on a SQLite file in the home folder, or finds the one
// that another process of this home runs. It alone may import the Temporal server. It knows no workflows.
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

// ErrNotRunning: no process of the home runs an engine.
var ErrNotRunning = errors.New("no engine runs in this home folder")

const (
	lockPoll    = 25 * time.Millisecond // How often a process looks whether the holder is gone.
	joinTimeout = 30 * time.Second      // How long a holder may take to answer, where the context says nothing shorter.
)

// Options say which engine to join and how.
type Options struct {
	Home *home.Home
	// Log gets the lines of server and SDK that are at least as severe as LogLevel; nil drops them.
	Log *slog.Logger
	// LogLevel is slog.LevelError where it is nil: the server warns of much that is meant so.
	LogLevel slog.Leveler
	// Identity is the Temporal identity of this process' clients. The SDK's (pid@host) where it is empty.
	Identity string
	// Overrides is YAML in the format of the server's dynamic configuration, laid over the engine's own. For tests.
	Overrides string
}

// Engine is the engine of a home, in this process or in another one.
type Engine struct {
	options Options
	home    *home.Home
	log     *slog.Logger
	stop    context.CancelFunc // Ends the wish to take over.
	waiting chan struct{}      // Closed when nothing waits to take over any more.

	mu      sync.Mutex
	lock    *flock.Flock // Held while this process runs the server; nil otherwise. A lost reference would unlock it.
	server  *server
	trouble error
}

// Join starts the engine where none runs, else waits until the running one answers. A process that joined the engine of
// another takes it over when that one is gone, until Close. An error is an *protocol.Error that says what to do, or
// ctx's.
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
		if e.answers(ctx) {
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

// Connect finds the running engine and never starts or takes over one. It returns ErrNotRunning where there is none,
// and waits while one is being started or taken over.
func Connect(ctx context.Context, o Options) (*Engine, error) {
	setBuildID()
	e := open(o)
	close(e.waiting)
	ctx, cancel := context.WithTimeoutCause(ctx, joinTimeout, e.noAnswer())
	defer cancel()
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for {
		if e.answers(ctx) {
			return e, nil
		}
		held, err := e.somebodyHolds()
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

// Holder tells whether this process runs the engine.
func (e *Engine) Holder() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.server != nil
}

// Err is the trouble that the engine in this process has, or the last try to take it over had: a full disk, a damaged
// database. Nil where all is well.
func (e *Engine) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.trouble
}

func (e *Engine) setTrouble(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.trouble = err
}

// Close gives up the wish to take over and returns at once. An engine that this process runs goes on until the process
// exits, which is what must follow: the database survives an exit at any moment, and stopping would cost a second.
func (e *Engine) Close() { e.stop() }

// Stop is Close for a process that lives on: it stops the server and lets another process take over. It takes a second
// or more. Where ctx is done before, the engine keeps running and the error says so.
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
	// Whoever gets the lock starts a server on the same database: the lock goes last.
	return errors.Join(server.stop(), lock.Unlock())
}
