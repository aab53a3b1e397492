package mcp

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	// defaultTimeout is that of a start, and of a call whose task names none.
	defaultTimeout = 60 * time.Second
	// defaultSlots is how many calls one server gets at once.
	defaultSlots = 16
	// builtinSlots: the built-in server does nothing that could overload it.
	builtinSlots = 1000
	// flowIdle is how long the server of a workflow is kept that nobody calls.
	flowIdle = time.Minute
)

// server is one MCP server: it is dialled when it is needed, and again when its session has ended.
type server struct {
	protocol.ToolServer
	dial  func(context.Context, *server) (*link, error)
	slots chan struct{}
	limit time.Duration // Of a start, and of a call without a limit of its own.
	idle  time.Duration // After which a session without calls ends; 0 is never.
	env   func(string) (string, bool)
	log   *slog.Logger

	mu      sync.Mutex
	current *link
	dialing *dialing
	calls   int
	sleep   *time.Timer
	closed  bool
	stop    context.CancelFunc // Ends a dialling.
	ends    sync.WaitGroup     // Sessions that end.
}

// dialing is an attempt that every call waits for that needs the server meanwhile.
type dialing struct {
	done chan struct{}
	link *link
	err  error
}

func newServer(described protocol.ToolServer, o Options, dial func(context.Context, *server) (*link, error)) *server {
	return &server{
		ToolServer: described, dial: dial, env: o.Env, log: o.Log.With("mcp_server", described.Name),
		slots: make(chan struct{}, cmp.Or(described.MaxConcurrent, defaultSlots)),
		limit: cmp.Or(described.Timeout.Duration(), defaultTimeout),
	}
}

// take waits for a turn. What it returns gives the turn back.
func (s *server) take(ctx context.Context) (give func(), err error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, over(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.sleep != nil {
		s.sleep.Stop()
	}
	return func() {
		<-s.slots
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.calls--; s.calls == 0 && s.idle > 0 && !s.closed {
			s.sleep = time.AfterFunc(s.idle, s.rest)
		}
	}, nil
}

// rest ends a session that nobody uses.
func (s *server) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == 0 && s.current != nil {
		s.letGo(s.current)
	}
}

// connect returns the session, a new one where there is none.
func (s *server) connect(ctx context.Context) (*link, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed(s.Name)
	}
	if s.current != nil && s.current.process != nil && s.current.process.deaf() {
		s.letGo(s.current)
	}
	if s.current != nil {
		defer s.mu.Unlock()
		return s.current, nil
	}
	if s.dialing == nil {
		s.dialing = &dialing{done: make(chan struct{})}
		// Not the call's own context: others wait for the same session, and it outlives them all.
		dialled, stop := context.WithTimeoutCause(context.Background(), s.limit, errSlowStart)
		s.stop = stop
		s.ends.Add(1)
		go s.start(dialled, stop, s.dialing)
	}
	d := s.dialing
	s.mu.Unlock()
	select {
	case <-d.done:
		return d.link, d.err
	case <-ctx.Done():
		return nil, over(ctx)
	}
}

func (s *server) start(ctx context.Context, stop context.CancelFunc, d *dialing) {
	defer s.ends.Done()
	defer stop()
	began := time.Now()
	l, err := s.dial(ctx, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialing = nil
	switch {
	case err != nil:
		d.err = s.notStarted(ctx, err)
	case s.closed:
		d.err = errClosed(s.Name)
		s.ends.Go(l.close)
	default:
		s.log.Info("the MCP server is there", "after", time.Since(began))
		d.link, s.current = l, l
		s.ends.Go(func() {
			<-l.gone
			s.drop(l)
		})
	}
	close(d.done)
}

// drop lets go of a session that is of no use any more.
func (s *server) drop(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == l {
		s.letGo(l)
	}
}

// letGo ends a session; s.mu is held. Calls that are under way on it fail.
func (s *server) letGo(l *link) {
	s.current = nil
	s.ends.Go(l.close)
}

// close ends the session, and waits until nothing of it is left.
func (s *server) close() error {
	s.mu.Lock()
	s.closed = true
	if s.sleep != nil {
		s.sleep.Stop()
	}
	if s.stop != nil {
		s.stop()
	}
	if s.current != nil {
		s.letGo(s.current)
	}
	s.mu.Unlock()
	s.ends.Wait()
	return nil
}

var (
	// errTimeout is the cause of a context whose attempt has used up its time.
	errTimeout = errors.New("the task's timeout")
	// errSlowStart is the cause of a context whose server did not start in time.
	errSlowStart = errors.New("the server's timeout")
)

// use does something on the session. Where that is lost, it is done again on a new one, once, if it never reached the
// server, or if doing it twice does no harm. What is done says so itself, beside its error.
func (s *server) use(ctx context.Context, do func(context.Context, *link) (harmless bool, err error)) error {
	for again := false; ; again = true {
		l, err := s.connect(ctx)
		if err != nil {
			return err
		}
		harmless, err := do(ctx, l)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return over(ctx)
		case !lost(err):
			return l.hide.error(s.answered(err))
		}
		s.log.Warn("the session was lost", "error", l.hide.text(err.Error()))
		s.drop(l)
		if again || !harmless && !undelivered(err) {
			return l.hide.error(s.broken(err, harmless, l.last()))
		}
	}
}

// turn does something with the server when it has a slot.
func (s *server) turn(ctx context.Context, do func(context.Context) error) error {
	give, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	return do(ctx)
}
