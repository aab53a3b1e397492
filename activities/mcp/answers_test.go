package mcp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// onBoth runs a test over stdio and in both forms of HTTP.
func onBoth(t *testing.T, f func(t *testing.T, b *bench), args ...string) {
	t.Helper()
	t.Run("stdio", func(t *testing.T) { t.Parallel(); f(t, withLegacy(t, args...)) })
	t.Run("HTTP", func(t *testing.T) { t.Parallel(); f(t, legacyHTTP(t, args...)) })
	t.Run("events", func(t *testing.T) { t.Parallel(); f(t, legacyHTTP(t, append(args, "-events")...)) })
}

// TestStrayOutput: what is not a message is left out wherever it stands, and logged without secrets.
func TestStrayOutput(t *testing.T) {
	b := withLegacy(t, "-print", "Legacy 1.0 is listening\n\x1b[32mready\x1b[0m> ")
	b.whileAnotherWaits(func() {
		for _, text := range []string{
			"\n\n" + fine,
			"[info] send called with $PASSWORD\n" + fine,
			`{"level":"info","msg":"called"}` + "\n" + fine,
			`{"jsonrpc":"1.0","id":$ID,"result":{}}` + "\n" + fine,
			`{"jsonrpc":"2.0","id":$ID}` + "\n" + fine,
			`{"jsonrpc":"2.0","id":{},"method":"ping"}` + "\n" + fine,
			`{"jsonrpc":"2.0","method":5}` + "\n" + fine,
			`{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"whose?"}}` + "\n" + fine,
			`{"jsonrpc":"2.0","id":99999,"result":{}}` + "\n" + fine,
			`[1,2]` + "\n" + fine,
			`[]` + "\n" + fine,
			`null` + "\n" + fine,
			"\ufeff" + fine,
			"downloading… 100% " + fine,
			"{ not JSON } " + fine,
			`logged {"level":"info","of":{"jsonrpc":"2.0","id":$ID,"result":{}}} ` + fine,
			`received {"jsonrpc":"2.0","id":$ID,"method":"tools/call"}` + "\n" + fine,
			fine + " done",
			`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}` + fine,
			`[` + fine + `]`,
			`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":"half"}}` + "\n" + fine,
			strings.Repeat("{", 5000) + "\n" + fine,
		} {
			b.wantResponse(sends(t, text), "fine")
		}
	})
	if started := b.noted("started"); len(started) != 1 {
		t.Errorf("%d processes were started", len(started))
	}
	log := b.log.String()
	for _, want := range []string{"Legacy 1.0 is listening", "ready", "[info] send called with [secrets.PASSWORD]", `level\":\"info`, "100%", "done", "whose?"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "swordfish") || strings.Contains(log, "fine") {
		t.Errorf("the log has a secret or a message:\n%s", log)
	}
}

// TestStrayOutputIsLoggedWithABound, because some servers print with every call.
func TestStrayOutputIsLoggedWithABound(t *testing.T) {
	b := withLegacy(t)
	for range 3 {
		b.wantResponse(sends(t, strings.Repeat("chatter\n", 1000)+fine), "fine")
	}
	if n := strings.Count(b.log.String(), "chatter"); n != 1000 {
		t.Errorf("%d lines are in the log", n)
	}
	if !strings.Contains(b.log.String(), "further output of the MCP server is not logged") {
		t.Error("the log does not say that there is more")
	}
}

