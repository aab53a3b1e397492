package llm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Fields that a server refuses are left out from then on.
func TestFieldsThatAServerRefuses(t *testing.T) {
	for name, test := range map[string]struct{ field, refusal string }{
		"Mistral":                  {"stream_options", `{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","stream_options","include_usage"],"msg":"Extra inputs are not permitted","input":true}]},"type":"invalid_request_error"}`},
		"OpenAI without streams":   {"stream", `{"error":{"message":"Unsupported value: 'stream' does not support true with this model. Only the default (false) value is supported.","param":"stream"}}`},
		"OpenAI's thinking models": {"max_tokens", `{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			url := chatting(t, func(w http.ResponseWriter, _ *http.Request, body value.Value) {
				requests.Add(1)
				if _, is := body.Get(test.field); is {
					w.WriteHeader(http.StatusUnprocessableEntity)
					fmt.Fprint(w, test.refusal)
					return
				}
				if stream, _ := body.Get("stream"); !stream.Bool() {
					fmt.Fprint(w, `{"choices":[{"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":1}}`)
					return
				}
				speaking(said, finished, over)(w, nil)
			})
			handler := open(t, llm.Options{Providers: compatibleAt("m", url)})
			for range 3 {
				want(t, ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai","max_tokens":5}`), map[string]string{"response": `"yes"`})
			}
			if requests.Load() != 4 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}

// Null removes a field, and a penalty is sent under the name that the task has for it.
func TestFieldsOfTheTask(t *testing.T) {
	var sent value.Value
	handler := open(t, llm.Options{Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, _ *http.Request, body value.Value) {
		sent = body
		speaking(said, finished, over)(w, nil)
	}))})
	ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai","repeat_penalty":1.30,"options":{"stream_options":null}}`)
	if _, is := sent.Get("stream_options"); is {
		t.Errorf("sent %s", sent.JSON())
	}
	if penalty, _ := sent.Get("repeat_penalty"); penalty.Digits() != "1.30" {
		t.Errorf("sent %s", sent.JSON())
	}
	if _, is := sent.Get("repetition_penalty"); is {
		t.Errorf("a name that was not written was sent: %s", sent.JSON())
	}
	ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai","options":{"repetition_penalty":1.30}}`)
	if _, is := sent.Get("repeat_penalty"); is {
		t.Errorf("a name that was not written was sent: %s", sent.JSON())
	}
}

// Log probabilities keep their digits.
func TestLogprobs(t *testing.T) {
	handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		if asked, _ := bodyOf(t, r).Get("top_logprobs"); asked.Digits() != "2" {
			t.Error("not asked for")
		}
		fmt.Fprintln(w, `{"message":{"role":"assistant","content":"x"},"logprobs":[{"token":"x","logprob":-0.10}],"done":true,"done_reason":"stop"}`)
	})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"x","logprobs":true,"top_logprobs":2}`), map[string]string{"logprobs": `[{"token":"x","logprob":-0.10}]`})
	handler = open(t, llm.Options{Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		chunk, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"delta": map[string]string{"content": "x"}, "finish_reason": "stop",
			"logprobs": map[string]any{"content": []any{map[string]any{"token": "x", "logprob": -0.5}}}}}})
		speaking("data: "+string(chunk), over)(w, nil)
	}))})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai","logprobs":true}`), map[string]string{"logprobs": `[{"logprob":-0.5,"token":"x"}]`})
}

// What Ollama reads as a duration is sent; what it cannot count is refused before a server is called.
func TestKeepAlive(t *testing.T) {
	var sent value.Value
	handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		sent = bodyOf(t, r)
		answering("yes")(w, r)
	})
	for given, want := range map[string]string{
		`300`: `"5m0s"`, `"5m"`: `"5m0s"`, `1.5`: `"1.5s"`, `0`: `"0s"`, `"0"`: `"0s"`, `9000000000`: `"2500000h0m0s"`,
		`1e12`: "", `1e400`: "", `9223372037`: "", `"99999999999h"`: "", `"300"`: "", `"-1"`: "", `"soon"`: "",
	} {
		sent = value.Value{}
		_, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"x","keep_alive":`+given+`}`), nil)
		if want == "" && err == nil {
			t.Errorf("%s: sent %s", given, sent.JSON())
			continue
		}
		if want == "" {
			wantError(t, protocol.AsError(err, 0), protocol.InvalidParams, protocol.Permanent, "keep_alive must be a number of seconds or a duration such as 5m, not "+given, "")
			continue
		}
		if keep, _ := sent.Get("keep_alive"); err != nil || string(keep.JSON()) != want {
			t.Errorf("%s: sent %s, %v", given, keep.JSON(), err)
		}
	}
	if _, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"x"}`), nil); err != nil {
		t.Fatal(err)
	}
	if _, is := sent.Get("keep_alive"); is { // A model in memory keeps the value of the last call.
		t.Errorf("sent %s", sent.JSON())
	}
}

// Each degree of thinking is sent as the server calls it.
func TestDegreesOfThinking(t *testing.T) {
	var sent value.Value
	keep := func(serve http.HandlerFunc) string {
		return chatting(t, func(w http.ResponseWriter, r *http.Request, body value.Value) {
			sent = body
			serve(w, r)
		})
	}
	handler := open(t, llm.Options{Providers: append(at(keep(answering("yes"))), compatibleAt("m", keep(speaking(said, finished, over)))...)})
	for think, fields := range map[string][2]string{
		`"max"`: {`"think":"max"`, `"reasoning_effort":"max"`}, `"low"`: {`"think":"low"`, `"reasoning_effort":"low"`},
		`false`: {`"think":false`, `"chat_template_kwargs":{"enable_thinking":false}`}, `true`: {`"think":true`, `"chat_template_kwargs":{"enable_thinking":true}`},
	} {
		for i, provider := range []string{"ollama", "openai"} {
			ask(t, handler, llm.Chat, `{"prompt":"x","provider":"`+provider+`","think":`+think+`}`)
			if !strings.Contains(string(sent.JSON()), fields[i]) {
				t.Errorf("%s, think %s: sent %s", provider, think, sent.JSON())
			}
		}
	}
}
