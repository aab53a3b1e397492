// Package webui serves Temporal's Web UI on loopback, behind a guard that lets in nobody but the owner of the home. It
// finds the engine by its address and must not import it: the Temporal server belongs to internal/engine alone.
package webui

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc"

	"github.com/gleitzeit/gleitzeit/internal/gate"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// What a client may take. A page of the UI waits for events with long polls of less than a minute, and has what it
// shows of a run in the address of a frame.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 5 * time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 256 << 10
	maxBody       = 4 << 20 // As much as the engine takes in one message.
)

// Options say what is served and where.
type Options struct {
	// Home has the engine's key pair and the token.
	Home *home.Home
	// Port is the port that is wanted; another one is used where it is taken. 0 is any.
	Port int
	// Engine returns the address (host:port) of the engine. It is asked at each connection, so that the UI finds an
	// engine that has changed hands.
	Engine func() (string, error)
	// Payloads is where the clients of the engine keep what is too large for a history; the UI offers it for download.
	// Without drivers there is nothing to offer.
	Payloads converter.ExternalStorage
	// Log gets what is worth a warning; nil drops it. The token is never in it.
	Log *slog.Logger
}

// Server is a Web UI that is being served.
type Server struct {
	address string
	token   string
	http    *http.Server
	engine  *grpc.ClientConn
	served  chan error
}

// Start serves the UI until Stop. It does not wait for the engine: a page that is asked for before that answers says
// so. The key pair of the home must be there, which it is once an engine was joined. An error is an *protocol.Error.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	token, err := gate.LoadToken(o.Home.UIToken())
	if err != nil {
		return nil, failed("cannot store its token %q: %v", o.Home.UIToken(), err)
	}
	engine, err := dial(o.Home, o.Engine)
	if err != nil {
		return nil, failed("cannot read the engine's key pair: %v", err)
	}
	listener, err := gate.Listen(ctx, o.Port, func(address string) {
		o.Log.Warn("the port of the Web UI is in use; using another", "taken", o.Port, "address", address)
	})
	if err != nil {
		return nil, errors.Join(failed("cannot listen on %s: %v", gate.Loopback, err), engine.Close())
	}
	port := listener.Addr().(*net.TCPAddr).Port
	pages, err := newPages(engine, o.Payloads, o.Log)
	if err != nil {
		return nil, errors.Join(failed("cannot load its pages: %v", err), listener.Close(), engine.Close())
	}
	requests, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{
		address: listener.Addr().String(), token: token, engine: engine, served: make(chan error, 1),
		http: &http.Server{
			Handler:           http.MaxBytesHandler(newGuard(token, port, pages), maxBody),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
			BaseContext:       func(net.Listener) context.Context { return requests },
		},
	}
	// A page that waits for events would hold a shutdown for a minute.
	s.http.RegisterOnShutdown(end)
	go func() {
		defer end()
		err := s.http.Serve(listener)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		if err != nil {
			o.Log.Error("the Web UI has stopped", "error", err)
		}
		s.served <- err
	}()
	return s, nil
}

func failed(format string, args ...any) *protocol.Error {
	return protocol.Errorf(protocol.ConfigurationError, "cannot serve the Web UI: "+format, args...).
		WithHint("try again, or run without it: --no-ui")
}

// Address is where the UI is served, as host:port.
func (s *Server) Address() string { return s.address }

// URL is the link that opens the UI in a browser. Whoever has it is let in: it belongs into no log.
func (s *Server) URL() string { return "http://" + s.address + "/?" + tokenParameter + "=" + s.token }

// Stop ends the requests under way and frees the port. It may be called once. Where ctx is done before the requests
// have ended, their connections are cut.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	return errors.Join(err, <-s.served, s.engine.Close())
}
