package mcp

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestAllow(t *testing.T) {
	command := func(command string, args ...string) protocol.ToolServer {
		return protocol.ToolServer{Command: command, Args: args}
	}
	at := func(url string) protocol.ToolServer { return protocol.ToolServer{URL: url} }
	for _, test := range []struct {
		one    string
		server protocol.ToolServer
		want   bool
	}{
		{"npx", command("npx"), true},
		{"npx", command("npx", "evil"), false},
		{"npx", command("/tmp/npx"), false},
		{"npx -y server /srv", command("npx", "-y", "server", "/srv"), true},
		{"npx -y server /srv", command("npx", "-y", "server", "/"), false},
		{"npx -y server /srv", command("npx", "-y", "server /srv"), false},
		{"npx -y server", command("npx", "-y", "server", "/srv"), false},
		{"npx -y server *", command("npx", "-y", "server", "/srv", "/etc"), true},
		{"npx -y server *", command("npx", "-y", "server"), true},
		{"npx -y server *", command("npx", "-y", "serverevil"), false},
		{"npx -y server *", command("npx", "-y"), false},
		{"*", command("sh"), false},
		{"*", command("*"), true},
		{"https://a.example/mcp", at("https://a.example/mcp"), true},
		{"https://a.example/mcp", at("https://a.example/mcp/x"), false},
		{"https://a.example/*", at("https://a.example/mcp/x"), true},
		{"https://a.example/mcp/*", at("https://a.example/mcp/../admin"), false},
		{"https://a.example/mcp/*", at("https://a.example/mcp/%2E./admin"), false},
		{"https://a.example*", at("https://a.example.evil.net/mcp"), false},
		{"https://*", at("https://evil.net/mcp"), false},
		{"https://a.example/*", command("https://a.example/x"), false},
	} {
		test.server.Name = "x"
		if got := (Allow{Patterns: []string{test.one}}).Check(test.server) == nil; got != test.want {
			t.Errorf("%q allows %v: %v", test.one, test.server, got)
		}
	}
	for _, server := range []protocol.ToolServer{
		{Name: "x", Command: "npx", Env: []protocol.Setting{{Name: "NODE_OPTIONS", Value: "--require=evil"}}}, {Name: "x", Command: "npx", Cwd: "/tmp"},
	} {
		if (Allow{Patterns: []string{"npx"}}).Check(server) == nil {
			t.Errorf("%v is allowed", server)
		}
		if err := (Allow{All: true}).Check(server); err != nil {
			t.Error(err)
		}
	}
}
