package llm_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// A server whose quota of the day is used up fails its calls at once: they name when it wants to be asked again. Another server is
// asked.
func TestQuotaThatIsUsedUp(t *testing.T) {
	var requests atomic.Int64
	full := chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		requests.Add(1)
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"error":{"message":"daily quota"}}`)
	})
	handler := open(t, llm.Options{Providers: compatibleAt("m", full)})
	for range 3 {
		began := time.Now()
		got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"x","provider":"openai"}`), nil)
		prefix := "the server at " + full + " is overloaded: daily quota; it asks for no request before "
		again, err := time.ParseInLocation(time.DateTime, strings.TrimPrefix(got.Message, prefix), time.Local)
		if got.Code != protocol.ProviderOverloaded || err != nil || again.Before(began.Add(23*time.Hour)) || time.Since(began) > soon {
			t.Errorf("%s: %s after %s", got.Name, got.Message, time.Since(began))
		}
	}
	if requests.Load() != 1 {
		t.Errorf("%d requests", requests.Load())
	}
	handler = open(t, llm.Options{Providers: compatibleAt("m", full, chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		speaking(said, finished, over)(w, nil)
	}))})
	for range 3 {
		want(t, ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`), map[string]string{"response": `"yes"`})
	}
}

// A call says until when it waits for a server that asks for it.
func TestProgressOfAPause(t *testing.T) {
	var requests atomic.Int64
	handler := open(t, llm.Options{Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		if requests.Add(1) == 1 {
			w.Header().Set("Retry-After", "0.3")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		speaking(said, finished, over)(w, nil)
	}))})
	var told []string
	if _, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"x","provider":"openai"}`), func(text string) { told = append(told, text) }); err != nil {
		t.Fatal(err)
	}
	var at int
	if _, err := fmt.Sscanf(told[0], "waiting until %2d:", &at); err != nil || !strings.HasSuffix(told[0], ": the server asks for it") {
		t.Errorf("progress %q", told)
	}
}

