// Package servertest gives tests a real Temporal server: one for the whole test binary, in a temporary home. Only tests
// may import it, and few of them: whatever links it links the server.
package servertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/home"
)

// timeout bounds the start of a server, and the stop of all of them.
const timeout = time.Minute

// Server is an engine that a test shares with others.
type Server struct {
	Engine *engine.Engine
	Home   *home.Home
	Client client.Client // Closed when the test ends.
	Queue  string        // A task queue that no other test uses.
}

// Option selects or configures a server.
type Option func(*wanted)

type wanted struct {
	overrides string
	configure func(*client.Options)
}

// WithOverrides selects a server with these dynamic settings, YAML in the server's format. Tests with equal settings share it.
func WithOverrides(yaml string) Option { return func(w *wanted) { w.overrides = yaml } }

// WithClient sets options of the client, such as a data converter, after those of earlier Options.
func WithClient(configure func(*client.Options)) Option {
	return func(w *wanted) {
		before := w.configure
		w.configure = func(o *client.Options) {
			if before != nil {
				before(o)
			}
			configure(o)
		}
	}
}

// running has the engines of this test binary by their overrides.
var running struct {
	sync.Mutex
	engines map[string]*shared
	queues  int
}

type shared struct {
	engine *engine.Engine
	home   *home.Home
}

// Engine returns the shared server, and starts it for the first test. The test binary's TestMain must be
// Main, or call it.
func Engine(t testing.TB, options ...Option) *Server {
	t.Helper()
	var w wanted
	for _, option := range options {
		option(&w)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	server, number, err := get(ctx, w.overrides)
	if err != nil {
		t.Fatal(err)
	}
	c, err := server.engine.Client(ctx, w.configure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	queue := fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), number)
	return &Server{Engine: server.engine, Home: server.home, Client: c, Queue: queue}
}

// get returns the server and a number that is different at each call.
func get(ctx context.Context, overrides string) (*shared, int, error) {
	running.Lock()
	defer running.Unlock()
	running.queues++
	if known := running.engines[overrides]; known != nil {
		return known, running.queues, nil
	}
	path, err := os.MkdirTemp("", "gleitzeit-servertest-*")
	if err != nil {
		return nil, 0, err
	}
	folder, err := home.Open(path)
	if err != nil {
		return nil, 0, err
	}
	started, err := engine.Join(ctx, engine.Options{Home: folder, Overrides: overrides})
	if err != nil {
		return nil, 0, errors.Join(err, os.RemoveAll(path))
	}
	if running.engines == nil {
		running.engines = map[string]*shared{}
	}
	server := &shared{started, folder}
	running.engines[overrides] = server
	return server, running.queues, nil
}

// Main runs the tests, stops the servers that they started and exits: `func TestMain(m *testing.M) { servertest.Main(m) }`.
func Main(m *testing.M) {
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "servertest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func stop() error {
	running.Lock()
	defer running.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	failures := make(chan error, len(running.engines))
	for _, server := range running.engines {
		go func() {
			failures <- errors.Join(server.engine.Stop(ctx), os.RemoveAll(server.home.Path))
		}()
	}
	var failed error
	for range running.engines {
		failed = errors.Join(failed, <-failures)
	}
	running.engines = nil
	return failed
}
