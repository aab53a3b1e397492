package llm_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/require"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// A server that refuses a prompt which fits, but not together with max_tokens, gets a lower limit. The context has 1000 tokens, and a
// byte is a token. The bodies have the words of the servers in testdata/dialects.txt.
func TestAnswerThatDoesNotFitBesideThePrompt(t *testing.T) {
	for name, refuse := range map[string]func(tokens, answer int64) string{
		"vLLM of July 2025": func(tokens, answer int64) string {
			return fmt.Sprintf(`{"object":"error","message":"This model's maximum context length is 1000 tokens. However, you requested %d tokens (%d in the messages, %d in the completion). Please reduce the length of the messages or completion. None","type":"BadRequestError","param":null,"code":400}`, tokens+answer, tokens, answer)
		},
		"vLLM of October 2025": func(tokens, answer int64) string {
			return fmt.Sprintf(`{"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: %d. This model's maximum context length is 1000 tokens and your request has %d input tokens (%[1]d > 1000 - %[2]d). None","type":"BadRequestError","param":null,"code":400}}`, answer, tokens)
		},
		"vLLM of early 2026": func(tokens, answer int64) string {
			return fmt.Sprintf(`{"error":{"message":"You passed %d input tokens and requested %d output tokens. However, the model's context length is only 1000 tokens, resulting in a maximum input length of %d tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=%[1]d)","type":"BadRequestError","param":"input_tokens","code":400}}`, tokens, answer, 1000-answer)
		},
		"vLLM of 2026": func(_, answer int64) string {
			return fmt.Sprintf(`{"error":{"message":"This model's maximum context length is 1000 tokens. However, you requested %d output tokens and your prompt contains at least %d input tokens, for a total of at least 1001 tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=%[2]d)","type":"BadRequestError","param":"input_tokens","code":400}}`, answer, 1001-answer)
		},
	} {
		t.Run(name, func(t *testing.T) {
			reason := "stop"
			handler := open(t, llm.Options{Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, _ *http.Request, body value.Value) {
				tokens, answer := int64(0), limitOf(t, body)
				messages, _ := body.Get("messages")
				for _, message := range messages.Elements() {
					content, _ := message.Get("content")
					tokens += int64(len(content.Text()))
				}
				if tokens+answer > 1000 {
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprint(w, refuse(tokens, answer))
					return
				}
				fmt.Fprintf(w, `data: {"choices":[{"delta":{"content":"yes"},"finish_reason":%q}],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`+"\n\ndata: [DONE]\n\n", reason, tokens, answer)
			}))})
			for _, how := range []string{"warn", "fail", "fit"} {
				reason = "stop"
				parameters := `{"prompt":"What?","system":"` + strings.Repeat("x", 595) + `","provider":"openai","max_tokens":800,"on_truncation":"` + how + `"}`
				if result := ask(t, handler, llm.Chat, parameters); result.Warning != "" || field(result, "response") != `"yes"` {
					t.Errorf("%s: %s", how, result.Value.JSON())
				}
				reason = "length"
				if warning := ask(t, handler, llm.Chat, parameters).Warning; !strings.Contains(warning, "the prompt leaves no more of the model's context, although `max_tokens` is larger") {
					t.Errorf("%s: warning %q", how, warning)
				}
			}
		})
	}
}

func limitOf(t testing.TB, body value.Value) (limit int64) {
	t.Helper()
	most, is := body.Get("max_tokens")
	if !is {
		return 0
	}
	if _, err := fmt.Sscan(most.Digits(), &limit); err != nil {
		t.Error(err)
	}
	return limit
}

