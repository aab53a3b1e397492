package llm

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// watchdog watches the time limits of a call: its timeout, and how long the server may be silent.
type watchdog struct {
	idle  time.Duration
	timer *time.Timer
	end   []context.CancelFunc
	heard atomic.Bool // Whether there was a sign of life.
	whole bool        // Whether there is none before the whole answer.
}

// timeLimits are the time limits of a call.
type timeLimits struct {
	total, left time.Duration              // Timeout of the task, and the rest of it; 0 = no timeout.
	idle        time.Duration              // Maximum time without a sign of life; 0 = no limit.
	queued      func(context.Context) bool // Reports whether the server works on other requests; nil if it does not say.
	server      string                     // Name of the server in messages.
}

// newWatchdog starts the timers. A limit that is exceeded ends the context, with the error of the call as its cause.
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
		// Some servers send nothing before they begin with a request: as long as they work on others, it is not silence.
		if t.queued != nil && !w.heard.Load() && t.queued(silent) {
			w.timer.Reset(w.idle)
			return
		}
		cancel(protocol.Errorf(protocol.ProviderTimeout, "%s sent nothing for %s", t.server, seconds(t.idle)).
			WithHint("loading a large model or reading a long prompt may take longer: raise `idle_timeout`"))
	})
	return silent, w
}

// reset restarts the idle timeout.
func (w *watchdog) reset() {
	w.heard.Store(true)
	w.timer.Reset(w.idle)
}

// restart restarts the idle timeout without a sign of life.
func (w *watchdog) restart() {
	if !w.whole {
		w.timer.Reset(w.idle)
	}
}

// expectWhole ends the idle timeout until there is a sign of life: the server is silent until it has the whole answer.
func (w *watchdog) expectWhole() {
	w.whole = true
	w.timer.Stop()
}

// pause ends the idle timeout until it is restarted.
func (w *watchdog) pause() { w.timer.Stop() }

func (w *watchdog) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
	for i := len(w.end) - 1; i >= 0; i-- {
		w.end[i]()
	}
}

func seconds(d time.Duration) string {
	const shown = 10 * time.Millisecond
	if d > 0 && d < shown {
		return strings.Replace(d.String(), "ms", " ms", 1)
	}
	text := strings.TrimRight(fmt.Sprintf("%.2f", d.Seconds()), "0")
	return strings.TrimSuffix(text, ".") + " s"
}
