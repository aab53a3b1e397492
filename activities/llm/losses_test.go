package llm_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
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

// What a server says of a lost process is the same whatever the status is. The call that ends it each time fails alone.
func TestCallThatEndsTheProcessOfTheModel(t *testing.T) {
	for _, said := range []dialect{
		recorded(t, "Ollama 0.17.4", http.StatusInternalServerError, "model runner has unexpectedly stopped"),
		recorded(t, "Ollama 0.17.4", http.StatusBadRequest, "do embedding request"),
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
				said.serve(w, r)
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

// A stream may end with the process of the model, with an error in it or without a word. Without a word it may be the answer that ends
// it each time: it is asked for once more, and no other call waits for that.
func TestAnswerThatIsLostIsAskedForAgain(t *testing.T) {
	for rest, lost := range map[string]int64{"": 1, `{"error":"an error was encountered while running the model: unexpected EOF"}` + "\n": 2} {
		var asked atomic.Int64
		handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) <= lost {
				fmt.Fprint(w, `{"message":{"role":"assistant","content":"x"},"done":false}`+"\n"+rest)
				return
			}
			answering("yes")(w, r)
		})
		result := ask(t, handler, llm.Chat, `{"prompt":"hello"}`)
		want(t, result, map[string]string{"response": `"yes"`})
		if result.Usage.LLMCalls != lost+1 {
			t.Errorf("usage %+v", result.Usage)
		}
	}
}

func TestAnswerThatIsCutOffEachTime(t *testing.T) {
	var bad atomic.Int64
	inFlight, ended := make(chan struct{}), make(chan struct{})
	handler := open(t, llm.Options{Providers: limited(2, serving(t, func(w http.ResponseWriter, r *http.Request) {
		if a, _ := readAsked(t, r); a.Messages[0].Content == "BAD" {
			bad.Add(1)
			fmt.Fprintln(w, `{"message":{"content":"x x x"},"done":false}`)
			return
		}
		close(inFlight)
		<-ended
		answering("yes")(w, r)
	}))})
	other := make(chan error, 1)
	go func() {
		_, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"good"}`), nil)
		other <- err
	}()
	<-inFlight // The one below never gets the whole server.
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"BAD"}`), nil)
	close(ended)
	if err := <-other; err != nil || got.Code != protocol.ProviderNotAvailable || bad.Load() != 2 {
		t.Errorf("%v; %s: %s after %d requests", err, got.Name, got.Message, bad.Load())
	}
}

// An image may be what ends the process of the model, such as one of a single pixel: the error has its size.
func TestImageThatEndsTheProcessOfTheModel(t *testing.T) {
	said := recorded(t, "Ollama 0.17.4", http.StatusInternalServerError, "model runner has unexpectedly stopped")
	handler := open(t, llm.Options{Providers: at(serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/show" {
			_, _ = io.WriteString(w, `{"capabilities":["completion","vision"]}`)
			return
		}
		said.serve(w, r)
	}))})
	got := fails(t, t.Context(), handler, asking(t, llm.Vision, `{"prompt":"x","images":["`+encoded(t, "red")+`"]}`), nil)
	if !strings.HasPrefix(got.Message, "the process of the model ended 3 times") || !strings.HasSuffix(got.Message, "; its images have 32 × 32 pixels") {
		t.Errorf("got %q", got.Message)
	}
}
