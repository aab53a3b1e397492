package config

import (
	"reflect"
	"slices"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestToolServers(t *testing.T) {
	s, lines, home := load(t, nil, `mcp:
  allow_workflow_servers: [npx -y server *, "https://tools.example.com/*"]
  servers:
    files: {command: npx, args: [-y, server, 5], env: {TOKEN: "${secrets.TOKEN}", KEY: swordfish}, cwd: data, timeout: 90s, max_concurrent: 2}
    here: {command: ./server, timeout: 1.5, timeout_on_progress: reset}
    far: {url: "https://tools.example.com/mcp?key=swordfish", headers: {Authorization: "Bearer ${secrets.TOKEN}"}}
`)
	if len(lines) > 0 {
		t.Fatal(lines)
	}
	want := []protocol.ToolServer{
		{Name: "files", Command: "npx", Args: []string{"-y", "server", "5"}, Cwd: home + "/data", Timeout: 90, MaxConcurrent: 2,
			Env: []protocol.Setting{{Name: "TOKEN", Value: "${secrets.TOKEN}"}, {Name: "KEY", Value: "swordfish"}}},
		{Name: "here", Command: home + "/server", Timeout: 1.5, TimeoutOnProgress: protocol.ResetTimeout},
		{Name: "far", URL: "https://tools.example.com/mcp?key=swordfish", Headers: []protocol.Setting{{Name: "Authorization", Value: "Bearer ${secrets.TOKEN}"}}},
	}
	if !reflect.DeepEqual(s.MCP.Servers, want) {
		t.Errorf("got %+v\nwant %+v", s.MCP.Servers, want)
	}
	if s.MCP.AllowWorkflowServers || !slices.Equal(s.MCP.AllowedWorkflowServers, []string{"npx -y server *", "https://tools.example.com/*"}) {
		t.Errorf("%+v", s.MCP)
	}
	for name, want := range map[string][2]string{
		"mcp.servers.files":          {`{"command":"npx","args":["-y","server","5"],"env":{"TOKEN":"${secrets.TOKEN}","KEY":"xxxxx"},"cwd":"HOME/data","timeout":90,"max_concurrent":2}`, "FILE:4"},
		"mcp.servers.here":           {`{"command":"HOME/server","timeout":1.5,"timeout_on_progress":"reset"}`, "FILE:5"},
		"mcp.servers.far":            {`{"url":"https://…","headers":{"Authorization":"Bearer ${secrets.TOKEN}"}}`, "FILE:6"},
		"mcp.allow_workflow_servers": {`["npx -y server *","https://tools.example.com/*"]`, "FILE:2"},
	} {
		if value, origin := from(t, s, name, home); value != want[0] || origin != want[1] {
			t.Errorf("%s is %s from %s", name, value, origin)
		}
	}
}

func TestWorkflowServers(t *testing.T) {
	for _, test := range []struct {
		variable, file string
		want           bool
	}{{"", "", false}, {"true", "", true}, {"", "true", true}, {"false", "true", false}, {"", "False", false}} {
		file := ""
		if test.file != "" {
			file = "mcp: {allow_workflow_servers: " + test.file + "}"
		}
		s, lines, _ := load(t, environment{allowVariable: test.variable}, file)
		if len(lines) > 0 || s.MCP.AllowWorkflowServers != test.want || s.MCP.AllowedWorkflowServers != nil {
			t.Errorf("%+v: %v %v", test, s.MCP, lines)
		}
	}
	if _, lines, _ := load(t, environment{allowVariable: "npx"}, ""); len(lines) != 1 {
		t.Error(lines)
	}
}

func TestMistakesInToolServers(t *testing.T) {
	for file, want := range map[string]string{
		"servers: [x]":                                        "FILE:1:16: mcp.servers must be a mapping of names to servers, not a list",
		"servers: {tool: {command: x}}":                       `FILE:1:17: "tool" is reserved and cannot be the name of a server`,
		"servers: {a: npx}":                                   `FILE:1:20: mcp.servers.a must be a mapping, not "npx"`,
		"servers: {a: {}}":                                    "FILE:1:17: mcp.servers.a: an MCP server must have a command or a url",
		"servers: {a: {command: x, comand: y}}":               `FILE:1:33: unknown key "mcp.servers.a.comand"; did you mean "command"?`,
		"servers: {a: {command: x, args: y}}":                 `FILE:1:39: mcp.servers.a.args must be a list of strings, not "y"`,
		"servers: {a: {command: x, timeout: 0}}":              "FILE:1:42: mcp.servers.a.timeout must be a number of seconds or a duration such as 90s, not 0",
		"servers: {a: {url: x}}":                              "FILE:1:26: mcp.servers.a: invalid URL of an MCP server; expected one like https://tools.example.com/mcp",
		"servers: {a: {command: x, env: {T: \"${run.id}\"}}}": "FILE:1:38: mcp.servers.a: only ${secrets.NAME} and ${env.NAME} are supported here; write $${ for a literal ${",
		"allow_workflow_servers: npx":                         `FILE:1:31: mcp.allow_workflow_servers must be true, false, or a list of commands and addresses, not "npx"`,
	} {
		if _, lines, _ := load(t, nil, "mcp: {"+file+"}"); len(lines) != 1 || lines[0] != want {
			t.Errorf("%s\ngot  %q\nwant %q", file, lines, want)
		}
	}
}
