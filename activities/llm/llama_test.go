package llm_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Calls at once are answered at the first attempt, although the server closes its connections.
func TestCallsOfLlamaServer(t *testing.T) {
	closing, _ := closingServer(t, func(int64) bool { return false })
	for name, url := range withLlama(t, closing) {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Patience: time.Nanosecond, Providers: compatibleAt("m", url)})
			for i, err := range inParallel(t, handler, 200, 4, func(int) protocol.Request {
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
			if got.Code != protocol.InvalidParams || !strings.HasPrefix(got.Message, `the prompt with "long.txt" is longer than the model's context: request (`) || !strings.HasSuffix(got.Message, " tokens) exceeds the available context size (256 tokens), try increasing it") {
				t.Errorf("%s: %s", got.Name, got.Message)
			}
			if _, err = handler.Handle(t.Context(), request("fit"), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// Mistakes of the caller are not retried, whatever the status is, and set no server aside: the next call goes to it, not to another one.
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
				handler := open(t, llm.Options{Tools: box{}, Providers: compatibleAt("m", url, serving(t, speaking(said, finished, over)))})
				got := fails(t, t.Context(), handler, asking(t, test.method, `{"provider":"openai",`+test.parameters+`}`), nil)
				if got.Code != protocol.InvalidParams || got.Kind != protocol.Permanent || !strings.Contains(got.Message, test.words) {
					t.Errorf("%s %s: %s", got.Name, got.Kind, got.Message)
				}
				result := ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai","max_tokens":3,"api_key":"s3cret"}`)
				want(t, result, map[string]string{"provider_id": `"` + url + `"`})
			})
		}
	}
}

// A text that is too long to embed, for the context or for the batch, is named.
func TestEmbedOfALongTextByLlamaServer(t *testing.T) {
	for title, more := range map[string][]string{"context": nil, "batch": {"-c", "4096", "-b", "128", "-ub", "128"}} {
		for name, url := range llamaServers(t, append([]string{"--embeddings", "--pooling", "mean"}, more...)...) {
			t.Run(title+" "+name, func(t *testing.T) {
				handler := open(t, llm.Options{Providers: compatibleAt("m", url, serving(t, speaking()))})
				result := ask(t, handler, llm.Embed, `{"provider":"openai","model":"m","input":["short","`+strings.Repeat("word ", 300)+`"]}`)
				if !strings.HasPrefix(result.Warning, "text 1 is longer than the model's context: only its first ") {
					t.Errorf("warning %q", result.Warning)
				}
				want(t, result, map[string]string{"provider_id": `"` + url + `"`})
			})
		}
	}
}

// The server ignores a length of vectors that its model does not have: the task fails.
func TestDimensionsThatLlamaServerIgnores(t *testing.T) {
	for name, url := range llamaServers(t, "--embeddings", "--pooling", "mean") {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: compatibleAt("m", url)})
			got := fails(t, t.Context(), handler, asking(t, llm.Embed, `{"provider":"openai","model":"m","input":"x","dimensions":100000}`), nil)
			if got.Code != protocol.InvalidParams || got.Kind != protocol.Permanent || !strings.HasPrefix(got.Message, `the model "m" has no vectors of length 100000: it returned `) {
				t.Errorf("%s %s: %s", got.Name, got.Kind, got.Message)
			}
		})
	}
}

