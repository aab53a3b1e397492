package mcp_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func open(t *testing.T) *mcp.Handler {
	t.Helper()
	handler, err := mcp.New(mcp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := handler.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return handler
}

func request(t *testing.T, method, parameters string) protocol.Request {
	t.Helper()
	v, err := value.Parse([]byte(parameters))
	if err != nil {
		t.Fatalf("%s: %v", parameters, err)
	}
	return protocol.Request{Method: method, Parameters: v}
}

func TestTools(t *testing.T) {
	handler := open(t)
	for _, test := range []struct{ method, parameters, want string }{
		{"mcp/tool.echo", `{"message":"hi <b> 🎉"}`,
			`{"response":"hi <b> 🎉","result":"hi <b> 🎉","content":[{"type":"text","text":"hi <b> 🎉"}],"is_error":false,"echoed":"hi <b> 🎉","length":8}`},
		{"mcp/tool.echo", `{"message":"02139"}`,
			`{"response":"02139","result":"02139","content":[{"type":"text","text":"02139"}],"is_error":false,"echoed":"02139","length":5}`},
		{"mcp/tool.echo", `{"message":1152921504606846977}`,
			`{"response":"1152921504606846977","result":"1152921504606846977","content":[{"type":"text","text":"1152921504606846977"}],` +
				`"is_error":false,"echoed":1152921504606846977,"length":19}`},
		{"mcp/tool.echo", `{"message":{"z":[1e-7,1.0,"02139",null],"a":true}}`,
			`{"response":"{\"z\":[1e-7,1.0,\"02139\",null],\"a\":true}","result":{"z":[1e-7,1.0,"02139",null],"a":true},` +
				`"content":[{"type":"text","text":"{\"z\":[1e-7,1.0,\"02139\",null],\"a\":true}"}],"is_error":false,` +
				`"echoed":{"z":[1e-7,1.0,"02139",null],"a":true},"length":38}`},
		{"mcp/tool.echo", `{"message":null}`,
			`{"response":"null","result":"null","content":[{"type":"text","text":"null"}],"is_error":false,"echoed":null,"length":4}`},
		{"mcp/tool.echo", `{"message":""}`,
			`{"response":"","result":"","content":[{"type":"text","text":""}],"is_error":false,"echoed":"","length":0}`},
		{"mcp/tool.add", `{"a":100,"b":23}`,
			`{"response":"123","result":123,"content":[{"type":"text","text":"123"}],"is_error":false,"calculation":"100 + 23 = 123"}`},
		{"mcp/tool.multiply", `{"a":-1.5,"b":4}`,
			`{"response":"-6","result":-6,"content":[{"type":"text","text":"-6"}],"is_error":false,"calculation":"-1.5 * 4 = -6"}`},
		{"mcp/tool.concat", `{"strings":["a","ö",""],"separator":", "}`,
			`{"response":"a, ö, ","result":"a, ö, ","content":[{"type":"text","text":"a, ö, "}],"is_error":false,"joined":"a, ö, ","count":3}`},
		{"mcp/tool.concat", `{"strings":[]}`,
			`{"response":"","result":"","content":[{"type":"text","text":""}],"is_error":false,"joined":"","count":0}`},
	} {
		result, err := handler.Handle(t.Context(), request(t, test.method, test.parameters), nil)
		if err != nil {
			t.Errorf("%s %s: %v", test.method, test.parameters, err)
		} else if got := string(result.Value.JSON()); got != test.want {
			t.Errorf("%s %s\ngot  %s\nwant %s", test.method, test.parameters, got, test.want)
		}
	}
}

func TestArithmeticIsExact(t *testing.T) {
	handler := open(t)
	for _, test := range []struct{ method, a, b, want string }{
		{"add", "0.1", "0.2", "0.1 + 0.2 = 0.3"},
		{"add", "1152921504606846976", "1", "1152921504606846976 + 1 = 1152921504606846977"},
		{"add", "2.0", "3.00", "2 + 3 = 5"},
		{"add", "1.5", "-1.5", "1.5 + -1.5 = 0"},
		{"add", "-0", "-0.0", "0 + 0 = 0"},
		{"add", "1e3", "1", "1000 + 1 = 1001"},
		{"add", "1E+2", "1e-2", "100 + 0.01 = 100.01"},
		{"add", "1e-7", "0", "1e-7 + 0 = 1e-7"},
		{"add", "0.000001", "0", "0.000001 + 0 = 0.000001"},
		{"add", "0e999999999", "1", "0 + 1 = 1"},
		{"multiply", "0.1", "0.1", "0.1 * 0.1 = 0.01"},
		{"multiply", "99999999999", "99999999999", "99999999999 * 99999999999 = 9999999999800000000001"},
		{"multiply", "-12.5e-9", "1", "-1.25e-8 * 1 = -1.25e-8"},
		{"multiply", "2.5", "4", "2.5 * 4 = 10"},
	} {
		result, err := handler.Handle(t.Context(), request(t, "mcp/tool."+test.method, `{"a":`+test.a+`,"b":`+test.b+`}`), nil)
		if err != nil {
			t.Errorf("%s: %v", test.want, err)
			continue
		}
		calculation, _ := result.Value.Get("calculation")
		number, _ := result.Value.Get("result")
		if _, digits, _ := strings.Cut(test.want, " = "); calculation.Text() != test.want || number.Digits() != digits {
			t.Errorf("got %s and %s, not %s", calculation.Text(), number.JSON(), test.want)
		}
	}
}

func TestCallsThatFail(t *testing.T) {
	handler := open(t)
	for _, test := range []struct{ method, parameters, want string }{
		{"mcp/tool.add", `{"a":1e999999999,"b":1}`, "TASK_EXECUTION_FAILED: the tool add failed: a: the number 1e999999999 has an exponent beyond ±1000"},
		{"mcp/tool.multiply", `{"a":1,"b":-1e-1001}`, "TASK_EXECUTION_FAILED: the tool multiply failed: b: the number -1e-1001 has an exponent beyond ±1000"},
		{"mcp/tool.add", `{"a":` + strings.Repeat("7", 10_001) + `,"b":1}`,
			"TASK_EXECUTION_FAILED: the tool add failed: a: the number 77777777777777777777… has more than 10000 digits"},
		{"mcp/tool.add", `{"a":"5","b":1}`, "INVALID_PARAMS: mcp/tool.add: parameters.a: got string, want number"},
		{"mcp/tool.add", `{"b":[],"c":1}`, "INVALID_PARAMS: mcp/tool.add: parameters.b: got array, want number; " +
			"parameters: additional properties 'c' not allowed; parameters: missing property 'a'"},
		{"mcp/tool.concat", `{"strings":["a",{"b":1},null]}`,
			"INVALID_PARAMS: mcp/tool.concat: parameters.strings[1]: got object, want string; parameters.strings[2]: got null, want string"},
		{"mcp/tool.echo", `null`, "INVALID_PARAMS: mcp/tool.echo: parameters: missing property 'message'"},
		{"mcp/tool.echo", `[1]`, "INVALID_PARAMS: mcp/tool.echo: parameters: got array, want object"},
		{"mcp/tool.echo", `{"message":` + strings.Repeat("[", 990) + strings.Repeat("]", 990) + `}`,
			"INVALID_PARAMS: mcp/tool.echo: parameters: lists and objects are nested more than 990 levels deep"},
		{"mcp/tool.fly", `{}`, `METHOD_NOT_SUPPORTED: no MCP server has a tool "fly"`},
	} {
		_, err := handler.Handle(t.Context(), request(t, test.method, test.parameters), nil)
		if err == nil {
			t.Errorf("%s %.60s: no error", test.method, test.parameters)
			continue
		}
		if got := protocol.AsError(err, 0); got.Name+": "+got.Message != test.want {
			t.Errorf("%s %.60s\ngot  %s: %s\nwant %s", test.method, test.parameters, got.Name, got.Message, test.want)
		}
	}
}

func TestLargeTextsComeBackUnchanged(t *testing.T) {
	handler := open(t)
	for name, unit := range map[string]string{"letters": "abcd", "markup": "<&>\u2028", "emoji": "🎉\u0000\"\\"} {
		message := strings.Repeat(unit, 5<<20/len(unit))
		asked := protocol.Request{Method: "mcp/tool.echo", Parameters: value.Object(
			value.Field{Name: "message", Value: value.String(message)})}
		result, err := handler.Handle(t.Context(), asked, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, field := range []string{"response", "echoed", "result"} {
			if got, _ := result.Value.Get(field); got.Text() != message {
				t.Errorf("%s: %s has changed: %d bytes", name, field, len(got.Text()))
			}
		}
	}
}

func TestDeepMessagesComeBackUnchanged(t *testing.T) {
	message := strings.Repeat("[", 989) + strings.Repeat("]", 989)
	result, err := open(t).Handle(t.Context(), request(t, "mcp/tool.echo", `{"message":`+message+`}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := result.Value.Get("echoed"); string(got.JSON()) != message {
		t.Errorf("got %.100s", got.JSON())
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	handler := open(t)
	var calls sync.WaitGroup
	for i := range 32 {
		calls.Go(func() {
			for j := range 20 {
				asked := protocol.Request{Method: "mcp/tool.add", Parameters: value.Object(
					value.Field{Name: "a", Value: value.Int(int64(i * 1000))}, value.Field{Name: "b", Value: value.Int(int64(j))})}
				result, err := handler.Handle(t.Context(), asked, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if got, _ := result.Value.Get("response"); got.Text() != fmt.Sprint(i*1000+j) {
					t.Errorf("%d + %d = %s", i*1000, j, got.Text())
				}
			}
		})
	}
	calls.Wait()
}

func TestEndOfTheCall(t *testing.T) {
	handler := open(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	for _, test := range []struct {
		ctx  context.Context
		want protocol.Code
	}{{cancelled, protocol.TaskCancelled}, {late, protocol.TaskTimeout}} {
		_, err := handler.Handle(test.ctx, request(t, "mcp/tool.echo", `{"message":1}`), nil)
		if err == nil || protocol.AsError(err, 0).Code != test.want {
			t.Errorf("got %v, not %d", err, test.want)
		}
	}
	if _, err := handler.Handle(t.Context(), request(t, "mcp/tool.echo", `{"message":1}`), nil); err != nil {
		t.Errorf("the session did not survive: %v", err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	handler, err := mcp.New(mcp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := handler.Health(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := handler.Handle(t.Context(), request(t, "mcp/tool.echo", `{"message":1}`), nil); err != nil {
		t.Error(err)
	}
	if err := handler.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
	if err := handler.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	deadline, tick := time.After(10*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for runtime.NumGoroutine() > before {
		select {
		case <-tick.C:
		case <-deadline:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
	for _, err := range []error{handler.Health(t.Context()), func() error {
		_, err := handler.Handle(t.Context(), request(t, "mcp/tool.echo", `{"message":1}`), nil)
		return err
	}()} {
		if err == nil || protocol.AsError(err, 0).Code != protocol.ProviderNotAvailable {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestSpec(t *testing.T) {
	var names []string
	for _, method := range mcp.Spec().Methods {
		names = append(names, method.Name)
		if want := time.Minute; method.IsPattern() == (method.Timeout == want) {
			t.Errorf("%s has the timeout %s", method.Name, method.Timeout)
		}
		for _, schema := range [][]byte{method.Parameters, method.Result} {
			if _, err := value.Parse(schema); err != nil {
				t.Errorf("%s: %v", method.Name, err)
			}
		}
	}
	want := []string{
		"mcp/tool.echo", "mcp/tool.add", "mcp/tool.multiply", "mcp/tool.concat",
		"mcp/tools/list", "mcp/SERVER.tools/list", "mcp/server_info", "mcp/SERVER.server_info", "mcp/ping", "mcp/SERVER.ping",
		"mcp/resources/list", "mcp/SERVER.resources/list", "mcp/resources/read", "mcp/SERVER.resources/read",
		"mcp/prompts/list", "mcp/SERVER.prompts/list", "mcp/prompts/get", "mcp/SERVER.prompts/get",
		"mcp/SERVER.tool.NAME", "mcp/tool.NAME",
	}
	if !slices.Equal(names, want) {
		t.Error(names)
	}
}
