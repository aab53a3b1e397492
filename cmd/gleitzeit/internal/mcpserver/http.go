package mcpserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/gate"
	"github.com/gleitzeit/gleitzeit/internal/mcptask"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Path is the path of the server's URL.
const Path = "/mcp"

// Limits for clients. The time to respond has none: it depends on the runs.
const (
	headerTimeout   = 10 * time.Second
	idleTimeout     = 2 * time.Minute
	sessionTimeout  = 12 * time.Hour // Of a client that has not closed its session.
	maxHeader       = 64 << 10
	maxBody         = 16 << 20
	shutdownTimeout = 2 * time.Second
)

// Port is the default port.
const Port = 8234

// Listening is a server that listens and does not serve yet.
type Listening struct {
	server   *Server
	listener net.Listener
}

// Listen listens on an address of loopback, "PORT" or "HOST:PORT". If it is empty, the port is Port, or another one if that
// is taken. An error is a *protocol.Error.
func Listen(ctx context.Context, s *Server, address string) (*Listening, error) {
	listener, err := listen(ctx, address, s.options.Tell)
	if err != nil {
		return nil, protocol.AsError(err, protocol.ConfigurationError).WithHint("--http=PORT names a port on loopback; --http=0 uses any free port")
	}
	return &Listening{s, listener}, nil
}

func listen(ctx context.Context, address string, report func(text string)) (net.Listener, error) {
	if address == "" {
		return gate.Listen(ctx, Port, func(other string) {
			report(fmt.Sprintf("port %d is taken, using %s", Port, other))
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
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", net.JoinHostPort(host, port))
}

// URL returns the URL for clients.
func (l *Listening) URL() string { return "http://" + l.listener.Addr().String() + Path }

// Serve serves clients that have the token until ctx is done, and then closes the listener.
func (l *Listening) Serve(ctx context.Context, token string) error {
	s := l.server
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go s.watch(ctx)
	mux := http.NewServeMux()
	mux.Handle(Path, keepTasks(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s.mcp }, &mcp.StreamableHTTPOptions{
		Logger: s.options.Log, SessionTimeout: sessionTimeout, MaxRequestBodyBytes: maxBody, PropagateRequestCancellation: true,
	})))
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
	s.closing.Store(true)
	ending, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer done()
	// A client that waits for a run or for notifications keeps its connection, which Close closes.
	if err := server.Shutdown(ending); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}

// keepTasks moves what calls of tools say about tasks to where the SDK keeps it.
func keepTasks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
			if err == nil {
				kept := mcptask.KeepInRequest(body)
				r.ContentLength += int64(len(kept) - len(body))
				body = kept
			}
			// What is too long, or cannot be read, is for the SDK to reject.
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		}
		next.ServeHTTP(w, r)
	})
}
