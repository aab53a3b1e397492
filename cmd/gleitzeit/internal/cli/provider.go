package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// endpoint is one server of the settings, or a protocol without servers.
type endpoint struct {
	Protocol      string `json:"protocol"`
	Provider      string `json:"provider"`                 // "ollama"; of a protocol without servers its first part: "python".
	Server        string `json:"server,omitempty"`         // Name of an MCP server of the settings.
	URL           string `json:"url,omitempty"`            // Without a password.
	MaxConcurrent int    `json:"max_concurrent,omitempty"` // Calls in flight to it from each worker.
}

// endpointHealth is the health of an endpoint, as this process sees it.
type endpointHealth struct {
	endpoint
	OK      bool        `json:"ok"`
	Error   *view.Error `json:"error"`
	Version string      `json:"version,omitempty"`
	Models  []string    `json:"models,omitempty"`
	Loaded  []string    `json:"loaded,omitempty"` // Of the models, those in memory.

	Slots      int      `json:"slots,omitempty"`      // Requests that it works on at once.
	Context    int64    `json:"context,omitempty"`    // Tokens of a request with its answer.
	Modalities []string `json:"modalities,omitempty"` // What its model accepts beside text.
}

// providerCommand is the command `provider`.
type providerCommand struct{ *program }

// command is the group of commands about servers. To add one, add it to the list here.
func (p providerCommand) command() *cobra.Command {
	return group("provider", "List providers (model servers, Python, MCP) and check their health", p.listCommand(), p.healthCommand())
}

func (p providerCommand) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the configured providers",
		Long:    "List the configured providers and, for each server, how many calls one worker makes at the same time.\nNo server is called; use `gleitzeit provider health` for that.",
		Example: "  gleitzeit provider list",
		Args:    exact(),
		RunE: func(*cobra.Command, []string) error {
			providers, closeAll, err := p.providers()
			if err != nil {
				return err
			}
			var all []endpoint
			for _, of := range providers {
				all = append(all, endpointsOf(of)...)
			}
			p.printEndpoints(all)
			return closeAll()
		},
	}
}

func (p providerCommand) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "health [NAME…]",
		Short: "Check the health of the servers",
		Long: "Check the health of the servers from this process: each with its version, the number of its models and those in memory.\n" +
			"MCP servers are started, or connected to, for that.\n" +
			"NAME is a provider, a protocol or an MCP server, such as ollama, python/v1 or mcp/SERVER; without one all are checked.\n" +
			"If one is not healthy, the exit code is 4.",
		Example: "  gleitzeit provider health ollama",
		RunE: func(command *cobra.Command, names []string) error {
			providers, closeAll, err := p.providers()
			if err != nil {
				return err
			}
			for _, name := range names {
				if !slices.ContainsFunc(providers, func(of runs.Provider) bool { return hasName(endpointsOf(of), name) }) {
					return usageError{fmt.Errorf("unknown provider %q; see `gleitzeit provider list`", name)}
				}
			}
			all := healthOfAll(command.Context(), providers, names)
			p.printHealth(all)
			if err := closeAll(); err != nil {
				return err
			}
			if slices.ContainsFunc(all, func(state endpointHealth) bool { return !state.OK }) {
				return exitError{exitUnavailable}
			}
			return nil
		},
	}
}

// providers returns those of the settings.
func (p providerCommand) providers() ([]runs.Provider, func() error, error) {
	o, err := p.runOptions()
	if err != nil {
		return nil, nil, err
	}
	return runs.OpenProviders(o)
}

// label is the name of an endpoint for people: "ollama", "mcp/files".
func (e endpoint) label() string {
	if e.Server == "" {
		return e.Provider
	}
	return e.Provider + "/" + e.Server
}

func hasName(endpoints []endpoint, name string) bool {
	return slices.ContainsFunc(endpoints, func(e endpoint) bool { return e.Protocol == name || e.Provider == name || e.label() == name })
}

func endpointsOf(of runs.Provider) []endpoint {
	servers, is := of.Servers()
	if !is {
		name, _, _ := strings.Cut(of.Spec.Name, "/")
		return []endpoint{{Protocol: of.Spec.Name, Provider: name}}
	}
	var all []endpoint
	for _, server := range servers {
		all = append(all, endpointOf(of, server))
	}
	return all
}

func endpointOf(of runs.Provider, s protocol.Server) endpoint {
	return endpoint{of.Spec.Name, s.Provider, s.Name, s.URL, s.MaxConcurrent}
}

