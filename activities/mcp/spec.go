package mcp

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// timeout is the timeout of a call of a built-in tool if the task has none.
const timeout = 60 * time.Second

// method returns the method that calls a tool without naming its server.
func method(tool string) string { return family + toolPrefix + tool }

// anyResult is the schema of the result of any tool of a server.
const anyResult = `{
  "type": "object",
  "properties": {
    "response": {"type": "string", "description": "The text of the response"},
    "result": {"description": "The structured content, if there is any; else the text parsed as JSON, if it is a list or an object; else the text"},
    "content": {"type": "array", "description": "The content blocks of the response, as in MCP"},
    "is_error": {"const": false}
  },
  "required": ["response", "result", "content", "is_error"]
}`

// Spec describes mcp/v1. Its method patterns apply to the given servers and to those of workflows.
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
		about := serverMethods[verb]
		one := protocol.Method{
			Name: family + "SERVER." + verb, Summary: about.summary + " of an MCP server",
			Parameters: json.RawMessage(about.parameters), Result: json.RawMessage(about.result), EnforcesTimeout: true,
			NoCache: about.join != nil, // The answer can change at any time.
		}
		all, of := one, " of all MCP servers"
		if about.join == nil {
			of = " of the only MCP server"
		}
		all.Name, all.Summary, all.Servers, all.Timeout = family+verb, about.summary+of, true, timeout
		spec.Methods = append(spec.Methods, all, one)
	}
	for _, pattern := range []protocol.Method{
		{Name: family + "SERVER." + toolPrefix + "NAME", Summary: "Call a tool of an MCP server"},
		{Name: method("NAME"), Summary: "Call a tool of the only MCP server that has it"},
	} {
		pattern.Parameters, pattern.Result, pattern.EnforcesTimeout = json.RawMessage(`{"type": "object"}`), json.RawMessage(anyResult), true
		pattern.IsServerTool = true
		spec.Methods = append(spec.Methods, pattern)
	}
	return spec
}

// The parts of method names after the server's name.
const (
	verbTool         = "tool"
	verbTools        = "tools/list"
	verbInfo         = "server_info"
	verbPing         = "ping"
	verbResources    = "resources/list"
	verbReadResource = "resources/read"
	verbPrompts      = "prompts/list"
	verbPrompt       = "prompts/get"
	family           = "mcp/"
	toolPrefix       = verbTool + "."
)

var verbs = []string{verbTools, verbInfo, verbPing, verbResources, verbReadResource, verbPrompts, verbPrompt}

// target is the parsed name of a method.
type target struct {
	server string // "" if the method names none.
	verb   string
	tool   string // Only with verbTool.
}

// parseMethod parses the name of a method: "mcp/SERVER.tool.NAME", "mcp/tool.NAME", "mcp/SERVER.tools/list", "mcp/ping".
func parseMethod(method string) (target, bool) {
	rest, is := strings.CutPrefix(method, family)
	if !is {
		return target{}, false
	}
	if t, is := parseVerb(rest); is {
		return t, true
	}
	server, rest, named := strings.Cut(rest, ".")
	t, is := parseVerb(rest)
	t.server = server
	return t, named && is && server != ""
}

func parseVerb(text string) (target, bool) {
	if slices.Contains(verbs, text) {
		return target{verb: text}, true
	}
	tool, is := strings.CutPrefix(text, toolPrefix)
	return target{verb: verbTool, tool: tool}, is && tool != ""
}
