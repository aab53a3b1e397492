package mcp_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

func TestAServerThatDoesNotStart(t *testing.T) {
	t.Run("it ends", func(t *testing.T) {
		b := withTest(t, "-broken")
		got := b.fails(request(t, "mcp/test.tool.strict", `{"n": 1}`))
		wantError(t, got, protocol.ProviderNotAvailable, protocol.Transient, `the MCP server "test" did not start`, "exit status 3", "line 19\n",
			"the database is locked; the password was [secrets.PASSWORD]")
		if strings.Contains(got.Error(), "line 2\n") || strings.Contains(b.log.String(), "swordfish") || !strings.Contains(b.log.String(), "line 2") {
			t.Errorf("%v\n%s", got, b.log.String())
		}
	})
	t.Run("it is silent", func(t *testing.T) {
		notes := t.TempDir()
		server := described(t, "test", notes, "-silent")
		server.Timeout = 1
		b := withServer(t, notes, server)
		patient := request(t, "mcp/test.tool.strict", `{"n": 1}`)
		patient.Timeout = time.Minute
		wantError(t, b.fails(patient), protocol.ProviderTimeout, protocol.Transient, `the MCP server "test" did not answer at its start within 1s, the timeout of the server`)
		for _, method := range []string{"mcp/test.tool.strict", "mcp/tool.strict"} {
			wantError(t, b.fails(request(t, method, `{"n": 1}`)), protocol.ProviderTimeout, protocol.Transient,
				`the MCP server "test" did not answer at its start within 1s, the timeout of the server`, "increase `timeout` of the server")
		}
		wantError(t, b.fails(request(t, "mcp/test.tools/list", `{}`)), protocol.ProviderTimeout, protocol.Transient, "did not answer at its start within 1s")
	})
	t.Run("it is silent and the task has a timeout", func(t *testing.T) {
		b := withServer(t, t.TempDir(), protocol.ToolServer{Name: "test", Command: "sh", Args: []string{"-c", "echo downloading >&2; exec sleep 100"}})
		hasty := request(t, "mcp/test.tool.strict", `{"n": 1}`)
		hasty.Timeout = 500 * time.Millisecond
		wantError(t, b.fails(hasty), protocol.TaskTimeout, protocol.TaskFault,
			`the MCP server "test" did not answer at its start within 500ms, the timeout of the task`, "downloading", "increase `timeout` of the task")
	})
	for name, test := range map[string]struct {
		server protocol.ToolServer
		want   string
	}{
		"no program": {protocol.ToolServer{Command: "no-such-program"}, `program "no-such-program" not found`},
		"a command line": {protocol.ToolServer{Command: "npx -y @modelcontextprotocol/server-memory"},
			"put its arguments in `args`, as in command: npx, args: [\"-y\", \"@modelcontextprotocol/server-memory\"]"},
		"no folder": {protocol.ToolServer{Command: "cat", Cwd: "/no/such/folder"}, `"/no/such/folder"`},
		"no secret": {protocol.ToolServer{Command: "cat", Env: []protocol.Setting{{Name: "TOKEN", Value: "${secrets.TOKEN}"}}}, "${secrets.TOKEN} is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			test.server.Name = "test"
			b := withServer(t, t.TempDir(), test.server)
			wantError(t, b.fails(request(t, "mcp/test.tools/list", `{}`)), protocol.ConfigurationError, protocol.Permanent, test.want)
		})
	}
	if _, err := mcp.New(mcp.Options{Servers: []protocol.ToolServer{{Name: "tool", Command: "x"}}}); err == nil {
		t.Error("a server may be called tool")
	}
}

// TestTheEnvironmentOfAServer: it gets what it is given, and of the worker's own what programs need.
func TestTheEnvironmentOfAServer(t *testing.T) {
	notes := t.TempDir()
	server := described(t, "test", notes)
	server.Cwd = notes
	if err := os.WriteFile(filepath.Join(notes, "MOUNTED"), []byte("lanternfish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server.Env = append(server.Env, protocol.Setting{Name: "FILE", Value: "${secrets.MOUNTED}"},
		protocol.Setting{Name: "HOME", Value: "/home"}, protocol.Setting{Name: "SECRET", Value: "<${secrets.PASSWORD}>"},
		protocol.Setting{Name: "LITERAL", Value: "$${secrets.PASSWORD}"}, protocol.Setting{Name: "OTHER", Value: "${env.KEY}"})
	b := withServer(t, notes, server)
	got := strings.Split(response(b.call("mcp/test.tool.environment", `{}`)), "\n")
	real, err := filepath.EvalSymlinks(notes)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"PATH=" + os.Getenv("PATH"), "NOTES=" + notes, "HOME=/home", "SECRET=<[secrets.PASSWORD]>", "LITERAL=${secrets.PASSWORD}", "OTHER=[env.KEY]", "FILE=[secrets.MOUNTED]",
		"FOLDER=" + real,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSecretsStayInside(t *testing.T) {
	b := withTest(t)
	wantError(t, b.fails(request(t, "mcp/test.tool.fail", `{}`)), protocol.TaskExecutionFailed, protocol.TaskFault, "the tool fail failed: no: [secrets.PASSWORD]")
}

// A server that logs what it is called with must not put the secret of one task into the error of another, wherever its
// lines are cut.
func TestSecretOfAnotherTaskInTheOutput(t *testing.T) {
	for _, before := range []int{0, 250, 260, 270, 280, 290, 300, 4060, 4070, 4080} {
		b := withTest(t)
		const secret = "hunter2<S3cret>value"
		first := request(t, "mcp/test.tool.log", `{"a":"`+strings.Repeat("x", before)+secret+`"}`)
		first.Secrets = &redaction.Set{}
		first.Secrets.Add("[secrets.X]", secret)
		if _, err := b.handler.Handle(t.Context(), first, nil); err != nil {
			t.Fatal(err)
		}
		failed := b.fails(request(t, "mcp/test.tool.die_plain", `{}`))
		if !strings.Contains(failed.Message, "called with") {
			t.Errorf("the error does not show the last output: %s", failed.Message)
		}
		for _, part := range []string{"hunt", "S3cr", "alue"} {
			if strings.Contains(failed.Message, part) {
				t.Errorf("with %d before, %q is in %s", before, part, failed.Message)
			}
		}
	}
}
