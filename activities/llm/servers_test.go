package llm_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// bodyOf is the body of a request; nothing for a page such as /props.
func bodyOf(t testing.TB, r *http.Request) value.Value {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	if len(data) == 0 {
		return value.Value{}
	}
	body, err := value.Parse(data)
	if err != nil {
		t.Error(err)
	}
	return body
}

// chatting is a server with OpenAI's API that has no other pages.
func chatting(t testing.TB, serve func(w http.ResponseWriter, r *http.Request, body value.Value)) string {
	return serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		serve(w, r, bodyOf(t, r))
	})
}

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

// The key of an Ollama server is sent with every request, and to no other host.
func TestKeyOfAnOllamaServer(t *testing.T) {
	const key = "s3cret-token"
	var elsewhere atomic.Value
	other := serving(t, func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Store(r.Header.Get("Authorization"))
		answering("yes")(w, r)
	})
	guarded := func(serve http.HandlerFunc) string {
		return serving(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+key {
				t.Errorf("%s has %q", r.URL.Path, r.Header.Get("Authorization"))
			}
			if r.URL.Path == "/api/show" {
				fmt.Fprint(w, `{"capabilities":["completion","vision"]}`)
				return
			}
			serve(w, r)
		})
	}
	image := encoded(t, "red")
	secret := func(string) (string, error) { return key, nil }
	handler := open(t, llm.Options{Secret: secret, Providers: []protocol.ProviderSettings{{Name: "ollama", URLs: []string{guarded(answering("yes"))}, Key: "KEY"}}})
	request := asking(t, llm.Vision, `{"prompt":"x","images":["`+image+`"]}`)
	request.Secret = secret
	if _, err := handler.Handle(t.Context(), request, nil); err != nil {
		t.Error(err)
	}
	redirecting := guarded(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other+r.URL.Path, http.StatusTemporaryRedirect)
	})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"x","base_url":"`+redirecting+`","api_key":"`+key+`"}`), map[string]string{"response": `"yes"`})
	if elsewhere.Load() != "" {
		t.Errorf("the other host got %v", elsewhere.Load())
	}
}

// closingServer promises to keep connections and closes them, as llama.cpp's llama-server does: after each answer, and before the
// answers to the requests for which unanswered says so.
func closingServer(t testing.TB, unanswered func(request int64) bool) (url string, requests *atomic.Int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	body := strings.Join([]string{said, finished, over, ""}, "\n\n")
	requests = &atomic.Int64{}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				request, err := http.ReadRequest(bufio.NewReader(connection))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				if request.Method == http.MethodPost && unanswered(requests.Add(1)) {
					return
				}
				promise := "Keep-Alive: timeout=5, max=100"
				if request.Method == http.MethodGet { // A page about the server: no request for an answer meets its connection.
					promise = "Connection: close"
				}
				fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", promise, len(body), body)
			}()
		}
	}()
	return "http://" + listener.Addr().String(), requests
}

// A request that meets a closed connection is sent once more at once, also if the connection was a new one.
func TestServerThatClosesConnections(t *testing.T) {
	for name, test := range map[string]struct {
		unanswered func(request int64) bool
		requests   int64
	}{
		"after an answer":         {func(int64) bool { return false }, 200},
		"before the first answer": {func(request int64) bool { return request == 1 }, 201},
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := closingServer(t, test.unanswered)
			handler := open(t, llm.Options{Providers: compatibleAt("m", url)})
			errs := inParallel(t, handler, 200, 4, func(int) protocol.Request { return asking(t, llm.Chat, `{"prompt":"x","provider":"openai"}`) }, func(int) {})
			for i, err := range errs {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if requests.Load() != test.requests {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
	url, requests := closingServer(t, func(int64) bool { return true })
	got := fails(t, t.Context(), open(t, llm.Options{Providers: compatibleAt("m", url)}), asking(t, llm.Chat, `{"prompt":"x","provider":"openai"}`), nil)
	if got.Code != protocol.ProviderNotAvailable || requests.Load() != 2 {
		t.Errorf("got %s: %s after %d requests", got.Name, got.Message, requests.Load())
	}
}

// A server that loads its model is waited for, longer than one that is overloaded, and by calls of any age.
func TestServerThatLoadsItsModel(t *testing.T) {
	loading := recorded(t, llamaRecorded, http.StatusServiceUnavailable, "Loading model")
	var requests atomic.Int64
	handler := open(t, llm.Options{Patience: time.Nanosecond, Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		if requests.Add(1) < 4 {
			loading.serve(w, nil)
			return
		}
		speaking(said, finished, over)(w, nil)
	}))})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`), map[string]string{"response": `"yes"`})
}

