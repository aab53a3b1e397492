package llm

import (
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/ollama"
	"github.com/gleitzeit/gleitzeit/activities/llm/openai"
	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// providers is the table of providers. The first is the default. To add one, add a package and a line.
var providers = []provider.Provider{
	ollama.Provider(),
	openai.Provider(),
}

// Providers describes the providers, for whoever reads their settings.
func Providers() []protocol.Provider {
	all := make([]protocol.Provider, len(providers))
	for i, p := range providers {
		all[i] = p.Provider
	}
	return all
}

func providerNames() []string {
	names := make([]string, len(providers))
	for i, p := range providers {
		names[i] = p.Name
	}
	return names
}

// backend is a provider with its settings.
type backend struct {
	provider.Provider
	settings protocol.ProviderSettings
	pool     *pool.Pool    // Of the servers of the settings; nil where there are none.
	absence  time.Duration // How long calls wait for a server that is gone, or wants no request.
}

// backendsOf joins the table with the settings. Not all providers need have some.
func backendsOf(settings []protocol.ProviderSettings, absence time.Duration) ([]*backend, error) {
	var all []*backend
	known := map[string]*backend{}
	for _, p := range providers {
		b := &backend{Provider: p, absence: absence}
		all = append(all, b)
		known[p.Name] = b
	}
	for _, s := range settings {
		if known[s.Name] == nil {
			return nil, unknownProvider(s.Name)
		}
		known[s.Name].settings = s
	}
	for _, b := range all {
		b.settings = b.settings.WithDefaults(b.Defaults)
		if len(b.settings.URLs) == 0 {
			continue
		}
		var err error
		if b.pool, err = b.newPool(b.settings.URLs...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func unknownProvider(name string) error {
	return protocol.Errorf(protocol.ConfigurationError, "unknown provider %q", name).
		WithHint("the providers are %s", strings.Join(providerNames(), ", "))
}

// newPool makes a pool of servers of the provider.
func (b *backend) newPool(urls ...string) (*pool.Pool, error) {
	var members []*pool.Member
	for _, text := range urls {
		address, err := b.Address(text)
		if err != nil {
			return nil, err
		}
		server := protocol.Server{Provider: b.Name, URL: provider.ShownURL(address), MaxConcurrent: b.settings.MaxConcurrent}
		limits := pool.Limits{Requests: b.settings.RequestsPerMinute, Tokens: b.settings.TokensPerMinute}
		members = append(members, pool.NewMember(server, address.String(), b.Open(address, server.URL), limits))
	}
	made := pool.New(members)
	made.Patience = b.absence
	return made, nil
}

// model is the model of a task that names none.
func (b *backend) model(method string) string {
	switch method {
	case Vision:
		return b.settings.VisionModel
	case Embed:
		return b.settings.EmbedModel
	case Transcribe:
		return "" // A model that chats does not listen.
	}
	return b.settings.Model
}
