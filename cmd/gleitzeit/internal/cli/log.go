package cli

import (
	"context"
	"log/slog"
	"strings"
)

// engineLog is what server and SDK may say on standard error: all that GLEITZEIT_LOG_LEVEL asks for, and without it no
// more than faults.
func engineLog(to *slog.Logger) *slog.Logger {
	if to.Enabled(context.Background(), slog.LevelWarn) {
		return to
	}
	return slog.New(faultsOnly{to.Handler()})
}

// faultsOnly leaves out the errors that are nobody's fault in here: progress tells of a task that fails, and the
// engine's Err of a full disk, of which the server would write hundreds of lines.
type faultsOnly struct{ slog.Handler }

func (h faultsOnly) Handle(ctx context.Context, record slog.Record) error {
	// The SDK's "Workflow panic", "Unhandled panic." and "Worker received non-retriable error. Shutting down.", say.
	if text := strings.ToLower(record.Message); strings.Contains(text, "panic") || strings.Contains(text, "shutting down") {
		return h.Handler.Handle(ctx, record)
	}
	return nil
}

func (h faultsOnly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return faultsOnly{h.Handler.WithAttrs(attrs)}
}

func (h faultsOnly) WithGroup(name string) slog.Handler {
	return faultsOnly{h.Handler.WithGroup(name)}
}
