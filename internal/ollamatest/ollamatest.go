// Package ollamatest gives tests a real Ollama server with models whose answers are known: one for the whole test binary,
// or one of a test's own that it may kill. Only tests may import it. testdata/ollama says what the models answer.
package ollamatest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/require"
)

// Variable names the Ollama program. Without it, tests are skipped by internal/require.
const Variable = "OLLAMA_TEST_BINARY"

// running is the server that the tests of this binary share.
var running struct {
	sync.Mutex
	server *Server
	err    error
}

// Start returns the URL of the shared server, and starts it for the first test that asks. The test binary's TestMain must
// be Main, or call Stop.
func Start(t testing.TB) string {
	t.Helper()
	program := binary(t)
	running.Lock()
	defer running.Unlock()
	if running.server == nil && running.err == nil {
		running.server, running.err = newServer(program)
	}
	if running.err != nil {
		t.Fatal(running.err)
	}
	return running.server.URL
}

// StartPrivate starts a server that only this test has. It ends with the test.
func StartPrivate(t testing.TB) *Server {
	t.Helper()
	s, err := newServer(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.remove(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func binary(t testing.TB) string {
	t.Helper()
	program := os.Getenv(Variable)
	if program == "" {
		require.Skip(t, "there is no Ollama: `make ollama` builds one, and "+Variable+" names it")
	}
	return program
}

// Main runs the tests, stops the server that they started and exits: `func TestMain(m *testing.M) { ollamatest.Main(m) }`.
func Main(m *testing.M) {
	code := m.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "ollamatest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Stop ends the shared server, where one was started.
func Stop() error {
	running.Lock()
	defer running.Unlock()
	if running.server == nil {
		return nil
	}
	err := running.server.remove()
	running.server = nil
	return err
}

// testdata is the folder with the models, found from the folder of whichever package is tested.
func testdata() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return filepath.Join(folder, "testdata", "ollama"), nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", errors.New("no folder above has a go.mod")
		}
		folder = above
	}
}
