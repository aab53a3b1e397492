// Package llm is the protocol llm/v1: it has models of Ollama and of OpenAI-compatible servers answer. It must not know
// Temporal, the interpreter of workflows, or the protocol that its models' tools belong to. It opens no file itself, takes
// no answer that was cut off for a whole one, and lets no number of a user or a model pass through a float.
package llm

import (
	"context"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Options are the settings of the protocol. The zero value is fine.
type Options struct {
	Provider      string   // Of a task that names none: "ollama", the default, or "openai".
	URLs          []string // Of the Ollama servers; default "http://127.0.0.1:11434".
	Model         string   // Of llm/chat and llm/generate where a task names none; default "llama3.2".
	VisionModel   string   // Of llm/vision; default "llava".
	EmbedModel    string   // Of llm/embed; default "nomic-embed-text".
	MaxConcurrent int      // Calls in flight to each server; default 4. Others wait, and that does not count as their time.
	AutoPull      bool     // A model that the server lacks is fetched, where a task does not say otherwise.

	OpenAI OpenAI           // Of `provider: openai`.
	Tools  protocol.Toolbox // Where `tools` are looked for. Nil: there are none.

	// Patience is how long a call asks a server again that has too much to do; default 30 s. After that it fails with a
	// transient error.
	Patience time.Duration
	// Absence is how long the return of a server is waited for that has answered before and is gone; default 10 min. After
	// that, and where it has never answered, calls fail with a transient error.
	Absence time.Duration
}

// OpenAI are the settings of OpenAI-compatible servers. A task that names a `base_url` needs none.
type OpenAI struct {
	URLs          []string // With the path before "/chat/completions": "http://127.0.0.1:8000/v1".
	Model         string   // Where a task names none; no default.
	VisionModel   string   // Default: Model.
	EmbedModel    string   // Default: Model.
	MaxConcurrent int      // Calls in flight to each server; default 4.
	Key           string   // The name of the secret that is the key; empty where none is wanted.
	// Secret finds the key where no call brings its own way to it: for Health.
	Secret func(name string) (string, error)
}

// The providers.
const (
	ollamaProvider = "ollama"
	openaiProvider = "openai"
)

// The defaults.
const (
	defaultURL           = "http://127.0.0.1:11434"
	defaultModel         = "llama3.2"
	defaultVisionModel   = "llava"
	defaultEmbedModel    = "nomic-embed-text"
	defaultMaxConcurrent = 4
	defaultPatience      = 30 * time.Second
	defaultAbsence       = 10 * time.Minute
	defaultIdle          = 2 * time.Minute // How long the server may be silent where a task does not say.
	defaultRounds        = 8               // How often a model may ask for tools where a task does not say.
)

// Handler runs the methods of llm/v1. It keeps connections between calls; Close closes them.
type Handler struct {
	options Options
	checks  map[string]*jsonschema.Schema // What parameters must be like, by method.
	ollama  *pool                         // Of the settings.
	openai  *pool                         // Of the settings; nil where they name no server.

	mu    sync.Mutex
	named map[address]*pool // Of servers that tasks have named, a pool each.
}

// address is a server that a task names.
type address struct{ provider, url string }

// New makes a Handler. It asks no server yet; Health tells whether there is one. The error is a CONFIGURATION_ERROR.
func New(o Options) (*Handler, error) {
	o.Provider = otherwise(o.Provider, ollamaProvider)
	o.Model = otherwise(o.Model, defaultModel)
	o.VisionModel = otherwise(o.VisionModel, defaultVisionModel)
	o.EmbedModel = otherwise(o.EmbedModel, defaultEmbedModel)
	o.MaxConcurrent = otherwise(o.MaxConcurrent, defaultMaxConcurrent)
	o.Patience = otherwise(o.Patience, defaultPatience)
	o.Absence = otherwise(o.Absence, defaultAbsence)
	o.OpenAI.VisionModel = otherwise(o.OpenAI.VisionModel, o.OpenAI.Model)
	o.OpenAI.EmbedModel = otherwise(o.OpenAI.EmbedModel, o.OpenAI.Model)
	o.OpenAI.MaxConcurrent = otherwise(o.OpenAI.MaxConcurrent, defaultMaxConcurrent)
	if len(o.URLs) == 0 {
		o.URLs = []string{defaultURL}
	}
	h := &Handler{options: o, checks: map[string]*jsonschema.Schema{}, named: map[address]*pool{}}
	var err error
	if h.ollama, err = h.poolOf(ollamaProvider, o.MaxConcurrent, o.URLs...); err != nil {
		return nil, err
	}
	if len(o.OpenAI.URLs) > 0 {
		if h.openai, err = h.poolOf(openaiProvider, o.OpenAI.MaxConcurrent, o.OpenAI.URLs...); err != nil {
			return nil, err
		}
	}
	for _, method := range Spec().Methods {
		if h.checks[method.Name], err = jsonschema.Compile(method.Parameters); err != nil {
			return nil, protocol.Errorf(protocol.InternalError, "the schema of %s: %v", method.Name, err)
		}
	}
	return h, nil
}

func otherwise[T comparable](given, fallback T) T {
	var none T
	if given == none {
		return fallback
	}
	return given
}

// poolOf makes a pool of servers of one kind.
func (h *Handler) poolOf(provider string, limit int, urls ...string) (*pool, error) {
	var members []*member
	for _, text := range urls {
		server, err := endpoint(provider, text)
		if err != nil {
			return nil, err
		}
		m := &member{
			Server: protocol.Server{Provider: provider, URL: withoutUser(server), MaxConcurrent: limit}, address: server.String(),
			loaded: map[string]bool{}, lacks: map[string]time.Time{},
		}
		if provider == openaiProvider {
			m.silent = true
			m.backend = newOpenAI(server, m.URL)
		} else {
			m.backend = newOllama(server, m.URL)
		}
		members = append(members, m)
	}
	return newPool(members), nil
}

// mostNamed is how many servers that tasks have named are remembered. Beyond it, idle ones are forgotten.
const mostNamed = 64

// namedPool is that of a server which a task names, with those of its servers that are not meant. One of the settings is
// shared with all other calls, and so is its limit. The pool is used by one call more, until that leaves.
func (h *Handler) namedPool(provider, url string) (*pool, map[*member]bool, error) {
	server, err := endpoint(provider, url)
	if err != nil {
		return nil, nil, err
	}
	at := address{provider, server.String()}
	for _, p := range h.pools() {
		if others, is := p.othersThan(at); is {
			p.users.Add(1)
			return p, others, nil
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if known := h.named[at]; known != nil {
		known.users.Add(1)
		return known, nil, nil
	}
	limit := h.options.MaxConcurrent
	if provider == openaiProvider {
		limit = h.options.OpenAI.MaxConcurrent
	}
	made, err := h.poolOf(provider, limit, url)
	if err != nil {
		return nil, nil, err
	}
	if len(h.named) >= mostNamed {
		for old, p := range h.named {
			if p.idle() {
				p.close()
				delete(h.named, old)
			}
		}
	}
	made.users.Add(1)
	h.named[at] = made
	return made, nil, nil
}

// pools are those of the settings.
func (h *Handler) pools() []*pool {
	if h.openai == nil {
		return []*pool{h.ollama}
	}
	if h.options.Provider == openaiProvider {
		return []*pool{h.openai, h.ollama}
	}
	return []*pool{h.ollama, h.openai}
}

// Close lets go of idle connections. Calls in flight end by their contexts.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.pools() {
		p.close()
	}
	for _, p := range h.named {
		p.close()
	}
	return nil
}

// Identity implements protocol.Identifier: where the call goes, and the model that it means there.
func (h *Handler) Identity(_ context.Context, request protocol.Request) (value.Value, error) {
	c := &call{handler: h, request: request}
	defer c.leave()
	if err := c.aim(); err != nil {
		return value.Value{}, err
	}
	return value.List(value.String(c.provider), value.String(c.model)), nil
}
