// Package home knows the home folder: where things lie in it, and which runs its processes execute. It must not know
// what is in the files of others, nor anything of Temporal.
package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Home is a home folder that can be written.
type Home struct {
	Path string // Absolute.
}

// Open makes the folder where it is not there (0700) and proves that it can be written. Its error is an
// *protocol.Error of the code ConfigurationError.
func Open(path string) (*Home, error) {
	if path == "" {
		return nil, unusable(path, errors.New("the path is empty"))
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, unusable(path, err)
	}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return nil, unusable(absolute, err)
	}
	probe, err := os.CreateTemp(absolute, ".writable-*")
	if err != nil {
		return nil, unusable(absolute, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, unusable(absolute, err)
	}
	return &Home{Path: absolute}, nil
}

func unusable(path string, err error) error {
	return protocol.Errorf(protocol.ConfigurationError, "cannot write to the home folder %q: %v", path, cause(err)).WithCause(err).
		WithHint("set GLEITZEIT_HOME or --home to a folder that you can write")
}

// cause leaves out the path that the system's errors repeat.
func cause(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// EngineLock is the file that whoever runs the engine holds locked.
func (h *Home) EngineLock() string { return h.file("engine.lock") }

// EngineDB is the engine's database.
func (h *Home) EngineDB() string { return h.file("engine.db") }

// EngineAddress is the file that says where the engine answers.
func (h *Home) EngineAddress() string { return h.file("engine.json") }

// EngineCertificate is the certificate that the engine and its clients show each other.
func (h *Home) EngineCertificate() string { return h.file("engine.crt") }

// EngineKey is the private key of EngineCertificate.
func (h *Home) EngineKey() string { return h.file("engine.key") }

// UIToken is the file with the secret that lets a browser into the Web UI.
func (h *Home) UIToken() string { return h.file("ui.token") }

// MCPToken is the file with the secret that lets a client into the MCP server, where that is served over HTTP.
func (h *Home) MCPToken() string { return h.file("mcp.token") }

func (h *Home) runs() string { return h.file("runs") }

func (h *Home) file(name string) string { return filepath.Join(h.Path, name) }
