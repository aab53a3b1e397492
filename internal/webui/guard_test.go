package webui

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	secret    = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"
	ownHost   = "127.0.0.1:8233"
	ownOrigin = "http://" + ownHost
)

// behind answers 200 and notes what reaches it.
type behind struct{ got *http.Request }

func (b *behind) ServeHTTP(_ http.ResponseWriter, r *http.Request) { b.got = r }

// TestGuard asks as browsers and others do. Only a status of 200 may reach what is behind the guard.
func TestGuard(t *testing.T) {
	good := cookieOf(8233)
	foreign := cookieOf(8234)
	foreignValue := strings.Replace(foreign, "8234", "8233", 1)
	for _, test := range []struct {
		name   string
		method string // GET where it is empty.
		target string // "/" where it is empty.
		host   string // ownHost where it is empty.
		header map[string]string
		status int
	}{
		{name: "nothing", status: 401},
		{name: "a write with nothing", method: "POST", status: 401},
		{name: "a preflight with nothing", method: "OPTIONS", status: 401},
		{name: "an API call with nothing", target: "/api/v1/namespaces", status: 401},

		{name: "the link", target: "/?token=" + secret, status: 303},
		{name: "the link, asked for without a body", method: "HEAD", target: "/?token=" + secret, status: 303},
		{name: "the link as localhost", target: "/?token=" + secret, host: "localhost:8233", status: 303},
		{name: "a wrong link", target: "/?token=" + secret[1:] + "x", status: 401},
		{name: "an empty link", target: "/?token=", status: 401},
		{name: "a link with two tokens", target: "/?token=x&token=" + secret, status: 401},
		{name: "the beginning of the token", target: "/?token=" + secret[:42], status: 401},
		{name: "the token and more", target: "/?token=" + secret + "A", status: 401},
		{name: "a write with the token in its address", method: "POST", target: "/?token=" + secret, status: 401},
		{name: "the link on another host", target: "/?token=" + secret, host: "evil.example:8233", status: 421},
		{name: "the link from another page", target: "/?token=" + secret, header: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: 403},

		{name: "the cookie", header: map[string]string{"Cookie": good}, status: 200},
		{name: "the cookie beside others", header: map[string]string{"Cookie": "_csrf=1; " + good + "; a=b"}, status: 200},
		{name: "the cookie on localhost", host: "localhost:8233", header: map[string]string{"Cookie": good}, status: 200},
		{name: "the cookie on LOCALHOST", host: "LOCALHOST:8233", header: map[string]string{"Cookie": good}, status: 200},
		{name: "the cookie on IPv6", host: "[::1]:8233", header: map[string]string{"Cookie": good}, status: 200},
		{name: "a write with the cookie", method: "POST", header: map[string]string{"Cookie": good, "Origin": ownOrigin, "Sec-Fetch-Site": "same-origin"}, status: 200},
		{name: "a write with the cookie by no browser", method: "POST", header: map[string]string{"Cookie": good}, status: 200},
		{name: "the cookie with a wrong link", target: "/?token=x", header: map[string]string{"Cookie": good}, status: 200},
		{name: "the token as the cookie", header: map[string]string{"Cookie": "gleitzeit_ui_8233=" + secret}, status: 401},
		{name: "the cookie of another port", header: map[string]string{"Cookie": foreign}, status: 401},
		{name: "the value of another port", header: map[string]string{"Cookie": foreignValue}, status: 401},
		{name: "an empty cookie", header: map[string]string{"Cookie": "gleitzeit_ui_8233="}, status: 401},
		{name: "the token as a bearer", header: map[string]string{"Authorization": "Bearer " + secret}, status: 401},

		{name: "another host", host: "evil.example:8233", header: map[string]string{"Cookie": good}, status: 421},
		{name: "another port", host: "127.0.0.1:8234", header: map[string]string{"Cookie": good}, status: 421},
		{name: "no port", host: "127.0.0.1", header: map[string]string{"Cookie": good}, status: 421},
		{name: "another address", host: "127.0.0.2:8233", header: map[string]string{"Cookie": good}, status: 421},
		{name: "any address", host: "0.0.0.0:8233", header: map[string]string{"Cookie": good}, status: 421},
		{name: "a host that begins well", host: "127.0.0.1:8233.evil.example", header: map[string]string{"Cookie": good}, status: 421},
		{name: "a host with a dot", host: "localhost.:8233", header: map[string]string{"Cookie": good}, status: 421},
		{name: "a forwarded host", host: "evil.example", header: map[string]string{"Cookie": good, "X-Forwarded-Host": ownHost}, status: 421},

		{name: "another origin", header: map[string]string{"Cookie": good, "Origin": "http://evil.example"}, status: 403},
		{name: "a write by another origin", method: "POST", header: map[string]string{"Cookie": good, "Origin": "http://evil.example"}, status: 403},
		{name: "a deletion by another origin", method: "DELETE", header: map[string]string{"Cookie": good, "Origin": "http://evil.example"}, status: 403},
		{name: "a preflight by another origin", method: "OPTIONS", header: map[string]string{"Cookie": good, "Origin": "http://evil.example"}, status: 403},
		{name: "no origin to speak of", method: "POST", header: map[string]string{"Cookie": good, "Origin": "null"}, status: 403},
		{name: "an empty origin", method: "POST", header: map[string]string{"Cookie": good, "Origin": ""}, status: 403},
		{name: "another port's page", method: "POST", header: map[string]string{"Cookie": good, "Origin": "http://127.0.0.1:3000"}, status: 403},
		{name: "our page by another name", method: "POST", header: map[string]string{"Cookie": good, "Origin": "http://localhost:8233"}, status: 403},
		{name: "our page over TLS", method: "POST", header: map[string]string{"Cookie": good, "Origin": "https://" + ownHost}, status: 403},
		{name: "an origin that begins well", method: "POST", header: map[string]string{"Cookie": good, "Origin": ownOrigin + ".evil.example"}, status: 403},
		{name: "another site", header: map[string]string{"Cookie": good, "Sec-Fetch-Site": "cross-site"}, status: 403},
		{name: "another port of the site", header: map[string]string{"Cookie": good, "Sec-Fetch-Site": "same-site"}, status: 403},
		{name: "typed by hand", header: map[string]string{"Cookie": good, "Sec-Fetch-Site": "none"}, status: 200},
		{name: "another origin that says it is ours", method: "POST", header: map[string]string{"Cookie": good, "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, status: 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			inner := &behind{}
			answer := ask(inner, test.method, test.target, test.host, test.header)
			if answer.Code != test.status {
				t.Errorf("status %d, want %d", answer.Code, test.status)
			}
			if reached := inner.got != nil; reached != (test.status == 200) {
				t.Errorf("what is behind the guard was reached: %t", reached)
			}
			if said := answer.Body.String(); strings.Contains(said, secret) || strings.Contains(said, good) {
				t.Errorf("it tells the token: %s", said)
			}
			if set := answer.Header().Get("Set-Cookie"); (set != "") != (test.status == 303) {
				t.Errorf("it sets the cookie %q", set)
			}
			if allowed := answer.Header().Get("Access-Control-Allow-Origin"); allowed != "" {
				t.Errorf("it allows the origin %s", allowed)
			}
		})
	}
}

