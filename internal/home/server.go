package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Server describes the process of `gleitzeit server` in a home.
type Server struct {
	PID    int    `json:"pid"`
	Engine string `json:"engine,omitempty"` // host:port of the Temporal frontend; empty during the start.
	UI     string `json:"ui,omitempty"`     // host:port of the Web UI; empty without one.

	BatchAPI string `json:"batch_api,omitempty"` // The base URL of the Batch API; empty without one.
}

// Serving is the lock of the server of a home, until Release or the end of the process.
type Serving struct {
	path string
	lock *lock
}

// Serve claims the home for the server in this process. The error names the process that already holds it.
func (h *Home) Serve() (*Serving, error) {
	held, err := tryLock(h.file("server.lock"))
	if err != nil {
		return nil, unusable(h.Path, err)
	}
	if held == nil {
		return nil, h.alreadyServed()
	}
	serving := &Serving{h.file("server.json"), held}
	if err := serving.Announce(Server{PID: os.Getpid()}); err != nil {
		return nil, errors.Join(unusable(h.Path, err), held.unlock())
	}
	return serving, nil
}

// Announce writes the description of this process.
func (s *Serving) Announce(server Server) error {
	data, err := json.MarshalIndent(server, "", "  ")
	if err != nil {
		return err
	}
	return WriteAtomic(s.path, append(data, '\n'))
}

// Release lets another process claim the home.
func (s *Serving) Release() error {
	err := os.Remove(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.lock.unlock())
}

// ServerBatchAPI returns the base URL of the Batch API that the server of this home serves now; empty if there is none. Of a server that was
// killed, the port may be somebody else's.
func (h *Home) ServerBatchAPI() string {
	served, is, err := h.Served()
	if err != nil || !is {
		return ""
	}
	return served.BatchAPI
}

// Served returns the server of the home; false if none runs.
func (h *Home) Served() (Server, bool, error) {
	server, is := h.server()
	if !is {
		return Server{}, false, nil // Without a look at the lock, which would be in the way of a server that starts.
	}
	held, err := tryLock(h.file("server.lock"))
	if err != nil {
		return Server{}, false, unusable(h.Path, err)
	}
	if held != nil {
		return Server{}, false, held.unlock() // The server was killed.
	}
	return server, true, nil
}

// server reads the description of a server; false if there is none.
func (h *Home) server() (server Server, is bool) {
	data, err := os.ReadFile(h.file("server.json"))
	return server, err == nil && json.Unmarshal(data, &server) == nil && server.PID != 0
}

func (h *Home) alreadyServed() error {
	who := ""
	if first, is := h.server(); is {
		who = fmt.Sprintf(": process %d", first.PID)
		if first.Engine != "" {
			who += ", with its engine at " + first.Engine
		}
	}
	return protocol.Errorf(protocol.ConfigurationError, "a server is already running for %s%s", h.Path, who).
		WithHint("stop it first, or use another home folder with --home")
}
