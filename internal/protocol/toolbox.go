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
	Idempotent  bool            // It can be called twice as well as once.
}

// Toolbox finds and calls tools, for a handler whose models use those of another protocol.
type Toolbox interface {
	// Tool describes the tool that a user names: "add", "SERVER.add", or a method in full. The request is the one for which
	// it is wanted: its servers count. The error is an *Error; it is permanent where there is no such tool.
	Tool(ctx context.Context, request Request, name string) (Tool, error)
	// Call calls a method that Tool has described.
	Call(ctx context.Context, request Request) (Result, error)
}

// ToolDescriber is a Handler that has tools which its Spec does not list, as those of servers are.
type ToolDescriber interface {
	// DescribeTool describes the tool that the request's method calls: all but its name for a model.
	DescribeTool(ctx context.Context, request Request) (Tool, error)
}
