package openai

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"slices"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// optional are fields without which an answer can be had as well. Some servers refuse them; the first that a refusal names is left
// out from then on. A server that refuses `max_tokens` calls it `max_completion_tokens`.
var optional = []struct {
	name  string
	match *regexp.Regexp
}{
	{"max_tokens", regexp.MustCompile(`max_completion_tokens`)},
	{"stream_options", regexp.MustCompile(`\bstream_options\b`)},
	{"stream", regexp.MustCompile(`\bstream\b`)},
}

// sendChat sends a request for an answer, without the fields that the server has refused.
func (o *server) sendChat(ctx context.Context, request *provider.Request, body value.Value) (io.ReadCloser, error) {
	for {
		o.mu.Lock()
		refused := slices.Clone(o.refused)
		o.mu.Unlock()
		adapted := adapt(body, refused)
		response, err := o.send(ctx, http.MethodPost, "chat/completions", request.Model, request.Secrets, &adapted)
		if err == nil || !o.learn(adapted, err) {
			return response, err
		}
	}
}

// adapt makes the body without the fields that the server refuses.
func adapt(body value.Value, refused []string) value.Value {
	most, is := body.Get("max_tokens")
	if is && slices.Contains(refused, "max_tokens") {
		body = body.With("max_completion_tokens", most)
	}
	if slices.Contains(refused, "stream") {
		refused = append(refused, "stream_options")
	}
	return without(body, refused)
}

// learn reports whether a server refused a field of the body that can be left out, and remembers that.
func (o *server) learn(body value.Value, err error) bool {
	if failure := protocol.AsError(err, protocol.InternalError); failure.Code != protocol.InvalidParams || provider.VerdictOf(err) != 0 {
		return false
	}
	for _, field := range optional {
		if _, sent := body.Get(field.name); !sent || !field.match.MatchString(err.Error()) {
			continue
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if !slices.Contains(o.refused, field.name) {
			o.refused = append(o.refused, field.name)
		}
		return true
	}
	return false
}
