package mcp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestStructuredContentIsExact: the digits are those that the server wrote, although no text block says them again.
func TestStructuredContentIsExact(t *testing.T) {
	const want = `{"big":1152921504606846977,"small":0.10,"<&>":"` + "\u2028" + `","nested":[9007199254740993]}`
	for name, b := range map[string]*bench{"stdio": withTest(t), "HTTP": overHTTP(t)} {
		result, _ := b.call("mcp/test.tool.exact", `{}`).Get("result")
		wanted, err := value.Parse([]byte(want))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(result.JSON()); got != string(wanted.JSON()) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestArgumentsAreCheckedFirst(t *testing.T) {
	b := withTest(t)
	for parameters, want := range map[string]string{
		`{"n": "1"}`:         "mcp/test.tool.strict: parameters.n: got string, want integer",
		`{}`:                 "mcp/test.tool.strict: parameters: missing property 'n'",
		`{"n": 1, "m": 2}`:   "mcp/test.tool.strict: parameters: additional properties 'm' not allowed",
		`{"n": 1.5, "m": 2}`: "mcp/test.tool.strict: parameters.n: got number, want integer; parameters: additional properties 'm' not allowed",
	} {
		got := b.fails(request(t, "mcp/test.tool.strict", parameters))
		wantError(t, got, protocol.InvalidParams, protocol.Permanent, want)
	}
	if calls := b.noted("calls"); len(calls) != 0 {
		t.Errorf("%d calls came through", len(calls))
	}
	if got := response(b.call("mcp/test.tool.strict", `{"n": 1152921504606846977}`)); got != `{"n":1152921504606846977}` {
		t.Error(got)
	}
}

// TestWhichServer: a name without a server means the built-in tool, else the only server that has it.
func TestWhichServer(t *testing.T) {
	notes := t.TempDir()
	b := withServer(t, notes, described(t, "one", notes, "-only", "strict"), described(t, "two", notes, "-only", "exact"), described(t, "three", notes, "-only", "exact"))
	if got := response(b.call("mcp/tool.strict", `{"n": 5}`)); got != `{"n":5}` {
		t.Error(got)
	}
	wantError(t, b.fails(request(t, "mcp/tool.exact", `{}`)), protocol.InvalidParams, protocol.Permanent,
		`several MCP servers have a tool "exact": two, three`, "name one: mcp/two.tool.exact")
	wantError(t, b.fails(request(t, "mcp/tool.fly", `{}`)), protocol.MethodNotSupported, protocol.Permanent, `no MCP server has a tool "fly"`, "mcp/tools/list", "one, two, three")
	wantError(t, b.fails(request(t, "mcp/one.tool.exact", `{}`)), protocol.MethodNotSupported, protocol.Permanent, `the MCP server "one" has no tool "exact"`, "its tools: strict")
	wantError(t, b.fails(request(t, "mcp/four.tool.exact", `{}`)), protocol.ConfigurationError, protocol.Permanent, `unknown MCP server "four"`, "mcp.servers.four", "mcp_servers")
	wantError(t, b.fails(request(t, "mcp/resources/read", `{"uri": "x"}`)), protocol.InvalidParams, protocol.Permanent, "names no server", "one, two, three", "mcp/SERVER.resources/read")
	if got := response(b.call("mcp/builtin.tool.add", `{"a": 1, "b": 2}`)); got != "3" {
		t.Error(got)
	}
	for _, method := range []string{"mcp/", "mcp/tool.", "mcp/one.tool.", "mcp/one.tols/list", "mcp/.tool.x", "llm/chat"} {
		wantError(t, b.fails(request(t, method, `{}`)), protocol.MethodNotSupported, protocol.Permanent, fmt.Sprintf("unknown method %q", method))
	}
}

// TestServersThatAreDown: they are left out with a warning, if others answer.
func TestServersThatAreDown(t *testing.T) {
	notes := t.TempDir()
	silent := described(t, "silent", notes, "-silent")
	silent.Timeout = 1
	b := withServer(t, notes, described(t, "broken", notes, "-broken"), described(t, "one", notes, "-only", "strict"), silent,
		protocol.ToolServer{Name: "missing", Command: "no-such-program"}, protocol.ToolServer{Name: "dead", URL: "http://127.0.0.1:9/mcp"})
	b.call("mcp/one.tool.strict", `{"n": 1}`)
	for method, parameters := range map[string]string{
		"mcp/tool.strict": `{"n": 1}`, "mcp/tools/list": `{}`, "mcp/ping": `{}`, "mcp/resources/list": `{}`, "mcp/server_info": `{}`,
	} {
		result, err := b.handler.Handle(t.Context(), request(t, method, parameters), nil)
		if err != nil {
			t.Errorf("%s: %v", method, err)
			continue
		}
		for _, want := range []string{
			`left out the MCP server "broken": the MCP server "broken" did not start: its program exited (exit status 3)`, `left out the MCP server "silent": `,
			`left out the MCP server "missing": `, `left out the MCP server "dead": the MCP server "dead" at http://127.0.0.1:9/mcp cannot be reached`,
		} {
			if !strings.Contains(result.Warning, want) {
				t.Errorf("%s: the warning is %q, without %q", method, result.Warning, want)
			}
		}
		if shown, _ := result.Value.Get("warning"); shown.Text() != result.Warning || strings.Contains(result.Warning, `"one"`) || strings.Contains(result.Warning, "swordfish") {
			t.Errorf("%s: the warning is %q, that of the result %q", method, result.Warning, shown.Text())
		}
		if method == "mcp/ping" && response(result.Value) != "builtin: pong\none: pong" {
			t.Errorf("the answer is %q", response(result.Value))
		}
	}
	// A tool that nobody has may be one of theirs.
	wantError(t, b.fails(request(t, "mcp/tool.fly", `{}`)), protocol.ProviderNotAvailable, protocol.Transient,
		`the MCP server "broken" did not start`, "write mcp/SERVER.tool.fly to ask only one")

	others := t.TempDir()
	down := withServer(t, others, described(t, "broken", others, "-broken"))
	wantError(t, down.fails(request(t, "mcp/tools/list", `{}`)), protocol.ProviderNotAvailable, protocol.Transient, `the MCP server "broken" did not start`)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.handler.Handle(cancelled, request(t, "mcp/tools/list", `{}`), nil); protocol.AsError(err, 0).Code != protocol.TaskCancelled {
		t.Errorf("a cancelled list ends with %v", err)
	}
}

func TestWhatServersHaveBesideTools(t *testing.T) {
	b := withTest(t)
	for _, test := range []struct{ method, parameters, want string }{
		{"mcp/test.resources/read", `{"uri":"test://numbers"}`,
			`{"response":"{\"big\": 1152921504606846977}","result":{"big":1152921504606846977},"contents":[{"uri":"test://numbers","mimeType":"application/json","text":"{\"big\": 1152921504606846977}"}]}`},
		{"mcp/resources/list", `{}`, `{"response":"test  test://numbers  numbers","resources":[{"mimeType":"application/json","name":"numbers","uri":"test://numbers","server":"test"}],"templates":[]}`},
		{"mcp/test.prompts/list", `{}`, `{"response":"test  greet","prompts":[{"arguments":[{"name":"who","required":true}],"name":"greet","server":"test"}]}`},
		{"mcp/prompts/get", `{"name":"greet","arguments":{"who":"Ada"}}`,
			`{"response":"Greet Ada.","description":"A greeting","messages":[{"role":"user","content":"Greet Ada."}],"content":[{"type":"text","text":"Greet Ada."}]}`},
	} {
		got := string(b.call(test.method, test.parameters).JSON())
		if wanted, err := value.Parse([]byte(test.want)); err != nil || got != string(wanted.JSON()) {
			t.Errorf("%s\ngot  %s\nwant %s, %v", test.method, got, test.want, err)
		}
	}
	info := b.call("mcp/test.server_info", `{}`)
	for field, want := range map[string]string{"name": "test-server", "version": "1.2.3", "instructions": "For tests.", "server": "test"} {
		if got, _ := info.Get(field); got.Text() != want {
			t.Errorf("%s is %q", field, got.Text())
		}
	}
	if got := response(b.call("mcp/ping", `{}`)); got != "builtin: pong\ntest: pong" {
		t.Error(got)
	}
	tools, _ := b.call("mcp/tools/list", `{}`).Get("tools")
	var methods []string
	for _, tool := range tools.Elements() {
		method, _ := tool.Get("method")
		methods = append(methods, method.Text())
	}
	if got := strings.Join(methods, " "); !strings.HasPrefix(got, "mcp/tool.add mcp/tool.concat mcp/tool.echo mcp/tool.multiply mcp/test.tool.") || len(methods) != 26 {
		t.Error(got)
	}
	wantError(t, b.fails(request(t, "mcp/test.resources/read", `{"uri":"test://none"}`)), protocol.InvalidParams, protocol.Permanent, "Resource not found")
	wantError(t, b.fails(request(t, "mcp/test.prompts/get", `{"name":"none"}`)), protocol.InvalidParams, protocol.Permanent, `rejected the parameters`)
	wantError(t, b.fails(request(t, "mcp/test.ping", `{"a":1}`)), protocol.InvalidParams, protocol.Permanent, "additional properties 'a'")
	wantError(t, b.fails(request(t, "mcp/test.resources/read", `{}`)), protocol.InvalidParams, protocol.Permanent, "missing property 'uri'")
}

// TestDiscover: with the servers' tools, the spec has a method for each and no open ones.
func TestDiscover(t *testing.T) {
	notes := t.TempDir()
	b := withServer(t, notes, described(t, "one", notes, "-only", "strict"), described(t, "two", notes, "-only", "exact"), described(t, "three", notes, "-only", "exact"))
	for _, test := range []struct {
		methods []string
		found   map[string]bool // Whether they are there.
	}{
		{[]string{"mcp/tool.add", "mcp/tools/list"}, map[string]bool{"mcp/tool.add": true, "mcp/tool.strict": false, "mcp/one.tool.strict": false}},
		{[]string{"mcp/one.tool.nothing"}, map[string]bool{"mcp/one.tool.strict": true, "mcp/one.tool.nothing": false, "mcp/tool.strict": false, "mcp/two.tool.exact": false}},
		{[]string{"mcp/tool.x"}, map[string]bool{"mcp/tool.strict": true, "mcp/tool.x": false, "mcp/two.tool.exact": true, "mcp/tool.exact": true}},
	} {
		spec, unavailable := b.handler.Discover(t.Context(), test.methods, nil, "")
		if len(unavailable) > 0 {
			t.Fatal(unavailable[0].Error)
		}
		for name, want := range test.found {
			m, found := spec.Find(name)
			if found != want || (m.Unavailable != "") != (name == "mcp/tool.exact") {
				t.Errorf("%v: %s is found: %v %q", test.methods, name, found, m.Unavailable)
			}
		}
	}
	if _, unavailable := b.handler.Discover(t.Context(), []string{"mcp/four.tool.x"}, nil, ""); len(unavailable) != 1 {
		t.Error("a server that is not there is no error")
	}
}

// TestDiscoverWithDeadServers: each is reported once, with the first method that needs it, and the others are used all the same.
func TestDiscoverWithDeadServers(t *testing.T) {
	notes := t.TempDir()
	b := withServer(t, notes, described(t, "good", notes), described(t, "broken", notes, "-broken"), protocol.ToolServer{Name: "missing", Command: "/nonexistent/prog"})
	spec, unavailable := b.handler.Discover(t.Context(), []string{"mcp/tool.add", "mcp/broken.tool.a", "mcp/good.tool.fly", "mcp/missing.tools/list", "mcp/broken.tool.b"}, nil, "")
	for i, want := range []struct {
		first int
		says  string
	}{{1, `the MCP server "broken" did not start`}, {3, `"/nonexistent/prog" not found`}} {
		if len(unavailable) != 2 || unavailable[i].First != want.first || !strings.Contains(unavailable[i].Error.Message, want.says) {
			t.Errorf("got %+v", unavailable)
		}
	}
	for name, want := range map[string]bool{"mcp/broken.tool.b": true, "mcp/good.tool.fly": false, "mcp/good.tool.strict": true} {
		if _, found := spec.Find(name); found != want {
			t.Errorf("%s is found: %v", name, found)
		}
	}
}

// TestOutputSchema: a result that does not match the schema is there, with a warning.
func TestOutputSchema(t *testing.T) {
	b := withTest(t)
	for arguments, want := range map[string]string{
		`{"content": {"celsius": 21.5}}`:                "",
		`{"content": {"celsius": "21.5", "unit": "C"}}`: "the result of the tool measure does not match its outputSchema: result.celsius: got string, want number; result: additional properties 'unit' not allowed",
		`{"content": {}}`:                               "the result of the tool measure does not match its outputSchema: result: missing property 'celsius'",
		`{}`:                                            "the tool measure returned no structured content, although it has an outputSchema; its result is the text",
	} {
		result, err := b.handler.Handle(t.Context(), request(t, "mcp/test.tool.measure", arguments), nil)
		if err != nil || result.Warning != want || response(result.Value) != "21.5 degrees" {
			t.Errorf("%s: %v\n got %q\nwant %q", arguments, err, result.Warning, want)
		}
		if shown, _ := result.Value.Get("warning"); shown.Text() != want {
			t.Errorf("%s: the warning of the result is %q", arguments, shown.Text())
		}
	}
}
