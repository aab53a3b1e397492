package llm_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const noModel = `{"error":"model \"llama3.2\" not found, try pulling it first"}`

// pulls lacks the model until it was asked to fetch it.
func pulls(there *atomic.Bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/pull":
			there.Store(true)
			fmt.Fprintln(w, `{"status":"success"}`)
		case !there.Load():
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, noModel)
		default:
			answering("yes")(w, r)
		}
	}
}

// Whatever the order of the servers is: one that has never answered is not waited for, and a model is fetched by one that
// can be reached.
func TestModelIsFetchedBesideAServerThatIsAway(t *testing.T) {
	for _, first := range []bool{true, false} {
		for _, parameters := range []string{`{"prompt":"hello","auto_pull":true}`, `{"prompt":"hello"}`} {
			var there atomic.Bool
			urls := []string{"http://" + refusing(t), serving(t, pulls(&there))}
			if first {
				urls[0], urls[1] = urls[1], urls[0]
			}
			result, err := open(t, llm.Options{Providers: at(urls...)}).Handle(t.Context(), asking(t, llm.Chat, parameters), nil)
			switch {
			case strings.Contains(parameters, "auto_pull"):
				if err != nil {
					t.Fatal(err)
				}
				want(t, result, map[string]string{"response": `"yes"`})
			case err == nil || protocol.AsError(err, 0).Code != protocol.TaskValidationFailed || there.Load():
				t.Errorf("without auto_pull: %v", err)
			}
		}
	}
}

