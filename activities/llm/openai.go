package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// openai speaks to a server with OpenAI's API: vLLM, llama.cpp, LM Studio and many others.
type openai struct {
	base  *url.URL // With the path before "/chat/completions".
	shown string   // Where the server is, as messages say it.
	http  *http.Client
}

func newOpenAI(server *url.URL, shown string) *openai {
	connections := connectionsTo(server)
	// A key goes to no other place than the one that was named.
	connections.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &openai{base: server, shown: shown, http: connections}
}

func (o *openai) close() { o.http.CloseIdleConnections() }

// mostOfError and mostOfReply bound what is read of an answer that comes in one piece, in bytes.
const (
	mostOfError = 64 << 10
	mostOfReply = 256 << 20
)

// send makes one request. The body of the response, which is no error, is the caller's to close.
func (o *openai) send(ctx context.Context, method, path, model string, h hidden, body *value.Value) (io.ReadCloser, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body.JSON())
	}
	request, err := http.NewRequestWithContext(ctx, method, o.base.JoinPath(path).String(), content)
	if err != nil {
		return nil, o.failed(ctx, h, err)
	}
	request.Header.Set("Content-Type", "application/json")
	if h.key != "" {
		request.Header.Set("Authorization", "Bearer "+h.key)
	}
	response, err := o.http.Do(request)
	if err != nil {
		return nil, o.failed(ctx, h, err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	said, err := io.ReadAll(io.LimitReader(response.Body, mostOfError))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, o.failed(ctx, h, err)
	}
	return nil, o.refused(model, response.StatusCode, quoted(o.base, h, complaint(said, response.Status)))
}

// complaint is what an error says, in one of the forms that servers have.
func complaint(said []byte, status string) string {
	var told struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(said, &told) == nil {
		var within struct {
			Message string `json:"message"`
		}
		var plain string
		switch {
		case json.Unmarshal(told.Error, &within) == nil && within.Message != "":
			return within.Message
		case json.Unmarshal(told.Error, &plain) == nil && plain != "":
			return plain
		case told.Message != "":
			return told.Message
		case len(told.Detail) > 0:
			return string(told.Detail)
		}
	}
	if text := strings.TrimSpace(string(said)); text != "" {
		return text
	}
	return status
}

// refused is for an answer of the server that is none of the model.
func (o *openai) refused(model string, status int, said string) error {
	switch {
	case isBusy(status):
		return protocol.Errorf(protocol.ProviderOverloaded, "the server at %s has too much to do: %s", o.shown, said)
	case isAway(status):
		return protocol.Errorf(protocol.ProviderNotAvailable, "the server at %s cannot be reached: %s", o.shown, said)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return protocol.Errorf(protocol.InvalidParams, "the server at %s denies the call: %s", o.shown, said).
			WithHint("`api_key: ${secrets.NAME}` gives it a key, from GLEITZEIT_SECRET_NAME of the worker's environment")
	case status == http.StatusNotFound && model != "":
		return judged{protocol.Errorf(protocol.TaskValidationFailed, "the server at %s has no model %q, or not this kind of call: %s", o.shown, model, said).
			WithHint("`gleitzeit provider health` lists its models; the address ends where the API's paths begin, such as in /v1"), lacking}
	case status >= http.StatusMultipleChoices && status < http.StatusInternalServerError:
		return protocol.Errorf(protocol.InvalidParams, "the server at %s refuses the call: %s", o.shown, said)
	}
	return judged{protocol.Errorf(protocol.TaskExecutionFailed, "the server at %s failed: %s", o.shown, said), breaking}
}

// failed translates what went wrong on the way.
func (o *openai) failed(ctx context.Context, h hidden, err error) error {
	if why := interrupted(ctx); why != nil {
		return why
	}
	if known, is := errors.AsType[*protocol.Error](err); is {
		return known
	}
	return unreached(protocol.Errorf(protocol.ProviderNotAvailable, "the server at %s cannot be reached: %s", o.shown, quoted(o.base, h, reason(err))), err)
}

func (o *openai) embed(ctx context.Context, a *ask, into *answer) error {
	body, err := openaiOptions(a)
	if err != nil {
		return unmade(err)
	}
	inputs := make([]value.Value, len(a.inputs))
	for i, input := range a.inputs {
		inputs[i] = value.String(input)
	}
	body = body.With("input", value.List(inputs...))
	if a.width > 0 {
		body = body.With("dimensions", value.Int(int64(a.width)))
	}
	reply, err := o.reply(ctx, http.MethodPost, "embeddings", a.model, a.hidden, &body)
	if err != nil {
		return err
	}
	data, _ := reply.Get("data")
	into.vectors = make([]value.Value, len(data.Elements()))
	for i, element := range data.Elements() {
		if at, is := element.Get("index"); is {
			if json.Unmarshal(at.JSON(), &i) != nil || i < 0 || i >= len(into.vectors) {
				return protocol.Errorf(protocol.TaskResultInvalid, "the server at %s numbers its vectors wrongly", o.shown)
			}
		}
		into.vectors[i], _ = element.Get("embedding")
	}
	into.done, into.reason, into.model = true, "stop", text(reply, "model")
	into.count(reply)
	return nil
}

// reply makes a request whose answer is one document.
func (o *openai) reply(ctx context.Context, method, path, model string, h hidden, body *value.Value) (value.Value, error) {
	response, err := o.send(ctx, method, path, model, h, body)
	if err != nil {
		return value.Value{}, err
	}
	data, err := io.ReadAll(io.LimitReader(response, mostOfReply))
	if err = errors.Join(err, response.Close()); err != nil {
		return value.Value{}, o.failed(ctx, h, err)
	}
	reply, err := value.Parse(data)
	if err != nil {
		return reply, protocol.Errorf(protocol.TaskExecutionFailed, "the server at %s answers what is %s", o.shown, quoted(o.base, h, err.Error()))
	}
	return reply, nil
}

// sees is not known: such servers refuse an image that their model does not take.
func (o *openai) sees(context.Context, *ask) (bool, error) { return true, nil }

func (o *openai) pull(_ context.Context, model string, _ func(string)) error {
	return protocol.Errorf(protocol.TaskValidationFailed, "the server at %s cannot be asked to fetch %q", o.shown, model)
}

func (o *openai) loaded(context.Context) ([]string, bool) { return nil, false }

func (o *openai) state(ctx context.Context, key string) (protocol.ServerState, error) {
	var state protocol.ServerState
	h := hidden{key: key}
	reply, err := o.reply(ctx, http.MethodGet, "models", "", h, nil)
	if err != nil {
		return state, err
	}
	data, _ := reply.Get("data")
	for _, element := range data.Elements() {
		state.Models = append(state.Models, quoted(o.base, h, text(element, "id")))
	}
	slices.Sort(state.Models)
	return state, nil
}

// count reads the tokens that the server has counted, where it has.
func (a *answer) count(reply value.Value) {
	usage, _ := reply.Get("usage")
	for name, into := range map[string]*int64{"prompt_tokens": &a.promptTokens, "completion_tokens": &a.tokens} {
		if v, is := usage.Get(name); is && v.Kind() == value.KindNumber {
			if _, err := fmt.Sscan(v.Digits(), into); err != nil {
				*into = 0
			}
		}
	}
}
