package llm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestSchema(t *testing.T) {
	handler := real(t)
	for _, model := range []string{"tiny-script", "tiny-think"} {
		result := ask(t, handler, llm.Chat, `{"prompt":"hello","model":"`+model+`","max_tokens":200,"schema":{"type":"object",`+
			`"properties":{"ok":{"type":"boolean"},"kind":{"enum":["tea","cake"]}},"required":["ok","kind"],"additionalProperties":false}}`)
		parsed, _ := result.Value.Get("parsed")
		ok, _ := parsed.Get("ok")
		kind, _ := parsed.Get("kind")
		if ok.Kind() != value.KindBool || (kind.Text() != "tea" && kind.Text() != "cake") {
			t.Errorf("%s: parsed %s of %s", model, parsed.JSON(), field(result, "response"))
		}
	}
}

// An answer in pieces, as Ollama streams it.
func answering(pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, piece := range pieces {
			text, _ := json.Marshal(piece)
			fmt.Fprintf(w, `{"model":"m","message":{"role":"assistant","content":%s},"done":false}`+"\n", text)
		}
		fmt.Fprintln(w, `{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":9}`)
	}
}

func TestParsedKeepsDigits(t *testing.T) {
	result := ask(t, scripted(t, answering(`{"n": 1152921504606846977,`, ` "x": 0.10}`)), llm.Chat, `{"prompt":"hello","schema":{"type":"object"}}`)
	want(t, result, map[string]string{"parsed": `{"n":1152921504606846977,"x":0.10}`})
}

func TestAnswersThatDoNotFitTheSchema(t *testing.T) {
	const schema = `"schema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`
	for answer, why := range map[string]string{
		`{"n": "one"}`: `answer.n: got string, want integer; the answer: "{\"n\": \"one\"}"`,
		`{}`:           `answer: missing property 'n'; the answer: "{}"`,
		`Sure! {"n":1`: `not JSON: invalid character 'S' looking for beginning of value; the answer: "Sure! {\"n\":1"`,
		``:             `not JSON: unexpected EOF; the answer: ""`,
	} {
		handler := scripted(t, answering(answer))
		result, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"hello",`+schema+`}`), nil)
		if err == nil {
			t.Fatalf("%s: no error", answer)
		}
		wantError(t, protocol.AsError(err, 0), protocol.TaskResultInvalid, protocol.TaskFault, `the answer of the model "llama3.2" does not match the schema, even after a second request: `+why,
			"use a larger model, ask for less in the `schema`, or name further models in `models`")
		if result.Usage != (protocol.Usage{LLMCalls: 2, PromptTokens: 6, TokensUsed: 18}) {
			t.Errorf("usage %+v", result.Usage)
		}
	}
}

func TestAnswerThatWasCutDoesNotFit(t *testing.T) {
	got := fails(t, t.Context(), real(t), asking(t, llm.Chat, `{"prompt":"hello","max_tokens":2,"schema":{"type":"object","properties":{"some_long_name":{"type":"boolean"}},"required":["some_long_name"]}}`), nil)
	if got.Code != protocol.TaskResultInvalid || !strings.Contains(got.Hint, "raise `max_tokens`") {
		t.Errorf("got %s: %s (%s)", got.Name, got.Message, got.Hint)
	}
}

func TestSchemaThatIsNone(t *testing.T) {
	for _, schema := range []string{`{"type":"nothing"}`, `{"$ref":"https://example.com/schema"}`, `{"$ref":"file:///etc/passwd"}`} {
		got := fails(t, t.Context(), open(t, llm.Options{}), asking(t, llm.Chat, `{"prompt":"hello","schema":`+schema+`}`), nil)
		if got.Code != protocol.InvalidParams || !strings.HasPrefix(got.Message, "invalid JSON Schema: ") {
			t.Errorf("%s: got %s: %s", schema, got.Name, got.Message)
		}
	}
}