// An answer about a document that was read in parts can be corrected, even if it does not fit beside the notes.
func TestCorrectionAfterReadingInParts(t *testing.T) {
	const context = 400
	var mu sync.Mutex
	answers := 0
	handler := open(t, llm.Options{Providers: compatibleAt("m", serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		a, tokens := readAsked(t, r)
		if tokens > context {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":{"code":400,"message":"request (%d tokens) exceeds the available context size (%d tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":%[1]d,"n_ctx":%d}}`, tokens, context)
			return
		}
		answer := strings.Repeat("n", 20) // A note.
		if !strings.Contains(a.Messages[0].Content, "This is part") {
			mu.Lock()
			answers++
			if answer = strings.Repeat("no JSON ", 20); answers > 1 {
				answer = `{"a":1}`
			}
			mu.Unlock()
		}
		fmt.Fprintf(w, `data: {"choices":[{"delta":{"content":%q},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n", answer)
	}))})
	request := asking(t, llm.Chat, `{"prompt":"What?","provider":"openai","on_truncation":"fit","file_path":"a.txt","schema":{"type":"object","required":["a"]}}`)
	request.Files.(folder).write(t, "a.txt", []byte(strings.Repeat("word ", 150)))
	result, err := handler.Handle(t.Context(), request, nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, result, map[string]string{"parsed": `{"a":1}`})
	if result.Warning != "the answer was corrected without the document, which does not fit beside it" {
		t.Errorf("warning %q", result.Warning)
	}
}

// Ollama's /v1 cuts prompts without saying so.
func TestPromptThatOllamaCutsBehindAnotherAPI(t *testing.T) {
	require.Long(t, "a model reads thousands of tokens")
	url := ollamatest.Start(t)
	handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: "openai", Model: "llama3.2", URLs: []string{url + "/v1"}}}})
	words := strings.Repeat("word ", 1000)
	ask(t, real(t), llm.Chat, `{"prompt":"hello","model":"tiny-script"}`) // llama3.2 is a copy of it.
	for _, test := range []struct{ method, parameters, warning, failure string }{
		{llm.Chat, `"prompt":"` + words + `","max_tokens":5`, "the prompt of about 4619 tokens is longer than the model's context of 2048 tokens: its middle was left out, and 44% of it was sent; start the server with a larger context",
			"the prompt is longer than the model's context: the server cut it to 2048 tokens"},
		{llm.Embed, `"model":"llama3.2","input":["a","` + words + `"]`, "text 1 is longer than the model's context of 2048 tokens: the server cut it to 2046 tokens; start the server with a larger context",
			"text 1 is longer than the model's context: the server cut it to 2046 tokens"},
	} {
		if warning := ask(t, handler, test.method, `{"provider":"openai",`+test.parameters+`}`).Warning; warning != test.warning {
			t.Errorf("%s: warning %q", test.method, warning)
		}
		got := fails(t, t.Context(), handler, asking(t, test.method, `{"provider":"openai","on_truncation":"fail",`+test.parameters+`}`), nil)
		if got.Code != protocol.InvalidParams || got.Message != test.failure {
			t.Errorf("%s: %s: %s", test.method, got.Name, got.Message)
		}
	}
	if result := ask(t, handler, llm.Chat, `{"provider":"openai","prompt":"short enough","on_truncation":"fail"}`); result.Warning != "" {
		t.Errorf("warning %q", result.Warning)
	}
}

// cuttingUnseen answers as Ollama's /v1 with a context of 1000 tokens, which cuts a longer prompt without saying so. A byte is a token.
// It counts the parts of the file that were in a whole prompt.
func cuttingUnseen(t testing.TB, whole *atomic.Int64) string {
	return servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/version":
			fmt.Fprint(w, `{"version":"0.17.4"}`)
		case "/api/ps":
			fmt.Fprint(w, `{"models":[{"model":"m:latest","context_length":1000}]}`)
		case "/v1/chat/completions":
			a, tokens := readAsked(t, r)
			answer := "cut"
			if tokens < 1000 {
				answer = "whole"
				whole.Add(int64(strings.Count(a.Messages[len(a.Messages)-1].Content, "tea")))
			}
			fmt.Fprintf(w, `data: {"choices":[{"delta":{"content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":1}}`+"\n\ndata: [DONE]\n\n", answer, min(tokens, 1000))
		default:
			http.NotFound(w, r)
		}
	}) + "/v1"
}

// A prompt that Ollama's /v1 cut is one that is too long: a file is read in parts, or cut so that the question remains.
func TestFileThatIsCutUnseen(t *testing.T) {
	const words, content = 400, "tea and cake\n"
	for how, test := range map[string]struct {
		warning string
		parts   string
		whole   bool
	}{
		"fit":  {"", "7", true},
		"warn": {`the prompt of about 5202 tokens is longer than the model's context of 1000 tokens: only the first 19% of "big.txt" was sent; set on_truncation: fit or split (of a batch, --split auto) to read the files in parts, or start the server with a larger context`, "", false},
	} {
		var whole atomic.Int64
		handler := open(t, llm.Options{Providers: compatibleAt("m", cuttingUnseen(t, &whole))})
		request := asking(t, llm.Chat, `{"prompt":"What?","provider":"openai","file_path":"big.txt","max_tokens":100,"on_truncation":"`+how+`"}`)
		request.Files.(folder).write(t, "big.txt", []byte(strings.Repeat(content, words)))
		result, err := handler.Handle(t.Context(), request, nil)
		if err != nil {
			t.Errorf("%s: %v", how, err)
			continue
		}
		if result.Warning != test.warning || field(result, "response") != `"whole"` || field(result, "parts") != test.parts || (whole.Load() >= words) != test.whole {
			t.Errorf("%s: %s; %d of %d words in whole prompts", how, result.Value.JSON(), whole.Load(), words)
		}
	}
}

// A num_ctx beyond what the model was trained for has no effect: to raise it further is no remedy.
func TestLargestContext(t *testing.T) {
	got := fails(t, t.Context(), real(t), asking(t, llm.Chat, `{"prompt":"`+strings.Repeat("word ", 9000)+`","num_ctx":999999999,"on_truncation":"fail"}`), nil)
	if got.Code != protocol.InvalidParams || got.Hint != "shorten the prompt, or use another model: this one has at most 8192 tokens of context" {
		t.Errorf("%s: %s (%s)", got.Name, got.Message, got.Hint)
	}
}

// An Ollama that does not say how large the context is may have cut a long prompt: that must not pass for a whole one.
func TestPromptThatMayBeCut(t *testing.T) {
	handler := open(t, llm.Options{Providers: compatibleAt("m", servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/version":
			fmt.Fprint(w, `{"version":"0.6.0"}`)
		case "/api/ps":
			fmt.Fprint(w, `{"models":[{"name":"m:latest","model":"m:latest"}]}`)
		default:
			speaking(said, finished, over)(w, r)
		}
	})+"/v1")})
	long := `{"provider":"openai","prompt":"` + strings.Repeat("word ", 1000) + `","on_truncation":"`
	if warning := ask(t, handler, llm.Chat, long+`warn"}`).Warning; warning != "" {
		t.Errorf("warning %q", warning)
	}
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, long+`fail"}`), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, "on_truncation: fail is not supported by the server: it cuts prompts without saying so", "call the server by its own API: set another `provider`")
}

// Ollama loads a copy of a model under the name of the other: the warning about a prompt that was cut has the size of its context.
func TestContextOfACopiedModel(t *testing.T) {
	handler := real(t)
	ask(t, handler, llm.Chat, `{"prompt":"hello","model":"tiny-script"}`) // llama3.2 is a copy of it.
	request := asking(t, llm.Chat, `{"prompt":"What?","model":"llama3.2","file_path":"a.txt","max_tokens":5}`)
	request.Files.(folder).write(t, "a.txt", []byte(strings.Repeat("word ", 4000)))
	result, err := handler.Handle(t.Context(), request, nil)
	if err != nil || !strings.Contains(result.Warning, " tokens is longer than the model's context of 2048 tokens: only the first ") {
		t.Errorf("%v, warning %q", err, result.Warning)
	}
}

// What cannot be cut here is cut by Ollama: since 0.30.9 only if it may also drop parts of a full context.
func TestPromptThatOllamaCuts(t *testing.T) {
	handler := open(t, llm.Options{Providers: at(servingAll(t, newOllama(t, ollamaRefusal)))})
	conversation := `{"messages":[{"role":"user","content":"What?"},{"role":"assistant","content":"` + strings.Repeat("word ", 300) + `"},{"role":"user","content":"Why?"}],"on_truncation":"`
	result := ask(t, handler, llm.Chat, conversation+`warn"}`)
	if want := "the prompt of about 503 tokens is longer than the model's context of 256 tokens: Ollama cut it to 130 tokens; raise num_ctx, or set on_truncation: fit"; result.Warning != want {
		t.Errorf("warning %q", result.Warning)
	}
	if result = ask(t, handler, llm.Chat, conversation+`fit"}`); result.Warning != "" {
		t.Errorf("fit: warning %q", result.Warning)
	}
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, conversation+`fail"}`), nil)
	if got.Code != protocol.InvalidParams || !strings.HasPrefix(got.Message, "the prompt is longer than the model's context: ") {
		t.Errorf("%s: %s", got.Name, got.Message)
	}
}

