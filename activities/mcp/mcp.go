// Package mcp is the protocol mcp/v1: it calls tools of MCP servers through the official SDK. Servers are programs that it
// starts and speaks with over their standard input and output, or addresses; the four built-in tools are served by an MCP
// server inside this process, so that they take the same path as any other server's. The package must not know Temporal or
// the interpreter of workflows, and it lets no number pass through a float.
package mcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Options are the settings of the protocol. All may be left out.
type Options struct {
	Servers []protocol.ToolServer
	Allow   Allow                                     // Which servers of workflows may be used.
	Env     func(name string) (value string, is bool) // What references in settings read; default: the process's environment.
	Log     *slog.Logger
}

// Handler runs the methods of mcp/v1. It keeps one session a server for all calls; Close ends them.
type Handler struct {
	options  Options
	builtins map[string]builtin
	servers  []*server // The built-in one first, then the configured ones in their order.

	mu     sync.Mutex
	flows  map[string]*server // Of workflows, by their descriptions.
	closed bool
}

// New returns a handler. A server is started when it is first needed.
func New(o Options) (*Handler, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	h := &Handler{options: o, builtins: map[string]builtin{}, flows: map[string]*server{}}
	for _, b := range builtins() {
		h.builtins[b.name] = b
	}
	h.servers = []*server{newServer(protocol.ToolServer{Name: protocol.BuiltinServer, MaxConcurrent: builtinSlots}, o, dialBuiltin)}
	for _, described := range o.Servers {
		if h.named(described.Name) != nil || protocol.ServerNameProblem(described.Name) != "" || len(described.Problems()) > 0 {
			return nil, protocol.Errorf(protocol.ConfigurationError, "the MCP server %q cannot be used as it is described", described.Name)
		}
		h.servers = append(h.servers, newServer(described, o, dial))
	}
	return h, nil
}

// Close ends every session and every program that was started, and waits for them. Calls in flight fail.
func (h *Handler) Close() error {
	h.mu.Lock()
	h.closed = true
	all := slices.Clone(h.servers)
	for _, s := range h.flows {
		all = append(all, s)
	}
	h.mu.Unlock()
	errs := make([]error, len(all))
	var closing sync.WaitGroup
	for i, s := range all {
		closing.Go(func() { errs[i] = s.close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

// Health asks the built-in server for a sign of life. Others are asked by mcp/ping: to ask them is to start them.
func (h *Handler) Health(ctx context.Context) error {
	_, err := call{}.ask(ctx, h.servers[0], askPing)
	return err
}

// Handle runs one method.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
	target, known := parse(request.Method)
	if !known {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "mcp/v1 has no method %s", request.Method)
	}
	c := call{handler: h, request: request, target: target, parameters: request.Parameters, progress: progress}
	if c.parameters.IsNull() {
		c.parameters = value.Object()
	}
	if c.progress == nil {
		c.progress = func(string) {}
	}
	value, err := c.perform(ctx)
	return protocol.Result{Value: value}, err
}

// named returns a server of the settings, or the built-in one.
func (h *Handler) named(name string) *server {
	for _, s := range h.servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// ofFlow returns a server of a workflow, which is one and the same for all calls that describe it alike. The settings'
// server of the name counts more: the worker's operator decides.
func (h *Handler) ofFlow(described protocol.ToolServer, folder string) (*server, error) {
	if s := h.named(described.Name); s != nil {
		return s, nil
	}
	if err := h.options.Allow.check(described); err != nil {
		return nil, err
	}
	if described.Command != "" && described.Cwd == "" {
		described.Cwd = folder
	}
	if problems := described.Problems(); len(problems) > 0 || protocol.ServerNameProblem(described.Name) != "" {
		return nil, protocol.Errorf(protocol.InvalidParams, "the MCP server %q cannot be used as it is described", described.Name)
	}
	encoded, err := value.Encode(described)
	if err != nil {
		return nil, fmt.Errorf("the MCP server %q: %w", described.Name, err)
	}
	key := string(encoded.JSON())
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed(described.Name)
	}
	s := h.flows[key]
	if s == nil {
		s = newServer(described, h.options, dial)
		s.idle = flowIdle
		h.flows[key] = s
	}
	return s, nil
}

// reachable are the servers that a call can mean: those of the settings, then those of its workflow.
func (h *Handler) reachable(request protocol.Request) ([]*server, error) {
	all := slices.Clone(h.servers)
	for _, described := range request.Servers {
		s, err := h.ofFlow(described, request.Folder)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all, nil
}

// server returns the server of a name.
func (h *Handler) server(request protocol.Request, name string) (*server, error) {
	if s := h.named(name); s != nil {
		return s, nil
	}
	for _, described := range request.Servers {
		if described.Name == name {
			return h.ofFlow(described, request.Folder)
		}
	}
	return nil, protocol.Errorf(protocol.ConfigurationError, "this worker has no MCP server %q", name).
		WithHint("its settings name servers, as mcp.servers.%s, or the workflow does, in mcp_servers", name)
}

// names lists servers for a message.
func names(servers []*server) string {
	var all []string
	for _, s := range servers {
		all = append(all, s.Name)
	}
	return strings.Join(all, ", ")
}
