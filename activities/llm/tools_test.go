package llm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// box has one tool, which adds, and does not like 13.
type box struct{ away bool }

func (box) Tool(_ context.Context, _ protocol.Request, name string) (protocol.Tool, error) {
	if name != "add" {
		return protocol.Tool{}, protocol.Errorf(protocol.MethodNotSupported, "there is no tool %q", name)
	}
	return protocol.Tool{Method: "mcp/tool.add", Name: "add", Description: "Add two numbers",
		Parameters: json.RawMessage(`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"]}`)}, nil
}

func (b box) Call(_ context.Context, request protocol.Request) (protocol.Result, error) {
	if b.away {
		return protocol.Result{}, protocol.Errorf(protocol.ProviderNotAvailable, "the tool's server is away")
	}
	x, _ := request.Parameters.Get("a")
	if x.Digits() == "13" {
		return protocol.Result{}, protocol.Errorf(protocol.TaskExecutionFailed, "13 is bad luck")
	}
	return protocol.Result{Value: value.Object(value.Field{Name: "response", Value: value.String("sum of " + x.Digits())})}, nil
}

// calling has the model call tools as the lists say, a list a round, then answer.
func calling(t *testing.T, bodies *[]string, rounds ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		round := len(*bodies)
		*bodies = append(*bodies, string(data))
		if round < len(rounds) {
			fmt.Fprintf(w, `{"model":"m","message":{"role":"assistant","content":"","tool_calls":[%s]},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":9}`, rounds[round])
			return
		}
		answering("all done")(w, r)
	}
}

func call(name, arguments string) string {
	return `{"function":{"name":"` + name + `","arguments":` + arguments + `}}`
}

func TestToolsOfAModel(t *testing.T) {
	var bodies []string
	url := serving(t, calling(t, &bodies, call("add", `{"a":2,"b":3}`)+","+call("add", `{"a":13,"b":1}`), call("subtract", `{"a":1}`)))
	result := ask(t, open(t, llm.Options{Providers: at(url), Tools: box{}}), llm.Chat, `{"prompt":"What is the sum?","tools":["add"]}`)
	want(t, result, map[string]string{"response": `"all done"`, "tokens_used": "27", "prompt_tokens": "9"})
	if result.Usage != (protocol.Usage{LLMCalls: 3, PromptTokens: 9, TokensUsed: 27}) {
		t.Errorf("usage %+v", result.Usage)
	}
	calls, _ := result.Value.Get("tool_calls")
	got := []string{}
	for _, made := range calls.Elements() {
		round, _ := made.Get("round")
		tool, _ := made.Get("tool")
		arguments, _ := made.Get("arguments")
		outcome, is := made.Get("result")
		if !is {
			outcome, _ = made.Get("error")
		}
		if _, timed := made.Get("duration"); !timed {
			t.Errorf("%s has no duration", made.JSON())
		}
		got = append(got, fmt.Sprintf("%s %s %s: %s", round.JSON(), tool.Text(), arguments.JSON(), outcome.JSON()))
	}
	const wanted = `1 add {"a":2,"b":3}: {"response":"sum of 2"}
1 add {"a":13,"b":1}: "13 is bad luck"
2 subtract {"a":1}: "unknown tool \"subtract\"; the tools are add"`
	if strings.Join(got, "\n") != wanted {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), wanted)
	}
	for i, holds := range []string{
		`"tools":[{"type":"function","function":{"name":"add","description":"Add two numbers","parameters":{"type":"object","required":["a","b"],"properties":{"a":{"type":"integer"},"b":{"type":"integer"}}}}}]`,
		`{"role":"assistant","content":"","tool_calls":[{"function":{"index":0,"name":"add","arguments":{"a":2,"b":3}}},{"function":{"index":0,"name":"add","arguments":{"a":13,"b":1}}}]},` +
			`{"role":"tool","content":"sum of 2","tool_name":"add"},{"role":"tool","content":"error: 13 is bad luck","tool_name":"add"}`,
		`{"role":"tool","content":"error: unknown tool \"subtract\"; the tools are add","tool_name":"subtract"}`,
	} {
		if !strings.Contains(bodies[i], holds) {
			t.Errorf("call %d lacks %s:\n%s", i, holds, bodies[i])
		}
	}
}

func TestToolsThatAreNotToBeHad(t *testing.T) {
	for name, test := range map[string]struct {
		tools      protocol.Toolbox
		parameters string
		code       protocol.Code
		message    string
	}{
		"unknown": {box{}, `{"prompt":"x","tools":["add","subtract"]}`, protocol.MethodNotSupported, `there is no tool "subtract"`},
		"none":    {nil, `{"prompt":"x","tools":["add"]}`, protocol.ConfigurationError, "tools are not available here"},
		"endless": {box{}, `{"prompt":"x","tools":["add"],"max_tool_rounds":2}`, protocol.TaskExecutionFailed, "the model still calls tools after 2 rounds"},
		"away":    {box{away: true}, `{"prompt":"x","tools":["add"]}`, protocol.ProviderNotAvailable, "the tool's server is away"},
	} {
		t.Run(name, func(t *testing.T) {
			var bodies []string
			one := call("add", `{"a":2,"b":3}`)
			url := serving(t, calling(t, &bodies, one, one, one, one))
			got := fails(t, t.Context(), open(t, llm.Options{Providers: at(url), Tools: test.tools}), asking(t, llm.Chat, test.parameters), nil)
			if got.Code != test.code || got.Message != test.message {
				t.Errorf("got %s: %s", got.Name, got.Message)
			}
		})
	}
}

// With tools and a schema, the model is free until it has used its tools; then its answer is held to the schema.
func TestToolsAndSchema(t *testing.T) {
	var bodies []string
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if len(bodies) == 2 {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			bodies = append(bodies, string(data))
			answering(`{"n":5}`)(w, r)
			return
		}
		calling(t, &bodies, call("add", `{"a":2,"b":3}`))(w, r)
	})
	result := ask(t, open(t, llm.Options{Providers: at(url), Tools: box{}}), llm.Chat, `{"prompt":"What is the sum?","tools":["add"],`+wantsNumber+`}`)
	want(t, result, map[string]string{"parsed": `{"n":5}`})
	for i, format := range []bool{false, false, true} {
		if strings.Contains(bodies[i], `"format":`) != format || strings.Contains(bodies[i], `"tools":`) == format {
			t.Errorf("call %d: %s", i, bodies[i])
		}
	}
}

// Calls of tools come in pieces from a server of OpenAI's kind.
func TestToolsOfACompatibleServer(t *testing.T) {
	var bodies []string
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if bodies = append(bodies, string(data)); len(bodies) > 1 {
			speaking(said, finished, over)(w, r)
			return
		}
		speaking(`data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\": 1152921504606846977"}}]}}]}`,
			`data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":",\"b\":3}"}}]}}]}`,
			`data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}`, over)(w, r)
	})
	result := ask(t, open(t, llm.Options{Tools: box{}}), llm.Chat, `{"prompt":"x","provider":"openai","model":"m","base_url":"`+url+`","tools":["add"]}`)
	want(t, result, map[string]string{"response": `"yes"`})
	const holds = `{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":1152921504606846977,\"b\":3}"}}]},` +
		`{"role":"tool","content":"sum of 1152921504606846977","tool_call_id":"c1"}`
	if len(bodies) != 2 || !strings.Contains(bodies[1], holds) {
		t.Errorf("asked %s", strings.Join(bodies, "\n"))
	}
}
