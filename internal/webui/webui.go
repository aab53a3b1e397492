// Package webui serves Temporal's Web UI on loopback, to the owner of the home alone. It connects to the engine by its address
// and must not import it: only internal/engine imports the Temporal server.
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

// Limits of a client. A page of the UI waits for events with long polls of less than a minute, and puts parts of a run into
// the address of a frame.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 5 * time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 256 << 10
	maxBody       = 4 << 20 // The engine's limit for one message.
)

// Options of a server.
type Options struct {
	// Home has the engine's key pair and the token.
	Home *home.Home
	// Port is the wanted port (0 is any); if it is in use, another one is used.
	Port int
	// Engine returns the address (host:port) of the engine. It is called at each connection, so that the UI survives a
	// take-over.
	Engine func() (string, error)
	// ExactPort: a port that is taken is an error; otherwise the UI listens on another one.
	ExactPort bool
	// Payloads is the storage of payloads that are too large for a history; the UI offers them for download. Without drivers
	// there are none.
	Payloads converter.ExternalStorage
	// Codecs decode payloads of histories for the UI.
	Codecs []converter.PayloadCodec
	// Front may answer requests itself, behind the same guard; nil: all are answered by Temporal's pages.
	Front Front
	// Log receives warnings; nil discards them. The token is never in it.
	Log *slog.Logger
}

// Front returns a handler that answers some requests, and passes the others on. It sets a Content-Security-Policy for its own pages.
type Front func(temporal http.Handler) http.Handler

// Server is a Web UI that is being served.
type Server struct {
	address string
	token   string
	serving *gate.Serving
	engine  *grpc.ClientConn
}

// Start serves the UI until Stop. It does not wait for the engine: a page reports if that does not answer. The key pair of the
// home must exist, as it does after joining an engine. The error is a *protocol.Error.
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
	if err == nil && o.ExactPort && o.Port != 0 && listener.Addr().(*net.TCPAddr).Port != o.Port {
		return nil, errors.Join(protocol.Errorf(protocol.ConfigurationError, "cannot serve the Web UI: port %d is in use", o.Port).
			WithHint("`gleitzeit status` shows whether a server runs already; name another port, as in --ui-port %d, or leave the flag out: then a free one is chosen", o.Port+1), listener.Close(), engine.Close())
	}
	if err != nil {
		return nil, errors.Join(failed("cannot listen on %s: %v", gate.Loopback, err), engine.Close())
	}
	port := listener.Addr().(*net.TCPAddr).Port
	pages, err := newPages(engine, o.Payloads, o.Codecs, o.Log)
	if err != nil {
		return nil, errors.Join(failed("cannot load its pages: %v", err), listener.Close(), engine.Close())
	}
	if o.Front != nil {
		pages = o.Front(pages)
	}
	requests, end := context.WithCancel(context.WithoutCancel(ctx))
	server := &http.Server{
		Handler:           http.MaxBytesHandler(newGuard(token, port, pages), maxBody),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	// A page that waits for events would delay a shutdown by a minute.
	server.RegisterOnShutdown(end)
	return &Server{address: listener.Addr().String(), token: token, engine: engine, serving: gate.Serve(server, listener, "the Web UI", o.Log)}, nil
}

func failed(format string, args ...any) *protocol.Error {
	return protocol.Errorf(protocol.ConfigurationError, "cannot serve the Web UI: "+format, args...).
		WithHint("try again, or run without it: --no-ui")
}

// Address returns the address of the UI, host:port.
func (s *Server) Address() string { return s.address }

// URL returns the link that opens the UI in a browser. It contains the token and must not be logged.
func (s *Server) URL() string { return "http://" + s.address + "/?" + tokenParameter + "=" + s.token }

// Stop waits for requests in flight and frees the port. It may be called once. If ctx ends first, it closes their
// connections.
func (s *Server) Stop(ctx context.Context) error {
	return errors.Join(s.serving.Stop(ctx), s.engine.Close())
}
