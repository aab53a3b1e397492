package llm_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// conversing answers with events, a list for each request, and keeps what it was asked.
func conversing(t testing.TB, bodies *[]string, answers ...[]string) string {
	return serving(t, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		at := min(len(*bodies), len(answers)-1)
		*bodies = append(*bodies, string(data))
		speaking(append(answers[at], over)...)(w, r)
	})
}

// piece is an event with a piece of a tool call.
func piece(call string) string {
	return `data: {"choices":[{"delta":{"role":"assistant","tool_calls":[` + call + `]}}]}`
}

var wasCalled = ended("tool_calls")

func TestToolCallsOfServers(t *testing.T) {
	const answerEvent = `{"content":"done"}`
	for name, test := range map[string]struct {
		events []string
		calls  []string // Arguments, or the error.
	}{
		"without index": {[]string{
			piece(`{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\": 1, \"b\": 2}"}}`),
			piece(`{"id":"c2","type":"function","function":{"name":"add","arguments":"{\"a\": 3, \"b\": 4}"}}`)}, []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`}},
		"all with index 0": {[]string{
			piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\": 1, \"b\": 2}"}}`),
			piece(`{"index":0,"id":"c2","function":{"name":"add","arguments":"{\"a\": 3, \"b\": 4}"}}`)}, []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`}},
		"in one event without index": {[]string{
			piece(`{"function":{"name":"add","arguments":"{\"a\": 1}"}},{"function":{"name":"add","arguments":"{\"a\": 3}"}}`)}, []string{`{"a":1}`, `{"a":3}`}},
		"in pieces without index": {[]string{
			piece(`{"id":"c1","function":{"name":"add","arguments":""}}`), piece(`{"function":{"arguments":"{\"a\": 1,"}}`), piece(`{"function":{"arguments":" \"b\": 2}"}}`),
			piece(`{"id":"c2","function":{"name":"add","arguments":"{\"a\": 3}"}}`)}, []string{`{"a":1,"b":2}`, `{"a":3}`}},
		"in mixed pieces": {[]string{
			piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\""}},{"index":1,"id":"c2","function":{"name":"add","arguments":"{\"a\""}}`),
			piece(`{"index":1,"function":{"arguments":": 3}"}},{"index":0,"function":{"arguments":": 1}"}}`)}, []string{`{"a":1}`, `{"a":3}`}},
		"with repeated names": {[]string{
			piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\""}}`), piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":": 1}"}}`)}, []string{`{"a":1}`}},
		"no arguments yet, without index": {[]string{
			piece(`{"function":{"name":"add","arguments":""}}`), piece(`{"function":{"name":"subtract","arguments":"{\"a\": 1}"}}`)}, []string{`{}`, `unknown tool "subtract"; the tools are add`}},
		"no arguments yet, all with index 0": {[]string{
			piece(`{"index":0,"function":{"name":"add","arguments":""}}`), piece(`{"index":0,"function":{"name":"subtract","arguments":"{\"a\": 1}"}}`)}, []string{`{}`, `unknown tool "subtract"; the tools are add`}},
		"a new id with each piece": {[]string{
			piece(`{"index":0,"id":"a1","function":{"name":"add","arguments":"{\"a\""}}`), piece(`{"index":0,"id":"a2","function":{"arguments":": 1}"}}`)}, []string{`{"a":1}`}},
		"without id":          {[]string{piece(`{"index":0,"function":{"name":"add","arguments":"{\"a\": 1}"}}`)}, []string{`{"a":1}`}},
		"arguments an object": {[]string{piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":{"a":1.50}}}`)}, []string{`{"a":1.50}`}},
		"encoded twice":       {[]string{piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":"\"{\\\"a\\\": 1}\""}}`)}, []string{`{"a":1}`}},
		"none":                {[]string{piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":""}}`)}, []string{`{}`}},
		"not JSON": {[]string{piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":"{'a': 1, 'b': 2}"}}`)},
			[]string{`the arguments are not JSON: invalid character '\''; they were {'a': 1, 'b': 2}`}},
		"a list": {[]string{piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":"[1, 2]"}}`)},
			[]string{`the arguments are a list, and must be an object; they were [1, 2]`}},
	} {
		t.Run(name, func(t *testing.T) {
			var bodies []string
			url := conversing(t, &bodies, append(test.events, wasCalled), []string{delta(answerEvent), ended("stop")})
			result := ask(t, open(t, llm.Options{Tools: box{}}), llm.Chat, compatibleCall(url, `,"tools":["add"]`))
			want(t, result, map[string]string{"response": `"done"`})
			var got []string
			made, _ := result.Value.Get("tool_calls")
			for _, call := range made.Elements() {
				arguments, _ := call.Get("arguments")
				said := string(arguments.JSON())
				if failure, is := call.Get("error"); is {
					said = failure.Text()
				}
				got = append(got, said)
			}
			if strings.Join(got, "\n") != strings.Join(test.calls, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.calls, "\n"))
			}
			wantIDs(t, bodies[1], len(test.calls))
		})
	}
}

