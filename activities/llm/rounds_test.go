package llm_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// countingBox is a box whose tool is called so often, and does what it is told to.
type countingBox struct {
	box
	calls    *atomic.Int64
	harmless bool
	do       func(ctx context.Context) error
}

func (c countingBox) Tool(ctx context.Context, request protocol.Request, name string) (protocol.Tool, error) {
	tool, err := c.box.Tool(ctx, request, name)
	tool.Idempotent = c.harmless
	return tool, err
}

func (c countingBox) Call(ctx context.Context, request protocol.Request) (protocol.Result, error) {
	c.calls.Add(1)
	if c.do != nil {
		if err := c.do(ctx); err != nil {
			return protocol.Result{}, err
		}
	}
	return c.box.Call(ctx, request)
}

const usesTools = `{"prompt":"What is the sum?","tools":["add"]}`

// inRounds asks for a tool first and then does what it is told to.
func inRounds(then http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/chat" {
			http.NotFound(w, r)
			return
		}
		if asked.Add(1) == 1 {
			fmt.Fprintf(w, `{"message":{"content":"","tool_calls":[%s]},"done":true,"done_reason":"stop"}`, call("add", `{"a":1152921504606846977,"b":1.10}`))
			return
		}
		then(w, r)
	}
}

// A server that has too much to do between two rounds is asked again for the second alone, and arguments keep their digits.
func TestToolsAreCalledOnceThoughTheServerIsBusy(t *testing.T) {
	var calls, busy atomic.Int64
	url := serving(t, inRounds(func(w http.ResponseWriter, r *http.Request) {
		if busy.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		answering("all done")(w, r)
	}))
	result := ask(t, open(t, llm.Options{Providers: at(url), Tools: countingBox{calls: &calls}}), llm.Chat, usesTools)
	want(t, result, map[string]string{"response": `"all done"`})
	made, _ := result.Value.Get("tool_calls")
	if calls.Load() != 1 || len(made.Elements()) != 1 || !strings.Contains(string(made.JSON()), `{"a":1152921504606846977,"b":1.10}`) {
		t.Errorf("%d calls, recorded %s", calls.Load(), made.JSON())
	}
}

// What has called tools is not done again of itself, unless they bear it.
func TestFailuresAfterTools(t *testing.T) {
	for harmless, kind := range map[bool]protocol.ErrorKind{false: protocol.TaskFault, true: protocol.Transient} {
		var calls atomic.Int64
		url := serving(t, inRounds(abandoning(`{"message":{"content":"x"}}`+"\n")))
		got := fails(t, t.Context(), open(t, llm.Options{Providers: at(url), Tools: countingBox{calls: &calls, harmless: harmless}}), asking(t, llm.Chat, usesTools), nil)
		if got.Code != protocol.ProviderNotAvailable || got.Kind != kind || strings.Contains(got.Hint, "tools that are not safe") == harmless {
			t.Errorf("harmless %v: %s %s: %s (%s)", harmless, got.Name, got.Kind, got.Message, got.Hint)
		}
	}
}

