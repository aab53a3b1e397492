package llm_test

import (
	"context"
	"fmt"
	"net/http"
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

const slowly = `{"prompt":"SLOWLY"}`

// soon is far above what ends a call at once, and far below what would let it run on.
const soon = 5 * time.Second

// once runs f when a call has told its first progress.
func once(f func()) protocol.Progress {
	var first sync.Once
	return func(string) { first.Do(f) }
}

func TestCancelEndsTheAnswer(t *testing.T) {
	handler := real(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var at time.Time
	got := fails(t, ctx, handler, asking(t, llm.Chat, slowly), once(func() { at = time.Now(); cancel() }))
	wantError(t, got, protocol.TaskCancelled, protocol.Permanent, "the call was cancelled", "")
	if took := time.Since(at); took > soon {
		t.Errorf("it ended %s after the cancel", took)
	}
	// The model is free again.
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": greeting})
}

func TestTimeout(t *testing.T) {
	request := asking(t, llm.Chat, slowly)
	request.Timeout = 300 * time.Millisecond
	began := time.Now()
	result, err := real(t).Handle(t.Context(), request, nil)
	if err == nil {
		t.Fatal("no error")
	}
	wantError(t, protocol.AsError(err, 0), protocol.TaskTimeout, protocol.TaskFault, "timed out after 0.3 s: the model was still answering",
		"raise the `timeout` of the task, or limit the answer with `max_tokens`")
	if took := time.Since(began); took > soon {
		t.Errorf("it ended after %s", took)
	}
	if result.Usage.LLMCalls != 1 || result.Usage.TokensUsed == 0 {
		t.Errorf("usage %+v", result.Usage)
	}
}

// As long as tokens come, the idle time begins anew.
func TestIdleTimeIsNotForAnAnswerThatComes(t *testing.T) {
	began := time.Now()
	handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range 30 {
			<-tick.C
			fmt.Fprintln(w, `{"message":{"role":"assistant","content":"x"},"done":false}`)
			http.NewResponseController(w).Flush()
		}
		fmt.Fprintln(w, `{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}`)
	})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello","idle_timeout":0.4}`), map[string]string{"response": `"` + strings.Repeat("x", 30) + `"`})
	if time.Since(began) < 400*time.Millisecond {
		t.Error("the answer took less than the idle time: this proves nothing")
	}
}

func TestSilence(t *testing.T) {
	for name, beforehand := range map[string]string{"from the beginning": "", "in the midst": `{"message":{"role":"assistant","content":"x"},"done":false}` + "\n"} {
		handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, beforehand)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		for _, parameters := range []string{`{"prompt":"hello","idle_timeout":0.2}`, `{"prompt":"hello","idle_timeout":"200ms"}`} {
			got := fails(t, t.Context(), handler, asking(t, llm.Chat, parameters), nil)
			if got.Code != protocol.ProviderTimeout || got.Kind != protocol.Transient || got.Message != "Ollama sent nothing for 0.2 s" {
				t.Errorf("%s: got %s %s: %s", name, got.Name, got.Kind, got.Message)
			}
		}
	}
}

func TestServerKilledInTheMidstOfAnAnswer(t *testing.T) {
	server := ollamatest.StartPrivate(t)
	handler := open(t, llm.Options{Providers: at(server.URL), Absence: time.Nanosecond})
	killed := make(chan struct{})
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, slowly), once(func() {
		go func() {
			defer close(killed)
			server.Kill(t)
		}()
	}))
	<-killed
	if got.Code != protocol.ProviderNotAvailable || got.Kind != protocol.Transient || !strings.HasPrefix(got.Message, "Ollama at "+server.URL+" cannot be reached: ") {
		t.Errorf("got %s %s: %s", got.Name, got.Kind, got.Message)
	}
	got = fails(t, t.Context(), handler, asking(t, llm.Chat, slowly), nil)
	if got.Code != protocol.ProviderNotAvailable || !strings.Contains(got.Message, server.URL) {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
	server.Restart(t)
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": greeting})
}

