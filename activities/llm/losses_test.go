package llm_test

import (
	"encoding/base64"
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
)

// inParallel makes calls, so many at once, and returns their errors. After each call that ended, done is called.
func inParallel(t *testing.T, handler *llm.Handler, calls, atOnce int, request func(i int) protocol.Request, done func(ended int)) []error {
	t.Helper()
	errs, next, ended := make([]error, calls), atomic.Int64{}, atomic.Int64{}
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= calls {
					return
				}
				_, errs[i] = handler.Handle(t.Context(), request(i), nil)
				done(int(ended.Add(1)))
			}
		})
	}
	workers.Wait()
	return errs
}

// TestRunnerThatIsKilled kills the process of the model ten times during 64 calls of each kind, of which none has retries.
func TestRunnerThatIsKilled(t *testing.T) {
	server := ollamatest.StartPrivate(t)
	image := base64.StdEncoding.EncodeToString(picture(t, "png", "red"))
	for name, call := range map[string]struct{ method, parameters string }{
		"chat":   {llm.Chat, `{"model":"tiny-script","prompt":"SLOWLY","max_tokens":40,"idle_timeout":5}`},
		"vision": {llm.Vision, `{"model":"tiny-vision","prompt":"Which colour?","images":["` + image + `"],"idle_timeout":5}`},
		"embed":  {llm.Embed, `{"model":"tiny-script","input":["` + strings.Repeat("some words ", 20) + `","b"],"idle_timeout":5}`},
		"/v1":    {llm.Chat, `{"model":"tiny-script","prompt":"SLOWLY","max_tokens":40,"idle_timeout":5,"provider":"openai","base_url":"` + server.URL + `/v1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: at(server.URL)})
			request := asking(t, call.method, call.parameters)
			if _, err := handler.Handle(t.Context(), request, nil); err != nil { // The model is in memory.
				t.Fatal(err)
			}
			const kills = 10
			killed := atomic.Int64{}
			errs := inParallel(t, handler, 64, 8, func(int) protocol.Request { return request }, func(ended int) {
				if ended%6 != 0 || ended > 6*kills {
					return
				}
				again := time.NewTicker(time.Millisecond) // Until there is a process: it may have ended with an earlier kill.
				defer again.Stop()
				for server.KillRunners(t) == 0 && t.Context().Err() == nil {
					<-again.C
				}
				killed.Add(1)
			})
			for i, err := range errs {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if killed.Load() != kills {
				t.Errorf("the process was killed %d times", killed.Load())
			}
		})
	}
}

// What a server says of a lost process is the same whatever the status is. The call that ends it each time fails alone.
func TestCallThatEndsTheProcessOfTheModel(t *testing.T) {
	for _, said := range []struct {
		status int
		body   string
	}{
		{500, `{"error":"model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details"}`},
		{400, `{"error":"do embedding request: Post \"http://127.0.0.1:33967/embedding\": EOF"}`},
	} {
		var mu sync.Mutex
		var working []chan struct{} // One for each call in flight.
		url := serving(t, func(w http.ResponseWriter, r *http.Request) {
			a, _ := readAsked(t, r)
			lost := make(chan struct{})
			mu.Lock()
			working = append(working, lost)
			if strings.Contains(a.Messages[0].Content, "BAD") {
				for _, other := range working {
					close(other)
				}
				working = nil
			} else if len(working) == 4 || strings.Contains(a.Messages[0].Content, "LAST") {
				working = nil // The others are answered.
			}
			mu.Unlock()
			select {
			case <-lost:
				w.WriteHeader(said.status)
				fmt.Fprint(w, said.body)
			default:
				answering("yes")(w, r)
			}
		})
		handler := open(t, llm.Options{Providers: limited(4, url)})
		errs := inParallel(t, handler, 16, 8, func(i int) protocol.Request {
			if i%4 == 1 {
				return asking(t, llm.Chat, `{"prompt":"BAD"}`)
			}
			return asking(t, llm.Chat, `{"prompt":"good"}`)
		}, func(int) {})
		for i, err := range errs {
			bad := i%4 == 1
			if (err != nil) != bad {
				t.Errorf("call %d: %v", i, err)
			}
			if err == nil {
				continue
			}
			if got := protocol.AsError(err, 0); bad && (got.Kind != protocol.TaskFault || !strings.HasPrefix(got.Message, "the process of the model ended 3 times while it worked on this call: ")) {
				t.Errorf("got %s: %s", got.Name, got.Message)
			}
		}
	}
}

// A stream may end with the process of the model, with an error in it or without a word.
func TestAnswerThatIsLostIsAskedForAgain(t *testing.T) {
	for _, rest := range []string{"", `{"error":"an error was encountered while running the model: unexpected EOF"}` + "\n"} {
		var asked atomic.Int64
		handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) < 3 {
				fmt.Fprint(w, `{"message":{"role":"assistant","content":"x"},"done":false}`+"\n"+rest)
				return
			}
			answering("yes")(w, r)
		})
		result := ask(t, handler, llm.Chat, `{"prompt":"hello"}`)
		want(t, result, map[string]string{"response": `"yes"`})
		if result.Usage.LLMCalls != 3 {
			t.Errorf("usage %+v", result.Usage)
		}
	}
}
