package starter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// model is the model of a new workflow.
type model struct {
	name     string
	provider string // Empty: the default one.
	problem  string // Why it cannot answer yet, and what to do; empty if it can.
}

// parameter returns the value of the parameter model in a template, and the parameter provider in the next line.
func (m model) parameter() string {
	text := quoted(m.name)
	if m.provider != "" {
		text += "\n      provider: " + quoted(m.provider)
	}
	return text
}

// probeTimeout is the time limit for servers to list their models.
const probeTimeout = 5 * time.Second

// otherPurpose matches the names of models that do not answer prompts. A list of models does not say what they are for.
var otherPurpose = regexp.MustCompile(`(?i)embed|minilm|\bbge\b|\bgte\b|\be5\b|rerank|whisper`)

// chooseModel returns the default model if a server has it, else one that is in memory, else any. Without one, it returns the
// default model, and what to do.
func (p Program) chooseModel(ctx context.Context) (model, error) {
	o, err := p.Options()
	if err != nil {
		return model{}, err
	}
	settings := o.Settings
	states, err := states(ctx, o)
	if err != nil {
		return model{}, err
	}
	defaults := map[string]string{}
	for _, s := range settings.Providers {
		defaults[s.Name] = s.Model
	}
	// The default provider first; the others in the order of the settings.
	slices.SortStableFunc(states, func(a, b protocol.ServerState) int {
		return cmp.Compare(rank(a.Provider == settings.Provider), rank(b.Provider == settings.Provider))
	})
	for _, s := range states {
		if name := choose(s, defaults[s.Provider]); s.Error == nil && name != "" {
			found := model{name: name}
			if s.Provider != settings.Provider {
				found.provider = s.Provider
			}
			return found, nil
		}
	}
	fallback := model{name: cmp.Or(defaults[settings.Provider], "llama3.2")}
	switch {
	case len(states) == 0:
		fallback.problem = "no model server is configured: set the address of one with `providers` in config.yaml"
	case states[0].Error != nil:
		fallback.problem = states[0].Error.Message
		if hint := states[0].Error.Hint; hint != "" {
			fallback.problem += "; " + hint
		}
	default:
		fallback.problem = fmt.Sprintf("the server at %s has no model that answers prompts; fetch %q there, or run with auto_pull: true in the parameters", states[0].URL, fallback.name)
	}
	return fallback, nil
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// choose returns the model of a server that answers prompts.
func choose(s protocol.ServerState, preferred string) string {
	tagged := func(name string) string { return strings.TrimSuffix(name, ":latest") }
	if slices.ContainsFunc(s.Models, func(name string) bool { return preferred != "" && tagged(name) == tagged(preferred) }) {
		return tagged(preferred)
	}
	for _, name := range slices.Concat(s.Loaded, s.Models) {
		if !otherPurpose.MatchString(name) {
			return tagged(name)
		}
	}
	return ""
}

// states asks the servers of models for theirs.
func states(ctx context.Context, o runs.Options) (states []protocol.ServerState, err error) {
	providers, closeAll, err := runs.OpenProviders(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	ctx, done := context.WithTimeout(ctx, probeTimeout)
	defer done()
	for _, of := range providers {
		if of.Spec.Name == "llm/v1" {
			states, _ = of.Probe(ctx, func(protocol.Server) bool { return true })
		}
	}
	return states, nil
}
