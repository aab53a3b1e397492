package llm

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// failed translates what went wrong in talking to the server. The model may be empty.
func (h *Handler) failed(ctx context.Context, model string, err error) error {
	if why := interrupted(ctx); why != nil {
		return why
	}
	if known, is := errors.AsType[*protocol.Error](err); is {
		return known
	}
	if status, is := errors.AsType[api.StatusError](err); is {
		return h.refused(model, status.StatusCode, otherwise(status.ErrorMessage, status.Status))
	}
	if denied, is := errors.AsType[api.AuthorizationError](err); is {
		return h.refused(model, denied.StatusCode, denied.Error())
	}
	if _, is := errors.AsType[*url.Error](err); is {
		return h.unreachable(reason(err))
	}
	// What the server says in the midst of an answer has no status.
	return protocol.Errorf(protocol.TaskExecutionFailed, "Ollama failed: %s", strings.TrimSpace(err.Error()))
}

// refused is for an answer of the server that is none of the model.
func (h *Handler) refused(model string, status int, said string) error {
	said = strings.TrimSpace(said)
	switch {
	case status == http.StatusNotFound && model != "" && strings.Contains(said, "model"):
		return protocol.Errorf(protocol.TaskValidationFailed, "Ollama at %s has no model %q", h.shown, model).
			WithHint("`ollama pull %s` fetches it", model)
	case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return protocol.Errorf(protocol.ProviderOverloaded, "Ollama at %s has too much to do: %s", h.shown, said)
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return h.unreachable(said)
	case status < http.StatusInternalServerError:
		return protocol.Errorf(protocol.InvalidParams, "Ollama refuses the call: %s", said)
	}
	return protocol.Errorf(protocol.TaskExecutionFailed, "Ollama failed: %s", said)
}

func (h *Handler) unreachable(why string) error {
	return protocol.Errorf(protocol.ProviderNotAvailable, "Ollama at %s cannot be reached: %s", h.shown, why).
		WithHint("start it with `ollama serve`, or set OLLAMA_HOST or GLEITZEIT_OLLAMA_URL to where it runs")
}

// reason drops from an error of the HTTP client what the message says already.
func reason(err error) string {
	if of, is := errors.AsType[*url.Error](err); is {
		err = of.Err
	}
	return err.Error()
}
