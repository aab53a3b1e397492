package gate

import (
	"fmt"
	"net/http"
	"strings"
)

// Bearer accepts requests to these hosts, without an origin or from the same origin, with the token in the Authorization
// header. It removes the token from the request. realm names the server for people.
func Bearer(realm, token string, hosts Hosts, inner http.Handler) http.Handler {
	return BearerOr(realm, token, hosts, func(w http.ResponseWriter, text string, status int) { http.Error(w, text, status) }, inner)
}

// BearerOr is Bearer with the responses to requests that are refused.
func BearerOr(realm, token string, hosts Hosts, refuse func(w http.ResponseWriter, text string, status int), inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		switch {
		case !hosts.Meant(r):
			refuse(w, "this server only answers as "+hosts[0], http.StatusMisdirectedRequest)
		case Foreign(r):
			refuse(w, "this request comes from a page of another site", http.StatusForbidden)
		case !bears(r, token):
			header.Set("WWW-Authenticate", fmt.Sprintf("Bearer realm=%q", realm))
			refuse(w, "the Authorization header must be: Bearer TOKEN", http.StatusUnauthorized)
		default:
			r.Header.Del("Authorization")
			inner.ServeHTTP(w, r)
		}
	})
}

func bears(r *http.Request, token string) bool {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return false
	}
	scheme, credentials, _ := strings.Cut(given[0], " ")
	return strings.EqualFold(scheme, "Bearer") && Equal(strings.TrimSpace(credentials), token)
}
