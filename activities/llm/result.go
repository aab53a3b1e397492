package llm

import (
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// words are the fields of a result that is text.
func (x *exchange) words() value.Value {
	text := value.String(x.total.text.String())
	result := value.Object(value.Field{Name: "response", Value: text}, value.Field{Name: "content", Value: text})
	if x.ask.plain == nil {
		result = result.With("role", value.String(otherwise(x.total.role, "assistant")))
	}
	result = result.With("model", value.String(otherwise(x.total.model, x.ask.model)))
	if x.call.question.schema != nil {
		result = result.With("parsed", x.parsed)
	}
	if x.total.thinking.Len() > 0 {
		result = result.With("thinking", value.String(x.total.thinking.String()))
	}
	if tools, _ := x.call.request.Parameters.Get("tools"); len(tools.Elements()) > 0 {
		result = result.With("tool_calls", value.List(x.used...))
	}
	return result
}

// vectors are the fields of a result of llm/embed.
func (x *exchange) vectors() value.Value {
	result := value.Object(value.Field{Name: "embeddings", Value: value.List(x.total.vectors...)})
	if len(x.total.vectors) > 0 {
		result = result.With("embedding", x.total.vectors[0]).
			With("dimensions", value.Int(int64(len(x.total.vectors[0].Elements()))))
	}
	return result.With("model", value.String(otherwise(x.total.model, x.ask.model)))
}

// result adds what all results have.
func (x *exchange) result(val value.Value, took time.Duration) (protocol.Result, error) {
	val = val.With("done_reason", value.String(x.total.reason)).
		With("tokens_used", value.Int(x.total.tokens)).
		With("prompt_tokens", value.Int(x.total.promptTokens)).
		With("duration", value.Float(took.Seconds()))
	for _, d := range []struct {
		name string
		took time.Duration
	}{{"load_duration", x.total.load}, {"prompt_eval_duration", x.total.read}, {"eval_duration", x.total.write}} {
		if d.took > 0 {
			val = val.With(d.name, value.Float(d.took.Seconds()))
		}
	}
	result := protocol.Result{Value: val.With("provider_id", value.String(x.on.URL))}
	if x.total.cut {
		result.Warning = fmt.Sprintf("the prompt is longer than the model's context: Ollama cut it, and the model saw %d tokens of it; a larger num_ctx makes room",
			x.seen)
		result.Value = result.Value.With("warning", value.String(result.Warning))
	}
	return result, nil
}

// fitting is the answer as the value that the schema wants, or why it is none.
func (q *question) fitting(a *answer) (parsed value.Value, why string) {
	parsed, err := value.Parse([]byte(strings.TrimSpace(a.text.String())))
	if err != nil {
		return value.Value{}, err.Error()
	}
	return parsed, q.schema.Check("answer", parsed)
}

func (x *exchange) unfit(a *answer, why string) error {
	failure := protocol.Errorf(protocol.TaskResultInvalid, "the model's answer does not fit the schema, not even when asked again: %s; it is %s", why, shown(x.call.conceal(a.text.String())))
	if a.reason == "length" {
		return failure.WithHint("the answer was cut at its largest length: raise `max_tokens`, or `num_ctx`")
	}
	return failure
}

// mostShown is how much of an answer, or of what a server says, a message quotes, in characters.
const mostShown = 300

func shown(text string) string {
	letters := []rune(text)
	if len(letters) > mostShown {
		return fmt.Sprintf("%q…", string(letters[:mostShown]))
	}
	return fmt.Sprintf("%q", text)
}
