package llm_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// A long message is cut after secrets were taken out of it: half of one would not be found.
func TestSecretsWhereAMessageIsCut(t *testing.T) {
	const key, secret = "sk-0123456789abcdef", "hunter2secret"
	secrets := &redaction.Set{}
	secrets.Add("[secrets.X]", secret)
	for _, before := range []int{280, 285, 290, 295} {
		for name, serve := range map[string]http.HandlerFunc{
			"a status": func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, strings.Repeat("x", before-7), r.Header.Get("Authorization"), secret)
			},
			"an error in the stream": func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, `{"error":"%s%s%s"}`, strings.Repeat("x", before), key, secret)
			},
			"an error in events": func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, `data: {"error":{"message":"%s%s%s"}}`+"\n\n", strings.Repeat("x", before), secret, key)
			},
			"an answer": func(w http.ResponseWriter, r *http.Request) { answering(strings.Repeat("x", before)+secret)(w, r) },
		} {
			for _, provider := range []string{"ollama", "openai"} {
				request := asking(t, llm.Chat, fmt.Sprintf(`{"prompt":"x","model":"m","provider":%q,"base_url":%q,"api_key":%q,%s}`, provider, serving(t, serve), key, wantsNumber))
				request.Secrets = secrets
				got := fails(t, t.Context(), open(t, llm.Options{}), request, nil)
				for _, hidden := range []string{key[:8], secret[:6]} {
					if strings.Contains(got.Message, hidden) {
						t.Errorf("%s of %s, %d signs before: %s", name, provider, before, got.Message)
					}
				}
			}
		}
	}
}

// The states of servers are shown as well, and a model hears of its arguments that are not JSON.
func TestSecretsWhereAStateOrAnArgumentIsCut(t *testing.T) {
	const secret = "hunter2secret"
	secrets := &redaction.Set{}
	secrets.Add("[secrets.X]", secret)
	for _, before := range []int{285, 290, 295} {
		said := strings.Repeat("x", before) + secret
		url := servingAll(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, `{"error":%q}`, said)
		})
		handler := open(t, llm.Options{
			Providers: []protocol.ProviderSettings{{Name: "ollama", URLs: []string{url}, Key: "X"}, {Name: "openai", URLs: []string{url}, Headers: []protocol.Setting{{Name: "X-Key", Value: "${secrets.X}"}}}},
			Secret:    func(string) (string, error) { return secret, nil },
		})
		for _, state := range handler.Probe(t.Context(), func(protocol.Server) bool { return true }) {
			if state.Error == nil || !strings.Contains(state.Error.Message, "xxx") || strings.Contains(state.Error.Message, secret[:4]) {
				t.Errorf("%s, %d signs before: %v", state.Provider, before, state.Error)
			}
		}
		var asked, bodies []string
		for provider, url := range map[string]string{
			"ollama": serving(t, calling(t, &asked, call("add", quoted(`{"a": `+said)))),
			"openai": conversing(t, &bodies, []string{piece(`{"id":"c1","function":{"name":"add","arguments":` + quoted(said) + `}}`), wasCalled}, []string{delta(`{"content":"done"}`), ended("stop")}),
		} {
			request := asking(t, llm.Chat, fmt.Sprintf(`{"prompt":"x","model":"m","tools":["add"],"provider":%q,"base_url":%q}`, provider, url))
			request.Secrets = secrets
			result, err := open(t, llm.Options{Tools: box{}}).Handle(t.Context(), request, nil)
			if calls := field(result, "tool_calls"); err != nil || !strings.Contains(calls, "they were") || strings.Contains(calls, secret[:4]) {
				t.Errorf("%s, %d signs before: %v, %s", provider, before, err, calls)
			}
		}
	}
}

// A password in an address is sent as base64, and may come back so.
func TestPasswordThatComesBack(t *testing.T) {
	const password = "hunter2secret"
	for _, provider := range []string{"ollama", "openai"} {
		url := serving(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "who is ", r.Header.Get("Authorization"), " or ", password)
		})
		url = strings.Replace(url, "://", "://bob:"+password+"@", 1)
		got := fails(t, t.Context(), open(t, llm.Options{}), asking(t, llm.Chat, fmt.Sprintf(`{"prompt":"x","model":"m","provider":%q,"base_url":%q}`, provider, url)), nil)
		if encoded := base64.StdEncoding.EncodeToString([]byte("bob:" + password)); strings.Contains(got.Message, encoded) || strings.Contains(got.Message, password) ||
			!strings.Contains(got.Message, "who is Basic [password] or [password]") {
			t.Error(got.Message)
		}
	}
}

