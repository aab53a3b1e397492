package ollama

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	current = int64(request.Option("num_ctx"))
	if current > 0 && most > 0 {
		return min(current, most), most, nil // The server lowers a larger one.
	}
	stored, err := document[inventory](ctx, o, "/api/tags", nil)
	if err != nil {
		return current, most, o.failed(ctx, request.Model, request.Secrets, err)
	}
	model := stored.find(func(m listedModel) bool { return provider.WithTag(m.Model) == provider.WithTag(request.Model) })
	if most = cmp.Or(most, model.Details.ContextLength); current > 0 {
		return current, most, nil
	}
	current, err = o.loadedContext(ctx, request.Model, model)
	if err != nil {
		return 0, most, o.failed(ctx, request.Model, request.Secrets, err)
	}
	return current, most, nil
}

// loadedContext returns the context of a model in memory; 0 if it is not loaded.
func (o *server) loadedContext(ctx context.Context, name string, stored listedModel) (int64, error) {
	running, err := document[inventory](ctx, o, "/api/ps", nil)
	loaded := running.find(func(m listedModel) bool {
		return provider.WithTag(m.Model) == provider.WithTag(name) || stored.Digest != "" && m.Digest == stored.Digest
	})
	return loaded.ContextLength, err
}

// contextFor is how long the context of a model counts as known.
const contextFor = time.Minute

// knownContext is the context of a model in memory, and when it was read.
type knownContext struct {
	size int64
	read time.Time
}

// contextNow returns the context of a model that has just answered; 0 if the server does not say. It is read at most once a minute.
func (o *server) contextNow(ctx context.Context, name string) int64 {
	o.mu.Lock()
	known := o.contexts[name]
	o.mu.Unlock()
	if time.Since(known.read) < contextFor {
		return known.size
	}
	stored, err := document[inventory](ctx, o, "/api/tags", nil)
	if err != nil {
		return 0
	}
	model := stored.find(func(m listedModel) bool { return provider.WithTag(m.Model) == provider.WithTag(name) })
	size, err := o.loadedContext(ctx, name, model)
	if err != nil || size == 0 {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.contexts[name] = knownContext{size, time.Now()}
	return size
}

// modelNames lists a few models of the server that answer prompts, for people, first those with nearly the name; empty if it has none, or
// does not say. They are read at most once a minute: each item of a batch may miss the same model.
func (o *server) modelNames(ctx context.Context, wanted string) string {
	o.mu.Lock()
	known := o.names
	o.mu.Unlock()
	if time.Since(known.read) >= contextFor {
		listed, err := o.client.List(ctx)
		if err != nil {
			return ""
		}
		known = knownNames{read: time.Now()}
		for _, m := range listed.Models {
			if name := strings.TrimSuffix(m.Model, ":latest"); !embeds(name, m.Details.Family) {
				known.all = append(known.all, name)
			}
		}
		slices.Sort(known.all)
		o.mu.Lock()
		o.names = known
		o.mu.Unlock()
	}
	family, _, _ := strings.Cut(wanted, ":")
	names := slices.Clone(known.all)
	slices.SortStableFunc(names, func(a, b string) int {
		near := func(name string) int {
			if before, _, _ := strings.Cut(name, ":"); before == family {
				return 0
			}
			return 1
		}
		return near(a) - near(b)
	})
	const few = 8
	if more := len(names) - few; more > 0 {
		names = append(names[:few], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// embeds reports whether a model makes vectors and answers no prompts, as far as its name and its family say.
func embeds(name, family string) bool {
	return strings.Contains(name, "embed") || strings.Contains(family, "bert")
}

// knownNames are the names of models that answer prompts, and when they were read.
type knownNames struct {
	all  []string
	read time.Time
}

// inventory lists the models that the server has, or has loaded. A copy of a model is loaded under the name that was called first.
type inventory struct {
	Models []listedModel `json:"models"`
}

type listedModel struct {
	Model         string `json:"model"`
	Digest        string `json:"digest"`
	ContextLength int64  `json:"context_length"` // Of a loaded model.
	Details       struct {
		ContextLength int64 `json:"context_length"` // For which it was trained; since Ollama 0.30.
	} `json:"details"`
}

// find returns the first model for which is holds; the zero value if there is none.
func (i inventory) find(is func(listedModel) bool) (found listedModel) {
	if at := slices.IndexFunc(i.Models, is); at >= 0 {
		found = i.Models[at]
	}
	return found
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

// sharedContext returns the context of the models in memory; 0 if there are none, or they differ in it.
func (o *server) sharedContext(ctx context.Context) int64 {
	running, err := document[inventory](ctx, o, "/api/ps", nil)
	if err != nil || len(running.Models) == 0 {
		return 0
	}
	first := running.Models[0].ContextLength
	if slices.ContainsFunc(running.Models, func(m listedModel) bool { return m.ContextLength != first }) {
		return 0
	}
	return first
}

func (o *server) State(ctx context.Context, secrets provider.Secrets) (protocol.ServerState, error) {
	var state protocol.ServerState
	version, err := o.client.Version(ctx)
	if err != nil {
		return state, o.failed(ctx, "", secrets, err)
	}
	state.Version = version
	listed, err := o.client.List(ctx)
	if err != nil {
		return state, o.failed(ctx, "", secrets, err)
	}
	for _, m := range listed.Models {
		state.Models = append(state.Models, m.Model)
	}
	slices.Sort(state.Models)
	state.Loaded, _ = o.LoadedModels(ctx)
	state.Context = o.sharedContext(ctx)
	return state, nil
}
