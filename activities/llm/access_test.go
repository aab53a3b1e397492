package llm_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The key of an Ollama server is sent with every request, and to no other host.
func TestKeyOfAnOllamaServer(t *testing.T) {
	const key = "s3cret-token"
	var elsewhere atomic.Value
	other := serving(t, func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Store(r.Header.Get("Authorization"))
		answering("yes")(w, r)
	})
	guarded := func(serve http.HandlerFunc) string {
		return serving(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+key {
				t.Errorf("%s has %q", r.URL.Path, r.Header.Get("Authorization"))
			}
			if r.URL.Path == "/api/show" {
				fmt.Fprint(w, `{"capabilities":["completion","vision"]}`)
				return
			}
			serve(w, r)
		})
	}
	image := encoded(t, "red")
	secret := func(string) (string, error) { return key, nil }
	handler := open(t, llm.Options{Secret: secret, Providers: []protocol.ProviderSettings{{Name: "ollama", URLs: []string{guarded(answering("yes"))}, Key: "KEY"}}})
	request := asking(t, llm.Vision, `{"prompt":"x","images":["`+image+`"]}`)
	request.Secret = secret
	if _, err := handler.Handle(t.Context(), request, nil); err != nil {
		t.Error(err)
	}
	var there atomic.Bool
	handler = open(t, llm.Options{Secret: secret, Providers: []protocol.ProviderSettings{{Name: "ollama", URLs: []string{guarded(pulls(&there))}, Key: "KEY", AutoPull: true}}})
	request = asking(t, llm.Chat, `{"prompt":"x"}`)
	request.Secret = secret
	if _, err := handler.Handle(t.Context(), request, nil); err != nil || !there.Load() {
		t.Errorf("the model was fetched: %v, %v", there.Load(), err)
	}
	handler.Probe(t.Context(), func(protocol.Server) bool { return true })
	redirecting := guarded(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other+r.URL.Path, http.StatusTemporaryRedirect)
	})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"x","base_url":"`+redirecting+`","api_key":"`+key+`"}`), map[string]string{"response": `"yes"`})
	if elsewhere.Load() != "" {
		t.Errorf("the other host got %v", elsewhere.Load())
	}
}

// Headers of the settings are sent with every request to that server, and to no other host; messages do not show their secrets.
func TestHeadersOfTheSettings(t *testing.T) {
	const token = "token-0123456789"
	other := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "" || r.Header.Get("X-Team") != "" {
			t.Errorf("another host got %v", r.Header)
		}
		answering("yes")(w, r)
	})
	for provider, path := range map[string]string{"ollama": "", "openai": "/v1"} {
		url := servingAll(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Token") != "Token "+token || r.Header.Get("X-Team") != "red" {
				t.Errorf("%s %s has %v", provider, r.URL.Path, r.Header)
			}
			if r.Method == http.MethodPost && strings.Contains(string(bodyOf(t, r).JSON()), "ELSEWHERE") {
				http.Redirect(w, r, other+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":{"message":"invalid token %s"}}`, token)
		})
		secret := func(string) (string, error) { return token, nil }
		handler := open(t, llm.Options{Secret: secret, Provider: provider, Providers: []protocol.ProviderSettings{{
			Name: provider, Model: "m", URLs: []string{url + path}, Headers: []protocol.Setting{{Name: "X-Team", Value: "red"}, {Name: "X-Token", Value: "Token ${secrets.TOKEN}"}},
		}}})
		for _, call := range []struct{ method, parameters string }{{llm.Chat, `{"prompt":"x"}`}, {llm.Embed, `{"input":"x","model":"m"}`}, {llm.Vision, `{"prompt":"x","images":["` + encoded(t, "red") + `"]}`}} {
			request := asking(t, call.method, call.parameters)
			request.Secret = secret
			if got := fails(t, t.Context(), handler, request, nil); strings.Contains(got.Message, token) || got.Code != protocol.InvalidParams {
				t.Errorf("%s %s: %s: %s", provider, call.method, got.Name, got.Message)
			}
		}
		for _, state := range handler.Probe(t.Context(), func(protocol.Server) bool { return true }) {
			if state.Error != nil && strings.Contains(state.Error.Message, token) {
				t.Errorf("%s: %s", provider, state.Error.Message)
			}
		}
		request := asking(t, llm.Chat, `{"prompt":"ELSEWHERE"}`)
		request.Secret = secret
		if _, err := handler.Handle(t.Context(), request, nil); provider == "ollama" && err != nil {
			t.Error(err)
		}
	}
}