// Calls are not dropped: too many are an error.
func TestTooManyToolCalls(t *testing.T) {
	var bodies, calls []string
	for i := range 129 {
		calls = append(calls, fmt.Sprintf(`{"index":%d,"id":"c%d","function":{"name":"add","arguments":"{}"}}`, i, i))
	}
	url := conversing(t, &bodies, []string{piece(strings.Join(calls, ",")), wasCalled})
	got := fails(t, t.Context(), open(t, llm.Options{Tools: box{}}), asking(t, llm.Chat, compatibleCall(url, `,"tools":["add"]`)), nil)
	wantError(t, got, protocol.TaskResultInvalid, protocol.TaskFault, "the model called more than 128 tools in one answer", "")
}

// wantIDs wants calls and their results in a request, in the same order and with ids of which none is empty or there twice.
func wantIDs(t *testing.T, body string, count int) {
	t.Helper()
	var request struct {
		Messages []struct {
			ToolCallID string `json:"tool_call_id"`
			ToolCalls  []struct {
				ID       string `json:"id"`
				Function struct{ Arguments string }
			} `json:"tool_calls"`
		} `json:"messages"`
	}
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		t.Fatal(err)
	}
	var called, answered []string
	seen := map[string]bool{"": true}
	for _, m := range request.Messages {
		for _, c := range m.ToolCalls {
			called = append(called, c.ID)
			if seen[c.ID] || !json.Valid([]byte(c.Function.Arguments)) {
				t.Errorf("a call has the id %q and the arguments %s", c.ID, c.Function.Arguments)
			}
			seen[c.ID] = true
		}
		if m.ToolCallID != "" {
			answered = append(answered, m.ToolCallID)
		}
	}
	if len(called) != count || fmt.Sprint(called) != fmt.Sprint(answered) {
		t.Errorf("called %v, answered %v", called, answered)
	}
}

// answeringBox has a tool that answers with a value, and whose parameters are as they say.
type answeringBox struct{ result, parameters string }

func (a answeringBox) Tool(_ context.Context, _ protocol.Request, name string) (protocol.Tool, error) {
	return protocol.Tool{Method: "mcp/tool." + name, Name: name, Parameters: json.RawMessage(a.parameters)}, nil
}

func (a answeringBox) Call(context.Context, protocol.Request) (protocol.Result, error) {
	result, err := value.Parse([]byte(a.result))
	return protocol.Result{Value: result}, err
}

