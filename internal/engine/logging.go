package engine

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// filtered discards records below the level.
func filtered(to *slog.Logger, level slog.Leveler) *slog.Logger {
	if to == nil {
		return slog.New(slog.DiscardHandler)
	}
	if level == nil {
		level = slog.LevelError
	}
	return slog.New(atLeast{to.Handler(), level})
}

type atLeast struct {
	slog.Handler
	level slog.Leveler
}

func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level.Level() && h.Handler.Enabled(ctx, level)
}

func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs), h.level}
}

func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.level}
}

// serverLogger passes the server's log to slog, and the text of its errors to a function.
type serverLogger struct {
	to      *slog.Logger
	trouble func(text string)
	ending  *atomic.Bool // Set while the server stops: errors are expected and not logged.
}

var (
	_ log.Logger     = serverLogger{}
	_ log.WithLogger = serverLogger{}
)

func (l serverLogger) Debug(msg string, tags ...tag.Tag) { l.write(slog.LevelDebug, msg, tags) }
func (l serverLogger) Info(msg string, tags ...tag.Tag)  { l.write(slog.LevelInfo, msg, tags) }
func (l serverLogger) Warn(msg string, tags ...tag.Tag)  { l.write(slog.LevelWarn, msg, tags) }

func (l serverLogger) Error(msg string, tags ...tag.Tag) {
	text := textOf(msg, tags)
	if strings.Contains(text, context.Canceled.Error()) {
		// A client disconnected: not an error of the server.
		l.Debug(msg, tags...)
		return
	}
	if !l.ending.Load() {
		l.trouble(text)
	}
	l.write(slog.LevelError, msg, tags)
}

// DPanic panics only in development builds of the server.
func (l serverLogger) DPanic(msg string, tags ...tag.Tag) { l.Error(msg, tags...) }

// Panic panics, as callers expect.
func (l serverLogger) Panic(msg string, tags ...tag.Tag) {
	l.Error(msg, tags...)
	panic("temporal server: " + textOf(msg, tags))
}

// Fatal ends the goroutine, not the process: the server must not end a program that only embeds it. During a start, the start
// fails.
func (l serverLogger) Fatal(msg string, tags ...tag.Tag) {
	l.Error(msg, tags...)
	runtime.Goexit()
}

// With returns a logger that adds the tags to each record.
func (l serverLogger) With(tags ...tag.Tag) log.Logger {
	return serverLogger{slog.New(l.to.Handler().WithAttrs(attributes(tags))), l.trouble, l.ending}
}

func (l serverLogger) write(level slog.Level, msg string, tags []tag.Tag) {
	if !l.ending.Load() && l.to.Enabled(context.Background(), level) {
		l.to.LogAttrs(context.Background(), level, msg, attributes(tags)...)
	}
}

func attributes(tags []tag.Tag) []slog.Attr {
	attrs := make([]slog.Attr, len(tags))
	for i, t := range tags {
		attrs[i] = slog.Any(t.Key(), t.Value())
	}
	return attrs
}

// textOf returns the message with its error.
func textOf(msg string, tags []tag.Tag) string {
	parts := []string{msg}
	for _, t := range tags {
		if t.Key() == "error" {
			if text, ok := t.Value().(string); ok {
				parts = append(parts, text)
			}
		}
	}
	return strings.Join(parts, ": ")
}
