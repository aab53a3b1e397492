// Package llm is the protocol llm/v1: it gets answers of models from the servers of its providers, and distributes calls among
// these. It knows a provider only as a line of its table. It must not know Temporal, the interpreter of workflows, or the
// protocol that its models' tools belong to. It opens no file itself, does not accept an answer that was cut off as a complete
// one, and converts no number of a user or a model to a float.
package llm

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Options are the settings of the protocol. The zero value is fine.
type Options struct {
	Provider  string                      // Provider of tasks that name none; default: the first of the table.
	Providers []protocol.ProviderSettings // Settings that are missing are the provider's defaults.
	Tools     protocol.Toolbox            // Tools for models. Nil: no tools.
	Documents *reader.Reader              // Reads the files of calls. Nil: without converters.
	// Secret finds the keys of servers for Health; calls have their own function. Nil: no secrets.
	Secret func(name string) (string, error)

	// Patience is how long a call retries an overloaded server; default 30 s. After that it fails with a transient error.
	Patience time.Duration
	// Absence is how long a call waits for a server that has answered before and is gone; default 10 min. After that, and if no
	// server has ever answered, calls fail with a transient error.
	Absence time.Duration
}

// The defaults.
const (
	defaultPatience = 30 * time.Second
	defaultAbsence  = 10 * time.Minute
	defaultIdle     = 2 * time.Minute // Of tasks without `idle_timeout`.
	defaultRounds   = 8               // Of tasks without `max_tool_rounds`.
)

// Handler runs the methods of llm/v1. It keeps connections between calls; Close closes them.
type Handler struct {
	options  Options
	checks   map[string]*jsonschema.Schema // Schemas of the parameters, by method.
	backends []*backend                    // In the order of the table.

	given redaction.Set // What calls got: a server may repeat in one answer what another call sent to it.

	ratios split.Ratios // Of the models that have answered.

	mu    sync.Mutex
	named map[address]*pool.Pool // One pool for each server that tasks have named.
}

// secretsFor returns the secrets of a call, and those of all calls so far, for messages. In results only the call's own are
// redacted: a result must not depend on which variables other calls have been given.
func (h *Handler) secretsFor(request protocol.Request) provider.Secrets {
	all := &redaction.Set{}
	all.Follow(request.Secrets)
	all.Follow(&h.given)
	return provider.Secrets{Task: all}
}

// address is a server that a task names.
type address struct{ provider, url string }

// New makes a Handler. It calls no server yet; Health does. The error is a CONFIGURATION_ERROR.
func New(o Options) (*Handler, error) {
	o.Provider = cmp.Or(o.Provider, providers[0].Name)
	o.Patience = cmp.Or(o.Patience, defaultPatience)
	o.Absence = cmp.Or(o.Absence, defaultAbsence)
	h := &Handler{options: o, checks: map[string]*jsonschema.Schema{}, named: map[address]*pool.Pool{}}
	var err error
	if h.backends, err = backendsOf(o.Providers, o.Absence); err != nil {
		return nil, err
	}
	if _, err = h.backend(o.Provider); err != nil {
		return nil, err
	}
	for _, method := range Spec(o.Provider).Methods {
		if h.checks[method.Name], err = jsonschema.Compile(method.Parameters); err != nil {
			return nil, protocol.Errorf(protocol.InternalError, "the schema of %s: %v", method.Name, err)
		}
	}
	return h, nil
}

// maxNamed is how many servers named by tasks are remembered. Beyond it, idle ones are dropped.
const maxNamed = 64

// namedPool returns the pool of a server that a task names, and the servers of that pool that must not be used. A server of the
// settings is shared with all other calls, and so is its limit. The call is a user of the pool until it ends.
func (h *Handler) namedPool(b *backend, url string) (*pool.Pool, map[*pool.Member]bool, error) {
	server, err := b.Address(url)
	if err != nil {
		return nil, nil, err
	}
	at := address{b.Name, server.String()}
	for _, p := range h.pools() {
		if others, is := p.Except(at.provider, at.url); is {
			p.Users.Add(1)
			return p, others, nil
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if known := h.named[at]; known != nil {
		known.Users.Add(1)
		return known, nil, nil
	}
	made, err := b.newPool(url)
	if err != nil {
		return nil, nil, err
	}
	if len(h.named) >= maxNamed {
		for old, p := range h.named {
			if p.Idle() {
				p.Close()
				delete(h.named, old)
			}
		}
	}
	made.Users.Add(1)
	h.named[at] = made
	return made, nil, nil
}

// pools returns the pools of the settings, that of the default provider first.
func (h *Handler) pools() []*pool.Pool {
	var all []*pool.Pool
	for _, b := range h.backends {
		if b.pool == nil {
			continue
		}
		if b.Name == h.options.Provider {
			all = slices.Insert(all, 0, b.pool)
		} else {
			all = append(all, b.pool)
		}
	}
	return all
}

// backend returns the provider of a name; an empty one is the default.
func (h *Handler) backend(name string) (*backend, error) {
	name = cmp.Or(name, h.options.Provider)
	for _, b := range h.backends {
		if b.Name == name {
			return b, nil
		}
	}
	return nil, unknownProvider(name)
}

// Close closes idle connections. Calls in flight end with their contexts.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.pools() {
		p.Close()
	}
	for _, p := range h.named {
		p.Close()
	}
	return nil
}

// Identity implements protocol.Identifier: the provider and the model of the call, and how its files are read.
func (h *Handler) Identity(ctx context.Context, request protocol.Request) (value.Value, error) {
	c := &call{handler: h, request: request, model: modelsOf(request.Parameters)[0]}
	defer c.finish()
	if err := c.route(); err != nil {
		return value.Value{}, err
	}
	own := []value.Value{value.String(c.backend.Name), value.String(c.model)}
	for _, path := range (&files{request: request}).paths() {
		if request.Method == Transcribe {
			own = append(own, value.String(strings.ToLower(filepath.Ext(path)))) // The server gets it.
			break
		}
		if converter := h.options.Documents.Converter(path); converter != nil {
			how, err := converter.Identity(ctx)
			if err != nil {
				return value.Value{}, err
			}
			own = append(own, how)
		} else if format := reader.FormatByName(path); format != "" && format != "text" && format != "markdown" {
			own = append(own, value.String(format)) // Equal bytes may be read as a table or as text.
		}
	}
	return value.List(own...), nil
}