// A router answers 400 for a model that it does not have: another server is asked, or another model.
func TestModelThatARouterDoesNotHave(t *testing.T) {
	folder := t.TempDir()
	ollamatest.Weights(t, "tiny-script", folder)
	for name, url := range llamaServers(t, "--models-dir", folder) {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: compatibleAt("", url)})
			got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"x","provider":"openai","model":"nope"}`), nil)
			if got.Code != protocol.TaskValidationFailed || got.Kind != protocol.Permanent || !strings.HasSuffix(got.Message, ` has no model "nope": model 'nope' not found`) {
				t.Errorf("%s %s: %s", got.Name, got.Kind, got.Message)
			}
			ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai","models":["nope","tiny-script"],"max_tokens":3}`)
			other := serving(t, speaking(said, finished, over))
			handler = open(t, llm.Options{Providers: compatibleAt("nope", url, other)})
			want(t, ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`), map[string]string{"provider_id": `"` + other + `"`})
		})
	}
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
	const calls, whileLoading = 60, 12
	var requests atomic.Int64
	servers := map[string]string{"recorded": chatting(t, func(w http.ResponseWriter, r *http.Request, _ value.Value) {
		if requests.Add(1) <= whileLoading {
			loading.serve(w, r)
			return
		}
		speaking(said, finished, over)(w, r)
	})}
	if program := os.Getenv(llamaProgram); program != "" {
		servers["real"] = startLlama(t, program, func(int) bool { return true }) + "/v1"
	}
	for name, url := range servers {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Patience: time.Nanosecond, Providers: compatibleAt("m", url)})
			for i, err := range inParallel(t, handler, calls, 8, func(int) protocol.Request {
				return asking(t, llm.Chat, `{"prompt":"x","provider":"openai","max_tokens":3}`)
			}, func(int) {}) {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
		})
	}
	if requests.Load() != calls+whileLoading {
		t.Errorf("%d requests", requests.Load())
	}
}

// Calls that together are too many for the cache of the server are sent again, with fewer at once, and say so.
func TestCacheThatIsFull(t *testing.T) {
	exceeded := recorded(t, llamaRecorded, 0, "Context size has been exceeded")
	const fit, limit = 2, 4
	var mu sync.Mutex
	var running []chan struct{}
	full := false
	scripted := chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		ended := make(chan struct{})
		mu.Lock()
		running = append(running, ended)
		if len(running) > fit {
			for _, other := range running {
				close(other)
			}
			running, full = nil, true
		}
		hold := !full // Until there were too many once.
		mu.Unlock()
		fmt.Fprint(w, said+"\n\n")
		if hold {
			<-ended
		}
		mu.Lock()
		at := slices.Index(running, ended)
		if at >= 0 {
			running = slices.Delete(running, at, at+1)
		}
		mu.Unlock()
		if at < 0 {
			fmt.Fprint(w, "data: "+exceeded.body+"\n\n")
			return
		}
		fmt.Fprint(w, finished+"\n\n"+over+"\n\n")
	})
	for name, url := range withLlama(t, scripted, "-np", strconv.Itoa(limit), "--kv-unified") {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: "openai", Model: "m", MaxConcurrent: limit, URLs: []string{url}}}})
			var calls sync.WaitGroup
			var lowered atomic.Int64
			for range 60 {
				calls.Go(func() {
					// Each has room alone. A real model that would stop early does not.
					_, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"SLOWLY","provider":"openai","max_tokens":100,"options":{"ignore_eos":true}}`), func(text string) {
						if strings.HasPrefix(text, "at most ") && strings.Contains(text, " calls at once from now on: ") {
							lowered.Add(1)
						}
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			if lowered.Load() == 0 || name == "recorded" && lowered.Load() > limit {
				t.Errorf("%d calls said that the limit is lower", lowered.Load())
			}
		})
	}
}

// The server reports on its page /props how many calls it works on, its context, and what its model accepts.
func TestWhatLlamaServerReports(t *testing.T) {
	var chats atomic.Int64
	scripted := servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/props":
			fmt.Fprint(w, `{"default_generation_settings":{"n_ctx":256},"total_slots":2,"modalities":{"vision":false,"video":false,"audio":false},"build_info":"b9000-abc"}`)
		case "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"m"}]}`)
		default:
			chats.Add(1)
		}
	})
	for name, url := range withLlama(t, scripted, "-c", "512", "-np", "2") {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: compatibleAt("m", url)})
			got := fails(t, t.Context(), handler, asking(t, llm.Vision, `{"prompt":"x","provider":"openai","images":["`+encoded(t, "red")+`"]}`), nil)
			wantError(t, got, protocol.InvalidParams, protocol.Permanent, `the model "m" does not accept images`, "use one that does")
			for _, state := range handler.Probe(t.Context(), func(protocol.Server) bool { return true }) {
				if state.Provider == "openai" && (state.Slots != 2 || state.Context != 256 || state.Version == "" || len(state.Modalities) != 0) {
					t.Errorf("%+v", state)
				}
			}
		})
	}
	if chats.Load() != 0 {
		t.Errorf("%d requests", chats.Load())
	}
}

