package llm

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// requestedModel is the model of a call of llm/request: that of the call, else that of the body by its name on the server.
func requestedModel(given value.Value) (string, error) {
	body, _ := given.Get("body")
	named := text(body, "model")
	names, _ := given.Get("model_names")
	if model := cmp.Or(text(given, "model"), text(names, named), named); model != "" {
		return model, nil
	}
	return "", protocol.Errorf(protocol.InvalidParams, "%s: the body has no `model`", Request).WithHint("set `model` in the body, or as a parameter")
}

// bodyOf makes what is sent: the body as it is, with the name of the model on the server.
func bodyOf(given value.Value, model string, streams bool) (*provider.Body, error) {
	body, _ := given.Get("body")
	stream, _ := body.Get("stream")
	if stream.Bool() && !streams {
		return nil, protocol.Errorf(protocol.InvalidParams, "%s: `stream` of the body is not supported: a response is one document", Request).
			WithHint("remove `stream`, or set it to false")
	}
	if text(body, "model") != model {
		body = body.With("model", value.String(model))
	}
	b := &provider.Body{Path: strings.TrimPrefix(text(given, "url"), "/v1/"), JSON: body.JSON()}
	for _, name := range []string{"messages", "prompt", "input", "instructions"} {
		part, _ := body.Get(name)
		b.Texts += textSize(part)
	}
	for _, name := range []string{"max_completion_tokens", "max_output_tokens", "max_tokens"} {
		most, _ := body.Get(name)
		if n, err := strconv.ParseInt(most.Digits(), 10, 64); err == nil && n > 0 {
			b.MaxTokens = n
			break
		}
	}
	return b, nil
}

// textSize returns how many bytes the texts within a value have, without those of images.
func textSize(v value.Value) (size int64) {
	if v.Kind() == value.KindString && !strings.HasPrefix(v.Text(), "data:") {
		return int64(len(v.Text()))
	}
	for _, element := range v.Elements() {
		size += textSize(element)
	}
	for _, field := range v.Fields() {
		if field.Name != "role" && field.Name != "type" {
			size += textSize(field.Value)
		}
	}
	return size
}

// forwarding sends a request of OpenAI's API as it is.
type forwarding struct {
	*exchange
	response *provider.Forwarded
	answer   provider.Answer
}

// run gets the response. A request that the server refuses is not a failure: its response says why.
func (x *forwarding) run(ctx context.Context) (protocol.Result, error) {
	err := x.call.send(ctx, func(ctx context.Context, m *pool.Member, _ *watchdog) (bool, int64, error) {
		x.prepare()
		x.member, x.response, x.answer = m, nil, provider.Answer{}
		to, can := m.Client.(provider.Forwarder)
		if !can {
			return false, 0, provider.CannotSend(protocol.Errorf(protocol.InvalidParams, "%s is not supported by the provider %q", Request, m.Provider))
		}
		begun := x.stream()
		x.logSent(m)
		var err error
		if x.response, err = to.Forward(ctx, &x.request); err != nil {
			if *begun { // What the client has cannot be taken back: the request is not sent again.
				failure := protocol.AsError(err, protocol.TaskExecutionFailed)
				err = protocol.Errorf(failure.Code, "%s", failure.Message)
			}
			return *begun, 0, err
		}
		return *begun, x.request.TokensOf(&x.answer), x.read()
	})
	x.call.usage = x.call.usage.Add(x.answer.Usage())
	if err != nil && !x.refusesRequest(err) {
		return protocol.Result{}, err
	}
	if err != nil {
		x.warn(fmt.Sprintf("%s (status %d)", protocol.AsError(err, protocol.InvalidParams).Message, x.response.Status))
		return x.withWarning(protocol.Result{Value: x.value()}), nil
	}
	if full := x.response.Context; full > 0 && provider.WasCut(x.request.Body.Texts, x.answer.PromptTokens, full) {
		x.warn(fmt.Sprintf("the prompt is longer than the model's context of %s: the server cut it", provider.Tokens(int(full))))
	}
	if early := x.endedEarly(); early != "" {
		x.warn(x.call.secrets.Hide(early))
	}
	return x.withWarning(protocol.Result{Value: x.value()}), nil
}

// stream passes on the response in pieces, if the request wants that. begun is whether there was one.
func (x *forwarding) stream() (begun *bool) {
	begun = new(bool)
	body, _ := x.call.request.Parameters.Get("body")
	if wanted, _ := body.Get("stream"); wanted.Bool() {
		x.request.Body.Stream = func(piece []byte) error {
			*begun = true
			return x.call.request.Stream(piece)
		}
	}
	return begun
}

