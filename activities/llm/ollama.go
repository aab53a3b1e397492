package llm

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// ollama speaks to an Ollama server. Answers are read by stream, all else goes over Ollama's own client.
type ollama struct {
	base   *url.URL
	shown  string // Where the server is, as messages say it.
	http   *http.Client
	client *api.Client

	mu      sync.Mutex
	sighted map[string]bool // Models that are known to take images. That a model does not may change by a pull.
}

func newOllama(server *url.URL, shown string) *ollama {
	connections := connectionsTo(server)
	return &ollama{base: server, shown: shown, http: connections, client: api.NewClient(server, connections), sighted: map[string]bool{}}
}

func (o *ollama) close() { o.http.CloseIdleConnections() }

// tooLong is what Ollama says of a prompt that it was told not to cut; in the midst of a stream, where there is no status.
const tooLong = "exceeds the context length"

// whole first asks not to cut what is too long: Ollama does that and says nothing.
func whole(ctx context.Context, a *ask, into *answer, call func(mayCut bool) error) error {
	err := call(false)
	if err == nil || into.pieces > 0 || ctx.Err() != nil || !strings.Contains(err.Error(), tooLong) {
		return err
	}
	if !a.mayBeCut {
		return promptTooLong()
	}
	into.cut = true
	return call(true)
}

func (o *ollama) converse(ctx context.Context, a *ask, into *answer, heard func(string)) error {
	ask := o.chat
	if a.plain != nil {
		ask = o.generate
	}
	err := whole(ctx, a, into, func(mayCut bool) error { return ask(ctx, a, mayCut, into, heard) })
	// It is no error where the stream is cut: by the end of ctx, or of the server.
	if err == nil && ctx.Err() == nil && !into.done {
		return brokeOff("Ollama at "+o.shown, into.pieces)
	}
	if err == nil && !into.done {
		err = interrupted(ctx)
	}
	if err != nil {
		return o.failed(ctx, a.model, a.hidden, err)
	}
	return nil
}

func (o *ollama) chat(ctx context.Context, a *ask, mayCut bool, into *answer, heard func(string)) error {
	request := &api.ChatRequest{Model: a.model, Format: a.format, Options: rawOptions(a.options), Truncate: &mayCut, Tools: ollamaTools(a.tools)}
	var err error
	if request.Think, request.KeepAlive, err = a.manner(); err != nil {
		return unmade(err)
	}
	for _, m := range a.messages {
		request.Messages = append(request.Messages, ollamaMessage(m))
	}
	return stream(ctx, o, "/api/chat", request, func(piece chatPiece) (bool, error) {
		if err := into.hear(piece.Message.Content, piece.Message.Thinking); err != nil {
			return false, err
		}
		for _, call := range piece.Message.ToolCalls {
			arguments, err := argumentsOf(call.Function.Arguments)
			if err != nil {
				return false, err
			}
			into.calls = append(into.calls, toolCall{call.ID, call.Function.Name, arguments})
		}
		into.role = otherwise(piece.Message.Role, into.role)
		into.end(piece.Model, piece.Done, piece.DoneReason, piece.Metrics)
		heard(piece.Message.Content)
		return piece.Done, nil
	})
}

func (o *ollama) generate(ctx context.Context, a *ask, mayCut bool, into *answer, heard func(string)) error {
	request := &api.GenerateRequest{
		Model: a.model, Format: a.format, Options: rawOptions(a.options), Truncate: &mayCut,
		Suffix: a.plain.suffix, Template: a.plain.template, Raw: a.plain.raw,
	}
	var err error
	if request.Think, request.KeepAlive, err = a.manner(); err != nil {
		return unmade(err)
	}
	for _, m := range a.messages {
		if m.role == "system" {
			request.System = m.text
			continue
		}
		request.Prompt = m.text
		for _, image := range m.images {
			request.Images = append(request.Images, image)
		}
	}
	return stream(ctx, o, "/api/generate", request, func(piece api.GenerateResponse) (bool, error) {
		if err := into.hear(piece.Response, piece.Thinking); err != nil {
			return false, err
		}
		into.end(piece.Model, piece.Done, piece.DoneReason, piece.Metrics)
		heard(piece.Response)
		return piece.Done, nil
	})
}

// end takes in what the last piece says; those before it say nothing.
func (a *answer) end(model string, done bool, reason string, counted api.Metrics) {
	a.model, a.done, a.reason = otherwise(model, a.model), done, reason
	a.promptTokens, a.tokens = int64(counted.PromptEvalCount), int64(counted.EvalCount)
	a.load, a.read, a.write = counted.LoadDuration, counted.PromptEvalDuration, counted.EvalDuration
}

// manner is how the model is to go about it, in Ollama's types.
func (a *ask) manner() (think *api.ThinkValue, keep *api.Duration, err error) {
	switch a.think.Kind() {
	case value.KindBool:
		think = &api.ThinkValue{Value: a.think.Bool()}
	case value.KindString:
		think = &api.ThinkValue{Value: a.think.Text()}
	}
	if !a.keep.IsNull() {
		keep = &api.Duration{}
		if err := json.Unmarshal(a.keep.JSON(), keep); err != nil {
			return nil, nil, protocol.Errorf(protocol.InvalidParams, "keep_alive must be a number of seconds or a duration such as 5m, not %s", a.keep.JSON())
		}
	}
	return think, keep, nil
}

func rawOptions(fields []value.Field) map[string]any {
	options := map[string]any{}
	for _, field := range fields {
		options[field.Name] = json.RawMessage(field.Value.JSON())
	}
	return options
}

func ollamaMessage(m message) api.Message {
	made := api.Message{Role: m.role, Content: m.text, Thinking: m.thinking, ToolName: m.tool, ToolCallID: m.callID}
	for _, image := range m.images {
		made.Images = append(made.Images, image)
	}
	for _, call := range m.calls {
		arguments := api.NewToolCallFunctionArguments()
		for _, field := range call.arguments.Fields() {
			arguments.Set(field.Name, json.RawMessage(field.Value.JSON()))
		}
		made.ToolCalls = append(made.ToolCalls, api.ToolCall{ID: call.id, Function: api.ToolCallFunction{Name: call.name, Arguments: arguments}})
	}
	return made
}

func (o *ollama) embed(ctx context.Context, a *ask, into *answer) error {
	request := &api.EmbedRequest{Model: a.model, Input: a.inputs, Dimensions: a.width, Options: rawOptions(a.options)}
	var err error
	if _, request.KeepAlive, err = a.manner(); err != nil {
		return unmade(err)
	}
	var came *api.EmbedResponse
	err = whole(ctx, a, into, func(mayCut bool) error {
		request.Truncate = &mayCut
		came, err = o.client.Embed(ctx, request)
		return err
	})
	if err != nil {
		return o.failed(ctx, a.model, a.hidden, err)
	}
	for _, vector := range came.Embeddings {
		encoded, err := value.Encode(vector)
		if err != nil {
			return protocol.Errorf(protocol.TaskResultInvalid, "a vector of the model %q: %v", a.model, err)
		}
		into.vectors = append(into.vectors, encoded)
	}
	into.done, into.reason, into.model = true, "stop", came.Model
	into.promptTokens, into.load = int64(came.PromptEvalCount), came.LoadDuration
	return nil
}
