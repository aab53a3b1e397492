package llm_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/require"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// path returns a value within a result.
func path(result protocol.Result, names ...string) value.Value {
	found := result.Value
	for _, name := range names {
		if found.Kind() == value.KindList {
			found = found.Elements()[0]
		}
		found, _ = found.Get(name)
	}
	return found
}

// Both providers send requests to the real Ollama, one under the address of its own API, the other under /v1.
func TestRequestsOfOpenAIsAPI(t *testing.T) {
	for name, handler := range map[string]*llm.Handler{"ollama": real(t), "openai": compatible(t)} {
		t.Run(name, func(t *testing.T) {
			chat := ask(t, handler, llm.Request, `{"url":"/v1/chat/completions","body":{"model":"llama3.2","messages":[{"role":"user","content":"hello"}],"temperature":0}}`)
			if got := path(chat, "body", "choices", "message", "content").JSON(); string(got) != greeting {
				t.Errorf("%s", chat.Value.JSON())
			}
			want(t, chat, map[string]string{"status_code": "200", "model": `"llama3.2"`, "warning": ""})
			if chat.Usage.LLMCalls != 1 || chat.Usage.PromptTokens == 0 || chat.Usage.TokensUsed == 0 || field(chat, "tokens_used") != fmt.Sprint(chat.Usage.TokensUsed) {
				t.Errorf("%+v", chat.Usage)
			}
			if id := path(chat, "request_id").Text(); !strings.HasPrefix(id, "req_") {
				t.Errorf("the id is %q", id)
			}
			renamed := ask(t, handler, llm.Request, `{"url":"/v1/completions","model_names":{"gpt-4o-mini":"tiny-script"},"body":{"model":"gpt-4o-mini","prompt":"SLOWLY","temperature":0,"max_tokens":3}}`)
			want(t, renamed, map[string]string{"status_code": "200", "model": `"tiny-script"`, "tokens_used": "3",
				"warning": `"the answer was cut off after 3 tokens; raise ` + "`max_tokens`" + ` of the body"`})
			vectors := ask(t, handler, llm.Request, `{"url":"/v1/embeddings","model":"tiny-script","body":{"input":["hello","PINEAPPLE"]}}`)
			if data := path(vectors, "body", "data"); len(data.Elements()) != 2 || vectors.Usage.PromptTokens == 0 {
				t.Errorf("%s %+v", vectors.Value.JSON(), vectors.Usage)
			}
			responses := ask(t, handler, llm.Request, `{"url":"/v1/responses","body":{"model":"tiny-script","input":"hello","temperature":0}}`)
			if path(responses, "body", "object").Text() != "response" || responses.Usage.TokensUsed == 0 {
				t.Errorf("%s %+v", responses.Value.JSON(), responses.Usage)
			}
			refused := ask(t, handler, llm.Request, `{"url":"/v1/chat/completions","body":{"model":"llama3.2","messages":[]}}`)
			want(t, refused, map[string]string{"status_code": "400", "tokens_used": "0"})
			if path(refused, "body", "error", "message").Text() == "" || refused.Warning == "" {
				t.Errorf("%s", refused.Value.JSON())
			}
			missing := fails(t, t.Context(), handler, asking(t, llm.Request, `{"url":"/v1/chat/completions","body":{"model":"no-such:7b","messages":[{"role":"user","content":"x"}]}}`), nil)
			if missing.Code != protocol.TaskValidationFailed || !strings.Contains(missing.Message, `has no model "no-such:7b"`) {
				t.Errorf("%s: %s", missing.Name, missing.Message)
			}
		})
	}
}

// What is sent has the digits and the order of the file; only the name of the model is another.
func TestBodyIsSentAsItIs(t *testing.T) {
	var path, sent atomic.Value
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		path.Store(r.URL.Path)
		sent.Store(string(bodyOf(t, r).JSON()))
		w.Header().Set("X-Request-Id", "req-7")
		fmt.Fprint(w, `{"id":"x","z":1.50,"a":12345678901234567890,"usage":{"input_tokens":7,"output_tokens":2},"incomplete_details":{"reason":"max_output_tokens"}}`)
	})
	handler := open(t, llm.Options{Provider: "openai", Providers: compatibleAt("", url+"/v1")})
	result := ask(t, handler, llm.Request, `{"url":"/v1/responses","model_names":{"gpt":"m"},"body":{"z":1.50,"model":"gpt","seed":12345678901234567890,"input":[],"extra":{"b":null,"a":1e400}}}`)
	if got, want := sent.Load(), `{"z":1.50,"model":"m","seed":12345678901234567890,"input":[],"extra":{"b":null,"a":1e400}}`; got != want || path.Load() != "/v1/responses" {
		t.Errorf("%s got %s", path.Load(), got)
	}
	want(t, result, map[string]string{"request_id": `"req-7"`, "prompt_tokens": "7", "tokens_used": "2",
		"body":    `{"id":"x","z":1.50,"a":12345678901234567890,"usage":{"input_tokens":7,"output_tokens":2},"incomplete_details":{"reason":"max_output_tokens"}}`,
		"warning": `"the answer was cut off after 2 tokens; raise ` + "`max_tokens`" + ` of the body"`})
	// A server that gives no id gets one.
	nameless := open(t, llm.Options{Provider: "openai", Providers: compatibleAt("", serving(t, answeringDocument(`{}`)))})
	if id := field(ask(t, nameless, llm.Request, `{"url":"/v1/responses","body":{"model":"m"}}`), "request_id"); !strings.HasPrefix(id, `"req_`) {
		t.Errorf("the id is %s", id)
	}
}

