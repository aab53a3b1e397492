package definition

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// ToolServer is an MCP server as the file has it. Keys that are absent are nil.
type ToolServer struct {
	Name          string
	At            Position // Of the name.
	Command       *Node    // Text.
	ArgsNode      *Node
	Args          []*Node // Texts.
	Env           *Node   // A mapping.
	Cwd           *Node   // Text.
	URL           *Node   // Text.
	Headers       *Node   // A mapping.
	Timeout       *Node   // Text or a number.
	MaxConcurrent *Node   // A count.

	TimeoutOnProgress *Node // Text.

	flow *Workflow
}

// settings is a mapping of names to texts.
var settings = mapping.as("a mapping of names to texts", `{"type": "object", "additionalProperties": `+textSchema+`}`)

var toolServerKeys = keys[ToolServer]{
	{[]string{"command"}, text, func(s *ToolServer, n *Node) { s.Command = n },
		"Program to start; it speaks MCP on its standard input and output."},
	{[]string{"args"}, list.as("a list of texts", textsSchema), readArgs,
		"Arguments of the command."},
	{[]string{"env"}, settings, func(s *ToolServer, n *Node) { s.Env = n },
		"Environment variables of the command; ${secrets.NAME} and ${env.NAME} are supported."},
	{[]string{"cwd"}, text, func(s *ToolServer, n *Node) { s.Cwd = n },
		"Working folder of the command, relative to the workflow's; the default is the folder in which the run was started."},
	{[]string{"url"}, text, func(s *ToolServer, n *Node) { s.URL = n },
		"URL of a running server (streamable HTTP)."},
	{[]string{"headers"}, settings, func(s *ToolServer, n *Node) { s.Headers = n },
		"Headers of the requests to the url; ${secrets.NAME} and ${env.NAME} are supported."},
	{[]string{"timeout"}, period, func(s *ToolServer, n *Node) { s.Timeout = n },
		"Timeout of its start, and of calls whose task has no timeout; the default is 60 s."},
	{[]string{"timeout_on_progress"}, text.words([]string{protocol.KeepTimeout, protocol.ResetTimeout}), func(s *ToolServer, n *Node) { s.TimeoutOnProgress = n },
		"What the progress that a tool reports does to the timeout of its call, if the task has none; the default is keep."},
	{[]string{"max_concurrent"}, parallel, func(s *ToolServer, n *Node) { s.MaxConcurrent = n },
		"Maximum number of calls in flight; the default is 16."},
}

func readArgs(s *ToolServer, n *Node) {
	s.ArgsNode = n
	s.flow.each("args", n, text, func(element *Node) { s.Args = append(s.Args, element) })
}

func readToolServers(w *Workflow, n *Node) {
	for _, field := range n.Fields {
		server := &ToolServer{Name: field.Name, At: field.At, flow: w}
		switch {
		case mapping.fits(field.Value):
			read(w, field.Value, server, "an MCP server", toolServerKeys)
			w.fieldTexts("env", server.Env)
			w.fieldTexts("headers", server.Headers)
		case field.Value.Kind == value.KindNull:
		default:
			w.addWrongType("mcp_servers."+field.Name, mapping, field.Value)
			continue
		}
		w.ToolServers = append(w.ToolServers, server)
	}
}
