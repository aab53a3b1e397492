package llm_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// A server that is away, or lacks the model, is left for one that has it, within one attempt.
func TestAnotherServerServes(t *testing.T) {
	address := ollamatest.Start(t)
	lacking := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":"model \"llama3.2\" not found, try pulling it first"}`)
	})
	for _, other := range []string{"http://" + refusing(t), lacking} {
		handler := open(t, llm.Options{Providers: at(other, address)})
		for range 3 {
			want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": greeting, "provider_id": `"` + address + `"`})
		}
		if err := handler.Health(t.Context()); (err == nil) != true {
			t.Error(err)
		}
	}
	got := fails(t, t.Context(), open(t, llm.Options{Providers: at("http://"+refusing(t), "http://"+refusing(t))}), asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
	if got.Code != protocol.ProviderNotAvailable {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
}

// A server that has too much to do is asked again, and that is no attempt of the task's.
func TestServerThatHasTooMuchToDoIsAskedAgain(t *testing.T) {
	var asked atomic.Int64
	handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"error":"server busy, please try again.  maximum pending requests exceeded"}`)
			return
		}
		answering("yes")(w, r)
	})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": `"yes"`})
	if asked.Load() != 4 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestLook(t *testing.T) {
	address, away := ollamatest.Start(t), "http://"+refusing(t)
	handler := open(t, llm.Options{Providers: append(limited(7, address, away), compatibleAt("", address+"/v1")...)})
	ask(t, handler, llm.Chat, `{"prompt":"hello"}`)
	states := handler.Probe(t.Context(), func(protocol.Server) bool { return true })
	if len(states) != 3 || states[0].URL != address || states[0].Error != nil || states[0].MaxConcurrent != 7 || states[0].Version == "" ||
		!strings.Contains(strings.Join(states[0].Models, " "), "tiny-script:latest") || len(states[0].Loaded) == 0 {
		t.Errorf("%+v", states)
	}
	if states[1].Error == nil || states[1].Error.Code != protocol.ProviderNotAvailable {
		t.Errorf("%+v", states[1])
	}
	if states[2].Provider != "openai" || states[2].Error != nil || !strings.Contains(strings.Join(states[2].Models, " "), "tiny-script") {
		t.Errorf("%+v", states[2])
	}
}

// Never more calls are in flight to a server than may be.
func TestLimitOfEachServer(t *testing.T) {
	const limit, all = 3, 60
	held, waits := newGate(), make(chan struct{}, all)
	handler := open(t, llm.Options{Providers: limited(limit, serving(t, held.before(answering("yes"))))})
	var calls sync.WaitGroup
	for range all {
		calls.Go(func() {
			if _, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"hello"}`), waiting(waits)); err != nil {
				t.Error(err)
			}
		})
	}
	take(held.arrived, limit)
	take(waits, all-limit)
	close(held.opened)
	calls.Wait()
	if held.most.Load() != limit {
		t.Errorf("%d were in flight", held.most.Load())
	}
}

// A server of the settings has its limit whichever way calls come to it, and no other server is asked in its place.
func TestServerOfTheSettingsThatATaskNames(t *testing.T) {
	const limit, all = 2, 24
	onlyChats := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/chat" {
				http.NotFound(w, r)
				return
			}
			serve(w, r)
		}
	}
	here, there, waits := newGate(), newGate(), make(chan struct{}, all)
	named, other := serving(t, onlyChats(here.before(answering("here")))), serving(t, onlyChats(there.before(answering("there"))))
	handler := open(t, llm.Options{Providers: limited(limit, named, other)})
	var calls sync.WaitGroup
	for i := range all {
		calls.Go(func() {
			parameters, want := `{"prompt":"hello"}`, ""
			if i%2 == 0 {
				parameters, want = `{"prompt":"hello","base_url":"`+named+`/"}`, `"here"`
			}
			result, err := handler.Handle(t.Context(), asking(t, llm.Chat, parameters), waiting(waits))
			if got := field(result, "response"); err != nil || want != "" && got != want {
				t.Errorf("%s: %s, %v", parameters, got, err)
			}
		})
	}
	take(here.arrived, limit)
	take(there.arrived, limit)
	take(waits, all-2*limit)
	close(here.opened)
	close(there.opened)
	calls.Wait()
	if here.most.Load() != limit || there.most.Load() != limit {
		t.Errorf("%d and %d calls at once where %d may be", here.most.Load(), there.most.Load(), limit)
	}
}
