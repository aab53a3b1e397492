package config

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// MCP is which MCP servers tasks can use.
type MCP struct {
	Servers []protocol.ToolServer // In the file's order. Paths in them are absolute.

	// Whether servers that workflows bring are allowed: all of them, or these command lines and addresses.
	AllowWorkflowServers   bool
	AllowedWorkflowServers []string
}

// allowVariable says whether all servers of workflows are allowed.
const allowVariable = "GLEITZEIT_MCP_ALLOW_WORKFLOW_SERVERS"

// mcp is which MCP servers tasks can use.
func (l *loader) mcp() MCP {
	m := MCP{}
	allowed, from := value.Bool(false), fromDefault
	given := l.ofVariable(allowVariable)
	if !given.is() {
		given = l.ofFile("mcp.allow_workflow_servers")
	}
	if given.is() {
		from = given.from
		switch {
		case len(given.texts) == 1 && strings.EqualFold(given.text(), "true"):
			m.AllowWorkflowServers = true
			allowed = value.Bool(true)
		case len(given.texts) == 1 && strings.EqualFold(given.text(), "false"):
		case given.from == allowVariable:
			l.mistake(given.at, "invalid value %q: it must be true or false; a list goes into config.yaml", given.text())
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
	for _, server := range l.servers {
		m.Servers = append(m.Servers, server.ToolServer)
		l.entry("mcp.servers."+server.Name, shownServer(server.ToolServer), server.from)
	}
	return m
}

// shownServer is a server as it is shown: what is written into env and headers is not, but for references.
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