// A response that is streamed is passed on line by line, with what it has used. When it breaks off, the request is not sent again: what was
// passed on cannot be taken back. A request that the server refuses before has its response.
func TestResponseThatIsStreamed(t *testing.T) {
	var asked atomic.Int64
	how := ""
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if how == "refused" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":{"message":"no"}}`)
			return
		}
		fmt.Fprint(w, "data: {\"choices\":[]}\n\n")
		if how == "broken" {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, "data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n")
	})
	handler := open(t, llm.Options{Provider: "openai", Providers: compatibleAt("", url+"/v1")})
	request := asking(t, llm.Request, `{"url":"/v1/chat/completions","body":{"model":"m","stream":true,"messages":[]}}`)
	var pieces []string
	request.Stream = func(piece []byte) error { pieces = append(pieces, string(piece)); return nil }
	result, err := handler.Handle(t.Context(), request, nil)
	if got := strings.Join(pieces, "|"); err != nil || got != "data: {\"choices\":[]}\n|\n|data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n|\n|data: [DONE]\n|\n" {
		t.Errorf("%v %q", err, got)
	}
	want(t, result, map[string]string{"status_code": "200", "prompt_tokens": "3", "tokens_used": "4"})
	how, pieces = "broken", nil
	failure := fails(t, t.Context(), handler, request, nil)
	if len(pieces) != 2 || asked.Load() != 2 {
		t.Errorf("%d pieces of %d responses: %s", len(pieces), asked.Load(), failure.Message)
	}
	how, pieces = "refused", nil
	want(t, ask(t, handler, llm.Request, `{"url":"/v1/chat/completions","body":{"model":"m","messages":[]}}`), map[string]string{"status_code": "400"})
	result, err = handler.Handle(t.Context(), request, nil)
	if err != nil || len(pieces) > 0 {
		t.Errorf("%v %q", err, pieces)
	}
	want(t, result, map[string]string{"status_code": "400", "body": `{"error":{"message":"no"}}`})
}

// What the server says decides whether the request has a response, is sent again, or fails.
func TestWhatAServerSaysOfARequest(t *testing.T) {
	const key = "sk-0123456789abcdef"
	for name, test := range map[string]struct {
		status int
		body   string
		want   string // Of a response: status and body.
		code   protocol.Code
		sent   int64 // How often, at least.
	}{
		"refused":          {400, `{"error":{"message":"max_tokens is too large"}}`, `400 {"error":{"message":"max_tokens is too large"}}`, 0, 1},
		"too long":         {400, `{"error":{"message":"the request exceeds the available context size"}}`, `400 {"error":{"message":"the request exceeds the available context size"}}`, 0, 1},
		"unprocessable":    {422, `{"detail":"no"}`, `422 {"detail":"no"}`, 0, 1},
		"too large":        {413, `<html>`, `413 {"error":{"message":"<html>","type":"invalid_request_error","param":null,"code":null}}`, 0, 1},
		"without a body":   {405, ``, `405 {"error":{"message":"Method Not Allowed","type":"invalid_request_error","param":null,"code":null}}`, 0, 1},
		"caller's fault":   {500, `{"error":{"message":"invalid JSON schema in format"}}`, `500 {"error":{"message":"invalid JSON schema in format"}}`, 0, 1},
		"with the key":     {400, `{"error":{"message":"bad key ` + key + `"}}`, `400 {"error":{"message":"bad key ` + key + `"}}`, 0, 1}, // The caller redacts results.
		"wrong key":        {401, `{"error":{"message":"who?"}}`, "", protocol.InvalidParams, 1},
		"missing model":    {404, `{"error":{"message":"model 'm' not found"}}`, "", protocol.TaskValidationFailed, 1},
		"redirect":         {302, ``, "", protocol.InvalidParams, 1},
		"too many":         {429, `{"error":{"message":"slow down"}}`, "", protocol.ProviderOverloaded, 2},
		"loading":          {503, `{"error":{"message":"busy"}}`, "", protocol.ProviderOverloaded, 2},
		"gateway":          {502, `<html>`, "", protocol.ProviderNotAvailable, 1},
		"failed":           {500, `{"error":{"message":"broken"}}`, "", protocol.TaskExecutionFailed, 1},
		"not JSON":         {200, `<!doctype html>`, "", protocol.TaskExecutionFailed, 1},
		"a list":           {200, `[]`, "", protocol.TaskExecutionFailed, 1},
		"error within":     {200, `{"error":{"code":429,"message":"slow down"}}`, "", protocol.ProviderOverloaded, 2},
		"aborted":          {200, `{"choices":[{"finish_reason":"abort"}]}`, "", protocol.TaskExecutionFailed, 1},
		"cut off":          {200, `{"choices":[{"finish_reason":"stop"},{"finish_reason":"length"}]}`, `200 {"choices":[{"finish_reason":"stop"},{"finish_reason":"length"}]}`, 0, 1},
		"refused by model": {200, `{"choices":[{"message":{"refusal":"no"}}]}`, `200 {"choices":[{"message":{"refusal":"no"}}]}`, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			url := chatting(t, func(w http.ResponseWriter, r *http.Request, _ value.Value) {
				sent.Add(1)
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			})
			handler := open(t, llm.Options{Patience: time.Millisecond})
			request := asking(t, llm.Request, `{"url":"/v1/chat/completions","provider":"openai","base_url":"`+url+`","api_key":"`+key+`","body":{"model":"m","messages":[]}}`)
			result, err := handler.Handle(t.Context(), request, nil)
			if test.code != 0 {
				if failure := protocol.AsError(err, 0); err == nil || failure.Code != test.code {
					t.Errorf("%v %s", err, result.Value.JSON())
				}
			} else if got := field(result, "status_code") + " " + field(result, "body"); err != nil || got != test.want || result.Warning == "" {
				t.Errorf("%v %s %q", err, got, result.Warning)
			}
			if sent.Load() < test.sent {
				t.Errorf("it was sent %d times", sent.Load())
			}
			if strings.Contains(result.Warning, key) {
				t.Errorf("%s", result.Warning)
			}
		})
	}
}

