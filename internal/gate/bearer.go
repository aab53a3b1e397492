package gate

import (
	"fmt"
	"net/http"
	"strings"
)

// Bearer lets requests through that are for these hosts, from no page of another origin, and that have the token in
// their header Authorization. The token does not go on to what is behind. realm is what is served, for people.
func Bearer(realm, token string, hosts Hosts, inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		switch {
		case !hosts.Meant(r):
			http.Error(w, "this server only answers as "+hosts[0], http.StatusMisdirectedRequest)
		case Foreign(r):
			http.Error(w, "this request comes from a page of another site", http.StatusForbidden)
		case !bears(r, token):
			header.Set("WWW-Authenticate", fmt.Sprintf("Bearer realm=%q", realm))
			http.Error(w, "the Authorization header must be: Bearer TOKEN", http.StatusUnauthorized)
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
