package resolve

import (
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// ToolServer is a server as plans have it.
func (w *Workflow) ToolServer(from *definition.ToolServer) protocol.ToolServer {
	server := protocol.ToolServer{
		Name: from.Name, Command: textOf(from.Command), Cwd: textOf(from.Cwd), URL: textOf(from.URL),
		Env: settingsOf(from.Env), Headers: settingsOf(from.Headers),
	}
	for _, argument := range from.Args {
		server.Args = append(server.Args, argument.Written)
	}
	if server.Cwd != "" && !path.IsAbs(server.Cwd) {
		server.Cwd = path.Join(w.FlowFolder, server.Cwd)
	}
	if strings.Contains(server.Command, "/") && !path.IsAbs(server.Command) {
		server.Command = path.Join(w.FlowFolder, server.Command)
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
func (w *Workflow) ToolServers() []protocol.ToolServer {
	var all []protocol.ToolServer
	for _, server := range w.Definition.ToolServers {
		all = append(all, w.ToolServer(server))
	}
	return all
}

// ServersOf names the servers of the workflow that a task may need: the one that its method names, else all, where the
// method is about servers or the task names tools.
func (w *Workflow) ServersOf(task *Task) []string {
	spec := task.Method.Spec
	if len(w.Definition.ToolServers) == 0 {
		return nil
	}
	if of := task.Method.ToolsParameter; of != "" && task.Parameters.Get(of) != nil {
		return w.Catalog.servers
	}
	if !spec.MayNeedServer(task.Method.Name) {
		return nil
	}
	named := spec.ServerOf(task.Method.Name)
	if named == "" {
		return w.Catalog.servers
	}
	for _, name := range w.Catalog.servers {
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
