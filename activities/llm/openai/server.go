package openai

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// server talks to one server with OpenAI's API.
type server struct {
	base  *url.URL // With the path before "/chat/completions".
	shown string   // Address for messages.
	http  *http.Client

	mu       sync.Mutex
	refused  []string                 // Fields that the server has refused: "stream", "stream_options", "max_tokens".
	props    *props                   // Of llama.cpp; nil until they were read,
	propsAt  time.Time                // and until when they count.
	noTokens time.Time                // Until when the server counts as one without the page /tokenize.
	unseen   *bool                    // Whether the server is Ollama, which cuts prompts without saying so; nil until it was asked.
	contexts map[string]loadedContext // Of Ollama, by model.
	sighted  map[string]bool          // Models of Ollama that are known to accept images.
}

func open(base *url.URL, shown string) provider.Server {
	connections := provider.NewClient(base)
	// A key is sent to no other host than the one that was named.
	connections.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &server{base: base, shown: shown, http: connections, contexts: map[string]loadedContext{}, sighted: map[string]bool{}}
}

func (o *server) Close() { o.http.CloseIdleConnections() }

// maxReply is the maximum size in bytes of a response that is one document.
const maxReply = 256 << 20

// send sends one request. The caller closes the body of the response, which is not an error.
func (o *server) send(ctx context.Context, method, path, model string, secrets provider.Secrets, body *value.Value) (io.ReadCloser, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body.JSON())
	}
	request, err := http.NewRequestWithContext(ctx, method, o.base.JoinPath(path).String(), content)
	if err != nil {
		return nil, o.failed(ctx, secrets, err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := o.http.Do(request)
	if err != nil {
		return nil, o.failed(ctx, secrets, err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	said, err := io.ReadAll(io.LimitReader(response.Body, provider.MaxErrorBody))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, o.failed(ctx, secrets, err)
	}
	refused := o.response(model, response.StatusCode, secrets, provider.ReadError(said, response.Status))
	refused.After = provider.ReadRetryAfter(response.Header)
	return nil, o.refusal(refused)
}

// response is a response that is an error.
func (o *server) response(model string, status int, secrets provider.Secrets, body provider.ErrorBody) provider.Response {
	return provider.Response{Server: "the server at " + o.shown, Model: model, Status: status, ErrorBody: body, Said: secrets.Quote(o.base, body.Text)}
}

// inStream makes an error from one that a response with the status 200 contains. The status that the error names counts; without
// one it is that of a task that failed.
func (o *server) inStream(model string, secrets provider.Secrets, body []byte) error {
	r := o.response(model, provider.ErrorStatus(body), secrets, provider.ReadError(body, string(body)))
	if err := r.Known(); err != nil || r.Status == 0 {
		return cmp.Or(err, error(protocol.Errorf(protocol.TaskExecutionFailed, "the server at %s failed: %s", o.shown, r.Said)))
	}
	return o.refusal(r)
}

// refusal makes an error from a response with an error status.
func (o *server) refusal(r provider.Response) error {
	if err := r.Known(); err != nil {
		return err
	}
	switch {
	case provider.IsOverloaded(r.Status):
		return r.Overloaded()
	case provider.IsUnreachable(r.Status):
		return protocol.Errorf(protocol.ProviderNotAvailable, "the server at %s cannot be reached: %s", o.shown, r.Said)
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return protocol.Errorf(protocol.InvalidParams, "the server at %s denied access: %s", o.shown, r.Said).
			WithHint("set `api_key: ${secrets.NAME}`, and that secret where the worker runs")
	case r.Status == http.StatusNotFound && r.Model != "":
		return provider.WithVerdict(protocol.Errorf(protocol.TaskValidationFailed, "the server at %s has no model %q, or does not support this call: %s", o.shown, r.Model, r.Said).
			WithHint("`gleitzeit provider health -o json` lists its models; the address usually ends in /v1"), provider.ModelMissing)
	case provider.RejectsRequest(r.Status):
		return rejection{protocol.Errorf(protocol.InvalidParams, "the server at %s rejected the request: %s", o.shown, r.Said), r.ErrorBody}
	}
	return provider.WithVerdict(protocol.Errorf(protocol.TaskExecutionFailed, "the server at %s failed: %s", o.shown, r.Said), provider.ServerFault)
}

// failed makes an error of the protocol from one of a request.
func (o *server) failed(ctx context.Context, secrets provider.Secrets, err error) error {
	if why := provider.Interrupted(ctx); why != nil {
		return why
	}
	if _, is := errors.AsType[*protocol.Error](err); is {
		return err
	}
	o.forget()
	return provider.NoAnswer(protocol.Errorf(protocol.ProviderNotAvailable, "the server at %s cannot be reached: %s", o.shown, secrets.Quote(o.base, provider.Cause(err))), err)
}

func (o *server) Embed(ctx context.Context, request *provider.Request, answer *provider.Answer) error {
	body := options(request)
	inputs := make([]value.Value, len(request.Inputs))
	for i, input := range request.Inputs {
		inputs[i] = value.String(input)
	}
	body = body.With("input", value.List(inputs...))
	if request.Dimensions > 0 {
		body = body.With("dimensions", value.Int(int64(request.Dimensions)))
	}
	body = withoutNulls(body, request)
	reply, err := o.reply(ctx, http.MethodPost, "embeddings", request.Model, request.Secrets, &body)
	if err != nil {
		return err
	}
	if answer.Vectors, err = vectorsOf(reply); err != nil {
		return protocol.Errorf(protocol.TaskResultInvalid, "invalid response from the server at %s: %v", o.shown, err)
	}
	answer.Done, answer.Reason, answer.Model = true, "stop", text(reply, "model")
	count(answer, reply)
	o.noticeCutInput(ctx, request, answer)
	return nil
}

// reply sends a request whose response is one document.
func (o *server) reply(ctx context.Context, method, path, model string, secrets provider.Secrets, body *value.Value) (value.Value, error) {
	response, err := o.send(ctx, method, path, model, secrets, body)
	if err != nil {
		return value.Value{}, err
	}
	data, err := io.ReadAll(io.LimitReader(response, maxReply))
	if err = errors.Join(err, response.Close()); err != nil {
		return value.Value{}, o.failed(ctx, secrets, err)
	}
	reply, err := value.Parse(data)
	if err != nil {
		return reply, protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from the server at %s: %s", o.shown, secrets.Quote(o.base, err.Error()))
	}
	if isError(reply) {
		return reply, o.inStream(model, secrets, data)
	}
	return reply, nil
}

func (o *server) State(ctx context.Context, secrets provider.Secrets) (protocol.ServerState, error) {
	var state protocol.ServerState
	reply, err := o.reply(ctx, http.MethodGet, "models", "", secrets, nil)
	if err != nil {
		return state, err
	}
	data, _ := reply.Get("data")
	for _, element := range data.Elements() {
		state.Models = append(state.Models, secrets.Quote(o.base, text(element, "id")))
	}
	slices.Sort(state.Models)
	if p := o.readProps(ctx); p.known {
		state.Version, state.Slots, state.Context, state.Modalities = p.Build, p.Slots, p.Settings.Context, p.accepted()
	}
	return state, nil
}

// count reads the tokens that the server has counted, if it has.
func count(answer *provider.Answer, reply value.Value) {
	usage, _ := reply.Get("usage")
	for name, counted := range map[string]*int64{"prompt_tokens": &answer.PromptTokens, "completion_tokens": &answer.Tokens} {
		if v, is := usage.Get(name); is && v.Kind() == value.KindNumber {
			if _, err := fmt.Sscan(v.Digits(), counted); err != nil {
				*counted = 0
			}
		}
	}
}

// text is a field of an object; empty if it is not a string.
func text(object value.Value, name string) string {
	field, _ := object.Get(name)
	return field.Text()
}
