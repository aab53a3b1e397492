package openai

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// optional are fields without which an answer can be had as well. Some servers refuse them; the first that a refusal names is left
// out from then on. A server that refuses `max_tokens` calls it `max_completion_tokens`. Words that a prompt may have count only in
// quotes: servers repeat prompts.
var optional = []struct {
	name  string
	match *regexp.Regexp
}{
	{"max_tokens", regexp.MustCompile(`\bmax_completion_tokens\b`)},
	{"stream_options", regexp.MustCompile(`\bstream_options\b`)},
	{"stream", regexp.MustCompile("^stream(?:ing)? is not supported|['\"`]stream['\"`]")},
}

// rejection is a response that rejects the request.
type rejection struct {
	error
	provider.ErrorBody
}

func (r rejection) Unwrap() error { return r.error }

// sendChat sends a request for an answer, without the fields that the server has refused.
func (o *server) sendChat(ctx context.Context, request *provider.Request, body value.Value) (io.ReadCloser, error) {
	o.mu.Lock()
	refused := slices.Clone(o.refused)
	o.mu.Unlock()
	for {
		adapted := adapt(body, refused)
		if stream, _ := adapted.Get("stream"); !stream.Bool() {
			provider.ExpectWhole(ctx)
		}
		response, err := o.send(ctx, http.MethodPost, "chat/completions", request.Model, request.Secrets, &adapted)
		if err == nil {
			o.remember(refused)
			return response, nil
		}
		field := refusedField(adapted, err)
		if field == "" {
			return nil, err
		}
		refused = append(refused, field)
	}
}

// remember records the fields that the server refuses: it took a request without them.
func (o *server) remember(refused []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, field := range refused {
		if !slices.Contains(o.refused, field) {
			o.refused = append(o.refused, field)
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

// refusedField returns the field of the body that a server refused and that can be left out; empty if there is none.
func refusedField(body value.Value, err error) string {
	rejected, is := errors.AsType[rejection](err)
	if !is {
		return ""
	}
	for _, field := range optional {
		if _, sent := body.Get(field.name); sent && (field.match.MatchString(rejected.Text) || field.name != "max_tokens" && slices.Contains(rejected.Fields, field.name)) {
			return field.name
		}
	}
	return ""
}