// The return of a server that has answered before is waited for; where it never has, or stays away for too long, calls fail.
func TestServerThatComesBack(t *testing.T) {
	server := ollamatest.StartPrivate(t)
	handler := open(t, llm.Options{Providers: at(server.URL)})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": greeting})
	server.Kill(t)
	back := make(chan error, 1)
	result, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"hello"}`), once(func() { back <- nil; server.Restart(t) }))
	if err != nil {
		t.Fatal(err)
	}
	want(t, result, map[string]string{"response": greeting})
	if len(back) != 1 {
		t.Error("it did not wait")
	}
}

// A server beside one that is gone may lack the model: what has it is waited for, unless it has never answered.
func TestServerThatComesBackBesideOneThatLacksTheModel(t *testing.T) {
	lacking := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":"model not found"}`)
	})
	server := ollamatest.StartPrivate(t)
	handler := open(t, llm.Options{Providers: at(server.URL, lacking)})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": greeting})
	server.Kill(t)
	result, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"hello"}`), once(func() { server.Restart(t) }))
	if err != nil {
		t.Fatal(err)
	}
	want(t, result, map[string]string{"response": greeting})
	got := fails(t, t.Context(), open(t, llm.Options{Providers: at("http://"+refusing(t), lacking)}), asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
	if got.Code != protocol.TaskValidationFailed && got.Code != protocol.ProviderNotAvailable {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
}

func TestNobodyThere(t *testing.T) {
	const hint = "start it with `ollama serve`, or set OLLAMA_HOST to where it runs"
	address := refusing(t)
	got := fails(t, t.Context(), open(t, llm.Options{Providers: at("http://" + address)}), asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
	wantError(t, got, protocol.ProviderNotAvailable, protocol.Transient,
		"Ollama at http://"+address+" cannot be reached: connection refused", hint)
	got = fails(t, t.Context(), open(t, llm.Options{Providers: at("http://no-such-host.invalid:1")}), asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
	if got.Code != protocol.ProviderNotAvailable || got.Kind != protocol.Transient || got.Hint != hint ||
		!strings.HasPrefix(got.Message, "Ollama at http://no-such-host.invalid:1 cannot be reached: ") {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
}

func TestWhatAServerMaySay(t *testing.T) {
	status := func(code int, said string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprint(w, said)
		}
	}
	for name, test := range map[string]struct {
		serve   http.HandlerFunc
		code    protocol.Code
		kind    protocol.ErrorKind
		message string // URL stands for the server's.
	}{
		"full": {status(503, `{"error":"server busy, please try again.  maximum pending requests exceeded"}`), protocol.ProviderOverloaded, protocol.Transient,
			"Ollama at URL is overloaded: server busy, please try again.  maximum pending requests exceeded"},
		"too many":             {status(429, `{"error":"slow down"}`), protocol.ProviderOverloaded, protocol.Transient, "Ollama at URL is overloaded: slow down"},
		"gateway":              {status(502, "<html>Bad Gateway</html>"), protocol.ProviderNotAvailable, protocol.Transient, "Ollama at URL cannot be reached: <html>Bad Gateway</html>"},
		"refused":              {status(400, `{"error":"invalid options"}`), protocol.InvalidParams, protocol.Permanent, "Ollama at URL rejected the request: invalid options"},
		"denied":               {status(401, `{"error":"unauthorized"}`), protocol.InvalidParams, protocol.Permanent, "Ollama at URL denied access: unauthorized"},
		"no Ollama":            {status(404, "404 page not found"), protocol.InvalidParams, protocol.Permanent, "Ollama at URL rejected the request: 404 page not found"},
		"broken":               {status(500, `{"error":"model requires more system memory"}`), protocol.TaskExecutionFailed, protocol.TaskFault, "Ollama at URL failed: model requires more system memory"},
		"caller's fault":       {status(500, `{"error":"Failed to create new sequence: failed to process inputs: image: unknown format"}`), protocol.InvalidParams, protocol.Permanent, "Ollama at URL rejected the request: Failed to create new sequence: failed to process inputs: image: unknown format"},
		"not implemented":      {status(501, `{"error":"no answers here"}`), protocol.InvalidParams, protocol.Permanent, "Ollama at URL rejected the request: no answers here"},
		"no model's name":      {status(400, `{"error":"model is required"}`), protocol.InvalidParams, protocol.Permanent, `Ollama at URL: invalid model name "llama3.2"`},
		"error object":         {answeringBut(`{"error":{"message":"out of memory"}}`), protocol.TaskExecutionFailed, protocol.TaskFault, "Ollama at URL failed: out of memory"},
		"slow proxy":           {status(408, ""), protocol.ProviderOverloaded, protocol.Transient, "Ollama at URL is overloaded: 408 Request Timeout"},
		"proxy without server": {status(522, "<html>"), protocol.ProviderNotAvailable, protocol.Transient, "Ollama at URL cannot be reached: <html>"},
		"nothing":              {status(204, ""), protocol.TaskExecutionFailed, protocol.TaskFault, "Ollama at URL failed: 204 No Content"},
		"mid error":            {answeringBut(`{"error":"the runner has died"}`), protocol.TaskExecutionFailed, protocol.TaskFault, "Ollama at URL failed: the runner has died"},
		"no JSON":              {answeringBut("<html>"), protocol.TaskExecutionFailed, protocol.TaskFault, "invalid response from Ollama at URL: <html>"},
		"other types":          {answeringBut(`{"message":1}`), protocol.TaskExecutionFailed, protocol.TaskFault, `invalid response from Ollama at URL: {"message":1}`},
		"cut in a line":        {abandoning(`{"message":{"content":"x"}}` + "\n" + `{"message":{"role"`), protocol.ProviderNotAvailable, protocol.Transient, "the answer of Ollama at URL was cut off after 1 token"},
		"cut short":            {answeringBut(``), protocol.ProviderNotAvailable, protocol.Transient, "the answer of Ollama at URL was cut off after 1 token"},
		"reset": {func(w http.ResponseWriter, _ *http.Request) {
			panic(http.ErrAbortHandler)
		}, protocol.ProviderNotAvailable, protocol.Transient, "Ollama at URL cannot be reached: EOF"},
		"empty": {func(http.ResponseWriter, *http.Request) {}, protocol.ProviderNotAvailable, protocol.Transient, "the answer of Ollama at URL was cut off after 0 tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serving(t, test.serve)
			got := fails(t, t.Context(), open(t, llm.Options{Providers: at(url), Patience: time.Millisecond}), asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
			if got.Code != test.code || got.Kind != test.kind || strings.ReplaceAll(got.Message, url, "URL") != test.message {
				t.Errorf("got  %s %s: %s\nwant %s %s: %s", got.Name, got.Kind, got.Message, test.code.Info().Name, test.kind, test.message)
			}
		})
	}
}

// answeringBut begins an answer and goes on with a line that is none.
func answeringBut(line string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"message":{"role":"assistant","content":"x"},"done":false}`+"\n%s", line)
	}
}

