package rules

import (
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// toolServers: MCP servers of the workflow that cannot be reached as they are described.
func toolServers(c *Context) {
	for _, server := range c.Flow.ToolServers {
		if problem := protocol.ServerNameProblem(server.Name); problem != "" {
			c.report(server.At, problem, "")
		}
		c.checkTimeout(server.Timeout)
		described := c.toolServer(server)
		for _, problem := range described.Problems() {
			c.report(placeOf(server, problem.Key), problem.Message, "")
		}
	}
}

// placeOf is where a key of a server stands; the server's name, where it does not.
func placeOf(server *definition.ToolServer, key string) definition.Position {
	key, name, _ := strings.Cut(key, ".")
	nodes := map[string]*definition.Node{
		"command": server.Command, "args": server.ArgsNode, "env": server.Env, "cwd": server.Cwd, "url": server.URL, "headers": server.Headers,
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

// serverNames are what methods can call the servers of the workflow.
func (c *Context) serverNames() []string {
	var names []string
	for _, server := range c.Flow.ToolServers {
		names = append(names, server.Name)
	}
	return names
}

// toolServer is a server as plans have it.
func (c *Context) toolServer(from *definition.ToolServer) protocol.ToolServer {
	server := protocol.ToolServer{
		Name: from.Name, Command: textOf(from.Command), Cwd: textOf(from.Cwd), URL: textOf(from.URL),
		Env: settingsOf(from.Env), Headers: settingsOf(from.Headers),
	}
	for _, argument := range from.Args {
		server.Args = append(server.Args, argument.Written)
	}
	if server.Cwd != "" && !path.IsAbs(server.Cwd) {
		server.Cwd = path.Join(c.FlowFolder, server.Cwd)
	}
	if strings.Contains(server.Command, "/") && !path.IsAbs(server.Command) {
		server.Command = path.Join(c.FlowFolder, server.Command)
	}
	if from.Timeout != nil {
		server.Timeout, _ = definition.Duration(from.Timeout)
	}
	if from.MaxConcurrent != nil {
		server.MaxConcurrent, _ = definition.Count(from.MaxConcurrent)
	}
	return server
}

// ToolServers are those of the workflow as plans have them.
func (c *Context) ToolServers() []protocol.ToolServer {
	var all []protocol.ToolServer
	for _, server := range c.Flow.ToolServers {
		all = append(all, c.toolServer(server))
	}
	return all
}

// ServersOf names the servers of the workflow that a task may need: the one that its method names, else all, where the
// method is about servers or the task names tools.
func (c *Context) ServersOf(task *Task) []string {
	spec := task.method.spec
	if len(c.Flow.ToolServers) == 0 {
		return nil
	}
	if of := task.method.ToolsParameter; of != "" && task.Parameters.Get(of) != nil {
		return c.serverNames()
	}
	if !spec.MayNeedServer(task.Method.Name) {
		return nil
	}
	named := spec.ServerOf(task.Method.Name)
	if named == "" {
		return c.serverNames()
	}
	for _, name := range c.serverNames() {
		if name == named {
			return []string{name}
		}
	}
	return nil
}

func textOf(n *definition.Node) string {
	if n == nil {
		return ""
	}
	return n.Written
}

func settingsOf(n *definition.Node) []protocol.Setting {
	if n == nil {
		return nil
	}
	var all []protocol.Setting
	for _, field := range n.Fields {
		if field.Value.Kind == value.KindString || field.Value.Kind == value.KindNumber {
			all = append(all, protocol.Setting{Name: field.Name, Value: field.Value.Written})
		}
	}
	return all
}
