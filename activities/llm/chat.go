package llm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// answer is what came of one call.
type answer struct {
	text     strings.Builder
	thinking strings.Builder
	pieces   int              // Of the stream: about one for each token.
	last     api.ChatResponse // With the counts; Done tells whether the model came to its end.
	cut      bool             // The prompt was longer than the model's context.
}

// usage counts what the call consumed, where the server said so.
func (a *answer) usage() protocol.Usage {
	if a == nil || a.pieces == 0 && !a.last.Done {
		return protocol.Usage{}
	}
	used := protocol.Usage{LLMCalls: 1, PromptTokens: int64(a.last.PromptEvalCount), TokensUsed: int64(a.last.EvalCount)}
	if !a.last.Done {
		used.TokensUsed = int64(a.pieces)
	}
	return used
}

// tooLong is what Ollama says of a prompt that it was told not to cut; in the midst of a stream, where there is no status.
const tooLong = "exceeds the context length"

// ask has the model answer. Ollama cuts an over-long prompt and says nothing, so it is first asked not to.
func (h *Handler) ask(ctx context.Context, watch *watch, chat api.ChatRequest, progress protocol.Progress) (*answer, error) {
	cut := false
	chat.Truncate = &cut
	a, err := h.stream(ctx, watch, &chat, progress)
	if err == nil || a.pieces > 0 || ctx.Err() != nil || !strings.Contains(err.Error(), tooLong) {
		return a, h.translated(ctx, &chat, err)
	}
	cut = true
	a, err = h.stream(ctx, watch, &chat, progress)
	a.cut = true
	return a, h.translated(ctx, &chat, err)
}

func (h *Handler) translated(ctx context.Context, chat *api.ChatRequest, err error) error {
	if err == nil {
		return nil
	}
	return h.failed(ctx, chat.Model, err)
}

// stream makes one call. The answer is never nil.
func (h *Handler) stream(ctx context.Context, watch *watch, chat *api.ChatRequest, progress protocol.Progress) (*answer, error) {
	a := &answer{}
	err := h.client.Chat(ctx, chat, func(piece api.ChatResponse) error {
		watch.heard()
		a.text.WriteString(piece.Message.Content)
		a.thinking.WriteString(piece.Message.Thinking)
		if piece.Message.Content != "" || piece.Message.Thinking != "" {
			a.pieces++
			progress(fmt.Sprintf("%d tokens", a.pieces))
		}
		a.last = piece
		return nil
	})
	// The client returns no error where the stream is cut: by the end of ctx, or of the server.
	if err == nil && ctx.Err() == nil && !a.last.Done {
		return a, protocol.Errorf(protocol.ProviderNotAvailable,
			"the answer of Ollama at %s broke off after %d tokens", h.shown, a.pieces).
			WithHint("the server was stopped or lost the connection, or it ended an answer that repeated itself")
	}
	if err == nil && !a.last.Done {
		err = interrupted(ctx)
	}
	return a, err
}

// mustSee asks whether the model takes images. Ollama would drop them and have it answer without.
func (h *Handler) mustSee(ctx context.Context, name string) error {
	h.mu.Lock()
	known := h.sighted[name]
	h.mu.Unlock()
	if known {
		return nil
	}
	shown, err := h.client.Show(ctx, &api.ShowRequest{Model: name})
	if err != nil {
		return h.failed(ctx, name, err)
	}
	// Servers from before v0.6.4 do not tell what a model can do.
	if len(shown.Capabilities) > 0 && !slices.Contains(shown.Capabilities, model.CapabilityVision) {
		return protocol.Errorf(protocol.InvalidParams, "the model %q takes no images", name).
			WithHint("name one that does, such as %s", defaultVisionModel)
	}
	h.mu.Lock()
	h.sighted[name] = true
	h.mu.Unlock()
	return nil
}
