package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/temporal"
)

// startTries is how often a start is attempted, if a program takes a port between choosing and using it. A failed start may
// keep ports open until the process ends: the server offers no way to close them.
const startTries = 3

// server is the Temporal server in this process.
type server struct {
	temporal temporal.Server
	ending   *atomic.Bool
}

// start prepares the home, starts the server, waits until it answers and writes its address. Only the holder of the engine's
// lock may call it.
func (e *Engine) start(ctx context.Context) (*server, error) {
	own, err := ensureIdentity(e.home)
	if err != nil {
		return nil, failed(e.home, "cannot create its key pair", err)
	}
	if err := e.prepareDatabase(ctx); err != nil {
		return nil, failed(e.home, "cannot prepare its database", err)
	}
	wanted := 0
	if last, err := ReadInfo(e.home); err == nil {
		wanted = portOf(last.Address)
	}
	for try := 1; ; try++ {
		started, port, err := e.startOn(wanted, own)
		if err == nil {
			err = e.announce(ctx, own, port)
			if err == nil {
				return started, nil
			}
			return nil, errors.Join(failed(e.home, "it does not answer", err), started.stop())
		}
		if try == startTries || ctx.Err() != nil {
			return nil, failed(e.home, "its server does not start", err)
		}
		e.log.Warn("the engine's server did not start; trying other ports", "error", err)
		wanted = 0
	}
}

func (e *Engine) startOn(wanted int, own *identity) (*server, int, error) {
	ports, err := freePorts(len(services), wanted)
	if err != nil {
		return nil, 0, err
	}
	if wanted != 0 && ports[0] != wanted {
		e.log.Warn("the engine's last port is in use; using another", "taken", wanted, "port", ports[0])
	}
	started, err := e.startAt(ports, own)
	return started, ports[0], err
}

func (e *Engine) startAt(ports []int, own *identity) (*server, error) {
	dynamic, err := dynamicSettings(e.options.Scavengers, e.options.Overrides)
	if err != nil {
		return nil, err
	}
	logged, ending := &startErrors{}, &atomic.Bool{}
	logger := serverLogger{e.log, func(text string) { logged.note(text); e.noteError(text) }, ending}
	started, err := launch(func() (temporal.Server, error) {
		return temporal.NewServer(
			temporal.WithConfig(settings(e.home.EngineDB(), ports)),
			temporal.ForServices(temporal.DefaultServices),
			temporal.WithStaticHosts(hosts(ports)),
			temporal.WithDynamicConfigClient(dynamic),
			temporal.WithTLSConfigFactory(own.provider()),
			temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
			temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
			temporal.WithLogger(logger),
		)
	})
	if messages := logged.end(); err != nil {
		return nil, errors.Join(err, messages)
	}
	return &server{started, ending}, nil
}

// announce waits until the server answers, and then writes its address.
func (e *Engine) announce(ctx context.Context, own *identity, port int) error {
	info := Info{Address: at(port), PID: os.Getpid(), ServerVersion: headers.ServerVersion, StartedAt: time.Now().UTC()}
	if err := e.waitServing(ctx, own, info.Address, true); err != nil {
		return err
	}
	return writeInfo(e.home, info)
}

func (e *Engine) noteError(text string) {
	if known := diagnose(e.home, text); known != nil {
		e.setErr(known)
	}
}

func (s *server) stop() error {
	s.ending.Store(true)
	return s.temporal.Stop()
}

// launch starts the server in a goroutine of its own, because serverLogger.Fatal ends the goroutine that calls it.
func launch(create func() (temporal.Server, error)) (temporal.Server, error) {
	var started temporal.Server
	err := errors.New("the Temporal server failed")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if fault := recover(); fault != nil {
				err = fmt.Errorf("the Temporal server failed: %v", fault)
			}
		}()
		started, err = startServer(create)
	}()
	<-ended
	return started, err
}

func startServer(create func() (temporal.Server, error)) (temporal.Server, error) {
	if err := nameUser(); err != nil {
		return nil, err
	}
	created, err := create()
	if err != nil {
		return nil, err
	}
	if err := created.Start(); err != nil {
		return nil, err
	}
	return created, nil
}

// nameUser gives the user of this process a name where it may be only a number, as in a container that runs with one that its image does
// not know. The server describes its process with that name, and does not start without one. A name that the system knows counts more. Only
// this process has the variable: programs that it starts get those that it was started with.
func nameUser() error {
	if os.Getenv("USER") != "" {
		return nil
	}
	return os.Setenv("USER", strconv.Itoa(os.Getuid()))
}

// startErrors collects the errors that the server logs while it starts: a failed start returns less than it logs.
type startErrors struct {
	mu    sync.Mutex
	texts []string
	over  bool
}

func (s *startErrors) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.texts = append(s.texts, text)
	}
}

// end returns the errors so far and stops collecting.
func (s *startErrors) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if len(s.texts) == 0 {
		return nil
	}
	return errors.New(strings.Join(s.texts, "; "))
}
