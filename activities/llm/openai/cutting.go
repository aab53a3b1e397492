package openai

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
)

// The API of OpenAI has no word for a prompt that was cut. Ollama's /v1 cuts them, and is recognized by a page of Ollama's own API.
// That API also says how large the context of a loaded model is.

const (
	// mostBytesPerToken is a high estimate of the bytes of a token.
	mostBytesPerToken = 8
	// smallestContext is the size in tokens that a context has at least, unless somebody has chosen a smaller one.
	smallestContext = 2048
	// contextFor is how long the context of a model counts as known.
	contextFor = time.Minute
)

// loadedContext is the size of the context of a loaded model in tokens; 0 if it is not known.
type loadedContext struct {
	size int64
	read time.Time
}

// isOllama reports whether the server is Ollama. It is asked once.
func (o *server) isOllama(ctx context.Context) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ollama != nil {
		return *o.ollama
	}
	var page struct {
		Version string `json:"version"`
	}
	status, err := o.page(ctx, "/api/version", &page)
	is := err == nil && status == http.StatusOK && page.Version != ""
	if err == nil && status != http.StatusServiceUnavailable {
		o.ollama = &is
	}
	return is
}

// contextOf returns the size of the context of a model that Ollama has loaded; 0 if it does not say.
func (o *server) contextOf(ctx context.Context, model string) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.contexts[model]; time.Since(known.read) < contextFor {
		return known.size
	}
	var page struct {
		Models []struct {
			Name    string `json:"model"`
			Context int64  `json:"context_length"`
		} `json:"models"`
	}
	if status, err := o.page(ctx, "/api/ps", &page); err != nil || status != http.StatusOK {
		return 0
	}
	found := loadedContext{read: time.Now()}
	for _, m := range page.Models {
		if provider.WithTag(m.Name) == provider.WithTag(model) {
			found.size = m.Context
		}
	}
	o.contexts[model] = found
	return found.size
}

// noticeCut records whether the server cut the prompt of an answer. A cut prompt fills the context, or half of it and two more tokens
// since Ollama 0.30; or older messages were dropped, and fewer tokens were counted than the texts have.
func (o *server) noticeCut(ctx context.Context, request *provider.Request, answer *provider.Answer) {
	size, tokens := request.Size(), answer.PromptTokens
	if size <= tokens || !o.isOllama(ctx) { // A token has at least one byte.
		return
	}
	full := o.contextOf(ctx, request.Model)
	switch {
	case full == 0:
		answer.MayBeCut = size > smallestContext
	case size > full:
		answer.Cut = tokens >= full || tokens == full/2+2 || size > full*mostBytesPerToken && tokens < size/mostBytesPerToken
	}
}

// noticeCutInput does the same for texts that were embedded. Ollama counts their tokens together, and keeps two tokens free.
func (o *server) noticeCutInput(ctx context.Context, request *provider.Request, answer *provider.Answer) {
	if request.Size() <= answer.PromptTokens || !o.isOllama(ctx) {
		return
	}
	full := o.contextOf(ctx, request.Model)
	long := func(than int64) bool {
		return slices.ContainsFunc(request.Inputs, func(text string) bool { return int64(len(text)) > than })
	}
	switch {
	case full == 0:
		answer.MayBeCut = long(smallestContext)
	case len(request.Inputs) == 1:
		answer.Cut = long(full) && (answer.PromptTokens >= full-2 || long(full*mostBytesPerToken))
	default:
		answer.MayBeCut = long(full)
	}
}
