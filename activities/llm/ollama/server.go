package ollama

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
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
}

func open(base *url.URL, shown string) provider.Server {
	connections := provider.NewClient(base)
	return &server{base: base, shown: shown, http: connections, client: api.NewClient(base, connections), sighted: map[string]bool{}}
}

func (o *server) Close() { o.http.CloseIdleConnections() }

// tooLong is what Ollama says of a prompt that it must not cut; within a stream, where there is no status.
const tooLong = "exceeds the context length"

// uncut calls Ollama so that a prompt that is too long is an error, and again so that it is cut where that is allowed: by
// default Ollama cuts it and does not say so.
func uncut(ctx context.Context, request *provider.Request, answer *provider.Answer, call func(mayCut bool) error) error {
	err := call(false)
	if err == nil || answer.Pieces > 0 || ctx.Err() != nil || !strings.Contains(err.Error(), tooLong) {
		return err
	}
	if !request.MayCut {
		return promptTooLong()
	}
	answer.Cut = true
	return call(true)
}

func (o *server) Converse(ctx context.Context, request *provider.Request, answer *provider.Answer, heard func(string)) error {
	converse := o.chat
	if request.Completion != nil {
		converse = o.generate
	}
	err := uncut(ctx, request, answer, func(mayCut bool) error { return converse(ctx, request, mayCut, answer, heard) })
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
	return cutUnsaid(request, answer)
}

// cutUnsaid detects a prompt that was cut although the server was asked not to, by an Ollama before v0.12: it fills the context
// exactly.
func cutUnsaid(request *provider.Request, answer *provider.Answer) error {
	size := int64(0)
	for _, option := range request.Options {
		if option.Name == "num_ctx" {
			// Ollama rejects what is not a number.
			size, _ = strconv.ParseInt(option.Value.Digits(), 10, 64)
		}
	}
	if size <= 0 || answer.PromptTokens < size {
		return nil
	}
	answer.Cut = true
	if !request.MayCut {
		return promptTooLong()
	}
	return nil
}

func (o *server) chat(ctx context.Context, request *provider.Request, mayCut bool, answer *provider.Answer, heard func(string)) error {
	body := &api.ChatRequest{Model: request.Model, Format: request.Format, Options: rawOptions(request.Options), Truncate: &mayCut, Tools: toolsOf(request.Tools), Think: think(request)}
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
			arguments, problem := provider.ParseArguments(call.Function.Arguments)
			answer.Calls = append(answer.Calls, provider.ToolCall{ID: call.ID, Name: call.Function.Name, Arguments: arguments, Problem: problem})
		}
		answer.Role = cmp.Or(piece.Message.Role, answer.Role)
		finish(answer, piece.Model, piece.Done, piece.DoneReason, piece.Metrics)
		heard(piece.Message.Content)
		return piece.Done, nil
	})
}

func (o *server) generate(ctx context.Context, request *provider.Request, mayCut bool, answer *provider.Answer, heard func(string)) error {
	body := &api.GenerateRequest{
		Model: request.Model, Format: request.Format, Options: rawOptions(request.Options), Truncate: &mayCut,
		Suffix: request.Completion.Suffix, Template: request.Completion.Template, Raw: request.Completion.Raw, Think: think(request),
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
	return stream(ctx, o, "/api/generate", body, func(piece api.GenerateResponse) (bool, error) {
		if err := answer.Append(piece.Response, piece.Thinking); err != nil {
			return false, err
		}
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
	body := &api.EmbedRequest{Model: request.Model, Input: request.Inputs, Dimensions: request.Dimensions, Options: rawOptions(request.Options)}
	var err error
	if body.KeepAlive, err = keepAlive(request.KeepAlive); err != nil {
		return provider.CannotSend(err)
	}
	var came *api.EmbedResponse
	err = uncut(ctx, request, answer, func(mayCut bool) error {
		body.Truncate = &mayCut
		came, err = o.client.Embed(ctx, body)
		return err
	})
	if err != nil {
		return o.failed(ctx, request.Model, request.Secrets, err)
	}
	for _, vector := range came.Embeddings {
		encoded, err := value.Encode(vector)
		if err != nil {
			return protocol.Errorf(protocol.TaskResultInvalid, "a vector of the model %q: %v", request.Model, err)
		}
		answer.Vectors = append(answer.Vectors, encoded)
	}
	answer.Done, answer.Reason, answer.Model = true, "stop", came.Model
	answer.PromptTokens, answer.Load = int64(came.PromptEvalCount), came.LoadDuration
	return nil
}
