package llm

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// call is one call of a method.
type call struct {
	handler   *Handler
	request   protocol.Request
	pool      *pool.Pool
	excluded  map[*pool.Member]bool // Servers of the pool that must not be used.
	backend   *backend
	model     string           // Name of the model on the server.
	secrets   provider.Secrets // Including the key of the server.
	pictures  *preparedImages  // The images.
	files     *files
	question  *question
	progress  protocol.Progress
	timeLeft  time.Duration // Rest of the timeout; 0 = no timeout.
	timeSpent time.Duration // Time used so far.
	usage     protocol.Usage
	discard   func() // Drops the question, if it can be read again.
}

// Handle runs one attempt of a method.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
	check, known := h.checks[request.Method]
	if !known {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "unknown method %q", request.Method)
	}
	request.Parameters = listMessages(request.Parameters)
	if err := checkPage(request.Method, request.Parameters); err != nil {
		return protocol.Result{}, err
	}
	if found := check.Check("parameters", request.Parameters); found != "" {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "%s: %s", request.Method, found)
	}
	if progress == nil {
		progress = func(string) {}
	}
	return (&fallback{handler: h, request: request, progress: progress, timeLeft: request.Timeout}).run(ctx)
}

// finish releases the pool when the call has ended.
func (c *call) finish() {
	if c.pool != nil {
		c.pool.Users.Add(-1)
	}
}

// route finds the servers, the key and the model of the call.
func (c *call) route() (err error) {
	given, url := c.request.Parameters, text(c.request.Parameters, "base_url")
	if c.backend, err = c.handler.backend(text(given, "provider")); err != nil {
		return err
	}
	switch {
	case url != "":
		if c.pool, c.excluded, err = c.handler.namedPool(c.backend, url); err != nil {
			return err
		}
	case c.backend.pool == nil:
		return protocol.Errorf(protocol.ConfigurationError, "no server is configured for the provider %q", c.backend.Name).
			WithHint("set `providers.%s.url` in config.yaml, or `base_url` of the task", c.backend.Name)
	default:
		c.pool = c.backend.pool
		c.pool.Users.Add(1)
	}
	ofSettings := c.pool == c.backend.pool // Also one that the task names.
	c.secrets.Key = text(given, "api_key")
	if c.secrets.Key == "" && ofSettings && c.backend.settings.Key != "" {
		if c.secrets.Key, err = secret(c.request.Secret, c.backend.settings.Key); err != nil {
			return err
		}
	}
	if ofSettings {
		if err = c.backend.addHeaders(&c.secrets, c.request.Secret); err != nil {
			return err
		}
	}
	if strings.ContainsFunc(c.secrets.Key, unicode.IsControl) {
		return protocol.Errorf(protocol.ConfigurationError, "invalid `api_key`: it contains a line break or another control character").
			WithHint("a file may end with a line break that is not part of the key")
	}
	if c.request.Method == Request {
		c.model, err = requestedModel(given)
		return err
	}
	if c.model = cmp.Or(c.model, text(given, "model"), c.backend.model(c.request.Method)); c.model == "" {
		return protocol.Errorf(protocol.InvalidParams, "%s: `model` is required", c.request.Method).
			WithHint("set `model`, or `providers.%s.model` in config.yaml", c.backend.Name)
	}
	return nil
}

func text(given value.Value, name string) string {
	v, _ := given.Get(name)
	return v.Text()
}

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
