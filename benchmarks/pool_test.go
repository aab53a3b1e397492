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

// modelServer speaks as Ollama does, and takes the same time for every answer.
type modelServer struct {
	*httptest.Server
	slots int
	takes time.Duration
	came  func() // Called with each call that came, and
	went  func() // with each that is done.

	mu       sync.Mutex
	inFlight int
	most     int           // In flight at once.
	full     time.Duration // How long all slots were taken.
	since    time.Time     // Since when they are.
	served   int
}

func newModelServer(b *testing.B, slots int, takes time.Duration) *modelServer {
	b.Helper()
	s := &modelServer{slots: slots, takes: takes, came: func() {}, went: func() {}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/chat" {
			http.NotFound(w, r)
			return
		}
		s.come(1)
		s.came()
		defer s.went()
		defer s.come(-1)
		select {
		case <-time.After(s.takes):
		case <-r.Context().Done():
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{
			"model": "m", "message": map[string]string{"role": "assistant", "content": "yes"}, "done": true, "done_reason": "stop",
		}); err != nil {
			b.Error(err)
		}
	}))
	b.Cleanup(s.Close)
	return s
}

// come counts a call that came, or one that is done.
func (s *modelServer) come(calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight == s.slots {
		s.full += time.Since(s.since)
	}
	if s.inFlight += calls; s.inFlight == s.slots {
		s.since = time.Now()
	}
	s.most = max(s.most, s.inFlight)
	if calls < 0 {
		s.served++
	}
}

// fullFor is how long all slots have been taken so far.
func (s *modelServer) fullFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight == s.slots {
		return s.full + time.Since(s.since)
	}
	return s.full
}

// asked makes so many calls at once and waits for all. Rest is called when so many are left.
func asked(b *testing.B, calls, left int, rest func(), servers ...*modelServer) time.Duration {
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

// byHandAsked makes the same calls as somebody would who knows how many each server takes: that many loops for each.
func byHandAsked(b *testing.B, calls int, servers ...*modelServer) time.Duration {
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

// BenchmarkPool400 has 400 calls made to a server that takes 4 at once and 100 ms for each: 10 s if it never waits, and
// what of-ideal compares with. The ratio compares with loops that make the same calls at the same time, on the same
// machine, to a server of their own.
func BenchmarkPool400(b *testing.B) {
	for b.Loop() {
		const calls = 400
		server, other := newModelServer(b, 4, 100*time.Millisecond), newModelServer(b, 4, 100*time.Millisecond)
		loops := make(chan time.Duration, 1)
		go func() { loops <- byHandAsked(b, calls, other) }()
		took := asked(b, calls, 0, nil, server)
		ideal := time.Duration(calls/server.slots) * server.takes
		b.ReportMetric(took.Seconds()/ideal.Seconds(), "of-ideal")
		b.ReportMetric(took.Seconds()/(<-loops).Seconds(), "ratio")
		if server.served != calls {
			b.Errorf("%d calls were served", server.served)
		}
	}
}

// BenchmarkPoolUnequal has calls shared out between two servers, of which one takes three times as long. Reported is how
// much of the time, as long as calls wait, each has as many as it takes; and the same of loops beside it.
func BenchmarkPoolUnequal(b *testing.B) {
	const calls = 240
	for b.Loop() {
		fast, slow := newModelServer(b, 4, 100*time.Millisecond), newModelServer(b, 4, 300*time.Millisecond)
		handFast, handSlow := newModelServer(b, 4, 100*time.Millisecond), newModelServer(b, 4, 300*time.Millisecond)
		loops := make(chan struct{})
		began := time.Now()
		go func() {
			byHandAsked(b, calls, handFast, handSlow)
			close(loops)
		}()
		asked(b, calls, fast.slots+slow.slots, func() {
			waited := time.Since(began).Seconds()
			b.ReportMetric(fast.fullFor().Seconds()/waited, "fast-full")
			b.ReportMetric(slow.fullFor().Seconds()/waited, "slow-full")
			b.ReportMetric(handFast.fullFor().Seconds()/waited, "by-hand-fast-full")
			b.ReportMetric(handSlow.fullFor().Seconds()/waited, "by-hand-slow-full")
		}, fast, slow)
		<-loops
	}
}
