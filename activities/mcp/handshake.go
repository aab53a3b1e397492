package mcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/mcp/wire"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Since its revision of 2026-07-28, MCP has no handshake: a client's first message is server/discover. Servers of earlier
// revisions expect initialize first, and were never told what to do with anything else: some answer with an error, some exit,
// some wait for ever, some answer without an id. MCP has clients try server/discover, and start the server again for initialize.
// After an error, initialize is sent to the same process first, but some servers exit then, or do nothing any more.

const (
	// probeTimeout is the time limit for the answer to server/discover, since the program has read it, and to initialize after
	// it. It is at most a fifth of the server's own timeout.
	probeTimeout = 3 * time.Second
	// probeTick is how often it is checked whether the program has read the message.
	probeTick = 20 * time.Millisecond
	// initializeVersion is the latest revision of MCP that begins with initialize.
	initializeVersion = "2025-11-25"
	discoverMethod    = "server/discover"
	initializeMethod  = "initialize"
)

// handshake is how a client begins a session.
type handshake struct {
	version  string        // The first one that the client offers; empty is the latest.
	limit    time.Duration // Of the answer to server/discover, and of that to initialize after it.
	starting func() bool   // Reports whether the server has yet to read the message; nil if that cannot be known.
	slow     func()        // Called once if the server has not read the message within the limit; may be nil.
}

// probeFailure is the error of a session that did not begin after server/discover.
type probeFailure struct{ error }

// Unwrap returns why.
func (f probeFailure) Unwrap() error { return f.error }

// connect begins a session.
func (h handshake) connect(ctx context.Context, client *mcp.Client, transport mcp.Transport) (*mcp.ClientSession, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	probed := false
	var unanswered error
	client.AddSendingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
			limited, stop := ctx, context.CancelFunc(nil)
			switch {
			case method == discoverMethod:
				probed = true
				limited, stop = h.limited(ctx)
			case method == initializeMethod && probed:
				limited, stop = context.WithTimeout(ctx, h.limit) // It runs, because it rejected server/discover.
			default:
				return next(ctx, method, request)
			}
			defer stop()
			result, err := next(limited, method, request)
			if sent := serverError(err); err != nil && unanswered == nil && (sent == nil || sent.Code == wire.WithoutID) {
				unanswered = err
				if limited.Err() != nil && ctx.Err() == nil {
					unanswered = fmt.Errorf("no answer to %s within %s", method, h.limit)
				}
				cancel() // The SDK would send initialize to the same process.
			}
			return result, err
		}
	})
	session, err := client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: h.version})
	if err != nil && probed {
		if unanswered == nil {
			unanswered = err
		}
		return nil, probeFailure{unanswered}
	}
	return session, err
}

// limited returns a context that ends when the server has had the message for the time limit.
func (h handshake) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		ticker := time.NewTicker(probeTick)
		defer ticker.Stop()
		sent, slow := time.Now(), h.slow
		began := sent
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				if h.starting != nil && h.starting() {
					began = now
					if slow != nil && now.Sub(sent) >= h.limit {
						slow()
						slow = nil
					}
				} else if now.Sub(began) >= h.limit {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// dial connects to the server: with server/discover, and anew with initialize alone where no session begins with that. What the server
// understands is remembered as long as this process runs.
func dial(ctx context.Context, s *server) (*connection, error) {
	connect := dialProgram
	if s.URL != "" {
		connect = dialHTTP
	}
	if !s.initializeFirst {
		limit := min(probeTimeout, s.limit/5)
		slow := func() { s.log.Info("the MCP server is still starting: it has read nothing yet", "after", limit) }
		conn, err := connect(ctx, s, handshake{limit: limit, slow: slow})
		if err == nil {
			s.initializeFirst = conn.session.InitializeResult().ProtocolVersion <= initializeVersion
			return conn, nil
		}
		if _, probed := errors.AsType[probeFailure](err); !probed || ctx.Err() != nil || unreachable(err) {
			return nil, err
		}
		s.log.Info("no session with the MCP server began with server/discover; starting a new one with initialize", "error", s.known.calls.String(reason(err)))
	}
	conn, err := connect(ctx, s, handshake{version: initializeVersion})
	s.initializeFirst = err == nil
	return conn, err
}

// unreachable reports whether a second attempt would end like the first one: the server received nothing, or cannot be used
// with these settings.
func unreachable(err error) bool {
	_, known := errors.AsType[*protocol.Error](err)
	operation, is := errors.AsType[*net.OpError](err)
	return known || is && operation.Op == "dial"
}
