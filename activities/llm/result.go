package llm

import (
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// resultOf makes the method's result of a whole answer.
func (h *Handler) resultOf(q *question, a *answer, took time.Duration) (protocol.Value, error) {
	text := protocol.OfString(a.text.String())
	result := protocol.OfObject(
		protocol.Field{Name: "response", Value: text},
		protocol.Field{Name: "content", Value: text},
		protocol.Field{Name: "role", Value: protocol.OfString(otherwise(a.last.Message.Role, "assistant"))},
		protocol.Field{Name: "model", Value: protocol.OfString(otherwise(a.last.Model, q.chat.Model))},
	)
	if q.schema != nil {
		parsed, err := q.parsed(a)
		if err != nil {
			return protocol.Value{}, err
		}
		result = result.With("parsed", parsed)
	}
	if a.thinking.Len() > 0 {
		result = result.With("thinking", protocol.OfString(a.thinking.String()))
	}
	result = result.With("done_reason", protocol.OfString(a.last.DoneReason)).
		With("tokens_used", protocol.OfInt(int64(a.last.EvalCount))).
		With("prompt_tokens", protocol.OfInt(int64(a.last.PromptEvalCount))).
		With("duration", protocol.OfFloat(took.Seconds())).
		With("provider_id", protocol.OfString(h.shown))
	// Servers from before v0.12 cut the prompt although they were asked not to; then it fills the context exactly.
	if a.cut || q.numCtx > 0 && int64(a.last.PromptEvalCount) >= q.numCtx {
		result = result.With("warning", protocol.OfString(fmt.Sprintf(
			"the prompt is longer than the model's context: Ollama cut it, and the model saw %d tokens of it; a larger num_ctx makes room",
			a.last.PromptEvalCount)))
	}
	return result, nil
}

// parsed is the answer as the value that the schema wants.
func (q *question) parsed(a *answer) (protocol.Value, error) {
	invalid := func(why string) error {
		failure := protocol.Errorf(protocol.TaskResultInvalid, "the model's answer does not fit the schema: %s; it is %s", why, shown(a.text.String()))
		if a.last.DoneReason == "length" {
			return failure.WithHint("the answer was cut at its largest length: raise `max_tokens`, or `num_ctx`")
		}
		return failure
	}
	parsed, err := protocol.ParseValue([]byte(strings.TrimSpace(a.text.String())))
	if err != nil {
		return protocol.Value{}, invalid(err.Error())
	}
	if found := q.schema.faults("answer", parsed); found != "" {
		return protocol.Value{}, invalid(found)
	}
	return parsed, nil
}

// mostShown is how much of an answer a message quotes, in characters.
const mostShown = 300

func shown(text string) string {
	letters := []rune(text)
	if len(letters) > mostShown {
		return fmt.Sprintf("%q…", string(letters[:mostShown]))
	}
	return fmt.Sprintf("%q", text)
}
