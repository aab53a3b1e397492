package rules

import (
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
