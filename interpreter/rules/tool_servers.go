package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// toolServers: MCP servers of the workflow that cannot be reached as they are described.
func toolServers(c *Context) {
	for _, server := range c.Definition.ToolServers {
		if problem := protocol.ServerNameProblem(server.Name); problem != "" {
			c.report(server.At, problem, "")
		}
		checkTimeout(c, server.Timeout)
		described := resolve.ReadToolServer(server, c.FlowFolder)
		for _, problem := range described.Problems() {
			c.report(placeOf(server, problem.Key), problem.Message, "")
		}
		if len(described.Problems()) == 0 {
			checkAllowed(c, server, described)
		}
	}
}

// checkAllowed: what the settings do not allow would fail when a task calls the server.
func checkAllowed(c *Context, server *definition.ToolServer, described protocol.ToolServer) {
	for _, spec := range c.Specs {
		if spec.AllowServer == nil || slices.Contains(spec.Servers, server.Name) { // That of the settings takes precedence.
			continue
		}
		if err := spec.AllowServer(described); err != nil {
			known := protocol.AsError(err, protocol.ConfigurationError)
			c.report(server.At, known.Message, known.Hint)
		}
	}
}

// placeOf is where a key of a server is, or else the server's name.
func placeOf(server *definition.ToolServer, key string) definition.Position {
	key, name, _ := strings.Cut(key, ".")
	nodes := map[string]*definition.Node{
		"command": server.Command, "args": server.ArgsNode, "env": server.Env, "cwd": server.Cwd, "url": server.URL, "headers": server.Headers,
		"timeout_on_progress": server.TimeoutOnProgress,
	}
	n := nodes[key]
	if n == nil {
		return server.At
	}
	if value := n.Get(name); value != nil {
		return value.Position
	}
	return n.Position
}
