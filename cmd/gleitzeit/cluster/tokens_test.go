package cluster_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"time"
)

// issuer signs the API keys that a server believes, and publishes the key to check them with.
type issuer struct {
	a   *authority
	key *ecdsa.PrivateKey
	URL string
}

const keyID = "test"

func newIssuer(a *authority) *issuer {
	a.t.Helper()
	i := &issuer{a: a, key: a.newKey()}
	public, err := i.key.PublicKey.Bytes() // 0x04, X, Y.
	must(a.t, err)
	half := len(public) / 2
	published, err := json.Marshal(map[string][]map[string]string{"keys": {{
		"kty": "EC", "use": "sig", "alg": "ES256", "kid": keyID, "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(public[1 : half+1]), "y": base64.RawURLEncoding.EncodeToString(public[half+1:]),
	}}})
	must(a.t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(published) }))
	a.t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// token lets its bearer do something: "temporal-system:admin", "team:write".
func (i *issuer) token(permissions ...string) string {
	i.a.t.Helper()
	encode := func(v any) string {
		text, err := json.Marshal(v)
		must(i.a.t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := encode(map[string]string{"alg": "ES256", "typ": "JWT", "kid": keyID}) + "." +
		encode(struct {
			Subject     string   `json:"sub"`
			Permissions []string `json:"permissions"`
			Expires     int64    `json:"exp"`
		}{"test", permissions, time.Now().Add(time.Hour).Unix()})
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, hash[:])
	must(i.a.t, err)
	const half = 32 // Bytes of a number of P-256.
	signature := make([]byte, 2*half)
	r.FillBytes(signature[:half])
	s.FillBytes(signature[half:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}