// A model that cannot be loaded fails the call at once, in the words of the server; one that is being loaded is waited for.
func TestModelThatCannotBeLoaded(t *testing.T) {
	for _, test := range []struct{ provider, body, message string }{
		{"ollama", `{"error":"llama runner process has terminated: error loading model: unable to allocate CUDA0 buffer"}`, "Ollama at URL failed: llama runner process has terminated: error loading model: unable to allocate CUDA0 buffer"},
		{"openai", `{"error":"Error loading model."}`, "the server at URL failed: Error loading model."},
	} {
		var requests atomic.Int64
		url := serving(t, func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			faulty(http.StatusInternalServerError, test.body)(w, nil)
		})
		handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: test.provider, URLs: []string{url}}}})
		got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"x","model":"m","provider":"`+test.provider+`"}`), nil)
		if strings.ReplaceAll(got.Message, url, "URL") != test.message || got.Kind != protocol.TaskFault || requests.Load() != 1 {
			t.Errorf("%s %s: %s, %d requests", got.Name, got.Kind, got.Message, requests.Load())
		}
	}
}

// A server that quotes a prompt in its error is not gone.
func TestErrorThatQuotesThePrompt(t *testing.T) {
	url := chatting(t, func(w http.ResponseWriter, _ *http.Request, _ value.Value) {
		faulty(http.StatusUnprocessableEntity, `{"detail":[{"type":"less_than_equal","loc":["body","temperature"],"msg":"Input should be <= 2","input":{"messages":[{"role":"user","content":"explain: dial tcp: connection refused"}]}}]}`)(w, nil)
	})
	got := fails(t, t.Context(), open(t, llm.Options{Providers: compatibleAt("m", url)}), asking(t, llm.Chat, `{"prompt":"explain: dial tcp: connection refused","provider":"openai"}`), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, "the server at "+url+" rejected the request: body.temperature: Input should be <= 2", "")
}

// A server that answers with one document is silent until then: only the timeout of the task ends such a call.
func TestIdleTimeOfAnAnswerThatIsNoStream(t *testing.T) {
	handler := open(t, llm.Options{Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, r *http.Request, body value.Value) {
		stream, _ := body.Get("stream")
		switch {
		case stream.Bool():
			faulty(http.StatusBadRequest, `{"error":{"message":"streams are not supported","param":"stream"}}`)(w, r)
		case strings.Contains(string(body.JSON()), "SILENT"):
			<-r.Context().Done()
		default:
			fmt.Fprint(w, `{"choices":[{"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}]}`)
		}
	}))})
	silent := func() {
		request := asking(t, llm.Chat, `{"prompt":"SILENT","provider":"openai","idle_timeout":0.5}`)
		request.Timeout = 1200 * time.Millisecond
		if got := fails(t, t.Context(), handler, request, nil); got.Code != protocol.TaskTimeout {
			t.Errorf("got %s: %s", got.Name, got.Message)
		}
	}
	silent() // The server has not yet taken a request without a stream.
	want(t, ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`), map[string]string{"response": `"yes"`})
	silent()
}

// An error that has the word "stream" refuses no field, and a field is left out later only if the server has taken a request without it.
func TestErrorsThatRefuseNoField(t *testing.T) {
	for _, refusal := range []string{
		`{"error":{"message":"cannot stream the answer to: describe a stream"}}`,
		`{"error":{"message":"the field \"stream\" is not the problem"}}`,
		`{"detail":[{"loc":["body","stream"],"msg":"invalid"}]}`,
	} {
		var bodies []value.Value
		handler := open(t, llm.Options{Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, r *http.Request, body value.Value) {
			bodies = append(bodies, body)
			if strings.Contains(string(body.JSON()), "BAD") {
				faulty(http.StatusBadRequest, refusal)(w, r)
				return
			}
			speaking(said, finished, over)(w, r)
		}))})
		fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"BAD","provider":"openai"}`), nil)
		if strings.Contains(refusal, "cannot stream") && len(bodies) != 1 {
			t.Errorf("%s: %d requests", refusal, len(bodies))
		}
		ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`)
		if stream, _ := bodies[len(bodies)-1].Get("stream"); !stream.Bool() {
			t.Errorf("%s: sent %s", refusal, bodies[len(bodies)-1].JSON())
		}
	}
}

// A server that is started anew may have another model, and one that keeps a page to itself blocks no call.
func TestServerThatIsStartedWithAnotherModel(t *testing.T) {
	var sees, hangs atomic.Bool
	released := make(chan struct{})
	serve := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/props" && hangs.Load():
			<-released
		case r.URL.Path == "/props":
			fmt.Fprintf(w, `{"total_slots":4,"modalities":{"vision":%t}}`, sees.Load())
		case r.Method != http.MethodPost:
			http.NotFound(w, r)
		default:
			_ = bodyOf(t, r)
			speaking(said, finished, over)(w, r)
		}
	}
	server := &restarting{t: t, at: "127.0.0.1:0", serve: serve}
	server.start()
	handler := open(t, llm.Options{Providers: compatibleAt("m", server.server.URL)})
	image := `{"prompt":"x","provider":"openai","images":["` + encoded(t, "red") + `"]}`
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, image), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, `the model "m" does not accept images`, "use one that does")
	sees.Store(true) // Nothing shows that it is another process.
	want(t, ask(t, handler, llm.Chat, image), map[string]string{"response": `"yes"`})
	server.stop()
	if _, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"x","provider":"openai"}`), once(server.start)); err != nil {
		t.Fatal(err)
	}
	want(t, ask(t, handler, llm.Chat, image), map[string]string{"response": `"yes"`})
	server.stop()

	hangs.Store(true)
	handler = open(t, llm.Options{Providers: compatibleAt("m", servingAll(t, serve))})
	began := time.Now()
	for range 3 {
		ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("calls waited %s for a page", took)
	}
	close(released)
}

// A prompt that is cut is sent several times in one slot: each counts.
func TestRequestsOfOneCallCount(t *testing.T) {
	var requests atomic.Int64
	llama := llamaServer(t)
	handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: "openai", Model: "m", RequestsPerMinute: 3, URLs: []string{serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			requests.Add(1)
		}
		llama(w, r)
	})}}}})
	ask(t, handler, llm.Chat, `{"prompt":"`+strings.Repeat("word ", 100)+`","provider":"openai"}`)
	ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`)
	if requests.Load() != 3 {
		t.Fatalf("%d requests", requests.Load())
	}
	waits := make(chan string, 1)
	go func() {
		_, _ = handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"x","provider":"openai"}`), func(text string) { waits <- text }) // It ends with the test.
	}()
	if text := <-waits; !strings.HasPrefix(text, "waiting until ") || !strings.HasSuffix(text, ": the limit of the provider per minute is reached") {
		t.Errorf("progress %q", text)
	}
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