// A call whose model one server does not have goes to another, by the model of its body.
func TestRequestGoesWhereItsModelIs(t *testing.T) {
	without := chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"message":"model 'llama3.2' not found","type":"not_found_error"}}`)
	})
	handler := open(t, llm.Options{Providers: at(without, ollamatest.Start(t))})
	for range 4 {
		want(t, ask(t, handler, llm.Request, `{"url":"/v1/chat/completions","body":{"model":"llama3.2","messages":[{"role":"user","content":"hello"}],"temperature":0}}`),
			map[string]string{"status_code": "200", "provider_id": `"` + ollamatest.Start(t) + `"`})
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	handler := open(t, llm.Options{Providers: at("http://" + refusing(t))})
	for parameters, message := range map[string]string{
		`{"url":"/v1/chat/completions","body":{"model":"m","stream":true}}`: "llm/request: `stream` of the body is not supported: a response is one document",
		`{"url":"/v1/chat/completions","body":{}}`:                          "llm/request: the body has no `model`",
		`{"url":"/v1/chat/completions","model_names":{"a":"b"},"body":{}}`:  "llm/request: the body has no `model`",
	} {
		if got := fails(t, t.Context(), handler, asking(t, llm.Request, parameters), nil); got.Message != message || got.Code != protocol.InvalidParams {
			t.Errorf("%s: %s %s", parameters, got.Name, got.Message)
		}
	}
	for _, parameters := range []string{`{"url":"/v1/moderations","body":{"model":"m"}}`, `{"url":"/v1/responses"}`, `{"url":"/v1/responses","body":[]}`} {
		if got := fails(t, t.Context(), handler, asking(t, llm.Request, parameters), nil); got.Code != protocol.InvalidParams {
			t.Errorf("%s: %s %s", parameters, got.Name, got.Message)
		}
	}
	unreachable := fails(t, t.Context(), handler, asking(t, llm.Request, `{"url":"/v1/responses","body":{"model":"m"}}`), nil)
	if unreachable.Code != protocol.ProviderNotAvailable || !unreachable.Retryable() {
		t.Errorf("%s %s", unreachable.Name, unreachable.Message)
	}
}

// Ollama's /v1 cuts a prompt without saying so: the result has a warning.
func TestPromptOfARequestThatIsCut(t *testing.T) {
	require.Long(t, "a model reads thousands of tokens")
	for name, handler := range map[string]*llm.Handler{"ollama": real(t), "openai": compatible(t)} {
		for words, warned := range map[int]bool{200: false, 1000: true} {
			body := `{"model":"llama3.2","temperature":0,"messages":[{"role":"user","content":"` + strings.Repeat("pear ", words) + `"}]}`
			result := ask(t, handler, llm.Request, `{"url":"/v1/chat/completions","body":`+body+`}`)
			const warning = "the prompt is longer than the model's context of 2048 tokens: the server cut it"
			if (result.Warning == warning) != warned {
				t.Errorf("%s, %d words: %q, %d tokens", name, words, result.Warning, result.Usage.PromptTokens)
			}
		}
	}
}
