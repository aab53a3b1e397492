package llm

import (
	"cmp"
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// textValue makes the fields of a result that is text.
func (x *exchange) textValue() value.Value {
	text := value.String(x.total.Text.String())
	result := value.Object(value.Field{Name: "response", Value: text}, value.Field{Name: "content", Value: text})
	if x.request.Completion == nil {
		result = result.With("role", value.String(cmp.Or(x.total.Role, "assistant")))
	}
	result = result.With("model", value.String(cmp.Or(x.total.Model, x.request.Model)))
	if x.call.question.schema != nil {
		result = result.With("parsed", x.parsed)
	}
	if x.truncation.parts > 0 {
		result = result.With("parts", value.Int(int64(x.truncation.parts)))
	}
	if len(x.total.Logprobs) > 0 {
		result = result.With("logprobs", value.List(x.total.Logprobs...))
	}
	if x.total.Thinking.Len() > 0 {
		result = result.With("thinking", value.String(x.total.Thinking.String()))
	}
	if tools, _ := x.call.request.Parameters.Get("tools"); len(tools.Elements()) > 0 {
		result = result.With("tool_calls", value.List(x.toolCalls...))
	}
	return result
}

// vectorValue makes the fields of a result of llm/embed.
func (x *exchange) vectorValue() value.Value {
	result := value.Object(value.Field{Name: "embeddings", Value: value.List(x.total.Vectors...)})
	if len(x.total.Vectors) > 0 {
		result = result.With("embedding", x.total.Vectors[0]).
			With("dimensions", value.Int(int64(len(x.total.Vectors[0].Elements()))))
	}
	return result.With("model", value.String(cmp.Or(x.total.Model, x.request.Model)))
}

// result adds the fields of every result.
func (x *exchange) result(val value.Value, took time.Duration) (protocol.Result, error) {
	val = val.With("done_reason", value.String(x.total.Reason)).
		With("tokens_used", value.Int(x.total.Tokens)).
		With("prompt_tokens", value.Int(x.total.PromptTokens)).
		With("duration", value.Float(took.Seconds()))
	for _, d := range []struct {
		name string
		took time.Duration
	}{{"load_duration", x.total.Load}, {"prompt_eval_duration", x.total.Read}, {"eval_duration", x.total.Write}} {
		if d.took > 0 {
			val = val.With(d.name, value.Float(d.took.Seconds()))
		}
	}
	return x.withWarning(protocol.Result{Value: val.With("provider_id", value.String(x.member.URL))}), nil
}

// check returns why JSON does not match the schema; empty if it does.
func (q *question) check(parsed value.Value) (why string) { return q.schema.Check("answer", parsed) }

func (x *exchange) mismatch(a *provider.Answer, why string) error {
	failure := protocol.Errorf(protocol.TaskResultInvalid, "the answer of the model %q does not match the schema, even after a second request: %s; the answer: %s", x.request.Model, why, quote(x.call.secrets.Text(a.Text.String())))
	if endingOf(a) == cutOff {
		return failure.WithHint("the answer was cut off: raise %s", x.call.limits())
	}
	if how := endingOf(a); how == refused || how == filtered {
		what, _ := x.call.shortfall(a)
		return failure.WithHint("%s", x.call.secrets.Hide(what))
	}
	return failure.WithHint("use a larger model, ask for less in the `schema`, or name further models in `models`")
}

func quote(text redaction.Text) string {
	first, cut := text.First(provider.MaxQuoted)
	if cut {
		return fmt.Sprintf("%q…", first)
	}
	return fmt.Sprintf("%q", first)
}