// A server that a task names, and that has never answered, is not waited for because others of the settings are well.
func TestNamedServerThatIsAway(t *testing.T) {
	away := "http://" + refusing(t)
	handler := open(t, llm.Options{Providers: at(serving(t, answering("yes")), away)})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": `"yes"`})
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"hello","base_url":"`+away+`"}`), nil)
	if got.Code != protocol.ProviderNotAvailable {
		t.Errorf("%s: %s", got.Name, got.Message)
	}
}

// A call that cannot be made says nothing of a server: it has not answered by that.
func TestCallThatCannotBeMade(t *testing.T) {
	handler := open(t, llm.Options{Providers: at("http://" + refusing(t))})
	for _, test := range []struct {
		parameters string
		code       protocol.Code
	}{
		{`{"prompt":"hello"}`, protocol.ProviderNotAvailable}, {`{"prompt":"hello","keep_alive":"soon"}`, protocol.InvalidParams}, {`{"prompt":"hello"}`, protocol.ProviderNotAvailable},
	} {
		if got := fails(t, t.Context(), handler, asking(t, llm.Chat, test.parameters), nil); got.Code != test.code {
			t.Errorf("%s: %s: %s", test.parameters, got.Name, got.Message)
		}
	}
}

// restarting is a server that is there, gone and there again, at one address.
type restarting struct {
	t      *testing.T
	at     string
	serve  http.HandlerFunc
	server *httptest.Server
}

func (r *restarting) stop() { r.server.Close() }

func (r *restarting) start() {
	r.t.Helper()
	listener, err := net.Listen("tcp", r.at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.at = listener.Addr().String()
	r.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: r.serve}}
	r.server.Start()
}

// What waits for the return of a server holds no files: they are read again.
func TestFilesAreReadAgainWhenTheServerIsBack(t *testing.T) {
	server := &restarting{t: t, at: "127.0.0.1:0", serve: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // No call is to find a connection that has just been broken.
		answering("yes")(w, r)
	}}
	server.start()
	handler := open(t, llm.Options{Providers: at(server.server.URL)})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": `"yes"`})
	server.stop()
	var read atomic.Int64
	request := asking(t, llm.Chat, `{"prompt":"hello","file_path":"a.txt"}`)
	request.Files = countingFiles{&read}
	result, err := handler.Handle(t.Context(), request, once(server.start))
	if err != nil {
		t.Fatal(err)
	}
	if want(t, result, map[string]string{"response": `"yes"`}); read.Load() < 2 {
		t.Errorf("the file was read %d times", read.Load())
	}
	server.stop()
}

// A call that waits for a slot does not hold its text files: they are read when it has one.
func TestWaitingCallsReadNoTextFiles(t *testing.T) {
	held, waits := newGate(), make(chan struct{}, 3)
	handler := open(t, llm.Options{Providers: limited(1, serving(t, held.before(answering("yes"))))})
	var read atomic.Int64
	var calls sync.WaitGroup
	for _, parameters := range []string{`{"prompt":"hello"}`, `{"prompt":"hello","file_path":"a.txt"}`, `{"prompt":"hello","files":["a.txt","b.txt"]}`} {
		request := asking(t, llm.Chat, parameters)
		request.Files = countingFiles{&read}
		calls.Go(func() {
			if _, err := handler.Handle(t.Context(), request, waiting(waits)); err != nil {
				t.Error(err)
			}
		})
		if held.inFlight.Load() == 0 {
			take(held.arrived, 1) // The first call, which has no files.
		}
	}
	take(waits, 2)
	if read.Load() != 0 {
		t.Errorf("%d files are read while their calls wait", read.Load())
	}
	close(held.opened)
	if calls.Wait(); read.Load() != 3 {
		t.Errorf("%d files are read", read.Load())
	}
}

type countingFiles struct{ read *atomic.Int64 }

func (f countingFiles) Read(string, int64) ([]byte, error) {
	f.read.Add(1)
	return []byte("text"), nil
}

// A server that only tasks name keeps its limit while calls to it are at their tools, however many others are named.
func TestLimitOfANamedServerBetweenRequests(t *testing.T) {
	const others = 4
	held, waits := newGate(), make(chan struct{}, others+1)
	url := serving(t, inRounds(held.before(answering("yes"))))
	named := func(url string) string { return `{"prompt":"hello","tools":["add"],"base_url":"` + url + `"}` }
	var handler *llm.Handler
	ended := make(chan error, others)
	var calls atomic.Int64
	tool := countingBox{calls: &calls, do: func(ctx context.Context) error {
		for i := range 70 { // More than are remembered.
			_, err := handler.Handle(ctx, asking(t, llm.Embed, fmt.Sprintf(`{"input":"x","base_url":"http://127.0.0.1:%d"}`, i+1)), nil)
			if err == nil {
				t.Error("nobody should be there")
			}
		}
		for range others {
			go func() {
				_, err := handler.Handle(ctx, asking(t, llm.Chat, `{"prompt":"hello","base_url":"`+url+`"}`), waiting(waits))
				ended <- err
			}()
		}
		return nil
	}}
	handler = open(t, llm.Options{Providers: limited(1), Tools: tool})
	go func() {
		// One call has the slot and all others wait, or two are in flight.
		for range others + 1 {
			select {
			case <-waits:
			case <-held.arrived:
			}
		}
		close(held.opened)
	}()
	result, err := handler.Handle(t.Context(), asking(t, llm.Chat, named(url)), waiting(waits))
	if err != nil {
		t.Fatal(err)
	}
	want(t, result, map[string]string{"response": `"yes"`})
	for range others {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if held.most.Load() != 1 {
		t.Errorf("%d calls were in flight where 1 may be", held.most.Load())
	}
}

// starting is a server that is started when a call waits for it, and a request for it.
func starting(t *testing.T, method, parameters string) (server *restarting, request protocol.Request) {
	address := refusing(t)
	server = &restarting{t: t, at: address, serve: func(w http.ResponseWriter, r *http.Request) {
		if method == llm.Request {
			_, _ = fmt.Fprint(w, `{"choices":[]}`)
			return
		}
		answering("yes")(w, r)
	}}
	return server, asking(t, method, parameters)
}

// A server that is expected is waited for although it has never answered: with the process of this program, it may have been restarted.
func TestExpectedServerIsWaitedFor(t *testing.T) {
	for method, parameters := range map[string]string{
		llm.Chat: `{"prompt":"hello"}`, llm.Request: `{"url":"/v1/chat/completions","body":{"model":"m","messages":[]}}`,
	} {
		server, request := starting(t, method, parameters)
		handler := open(t, llm.Options{Providers: at("http://" + server.at)})
		if got := fails(t, t.Context(), handler, request, nil); got.Code != protocol.ProviderNotAvailable {
			t.Errorf("a server that nobody expects: %s: %s", got.Name, got.Message)
		}
		request.Expected = true
		if _, err := handler.Handle(t.Context(), request, once(server.start)); err != nil {
			t.Error(err)
		}
		server.stop()
	}
}

// The wait for an expected server ends after the time of the handler, and for a call that has one, after its own: whichever is longer or
// shorter.
func TestTimeOfAbsence(t *testing.T) {
	for name, c := range map[string]struct {
		handler, call time.Duration
		waits         bool
	}{
		"the handler's":     {time.Nanosecond, 0, false},
		"a longer one":      {time.Nanosecond, time.Hour, true},
		"a shorter one":     {time.Hour, time.Nanosecond, false},
		"the usual longest": {0, 0, true},
	} {
		server, request := starting(t, llm.Chat, `{"prompt":"hello"}`)
		handler := open(t, llm.Options{Providers: at("http://" + server.at), Absence: c.handler})
		request.Expected, request.Absence = true, c.call
		started := false
		_, err := handler.Handle(t.Context(), request, func(text string) {
			if !started && strings.HasPrefix(text, "waiting for the server") {
				server.start()
				started = true
			}
		})
		if (err == nil) != c.waits {
			t.Errorf("%s: %v", name, err)
		}
		if started {
			server.stop()
		}
	}
}

// A call that somebody waits for does not wait long for a server that has gone.
func TestShortAbsence(t *testing.T) {
	server, request := starting(t, llm.Chat, `{"prompt":"hello"}`)
	server.start()
	handler := open(t, llm.Options{Providers: at("http://" + server.at)})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": `"yes"`})
	server.stop()
	request.Absence = 100 * time.Millisecond
	got := fails(t, t.Context(), handler, request, nil)
	if got.Code != protocol.ProviderNotAvailable {
		t.Errorf("%s: %s", got.Name, got.Message)
	}
}
