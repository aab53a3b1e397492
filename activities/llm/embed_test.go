package llm_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestEmbed(t *testing.T) {
	handler := real(t)
	one := ask(t, handler, llm.Embed, `{"input":"hello","model":"tiny-script"}`)
	vector, _ := one.Value.Get("embedding")
	width := len(vector.Elements())
	if width < 2 || vector.Elements()[0].Kind() != value.KindNumber {
		t.Fatalf("embedding %s", vector.JSON())
	}
	if one.Usage.LLMCalls != 1 || one.Usage.PromptTokens == 0 || field(one, "done_reason") != `"stop"` || field(one, "tokens_used") != "0" {
		t.Errorf("%s, usage %+v", one.Value.JSON(), one.Usage)
	}
	request := asking(t, llm.Embed, `{"input":["hello","PINEAPPLE"],"file_path":"a.txt","model":"tiny-script"}`)
	request.Files.(folder).write(t, "a.txt", []byte("hello"))
	three, err := handler.Handle(t.Context(), request, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := three.Value.Get("embeddings")
	if len(all.Elements()) != 3 {
		t.Fatalf("%d vectors", len(all.Elements()))
	}
	text := func(i int) string { return string(all.Elements()[i].JSON()) }
	if text(0) != string(vector.JSON()) || text(0) != text(2) || text(0) == text(1) {
		t.Error("equal texts have different vectors, or different texts equal ones")
	}
	got := fails(t, t.Context(), handler, asking(t, llm.Embed, `{"input":["a",""],"model":"tiny-script"}`), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, "llm/embed: text 1 is empty", "")
	got = fails(t, t.Context(), handler, asking(t, llm.Embed, `{"input":"a","model":"no-such"}`), nil)
	if got.Code != protocol.TaskValidationFailed || !strings.Contains(got.Message, `has no model "no-such"`) {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
}

// An input that is longer than the context is cut with a warning, or refused.
func TestEmbedOfALongText(t *testing.T) {
	handler := real(t)
	long := strings.Repeat("word ", 1000)
	if warning := field(ask(t, handler, llm.Embed, `{"input":"`+long+`","model":"tiny-script"}`), "warning"); !strings.Contains(warning, "Ollama cut it") {
		t.Errorf("warning %q", warning)
	}
	got := fails(t, t.Context(), handler, asking(t, llm.Embed, `{"input":"`+long+`","model":"tiny-script","on_truncation":"fail"}`), nil)
	if got.Code != protocol.InvalidParams {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
}

// The warning about a text that is too long to embed names it, and counts its tokens only.
func TestEmbedNamesTheTextThatIsTooLong(t *testing.T) {
	request := func(how string) protocol.Request {
		r := asking(t, llm.Embed, `{"input":["a","b"],"files":["c.txt","d.txt"],"model":"tiny-script","num_ctx":64,"on_truncation":"`+how+`"}`)
		r.Files.(folder).write(t, "c.txt", []byte(strings.Repeat("word ", 100)))
		r.Files.(folder).write(t, "d.txt", []byte("short"))
		return r
	}
	handler := real(t)
	result, err := handler.Handle(t.Context(), request("warn"), nil)
	if err != nil {
		t.Fatal(err)
	}
	vectors, _ := result.Value.Get("embeddings")
	if want := `text 2 ("c.txt") is longer than the model's context: Ollama cut it to 62 tokens`; !strings.HasPrefix(result.Warning, want) || len(vectors.Elements()) != 4 {
		t.Errorf("%d vectors, warning %q", len(vectors.Elements()), result.Warning)
	}
	if got := fails(t, t.Context(), handler, request("fail"), nil); !strings.HasPrefix(got.Message, `text 2 ("c.txt") is longer than the model's context: `) {
		t.Error(got.Message)
	}
	if result, err = handler.Handle(t.Context(), request("fit"), nil); err != nil || result.Warning != "" {
		t.Errorf("%v, warning %q", err, result.Warning)
	}
}

// A server that never cuts gets a shorter text.
func TestEmbedOfALongTextElsewhere(t *testing.T) {
	handler := open(t, llm.Options{Providers: compatibleAt("m", serving(t, func(w http.ResponseWriter, r *http.Request) {
		if _, tokens := readAsked(t, r); tokens > 512 {
			w.WriteHeader(http.StatusInternalServerError) // llama.cpp llama-server 0.5.0-dev.
			fmt.Fprintf(w, `{"error":{"code":500,"message":"input (%d tokens) is too large to process. increase the physical batch size (current batch size: 512)","type":"server_error"}}`, tokens)
			return
		}
		fmt.Fprint(w, `{"data":[{"index":0,"embedding":[1.0,0.5]}],"usage":{"prompt_tokens":500}}`)
	}))})
	result := ask(t, handler, llm.Embed, `{"provider":"openai","input":"`+strings.Repeat("word ", 120)+`"}`)
	if want := `text 0 is longer than the model's context: only its first 500 tokens were sent; start the server with a larger context`; result.Warning != want {
		t.Errorf("warning %q", result.Warning)
	}
}

func TestDimensionsThatTheModelDoesNotHave(t *testing.T) {
	got := fails(t, t.Context(), real(t), asking(t, llm.Embed, `{"input":"a","model":"tiny-script","dimensions":100000}`), nil)
	if got.Code != protocol.InvalidParams || !strings.Contains(got.Message, "has no vectors of length 100000") {
		t.Errorf("got %s: %s", got.Name, got.Message)
	}
}

// Some models of Ollama since 0.30 take no text that is too long, even if it may be cut (ollama/ollama#17889).
func TestTextThatOllamaDoesNotCut(t *testing.T) {
	refused := recorded(t, "Ollama 0.30.0 to 0.33.0-rc2", 400, "the input length exceeds")
	handler := open(t, llm.Options{Providers: at(servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/embed" {
			newOllama(t, ollamaRefusal)(w, r)
			return
		}
		if _, tokens := readAsked(t, r); tokens > 256 {
			refused.serve(w, r)
			return
		}
		fmt.Fprint(w, `{"model":"m","embeddings":[[1,2]],"prompt_eval_count":200}`)
	}))})
	result := ask(t, handler, llm.Embed, `{"input":"`+strings.Repeat("word ", 100)+`"}`)
	if want := "text 0 is longer than the model's context: only its first 200 tokens were sent; raise num_ctx, or set on_truncation: fit"; result.Warning != want {
		t.Errorf("warning %q", result.Warning)
	}
}
