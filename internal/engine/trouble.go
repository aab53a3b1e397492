package engine

import (
	"errors"
	"strings"
	"syscall"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// failed says what kept the engine from starting, and what to do.
func (e *Engine) failed(what string, err error) error {
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		return known
	}
	if known := e.diagnose(err.Error()); known != nil {
		return known.WithCause(err)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return e.diskFull().WithCause(err)
	}
	return protocol.Errorf(protocol.EngineUnreachable, "the engine in %q is not available: %s: %v", e.home.Path, what, err).WithCause(err)
}

// diagnose recognizes what SQLite says of its file; nil where the text says nothing of it. The server hands such errors
// on as text.
func (e *Engine) diagnose(text string) *protocol.Error {
	for _, sign := range []string{"file is not a database", "disk image is malformed", "malformed database schema"} {
		if strings.Contains(text, sign) {
			return e.damaged(sign)
		}
	}
	if strings.Contains(text, "disk is full") || strings.Contains(text, syscall.ENOSPC.Error()) {
		return e.diskFull()
	}
	if strings.Contains(text, "disk I/O error") {
		return protocol.Errorf(protocol.EngineUnreachable, "cannot read or write the engine's database %q: disk I/O error", e.home.EngineDB()).
			WithHint("check the disk, or set GLEITZEIT_HOME or --home to a folder on another one")
	}
	if strings.Contains(text, "readonly database") || strings.Contains(text, "unable to open database file") {
		return protocol.Errorf(protocol.EngineUnreachable, "cannot write the engine's database %q", e.home.EngineDB()).
			WithHint("make the file and its folder writable, or set GLEITZEIT_HOME or --home to a folder that you can write").
			WithKind(protocol.Permanent)
	}
	return nil
}

func (e *Engine) damaged(sign string) *protocol.Error {
	return protocol.Errorf(protocol.EngineUnreachable, "the engine's database %q is damaged: %s", e.home.EngineDB(), sign).
		WithHint("move the file away with its -wal and -shm files, and start again: open runs are lost, stored results are not").
		WithKind(protocol.Permanent)
}

func (e *Engine) diskFull() *protocol.Error {
	return protocol.Errorf(protocol.EngineUnreachable, "the disk of the engine's database %q is full", e.home.EngineDB()).
		WithHint("free some space, or set GLEITZEIT_HOME or --home to a folder on another disk, and start again: finished work is not lost")
}
