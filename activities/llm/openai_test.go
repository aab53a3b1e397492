package llm_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// compatible is the shared Ollama as what it is to clients of OpenAI's API.
func compatible(t testing.TB) *llm.Handler {
	t.Helper()
	return open(t, llm.Options{Provider: "openai", Providers: []protocol.ProviderSettings{{
		Name: "openai", URLs: []string{ollamatest.Start(t) + "/v1"}, Model: "llama3.2", VisionModel: "llava", EmbedModel: "tiny-script",
	}}})
}

// Such a server samples with temperature 1 where a call names none.
func TestCompatibleServer(t *testing.T) {
	handler := compatible(t)
	for _, test := range []struct {
		method, parameters string
		want               map[string]string
	}{
		{llm.Chat, `{"prompt":"hello","temperature":0}`, map[string]string{"response": greeting, "role": `"assistant"`, "model": `"llama3.2"`, "done_reason": `"stop"`,
			"provider_id": `"` + ollamatest.Start(t) + `/v1"`}},
		{llm.Chat, `{"prompt":"Well?","system":"You are a PINEAPPLE.","temperature":0}`, map[string]string{"response": `"I saw the PINEAPPLE."`}},
		{llm.Chat, `{"prompt":"SLOWLY","max_tokens":4,"temperature":0}`, map[string]string{"response": `"tick tock tick tock "`, "done_reason": `"length"`, "tokens_used": "4", "prompt_tokens": "3"}},
		{llm.Chat, `{"prompt":"SLOWLY","stop":"tock","temperature":0}`, map[string]string{"response": `"tick "`}},
		{llm.Chat, `{"prompt":"hello","temperature":0,"seed":7,"top_p":0.9}`, map[string]string{"response": greeting}},
		{llm.Vision, `{"prompt":"Which colour?","temperature":0,"images":["` + encoded(t, "green") + `"]}`, map[string]string{"response": `"I see green."`, "model": `"llava"`}},
	} {
		want(t, ask(t, handler, test.method, test.parameters), test.want)
	}
	result := ask(t, handler, llm.Chat, `{"prompt":"SLOWLY","max_tokens":5,"temperature":0}`)
	if result.Usage != (protocol.Usage{LLMCalls: 1, PromptTokens: 3, TokensUsed: 5}) {
		t.Errorf("usage %+v", result.Usage)
	}
	result = ask(t, handler, llm.Chat, `{"prompt":"hello","max_tokens":100,"temperature":0,"schema":{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false}}`)
	parsed, _ := result.Value.Get("parsed")
	if ok, _ := parsed.Get("ok"); ok.Kind() != value.KindBool {
		t.Errorf("parsed %s", parsed.JSON())
	}
	// The same vectors as by Ollama's own API.
	theirs := ask(t, handler, llm.Embed, `{"input":["hello","PINEAPPLE"]}`)
	ours := ask(t, real(t), llm.Embed, `{"input":["hello","PINEAPPLE"],"model":"tiny-script"}`)
	if field(theirs, "embeddings") != field(ours, "embeddings") {
		t.Errorf("%s\nand %s", field(theirs, "embeddings"), field(ours, "embeddings"))
	}
}

