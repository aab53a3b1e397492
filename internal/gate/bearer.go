package gate

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Bearer accepts requests to these hosts, without an origin or from the same origin, with the token in the Authorization
// header. It removes the token from the request. realm names the server for people.
func Bearer(realm, token string, hosts Hosts, inner http.Handler) http.Handler {
	return BearerOr(realm, []Token{{Secret: token}}, hosts, func(w http.ResponseWriter, text string, status int) { http.Error(w, text, status) }, inner)
}

// Token is a token, and who has it.
type Token struct{ Holder, Secret string }

// holderKey is the key of the context of a request with its holder.
type holderKey struct{}

// Holder returns who has the token of a request that was accepted.
func Holder(ctx context.Context) string {
	name, _ := ctx.Value(holderKey{}).(string)
	return name
}

// BearerOr is Bearer with several tokens, and with the responses to requests that are refused.
func BearerOr(realm string, tokens []Token, hosts Hosts, refuse func(w http.ResponseWriter, text string, status int), inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		holder, accepted := holderOf(r, tokens)
		switch {
		case !hosts.Meant(r):
			refuse(w, "this server only answers as "+hosts[0], http.StatusMisdirectedRequest)
		case Foreign(r):
			refuse(w, "this request comes from a page of another site", http.StatusForbidden)
		case !accepted:
			header.Set("WWW-Authenticate", fmt.Sprintf("Bearer realm=%q", realm))
			refuse(w, denial(r), http.StatusUnauthorized)
		default:
			r.Header.Del("Authorization")
			inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), holderKey{}, holder)))
		}
	})
}

// holderOf returns who has the token of a request. Every token is compared: the time does not show which one was nearly right.
func holderOf(r *http.Request, tokens []Token) (holder string, found bool) {
	for _, token := range tokens {
		if bears(r, token.Secret) && !found {
			holder, found = token.Holder, true
		}
	}
	return holder, found
}

// denial says why the token of a request is not accepted. That a token is wrong is known to whoever has sent it.
func denial(r *http.Request) string {
	if token, one := bearer(r); one && token != "" {
		return "the token in the Authorization header is wrong"
	}
	return "the Authorization header must be: Bearer TOKEN"
}

func bears(r *http.Request, token string) bool {
	given, one := bearer(r)
	return one && Equal(given, token)
}

// bearer returns the token in the Authorization header, if there is one of that kind.
func bearer(r *http.Request) (token string, one bool) {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return "", false
	}
	scheme, credentials, _ := strings.Cut(given[0], " ")
	return strings.TrimSpace(credentials), strings.EqualFold(scheme, "Bearer")
}
