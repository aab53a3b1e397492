package openai

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The API of OpenAI has no word for a prompt that was cut. Ollama's /v1 cuts them, drops the oldest part of a context that an answer
// fills, and is recognized by a page of Ollama's own API. That API also says how large the context of a loaded model is.

const (
	// smallestContext is the size in tokens that a context has at least, unless somebody has chosen a smaller one.
	smallestContext = 2048
	// leastContext is the size in tokens of the smallest context of use: no prompt with fewer bytes is too long.
	leastContext = 512
	// contextFor is how long the context of a model counts as known.
	contextFor = time.Minute
)

// loadedContext is the size of the context of a loaded model in tokens; 0 if it is not known.
type loadedContext struct {
	size int64
	read time.Time
}

// cutsUnseen reports whether the server is Ollama, which cuts prompts without saying so. It is asked once.
func (o *server) cutsUnseen(ctx context.Context) bool {
	o.mu.Lock()
	known := o.unseen
	o.mu.Unlock()
	if known != nil {
		return *known
	}
	var page struct {
		Version string `json:"version"`
	}
	status, err := o.page(ctx, "/api/version", &page)
	is := err == nil && status == http.StatusOK && page.Version != ""
	if err == nil && status != http.StatusServiceUnavailable {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.unseen = &is
	}
	return is
}

// contextOf returns the size of the context of a model that Ollama has loaded; 0 if it does not say.
func (o *server) contextOf(ctx context.Context, model string) int64 {
	o.mu.Lock()
	known := o.contexts[model]
	o.mu.Unlock()
	if time.Since(known.read) < contextFor {
		return known.size
	}
	var loaded, stored modelList
	if !o.listModels(ctx, "/api/ps", &loaded) {
		return 0
	}
	size := loaded.contextOf(func(m listedModel) bool { return provider.WithTag(m.Name) == provider.WithTag(model) })
	if size == 0 && o.listModels(ctx, "/api/tags", &stored) { // A copy is loaded under the name of the other.
		for _, m := range stored.Models {
			if provider.WithTag(m.Name) == provider.WithTag(model) {
				size = loaded.contextOf(func(other listedModel) bool { return other.Digest == m.Digest })
			}
		}
	}
	if size > 0 {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.contexts[model] = loadedContext{size: size, read: time.Now()}
	}
	return size
}

// modelList is what Ollama's own API lists.
type modelList struct {
	Models []listedModel `json:"models"`
}

type listedModel struct {
	Name    string `json:"model"`
	Digest  string `json:"digest"`
	Context int64  `json:"context_length"`
}

func (l modelList) contextOf(is func(listedModel) bool) int64 {
	if at := slices.IndexFunc(l.Models, is); at >= 0 {
		return l.Models[at].Context
	}
	return 0
}

func (o *server) listModels(ctx context.Context, path string, list *modelList) bool {
	status, err := o.page(ctx, path, list)
	return err == nil && status == http.StatusOK
}

// contextWhileLoaded returns the size of the context if the server cuts prompts without saying so, and the texts may be too long for it.
// It is read while the model answers: afterwards it may be unloaded.
func (o *server) contextWhileLoaded(ctx context.Context, request *provider.Request) (size int64, cuts bool) {
	if request.Size() <= leastContext || !o.cutsUnseen(ctx) {
		return 0, false
	}
	return o.contextOf(ctx, request.Model), true
}

// noticeCut records whether a server with a context of that size cut the prompt of an answer.
func noticeCut(request *provider.Request, answer *provider.Answer, full int64) {
	size, tokens := request.Size(), answer.PromptTokens
	switch {
	case full == 0:
		answer.MayBeCut = size > smallestContext
	case size > full: // A token has at least one byte.
		answer.Cut = provider.WasCut(size, tokens, full)
		answer.Context = full
	}
}

// noticeCutInput records the same of texts that were embedded. Ollama counts their tokens together, and keeps two tokens free.
func (o *server) noticeCutInput(ctx context.Context, request *provider.Request, answer *provider.Answer) {
	full, cuts := o.contextWhileLoaded(ctx, request)
	if !cuts {
		return
	}
	long := func(than int64) bool {
		return slices.ContainsFunc(request.Inputs, func(text string) bool { return int64(len(text)) > than })
	}
	answer.Context = full
	switch {
	case full == 0:
		answer.MayBeCut = long(smallestContext)
	case len(request.Inputs) == 1:
		answer.Cut = long(full) && (answer.PromptTokens >= full-2 || long(full*provider.MostBytesPerToken))
	default:
		answer.MayBeCut = long(full)
	}
}

// listsVision reports whether a model of Ollama accepts images, or true if Ollama does not say: before v0.6.4, or of a model that it
// does not have. A model that does not may be replaced by a pull.
func (o *server) listsVision(ctx context.Context, model string) bool {
	o.mu.Lock()
	known := o.sighted[model]
	o.mu.Unlock()
	if known {
		return true
	}
	var shown struct {
		Capabilities []string `json:"capabilities"`
	}
	body := value.Object(value.Field{Name: "model", Value: value.String(model)}).JSON()
	status, err := o.pageAbout(ctx, http.MethodPost, "/api/show", body, &shown)
	if err != nil || status != http.StatusOK || len(shown.Capabilities) == 0 {
		return true
	}
	if !slices.Contains(shown.Capabilities, "vision") {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sighted[model] = true
	return true
}