// A server that says when it wants to be asked again gets no request before.
func TestRetryAfter(t *testing.T) {
	var first time.Time
	var requests atomic.Int64
	handler := open(t, llm.Options{Patience: time.Nanosecond, Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		if requests.Add(1) == 1 {
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"error":{"message":"Rate limit reached: retry after 1s"}}`)
			return
		}
		if since := time.Since(first); since < time.Second {
			t.Errorf("asked again after %s", since)
		}
		speaking(said, finished, over)(w, nil)
	}))})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`), map[string]string{"response": `"yes"`})
}

// Headers of the settings are sent with every request to that server, and to no other host; messages do not show their secrets.
func TestHeadersOfTheSettings(t *testing.T) {
	const token = "token-0123456789"
	other := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "" || r.Header.Get("X-Team") != "" {
			t.Errorf("another host got %v", r.Header)
		}
		answering("yes")(w, r)
	})
	for provider, path := range map[string]string{"ollama": "", "openai": "/v1"} {
		url := servingAll(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Token") != "Token "+token || r.Header.Get("X-Team") != "red" {
				t.Errorf("%s %s has %v", provider, r.URL.Path, r.Header)
			}
			if r.Method == http.MethodPost && strings.Contains(string(bodyOf(t, r).JSON()), "ELSEWHERE") {
				http.Redirect(w, r, other+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":{"message":"invalid token %s"}}`, token)
		})
		secret := func(string) (string, error) { return token, nil }
		handler := open(t, llm.Options{Secret: secret, Provider: provider, Providers: []protocol.ProviderSettings{{
			Name: provider, Model: "m", URLs: []string{url + path}, Headers: []protocol.Setting{{Name: "X-Team", Value: "red"}, {Name: "X-Token", Value: "Token ${secrets.TOKEN}"}},
		}}})
		for _, call := range []struct{ method, parameters string }{{llm.Chat, `{"prompt":"x"}`}, {llm.Embed, `{"input":"x","model":"m"}`}, {llm.Vision, `{"prompt":"x","images":["` + encoded(t, "red") + `"]}`}} {
			request := asking(t, call.method, call.parameters)
			request.Secret = secret
			if got := fails(t, t.Context(), handler, request, nil); strings.Contains(got.Message, token) || got.Code != protocol.InvalidParams {
				t.Errorf("%s %s: %s: %s", provider, call.method, got.Name, got.Message)
			}
		}
		for _, state := range handler.Probe(t.Context(), func(protocol.Server) bool { return true }) {
			if state.Error != nil && strings.Contains(state.Error.Message, token) {
				t.Errorf("%s: %s", provider, state.Error.Message)
			}
		}
		request := asking(t, llm.Chat, `{"prompt":"ELSEWHERE"}`)
		request.Secret = secret
		if _, err := handler.Handle(t.Context(), request, nil); provider == "ollama" && err != nil {
			t.Error(err)
		}
	}
}

