package ollama

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// failed makes an error of the protocol from one of a request. The model may be empty.
func (o *server) failed(ctx context.Context, model string, secrets provider.Secrets, err error) error {
	if why := provider.Interrupted(ctx); why != nil {
		return why
	}
	if _, is := errors.AsType[*protocol.Error](err); is {
		return err
	}
	if status, is := errors.AsType[api.StatusError](err); is {
		return o.refused(model, status.StatusCode, secrets.Quote(o.base, cmp.Or(status.ErrorMessage, status.Status)))
	}
	if denied, is := errors.AsType[api.AuthorizationError](err); is {
		return o.refused(model, denied.StatusCode, denied.Error())
	}
	said := secrets.Quote(o.base, provider.Cause(err))
	if _, is := errors.AsType[*url.Error](err); is {
		return provider.NoAnswer(o.unreachable(said), err)
	}
	if _, is := errors.AsType[strange](err); is {
		return provider.WithVerdict(protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from Ollama at %s: %s", o.shown, said).
			WithHint("is it the address of an Ollama server?"), provider.ServerFault)
	}
	// An error within a stream has no status.
	if lost(said) {
		return o.runnerLost(said)
	}
	return protocol.Errorf(protocol.TaskExecutionFailed, "Ollama at %s failed: %s", o.shown, said)
}

// refused makes an error from a response with an error status.
func (o *server) refused(model string, status int, said string) error {
	if refusal := provider.SchemaRefused("Ollama at "+o.shown, said); refusal != nil {
		return refusal
	}
	switch {
	case status == http.StatusNotFound && model != "" && strings.Contains(said, "model"):
		return provider.WithVerdict(protocol.Errorf(protocol.TaskValidationFailed, "Ollama at %s has no model %q", o.shown, model).
			WithHint("run `ollama pull %s`, or set `auto_pull: true`", model), provider.ModelMissing)
	case provider.IsOverloaded(status):
		return protocol.Errorf(protocol.ProviderOverloaded, "Ollama at %s is overloaded: %s", o.shown, said)
	case provider.IsUnreachable(status):
		return o.unreachable(said)
	case status >= http.StatusMultipleChoices && status < http.StatusInternalServerError:
		refusal := protocol.Errorf(protocol.InvalidParams, "Ollama at %s rejected the request: %s", o.shown, said)
		switch {
		case said == "model is required":
			return protocol.Errorf(protocol.InvalidParams, "Ollama at %s: invalid model name %q", o.shown, model)
		case status == http.StatusNotFound:
			return refusal.WithHint("the address of an Ollama server has no path; other servers need another `provider`")
		}
		return refusal
	}
	if lost(said) {
		return o.runnerLost(said)
	}
	return provider.WithVerdict(protocol.Errorf(protocol.TaskExecutionFailed, "Ollama at %s failed: %s", o.shown, said), provider.ServerFault)
}

// lost reports whether Ollama says that the process of the model has ended: it starts another one for the next call.
func lost(said string) bool {
	for _, sign := range []string{"runner process has terminated", "runner has unexpectedly stopped", "runner process no longer running", "error was encountered while running the model"} {
		if strings.Contains(said, sign) {
			return true
		}
	}
	return false
}

func (o *server) runnerLost(said string) error {
	return protocol.Errorf(protocol.ProviderNotAvailable, "Ollama at %s lost the process of the model: %s", o.shown, said).
		WithHint("see the log of Ollama; the model may need more memory")
}

// promptTooLong is the error of a prompt that must not be cut.
func promptTooLong() error {
	return protocol.Errorf(protocol.InvalidParams, "the prompt is longer than the model's context").
		WithHint("raise `num_ctx`, or set `on_truncation: warn` to have Ollama cut the prompt")
}

func (o *server) unreachable(why string) *protocol.Error {
	return protocol.Errorf(protocol.ProviderNotAvailable, "Ollama at %s cannot be reached: %s", o.shown, why).
		WithHint("start it with `ollama serve`, or set OLLAMA_HOST or GLEITZEIT_OLLAMA_URL to where it runs")
}
