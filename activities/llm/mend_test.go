package llm_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const wantsNumber = `"schema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`

// An answer that does not fit has one chance: the model sees it, and what is wrong with it.
func TestAnswerIsMended(t *testing.T) {
	for method, again := range map[string]string{
		llm.Chat: `{"role":"assistant","content":"{\"n\": \"one\"}"},{"role":"user","content":"Your answer does not match the JSON Schema: ` +
			`answer.n: got string, want integer. Answer again, with nothing but JSON that matches this schema: `,
		llm.Generate: `"prompt":"How many?\n\n{\"n\": \"one\"}\n\nYour answer does not match the JSON Schema: answer.n: got string, want integer.`,
	} {
		var bodies []string
		handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			bodies = append(bodies, string(data))
			answer := `{\"n\": \"one\"}`
			if len(bodies) > 1 {
				answer = `{\"n\": 1}`
			}
			fmt.Fprintf(w, `{"model":"m","response":"%s","message":{"role":"assistant","content":"%s"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":9}`, answer, answer)
		})
		result := ask(t, handler, method, `{"prompt":"How many?",`+wantsNumber+`}`)
		want(t, result, map[string]string{"parsed": `{"n":1}`, "response": `"{\"n\": 1}"`, "tokens_used": "18", "prompt_tokens": "6"})
		if result.Usage != (protocol.Usage{LLMCalls: 2, PromptTokens: 6, TokensUsed: 18}) {
			t.Errorf("usage %+v", result.Usage)
		}
		if len(bodies) != 2 || !strings.Contains(bodies[1], again) || !strings.Contains(bodies[1], `"format":{`) || !strings.Contains(bodies[1], `"think":false`) {
			t.Errorf("%s: asked\n%s", method, strings.Join(bodies, "\n"))
		}
	}
}

// The server answers as an Ollama whose registry has the model: it reports the layers, and from then on the model is there.
func TestModelThatIsLackingIsPulled(t *testing.T) {
	for name, test := range map[string]struct {
		autoPull   bool
		parameters string
		pulled     bool
	}{
		"by the task":                  {false, `{"prompt":"hello","model":"fetched","auto_pull":true}`, true},
		"by the settings":              {true, `{"prompt":"hello","model":"fetched"}`, true},
		"not by the task":              {true, `{"prompt":"hello","model":"fetched","auto_pull":false}`, false},
		"not where nobody asks for it": {false, `{"prompt":"hello","model":"fetched"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			var there atomic.Bool
			url := serving(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/api/pull":
					for _, line := range []string{
						`{"status":"pulling manifest"}`, `{"status":"pulling 8eeb52dfb3bb","digest":"sha256:8eeb","total":2000000000,"completed":900000000}`,
						`{"status":"verifying sha256 digest"}`, `{"status":"success"}`,
					} {
						fmt.Fprintln(w, line)
					}
					there.Store(true)
				case !there.Load():
					w.WriteHeader(http.StatusNotFound)
					fmt.Fprint(w, `{"error":"model \"fetched\" not found, try pulling it first"}`)
				default:
					answering("yes")(w, r)
				}
			})
			var said []string
			request := asking(t, llm.Chat, test.parameters)
			result, err := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: "ollama", URLs: []string{url}, AutoPull: test.autoPull}}}).Handle(t.Context(), request, func(message string) { said = append(said, message) })
			if !test.pulled {
				if err == nil || protocol.AsError(err, 0).Code != protocol.TaskValidationFailed || there.Load() {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want(t, result, map[string]string{"response": `"yes"`})
			if all := strings.Join(said, "\n"); !strings.Contains(all, "pulling fetched: pulling manifest\npulling fetched: 45% of 2.0 GB\n") {
				t.Errorf("said %s", all)
			}
		})
	}
}

// A model that no registry has is an error for good; a registry that cannot be reached is not.
func TestModelThatCannotBePulled(t *testing.T) {
	for said, code := range map[string]protocol.Code{
		`{"error":"pull model manifest: file does not exist"}`: protocol.TaskValidationFailed,
		`{"error":"dial tcp: lookup registry: no such host"}`:  protocol.ProviderNotAvailable,
		`{"status":"pulling manifest"}`:                        protocol.ProviderNotAvailable,
	} {
		handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/pull" {
				fmt.Fprintln(w, said)
				return
			}
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"model not found"}`)
		})
		got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"hello","model":"fetched","auto_pull":true}`), nil)
		if got.Code != code || !strings.Contains(got.Message, `"fetched"`) {
			t.Errorf("%s: got %s: %s", said, got.Name, got.Message)
		}
	}
}
