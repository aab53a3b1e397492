package llm_test

import (
	"bufio"
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

// Calls at once are answered at the first attempt, although the server closes its connections.
func TestCallsOfLlamaServer(t *testing.T) {
	for name, url := range llamaServers(t) {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: compatibleAt("m", url)})
			for i, err := range inParallel(t, handler, 40, 4, func(int) protocol.Request {
				return asking(t, llm.Chat, `{"prompt":"Hello","provider":"openai","max_tokens":3}`)
			}, func(int) {}) {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
		})
	}
}

// A prompt that is too long is cut and named, or fails with the server's words.
func TestPromptThatIsTooLongForLlamaServer(t *testing.T) {
	for name, url := range llamaServers(t) {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: compatibleAt("m", url)})
			request := func(how string) protocol.Request {
				r := asking(t, llm.Chat, `{"prompt":"What?","provider":"openai","max_tokens":3,"on_truncation":"`+how+`","file_path":"long.txt"}`)
				r.Files.(folder).write(t, "long.txt", []byte(strings.Repeat("word ", 300)))
				return r
			}
			result, err := handler.Handle(t.Context(), request("warn"), nil)
			if err != nil || !strings.HasPrefix(result.Warning, "the prompt of ") || !strings.Contains(result.Warning, ` tokens is longer than the model's context of 256 tokens: only the first `) {
				t.Errorf("%v, warning %q", err, result.Warning)
			}
			got := fails(t, t.Context(), handler, request("fail"), nil)
			if got.Code != protocol.InvalidParams || !strings.HasPrefix(got.Message, "the prompt is longer than the model's context: request (") || !strings.HasSuffix(got.Message, " tokens) exceeds the available context size (256 tokens), try increasing it") {
				t.Errorf("%s: %s", got.Name, got.Message)
			}
			if _, err = handler.Handle(t.Context(), request("fit"), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// Mistakes of the caller are not retried, whatever the status is, and set no server aside.
func TestMistakesThatLlamaServerRejects(t *testing.T) {
	for title, test := range map[string]struct {
		flags              []string
		method, parameters string
		words              string
	}{
		"embeddings": {nil, llm.Embed, `"input":"x","model":"m"`, "This server does not support embeddings"},
		"image":      {nil, llm.Vision, `"prompt":"x","images":["` + encoded(t, "red") + `"]`, ""},
		"schema":     {nil, llm.Chat, `"prompt":"x","schema":{"type":"array","items":false}`, "schema"},
		"tools":      {[]string{"--no-jinja"}, llm.Chat, `"prompt":"x","tools":["add"]`, "tools param requires --jinja flag"},
		"key":        {[]string{"--api-key", "s3cret"}, llm.Chat, `"prompt":"x","api_key":"wrong-key"`, "denied access: Invalid API Key"},
	} {
		for name, url := range llamaServers(t, test.flags...) {
			t.Run(title+" "+name, func(t *testing.T) {
				handler := open(t, llm.Options{Tools: box{}, Providers: compatibleAt("m", url)})
				got := fails(t, t.Context(), handler, asking(t, test.method, `{"provider":"openai",`+test.parameters+`}`), nil)
				if got.Code != protocol.InvalidParams || got.Kind != protocol.Permanent || !strings.Contains(got.Message, test.words) {
					t.Errorf("%s %s: %s", got.Name, got.Kind, got.Message)
				}
				ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai","max_tokens":3,"api_key":"s3cret"}`)
			})
		}
	}
}

// A text that is too long to embed is named.
func TestEmbedOfALongTextByLlamaServer(t *testing.T) {
	for name, url := range llamaServers(t, "--embeddings") {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: compatibleAt("m", url)})
			result := ask(t, handler, llm.Embed, `{"provider":"openai","model":"m","input":["short","`+strings.Repeat("word ", 300)+`"]}`)
			if !strings.HasPrefix(result.Warning, "text 1 is longer than the model's context: only its first ") {
				t.Errorf("warning %q", result.Warning)
			}
		})
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
				fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nKeep-Alive: timeout=5, max=100\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
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
