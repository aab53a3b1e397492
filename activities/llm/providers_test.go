package llm

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestEveryProvider walks the table: what a new line of it must have.
func TestEveryProvider(t *testing.T) {
	spec := Spec("")
	for i, p := range providers {
		t.Run(p.Name, func(t *testing.T) {
			if p.Title == "" || p.URL == "" || p.Defaults.MaxConcurrent < 1 || p.Defaults.Name != "" {
				t.Errorf("not complete: %+v", p)
			}
			if i == 0 && (len(p.Defaults.URLs) == 0 || p.Defaults.Model == "") {
				t.Error("the default provider must run without settings")
			}
			if !slices.Contains(spec.Providers, p.Name) {
				t.Errorf("the Spec lists %v", spec.Providers)
			}
			if address, ok := p.ParseURL(p.URL); !ok || address != p.URL {
				t.Errorf("its own example %s is read as %q, %v", p.URL, address, ok)
			}
			for _, method := range spec.Methods {
				schema, err := jsonschema.Compile(method.Parameters)
				if err != nil {
					t.Fatal(err)
				}
				given := value.Object(value.Field{Name: "provider", Value: value.String(p.Name)})
				if found := schema.Check("parameters", given); strings.Contains(found, "provider") {
					t.Errorf("%s: %s", method.Name, found)
				}
				if method.Name == Chat {
					if found := p.Check(Chat, given, nil); found != nil {
						t.Errorf("%s without options: %v", method.Name, found)
					}
				}
			}
			server := p.Open(addressOf(t, &p, p.URL), p.URL)
			defer server.Close()
			if _, pulls := server.(provider.Puller); pulls != p.Pulls {
				t.Errorf("Pulls is %v, and its servers fetch models: %v", p.Pulls, pulls)
			}
		})
	}
}

// TestEveryProviderFails asks servers that fail in ways that every server has: the errors are alike.
func TestEveryProviderFails(t *testing.T) {
	for status, code := range map[int]protocol.Code{
		http.StatusServiceUnavailable: protocol.ProviderOverloaded, http.StatusTooManyRequests: protocol.ProviderOverloaded, http.StatusBadGateway: protocol.ProviderNotAvailable,
		http.StatusBadRequest: protocol.InvalidParams, http.StatusInternalServerError: protocol.TaskExecutionFailed,
	} {
		failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(failing.Close)
		for _, p := range providers {
			server := p.Open(addressOf(t, &p, failing.URL), failing.URL)
			t.Cleanup(server.Close)
			request := &provider.Request{Model: "m", Messages: []provider.Message{{Role: "user", Text: "hello"}}, Inputs: []string{"hello"}}
			for name, err := range map[string]error{
				"Converse": server.Converse(t.Context(), request, &provider.Answer{}, func(string) {}),
				"Embed":    server.Embed(t.Context(), request, &provider.Answer{}),
			} {
				if got := protocol.AsError(err, 0); got.Code != code {
					t.Errorf("%s of %s answers %d: %s: %s", name, p.Name, status, got.Name, got.Message)
				}
			}
		}
	}
}

func addressOf(t *testing.T, p *provider.Provider, text string) *url.URL {
	t.Helper()
	address, err := p.Address(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// TestConversationAsText: a cell of a table has a conversation as JSON.
func TestConversationAsText(t *testing.T) {
	for written, want := range map[string]string{
		`[{"role": "user", "content": "Why?"}]`: `[{"role":"user","content":"Why?"}]`,
		`{"role": "user"}`:                      `"{\"role\": \"user\"}"`,
		"Why?":                                  `"Why?"`,
	} {
		parameters := value.Object(value.Field{Name: "messages", Value: value.String(written)})
		if got, _ := listMessages(parameters).Get("messages"); string(got.JSON()) != want {
			t.Errorf("%s: %s", written, got.JSON())
		}
	}
}