// abandoning begins an answer and breaks the connection.
func abandoning(begun string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, begun)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// A server on this machine is never asked through a proxy.
func TestLoopbackNeedsNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://"+refusing(t))
	want(t, ask(t, scripted(t, answering("yes")), llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": `"yes"`})
}

// TestSlots has three calls where two may be in flight: the third waits, longer than its timeouts, and is then served.
func TestSlots(t *testing.T) {
	arrived, goOn := make(chan struct{}, 3), make(chan struct{})
	handler, err := llm.New(llm.Options{Providers: limited(2, serving(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-goOn
		answering("yes")(w, r)
	}))})
	if err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	begin := func(timeout time.Duration, progress protocol.Progress) {
		request := asking(t, llm.Chat, `{"prompt":"hello"}`)
		request.Timeout = timeout
		calls.Go(func() {
			if _, err := handler.Handle(t.Context(), request, progress); err != nil {
				t.Error(err)
			}
		})
	}
	begin(time.Minute, nil)
	begin(time.Minute, nil)
	<-arrived
	<-arrived
	waits := make(chan string, 10)
	const limit = 500 * time.Millisecond
	begin(limit, func(message string) { waits <- message })
	if said := <-waits; said != "waiting for another call to finish" {
		t.Error(said)
	}
	<-time.After(limit) // Its time would be over by now, had it begun.
	select {
	case <-arrived:
		t.Error("three calls are in flight")
	default:
	}
	close(goOn)
	calls.Wait()
	if err := handler.Close(); err != nil {
		t.Error(err)
	}
}