// healthOfAll checks the endpoints that have one of the names, or all, at the same time.
func healthOfAll(ctx context.Context, providers []runs.Provider, names []string) []endpointHealth {
	wanted := func(e endpoint) bool {
		return len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return hasName([]endpoint{e}, name) })
	}
	states := make([][]endpointHealth, len(providers))
	var checks sync.WaitGroup
	for i, of := range providers {
		checks.Go(func() { states[i] = healthOf(ctx, of, wanted) })
	}
	checks.Wait()
	return slices.Concat(states...)
}

func healthOf(ctx context.Context, of runs.Provider, wanted func(endpoint) bool) []endpointHealth {
	endpoints := slices.DeleteFunc(endpointsOf(of), func(e endpoint) bool { return !wanted(e) })
	if len(endpoints) == 0 {
		return nil
	}
	limit := healthTimeout
	if slices.ContainsFunc(endpoints, func(e endpoint) bool { return e.Server != "" }) {
		limit = startTimeout
	}
	ctx, done := context.WithTimeout(ctx, limit)
	defer done()
	states, is := of.Probe(ctx, func(s protocol.Server) bool { return wanted(endpointOf(of, s)) })
	if !is {
		state := endpointHealth{endpoint: endpoints[0]}
		state.set(of.Health(ctx))
		return []endpointHealth{state}
	}
	var all []endpointHealth
	for _, s := range states {
		state := endpointHealth{endpoint: endpointOf(of, s.Server), Version: s.Version, Models: s.Models, Loaded: s.Loaded,
			Slots: s.Slots, Context: s.Context, Modalities: s.Modalities}
		state.set(s.Error)
		all = append(all, state)
	}
	return all
}

func (h *endpointHealth) set(err *protocol.Error) { h.OK, h.Error = err == nil, view.NewError(err) }

func (p providerCommand) printEndpoints(all []endpoint) {
	switch p.output {
	case asJSON:
		p.writeJSON(p.Out, struct {
			Providers []endpoint `json:"providers"`
		}{all})
	case asJSONL:
		for _, e := range all {
			p.writeJSON(p.Out, e)
		}
	default:
		rows := [][]string{{"PROTOCOL", "PROVIDER", "URL", "LIMIT"}}
		for _, e := range all {
			limit := "-"
			if e.MaxConcurrent > 0 {
				limit = fmt.Sprint(e.MaxConcurrent)
			}
			rows = append(rows, []string{e.Protocol, e.label(), otherwiseDash(e.URL), limit})
		}
		fmt.Fprint(p.Out, view.FitTable(rows, p.width(), view.Shape{Drop: []int{3}}))
	}
}

func (p providerCommand) printHealth(all []endpointHealth) {
	switch p.output {
	case asJSON:
		p.writeJSON(p.Out, struct {
			Providers []endpointHealth `json:"providers"`
		}{all})
		return
	case asJSONL:
		for _, state := range all {
			p.writeJSON(p.Out, state)
		}
		return
	}
	rows := [][]string{{"PROVIDER", "URL", "HEALTH", "VERSION", "MODELS", "IN MEMORY"}}
	for _, state := range all {
		health, models := "ok", "-"
		if !state.OK {
			health = state.Error.Name
		} else if state.URL != "" && state.Server == "" {
			models = fmt.Sprint(len(state.Models))
		}
		rows = append(rows, []string{state.label(), otherwiseDash(state.URL), health, otherwiseDash(value.VisibleLines(state.Version)), models,
			otherwiseDash(value.VisibleLines(strings.Join(state.Loaded, ", ")))})
	}
	fmt.Fprint(p.Out, view.FitTable(rows, p.width(), view.Shape{Drop: []int{3, 4}}))
	for _, state := range all {
		if state.OK && state.Slots > 0 {
			line := fmt.Sprintf("%s works on %d calls at once, with a context of %d tokens, and accepts %s\n", state.URL, state.Slots, state.Context, strings.Join(append([]string{"text"}, state.Modalities...), ", "))
			fmt.Fprint(p.Out, view.Wrap(line, p.width()))
		}
		if state.OK {
			continue
		}
		p.say("%s", value.VisibleLines(view.BriefOutput(state.Error.Message)))
		if state.Error.Hint != "" {
			p.say("  %s", value.VisibleLines(state.Error.Hint))
		}
	}
}

func otherwiseDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
