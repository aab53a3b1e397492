package ollama

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

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
	if refusal, is := errors.AsType[refusal](err); is {
		return o.refused(ctx, o.response(model, refusal.status, secrets, refusal.body, refusal.after))
	}
	if status, is := errors.AsType[api.StatusError](err); is {
		body := provider.ReadError([]byte(status.ErrorMessage), status.Status)
		return o.refused(ctx, o.response(model, status.StatusCode, secrets, body, 0))
	}
	if denied, is := errors.AsType[api.AuthorizationError](err); is {
		return o.refused(ctx, o.response(model, denied.StatusCode, secrets, provider.ErrorBody{Text: denied.Error()}, 0))
	}
	said := secrets.Quote(o.base, provider.Cause(err))
	if _, is := errors.AsType[*url.Error](err); is {
		return provider.NoAnswer(o.unreachable(said), err)
	}
	if _, is := errors.AsType[strange](err); is {
		return provider.WithVerdict(protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from Ollama at %s: %s", o.shown, said).
			WithHint("is it the address of an Ollama server?"), provider.ServerFault)
	}
	return protocol.Errorf(protocol.TaskExecutionFailed, "Ollama at %s failed: %s", o.shown, said)
}

// response is a response that is an error.
func (o *server) response(model string, status int, secrets provider.Secrets, body provider.ErrorBody, after time.Duration) provider.Response {
	return provider.Response{Server: "Ollama at " + o.shown, Model: model, Status: status, ErrorBody: body, Said: secrets.Quote(o.base, body.Text), After: after}
}

// refused makes an error from a response that is one.
func (o *server) refused(ctx context.Context, r provider.Response) error {
	if r.Status == http.StatusNotFound && r.Model != "" && strings.Contains(r.Text, "model") {
		hint := fmt.Sprintf("run `ollama pull %s`", r.Model)
		if names := o.modelNames(ctx, r.Model); names != "" {
			hint += ", or name a model that it has: " + names
		}
		return provider.WithVerdict(protocol.Errorf(protocol.TaskValidationFailed, "Ollama at %s has no model %q", o.shown, r.Model).
			WithHint("%s", hint), provider.ModelMissing)
	}
	if err := r.Known(); err != nil {
		return err
	}
	switch {
	case r.Status == 0:
		return protocol.Errorf(protocol.TaskExecutionFailed, "Ollama at %s failed: %s", o.shown, r.Said)
	case provider.IsOverloaded(r.Status):
		return r.Overloaded()
	case provider.IsUnreachable(r.Status):
		return o.unreachable(r.Said)
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return protocol.Errorf(protocol.InvalidParams, "Ollama at %s denied access: %s", o.shown, r.Said).
			WithHint("write api_key: \"${secrets.API_KEY}\", and set GLEITZEIT_SECRET_API_KEY where the worker runs")
	case provider.RejectsRequest(r.Status):
		rejected := protocol.Errorf(protocol.InvalidParams, "Ollama at %s rejected the request: %s", o.shown, r.Said)
		switch {
		case r.Text == "model is required":
			return protocol.Errorf(protocol.InvalidParams, "Ollama at %s: invalid model name %q", o.shown, r.Model)
		case r.Status == http.StatusNotFound:
			if strings.HasSuffix(o.base.Path, "/v1") {
				return rejected.WithHint("the address of an API that ends in /v1 needs another `provider`; remove /v1 for Ollama's own API")
			}
			return rejected.WithHint("is it the address of an Ollama server? Other servers need another `provider`")
		}
		return rejected
	}
	return provider.WithVerdict(protocol.Errorf(protocol.TaskExecutionFailed, "Ollama at %s failed: %s", o.shown, r.Said), provider.ServerFault)
}

// refusal is a response that is an error, or an error within a stream.
type refusal struct {
	status int // 0 within a stream.
	body   provider.ErrorBody
	after  time.Duration // After which the server wants to be asked again; 0 if it does not say.
}

func (r refusal) Error() string { return r.body.Text }

func (o *server) unreachable(why string) *protocol.Error {
	return protocol.Errorf(protocol.ProviderNotAvailable, "Ollama at %s cannot be reached: %s", o.shown, why).
		WithHint("start it with `ollama serve`, or set OLLAMA_HOST to where it runs")
}