// A call that waits for its slot hears of a cancel.
func TestCancelOfACallThatWaits(t *testing.T) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	handler := open(t, llm.Options{Providers: limited(1, serving(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-goOn
		answering("yes")(w, r)
	}))})
	served := make(chan error, 1)
	go func() {
		_, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
		served <- err
	}()
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := fails(t, ctx, handler, asking(t, llm.Chat, `{"prompt":"hello"}`), func(string) { cancel() })
	if got.Code != protocol.TaskCancelled {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
	close(goOn)
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A password in the server's address is for the server alone: neither an error nor a result shows it.
func TestThePasswordOfAServerIsNotShown(t *testing.T) {
	address := ollamatest.Start(t)
	for _, c := range []struct{ url, where string }{
		{"http://bob:hunter2secret@127.0.0.1:1", "Ollama at http://127.0.0.1:1 cannot be reached"},
		{"bob:hunter2secret@127.0.0.1:1", `invalid address "…@127.0.0.1:1" of provider "ollama"`},
	} {
		handler, err := llm.New(llm.Options{Providers: at(c.url)})
		if err == nil {
			_, err = handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
		}
		if err == nil || strings.Contains(err.Error(), "hunter2secret") || !strings.Contains(err.Error(), c.where) {
			t.Errorf("%s: %v", c.url, err)
		}
	}
	_, host, _ := strings.Cut(address, "//")
	handler, err := llm.New(llm.Options{Providers: at("http://bob:hunter2secret@" + host)})
	if err != nil {
		t.Fatal(err)
	}
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"provider_id": `"` + address + `"`})
}

// Mistakes of the caller that servers answer with 500 are sent once, and set no server aside: the next call goes to it, not to another
// one.
func TestMistakesThatServersAnswerWith500(t *testing.T) {
	answers := map[string]http.HandlerFunc{"ollama": answering("yes"), "openai": speaking(said, finished, over)}
	tried := map[string]int{}
	for _, d := range readDialects(t) {
		name := "openai"
		if strings.HasPrefix(d.server, "Ollama") {
			name = "ollama"
		}
		if d.means != "caller fault" || d.status < http.StatusInternalServerError {
			continue
		}
		tried[name]++
		var bad atomic.Int64
		url := chatting(t, func(w http.ResponseWriter, r *http.Request, body value.Value) {
			if strings.Contains(string(body.JSON()), "BAD") {
				bad.Add(1)
				d.serve(w, r)
				return
			}
			answers[name](w, r)
		})
		handler := open(t, llm.Options{Provider: name, Providers: []protocol.ProviderSettings{{Name: name, Model: "m", URLs: []string{url, serving(t, answers[name])}}}})
		got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"BAD"}`), nil)
		if got.Code != protocol.InvalidParams || got.Kind != protocol.Permanent || bad.Load() != 1 {
			t.Errorf("%s: got %s %s after %d requests: %s", d.body, got.Name, got.Kind, bad.Load(), got.Message)
		}
		if at := field(ask(t, handler, llm.Chat, `{"prompt":"x"}`), "provider_id"); at != `"`+url+`"` {
			t.Errorf("%s: the next call went to %s", d.body, at)
		}
	}
	if tried["ollama"] < 5 || tried["openai"] < 4 {
		t.Errorf("only %v responses", tried)
	}
}

// What a real Ollama says of an option of a wrong type, and of an invalid template.
func TestMistakesThatOllamaAnswersWith500(t *testing.T) {
	for _, test := range []struct{ method, parameters, words string }{
		{llm.Chat, `{"prompt":"hello","options":{"num_predict":"many"}}`, `option "num_predict" must be of type integer`},
		{llm.Generate, `{"prompt":"hello","template":"{{ nope }}"}`, `function "nope" not defined`},
	} {
		got := fails(t, t.Context(), real(t), asking(t, test.method, test.parameters), nil)
		if got.Code != protocol.InvalidParams || got.Kind != protocol.Permanent || !strings.Contains(got.Message, test.words) {
			t.Errorf("got %s %s: %s", got.Name, got.Kind, got.Message)
		}
	}
}

func TestShortTimeout(t *testing.T) {
	request := asking(t, llm.Chat, slowly)
	request.Timeout = time.Millisecond
	if got := fails(t, t.Context(), real(t), request, nil); got.Message != "timed out after 1 ms: the model was still answering" {
		t.Errorf("got %q", got.Message)
	}
}

// The address of an OpenAI-compatible API is no address of Ollama, which may have another path behind a proxy.
func TestAddressOfAnotherAPI(t *testing.T) {
	for path, hint := range map[string]string{
		"/v1":  "the address of an API that ends in /v1 needs another `provider`; remove /v1 for Ollama's own API",
		"/gpu": "is it the address of an Ollama server? Other servers need another `provider`",
	} {
		got := fails(t, t.Context(), real(t), asking(t, llm.Chat, `{"prompt":"x","base_url":"`+ollamatest.Start(t)+path+`"}`), nil)
		if got.Code != protocol.InvalidParams || got.Hint != hint {
			t.Errorf("%s: %s: %s (%s)", path, got.Name, got.Message, got.Hint)
		}
	}
}
