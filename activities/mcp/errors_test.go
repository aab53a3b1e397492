package mcp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// TestTheTableOfErrors: whatever goes wrong has the error and the kind that docs/mcp.md says.
func TestTheTableOfErrors(t *testing.T) {
	page, err := os.ReadFile("../../docs/mcp.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Errors\n")
	table := map[string]string{}
	for line := range strings.Lines(section) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 3 && strings.Contains(cells[1], "`") {
			table[strings.TrimPrefix(cells[0], "| ")] = strings.Trim(cells[1], "`") + " " + strings.TrimSuffix(cells[2], " |")
		}
	}
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(busy.Close)
	small := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) }))
	t.Cleanup(small.Close)
	notes := t.TempDir()
	silent := described(t, "silent", notes, "-silent")
	silent.Timeout = 1
	b := withServer(t, notes, described(t, "test", notes), silent, described(t, "broken", notes, "-broken"),
		protocol.ToolServer{Name: "missing", Command: "no-such-program"}, protocol.ToolServer{Name: "busy", URL: busy.URL + "/mcp"},
		protocol.ToolServer{Name: "small", URL: small.URL + "/mcp"})
	twice := t.TempDir()
	doubled := withServer(t, twice, described(t, "one", twice, "-only", "exact"), described(t, "two", twice, "-only", "exact"))
	own := request(t, "mcp/own.tool.x", `{}`)
	own.Servers = []protocol.ToolServer{{Name: "own", Command: "cat"}}
	late := request(t, "mcp/test.tool.wait", `{}`)
	late.Timeout = 200 * time.Millisecond
	slow := request(t, "mcp/silent.tool.x", `{}`)
	slow.Timeout = time.Minute
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	locked := serveHTTP(t, "key").with("/mcp")
	for _, test := range []struct {
		row string
		by  *bench
		ctx context.Context
		r   protocol.Request
	}{
		{"the tool reports a failure, for example access denied to a path", b, nil, request(t, "mcp/test.tool.fail", `{}`)},
		{"the server has no such tool, or does not support the method", b, nil, request(t, "mcp/test.tool.fly", `{}`)},
		{"the arguments do not match the tool's schema, or the server rejects them", b, nil, request(t, "mcp/test.tool.strict", `{}`)},
		{"several servers have the tool, and the method names none", doubled, nil, request(t, "mcp/tool.exact", `{}`)},
		{"unknown server", b, nil, request(t, "mcp/none.tool.x", `{}`)},
		{"the worker does not allow the workflow's server", b, nil, own},
		{"the program or its folder does not exist, or a secret is not set", b, nil, request(t, "mcp/missing.tool.x", `{}`)},
		{"the address requires authentication (401, 403) or redirects to another one", locked, nil, request(t, "mcp/test.tool.x", `{}`)},
		{"the program exits while it starts, or the address does not answer", b, nil, request(t, "mcp/broken.tool.x", `{}`)},
		{"the server does not answer at its start within its `timeout`", b, nil, slow},
		{"the address is overloaded (429, 503)", b, nil, request(t, "mcp/busy.tool.x", `{}`)},
		{"the arguments are too large for the address (413)", b, nil, request(t, "mcp/small.tool.x", `{}`)},
		{"the response cannot be read: it does not follow MCP, or is larger than 96 MiB", withLegacy(t), nil, sends(t, `{"jsonrpc":"2.0","id":$ID,"result":5}`)},
		{"the connection is lost during a call of a tool marked as idempotent or read-only, twice in a row", b, nil, request(t, "mcp/test.tool.die_always", `{}`)},
		{"the connection is lost during a call of any other tool", b, nil, request(t, "mcp/test.tool.die_plain", `{}`)},
		{"no answer within the timeout of the call, or of the task while the server starts", b, nil, late},
		{"the task is cancelled", b, cancelled, request(t, "mcp/test.tool.strict", `{"n": 1}`)},
	} {
		ctx := test.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		_, err := test.by.handler.Handle(ctx, test.r, nil)
		if err == nil {
			t.Errorf("%s: no error", test.row)
			continue
		}
		failure := protocol.AsError(err, 0)
		if got := failure.Name + " " + string(failure.Kind); got != table[test.row] {
			t.Errorf("%s\ngot %s: %v\nthe page has %s", test.row, got, failure, table[test.row])
		}
		delete(table, test.row)
	}
	for row := range table {
		t.Errorf("nothing tries: %s", row)
	}
}
