package cli

import (
	"context"
	"log/slog"
)

// withoutTasks is a log that leaves out what the SDK says of each task that fails: progress and results tell it to
// people, and to the program it is no error. With the level debug it is there.
type withoutTasks struct{ slog.Handler }

// taskFailed is the SDK's message, at the level of an error.
const taskFailed = "Activity error."

func (h withoutTasks) Handle(ctx context.Context, record slog.Record) error {
	if record.Message == taskFailed && !h.Enabled(ctx, slog.LevelDebug) {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

func (h withoutTasks) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withoutTasks{h.Handler.WithAttrs(attrs)}
}

func (h withoutTasks) WithGroup(name string) slog.Handler {
	return withoutTasks{h.Handler.WithGroup(name)}
}
