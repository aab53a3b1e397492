package gate

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestBearer asks as programs and browsers do. Only a status of 200 may reach what is behind the gate.
func TestBearer(t *testing.T) {
	const secret, own = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I", "127.0.0.1:8234"
	bearer := "Bearer " + secret
	for _, test := range []struct {
		name   string
		method string // POST where it is empty.
		target string
		host   string // own where it is empty.
		header map[string]string
		status int
	}{
		{name: "nothing", status: 401},
		{name: "a preflight", method: "OPTIONS", status: 401},
		{name: "the token", header: map[string]string{"Authorization": bearer}, status: 200},
		{name: "the token in lower case", header: map[string]string{"Authorization": "bearer " + secret}, status: 200},
		{name: "the token as localhost", host: "LocalHost:8234", header: map[string]string{"Authorization": bearer}, status: 200},
		{name: "the token on IPv6", host: "[::1]:8234", header: map[string]string{"Authorization": bearer}, status: 200},
		{name: "the token from our own page", header: map[string]string{"Authorization": bearer, "Origin": "http://" + own}, status: 200},
		{name: "the token alone", header: map[string]string{"Authorization": secret}, status: 401},
		{name: "another scheme", header: map[string]string{"Authorization": "Basic " + secret}, status: 401},
		{name: "a wrong token", header: map[string]string{"Authorization": bearer[:len(bearer)-1] + "x"}, status: 401},
		{name: "the beginning of the token", header: map[string]string{"Authorization": bearer[:len(bearer)-1]}, status: 401},
		{name: "an empty token", header: map[string]string{"Authorization": "Bearer "}, status: 401},
		{name: "the token in the address", target: "/?token=" + secret, status: 401},
		{name: "the token as a cookie", header: map[string]string{"Cookie": "token=" + secret}, status: 401},
		{name: "another host", host: "evil.example:8234", header: map[string]string{"Authorization": bearer}, status: 421},
		{name: "another port", host: "127.0.0.1:8233", header: map[string]string{"Authorization": bearer}, status: 421},
		{name: "another origin", header: map[string]string{"Authorization": bearer, "Origin": "http://evil.example"}, status: 403},
		{name: "another port's page", header: map[string]string{"Authorization": bearer, "Origin": "http://127.0.0.1:3000"}, status: 403},
		{name: "no origin to speak of", header: map[string]string{"Authorization": bearer, "Origin": "null"}, status: 403},
		{name: "another site", header: map[string]string{"Authorization": bearer, "Sec-Fetch-Site": "cross-site"}, status: 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			var reached *http.Request
			inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached = r })
			method, target, host := test.method, test.target, test.host
			if method == "" {
				method = http.MethodPost
			}
			if target == "" {
				target = "/mcp"
			}
			if host == "" {
				host = own
			}
			r := httptest.NewRequest(method, target, nil)
			r.Host = host
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			answer := httptest.NewRecorder()
			Bearer("x", secret, HostsOf(8234), inner).ServeHTTP(answer, r)
			if answer.Code != test.status || (reached != nil) != (test.status == 200) {
				t.Errorf("status %d, want %d; reached: %t", answer.Code, test.status, reached != nil)
			}
			if reached != nil && reached.Header.Get("Authorization") != "" {
				t.Error("the token goes on to what is behind the gate")
			}
			if strings.Contains(answer.Body.String(), secret) || answer.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("it tells the token, or lets other origins in: %s", answer.Body)
			}
			if asks := answer.Header().Get("WWW-Authenticate"); (asks != "") != (test.status == 401) {
				t.Errorf("it asks for %q", asks)
			}
		})
	}
}

// TestDenials: who has sent a token learns that it is wrong, and others how it is sent.
func TestDenials(t *testing.T) {
	const how, wrong = "the Authorization header must be: Bearer TOKEN\n", "the token in the Authorization header is wrong\n"
	for given, want := range map[string]string{"": how, "Bearer": how, "Bearer ": how, "token": how, "Basic other": how, "Bearer other": wrong, "bearer other": wrong} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = "127.0.0.1:8234"
		if given != "" {
			r.Header.Set("Authorization", given)
		}
		w := httptest.NewRecorder()
		Bearer("x", "token", HostsOf(8234), http.NotFoundHandler()).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || w.Body.String() != want {
			t.Errorf("%q: %d %s", given, w.Code, w.Body)
		}
	}
}

func TestTwoTokensAreNone(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/mcp", nil)
	r.Header.Add("Authorization", "Bearer a")
	r.Header.Add("Authorization", "Bearer b")
	if bears(r, "a") || bears(r, "b") {
		t.Error("one of two tokens lets in")
	}
}

// TestHolders: who has a token is known behind the gate, and a token of nobody lets nobody in.
func TestHolders(t *testing.T) {
	tokens := []Token{{"", "home"}, {"alice", "one"}, {"bob", "two"}}
	for given, want := range map[string]string{"home": "", "one": "alice", "two": "bob", "three": "refused", "": "refused", "onetwo": "refused"} {
		got := "refused"
		inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = Holder(r.Context()) })
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = "127.0.0.1:8234"
		r.Header.Set("Authorization", "Bearer "+given)
		BearerOr("x", tokens, HostsOf(8234), http.Error, inner).ServeHTTP(httptest.NewRecorder(), r)
		if got != want {
			t.Errorf("%q is of %q, want %q", given, got, want)
		}
	}
}

func TestHostsOfCertificates(t *testing.T) {
	certificate := &x509.Certificate{DNSNames: []string{"*.example.com", "Models.example.org"}, IPAddresses: []net.IP{net.ParseIP("192.0.2.7"), net.ParseIP("2001:db8::1")}}
	hosts := HostsOfCertificate(8235, certificate)
	if hosts[0] != "models.example.org:8235" {
		t.Errorf("the hosts are %q", hosts)
	}
	for host, want := range map[string]bool{
		"models.example.org:8235": true, "MODELS.example.org:8235": true, "192.0.2.7:8235": true, "[2001:db8::1]:8235": true, "a.example.com:8235": true,
		"models.example.org": false, "a.b.example.com:8235": false, "example.com:8235": false, "127.0.0.1:8235": false, "a.example.com:1": false, "": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		if got := hosts.Meant(r); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "models.example.org"
	if !HostsOfCertificate(443, certificate).Meant(r) {
		t.Error("the port of HTTPS may not be left out")
	}
}
