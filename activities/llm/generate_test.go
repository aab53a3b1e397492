package llm_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestGenerate(t *testing.T) {
	handler := real(t)
	for _, test := range []struct {
		parameters string
		want       map[string]string
	}{
		{`{"prompt":"hello"}`, map[string]string{"response": greeting, "content": greeting, "role": "", "model": `"llama3.2"`, "done_reason": `"stop"`}},
		{`{"prompt":"Is there a PINEAPPLE?","system":"You are a host."}`, map[string]string{"response": `"I saw the PINEAPPLE."`}},
		{`{"prompt":"SLOWLY","max_tokens":3}`, map[string]string{"response": `"tick tock tick "`, "done_reason": `"length"`, "tokens_used": "3", "prompt_tokens": "3"}},
		{`{"prompt":"<|user|>PINEAPPLE<|assistant|>","raw":true}`, map[string]string{"response": `"I saw the PINEAPPLE."`}},
		{`{"prompt":"x","template":"<|user|>PINEAPPLE {{ .Prompt }}<|assistant|>"}`, map[string]string{"response": `"I saw the PINEAPPLE."`}},
		{`{"prompt":"PONDER","model":"tiny-think","think":true}`, map[string]string{"thinking": `"Let me think."`, "response": `"Done thinking."`}},
		{`{"prompt":"Which colour?","model":"llava","images":["` + encoded(t, "blue") + `"]}`, map[string]string{"response": `"I see blue."`}},
	} {
		want(t, ask(t, handler, llm.Generate, test.parameters), test.want)
	}
}

func TestGenerateWithSchema(t *testing.T) {
	result := ask(t, real(t), llm.Generate, `{"prompt":"hello","max_tokens":100,"schema":{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false}}`)
	parsed, _ := result.Value.Get("parsed")
	if ok, _ := parsed.Get("ok"); ok.Kind() != value.KindBool {
		t.Errorf("parsed %s", parsed.JSON())
	}
}

// What llm/generate has of its own reaches Ollama.
func TestWhatOllamaIsAskedToGenerate(t *testing.T) {
	var path, body string
	handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path, body = r.URL.Path, string(data)
		_, _ = io.WriteString(w, `{"model":"m","response":"yes","done":true,"done_reason":"stop"}`+"\n")
	})
	ask(t, handler, llm.Generate, `{"prompt":"def f(","suffix":"return x","system":"s","seed":1152921504606846977}`)
	const wanted = `{"model":"llama3.2","prompt":"def f(","suffix":"return x","system":"s","template":"","options":{"seed":1152921504606846977},"truncate":false,"shift":false}`
	if path != "/api/generate" || body != wanted {
		t.Errorf("%s\ngot  %s\nwant %s", path, body, wanted)
	}
}

// Files stand in the prompt beneath their names; two of the same name beneath their paths.
func TestSeveralTextFiles(t *testing.T) {
	var body string
	handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		body = string(data)
		answering("yes")(w, r)
	})
	for parameters, wanted := range map[string]string{
		`{"prompt":"Compare.","files":["a.txt","b.md"]}`:                    `Compare.\n\n# a.txt\n\nfirst\n\n# b.md\n\nsecond`,
		`{"prompt":"Compare.","file_path":"b.md","files":["a.txt"]}`:        `Compare.\n\nsecond\n\n# a.txt\n\nfirst`,
		`{"prompt":"Compare.","files":["a.txt","./a.txt"]}`:                 `Compare.\n\n# a.txt\n\nfirst\n\n# ./a.txt\n\nfirst`,
		`{"messages":[{"role":"user","content":"Well?"}],"files":["b.md"]}`: `Well?\n\n# b.md\n\nsecond`,
	} {
		request := asking(t, llm.Chat, parameters)
		request.Files.(folder).write(t, "a.txt", []byte("\ufefffirst"))
		request.Files.(folder).write(t, "b.md", []byte("\xff\xfes\x00e\x00c\x00o\x00n\x00d\x00")) // UTF-16, as Windows writes it.
		if _, err := handler.Handle(t.Context(), request, nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(body, `"content":"`+wanted+`"`) {
			t.Errorf("%s\nasked %s", parameters, body)
		}
	}
}

func TestPromptThatMustNotBeCut(t *testing.T) {
	long := strings.Repeat("word ", 200)
	got := fails(t, t.Context(), real(t), asking(t, llm.Chat, `{"prompt":"`+long+`","num_ctx":512,"on_truncation":"fail"}`), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, "the prompt is longer than the model's context: the input length exceeds the context length",
		"raise `num_ctx`, or set `on_truncation`: `fit` raises it for a prompt, `warn` cuts the prompt")
	result := ask(t, real(t), llm.Chat, `{"prompt":"`+long+`","num_ctx":512,"on_truncation":"warn"}`)
	if result.Warning == "" || field(result, "warning") == "" {
		t.Errorf("no warning: %s", result.Value.JSON())
	}
}

func TestDurations(t *testing.T) {
	result := ask(t, real(t), llm.Chat, `{"prompt":"SLOWLY","max_tokens":5}`)
	for _, name := range []string{"duration", "load_duration", "prompt_eval_duration", "eval_duration"} {
		if took := field(result, name); took == "" || strings.HasPrefix(took, "-") || took == "0" {
			t.Errorf("%s is %q", name, took)
		}
	}
}

// The text is heard as it comes.
func TestTextIsHeardAsItComes(t *testing.T) {
	var pieces []string
	request := asking(t, llm.Chat, `{"prompt":"SLOWLY","max_tokens":3}`)
	request.Write = func(text string) { pieces = append(pieces, text) }
	if _, err := real(t).Handle(t.Context(), request, nil); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(pieces, "|"); got != "tick |tock |tick " {
		t.Error(got)
	}
}
