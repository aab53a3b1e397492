package llm_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const greeting = `"Hello from the scripted model."`

func TestAnswers(t *testing.T) {
	handler := real(t)
	for _, test := range []struct {
		parameters string
		want       map[string]string
	}{
		{`{"prompt":"hello"}`, map[string]string{
			"response": greeting, "content": greeting, "role": `"assistant"`, "model": `"llama3.2"`, "done_reason": `"stop"`,
			"parsed": "", "thinking": "", "warning": "", "provider_id": strconv.Quote(ollamatest.Start(t)),
		}},
		{`{"prompt":"hello","model":"tiny-script"}`, map[string]string{"response": greeting, "model": `"tiny-script"`}},
		{`{"prompt":"Is there a PINEAPPLE?"}`, map[string]string{"response": `"I saw the PINEAPPLE."`}},
		{`{"prompt":"Well?","system":"You are a PINEAPPLE."}`, map[string]string{"response": `"I saw the PINEAPPLE."`}},
		{`{"messages":[{"role":"user","content":"PINEAPPLE"},{"role":"assistant","content":"Yes"},{"role":"user","content":"Again"}]}`,
			map[string]string{"response": `"I saw the PINEAPPLE."`}},
		{`{"messages":[{"role":"user","content":"hello"}],"prompt":"PINEAPPLE"}`, map[string]string{"response": `"I saw the PINEAPPLE."`}},
		{`{"messages":[{"role":"system","content":"PINEAPPLE"}]}`, map[string]string{"response": `"I saw the PINEAPPLE."`}},
		{`{"prompt":"SLOWLY","max_tokens":4}`, map[string]string{"response": `"tick tock tick tock "`, "done_reason": `"length"`, "tokens_used": `4`}},
		{`{"prompt":"SLOWLY","num_predict":2}`, map[string]string{"response": `"tick tock "`, "done_reason": `"length"`}},
		{`{"prompt":"SLOWLY","options":{"num_predict":3}}`, map[string]string{"response": `"tick tock tick "`}},
		{`{"prompt":"SLOWLY","options":{"num_predict":3},"max_tokens":1}`, map[string]string{"response": `"tick "`}},
		{`{"prompt":"SLOWLY","stop":"tock"}`, map[string]string{"response": `"tick "`, "done_reason": `"stop"`}},
		{`{"prompt":"SLOWLY","stop":["nothing","tock"]}`, map[string]string{"response": `"tick "`}},
		{`{"prompt":"PONDER","model":"tiny-think","think":true}`, map[string]string{"thinking": `"Let me think."`, "response": `"Done thinking."`}},
		{`{"prompt":"hello","model":"tiny-think"}`, map[string]string{"thinking": "", "response": greeting}},
		{`{"prompt":"hello","temperature":0,"top_p":0.9,"top_k":10,"seed":7,"min_p":0.05,"typical_p":1,"num_ctx":1024,"repeat_penalty":1.1,` +
			`"repeat_last_n":8,"presence_penalty":0,"frequency_penalty":0,"num_keep":2,"num_batch":128,"num_thread":1,"use_mmap":true,` +
			`"keep_alive":"1m","idle_timeout":"30s"}`, map[string]string{"response": greeting}},
		{`{"prompt":"hello","keep_alive":60,"idle_timeout":30,"think":false}`, map[string]string{"response": greeting}},
	} {
		want(t, ask(t, handler, llm.Chat, test.parameters), test.want)
	}
}

func TestCountsAndUsage(t *testing.T) {
	result := ask(t, real(t), llm.Chat, `{"prompt":"SLOWLY","max_tokens":5}`)
	// A token each: the user's mark, the word, the assistant's mark.
	want(t, result, map[string]string{"tokens_used": "5", "prompt_tokens": "3"})
	if result.Usage != (protocol.Usage{LLMCalls: 1, PromptTokens: 3, TokensUsed: 5}) {
		t.Errorf("usage %+v", result.Usage)
	}
	if took, err := strconv.ParseFloat(field(result, "duration"), 64); err != nil || took <= 0 {
		t.Errorf("duration %s, %v", field(result, "duration"), err)
	}
}

