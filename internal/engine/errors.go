package engine

import (
	"errors"
	"strings"
	"syscall"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// failed returns the error of an engine that is not available, with a hint if the cause is known.
func failed(h *home.Home, what string, err error) error {
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		return known
	}
	if known := diagnose(h, err.Error()); known != nil {
		return known.WithCause(err)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return diskFull(h).WithCause(err)
	}
	return protocol.Errorf(protocol.EngineUnreachable, "the engine in %q is not available: %s: %v", h.Path, what, err).WithCause(err)
}

// diagnose recognizes errors of SQLite in a text; nil if there are none. The server returns such errors as text.
func diagnose(h *home.Home, text string) *protocol.Error {
	for _, sign := range []string{"file is not a database", "disk image is malformed", "malformed database schema"} {
		if strings.Contains(text, sign) {
			return damaged(h, sign)
		}
	}
	if strings.Contains(text, "disk is full") || strings.Contains(text, syscall.ENOSPC.Error()) {
		return diskFull(h)
	}
	if strings.Contains(text, "disk I/O error") {
		return protocol.Errorf(protocol.EngineUnreachable, "cannot read or write the engine's database %q: disk I/O error", h.EngineDB()).
			WithHint("check the disk, or set GLEITZEIT_HOME or --home to a folder on another one")
	}
	if strings.Contains(text, "readonly database") || strings.Contains(text, "unable to open database file") {
		return protocol.Errorf(protocol.EngineUnreachable, "cannot write the engine's database %q", h.EngineDB()).
			WithHint("make the file and its folder writable, or set GLEITZEIT_HOME or --home to a folder that you can write").
			WithKind(protocol.Permanent)
	}
	return nil
}

func damaged(h *home.Home, sign string) *protocol.Error {
	return protocol.Errorf(protocol.EngineUnreachable, "the engine's database %q is damaged: %s", h.EngineDB(), sign).
		WithHint("move the file away with its -wal and -shm files, and start again: open runs are lost, stored results are not").
		WithKind(protocol.Permanent)
}

func diskFull(h *home.Home) *protocol.Error {
	return protocol.Errorf(protocol.EngineUnreachable, "the disk of the engine's database %q is full", h.EngineDB()).
		WithHint("free some space, or set GLEITZEIT_HOME or --home to a folder on another disk, and start again: finished work is not lost")
}
