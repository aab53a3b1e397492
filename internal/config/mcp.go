package config

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// MCP is the MCP servers that tasks can use.
type MCP struct {
	Servers []protocol.ToolServer // In the file's order. Paths in them are absolute.

	// Whether servers that workflows define are allowed: all of them, or these command lines and addresses.
	AllowWorkflowServers   bool
	AllowedWorkflowServers []string
}

// allowVariable is the variable that allows all servers of workflows.
const allowVariable = "GLEITZEIT_MCP_ALLOW_WORKFLOW_SERVERS"

// readMCP reads the MCP servers that tasks can use.
func readMCP(l *loader) MCP {
	m := MCP{}
	allowed, from := value.Bool(false), fromDefault
	given := l.fromVariable(allowVariable)
	if !given.isSet() {
		given = l.fromFile("mcp.allow_workflow_servers")
	}
	if given.isSet() {
		from = given.from
		switch {
		case len(given.texts) == 1 && strings.EqualFold(given.text(), "true"):
			m.AllowWorkflowServers = true
			allowed = value.Bool(true)
		case len(given.texts) == 1 && strings.EqualFold(given.text(), "false"):
		case given.from == allowVariable:
			l.fail(given.at, "invalid value %q: it must be true or false; a list goes into config.yaml", given.text())
		default:
			m.AllowedWorkflowServers = given.texts
			var shown []value.Value
			for _, one := range given.texts {
				shown = append(shown, value.String(one))
			}
			allowed = value.List(shown...)
		}
	}
	l.entry("mcp.allow_workflow_servers", allowed, from)
	for _, server := range l.file.servers {
		m.Servers = append(m.Servers, server.ToolServer)
		l.entry("mcp.servers."+server.Name, shownServer(server.ToolServer), server.from)
	}
	return m
}

// shownServer is a server for display: values of env and headers are hidden unless they are references.
func shownServer(s protocol.ToolServer) value.Value {
	s.URL = shownURL(s.URL)
	for _, settings := range []*[]protocol.Setting{&s.Env, &s.Headers} {
		*settings = slices.Clone(*settings)
		for i := range *settings {
			if setting := &(*settings)[i]; !strings.Contains(setting.Value, "${") {
				setting.Value = "xxxxx"
			}
		}
	}
	shown, err := value.Encode(s)
	if err != nil {
		return value.String(s.Name)
	}
	fields := slices.DeleteFunc(slices.Clone(shown.Fields()), func(f value.Field) bool { return f.Name == "name" })
	for i, f := range fields {
		if f.Name != "env" && f.Name != "headers" {
			continue
		}
		var settings []value.Field
		for _, setting := range f.Value.Elements() {
			name, _ := setting.Get("name")
			val, _ := setting.Get("value")
			settings = append(settings, value.Field{Name: name.Text(), Value: val})
		}
		fields[i].Value = value.Object(settings...)
	}
	return value.Object(fields...)
}
