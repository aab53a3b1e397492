// Package mcp implements the protocol mcp/v1: it calls tools of MCP servers through the official SDK. A server is a program,
// which the package starts and reaches over standard input and output, or an address. The four built-in tools are described by
// an MCP server inside this process, so that all tools are found and checked alike. The package must not know Temporal or the
// interpreter of workflows, and it passes no number through a float.
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
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Options are the settings of the protocol. All are optional.
type Options struct {
	Servers []protocol.ToolServer
	Allow   Allow                                     // Which servers of workflows may be used.
	Env     func(name string) (value string, is bool) // Looks up references in settings; default: the process's environment.
	Secrets secretsource.Sources                      // Of references to secrets in settings; their Env is that of the options by default.
	Log     *slog.Logger
}

// Handler runs the methods of mcp/v1. It keeps one connection to each server for all calls; Close ends them.
type Handler struct {
	options  Options
	builtins map[string]builtin
	servers  []*server // The built-in one first, then the configured ones in their order.

	mu              sync.Mutex
	workflowServers map[string]*server // Servers of workflows, by their encoded configuration.
	closed          bool
}

// New returns a handler. A server starts with the first call that needs it.
func New(o Options) (*Handler, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Secrets.Env == nil {
		o.Secrets.Env = o.Env
	}
	h := &Handler{options: o, builtins: map[string]builtin{}, workflowServers: map[string]*server{}}
	for _, b := range builtins() {
		h.builtins[b.name] = b
	}
	h.servers = []*server{newServer(protocol.ToolServer{Name: protocol.BuiltinServer, MaxConcurrent: builtinSlots}, o, dialBuiltin)}
	for _, described := range o.Servers {
		if h.configured(described.Name) != nil || protocol.ServerNameProblem(described.Name) != "" || len(described.Problems()) > 0 {
			return nil, protocol.Errorf(protocol.ConfigurationError, "invalid configuration of the MCP server %q", described.Name)
		}
		h.servers = append(h.servers, newServer(described, o, dial))
	}
	return h, nil
}

// Close ends every connection and every started program, and waits for them. Calls in flight fail.
func (h *Handler) Close() error {
	h.mu.Lock()
	h.closed = true
	all := slices.Clone(h.servers)
	for _, s := range h.workflowServers {
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

// Handle runs one method.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
	target, known := parseMethod(request.Method)
	if !known {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "unknown method %q", request.Method)
	}
	c := call{handler: h, request: request, target: target, parameters: request.Parameters, progress: progress, warnings: &warnings{}}
	if c.parameters.IsNull() {
		c.parameters = value.Object()
	}
	if c.progress == nil {
		c.progress = func(string) {}
	}
	result, err := c.run(ctx)
	warning := c.warnings.text()
	if err == nil && warning != "" {
		result = result.With("warning", value.String(warning))
	}
	return protocol.Result{Value: result, Warning: warning}, err
}

// configured returns the server of the settings, or the built-in one, with the name; nil if there is none.
func (h *Handler) configured(name string) *server {
	for _, s := range h.servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// workflowServer returns a server that a workflow defines. Calls with the same definition share one server. A server of the
// settings with the same name takes precedence: the worker's operator decides.
func (h *Handler) workflowServer(described protocol.ToolServer, folder string) (*server, error) {
	if s := h.configured(described.Name); s != nil {
		return s, nil
	}
	if err := h.options.Allow.Check(described); err != nil {
		return nil, err
	}
	if described.Command != "" && described.Cwd == "" {
		described.Cwd = folder
	}
	if problems := described.Problems(); len(problems) > 0 || protocol.ServerNameProblem(described.Name) != "" {
		return nil, protocol.Errorf(protocol.InvalidParams, "invalid configuration of the MCP server %q", described.Name)
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
	s := h.workflowServers[key]
	if s == nil {
		s = newServer(described, h.options, dial)
		s.idle = workflowIdle
		h.workflowServers[key] = s
	}
	return s, nil
}

// candidates returns the servers that a call can use: those of the settings, then those of its workflow.
func (h *Handler) candidates(request protocol.Request) ([]*server, error) {
	all := slices.Clone(h.servers)
	for _, described := range request.Servers {
		s, err := h.workflowServer(described, request.Folder)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all, nil
}

// server returns the server with the name.
func (h *Handler) server(request protocol.Request, name string) (*server, error) {
	if s := h.configured(name); s != nil {
		return s, nil
	}
	for _, described := range request.Servers {
		if described.Name == name {
			return h.workflowServer(described, request.Folder)
		}
	}
	return nil, protocol.Errorf(protocol.ConfigurationError, "unknown MCP server %q", name).
		WithHint("define it as mcp.servers.%s in the worker's settings, or under mcp_servers in the workflow", name)
}

// names joins the names of servers for a message.
func names(servers []*server) string {
	var all []string
	for _, s := range servers {
		all = append(all, s.Name)
	}
	return strings.Join(all, ", ")
}
