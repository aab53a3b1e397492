package llm

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// call is one call on its way through the pool.
type call struct {
	handler  *Handler
	request  protocol.Request
	pool     *pool
	spared   map[*member]bool // Servers of the pool that are not to be asked.
	provider string
	model    string // As the server is asked for it.
	key      string // Of the server; empty without.
	question *question
	progress protocol.Progress
	left     time.Duration // Of the timeout; 0 is none.
	usage    protocol.Usage
}

// Handle has a model answer once.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
	check, known := h.checks[request.Method]
	if !known {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "llm/v1 has no method %s", request.Method)
	}
	if found := check.Faults("parameters", request.Parameters); found != "" {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "%s: %s", request.Method, found)
	}
	if progress == nil {
		progress = func(string) {}
	}
	c := &call{handler: h, request: request, progress: progress, left: request.Timeout}
	if err := c.aim(); err != nil {
		return protocol.Result{}, err
	}
	result, err := c.served(ctx)
	result.Usage = c.usage
	return result, err
}

// aim finds out where the call goes.
func (c *call) aim() error {
	given, o := c.request.Parameters, &c.handler.options
	c.provider = otherwise(text(given, "provider"), o.Provider)
	url, err := text(given, "base_url"), error(nil)
	switch {
	case url != "":
		c.pool, c.spared, err = c.handler.namedPool(c.provider, url)
	case c.provider == openaiProvider && c.handler.openai == nil:
		err = protocol.Errorf(protocol.ConfigurationError, "no OpenAI-compatible server is configured").
			WithHint("`providers.openai.url` in config.yaml names one, or `base_url` of the task")
	case c.provider == openaiProvider:
		c.pool = c.handler.openai
	default:
		c.pool = c.handler.ollama
	}
	if err != nil {
		return err
	}
	c.key = text(given, "api_key")
	if c.provider == openaiProvider && c.key == "" && url == "" && o.OpenAI.Key != "" {
		if c.key, err = c.handler.secret(c.request.Secret); err != nil {
			return err
		}
	}
	c.model = text(given, "model")
	if c.model == "" {
		c.model = o.modelOf(c.provider, c.request.Method)
	}
	if c.model == "" {
		return protocol.Errorf(protocol.InvalidParams, "%s: there is no model", c.request.Method).
			WithHint("`model` names one, or `providers.openai.model` in config.yaml")
	}
	return nil
}

func text(given protocol.Value, name string) string {
	v, _ := given.Get(name)
	return v.Text()
}

// modelOf is the model of a task that names none.
func (o *Options) modelOf(provider, method string) string {
	chat, vision, embed := o.Model, o.VisionModel, o.EmbedModel
	if provider == openaiProvider {
		chat, vision, embed = o.OpenAI.Model, o.OpenAI.VisionModel, o.OpenAI.EmbedModel
	}
	switch method {
	case Vision:
		return vision
	case Embed:
		return embed
	}
	return chat
}

// served asks servers until one has served the call, or none can. A server that has too much to do is asked again later;
// one that is away, or lacks the model, is left for another one.
func (c *call) served(ctx context.Context) (protocol.Result, error) {
	tried := map[*member]bool{}
	maps.Copy(tried, c.spared)
	var first time.Time
	for pause := 250 * time.Millisecond; ; {
		result, m, err := c.attempt(ctx, tried)
		if err == nil || ctx.Err() != nil || m == nil {
			return result, err
		}
		failure := protocol.AsError(err, protocol.TaskExecutionFailed)
		switch {
		case failure.Code == protocol.ProviderOverloaded:
			if first.IsZero() {
				first = time.Now()
			}
			if time.Since(first) > c.handler.options.Patience {
				return result, err
			}
			c.progress("asks again soon: " + failure.Message)
			if !sleep(ctx, jitter(pause)) {
				return result, cancelled()
			}
			pause = min(2*pause, longestPause)
			continue
		case failure.Code == protocol.ProviderNotAvailable || failure.Code == protocol.ProviderTimeout || isLack(err):
			tried[m] = true
			if len(tried) < len(c.pool.members) && (isLack(err) || c.usage == protocol.Usage{}) {
				continue // Nothing has come of it yet: another server may do it.
			}
		}
		return result, err
	}
}

// longestPause is the longest between two questions to a server that has too much to do.
const longestPause = 4 * time.Second

// jitter shortens a pause by up to half, so that calls that were refused together do not come again together.
func jitter(pause time.Duration) time.Duration {
	return pause - time.Duration(rand.Int64N(int64(pause)/2))
}

func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt has one server serve the call. The server is nil where none was reached.
func (c *call) attempt(ctx context.Context, tried map[*member]bool) (protocol.Result, *member, error) {
	priority := otherwise(c.request.Priority, protocol.NormalPriority)
	model := tagged(c.model)
	m, err := c.pool.acquire(ctx, &waiter{model: model, priority: priority, avoid: tried}, func() { c.progress("waits for another call to end") })
	if err != nil {
		return protocol.Result{}, nil, err
	}
	if c.question == nil {
		// Now, so that no call that waits holds files in memory.
		if c.question, err = c.ask(); err != nil {
			c.pool.release(m, model, cancelled())
			return protocol.Result{}, nil, err
		}
	}
	result, err := c.pulling(ctx, m)
	c.pool.release(m, model, err)
	return result, m, err
}

// pulling asks the server, and fetches a model that it lacks where that is wanted.
func (c *call) pulling(ctx context.Context, m *member) (protocol.Result, error) {
	result, err := c.timed(ctx, m)
	if !isLack(err) || !c.question.pull {
		return result, err
	}
	if err := c.fetch(ctx, m); err != nil {
		return protocol.Result{}, err
	}
	return c.timed(ctx, m)
}

// fetch is not the model's time: only silence ends it.
func (c *call) fetch(ctx context.Context, m *member) error {
	limited, watch := watchOver(ctx, times{idle: c.question.idle, whom: serverName(c.provider)})
	defer watch.stop()
	return m.backend.pull(limited, c.model, func(text string) {
		watch.heard()
		c.progress(text)
	})
}

// timed asks the server within what is left of the call's time.
func (c *call) timed(ctx context.Context, m *member) (protocol.Result, error) {
	limited, watch := watchOver(ctx, times{total: c.request.Timeout, left: c.left, idle: c.question.idle, whom: serverName(c.provider)})
	defer watch.stop()
	began := time.Now()
	result, err := c.exchange(limited, m, watch)
	if c.left > 0 {
		c.left = max(c.left-time.Since(began), time.Nanosecond)
	}
	return result, err
}

// lack is a server that has no such model.
type lack struct{ of *protocol.Error }

func (l lack) Error() string { return l.of.Error() }

func (l lack) Unwrap() error { return l.of }

func isLack(err error) bool {
	_, is := errors.AsType[lack](err)
	return is
}

// serverName is what messages call a server of the kind.
func serverName(provider string) string {
	if provider == openaiProvider {
		return "the server"
	}
	return "Ollama"
}
