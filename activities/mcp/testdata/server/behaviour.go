package main

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// addTool adds a tool to the server, unless only another one is wanted.
type addTool func(name string, annotations *mcp.ToolAnnotations, schema string, answer mcp.ToolHandler)

// addTimeout adds tools that have arguments of the name `timeout`, and answer with their arguments.
func addTimeout(add addTool) {
	arguments := func(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return said(string(request.Params.Arguments)), nil
	}
	add("shell", nil, `{"type": "object", "properties": {"command": {"type": "string"}, "timeout": {"type": "integer"}}, "additionalProperties": false}`, arguments)
	add("fetch", nil, `{"type": "object", "properties": {"timeout": {"type": "object"}}, "required": ["timeout"]}`, arguments)
}
