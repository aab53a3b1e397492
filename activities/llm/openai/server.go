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
	"strconv"
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
	return o.sendAs(ctx, method, path, model, secrets, content, "application/json")
}

// sendAs is send for a body of any media type.
func (o *server) sendAs(ctx context.Context, method, path, model string, secrets provider.Secrets, content io.Reader, kind string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, o.base.JoinPath(path).String(), content)
	if err != nil {
		return nil, o.failed(ctx, secrets, err)
	}
	request.Header.Set("Content-Type", kind)
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
			WithHint("write api_key: \"${secrets.API_KEY}\", and set GLEITZEIT_SECRET_API_KEY where the worker runs")
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

// Transcribe implements provider.Transcriber. Sources of the format: the pages "Speech to Text APIs" of vLLM 0.22 and "Create
// transcription" of OpenAI's reference, and pull request 21863 of llama.cpp.
func (o *server) Transcribe(ctx context.Context, request *provider.Request, answer *provider.Answer) error {
	body, kind, err := recordingForm(request)
	if err != nil {
		return protocol.Errorf(protocol.InternalError, "cannot make the request: %v", err)
	}
	response, err := o.sendAs(ctx, http.MethodPost, "audio/transcriptions", request.Model, request.Secrets, bytes.NewReader(body), kind)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(response, maxReply))
	if err = errors.Join(err, response.Close()); err != nil {
		return o.failed(ctx, request.Secrets, err)
	}
	reply, err := value.Parse(data)
	if err != nil {
		return protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from the server at %s: %s", o.shown, request.Secrets.Quote(o.base, err.Error()))
	}
	if isError(reply) {
		return o.inStream(request.Model, request.Secrets, data)
	}
	said, is := reply.Get("text")
	if !is || said.Kind() != value.KindString {
		return protocol.Errorf(protocol.TaskResultInvalid, "invalid response from the server at %s: it has no text", o.shown)
	}
	answer.Text.WriteString(said.Text())
	answer.Done, answer.Reason, answer.Model = true, "stop", text(reply, "model")
	usage, _ := reply.Get("usage")
	for name, counted := range map[string]*int64{"input_tokens": &answer.PromptTokens, "output_tokens": &answer.Tokens} {
		if n, is := usage.Get(name); is {
			*counted, _ = strconv.ParseInt(n.Digits(), 10, 64) // What is no number counts as nothing.
		}
	}
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

// Forward implements provider.Forwarder.
func (o *server) Forward(ctx context.Context, request *provider.Request) (*provider.Forwarded, error) {
	response, err := request.Body.Post(ctx, o.http, o.base.JoinPath(request.Body.Path))
	if err != nil {
		return nil, o.failed(ctx, request.Secrets, err)
	}
	if response.Refused() {
		refused := o.response(request.Model, response.Status, request.Secrets, response.ErrorBody())
		refused.After = response.After
		return response, o.refusal(refused)
	}
	if response.Streamed {
		return response, nil
	}
	body, err := value.Parse(response.Body)
	switch {
	case err != nil || body.Kind() != value.KindObject:
		return nil, provider.WithVerdict(protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from the server at %s: %s", o.shown, request.Secrets.Quote(o.base, string(response.Body))).
			WithHint("is it the address of an OpenAI-compatible API? It usually ends in /v1"), provider.ServerFault)
	case isError(body):
		return nil, o.inStream(request.Model, request.Secrets, response.Body)
	}
	response.Context, _ = o.contextWhileLoaded(ctx, request)
	return response, nil
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
