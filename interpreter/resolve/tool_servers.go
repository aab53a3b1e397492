package resolve

import (
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// ReadToolServer returns a server as plans have it. Relative paths in it are relative to the folder.
func ReadToolServer(from *definition.ToolServer, folder string) protocol.ToolServer {
	server := protocol.ToolServer{
		Name: from.Name, Command: textOf(from.Command), Cwd: textOf(from.Cwd), URL: textOf(from.URL),
		Env: settingsOf(from.Env), Headers: settingsOf(from.Headers), TimeoutOnProgress: textOf(from.TimeoutOnProgress),
	}
	for _, argument := range from.Args {
		server.Args = append(server.Args, argument.Written)
	}
	if server.Cwd != "" && !path.IsAbs(server.Cwd) {
		server.Cwd = path.Join(folder, server.Cwd)
	}
	if strings.Contains(server.Command, "/") && !path.IsAbs(server.Command) {
		server.Command = path.Join(folder, server.Command)
	}
	if from.Timeout != nil {
		server.Timeout, _ = definition.Duration(from.Timeout)
	}
	if from.MaxConcurrent != nil {
		server.MaxConcurrent, _ = definition.Count(from.MaxConcurrent)
	}
	return server
}

// ServersOf names the servers of the workflow that a task may need: the one that its method names, else all, where the
// method is about servers or the task names tools.
func (c *Catalog) ServersOf(task *Task) []string {
	spec := task.Method.Spec
	if len(c.servers) == 0 {
		return nil
	}
	if of := task.Method.ToolsParameter; of != "" && task.Parameters.Get(of) != nil {
		return c.servers
	}
	if !spec.MayNeedServer(task.Method.Name) {
		return nil
	}
	named := spec.ServerOf(task.Method.Name)
	if named == "" {
		return c.servers
	}
	for _, name := range c.servers {
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
