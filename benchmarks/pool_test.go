package benchmarks

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// modelServer is a server with the API of Ollama, and its /v1/chat/completions, that takes the same time for every answer.
type modelServer struct {
	*httptest.Server
	slots int
	takes time.Duration
	came  func() // Called when a call arrives, and
	went  func() // when it is done.

	sees func(body []byte) // Called before came.

	mu       sync.Mutex
	inFlight int
	most     int           // In flight at once.
	full     time.Duration // How long all slots were in use,
	used     time.Duration // and the sum over the slots of how long each was.
	since    time.Time     // When the number in flight last changed.
	first    time.Time     // When the first call arrived.
	served   int
}

func newModelServer(b *testing.B, slots int, takes time.Duration) *modelServer {
	b.Helper()
	s := &modelServer{slots: slots, takes: takes, came: func() {}, went: func() {}, sees: func([]byte) {}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/chat" && r.URL.Path != "/v1/chat/completions" {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(r.Body) // Only then it is noticed when the client is gone.
		if err != nil {
			return
		}
		s.come(1)
		s.sees(body)
		s.came()
		defer s.went()
		defer s.come(-1)
		select {
		case <-time.After(s.takes):
		case <-r.Context().Done():
			return
		}
		answer := map[string]any{
			"model": "m", "message": map[string]string{"role": "assistant", "content": "yes"}, "done": true, "done_reason": "stop",
		}
		if r.URL.Path != "/api/chat" {
			answer = map[string]any{
				"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
				"choices": []any{map[string]any{"index": 0, "message": map[string]string{"role": "assistant", "content": "yes"}, "finish_reason": "stop"}},
			}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			b.Error(err)
		}
	}))
	b.Cleanup(s.Close)
	return s
}

// come counts a call that arrives or is done.
func (s *modelServer) come(calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first.IsZero() {
		s.first = time.Now()
		s.since = s.first
	}
	s.count(time.Now())
	s.inFlight += calls
	s.most = max(s.most, s.inFlight)
	if calls < 0 {
		s.served++
	}
}

// count adds the time since the last change.
func (s *modelServer) count(now time.Time) {
	passed := now.Sub(s.since)
	if s.inFlight == s.slots {
		s.full += passed
	}
	s.used += passed * time.Duration(s.inFlight)
	s.since = now
}

// shares returns the share of its capacity that the server has used since a moment, and the share of time in which all of its slots
// were in use at once. Between two calls a slot is not in use: with four slots, full is shorter by four such gaps where busy is by one.
func (s *modelServer) shares(began time.Time) (busy, full float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.count(now)
	passed := now.Sub(began).Seconds()
	return s.used.Seconds() / passed / float64(s.slots), s.full.Seconds() / passed
}

// makeCalls makes a number of calls at the same time and waits for all of them. Rest is called when that many are left.
func makeCalls(b *testing.B, calls, left int, rest func(), servers ...*modelServer) time.Duration {
	b.Helper()
	ollama := protocol.ProviderSettings{Name: "ollama", MaxConcurrent: servers[0].slots}
	for _, server := range servers {
		ollama.URLs = append(ollama.URLs, server.URL)
	}
	handler, err := llm.New(llm.Options{Providers: []protocol.ProviderSettings{ollama}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := handler.Close(); err != nil {
			b.Error(err)
		}
	}()
	parameters, err := value.Parse([]byte(`{"model": "m", "prompt": "Is it so?"}`))
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, calls)
	began := time.Now()
	for range calls {
		go func() {
			_, err := handler.Handle(context.Background(), protocol.Request{Method: llm.Chat, Parameters: parameters, Timeout: time.Minute}, nil)
			ended <- err
		}()
	}
	for waiting := calls; waiting > 0; waiting-- {
		if waiting == left {
			rest()
		}
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
	took := time.Since(began)
	for _, server := range servers {
		if server.most > server.slots {
			b.Errorf("%d calls were in flight to a server that takes %d", server.most, server.slots)
		}
	}
	return took
}

// makeCallsByHand makes the same calls as a program that knows the capacity of each server: that many loops for each.
func makeCallsByHand(b *testing.B, calls int, servers ...*modelServer) time.Duration {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(calls))
	var loops sync.WaitGroup
	began := time.Now()
	for _, server := range servers {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: server.slots}}
		for range server.slots {
			loops.Go(func() {
				for left.Add(-1) >= 0 {
					response, err := client.Post(server.URL+"/api/chat", "application/json", strings.NewReader(`{"model": "m"}`))
					if err == nil {
						_, err = io.Copy(io.Discard, response.Body)
						err = errors.Join(err, response.Body.Close())
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
	}
	loops.Wait()
	return time.Since(began)
}

// BenchmarkPool400 makes 400 calls to a server that takes 4 at once and 100 ms for each: 10 s if it never waits, which is
// what of-ideal compares with. The ratio compares with loops that make the same calls at the same time, on the same
// machine, to a server of their own.
func BenchmarkPool400(b *testing.B) {
	for b.Loop() {
		const calls = 400
		server, other := newModelServer(b, 4, 100*time.Millisecond), newModelServer(b, 4, 100*time.Millisecond)
		loops := make(chan time.Duration, 1)
		go func() { loops <- makeCallsByHand(b, calls, other) }()
		took := makeCalls(b, calls, 0, nil, server)
		ideal := time.Duration(calls/server.slots) * server.takes
		b.ReportMetric(took.Seconds()/ideal.Seconds(), "of-ideal")
		b.ReportMetric(took.Seconds()/(<-loops).Seconds(), "ratio")
		if server.served != calls {
			b.Errorf("%d calls were served", server.served)
		}
	}
}

// BenchmarkPoolUnequal distributes calls between two servers, one of which takes three times as long. It reports how busy each server
// is while calls wait, as shares of its capacity and of the time in which it is full, and the same for loops beside it. The time begins
// with the first call, as that of BenchmarkPoolOfARun. At least 0.99 busy is the aim.
func BenchmarkPoolUnequal(b *testing.B) {
	const calls = 240
	for b.Loop() {
		fast, slow := newModelServer(b, 4, 100*time.Millisecond), newModelServer(b, 4, 300*time.Millisecond)
		handFast, handSlow := newModelServer(b, 4, 100*time.Millisecond), newModelServer(b, 4, 300*time.Millisecond)
		loops := make(chan struct{})
		go func() {
			makeCallsByHand(b, calls, handFast, handSlow)
			close(loops)
		}()
		makeCalls(b, calls, fast.slots+slow.slots, func() {
			for name, server := range map[string]*modelServer{
				"fast": fast, "slow": slow, "by-hand-fast": handFast, "by-hand-slow": handSlow,
			} {
				busy, full := server.shares(server.first)
				b.ReportMetric(busy, name+"-busy")
				b.ReportMetric(full, name+"-full")
			}
		}, fast, slow)
		<-loops
	}
}

// BenchmarkPoolTenTimesTheCalls makes 500 and 5,000 calls at the same time to servers that take 1 ms for each. The ratio compares the time
// for a call: calls that wait cost the others nothing if it is 1; 1.2 was measured.
func BenchmarkPoolTenTimesTheCalls(b *testing.B) {
	for b.Loop() {
		const calls = 500
		few := makeCalls(b, calls, 0, nil, newModelServer(b, 4, time.Millisecond))
		many := makeCalls(b, 10*calls, 0, nil, newModelServer(b, 4, time.Millisecond))
		b.ReportMetric(many.Seconds()/few.Seconds()/10, "ratio")
	}
}