// TestAnswersThatTheSDKCannotDecode: what can be read of them is the result; else the call fails, alone and once.
func TestAnswersThatTheSDKCannotDecode(t *testing.T) {
	answer := func(result string) string { return `{"jsonrpc":"2.0","id":$ID,"result":` + result + `}` }
	onBoth(t, func(t *testing.T, b *bench) {
		b.whileAnotherWaits(func() {
			for result, want := range map[string]string{
				`{"content":[{"type":"text","text":"good"},{"type":"json","json":{"n":1152921504606846977}}]}`: `{"response":"good","result":"good",` +
					`"content":[{"type":"text","text":"good"},{"type":"json","json":{"n":1152921504606846977}}],"is_error":false}`,
				`{"content":[{"type":"text","text":"good","annotations":{"priority":"high"}}]}`: `{"response":"good","result":"good",` +
					`"content":[{"type":"text","text":"good","annotations":{"priority":"high"}}],"is_error":false}`,
				`{"content":[{"type":"image","data":"not base64!","mimeType":"image/png"}]}`: `{"response":"","result":"",` +
					`"content":[{"type":"image","data":"not base64!","mimeType":"image/png"}],"is_error":false}`,
				`{"content":[null,"x",{"type":5},{"type":"text","text":"good"}],"_meta":"x"}`: `{"response":"good","result":"good",` +
					`"content":[null,"x",{"type":5},{"type":"text","text":"good"}],"is_error":false}`,
				`{"content":[{"type":"chart"}],"structuredContent":{"n":9007199254740993}}`: `{"response":"","result":{"n":9007199254740993},` +
					`"content":[{"type":"chart"}],"is_error":false}`,
				`{"content":null,"isError":null}`: `{"response":"","result":"","content":[],"is_error":false}`,
			} {
				got, err := b.handler.Handle(t.Context(), sends(t, answer(result)), nil)
				if err != nil || string(got.Value.JSON()) != want {
					t.Errorf("%s\ngot  %s, %v\nwant %s", result, got.Value.JSON(), err, want)
				}
			}
			b.wantResponse(sends(t, strings.Replace(fine, "$ID", `"$ID"`, 1)), "fine")
			b.wantResponse(sends(t, strings.Replace(fine, "$ID", `$ID.0`, 1)), "fine")
			b.wantResponse(sends(t, strings.Replace(fine, `,"result"`, `,"error":null,"result"`, 1)), "fine")
			for sent, want := range map[string]string{
				answer(`"text"`):                        `the result of tools/call is not an object`,
				answer(`null`):                          `the result of tools/call is not an object`,
				answer(`{"content":"text"}`):            `its content is not a list of blocks`,
				answer(`{"content":[],"isError":"no"}`): `its isError is "no", not true or false`,
				answer(strings.Repeat("[", 1000) + "1" + strings.Repeat("]", 1000)): "nested more than 1000 levels deep",
			} {
				wantError(t, b.fails(sends(t, sent)), protocol.TaskResultInvalid, protocol.TaskFault, `cannot read the response of the MCP server "old"`, want)
			}
			for sent, want := range map[string]string{
				`{"jsonrpc":"2.0","id":$ID,"error":"no disk"}`:                               "no disk",
				`{"jsonrpc":"2.0","id":$ID,"error":{"code":"EDISK","message":"no disk"}}`:    "no disk (EDISK)",
				`{"jsonrpc":"2.0","id":$ID,"error":{"code":-32001.0,"message":["no disk"]}}`: `["no disk"]`,
				`{"jsonrpc":"2.0","id":"$ID","error":{"code":-5,"message":"no disk"}}`:       "no disk (-5)",
			} {
				wantError(t, b.fails(sends(t, sent)), protocol.TaskExecutionFailed, protocol.TaskFault, `the MCP server "old" failed`, want)
			}
		})
		if started := b.noted("started"); len(started) > 1 {
			t.Errorf("%d processes were started", len(started))
		}
		if calls := strings.Count(strings.Join(b.noted("received"), "\n")+"\n", "tools/call\n"); calls != 20 {
			t.Errorf("%d calls were made", calls)
		}
	})
}

// TestAnErrorWithoutAnID belongs to the only call in flight.
func TestAnErrorWithoutAnID(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		sent := `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`
		wantError(t, b.fails(sends(t, sent)), protocol.TaskExecutionFailed, protocol.TaskFault, `the MCP server "old" failed: Parse error (-32700)`)
		b.wantFine()
	})
}

