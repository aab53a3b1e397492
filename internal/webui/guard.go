package webui

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/gate"
)

const tokenParameter = "token"

// policy is the Content-Security-Policy of the UI: no requests to other hosts, and no other page may frame it. ui-server
// restricts scripts further, and replaces the policy for the texts that it shows in its own frames.
const policy = "default-src 'self' 'unsafe-inline' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'self'; " +
	"form-action 'self'; frame-ancestors 'none'"

// guard accepts requests with the token, from pages of this server.
type guard struct {
	token  string
	hosts  gate.Hosts
	cookie http.Cookie
	inner  http.Handler
}

func newGuard(token string, port int, inner http.Handler) *guard {
	number := strconv.Itoa(port)
	return &guard{token: token, hosts: gate.HostsOf(port), inner: inner, cookie: http.Cookie{
		// Browsers send a cookie to every port of a host: name and value depend on this one.
		Name:     "gleitzeit_ui_" + number,
		Value:    ticket(token, number),
		Path:     "/",
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
	}}
}

// ticket returns the value of the cookie: the token cannot be computed from it, and it is valid for one port.
func ticket(token, port string) string {
	sum := hmac.New(sha256.New, []byte(token))
	sum.Write([]byte("gleitzeit web ui, port " + port))
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// ServeHTTP passes on requests to this server, not from another origin, with the token or its cookie.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "SAMEORIGIN")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	switch {
	case !g.hosts.Meant(r):
		refuse(w, http.StatusMisdirectedRequest, "This server only answers as "+g.hosts[0]+".")
	case gate.Foreign(r):
		refuse(w, http.StatusForbidden, "This request comes from a page of another site. To open the Web UI, type its address or paste its link.")
	case g.hasToken(r):
		g.letIn(w, r)
	case g.hasCookie(r):
		// The UI needs no other authentication, and ui-server would trust the header.
		r.Header.Del("Authorization")
		g.hideCookie(r)
		header.Set("Referrer-Policy", "same-origin") // Without it, some browsers would not send the origin either.
		g.inner.ServeHTTP(w, r)
	default:
		refuse(w, http.StatusUnauthorized, "The Web UI opens with the link that <code>gleitzeit server</code> prints when it starts.")
	}
}

func (g *guard) hasToken(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	given := r.URL.Query()[tokenParameter]
	return len(given) == 1 && gate.Equal(given[0], g.token)
}

func (g *guard) hasCookie(r *http.Request) bool {
	for _, cookie := range r.CookiesNamed(g.cookie.Name) {
		if gate.Equal(cookie.Value, g.cookie.Value) {
			return true
		}
	}
	return false
}

// letIn sets the cookie, and redirects to the same page without the token.
func (g *guard) letIn(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	query.Del(tokenParameter)
	// A path that begins with two slashes would redirect to another host.
	to := "/" + strings.TrimLeft(r.URL.EscapedPath(), `/\`)
	if len(query) > 0 {
		to += "?" + query.Encode()
	}
	http.SetCookie(w, &g.cookie)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// hideCookie removes the cookie from the request: ui-server passes headers on to the engine.
func (g *guard) hideCookie(r *http.Request) {
	others := slices.DeleteFunc(r.Cookies(), func(c *http.Cookie) bool { return c.Name == g.cookie.Name })
	r.Header.Del("Cookie")
	for _, other := range others {
		r.AddCookie(other)
	}
}

// refuse responds with advice alone, in HTML.
func refuse(w http.ResponseWriter, status int, advice string) {
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that has disconnected gets no error.
	_, _ = fmt.Fprintf(w, "<!doctype html>\n<title>Gleitzeit</title>\n<h1>%d %s</h1>\n<p>%s</p>\n", status, http.StatusText(status), advice)
}