// Ollama since 0.30 lists for how many tokens a model was trained; of some, it says that nowhere else.
func TestFitAsOllamaListsItsModels(t *testing.T) {
	newer := newOllama(t, ollamaRefusal)
	handler := open(t, llm.Options{Providers: at(servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/show":
			fmt.Fprint(w, `{"capabilities":["completion"]}`)
		case "/api/tags":
			fmt.Fprint(w, `{"models":[{"model":"llama3.2:latest","digest":"2","details":{"context_length":8192}}]}`)
		default:
			newer(w, r)
		}
	}))})
	result := ask(t, handler, llm.Chat, `{"prompt":"What? `+strings.Repeat("word ", 300)+`","on_truncation":"fit"}`)
	if result.Warning != "" {
		t.Errorf("warning %q", result.Warning)
	}
}

// A context that was raised for one call does not lower that of another.
func TestContextOfTheTaskIsNotLowered(t *testing.T) {
	var sent []int
	handler := open(t, llm.Options{Providers: at(serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/show":
			fmt.Fprint(w, `{"model_info":{"x.context_length":32768}}`)
			return
		case "/api/ps", "/api/tags":
			fmt.Fprint(w, `{"models":[]}`)
			return
		}
		a, _ := readAsked(t, r)
		if sent = append(sent, a.Options.NumCtx); a.Options.NumCtx == 0 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"the input length exceeds the context length"}`)
			return
		}
		answering("yes")(w, r)
	}))})
	ask(t, handler, llm.Chat, `{"prompt":"x","on_truncation":"fit"}`)
	ask(t, handler, llm.Chat, `{"prompt":"x","on_truncation":"fit","num_ctx":32768}`)
	ask(t, handler, llm.Chat, `{"prompt":"x","on_truncation":"fit","num_ctx":512}`)
	if got := fmt.Sprint(sent); got != "[0 8192 32768 8192]" {
		t.Errorf("sent %s", got)
	}
}

// A server that does not say in its error how large the context is may say it elsewhere: documents are read in parts of that size.
func TestFitAsServersReportTheirContext(t *testing.T) {
	for name, page := range map[string]struct{ path, body string }{
		"llama.cpp": {"/props", `{"default_generation_settings":{"n_ctx":1000},"total_slots":1}`},
		"vLLM":      {"/v1/models", `{"data":[{"id":"other","max_model_len":9},{"id":"m","max_model_len":1000}]}`},
		"others":    {"/v1/models", `{"data":[{"id":"m","context_length":1000}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			var refused atomic.Int64
			handler := open(t, llm.Options{Providers: compatibleAt("m", servingAll(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == page.path {
					fmt.Fprint(w, page.body)
					return
				}
				if r.Method != http.MethodPost {
					http.NotFound(w, r)
					return
				}
				a, bytes := readAsked(t, r)
				if bytes > 3*1000 {
					refused.Add(1)
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprint(w, `{"error":{"message":"the request exceeds the available context size, try increasing it"}}`)
					return
				}
				fmt.Fprintf(w, `data: {"choices":[{"delta":{"content":%q},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n", lastPart(a))
			})+"/v1")})
			request := asking(t, llm.Chat, `{"prompt":"What?","provider":"openai","on_truncation":"fit","file_path":"a.txt"}`)
			request.Files.(folder).write(t, "a.txt", []byte(strings.Repeat("word ", 2000)))
			result, err := handler.Handle(t.Context(), request, nil)
			if err != nil || result.Warning != "" || field(result, "parts") != "6" || refused.Load() != 1 {
				t.Errorf("%v, warning %q, %s parts, %d refused", err, result.Warning, field(result, "parts"), refused.Load())
			}
		})
	}
}

// Ollama's /v1 drops the beginning of the prompt where the answer fills the context.
func TestAnswerBeyondTheContextBehindAnotherAPI(t *testing.T) {
	tokens := 640
	handler := open(t, llm.Options{Providers: compatibleAt("m", servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/version":
			fmt.Fprint(w, `{"version":"0.17.4"}`)
		case "/api/ps":
			fmt.Fprint(w, `{"models":[{"model":"m:latest","context_length":600}]}`)
		default:
			speaking(said, finished, fmt.Sprintf(`data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":%d}}`, tokens), over)(w, r)
		}
	})+"/v1")})
	const want = "the answer is longer than the rest of the model's context of 600 tokens: the model wrote its end without the beginning of the prompt; start the server with a larger context"
	if warning := ask(t, handler, llm.Chat, `{"provider":"openai","prompt":"x"}`).Warning; warning != want {
		t.Errorf("warning %q", warning)
	}
	if tokens = 590; ask(t, handler, llm.Chat, `{"provider":"openai","prompt":"x"}`).Warning != "" {
		t.Error("an answer that fits has a warning")
	}
}
