package mcpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/gate"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Path is where the server answers over HTTP.
const Path = "/mcp"

// What a client may take. How long an answer takes, runs decide.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	sessionTimeout = 12 * time.Hour // Of a client that never said that it left.
	maxHeader      = 64 << 10
	maxBody        = 16 << 20
	goodbye        = 2 * time.Second
)

// Port is where the server answers over HTTP, if it may choose.
const Port = 8234

// Listening is a server that has its address and answers nobody yet.
type Listening struct {
	server   *Server
	listener net.Listener
}

// Listen takes an address of loopback, "PORT" or "HOST:PORT"; of an empty one it is Port, or another where that is
// taken. An error is an *protocol.Error.
func Listen(ctx context.Context, s *Server, address string) (*Listening, error) {
	listener, err := listen(ctx, address, s.options.Tell)
	if err != nil {
		return nil, protocol.AsError(err, protocol.ConfigurationError).WithHint("--http=PORT names a port on loopback; --http=0 uses any free port")
	}
	return &Listening{s, listener}, nil
}

func listen(ctx context.Context, address string, say func(string)) (net.Listener, error) {
	if address == "" {
		return gate.Listen(ctx, Port, func(other string) {
			say(fmt.Sprintf("port %d is taken, using %s", Port, other))
		})
	}
	if _, err := strconv.ParseUint(address, 10, 16); err == nil {
		address = net.JoinHostPort(gate.Loopback, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, protocol.Errorf(protocol.InvalidParams, "%q is neither a port nor host:port", address)
	}
	switch host {
	case "localhost":
		host = gate.Loopback
	case gate.Loopback, "::1":
	default:
		return nil, protocol.Errorf(protocol.InvalidParams, "%q is not on loopback: its host must be %s, localhost or [::1]", address, gate.Loopback)
	}
	var plain net.ListenConfig
	return plain.Listen(ctx, "tcp", net.JoinHostPort(host, port))
}

// URL is where clients find it.
func (l *Listening) URL() string { return "http://" + l.listener.Addr().String() + Path }

// Serve serves clients that have the token, until ctx is done, and then gives the address up.
func (l *Listening) Serve(ctx context.Context, token string) error {
	s := l.server
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go s.watch(ctx)
	mux := http.NewServeMux()
	mux.Handle(Path, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s.mcp }, &mcp.StreamableHTTPOptions{
		Logger: s.options.Log, SessionTimeout: sessionTimeout, MaxRequestBodyBytes: maxBody, PropagateRequestCancellation: true,
	}))
	hosts := gate.HostsOf(l.listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{
		Handler:           gate.Bearer("gleitzeit mcp", token, hosts, mux),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.options.Log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.leaving.Store(true)
	leaving, done := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer done()
	// A client that waits for a run, or for news, keeps its connection: it is cut.
	if err := server.Shutdown(leaving); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}
