package ollama

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/ollama/ollama/api"
	"golang.org/x/mod/semver"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// server talks to an Ollama server. Answers are read by stream, everything else by Ollama's own client.
type server struct {
	base   *url.URL
	shown  string // Address for messages.
	http   *http.Client
	client *api.Client

	mu      sync.Mutex
	sighted map[string]bool // Models that are known to take images. That a model does not may change by a pull.

	contexts map[string]knownContext // Of models in memory.
	names    knownNames              // Of all models.
}

func open(base *url.URL, shown string) provider.Server {
	connections := provider.NewClient(base)
	return &server{base: base, shown: shown, http: connections, client: api.NewClient(base, connections), sighted: map[string]bool{}, contexts: map[string]knownContext{}}
}

func (o *server) Close() { o.http.CloseIdleConnections() }

func (o *server) Converse(ctx context.Context, request *provider.Request, answer *provider.Answer, heard func(string)) error {
	converse := o.chat
	if request.Completion != nil {
		converse = o.generate
	}
	err := converse(ctx, request, answer, heard)
	// The stream ended before the answer was complete: by the end of ctx, or of the server.
	if err == nil && ctx.Err() == nil && !answer.Done {
		return provider.BrokenOff("Ollama at "+o.shown, answer.Pieces)
	}
	if err == nil && !answer.Done {
		err = provider.Interrupted(ctx)
	}
	if err != nil {
		return o.failed(ctx, request.Model, request.Secrets, err)
	}
	answer.Cut = request.Truncate || o.wasCut(ctx, request, answer)
	return nil
}

// obeys is the first version that does not cut a prompt if it is asked not to.
const obeys = "v0.12.6"

// wasCut detects a prompt that was cut although the server was asked not to: before v0.12.6 it fills the context exactly.
func (o *server) wasCut(ctx context.Context, request *provider.Request, answer *provider.Answer) bool {
	size := int64(request.Option("num_ctx"))
	if size == 0 || answer.PromptTokens < size {
		return false
	}
	version, err := o.client.Version(ctx)
	return err != nil || !semver.IsValid("v"+version) || semver.Compare("v"+version, obeys) < 0
}

func (o *server) chat(ctx context.Context, request *provider.Request, answer *provider.Answer, heard func(string)) error {
	body := &api.ChatRequest{Model: request.Model, Format: request.Format, Options: rawOptions(request.Options), Truncate: &request.Truncate, Shift: &request.Shift, Tools: toolsOf(request.Tools), Think: think(request), Logprobs: request.Logprobs, TopLogprobs: request.TopLogprobs}
	var err error
	if body.KeepAlive, err = keepAlive(request.KeepAlive); err != nil {
		return provider.CannotSend(err)
	}
	for _, m := range request.Messages {
		body.Messages = append(body.Messages, messageOf(m))
	}
	return stream(ctx, o, "/api/chat", body, func(piece chatPiece) (bool, error) {
		if err := answer.Append(piece.Message.Content, piece.Message.Thinking); err != nil {
			return false, err
		}
		for _, call := range piece.Message.ToolCalls {
			arguments, problem := provider.ParseArguments(call.Function.Arguments, request.Secrets)
			answer.Calls = append(answer.Calls, provider.ToolCall{ID: call.ID, Name: call.Function.Name, Arguments: arguments, Problem: problem})
		}
		answer.Logprobs = append(answer.Logprobs, piece.Logprobs...)
		answer.Role = cmp.Or(piece.Message.Role, answer.Role)
		finish(answer, piece.Model, piece.Done, piece.DoneReason, piece.Metrics)
		heard(piece.Message.Content)
		return piece.Done, nil
	})
}

func (o *server) generate(ctx context.Context, request *provider.Request, answer *provider.Answer, heard func(string)) error {
	body := &api.GenerateRequest{
		Model: request.Model, Format: request.Format, Options: rawOptions(request.Options), Truncate: &request.Truncate, Shift: &request.Shift,
		Suffix: request.Completion.Suffix, Template: request.Completion.Template, Raw: request.Completion.Raw, Think: think(request),
		Logprobs: request.Logprobs, TopLogprobs: request.TopLogprobs,
	}
	var err error
	if body.KeepAlive, err = keepAlive(request.KeepAlive); err != nil {
		return provider.CannotSend(err)
	}
	for _, m := range request.Messages {
		if m.Role == "system" {
			body.System = m.Text
			continue
		}
		body.Prompt = m.Text
		for _, image := range m.Images {
			body.Images = append(body.Images, image)
		}
	}
	return stream(ctx, o, "/api/generate", body, func(piece generatePiece) (bool, error) {
		if err := answer.Append(piece.Response, piece.Thinking); err != nil {
			return false, err
		}
		answer.Logprobs = append(answer.Logprobs, piece.Logprobs...)
		finish(answer, piece.Model, piece.Done, piece.DoneReason, piece.Metrics)
		heard(piece.Response)
		return piece.Done, nil
	})
}

// finish reads the counts of the last piece; those before it have none.
func finish(answer *provider.Answer, model string, done bool, reason string, counted api.Metrics) {
	answer.Model, answer.Done, answer.Reason = cmp.Or(model, answer.Model), done, reason
	answer.PromptTokens, answer.Tokens = int64(counted.PromptEvalCount), int64(counted.EvalCount)
	answer.Load, answer.Read, answer.Write = counted.LoadDuration, counted.PromptEvalDuration, counted.EvalDuration
}

func (o *server) Embed(ctx context.Context, request *provider.Request, answer *provider.Answer) error {
	body := &api.EmbedRequest{Model: request.Model, Input: request.Inputs, Dimensions: request.Dimensions, Truncate: &request.Truncate, Options: rawOptions(request.Options)}
	var err error
	if body.KeepAlive, err = keepAlive(request.KeepAlive); err != nil {
		return provider.CannotSend(err)
	}
	came, err := document[embedded](ctx, o, "/api/embed", body)
	if err != nil {
		return o.failed(ctx, request.Model, request.Secrets, err)
	}
	answer.Vectors, answer.Done, answer.Reason, answer.Model = came.Embeddings, true, "stop", came.Model
	answer.PromptTokens, answer.Load, answer.Cut = came.PromptEvalCount, came.LoadDuration, request.Truncate
	return nil
}

// Forward implements provider.Forwarder, by the API that Ollama has under /v1.
func (o *server) Forward(ctx context.Context, request *provider.Request) (*provider.Forwarded, error) {
	response, err := request.Body.Post(ctx, o.http, o.base.JoinPath("v1", request.Body.Path))
	if err != nil {
		return nil, o.failed(ctx, request.Model, request.Secrets, err)
	}
	if response.Refused() {
		return response, o.failed(ctx, request.Model, request.Secrets, refusal{response.Status, response.ErrorBody(), response.After})
	}
	if response.Streamed {
		return response, nil
	}
	if body, err := value.Parse(response.Body); err != nil || body.Kind() != value.KindObject {
		return nil, o.failed(ctx, request.Model, request.Secrets, strange{string(response.Body)})
	}
	if request.Body.Texts > leastContext {
		response.Context = o.contextNow(ctx, request.Model)
	}
	return response, nil
}

// leastContext is the size in tokens of the smallest context of use: no prompt with fewer bytes is too long.
const leastContext = 512

// embedded is an api.EmbedResponse whose numbers keep their digits.
type embedded struct {
	Model           string        `json:"model"`
	Embeddings      []value.Value `json:"embeddings"`
	LoadDuration    time.Duration `json:"load_duration"`
	PromptEvalCount int64         `json:"prompt_eval_count"`
}