// Calls that together are too many for the cache of llama.cpp's llama-server are sent again, with fewer at once.
func TestCacheThatIsFull(t *testing.T) {
	exceeded := recorded(t, llamaRecorded, 0, "Context size has been exceeded")
	var mu sync.Mutex
	var running []chan struct{}
	handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: "openai", Model: "m", MaxConcurrent: 4, URLs: []string{chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		ended := make(chan struct{})
		mu.Lock()
		running = append(running, ended)
		full := len(running) > 2
		if full {
			for _, other := range running {
				close(other)
			}
			running = nil
		}
		mu.Unlock()
		fmt.Fprint(w, said+"\n\n")
		select {
		case <-ended:
			fmt.Fprint(w, "data: "+exceeded.body+"\n\n")
			return
		case <-time.After(20 * time.Millisecond):
		}
		mu.Lock()
		for i, other := range running {
			if other == ended {
				running = append(running[:i], running[i+1:]...)
				break
			}
		}
		mu.Unlock()
		fmt.Fprint(w, finished+"\n\n"+over+"\n\n")
	})}}}})
	for i, err := range inParallel(t, handler, 60, 8, func(int) protocol.Request { return asking(t, llm.Chat, `{"prompt":"x","provider":"openai"}`) }, func(int) {}) {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

// llama.cpp's llama-server says how many calls it works on, what its model accepts, and whether it is busy.
func TestWhatLlamaServerReports(t *testing.T) {
	var chats atomic.Int64
	busy := atomic.Bool{}
	busy.Store(true)
	url := servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/props":
			fmt.Fprint(w, `{"default_generation_settings":{"n_ctx":4096},"total_slots":2,"modalities":{"vision":false,"video":false,"audio":false},"build_info":"b9000-abc"}`)
		case "/slots":
			fmt.Fprintf(w, `[{"id":0,"n_ctx":4096,"is_processing":true},{"id":1,"n_ctx":4096,"is_processing":%t}]`, busy.Load())
		case "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"m"}]}`)
		default:
			chats.Add(1)
			if strings.Contains(string(bodyOf(t, r).JSON()), "QUEUED") { // No header before the slot begins.
				<-time.After(500 * time.Millisecond)
			}
			speaking(said, finished, over)(w, r)
		}
	})
	handler := open(t, llm.Options{Providers: compatibleAt("m", url+"/v1")})
	got := fails(t, t.Context(), handler, asking(t, llm.Vision, `{"prompt":"x","provider":"openai","images":["`+encoded(t, "red")+`"]}`), nil)
	if got.Code != protocol.InvalidParams || chats.Load() != 0 {
		t.Errorf("got %s: %s, %d requests", got.Name, got.Message, chats.Load())
	}
	want(t, ask(t, handler, llm.Chat, `{"prompt":"QUEUED","provider":"openai","idle_timeout":0.2}`), map[string]string{"response": `"yes"`})
	busy.Store(false)
	if got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"QUEUED","provider":"openai","idle_timeout":0.1}`), nil); got.Code != protocol.ProviderTimeout {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
	for _, state := range handler.Probe(t.Context(), func(protocol.Server) bool { return true }) {
		if state.Provider == "openai" && (state.Slots != 2 || state.Context != 4096 || state.Version != "b9000-abc") {
			t.Errorf("%+v", state)
		}
	}
}

// No more requests a minute than the settings allow.
func TestRequestsPerMinute(t *testing.T) {
	handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: "openai", Model: "m", RequestsPerMinute: 2, URLs: []string{chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		speaking(said, finished, over)(w, nil)
	})}}}})
	for range 2 {
		ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`)
	}
	request := asking(t, llm.Chat, `{"prompt":"x","provider":"openai"}`)
	waits := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		_, err := handler.Handle(t.Context(), request, func(string) { close(waits) })
		ended <- err
	}()
	<-waits
	select {
	case err := <-ended:
		t.Errorf("a third request was made: %v", err)
	default:
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

func TestKeepAliveThatIsTooLong(t *testing.T) {
	got := fails(t, t.Context(), open(t, llm.Options{}), asking(t, llm.Chat, `{"prompt":"x","keep_alive":1e12}`), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, "keep_alive must be a number of seconds or a duration such as 5m, not 1e12", "")
}