// TestABodyThatIsNotAMessage fails its own request.
func TestABodyThatIsNotAMessage(t *testing.T) {
	b := legacyHTTP(t)
	for sent, want := range map[string]string{
		"<html>$PASSWORD</html>":                  "it is not a message of JSON-RPC 2.0",
		`{"jsonrpc":"2.0","id":9999,"result":{}}`: "it has the id of another request",
	} {
		wantError(t, b.fails(sends(t, sent)), protocol.TaskResultInvalid, protocol.TaskFault, want)
	}
	b.wantFine()
	if log := b.log.String(); !strings.Contains(log, "<html>[secrets.PASSWORD]</html>") || strings.Contains(log, "swordfish") {
		t.Error(log)
	}
}

// TestTooLargeAMessage fails its own call, and is said to be that.
func TestTooLargeAMessage(t *testing.T) {
	const size = 97 << 20
	onBoth(t, func(t *testing.T, b *bench) {
		b.whileAnotherWaits(func() {
			for _, place := range []string{"start", "end"} {
				got := b.fails(patient(request(t, "mcp/old.tool.large", fmt.Sprintf(`{"text":"%d %s"}`, size, place))))
				wantError(t, got, protocol.TaskResultInvalid, protocol.TaskFault, "it is larger than the limit of 96 MiB for one message")
			}
		})
		if started := b.noted("started"); len(started) > 1 {
			t.Errorf("%d processes were started", len(started))
		}
	})
}

// TestWhatCannotBeReadInLists: it is left out with a warning, and the rest is there.
func TestWhatCannotBeReadInLists(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		tools, _ := b.call("mcp/old.tools/list", `{}`).Get("tools")
		if got := string(tools.JSON()); strings.Contains(got, `"bad`) || !strings.Contains(got, `"odd"`) || !strings.Contains(got, `"last"`) {
			t.Error(got)
		}
		b.wantFine()
		resources, _ := b.call("mcp/old.resources/list", `{}`).Get("resources")
		if got := string(resources.JSON()); len(resources.Elements()) != 1 || !strings.Contains(got, "test://good") {
			t.Error(got)
		}
		prompt := b.call("mcp/old.prompts/get", `{"name":"x"}`)
		if got, _ := prompt.Get("content"); string(got.JSON()) != `[{"type":"chart","data":[1]},{"type":"text","text":"good"}]` {
			t.Error(string(got.JSON()))
		}
		wantError(t, b.fails(request(t, "mcp/old.resources/read", `{"uri":"x"}`)), protocol.TaskResultInvalid, protocol.TaskFault, "has an element that is null")
		const unreadable = `the tool "bad_annotation" of the MCP server "old" cannot be read: its "annotations.readOnlyHint" is a string, not true or false`
		for _, method := range []string{"mcp/old.tool.bad_annotation", "mcp/tool.bad_annotation"} {
			wantError(t, b.fails(request(t, method, `{}`)), protocol.MethodNotSupported, protocol.Permanent, unreadable, "correct or update the server")
			if _, err := b.handler.DescribeTool(t.Context(), request(t, method, `{}`)); err == nil || !strings.Contains(err.Error(), unreadable) {
				t.Errorf("%s is described: %v", method, err)
			}
			spec, err := b.handler.Discover(t.Context(), []string{method}, nil, "")
			if err != nil {
				t.Fatal(err)
			}
			if m, found := spec.Find(method); !found || m.Unavailable != unreadable {
				t.Errorf("%s is found: %v %q", method, found, m.Unavailable)
			}
		}
		wantError(t, b.fails(request(t, "mcp/old.tool.bad_list", `{}`)), protocol.MethodNotSupported, protocol.Permanent, `its "icons" is an object, not a list`)
		wantError(t, b.fails(request(t, "mcp/old.tool.nothing", `{}`)), protocol.MethodNotSupported, protocol.Permanent, `has no tool "nothing"`, "its tools: send")
		log := b.log.String()
		for _, want := range []string{`level=WARN`, `the tool \"bad_annotation\"`, `the tool \"number 7\"`, `the resource \"bad\"`} {
			if !strings.Contains(log, want) {
				t.Errorf("the log has no %s:\n%s", want, log)
			}
		}
	}, "-tools", `{"name":"bad_annotation","inputSchema":{},"annotations":{"readOnlyHint":"true"}},null,{"name":"odd","inputSchema":"string"},{"name":"last","inputSchema":{},"annotations":null},{"name":"bad_list","icons":{}}`)
}

