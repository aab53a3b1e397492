package llm

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"unicode"

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
	states := h.probe(ctx, pools[:1], func(protocol.Server) bool { return true })
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
func (h *Handler) Probe(ctx context.Context, wanted func(protocol.Server) bool) []protocol.ServerState {
	return h.probe(ctx, h.pools(), wanted)
}

// CheckCall implements protocol.CallChecker: it asks the servers of a call whether one is there, and has the model. What is only known once
// the call is made, such as a model of a reference or a server that does not list its models, is no error.
func (h *Handler) CheckCall(ctx context.Context, request protocol.Request) error {
	for _, name := range []string{"model", "provider", "base_url"} {
		if given, _ := request.Parameters.Get(name); strings.Contains(given.Text(), "${") {
			return nil
		}
	}
	if request.Method == Request || len(modelsOf(request.Parameters)) != 1 {
		return nil // Another model may answer.
	}
	c, err := h.routed(request)
	if err != nil {
		return err
	}
	defer c.finish()
	pull := c.backend.settings.AutoPull
	if given, is := request.Parameters.Get("auto_pull"); is {
		pull = given.Bool()
	}
	if !c.backend.Pulls {
		return nil // Their lists of models may be incomplete, or missing.
	}
	ctx = provider.WithObserver(provider.WithSecrets(ctx, c.secrets), provider.Observer{})
	asked := provider.Request{Model: c.model, Secrets: c.secrets}
	var first error
	for _, m := range c.pool.Members {
		reporter, is := m.Client.(provider.ContextReporter)
		if !is || c.excluded[m] {
			return nil
		}
		_, _, err := reporter.ContextSize(ctx, &asked)
		isMissing := provider.VerdictOf(err) == provider.ModelMissing
		isAway := err != nil && protocol.AsError(err, 0).Code == protocol.ProviderNotAvailable
		if !isMissing && !isAway || isMissing && pull || ctx.Err() != nil {
			return nil
		}
		if first == nil || isMissing { // A server that is there says more.
			first = err
		}
	}
	return first
}

// Load implements protocol.LoadReporter.
func (h *Handler) Load() []protocol.ServerLoad {
	var all []protocol.ServerLoad
	for _, p := range h.pools() {
		all = append(all, p.Load()...)
	}
	return all
}

// Unchecked implements protocol.ServerReporter: Health checks the default provider alone.
func (h *Handler) Unchecked() []string {
	var names []string
	for _, p := range h.pools()[min(1, len(h.pools())):] {
		names = append(names, p.Members[0].Provider)
	}
	return names
}

func (h *Handler) probe(ctx context.Context, pools []*pool.Pool, wanted func(protocol.Server) bool) []protocol.ServerState {
	var members []*pool.Member
	for _, p := range pools {
		for _, m := range p.Members {
			if wanted(m.Server) {
				members = append(members, m)
			}
		}
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
	secrets := provider.Secrets{}
	b, err := h.backend(m.Provider)
	if err == nil && b.settings.Key != "" {
		secrets.Key, err = secret(h.options.Secret, b.settings.Key)
	}
	if err == nil {
		err = b.addHeaders(&secrets, h.options.Secret)
	}
	state := protocol.ServerState{}
	if err == nil {
		state, err = m.Client.State(provider.WithSecrets(ctx, secrets), secrets)
	}
	state.Server, state.Version = m.Server, secrets.Hide(state.Version)
	for _, names := range [][]string{state.Models, state.Loaded, state.Modalities} {
		for i := range names {
			names[i] = secrets.Hide(names[i])
		}
	}
	switch {
	case err == nil:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		state.Error = protocol.Errorf(protocol.ProviderTimeout, "the server at %s did not answer in time", m.URL)
	default:
		state.Error = protocol.AsError(err, protocol.ProviderNotAvailable)
	}
	return state
}

// addHeaders adds the headers of the settings, with the secrets that they name.
func (b *backend) addHeaders(to *provider.Secrets, find func(string) (string, error)) error {
	for _, header := range b.settings.Headers {
		var failure error
		text, err := protocol.Expand(header.Value, func(_, name string) (string, bool) {
			found, err := secret(find, name)
			failure = errors.Join(failure, err)
			to.Values = append(to.Values, found)
			return found, err == nil
		})
		if err = cmp.Or(failure, err); err != nil {
			return err
		}
		if strings.ContainsFunc(text, unicode.IsControl) {
			return protocol.Errorf(protocol.ConfigurationError, "invalid header %q of the provider %q: it contains a line break or another control character", header.Name, b.Name).
				WithHint("a file may end with a line break that is not part of a secret")
		}
		to.Headers = append(to.Headers, protocol.Setting{Name: header.Name, Value: text})
	}
	return nil
}

// secret returns the key that the settings name.
func secret(find func(string) (string, error), name string) (string, error) {
	if find == nil {
		return "", errors.New("secrets are not available here")
	}
	return find(name)
}
