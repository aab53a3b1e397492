package mcp_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestServersOfWorkflows(t *testing.T) {
	notes := t.TempDir()
	real, err := filepath.EvalSymlinks(notes)
	if err != nil {
		t.Fatal(err)
	}
	server := described(t, "own", notes)
	r := request(t, "mcp/own.tool.environment", `{}`)
	r.Servers, r.Folder = []protocol.ToolServer{server}, notes
	wantRefused := func(allow mcp.Allow, r protocol.Request, texts ...string) {
		t.Helper()
		handler, err := mcp.New(mcp.Options{Allow: allow})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{t: t, notes: notes, handler: handler}
		wantError(t, b.fails(r), protocol.ConfigurationError, protocol.Permanent, texts...)
		if started := b.noted("started"); len(started) != 0 {
			t.Error("it was started even so")
		}
		if err := handler.Close(); err != nil {
			t.Error(err)
		}
	}
	wantRefused(mcp.Allow{}, r, `the MCP server "own" of the workflow starts `, "which the settings do not allow", "gleitzeit config set mcp.allow_workflow_servers true")
	any := r
	any.Method = "mcp/tool.environment"
	wantRefused(mcp.Allow{}, any, "do not allow")
	wantRefused(mcp.Allow{Patterns: []string{"npx"}}, r, "mcp.allow_workflow_servers true")
	plain := r
	plain.Servers = []protocol.ToolServer{{Name: "own", Command: "npx", Args: []string{"-y", "server"}}}
	wantRefused(mcp.Allow{Patterns: []string{"npx"}}, plain, `starts "npx"`, "gleitzeit config set mcp.allow_workflow_servers '[\"npx\",\"npx -y server\"]'")
	wantRefused(mcp.Allow{Patterns: []string{server.Command}}, r, `the workflow sets env or cwd for the MCP server "own"`)

	handler, err := mcp.New(mcp.Options{Allow: mcp.Allow{All: true}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, notes: notes, handler: handler}
	for _, method := range []string{"mcp/own.tool.environment", "mcp/tool.environment"} {
		r.Method = method
		result, err := handler.Handle(t.Context(), r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := response(result.Value); !slices.Contains(strings.Split(got, "\n"), "FOLDER="+real) {
			t.Errorf("%s does not run in the folder of the run", got)
		}
	}
	if started := b.noted("started"); len(started) != 1 {
		t.Errorf("%d processes were started", len(started))
	}
	if err := handler.Close(); err != nil {
		t.Error(err)
	}
	b.wantNoProcesses()

	// The worker's own server of the name counts more.
	other := t.TempDir()
	b = withServer(t, other, described(t, "own", other))
	if got := response(b.call("mcp/own.tool.environment", `{}`)); !slices.Contains(strings.Split(got, "\n"), "NOTES="+other) {
		t.Error(got)
	}
}
