package mcp

import (
	"encoding/json"
	"slices"
	"strings"
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

// The methods beside tools, without a server's name.
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

// target is what a method's name says.
type target struct {
	server string // "" where it names none.
	verb   string
	tool   string // With verbTool.
}

// parse takes the name of a method apart: "mcp/SERVER.tool.NAME", "mcp/tool.NAME", "mcp/SERVER.tools/list", "mcp/ping".
func parse(method string) (target, bool) {
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
