package mcp

import (
	"encoding/json"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// timeout is that of one call of a built-in tool where the task names none.
const timeout = 60 * time.Second

// method is the method that calls the tool of that name.
func method(tool string) string { return family + toolPrefix + tool }

// anyResult is what is known of the result of a tool of a server.
const anyResult = `{
  "type": "object",
  "properties": {
    "response": {"type": "string", "description": "The text of the answer"},
    "result": {"description": "The structured content; else the value of the text, where that is a list or an object; else the text"},
    "content": {"type": "array", "description": "The blocks of the answer as MCP has them"},
    "is_error": {"const": false}
  },
  "required": ["response", "result", "content", "is_error"]
}`

// Spec describes mcp/v1. Its open methods are for the servers that are named, and for those of workflows.
func Spec(servers ...string) protocol.Spec {
	spec := protocol.Spec{Name: "mcp/v1", Summary: "Tools of MCP servers; four are built in", Servers: servers}
	for _, b := range builtins() {
		spec.Methods = append(spec.Methods, protocol.Method{
			Name:            method(b.name),
			Summary:         b.summary,
			Parameters:      json.RawMessage(b.parameters),
			Result:          json.RawMessage(b.result),
			Timeout:         timeout,
			EnforcesTimeout: true,
		})
	}
	for _, verb := range verbs {
		about := listings[verb]
		one := protocol.Method{
			Name: family + "SERVER." + verb, Summary: about.summary + " of an MCP server",
			Parameters: json.RawMessage(about.parameters), Result: json.RawMessage(about.result), EnforcesTimeout: true,
			NoCache: about.join != nil, // It tells what is there now.
		}
		all := one
		all.Name, all.Summary, all.Servers, all.Timeout = family+verb, about.summary+ofWhich(about), true, timeout
		spec.Methods = append(spec.Methods, all, one)
	}
	for _, open := range []protocol.Method{
		{Name: family + "SERVER." + toolPrefix + "NAME", Summary: "Call a tool of an MCP server"},
		{Name: method("NAME"), Summary: "Call a tool of the only MCP server that has it"},
	} {
		open.Parameters, open.Result, open.EnforcesTimeout = json.RawMessage(`{"type": "object"}`), json.RawMessage(anyResult), true
		open.IsServerTool = true
		spec.Methods = append(spec.Methods, open)
	}
	return spec
}

func ofWhich(about listing) string {
	if about.join == nil {
		return " of the only MCP server"
	}
	return " of all MCP servers"
}
