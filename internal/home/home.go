// Package home manages the home folder: the paths in it, and the claims of runs. It must not know the content of other
// packages' files, or Temporal.
package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Home is a home folder that can be written.
type Home struct {
	Path string // Absolute.
}

// Open creates the folder (0700) if it does not exist, and checks that it can be written. Its error is a *protocol.Error of
// the code ConfigurationError.
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

// Look returns a home folder that exists and that may be read-only, or on a full disk: to show what is in it.
func Look(path string) (*Home, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, unusable(path, err)
	}
	if _, err := os.ReadDir(absolute); err != nil {
		return nil, unusable(absolute, err)
	}
	return &Home{Path: absolute}, nil
}

// spare is the space in bytes without which the disk of a home folder is full for its databases.
const spare = 16 << 10

// IsFull reports whether the disk of the folder has no more space, or the user no more of it.
func (h *Home) IsFull() bool {
	probe, err := os.CreateTemp(h.Path, ".writable-*")
	if err == nil {
		_, err = probe.Write(make([]byte, spare))
		_, _ = probe.Close(), os.Remove(probe.Name()) // What matters is the write.
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func unusable(path string, err error) error {
	return protocol.Errorf(protocol.ConfigurationError, "cannot write to the home folder %q: %v", path, cause(err)).WithCause(err).
		WithHint("set GLEITZEIT_HOME or --home to a folder that you can write")
}

// cause returns an error of the file system without its path.
func cause(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// EngineLock is the lock file of the process that runs the engine.
func (h *Home) EngineLock() string { return h.file("engine.lock") }

// EngineDB is the engine's database.
func (h *Home) EngineDB() string { return h.file("engine.db") }

// EngineAddress is the file with the address of the engine.
func (h *Home) EngineAddress() string { return h.file("engine.json") }

// EngineCertificate is the certificate of the engine and its clients.
func (h *Home) EngineCertificate() string { return h.file("engine.crt") }

// EngineKey is the private key of EngineCertificate.
func (h *Home) EngineKey() string { return h.file("engine.key") }

// UIToken is the file with the token for the Web UI.
func (h *Home) UIToken() string { return h.file("ui.token") }

// MCPToken is the file with the token for the MCP server over HTTP.
func (h *Home) MCPToken() string { return h.file("mcp.token") }

// APIToken is the file with the token for the Batch API.
func (h *Home) APIToken() string { return h.file("api.token") }

// BatchAPI is the folder with the files and batches of the Batch API.
func (h *Home) BatchAPI() string { return h.file("batch-api") }

// SentBatches is the folder with what commands have sent to Batch APIs and have no results of yet.
func (h *Home) SentBatches() string { return h.file("sent-batches") }

func (h *Home) runs() string { return h.file("runs") }

func (h *Home) file(name string) string { return filepath.Join(h.Path, name) }

// CacheIn returns the folder, in a home folder that may not exist yet, of what can be made anew at any time.
func CacheIn(home string) string { return filepath.Join(home, "cache") }
