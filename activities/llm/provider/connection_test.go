package provider

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Secrets go to the server alone, and not without encryption if its address has it.
func TestSecretsOfRequests(t *testing.T) {
	secrets := Secrets{Key: "sk-1", Headers: []protocol.Setting{{Name: "X-Team", Value: "a"}, {Name: "host", Value: "models.internal"}}}
	for _, test := range []struct {
		server, address string
		sent            bool
	}{
		{"https://gpu", "https://gpu/v1/models", true},
		{"https://gpu", "http://gpu/v1/models", false},
		{"http://gpu", "http://gpu/v1/models", true},
		{"http://gpu", "https://gpu/v1/models", true},
		{"http://gpu:80", "http://gpu:81/", false},
		{"https://gpu", "https://other/", false},
	} {
		server, err := url.Parse(test.server)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(WithSecrets(t.Context(), secrets), http.MethodGet, test.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		named := request.URL.Host
		request = (&transport{server: server}).withSecrets(request)
		key, team, host := "", "", named
		if test.sent {
			key, team, host = "Bearer sk-1", "a", "models.internal"
		}
		if request.Header.Get("Authorization") != key || request.Header.Get("X-Team") != team || request.Host != host {
			t.Errorf("%s of the server %s: %v, host %s", test.address, test.server, request.Header, request.Host)
		}
	}
}
