package llm

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// call is one call on its way through the pool.
type call struct {
	handler  *Handler
	request  protocol.Request
	pool     *pool
	spared   map[*member]bool // Servers of the pool that are not to be asked.
	provider string
	model    string // As the server is asked for it.
	hidden          // With the key of the server.
	question *question
	progress protocol.Progress
	left     time.Duration // Of the timeout; 0 is none.
	spent    time.Duration // Of it, so far.
	usage    protocol.Usage
	forget   func() // Lets go of the question, where it can be asked anew.
}

// Handle has a model answer once.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
	check, known := h.checks[request.Method]
	if !known {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "llm/v1 has no method %s", request.Method)
	}
	if found := check.Check("parameters", request.Parameters); found != "" {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "%s: %s", request.Method, found)
	}
	if progress == nil {
		progress = func(string) {}
	}
	c := &call{handler: h, request: request, progress: progress, left: request.Timeout, hidden: hidden{redact: request.Redact}}
	defer c.leave()
	if err := c.aim(); err != nil {
		return protocol.Result{}, err
	}
	result, err := c.exchange(ctx)
	result.Usage = c.usage
	return result, err
}

// leave is for a call that has ended.
func (c *call) leave() {
	if c.pool != nil {
		c.pool.users.Add(-1)
	}
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
	if url == "" {
		c.pool.users.Add(1)
	}
	c.key = text(given, "api_key")
	if c.provider == openaiProvider && c.key == "" && url == "" && o.OpenAI.Key != "" {
		if c.key, err = c.handler.secret(c.request.Secret); err != nil {
			return err
		}
	}
	if strings.ContainsFunc(c.key, unicode.IsControl) {
		return protocol.Errorf(protocol.ConfigurationError, "the key of the server cannot be sent: there is a line break or another control character in it").
			WithHint("a file's content may end with a line break that is none of the key's")
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

func text(given value.Value, name string) string {
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

// serverName is what messages call a server of the kind.
func serverName(provider string) string {
	if provider == openaiProvider {
		return "the server"
	}
	return "Ollama"
}
