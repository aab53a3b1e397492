package llm_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// scripted is a handler whose server does what a real one cannot be made to do.
func scripted(t testing.TB, serve http.HandlerFunc) *llm.Handler {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	return open(t, llm.Options{Providers: at(server.URL)})
}

// counting stands before a real server and counts what is asked.
type counting struct {
	url  string
	seen *atomic.Int64
}

func (c counting) requests() int64 { return c.seen.Load() }

func count(t testing.TB, real string) counting {
	t.Helper()
	to, err := url.Parse(real)
	if err != nil {
		t.Fatal(err)
	}
	c := counting{seen: &atomic.Int64{}}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.seen.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// refusing is an address where nobody listens.
func refusing(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

// bodyOf is the body of a request; nothing for a page such as /props.
func bodyOf(t testing.TB, r *http.Request) value.Value {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	if len(data) == 0 {
		return value.Value{}
	}
	body, err := value.Parse(data)
	if err != nil {
		t.Error(err)
	}
	return body
}

// chatting is a server with OpenAI's API that has no other pages.
func chatting(t testing.TB, serve func(w http.ResponseWriter, r *http.Request, body value.Value)) string {
	return serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		serve(w, r, bodyOf(t, r))
	})
}

// gate holds requests until it is opened, and counts those in flight.
type gate struct {
	arrived        chan struct{} // Has an element for each request.
	opened         chan struct{}
	inFlight, most atomic.Int64
}

func newGate() *gate { return &gate{arrived: make(chan struct{}, 1000), opened: make(chan struct{})} }

// before holds a request before it is served.
func (g *gate) before(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := g.inFlight.Add(1)
		defer g.inFlight.Add(-1)
		for seen := g.most.Load(); now > seen && !g.most.CompareAndSwap(seen, now); seen = g.most.Load() {
		}
		g.arrived <- struct{}{}
		select {
		case <-g.opened:
		case <-r.Context().Done():
		}
		serve(w, r)
	}
}

// waiting returns the progress of a call, which reports to the channel, once, that it waits for a slot.
func waiting(reports chan<- struct{}) protocol.Progress {
	var once sync.Once
	return func(text string) {
		if text == "waiting for another call to finish" {
			once.Do(func() { reports <- struct{}{} })
		}
	}
}

// take takes so many elements from a channel.
func take(from <-chan struct{}, n int) {
	for range n {
		<-from
	}
}