// refusesRequest reports whether a response refuses the request for what it is. A model that is missing, and access that is denied, are
// failures of the call: another try may succeed when they are repaired.
func (x *forwarding) refusesRequest(err error) bool {
	if x.response == nil || x.response.Status < http.StatusBadRequest || protocol.AsError(err, protocol.TaskExecutionFailed).Kind != protocol.Permanent {
		return false
	}
	switch x.response.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return false
	}
	return provider.VerdictOf(err) != provider.ModelMissing
}

// read reads the counts of an answer, and why it ended.
func (x *forwarding) read() error {
	body, err := value.Parse(x.response.Body)
	if err != nil && x.response.Streamed {
		return nil // The server has not counted.
	}
	if err != nil {
		return protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from the server: %s", err)
	}
	a := &x.answer
	a.Done = true
	usage, _ := body.Get("usage")
	a.PromptTokens = cmp.Or(integer(usage, "prompt_tokens"), integer(usage, "input_tokens"))
	a.Tokens = cmp.Or(integer(usage, "completion_tokens"), integer(usage, "output_tokens"))
	choices, _ := body.Get("choices")
	for _, choice := range choices.Elements() {
		message, _ := choice.Get("message")
		x.note(text(choice, "finish_reason"), text(message, "refusal"))
	}
	details, _ := body.Get("incomplete_details") // Of /v1/responses.
	reason := text(details, "reason")
	if reason == "max_output_tokens" {
		reason = "max_tokens"
	}
	x.note(reason, "")
	if endings[strings.ToLower(a.Reason)] == aborted {
		return protocol.Errorf(protocol.TaskExecutionFailed, "%s did not answer: it ended the response with the reason %q", x.serverName(), x.call.secrets.Hide(a.Reason)).
			WithKind(protocol.Transient)
	}
	return nil
}

// note keeps the first reason for which an answer is not whole.
func (x *forwarding) note(reason, refusal string) {
	if x.answer.Reason == "" && endings[strings.ToLower(reason)] != whole {
		x.answer.Reason = reason
	}
	if x.answer.Refusal.Len() == 0 {
		x.answer.Refusal.WriteString(refusal)
	}
}

func integer(object value.Value, name string) int64 {
	field, _ := object.Get(name)
	n, err := strconv.ParseInt(field.Digits(), 10, 64)
	if err != nil {
		return 0 // The server does not count.
	}
	return n
}

// value makes the result.
func (x *forwarding) value() value.Value {
	body, err := value.Parse(x.response.Body)
	if err != nil || body.Kind() != value.KindObject { // A page of a proxy, or a list: clients expect an object.
		said := x.response.ErrorBody()
		failure := value.Object(value.Field{Name: "message", Value: value.String(said.Text)}, value.Field{Name: "type", Value: value.String("invalid_request_error")},
			value.Field{Name: "param", Value: value.Value{}}, value.Field{Name: "code", Value: value.Value{}})
		body = value.Object(value.Field{Name: "error", Value: failure})
	}
	// The id of an answer is none of the request: those of Ollama 0.17.4 are three digits at random.
	id := cmp.Or(x.response.RequestID, "req_"+strings.ToLower(rand.Text()))
	return value.Object(
		value.Field{Name: "status_code", Value: value.Int(int64(x.response.Status))}, value.Field{Name: "request_id", Value: value.String(id)},
		value.Field{Name: "body", Value: body}, value.Field{Name: "model", Value: value.String(x.request.Model)},
		value.Field{Name: "tokens_used", Value: value.Int(x.answer.Tokens)}, value.Field{Name: "prompt_tokens", Value: value.Int(x.answer.PromptTokens)},
		value.Field{Name: "duration", Value: value.Float(float64(protocol.RoundedSeconds(x.call.timeSpent)))}, value.Field{Name: "provider_id", Value: value.String(x.member.URL)},
	)
}

// endedEarly says why an answer is not whole; empty if it is.
func (x *forwarding) endedEarly() string {
	switch endingOf(&x.answer) {
	case refused:
		return strings.TrimSuffix("the model refused to answer: "+x.answer.Refusal.String(), ": ")
	case filtered:
		return "the server's content filter cut off the answer"
	case cutOff:
		return fmt.Sprintf("the answer was cut off after %s; raise `max_tokens` of the body", provider.Tokens(int(x.answer.Tokens)))
	}
	return ""
}