// A key that cannot be sent is told as such, and not shown.
func TestKeyWithALineBreak(t *testing.T) {
	got := fails(t, t.Context(), open(t, llm.Options{}), asking(t, llm.Chat, `{"prompt":"x","model":"m","provider":"openai","base_url":"http://127.0.0.1:1","api_key":"sk-0123\n"}`), nil)
	if got.Code != protocol.ConfigurationError || !strings.Contains(got.Message, "line break") || strings.Contains(got.Message, "sk-0123") {
		t.Errorf("%s: %s", got.Name, got.Message)
	}
}

// What other servers cannot do is refused, and not done in silence.
func TestWhatIsForOllamaAlone(t *testing.T) {
	for parameter, want := range map[string]struct{ message, hint string }{
		`"auto_pull":true`: {`auto_pull is not supported by the provider "openai"`, "these servers do not fetch models"},
	} {
		url := serving(t, speaking(said, finished, over))
		request := asking(t, llm.Chat, fmt.Sprintf(`{"prompt":"x","model":"m","provider":"openai","base_url":%q,%s}`, url, parameter))
		wantError(t, fails(t, t.Context(), open(t, llm.Options{}), request, nil), protocol.InvalidParams, protocol.Permanent, want.message, want.hint)
	}
	// The setting is for Ollama's servers, and disturbs no other.
	lacking := serving(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	having := serving(t, speaking(said, finished, over))
	handler := open(t, llm.Options{Providers: append(compatibleAt("m", lacking, having), protocol.ProviderSettings{Name: "ollama", AutoPull: true})})
	for range 3 {
		want(t, ask(t, handler, llm.Chat, `{"prompt":"x","provider":"openai"}`), map[string]string{"response": `"yes"`})
	}
}

// A server that repeats another request in an error must not put the secret of one call into the error of another, wherever its
// message is cut.
func TestSecretOfAnotherCallInAnError(t *testing.T) {
	const secret = "hunter2<S3cret>value"
	for _, before := range []int{0, 200, 230, 235, 240, 245, 250} {
		for _, provider := range []string{"ollama", "openai"} {
			for name, answer := range map[string]func(w http.ResponseWriter, last string){
				"a status": func(w http.ResponseWriter, last string) {
					w.WriteHeader(http.StatusTeapot)
					fmt.Fprint(w, "the last request was: ", strings.Repeat("x", before), last)
				},
				"a stream": func(w http.ResponseWriter, last string) {
					line := fmt.Sprintf(`{"error":%q}`, "the last request was: "+strings.Repeat("x", before)+last)
					if provider == "openai" {
						line = "data: " + line + "\n"
					}
					fmt.Fprintln(w, line)
				},
			} {
				var last string
				server := serving(t, func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if err != nil {
						t.Error(err)
					}
					if strings.Contains(string(body), "FAIL") {
						answer(w, last)
						return
					}
					if at := strings.Index(string(body), "hunter"); at >= 0 {
						last, _, _ = strings.Cut(string(body)[at:], `"`)
						if provider == "openai" {
							speaking(said, finished, over)(w, r)
						} else {
							answering("yes")(w, r)
						}
					}
				})
				h := open(t, llm.Options{Provider: provider, Providers: []protocol.ProviderSettings{{Name: provider, URLs: []string{server}}}})
				first := asking(t, llm.Chat, fmt.Sprintf(`{"prompt":%q,"model":"m"}`, secret))
				first.Secrets = &redaction.Set{}
				first.Secrets.Add("[secrets.X]", secret)
				if _, err := h.Handle(t.Context(), first, nil); err != nil {
					t.Fatal(err)
				}
				got := fails(t, t.Context(), h, asking(t, llm.Chat, `{"prompt":"FAIL","model":"m"}`), nil)
				if !strings.Contains(got.Message, "the last request was") || before < 200 && !strings.Contains(got.Message, "[secrets.X]") {
					t.Errorf("%s of %s does not say what the last request was: %s", name, provider, got.Message)
				}
				for _, part := range []string{"hunt", "S3cr", "alue"} {
					if strings.Contains(got.Message, part) {
						t.Errorf("%s of %s, %d signs before: %q is in %s", name, provider, before, part, got.Message)
					}
				}
			}
		}
	}
}
