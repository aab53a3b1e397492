package mcp

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/mcp/stdio"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
)

const (
	// defaultTimeout is the timeout of a start, and of a call whose task has none.
	defaultTimeout = 60 * time.Second
	// defaultSlots is the number of concurrent calls to one server.
	defaultSlots = 16
	// builtinSlots is the same for the built-in server, which nothing can overload.
	builtinSlots = 1000
	// workflowIdle is how long the server of a workflow is kept without calls.
	workflowIdle = time.Minute
)

// server is one MCP server. It is connected when a call needs it, and again after its session has ended.
type server struct {
	protocol.ToolServer
	dial  func(context.Context, *server) (*connection, error)
	slots chan struct{}
	limit time.Duration // Timeout of a start, and of a call without one of its own.
	idle  time.Duration // A session without calls ends after this time; 0 = never.
	env   func(string) (string, bool)

	secrets secretsource.Sources
	log     *slog.Logger
	known   known

	// initializeFirst is set if the server is known not to answer server/discover. Only dial uses it, one call at a time.
	initializeFirst bool

	mu         sync.Mutex
	current    *connection
	dialing    *dialing
	starting   *stdio.Process // The program of the dialing; may be nil.
	calls      int
	idleTimer  *time.Timer
	closed     bool
	cancelDial context.CancelFunc // Cancels the dialing.
	closing    sync.WaitGroup     // Connections that are being closed.
}

// dialing is an attempt to connect. Every call that needs the server in the meantime waits for it.
type dialing struct {
	done chan struct{}
	link *connection
	err  error
}

func newServer(described protocol.ToolServer, o Options, dial func(context.Context, *server) (*connection, error)) *server {
	return &server{
		ToolServer: described, dial: dial, env: o.Env, secrets: o.Secrets, log: o.Log.With("mcp_server", described.Name),
		slots: make(chan struct{}, cmp.Or(described.MaxConcurrent, defaultSlots)),
		limit: cmp.Or(described.Timeout.Duration(), defaultTimeout),
	}
}

// acquire waits for a slot. The returned function releases it.
func (s *server) acquire(ctx context.Context) (release func(), err error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.idleTimer != nil {
		s.idleTimer.Stop()
	}
	return func() {
		<-s.slots
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.calls--; s.calls == 0 && s.idle > 0 && !s.closed {
			s.idleTimer = time.AfterFunc(s.idle, s.closeIdle)
		}
	}, nil
}

// closeIdle ends the connection if no call uses it.
func (s *server) closeIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == 0 && s.current != nil {
		s.endConnection(s.current)
	}
}

// connect returns the connection, and opens one if there is none.
func (s *server) connect(ctx context.Context) (*connection, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed(s.Name)
	}
	if s.current != nil && s.current.process != nil && s.current.process.StdinClosed() {
		s.endConnection(s.current)
	}
	if s.current != nil {
		defer s.mu.Unlock()
		return s.current, nil
	}
	if s.dialing == nil {
		s.dialing = &dialing{done: make(chan struct{})}
		// Not the call's own context: other calls wait for the same connection, and it outlives them all.
		dialContext, cancel := context.WithTimeoutCause(context.Background(), s.limit, errStartTimeout)
		s.cancelDial = cancel
		s.closing.Add(1)
		go s.start(dialContext, cancel, s.dialing)
	}
	d := s.dialing
	s.mu.Unlock()
	select {
	case <-d.done:
		return d.link, d.err
	case <-ctx.Done():
		return nil, s.startingError(ctx)
	}
}

// startOutput returns the last output of a program that is starting, to be appended to a message.
func (s *server) startOutput() string {
	s.mu.Lock()
	p := s.starting
	s.mu.Unlock()
	if p == nil {
		return ""
	}
	return p.LastOutput()
}

// setStarting notes the program that is starting; nil if none is.
func (s *server) setStarting(p *stdio.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting = p
}

// start connects to the server and hands the connection to the waiting calls.
func (s *server) start(ctx context.Context, cancel context.CancelFunc, d *dialing) {
	defer s.closing.Done()
	defer cancel()
	began := time.Now()
	conn, err := s.dial(ctx, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialing, s.starting = nil, nil
	switch {
	case err != nil:
		d.err = s.startError(ctx, err)
	case s.closed:
		d.err = errClosed(s.Name)
		s.closing.Go(conn.close)
	default:
		s.log.Info("MCP server started", "after", time.Since(began))
		d.link, s.current = conn, conn
		s.closing.Go(func() {
			<-conn.done
			s.drop(conn)
		})
	}
	close(d.done)
}

// drop ends a connection that cannot be used any more, unless that has been done.
func (s *server) drop(conn *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == conn {
		s.endConnection(conn)
	}
}

// endConnection closes a connection; s.mu is held. Calls in flight on it fail.
func (s *server) endConnection(conn *connection) {
	s.current = nil
	s.closing.Go(conn.close)
}

// close ends the connection, and waits until it is closed.
func (s *server) close() error {
	s.mu.Lock()
	s.closed = true
	if s.idleTimer != nil {
		s.idleTimer.Stop()
	}
	if s.cancelDial != nil {
		s.cancelDial()
	}
	if s.current != nil {
		s.endConnection(s.current)
	}
	s.mu.Unlock()
	s.closing.Wait()
	return nil
}

// errStartTimeout is the cause of a context whose server did not start in time.
var errStartTimeout = errors.New("the server's timeout")

// withConnection calls do on the connection. When the connection is lost, it calls do once more on a new one if the request
// did not reach the server or can be repeated, which do reports beside its error.
func (s *server) withConnection(ctx context.Context, secrets *redaction.Set, do func(context.Context, *connection) (repeatable bool, err error)) error {
	s.known.calls.AddAll(secrets)
	for second := false; ; second = true {
		conn, err := s.connect(ctx)
		if err != nil {
			return err
		}
		repeatable, err := do(ctx, conn)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return contextError(ctx)
		case !lost(err):
			return conn.known.error(s.requestError(err))
		}
		s.log.Warn("connection to the MCP server lost", "error", conn.known.calls.String(err.Error()))
		s.drop(conn)
		if second || !repeatable && !undelivered(err) {
			return conn.known.error(s.lostError(err, repeatable, conn.lastOutput()))
		}
	}
}

// withSlot calls do when the server has a free slot.
func (s *server) withSlot(ctx context.Context, do func(context.Context) error) error {
	release, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	return do(ctx)
}
