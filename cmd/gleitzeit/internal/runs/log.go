package runs

import (
	"context"
	"log/slog"
	"strings"
)

// engineLog returns the log for server and SDK: all that GLEITZEIT_LOG_LEVEL asks for, and without it panics alone.
func engineLog(to *slog.Logger) *slog.Logger {
	if to.Enabled(context.Background(), slog.LevelWarn) {
		return to
	}
	return slog.New(panicsOnly{to.Handler()})
}

// panicsOnly leaves out errors that people learn of otherwise: progress shows a task that fails, and the engine's Err a full
// disk, of which the server would write hundreds of lines.
type panicsOnly struct{ slog.Handler }

func (h panicsOnly) Handle(ctx context.Context, record slog.Record) error {
	// The SDK's "Workflow panic", "Unhandled panic." and "Worker received non-retriable error. Shutting down.", say.
	if text := strings.ToLower(record.Message); strings.Contains(text, "panic") || strings.Contains(text, "shutting down") {
		return h.Handler.Handle(ctx, record)
	}
	return nil
}

func (h panicsOnly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return panicsOnly{h.Handler.WithAttrs(attrs)}
}

func (h panicsOnly) WithGroup(name string) slog.Handler {
	return panicsOnly{h.Handler.WithGroup(name)}
}
