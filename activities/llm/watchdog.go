package llm

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// watch keeps the times of a call: the total one, and how long the server may be silent.
type watchdog struct {
	idle  time.Duration
	timer *time.Timer
	end   []context.CancelFunc
}

// times are those of a call.
type timeLimits struct {
	total, left time.Duration // The task's timeout, and what is left of it; 0 is none.
	idle        time.Duration // How long the server may be silent; 0 is for ever.
	server        string        // What messages call the server.
}

// watchOver starts the times. Whichever is over ends the context, with what the call fails with as its cause.
func newWatchdog(ctx context.Context, t timeLimits) (context.Context, *watchdog) {
	w := &watchdog{idle: t.idle}
	if t.left > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, t.left, protocol.Errorf(protocol.TaskTimeout,
			"timed out after %s: the model was still answering", seconds(t.total)).
			WithHint("raise the `timeout` of the task, or limit the answer with `max_tokens`"))
		ctx, w.end = limited, append(w.end, cancel)
	}
	if t.idle == 0 {
		return ctx, w
	}
	silent, cancel := context.WithCancelCause(ctx)
	w.end = append(w.end, func() { cancel(nil) })
	w.timer = time.AfterFunc(t.idle, func() {
		cancel(protocol.Errorf(protocol.ProviderTimeout, "%s sent nothing for %s", t.server, seconds(t.idle)).
			WithHint("loading a large model or reading a long prompt may take longer: raise `idle_timeout`"))
	})
	return silent, w
}

// heard begins the idle time anew.
func (w *watchdog) reset() { w.timer.Reset(w.idle) }

func (w *watchdog) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
	for i := len(w.end) - 1; i >= 0; i-- {
		w.end[i]()
	}
}

func seconds(d time.Duration) string {
	text := strings.TrimRight(fmt.Sprintf("%.2f", d.Seconds()), "0")
	return strings.TrimSuffix(text, ".") + " s"
}