// TestAnotherServerHasTheTool: a tool that one server describes wrongly is called on the server that describes it well.
func TestAnotherServerHasTheTool(t *testing.T) {
	program, err := builtLegacy()
	if err != nil {
		t.Fatal(err)
	}
	notes := t.TempDir()
	settings := []protocol.Setting{{Name: "NOTES", Value: notes}}
	b := withServer(t, notes, protocol.ToolServer{Name: "bad", Command: program, Args: []string{"-tools", `{"name":"strict","title":5}`}, Env: settings},
		described(t, "good", notes, "-only", "strict"))
	result, err := b.handler.Handle(t.Context(), request(t, "mcp/tool.strict", `{"n":1}`), nil)
	if want := `the tool "strict" of the MCP server "bad" cannot be read: its "title" is a number, not a string`; err != nil || !strings.Contains(result.Warning, want) {
		t.Errorf("%v, and the warning is %q", err, result.Warning)
	}
	spec, unavailable := b.handler.Discover(t.Context(), []string{"mcp/tool.strict"}, nil, "")
	if len(unavailable) > 0 {
		t.Fatal(unavailable)
	}
	for name, callable := range map[string]bool{"mcp/tool.strict": true, "mcp/good.tool.strict": true, "mcp/bad.tool.strict": false} {
		if m, found := spec.Find(name); !found || (m.Unavailable == "") != callable {
			t.Errorf("%s is found: %v %q", name, found, m.Unavailable)
		}
	}
}

// TestTooLargeArguments: a server ends the session at a message that is larger than the limit of its SDK, every time.
func TestTooLargeArguments(t *testing.T) {
	b := withTest(t)
	large := patient(protocol.Request{Method: "mcp/test.tool.die_idempotent", Parameters: value.Object(
		value.Field{Name: "text", Value: value.String(strings.Repeat("x", 17<<20))})})
	wantError(t, b.fails(large), protocol.ProviderNotAvailable, protocol.TaskFault, `the MCP server "test" exited during the call`,
		"the arguments have 17 MiB; many servers read at most 10 MiB or 16 MiB in one message")
	b.call("mcp/test.tool.strict", `{"n": 1}`)
}

// TestDigitsOfLimits: a schema of a server keeps its digits, and the message about it too.
func TestDigitsOfLimits(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		wantError(t, b.fails(request(t, "mcp/old.tool.limited", `{"n":9007199254740993}`)), protocol.MethodNotSupported, protocol.Permanent, "does not support the method") // It is the server that says so.
		wantError(t, b.fails(request(t, "mcp/old.tool.limited", `{"n":9007199254740994}`)), protocol.InvalidParams, protocol.Permanent,
			"mcp/old.tool.limited: parameters.n: maximum: got 9007199254740994, want 9007199254740993")
		wantError(t, b.fails(request(t, "mcp/old.tool.limited", `{"n":-12345.5}`)), protocol.InvalidParams, protocol.Permanent, "minimum: got -12345.5, want 0")
		tools, _ := b.call("mcp/old.tools/list", `{}`).Get("tools")
		if got := string(tools.JSON()); !strings.Contains(got, `"maximum":9007199254740993`) || strings.Contains(got, "gleitzeit/") {
			t.Error(got)
		}
	})
}
