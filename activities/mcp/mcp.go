// Package mcp is the protocol mcp/v1: it calls tools of MCP servers through the official SDK. The four built-in tools are
// served by an MCP server inside this process, so that they take the same path as any other server's. The package must
// not know Temporal or the interpreter of workflows, and it lets no number pass through a float.
package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Handler runs the methods of mcp/v1. It keeps one session for all calls; Close ends it.
type Handler struct {
	tools  map[string]offered // By the method's name.
	client *mcp.ClientSession
	server *mcp.ServerSession
}

// offered is a tool with what its arguments must be like.
type offered struct {
	builtin
	arguments *arguments
}

// New starts the built-in server and opens the session.
func New() (*Handler, error) {
	h := &Handler{tools: map[string]offered{}}
	implementation := &mcp.Implementation{Name: "gleitzeit", Version: "v1"}
	server := mcp.NewServer(implementation, nil)
	for _, b := range builtins() {
		checked, err := compile(method(b.name), b.parameters)
		if err != nil {
			return nil, err
		}
		h.tools[method(b.name)] = offered{b, checked}
		server.AddTool(&mcp.Tool{Name: b.name, Description: b.summary, InputSchema: json.RawMessage(b.parameters)}, b.serve)
	}
	here, there := pipes()
	var err error
	if h.server, err = server.Connect(context.Background(), there, nil); err != nil {
		return nil, fmt.Errorf("the built-in MCP server: %w", err)
	}
	if h.client, err = mcp.NewClient(implementation, nil).Connect(context.Background(), here, nil); err != nil {
		return nil, fmt.Errorf("the built-in MCP server: %w", errors.Join(err, h.server.Close()))
	}
	return h, nil
}

// pipes are the SDK's in-memory transport without its limit of 16 MiB a message: a text of 5 MiB may take six bytes a
// character on its way.
func pipes() (here, there mcp.Transport) {
	ask, asked := io.Pipe()
	answer, answered := io.Pipe()
	return &mcp.IOTransport{Reader: answer, Writer: asked, MaxLineLength: -1},
		&mcp.IOTransport{Reader: ask, Writer: answered, MaxLineLength: -1}
}

// Close ends the session and the built-in server, and waits for both. Calls in flight fail.
func (h *Handler) Close() error {
	err := h.client.Close()
	if ended := h.server.Wait(); ended != nil && !errors.Is(ended, io.EOF) && !errors.Is(ended, io.ErrClosedPipe) {
		err = errors.Join(err, ended)
	}
	return err
}

// Health asks the server for a sign of life.
func (h *Handler) Health(ctx context.Context) error {
	if err := h.client.Ping(ctx, nil); err != nil {
		return failed(ctx, err)
	}
	return nil
}

// Handle calls one tool.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
	tool, known := h.tools[request.Method]
	if !known {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "mcp/v1 has no method %s", request.Method)
	}
	parameters := request.Parameters
	if parameters.IsNull() {
		parameters = protocol.OfObject()
	}
	if err := tool.arguments.check(parameters); err != nil {
		return protocol.Result{}, err
	}
	answer, err := h.client.CallTool(ctx, &mcp.CallToolParams{Name: tool.name, Arguments: json.RawMessage(parameters.JSON())})
	if err != nil {
		return protocol.Result{}, failed(ctx, err)
	}
	text := textOf(answer)
	if answer.IsError {
		return protocol.Result{}, protocol.Errorf(protocol.TaskExecutionFailed, "the tool %s failed: %s", tool.name, strings.TrimSpace(text))
	}
	result, err := resultOf(answer, text)
	if err != nil {
		return protocol.Result{}, err
	}
	own, err := tool.fields(parameters, text)
	if err != nil {
		return protocol.Result{}, protocol.Errorf(protocol.TaskResultInvalid, "the answer of the tool %s: %v", tool.name, err)
	}
	for _, field := range own {
		result = result.With(field.Name, field.Value)
	}
	return protocol.Result{Value: result}, nil
}

// failed says why there is no answer.
func failed(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return protocol.Errorf(protocol.TaskTimeout, "the tool did not answer before the task's timeout")
	case ctx.Err() != nil:
		return protocol.Errorf(protocol.TaskCancelled, "the call was ended because its task was cancelled")
	}
	return protocol.Errorf(protocol.ProviderNotAvailable, "the built-in MCP server does not answer: %v", err)
}