func TestProgressCountsTokens(t *testing.T) {
	var said []string
	request := asking(t, llm.Chat, `{"prompt":"SLOWLY","max_tokens":3}`)
	if _, err := real(t).Handle(t.Context(), request, func(message string) { said = append(said, message) }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(said, ", "); got != "1 token, 2 tokens, 3 tokens" {
		t.Error(got)
	}
}

// The same seed gives the same answer, whatever the temperature.
func TestSeed(t *testing.T) {
	const parameters = `{"prompt":"hello","temperature":1.5,"seed":42,"max_tokens":20}`
	handler := real(t)
	first := field(ask(t, handler, llm.Chat, parameters), "response")
	for range 3 {
		if again := field(ask(t, handler, llm.Chat, parameters), "response"); again != first {
			t.Errorf("%s, and before %s", again, first)
		}
	}
}

func TestTextOfAFile(t *testing.T) {
	handler := real(t)
	for _, test := range []struct{ parameters, text, response string }{
		{`{"prompt":"Summarize this.","file_path":"a.txt"}`, "a PINEAPPLE, ripe", `"I saw the PINEAPPLE."`},
		{`{"messages":[{"role":"user","content":"Summarize this."},{"role":"assistant","content":"What?"}],"file_path":"a.txt"}`,
			"a PINEAPPLE, ripe", `"I saw the PINEAPPLE."`},
	} {
		request := asking(t, llm.Chat, test.parameters)
		request.Files.(folder).write(t, "a.txt", []byte(test.text))
		result, err := handler.Handle(t.Context(), request, nil)
		if err != nil {
			t.Fatal(err)
		}
		want(t, result, map[string]string{"response": test.response})
	}
}

func TestUnknownModel(t *testing.T) {
	counted := count(t, ollamatest.Start(t))
	for _, method := range []string{`{"prompt":"hello","model":"no-such:7b"}`, `{"prompt":"hello","model":"no-such:7b","images":["` + encoded(t, "red") + `"]}`} {
		before := counted.requests()
		got := fails(t, t.Context(), open(t, llm.Options{Providers: at(counted.url)}), asking(t, llm.Chat, method), nil)
		wantError(t, got, protocol.TaskValidationFailed, protocol.Permanent,
			`Ollama at `+counted.url+` has no model "no-such:7b"`, "run `ollama pull no-such:7b`, or name a model that it has: llama3.2, llava, tiny-script, tiny-think, tiny-vision")
		if made := counted.requests() - before; made != 2 { // The call, and the list of its models.
			t.Errorf("%d requests were made", made)
		}
	}
}

func TestThinkingOfAModelThatCannot(t *testing.T) {
	got := fails(t, t.Context(), real(t), asking(t, llm.Chat, `{"prompt":"hello","think":true}`), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, "Ollama at "+ollamatest.Start(t)+` rejected the request: "llama3.2" does not support thinking`, "remove `think`, or use a model that thinks")
}

// A prompt of a byte a token, longer than the model's context.
func TestPromptThatIsCut(t *testing.T) {
	handler := real(t)
	long := strings.Repeat("word ", 200)
	for parameters, cut := range map[string]bool{
		`{"prompt":"` + long + `","num_ctx":512}`: true,
		`{"prompt":"` + long + `"}`:               false,
		`{"messages":[{"role":"user","content":"` + long + `"},{"role":"user","content":"hello"}],"num_ctx":512}`: true,
	} {
		warning := field(ask(t, handler, llm.Chat, parameters), "warning")
		if (warning != "") != cut {
			t.Errorf("%.40s…: warning %q", parameters, warning)
		}
		if cut && !strings.Contains(warning, "raise num_ctx") {
			t.Error(warning)
		}
	}
}

func TestHealth(t *testing.T) {
	if err := real(t).Health(t.Context()); err != nil {
		t.Error(err)
	}
	away := "http://" + refusing(t)
	err := open(t, llm.Options{Providers: at(away)}).Health(context.Background())
	if err == nil || protocol.AsError(err, 0).Code != protocol.ProviderNotAvailable {
		t.Errorf("got %v", err)
	}
}
