package llm

import (
	"context"
	"errors"
	"sync"

	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Health reports whether a server of the default provider answers.
func (h *Handler) Health(ctx context.Context) error {
	pools := h.pools()
	if len(pools) == 0 {
		return protocol.Errorf(protocol.ConfigurationError, "no server is configured")
	}
	states := h.probe(ctx, pools[:1])
	var first error
	for _, state := range states {
		if state.Error == nil {
			return nil
		}
		if first == nil {
			first = state.Error
		}
	}
	return first
}

// Servers implements protocol.ServerReporter.
func (h *Handler) Servers() []protocol.Server {
	var all []protocol.Server
	for _, p := range h.pools() {
		for _, m := range p.Members {
			all = append(all, m.Server)
		}
	}
	return all
}

// Probe implements protocol.ServerReporter.
func (h *Handler) Probe(ctx context.Context) []protocol.ServerState { return h.probe(ctx, h.pools()) }

func (h *Handler) probe(ctx context.Context, pools []*pool.Pool) []protocol.ServerState {
	var members []*pool.Member
	for _, p := range pools {
		members = append(members, p.Members...)
	}
	states := make([]protocol.ServerState, len(members))
	var asked sync.WaitGroup
	for i, m := range members {
		asked.Go(func() { states[i] = h.stateOf(ctx, m) })
	}
	asked.Wait()
	return states
}

func (h *Handler) stateOf(ctx context.Context, m *pool.Member) protocol.ServerState {
	key := ""
	b, err := h.backend(m.Provider)
	if err == nil && b.settings.Key != "" {
		key, err = secret(h.options.Secret, b.settings.Key)
	}
	state := protocol.ServerState{}
	if err == nil {
		state, err = m.Client.State(provider.WithSecrets(ctx, provider.Secrets{Key: key}), key)
	}
	state.Server = m.Server
	switch {
	case err == nil:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		state.Error = protocol.Errorf(protocol.ProviderTimeout, "the server at %s did not answer in time", m.URL)
	default:
		state.Error = protocol.AsError(err, protocol.ProviderNotAvailable)
	}
	return state
}

// secret returns the key that the settings name.
func secret(find func(string) (string, error), name string) (string, error) {
	if find == nil {
		return "", errors.New("secrets are not available here")
	}
	return find(name)
}
