package ollama

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func (o *server) AcceptsImages(ctx context.Context, request *provider.Request) (bool, error) {
	name := request.Model
	o.mu.Lock()
	known := o.sighted[name]
	o.mu.Unlock()
	if known {
		return true, nil
	}
	shown, err := o.client.Show(ctx, &api.ShowRequest{Model: name})
	if err != nil {
		return false, o.failed(ctx, name, request.Secrets, err)
	}
	// Servers before v0.6.4 do not report what a model can do.
	if len(shown.Capabilities) > 0 && !slices.Contains(shown.Capabilities, model.CapabilityVision) {
		return false, nil
	}
	o.mu.Lock()
	o.sighted[name] = true
	o.mu.Unlock()
	return true, nil
}

// ContextSize returns the context that the model was loaded with, and the largest one that it was trained for.
func (o *server) ContextSize(ctx context.Context, request *provider.Request) (current, most int64, err error) {
	shown, err := o.client.Show(ctx, &api.ShowRequest{Model: request.Model})
	if err != nil {
		return 0, 0, o.failed(ctx, request.Model, request.Secrets, err)
	}
	for name, v := range shown.ModelInfo {
		if size, is := v.(float64); is && strings.HasSuffix(name, ".context_length") {
			most = int64(size)
		}
	}
	if current = int64(request.Option("num_ctx")); current > 0 {
		return current, most, nil
	}
	running, err := o.client.ListRunning(ctx)
	if err != nil {
		return 0, most, o.failed(ctx, request.Model, request.Secrets, err)
	}
	for _, m := range running.Models {
		if provider.WithTag(m.Model) == provider.WithTag(request.Model) {
			current = int64(m.ContextLength)
		}
	}
	return current, most, nil
}

func (o *server) Pull(ctx context.Context, name string, progress func(string)) error {
	done := false
	err := o.client.Pull(ctx, &api.PullRequest{Model: name}, func(p api.ProgressResponse) error {
		text := "pulling " + name + ": " + p.Status
		if p.Total > 0 {
			text = fmt.Sprintf("pulling %s: %d%% of %s", name, 100*p.Completed/p.Total, sizeOf(p.Total))
		}
		done = p.Status == "success"
		progress(text)
		return nil
	})
	switch {
	case err == nil && done:
		return nil
	case provider.Interrupted(ctx) != nil:
		return provider.Interrupted(ctx)
	case err == nil:
		return protocol.Errorf(protocol.ProviderNotAvailable, "Ollama at %s stopped pulling %q", o.shown, name)
	case strings.Contains(err.Error(), "file does not exist"), strings.Contains(err.Error(), "invalid model name"):
		return provider.WithVerdict(protocol.Errorf(protocol.TaskValidationFailed, "Ollama at %s has no model %q and cannot pull it: %v", o.shown, name, err).
			WithHint("check the name; `ollama list` lists the models of the server"), provider.ModelMissing)
	}
	return protocol.Errorf(protocol.ProviderNotAvailable, "Ollama at %s cannot pull %q: %s", o.shown, name, provider.Cause(err))
}

func sizeOf(bytes int64) string {
	const giga, mega = 1e9, 1e6
	if bytes >= giga {
		return fmt.Sprintf("%.1f GB", float64(bytes)/giga)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/mega)
}

func (o *server) LoadedModels(ctx context.Context) ([]string, bool) {
	running, err := o.client.ListRunning(ctx)
	if err != nil {
		return nil, false
	}
	var names []string
	for _, m := range running.Models {
		names = append(names, m.Model)
	}
	return names, true
}

func (o *server) State(ctx context.Context, _ string) (protocol.ServerState, error) {
	var state protocol.ServerState
	version, err := o.client.Version(ctx)
	if err != nil {
		return state, o.failed(ctx, "", provider.SecretsOf(ctx), err)
	}
	state.Version = version
	listed, err := o.client.List(ctx)
	if err != nil {
		return state, o.failed(ctx, "", provider.SecretsOf(ctx), err)
	}
	for _, m := range listed.Models {
		state.Models = append(state.Models, m.Model)
	}
	slices.Sort(state.Models)
	state.Loaded, _ = o.LoadedModels(ctx)
	return state, nil
}