// A task may name a server of its own, whatever the settings say.
func TestServerOfATask(t *testing.T) {
	handler := open(t, llm.Options{Providers: at("http://" + refusing(t))})
	address := ollamatest.Start(t)
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello","temperature":0,"provider":"openai","base_url":"`+address+`/v1","model":"tiny-script"}`), map[string]string{"response": greeting})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello","base_url":"`+address+`"}`), map[string]string{"response": greeting})
	for parameters, message := range map[string]string{
		`{"prompt":"x","provider":"openai"}`:                              `no server is configured for the provider "openai"`,
		`{"prompt":"x","provider":"openai","base_url":"` + address + `"}`: "llm/chat: `model` is required",
		`{"prompt":"x","base_url":"gpu"}`:                                 `invalid address "gpu" of provider "ollama"`,
	} {
		if got := fails(t, t.Context(), handler, asking(t, llm.Chat, parameters), nil); got.Message != message || got.Kind != protocol.Permanent {
			t.Errorf("%s: got %s %s: %s", parameters, got.Name, got.Kind, got.Message)
		}
	}
	for parameters, message := range map[string]string{
		`"num_ctx":512`:        "num_ctx is not supported by the provider",
		`"keep_alive":"5m"`:    "keep_alive is not supported by the provider",
		`"model":"no-such:7b"`: `has no model "no-such:7b"`,
	} {
		parameters = `{"prompt":"hello","provider":"openai","base_url":"` + address + `/v1",` + parameters
		if !strings.Contains(parameters, `"model"`) {
			parameters += `,"model":"tiny-script"`
		}
		if got := fails(t, t.Context(), handler, asking(t, llm.Chat, parameters+"}"), nil); !strings.Contains(got.Message, message) || got.Kind != protocol.Permanent {
			t.Errorf("%s: got %s %s: %s", parameters, got.Name, got.Kind, got.Message)
		}
	}
}

// speaking streams events as such servers do.
func speaking(events ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, event := range events {
			fmt.Fprintf(w, "%s\n\n", event)
		}
	}
}

// answeringDocument answers with one document.
func answeringDocument(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

const (
	said     = `data: {"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"yes"},"finish_reason":null}]}`
	finished = `data: {"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	counted  = `data: {"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}`
	over     = `data: [DONE]`
)

func TestWhatACompatibleServerMaySay(t *testing.T) {
	const key = "sk-0123456789abcdef"
	status := func(code int, said string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprint(w, said)
		}
	}
	for name, test := range map[string]struct {
		serve   http.HandlerFunc
		code    protocol.Code // 0: it is fine.
		kind    protocol.ErrorKind
		message string
	}{
		"all":                 {speaking(": hold on", said, finished, counted, over), 0, "", ""},
		"without counts":      {speaking(said, finished, over), 0, "", ""},
		"without a last word": {speaking(said, finished), 0, "", ""},
		"cut":                 {speaking(said), protocol.ProviderNotAvailable, protocol.Transient, "the answer of the server at URL was cut off after 1 token"},
		"without a reason":    {speaking(said, over), 0, "", ""},
		"a document":          {answeringDocument("{\n  \"choices\": [{\"message\": {\"role\": \"assistant\", \"content\": \"yes\"},\n\"finish_reason\": \"stop\"}]}"), 0, "", ""},
		"error line": {answeringDocument(`error: {"code":400,"message":"the request exceeds the available context size (4096 tokens)","type":"invalid_request_error"}` + "\n\n" + over),
			protocol.InvalidParams, protocol.Permanent, "the prompt is longer than the model's context: the request exceeds the available context size (4096 tokens)"},
		"bare error": {answeringDocument(`{"error":{"code":400,"message":"request (19185 tokens) exceeds the available context size (16384 tokens), try increasing it","type":"exceed_context_size_error"}}`),
			protocol.InvalidParams, protocol.Permanent, "the prompt is longer than the model's context: request (19185 tokens) exceeds the available context size (16384 tokens), try increasing it"},
		"error as an event": {speaking(`data: {"error":{"code":400,"message":"the request exceeds the available context size (4096 tokens)","type":"invalid_request_error"}}`),
			protocol.InvalidParams, protocol.Permanent, "the prompt is longer than the model's context: the request exceeds the available context size (4096 tokens)"},
		"LM Studio": {answeringDocument(`{"error": "Unexpected endpoint or method. (POST /chat/completions)"}`),
			protocol.InvalidParams, protocol.Permanent, "the server at URL rejected the request: Unexpected endpoint or method. (POST /chat/completions)"},
		"overloaded within": {speaking(`data: {"error":{"code":429,"message":"slow down"}}`), protocol.ProviderOverloaded, protocol.Transient, "the server at URL is overloaded: slow down"},
		"failed within":     {speaking(`data: {"error":{"code":500,"message":"out of luck"}}`), protocol.TaskExecutionFailed, protocol.TaskFault, "the server at URL failed: out of luck"},
		"error of a choice": {speaking(`data: {"choices":[{"index":0,"error":{"code":400,"message":"no such tool"}}]}`), protocol.InvalidParams, protocol.Permanent, "the server at URL rejected the request: no such tool"},
		"bare error, then the end of a stream": {answeringDocument(said + "\n\n" + `{"error":{"message":"the server is out of disk"}}` + "\n\n" + over + "\n\n"),
			protocol.TaskExecutionFailed, protocol.TaskFault, "the server at URL failed: the server is out of disk"},
		"an object that is an error": {answeringDocument(`{"object":"error","message":"the engine is dead","type":"InternalServerError","code":500}`),
			protocol.TaskExecutionFailed, protocol.TaskFault, "the server at URL failed: the engine is dead"},
		"an event that is an error":       {speaking(said, "event: error\ndata: {\"message\":\"boom\"}"), protocol.TaskExecutionFailed, protocol.TaskFault, "the server at URL failed: boom"},
		"an event after one that is none": {speaking("event: delta\n"+said, "event: end\n"+finished, over), 0, "", ""},
		"rate limit by a word": {speaking(said, `data: {"error":{"message":"Rate limit reached","type":"tokens","code":"rate_limit_exceeded"}}`),
			protocol.ProviderOverloaded, protocol.Transient, "the server at URL is overloaded: Rate limit reached"},
		"rate limit without a message": {speaking(`data: {"error":{"code":"rate_limit_exceeded"}}`), protocol.ProviderOverloaded, protocol.Transient, "the server at URL is overloaded: rate_limit_exceeded"},
		"overloaded by a word":         {speaking("event: error\n" + `data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`), protocol.ProviderOverloaded, protocol.Transient, "the server at URL is overloaded: Overloaded"},
		"unavailable by a word":        {answeringDocument(`{"error":{"type":"unavailable_error","message":"no slot"}}`), protocol.ProviderOverloaded, protocol.Transient, "the server at URL is overloaded: no slot"},
		"model's fault": {status(500, `{"error":{"code":500,"message":"The model produced output that does not match the expected peg-native format","type":"server_error"}}`),
			protocol.TaskResultInvalid, protocol.TaskFault, "the model's answer is invalid: The model produced output that does not match the expected peg-native format"},
		"caller's fault": {status(501, "{\"error\":{\"code\":501,\"message\":\"This server does not support embeddings. Start it with `--embeddings`\",\"type\":\"not_supported_error\"}}"),
			protocol.InvalidParams, protocol.Permanent, "the server at URL rejected the request: This server does not support embeddings. Start it with `--embeddings`"},
		"not implemented": {status(501, `{"error":{"code":501,"message":"no answers here"}}`), protocol.InvalidParams, protocol.Permanent, "the server at URL rejected the request: no answers here"},
		"router": {status(400, `{"error":{"code":400,"message":"model 'nope' not found","type":"invalid_request_error"}}`),
			protocol.TaskValidationFailed, protocol.Permanent, `the server at URL has no model "m": model 'nope' not found`},
		"cut in a line":               {abandoning(said + "\n\ndata: {\"choices\":[{"), protocol.ProviderNotAvailable, protocol.Transient, "the answer of the server at URL was cut off after 1 token"},
		"web page":                    {answeringDocument("<!doctype html>\n<title>Chat</title>\n"), protocol.TaskExecutionFailed, protocol.TaskFault, "invalid response from the server at URL: <!doctype html>"},
		"words":                       {answeringDocument("no healthy upstream"), protocol.TaskExecutionFailed, protocol.TaskFault, "invalid response from the server at URL: no healthy upstream"},
		"words of the protocol alone": {answeringDocument("id: 7\nretry: 3000\n: hold on\n\ndata"), protocol.ProviderNotAvailable, protocol.Transient, "the answer of the server at URL was cut off after 0 tokens"},
		"empty":                       {speaking(), protocol.ProviderNotAvailable, protocol.Transient, "the answer of the server at URL was cut off after 0 tokens"},
		"error within":                {speaking(said, `data: {"error":{"message":"out of memory"}}`), protocol.TaskExecutionFailed, protocol.TaskFault, "the server at URL failed: out of memory"},
		"no JSON":                     {speaking(`data: {`), protocol.TaskExecutionFailed, protocol.TaskFault, "invalid response from the server: not JSON: unexpected EOF"},
		"full":                        {status(503, `{"error":{"message":"queue full"}}`), protocol.ProviderOverloaded, protocol.Transient, "the server at URL is overloaded: queue full"},
		"too many":                    {status(429, `{"detail":"slow down"}`), protocol.ProviderOverloaded, protocol.Transient, `the server at URL is overloaded: "slow down"`},
		"gateway":                     {status(502, "<html>"), protocol.ProviderNotAvailable, protocol.Transient, "the server at URL cannot be reached: <html>"},
		"wrong key": {status(401, `{"error":{"message":"Incorrect API key provided: `+key+`"}}`), protocol.InvalidParams, protocol.Permanent,
			"the server at URL denied access: Incorrect API key provided: [api_key]"},
		"refused": {status(400, `{"message":"max_tokens is too large"}`), protocol.InvalidParams, protocol.Permanent, "the server at URL rejected the request: max_tokens is too large"},
		"failed":  {status(500, `{"error":"broken"}`), protocol.TaskExecutionFailed, protocol.TaskFault, "the server at URL failed: broken"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
			protocol.InvalidParams, protocol.Permanent, "the server at URL rejected the request: 302 Found"},
		"reset": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, protocol.ProviderNotAvailable, protocol.Transient,
			"the server at URL cannot be reached: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Value // A reset tells nobody that it was written.
			url := serving(t, func(w http.ResponseWriter, r *http.Request) {
				sent.Store(r.Header.Get("Authorization"))
				test.serve(w, r)
			})
			handler := open(t, llm.Options{Patience: time.Millisecond})
			result, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"x","provider":"openai","model":"m","base_url":"`+url+`","api_key":"`+key+`"}`), nil)
			if sent.Load() != "Bearer "+key {
				t.Errorf("sent %v", sent.Load())
			}
			if test.code == 0 {
				if err != nil {
					t.Fatal(err)
				}
				want(t, result, map[string]string{"response": `"yes"`, "done_reason": `"stop"`})
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			got := protocol.AsError(err, 0)
			if got.Code != test.code || got.Kind != test.kind || strings.ReplaceAll(got.Message, url, "URL") != test.message {
				t.Errorf("got  %s %s: %s\nwant %s %s: %s", got.Name, got.Kind, got.Message, test.code.Info().Name, test.kind, test.message)
			}
		})
	}
}

// Each text has one vector, which is a list of numbers.
func TestVectorsOfACompatibleServer(t *testing.T) {
	for body, test := range map[string]struct{ vectors, message string }{
		`{"data":[{"index":1,"embedding":[1.50,2]},{"index":0,"embedding":[3]}]}`: {`[[3],[1.50,2]]`, ""},
		`{"data":[{"embedding":[1]},{"embedding":[2]}]}`:                          {`[[1],[2]]`, ""},
		`{"data":[{"index":0,"embedding":"AACAPwAAAMA="},{"embedding":[3,4]}]}`:   {`[[1,-2],[3,4]]`, ""},
		`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}]}`:      {"", "two vectors have the index 0"},
		`{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[2]}]}`:      {"", "a vector has a wrong index"},
		`{"data":[{"index":0},{"index":1,"embedding":[2]}]}`:                      {"", "vector 0 is not a list of numbers"},
		`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[]}]}`:       {"", "vector 1 is not a list of numbers"},
		`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[null]}]}`:   {"", "vector 1 is not a list of numbers"},
		`{"data":[{"index":0,"embedding":"one"},{"index":1,"embedding":[2]}]}`:    {"", "vector 0 is not a list of numbers"},
		`{"data":[{"index":0,"embedding":"AADAfw=="},{"embedding":[3]}]}`:         {"", "vector 0 is not a list of numbers"},
	} {
		url := serving(t, answeringDocument(body))
		request := asking(t, llm.Embed, `{"input":["a","b"],"provider":"openai","model":"m","base_url":"`+url+`"}`)
		if test.message != "" {
			wantError(t, fails(t, t.Context(), open(t, llm.Options{}), request, nil), protocol.TaskResultInvalid, protocol.TaskFault,
				"invalid response from the server at "+url+": "+test.message, "")
			continue
		}
		result, err := open(t, llm.Options{}).Handle(t.Context(), request, nil)
		if err != nil {
			t.Fatal(err)
		}
		want(t, result, map[string]string{"embeddings": test.vectors})
	}
}

func TestSilenceOfACompatibleServer(t *testing.T) {
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s\n\n", said)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	parameters := `{"prompt":"x","provider":"openai","model":"m","base_url":"` + url + `","idle_timeout":0.2}`
	got := fails(t, t.Context(), open(t, llm.Options{}), asking(t, llm.Chat, parameters), nil)
	if got.Code != protocol.ProviderTimeout || got.Message != "the server sent nothing for 0.2 s" {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
	request := asking(t, llm.Chat, strings.Replace(parameters, `"idle_timeout":0.2`, `"idle_timeout":20`, 1))
	request.Timeout = 200 * time.Millisecond
	got = fails(t, t.Context(), open(t, llm.Options{}), request, nil)
	if got.Code != protocol.TaskTimeout {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
}

// What goes over the wire, with all digits.
func TestWhatACompatibleServerIsAsked(t *testing.T) {
	var path, body string
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path, body = r.URL.Path, string(data)
		speaking(`data: {"choices":[{"delta":{"content":"{}"},"finish_reason":"stop"}]}`, over)(w, r)
	})
	ask(t, open(t, llm.Options{}), llm.Chat, `{"system":"s","prompt":"p","provider":"openai","model":"m","base_url":"`+url+`/v1/","max_tokens":5,"seed":1152921504606846977,`+
		`"temperature":0.10,"stop":"x","repeat_penalty":1.1,"options":{"guided_regex":"a+"},"think":false,"schema":{"type":"object"}}`)
	const wanted = `{"model":"m","guided_regex":"a+","seed":1152921504606846977,"temperature":0.10,"repeat_penalty":1.1,"max_tokens":5,"stop":["x"],` +
		`"messages":[{"role":"system","content":"s"},{"role":"user","content":"p"}],"stream":true,"stream_options":{"include_usage":true},` +
		`"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"}}},"chat_template_kwargs":{"enable_thinking":false}}`
	if path != "/v1/chat/completions" || body != wanted {
		t.Errorf("%s\ngot  %s\nwant %s", path, body, wanted)
	}
}

// The key of the settings is asked of the worker by its name; without it nothing is sent.
func TestKeyOfTheSettings(t *testing.T) {
	var sent string
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Get("Authorization")
		speaking(said, finished, over)(w, r)
	})
	handler := open(t, llm.Options{Provider: "openai", Providers: []protocol.ProviderSettings{{Name: "openai", URLs: []string{url}, Model: "m", Key: "LOCAL"}}})
	request := asking(t, llm.Chat, `{"prompt":"x"}`)
	request.Secret = func(name string) (string, error) { return "the key " + name, nil }
	if _, err := handler.Handle(t.Context(), request, nil); err != nil || sent != "Bearer the key LOCAL" {
		t.Errorf("sent %q, %v", sent, err)
	}
	request.Secret = func(string) (string, error) { return "", errors.New("not there") }
	sent = ""
	if _, err := handler.Handle(t.Context(), request, nil); err == nil || sent != "" {
		t.Errorf("sent %q, %v", sent, err)
	}
	// A server of the settings that the task names is one of them.
	request = asking(t, llm.Chat, `{"prompt":"x","base_url":"`+url+`/"}`)
	request.Secret = func(name string) (string, error) { return "the key " + name, nil }
	if _, err := handler.Handle(t.Context(), request, nil); err != nil || sent != "Bearer the key LOCAL" {
		t.Errorf("sent %q, %v", sent, err)
	}
	// It is for the servers of the settings alone.
	request = asking(t, llm.Chat, `{"prompt":"x","base_url":"`+serving(t, func(w http.ResponseWriter, r *http.Request) {
		sent = "elsewhere " + r.Header.Get("Authorization")
		speaking(said, finished, over)(w, r)
	})+`"}`)
	if _, err := handler.Handle(t.Context(), request, nil); err != nil || sent != "elsewhere " {
		t.Errorf("sent %q, %v", sent, err)
	}
}