// cookieOf is what a browser sends to the port.
func cookieOf(port int) string {
	c := newGuard(secret, port, nil).cookie
	return c.Name + "=" + c.Value
}

func ask(inner http.Handler, method, target, host string, header map[string]string) *httptest.ResponseRecorder {
	if method == "" {
		method = http.MethodGet
	}
	if target == "" {
		target = "/"
	}
	if host == "" {
		host = ownHost
	}
	r := httptest.NewRequest(method, target, nil)
	r.Host = host
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	newGuard(secret, 8233, inner).ServeHTTP(answer, r)
	return answer
}

func TestTheLinkBecomesACookie(t *testing.T) {
	for target, want := range map[string]string{
		"/?token=" + secret: "/",
		"/namespaces/default/workflows?token=" + secret + "&query=a%26b": "/namespaces/default/workflows?query=a%26b",
		"/a%2Fb?token=" + secret:              "/a%2Fb",
		"//evil.example/a?token=" + secret:    "/evil.example/a",
		"/\\evil.example/a?token=" + secret:   "/%5Cevil.example/a",
		"/%09/evil.example/a?token=" + secret: "/%09/evil.example/a",
	} {
		answer := ask(&behind{}, "", "http://"+ownHost+target, "", nil)
		if to := answer.Header().Get("Location"); answer.Code != 303 || to != want {
			t.Errorf("%s: status %d to %q, want 303 to %q", target, answer.Code, to, want)
		}
	}

	answer := ask(&behind{}, "", "/?token="+secret, "", nil).Result()
	cookies := answer.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v, want one", cookies)
	}
	c := cookies[0]
	if c.Name != "gleitzeit_ui_8233" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() {
		t.Errorf("cookie %s", c)
	}
	if referrer := answer.Header.Get("Referrer-Policy"); referrer != "no-referrer" {
		t.Errorf("referrer policy %q beside the token", referrer)
	}
	if kept := answer.Header.Get("Cache-Control"); kept != "no-store" {
		t.Errorf("cache control %q beside the token", kept)
	}
}

// The cookie is not handed on, nor a header for whose sake ui-server would ask for no CSRF token.
func TestWhatIsBehindTheGuardSees(t *testing.T) {
	inner := &behind{}
	ask(inner, "POST", "/api/v1/x?a=b", "", map[string]string{
		"Cookie": "_csrf=1; " + cookieOf(8233), "Authorization": "Bearer x",
	})
	if inner.got == nil {
		t.Fatal("nothing came through")
	}
	if got := inner.got.Header.Get("Cookie"); got != "_csrf=1" {
		t.Errorf("cookies %q, want _csrf=1", got)
	}
	if got := inner.got.Header.Get("Authorization"); got != "" {
		t.Errorf("authorization %q", got)
	}
	if got := inner.got.URL.String(); got != "/api/v1/x?a=b" {
		t.Errorf("address %s", got)
	}
}

func TestSafetyHeaders(t *testing.T) {
	with := map[string]string{"Cookie": cookieOf(8233)}
	for name, header := range map[string]map[string]string{"refused": nil, "let in": with} {
		got := ask(&behind{}, "", "", "", header).Header()
		for field, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if !strings.Contains(got.Get(field), want) {
				t.Errorf("%s: %s is %q, want %q in it", name, field, got.Get(field), want)
			}
		}
	}
}
