package llm

import (
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// words are the fields of a result that is text.
func (x *exchange) words() protocol.Value {
	text := protocol.OfString(x.total.text.String())
	result := protocol.OfObject(protocol.Field{Name: "response", Value: text}, protocol.Field{Name: "content", Value: text})
	if x.ask.plain == nil {
		result = result.With("role", protocol.OfString(otherwise(x.total.role, "assistant")))
	}
	result = result.With("model", protocol.OfString(otherwise(x.total.model, x.ask.model)))
	if x.call.question.schema != nil {
		result = result.With("parsed", x.parsed)
	}
	if x.total.thinking.Len() > 0 {
		result = result.With("thinking", protocol.OfString(x.total.thinking.String()))
	}
	if tools, _ := x.call.request.Parameters.Get("tools"); len(tools.Elements()) > 0 {
		result = result.With("tool_calls", protocol.OfList(x.used...))
	}
	return result
}

// vectors are the fields of a result of llm/embed.
func (x *exchange) vectors() protocol.Value {
	result := protocol.OfObject(protocol.Field{Name: "embeddings", Value: protocol.OfList(x.total.vectors...)})
	if len(x.total.vectors) > 0 {
		result = result.With("embedding", x.total.vectors[0]).
			With("dimensions", protocol.OfInt(int64(len(x.total.vectors[0].Elements()))))
	}
	return result.With("model", protocol.OfString(otherwise(x.total.model, x.ask.model)))
}

// result adds what all results have.
func (x *exchange) result(value protocol.Value, took time.Duration) (protocol.Result, error) {
	value = value.With("done_reason", protocol.OfString(x.total.reason)).
		With("tokens_used", protocol.OfInt(x.total.tokens)).
		With("prompt_tokens", protocol.OfInt(x.total.promptTokens)).
		With("duration", protocol.OfFloat(took.Seconds()))
	for _, d := range []struct {
		name string
		took time.Duration
	}{{"load_duration", x.total.load}, {"prompt_eval_duration", x.total.read}, {"eval_duration", x.total.write}} {
		if d.took > 0 {
			value = value.With(d.name, protocol.OfFloat(d.took.Seconds()))
		}
	}
	result := protocol.Result{Value: value.With("provider_id", protocol.OfString(x.on.URL))}
	if x.total.cut {
		result.Warning = fmt.Sprintf("the prompt is longer than the model's context: Ollama cut it, and the model saw %d tokens of it; a larger num_ctx makes room",
			x.seen)
		result.Value = result.Value.With("warning", protocol.OfString(result.Warning))
	}
	return result, nil
}

// fitting is the answer as the value that the schema wants, or why it is none.
func (q *question) fitting(a *answer) (parsed protocol.Value, why string) {
	parsed, err := protocol.ParseValue([]byte(strings.TrimSpace(a.text.String())))
	if err != nil {
		return protocol.Value{}, err.Error()
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