// What MCP servers answer with reaches the model.
func TestWhatToolsReturn(t *testing.T) {
	image := base64.StdEncoding.EncodeToString(picture(t, "png", "red"))
	for name, test := range map[string]struct{ result, said string }{
		"text":       {`{"response":"sunny","result":"sunny","content":[{"type":"text","text":"sunny"}]}`, "sunny"},
		"structured": {`{"response":"","result":{"degrees":20.50},"content":[]}`, `{"degrees":20.50}`},
		"both":       {`{"response":"20 degrees","result":{"degrees":20},"content":[{"type":"text","text":"20 degrees"}]}`, "20 degrees"},
		"embedded":   {`{"response":"","result":"","content":[{"type":"resource","resource":{"uri":"file:///a","text":"the file"}}]}`, "the file"},
		"text and embedded": {`{"response":"Here:","result":"Here:","content":[{"type":"text","text":"Here:"},{"type":"resource","resource":{"uri":"file:///a","text":"the file"}}]}`,
			"Here:\nthe file"},
		"image": {`{"response":"","result":"","content":[{"type":"image","mimeType":"image/png","data":"` + image + `"}]}`,
			fmt.Sprintf("[image: image/png, %d bytes]", base64.StdEncoding.DecodedLen(len(image)))},
		"link":      {`{"response":"","result":"","content":[{"type":"resource_link","uri":"file:///a","description":"a file"}]}`, "[resource file:///a] a file"},
		"nothing":   {`{"response":"","result":"","content":[]}`, "the tool returned an empty text"},
		"no fields": {`{"n":1}`, `{"n":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, asks := range []string{`"prompt":"x"`, `"prompt":"x","images":["` + image + `"]`} {
				var bodies []string
				url := conversing(t, &bodies, []string{piece(`{"index":0,"id":"c1","function":{"name":"look","arguments":"{}"}}`), wasCalled}, []string{delta(`{"content":"done"}`), ended("stop")})
				ask(t, open(t, llm.Options{Tools: answeringBox{test.result, `{"type":"object"}`}}), llm.Chat, `{"provider":"openai","base_url":"`+url+`","model":"m","tools":["look"],`+asks+`}`)
				content, err := json.Marshal(test.said)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(bodies[1], `{"role":"tool","content":`+string(content)+`,"tool_call_id":"c1"}`) {
					t.Errorf("asked %s", bodies[1])
				}
				if sees := strings.Contains(bodies[1], "The images that the tools returned:"); sees != (name == "image" && strings.Contains(asks, "images")) {
					t.Errorf("the image of the tool is in the request: %v", sees)
				}
			}
		})
	}
}

// A parameter that takes any value, or has a schema that Ollama does not know, leaves the others as they are; the real Ollama
// reads them.
func TestParametersOfToolsForOllama(t *testing.T) {
	var body string
	handler := func(url string, parameters string) *llm.Handler {
		return open(t, llm.Options{Providers: at(url), Tools: answeringBox{`{"response":"5"}`, parameters}})
	}
	for parameters, want := range map[string]string{
		`{"type":"object","properties":{"any":true,"n":{"type":"integer"}},"required":["n"]}`:           `"required":["n"],"properties":{"any":{},"n":{"type":"integer"}}`,
		`{"properties":{"list":{"type":"array","items":true},"n":{"anyOf":[{"type":"null"},false]}}}`:   `"properties":{"list":{"type":"array","items":{}},"n":{"anyOf":[{"type":"null"},{}]}}`,
		`{"properties":{"bad":{"enum":"x","description":"d"},"n":{"type":"integer"}},"required":["n"]}`: `"required":["n"],"properties":{"bad":{"description":"d"},"n":{"type":"integer"}}`,
		`true`: `"properties":{}`,
	} {
		url := serving(t, func(w http.ResponseWriter, r *http.Request) {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			body = string(data)
			answering("yes")(w, r)
		})
		ask(t, handler(url, parameters), llm.Chat, `{"prompt":"x","tools":["add"]}`)
		if !strings.Contains(body, `"parameters":{"type":"object",`+want) {
			t.Errorf("%s: asked %s", parameters, body)
		}
		result := ask(t, handler(ollamatest.Start(t), parameters), llm.Chat, `{"prompt":"hello","tools":["add"]}`)
		if calls, _ := result.Value.Get("tool_calls"); len(calls.Elements()) == 0 {
			t.Errorf("%s: the model called no tool: %s", parameters, result.Value.JSON())
		}
	}
}

func TestToolChoice(t *testing.T) {
	choice := regexp.MustCompile(`"tool_choice":(\{.*?\}\}|"\w+")`)
	for given, wanted := range map[string]string{
		``: ``, `,"tool_choice":"auto"`: `"tool_choice":"auto"`, `,"tool_choice":"required"`: `"tool_choice":"required"`,
		`,"tool_choice":"add"`: `"tool_choice":{"type":"function","function":{"name":"add"}}`,
	} {
		var bodies []string
		url := conversing(t, &bodies, []string{piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\": 1}"}}`), wasCalled}, []string{delta(`{"content":"done"}`), ended("stop")})
		result := ask(t, open(t, llm.Options{Tools: box{}}), llm.Chat, compatibleCall(url, `,"tools":["add"]`+given))
		if result.Warning != "" || choice.FindString(bodies[0]) != wanted || choice.FindString(bodies[1]) != "" {
			t.Errorf("%s: warning %q, asked %s", given, result.Warning, strings.Join(bodies, "\n"))
		}
	}
	var bodies []string
	url := conversing(t, &bodies, []string{delta(`{"content":"done"}`), ended("stop")})
	handler := open(t, llm.Options{Tools: box{}})
	ask(t, handler, llm.Chat, compatibleCall(url, `,"tools":["add"],"tool_choice":"none"`))
	if strings.Contains(bodies[0], "tools") || strings.Contains(bodies[0], "tool_choice") {
		t.Errorf("none: asked %s", bodies[0])
	}
	result := ask(t, handler, llm.Chat, compatibleCall(url, `,"tools":["add"],"tool_choice":"required"`))
	if result.Warning != "the model called no tool, although `tool_choice` requires it" {
		t.Errorf("warning %q", result.Warning)
	}
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, compatibleCall(url, `,"tools":["add"],"tool_choice":"subtract"`)), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, `tool_choice: "subtract" is not one of the tools`, "the values are auto, none, required, and the names in `tools`")
	got = fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"x","tools":["add"],"tool_choice":"required"}`), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, `tool_choice: required is not supported by the provider "ollama"`, "its values are auto and none: Ollama cannot make a model call a tool")
}

// A tool call that the model has written badly is its fault: the task may try again, and no server is set aside.
func TestToolCallThatIsBadlyFormed(t *testing.T) {
	const words = "The model produced output that does not match the expected peg-native format"
	alone, inStream := recorded(t, llamaRecorded, 500, words), recorded(t, llamaRecorded, 0, words)
	for name, bad := range map[string]http.HandlerFunc{"a response": alone.serve, "a stream": speaking(said, "data: "+inStream.body)} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			url := chatting(t, func(w http.ResponseWriter, r *http.Request, body value.Value) {
				requests.Add(1)
				if strings.Contains(string(body.JSON()), "BAD") {
					bad(w, r)
					return
				}
				speaking(said, finished, over)(w, r)
			})
			handler := open(t, llm.Options{Tools: box{}, Providers: compatibleAt("m", url, serving(t, speaking(said, finished, over)))})
			got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"BAD","provider":"openai","tools":["add"]}`), nil)
			wantError(t, got, protocol.TaskResultInvalid, protocol.TaskFault, "the model's answer is invalid: "+words, "")
			want(t, ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`), map[string]string{"provider_id": `"` + url + `"`})
			if requests.Load() != 2 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}