// While a tool is at work, others have the server; even the tool itself.
func TestToolsHoldNoPlace(t *testing.T) {
	var calls atomic.Int64
	var handler *llm.Handler
	tool := countingBox{calls: &calls, do: func(ctx context.Context) error {
		_, err := handler.Handle(ctx, asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
		return err
	}}
	handler = open(t, llm.Options{Providers: limited(1, serving(t, inRounds(answering("yes")))), Tools: tool})
	want(t, ask(t, handler, llm.Chat, usesTools), map[string]string{"response": `"yes"`})
}

// A handler that panics gives its place back.
func TestPanicHoldsNoPlace(t *testing.T) {
	handler := open(t, llm.Options{Providers: limited(1, serving(t, answering("yes")))})
	request := asking(t, llm.Chat, `{"prompt":"hello"}`)
	request.Write = func(string) { panic("at the disco") }
	func() {
		defer func() { _ = recover() }()
		_, _ = handler.Handle(t.Context(), request, nil)
		t.Error("no panic")
	}()
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": `"yes"`})
}

// A tool that cannot be reached is no fault of the model's server.
func TestToolThatIsAwaySetsNoServerAside(t *testing.T) {
	var first, second atomic.Int64
	serve := func(count *atomic.Int64) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/chat" {
				count.Add(1)
			}
			fmt.Fprintf(w, `{"message":{"content":"","tool_calls":[%s]},"done":true,"done_reason":"stop"}`, call("add", `{"a":1,"b":2}`))
		}
	}
	var calls atomic.Int64
	for _, code := range []protocol.Code{protocol.ProviderNotAvailable, protocol.ProviderOverloaded, protocol.ProviderTimeout} {
		handler := open(t, llm.Options{Providers: at(serving(t, serve(&first)), serving(t, serve(&second))), Tools: countingBox{calls: &calls, do: func(context.Context) error {
			return protocol.Errorf(code, "the tool's server")
		}}})
		calls.Store(0)
		first.Store(0)
		second.Store(0)
		for range 6 {
			if got := fails(t, t.Context(), handler, asking(t, llm.Chat, usesTools), nil); got.Code != code {
				t.Errorf("got %s", got.Name)
			}
		}
		if calls.Load() != 6 || first.Load()+second.Load() != 6 || second.Load() > 0 {
			t.Errorf("%s: the tool was called %d times, the servers %d and %d", code.Info().Name, calls.Load(), first.Load(), second.Load())
		}
	}
}

// A server that fails whatever it is asked, or answers what no server says, draws no work that another one does.
func TestServerThatFailsFast(t *testing.T) {
	for name, fails := range map[string]http.HandlerFunc{
		"with a status": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"error":"model requires more system memory"}`)
		},
		"with a page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html><body><h1>Welcome!</h1>") },
	} {
		handler := open(t, llm.Options{Providers: at(serving(t, fails), serving(t, answering("yes")))})
		for range 8 {
			want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": `"yes"`})
		}
		if t.Failed() {
			t.Log(name)
		}
	}
}

// Patience is for pauses, and not for waiting until others are served.
func TestPatienceIsNotUsedUpByWaiting(t *testing.T) {
	const patience = 400 * time.Millisecond
	var asked atomic.Int64
	long := make(chan struct{})
	handler := open(t, llm.Options{Patience: patience, Providers: limited(1, serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1, 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			close(long)
			<-time.After(2 * patience)
			answering("long")(w, r)
		default:
			answering("yes")(w, r)
		}
	}))})
	busy := make(chan struct{})
	go func() {
		<-busy
		ask(t, handler, llm.Chat, `{"prompt":"long"}`)
	}()
	result, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"hello"}`), once(func() { close(busy); <-long }))
	if err != nil {
		t.Fatal(err)
	}
	want(t, result, map[string]string{"response": `"yes"`})
}

// Tools and then a mended answer: the record of the calls stays.
func TestToolsAndAMendedAnswer(t *testing.T) {
	var calls, answers atomic.Int64
	url := serving(t, inRounds(func(w http.ResponseWriter, r *http.Request) {
		if answers.Add(1) == 1 {
			answering(`{"n": "five"}`)(w, r)
			return
		}
		answering(`{"n": 5}`)(w, r)
	}))
	result := ask(t, open(t, llm.Options{Providers: at(url), Tools: countingBox{calls: &calls}}), llm.Chat, `{"prompt":"x","tools":["add"],`+wantsNumber+`}`)
	made, _ := result.Value.Get("tool_calls")
	if want(t, result, map[string]string{"parsed": `{"n":5}`}); len(made.Elements()) != 1 {
		t.Errorf("tool_calls is %s", made.JSON())
	}
}

// Arguments that a model leaves out are none.
func TestToolWithoutArguments(t *testing.T) {
	for _, arguments := range []string{"null", "{}"} {
		var bodies []string
		url := serving(t, calling(t, &bodies, call("add", arguments)))
		result := ask(t, open(t, llm.Options{Providers: at(url), Tools: box{}}), llm.Chat, usesTools)
		made, _ := result.Value.Get("tool_calls")
		if got, _ := made.Elements()[0].Get("arguments"); string(got.JSON()) != "{}" {
			t.Errorf("%s: %s", arguments, made.JSON())
		}
	}
}
