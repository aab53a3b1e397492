package mcp

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Health pings the built-in server. Probe checks the others too: it starts those that are not running.
func (h *Handler) Health(ctx context.Context) error {
	_, err := call{}.query(ctx, h.servers[0], askPing)
	return err
}

// Servers implements protocol.ServerReporter. The first is the built-in server, which has no name.
func (h *Handler) Servers() []protocol.Server {
	all := make([]protocol.Server, len(h.servers))
	for i, s := range h.servers {
		all[i] = s.description()
	}
	return all
}

// Probe implements protocol.ServerReporter. It connects to servers that are not connected, and pings them.
func (h *Handler) Probe(ctx context.Context, wanted func(protocol.Server) bool) []protocol.ServerState {
	servers := slices.DeleteFunc(slices.Clone(h.servers), func(s *server) bool { return !wanted(s.description()) })
	states := make([]protocol.ServerState, len(servers))
	var probes sync.WaitGroup
	for i, s := range servers {
		probes.Go(func() { states[i] = s.probe(ctx) })
	}
	probes.Wait()
	return states
}

// Unchecked implements protocol.ServerReporter.
func (h *Handler) Unchecked() []string {
	var names []string
	for _, s := range h.servers[1:] {
		names = append(names, s.Name)
	}
	return names
}

func (s *server) description() protocol.Server {
	d := protocol.Server{Provider: strings.TrimSuffix(family, "/")}
	if s.Name != protocol.BuiltinServer {
		d.Name, d.URL, d.MaxConcurrent = s.Name, s.URL, cap(s.slots)
	}
	return d
}

// probe returns the state of the server.
func (s *server) probe(ctx context.Context) protocol.ServerState {
	state := protocol.ServerState{Server: s.description()}
	began := time.Now()
	_, err := call{}.query(ctx, s, func(ctx context.Context, s *server, conn *connection, c call) (value.Value, error) {
		if about := conn.session.InitializeResult().ServerInfo; about != nil && s.Name != protocol.BuiltinServer {
			state.Version = conn.known.calls.String(about.Version)
		}
		return askPing(ctx, s, conn, c)
	})
	if err == nil {
		return state
	}
	if state.Error = protocol.AsError(err, protocol.ProviderNotAvailable); state.Error.Code == protocol.TaskTimeout {
		limit := s.limit
		if end, is := ctx.Deadline(); is {
			limit = min(limit, end.Sub(began).Round(100*time.Millisecond))
		}
		state.Error = protocol.Errorf(protocol.ProviderTimeout, "the MCP server %q at %s did not answer within %s%s", s.Name, cmp.Or(s.URL, s.Command, "this process"), limit, s.startOutput())
	}
	return state
}