// No more calls are in flight than the server works on at once, once it has said how many these are.
func TestLimitBySlotsOfLlamaServer(t *testing.T) {
	var held atomic.Pointer[gate]
	url := servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/props":
			fmt.Fprint(w, `{"total_slots":1}`)
		case r.Method != http.MethodPost:
			http.NotFound(w, r)
		default:
			_ = bodyOf(t, r)
			held.Load().before(speaking(said, finished, over))(w, r)
		}
	})
	handler := open(t, llm.Options{Providers: compatibleAt("m", url+"/v1")})
	for range 100 { // The page is read beside the first calls.
		now, waits := newGate(), make(chan struct{}, 2)
		held.Store(now)
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() {
				if _, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"x","provider":"openai"}`), waiting(waits)); err != nil {
					t.Error(err)
				}
			})
		}
		<-now.arrived
		limited := false
		select {
		case <-now.arrived:
		case <-waits:
			limited = true
		}
		close(now.opened)
		if calls.Wait(); limited {
			return
		}
	}
	t.Error("two calls are in flight at a server that works on one")
}

// A call that waits in the queue of the server gets no sign of life: that is not silence as long as the server works on others. The
// same holds for an image, about whose model the server is asked first.
func TestQueueOfLlamaServer(t *testing.T) {
	var asked atomic.Int64
	var busy atomic.Bool
	begins := make(chan struct{}, 1)
	scripted := servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/props":
			fmt.Fprint(w, `{"total_slots":2,"modalities":{"vision":true}}`)
		case "/slots":
			fmt.Fprintf(w, `[{"id":0,"is_processing":true},{"id":1,"is_processing":%t}]`, busy.Load())
			if asked.Add(1) == 2 { // The idle timeout is over for the second time.
				begins <- struct{}{}
			}
		default:
			_ = bodyOf(t, r)
			select {
			case <-begins:
				speaking(said, finished, over)(w, r)
			case <-r.Context().Done():
			}
		}
	})
	handler := open(t, llm.Options{Providers: compatibleAt("m", scripted+"/v1")})
	for method, parameters := range map[string]string{llm.Chat: `{"prompt":"x"`, llm.Vision: `{"prompt":"x","images":["` + encoded(t, "red") + `"]`} {
		asked.Store(0)
		busy.Store(true)
		want(t, ask(t, handler, method, parameters+`,"provider":"openai","idle_timeout":0.2}`), map[string]string{"response": `"yes"`})
		busy.Store(false)
		asked.Store(2)
		if got := fails(t, t.Context(), handler, asking(t, method, parameters+`,"provider":"openai","idle_timeout":0.1}`), nil); got.Code != protocol.ProviderTimeout {
			t.Errorf("%s: got %s: %s", method, got.Name, got.Message)
		}
	}
	program := os.Getenv(llamaProgram)
	if program == "" {
		return
	}
	url := startLlama(t, program, func(status int) bool { return status == http.StatusOK }) + "/v1"
	working, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := open(t, llm.Options{Providers: compatibleAt("m", url)}).Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"SLOWLY","provider":"openai","max_tokens":150,"options":{"ignore_eos":true}}`), once(func() { close(working) }))
		ended <- err
	}()
	<-working
	ask(t, open(t, llm.Options{Providers: compatibleAt("m", url)}), llm.Chat, `{"prompt":"x","provider":"openai","max_tokens":3,"idle_timeout":0.05}`)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
