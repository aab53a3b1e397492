package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Hold takes the locks of the engine and of the server, so that neither starts in the home until release is called. The error
// names a process that uses the home.
func (h *Home) Hold() (release func() error, err error) {
	var held []*lock
	release = func() (err error) {
		for _, l := range held {
			err = errors.Join(err, l.unlock())
		}
		return err
	}
	for _, path := range []string{h.EngineLock(), h.file("server.lock")} {
		taken, err := tryLock(path)
		if err == nil && taken == nil {
			err = inUse(h.Path)
		}
		if err != nil {
			return nil, errors.Join(err, release())
		}
		held = append(held, taken)
	}
	claims, err := h.Claims()
	if err != nil {
		return nil, errors.Join(err, release())
	}
	for _, claim := range claims {
		executed, err := h.Executed(claim.Run)
		if err == nil && executed {
			err = inUse(h.Path)
		}
		if err != nil {
			return nil, errors.Join(err, release())
		}
	}
	return release, nil
}

func inUse(path string) error {
	return protocol.Errorf(protocol.ConfigurationError, "the home folder %q is in use", path).
		WithHint("end the gleitzeit processes that use it, such as a server")
}

// IsEmpty reports whether there is nothing at the path, or an empty folder.
func IsEmpty(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return len(entries) == 0, err
}

// CheckLocks returns an error if locks do not work in the folder, as on some network file systems.
func (h *Home) CheckLocks() (err error) {
	path := h.file(".lock-" + strconv.Itoa(os.Getpid()))
	held, err := tryLock(path)
	if err != nil {
		return unusable(h.Path, err)
	}
	if held == nil {
		return nil // Another process with this number, of another machine or container, holds it: locks work.
	}
	defer func() { err = errors.Join(err, held.remove()) }()
	second, err := tryLock(path)
	if err != nil {
		return unusable(h.Path, err)
	}
	if second != nil {
		return errors.Join(protocol.Errorf(protocol.ConfigurationError, "locks do not work in the home folder %q", h.Path).
			WithHint("set GLEITZEIT_HOME or --home to a folder on a local disk"), second.unlock())
	}
	return nil
}

// Config is the file with the settings, unless a variable names another.
func (h *Home) Config() string { return filepath.Join(h.Path, "config.yaml") }

// Results is the file of the result store, unless the settings name another store.
func (h *Home) Results() string { return filepath.Join(h.Path, "results.db") }
