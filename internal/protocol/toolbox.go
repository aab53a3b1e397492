package protocol

import (
	"context"
	"encoding/json"
)

// Tool is a method that a model may call.
type Tool struct {
	Method      string // In full: "mcp/tool.add".
	Name        string // As the model calls it: letters, digits, "_" and "-".
	Description string
	Parameters  json.RawMessage // JSON Schema of an object.
	Idempotent  bool            // Calling it twice has the effect of one call.
}

// Toolbox finds and calls tools, for a handler whose models use those of another protocol.
type Toolbox interface {
	// Tool describes the tool of a name: "add", "SERVER.add", or a method in full. It searches the servers of the request. The
	// error is an *Error, permanent for an unknown tool.
	Tool(ctx context.Context, request Request, name string) (Tool, error)
	// Call calls a method that Tool described.
	Call(ctx context.Context, request Request) (Result, error)
}

// ToolDescriber is a Handler with tools that its Spec does not list, such as those of servers.
type ToolDescriber interface {
	// DescribeTool describes the tool that the request's method calls, except its name for a model.
	DescribeTool(ctx context.Context, request Request) (Tool, error)
}
