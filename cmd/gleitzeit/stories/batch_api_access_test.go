package stories_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// makeCertificate writes a certificate of an authority of its own: authority.crt, server.crt and server.key.
func makeCertificate(t *testing.T, folder string, names ...string) {
	t.Helper()
	template := func(serial int64) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: fmt.Sprintf("test %d", serial)}, NotBefore: time.Now().Add(-time.Hour),
			NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		}
	}
	key := func() *ecdsa.PrivateKey {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		return made
	}
	save := func(name, kind string, data []byte) {
		write(t, filepath.Join(folder, name), string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})))
	}
	authority, authorityKey := template(1), key()
	authority.IsCA, authority.KeyUsage = true, x509.KeyUsageCertSign
	signed, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	must(t, err)
	save("authority.crt", "CERTIFICATE", signed)
	server, serverKey := template(2), key()
	server.DNSNames, server.IPAddresses, server.ExtKeyUsage = names, []net.IP{net.ParseIP("127.0.0.1")}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	signed, err = x509.CreateCertificate(rand.Reader, server, authority, serverKey.Public(), authorityKey)
	must(t, err)
	save("server.crt", "CERTIFICATE", signed)
	data, err := x509.MarshalECPrivateKey(serverKey)
	must(t, err)
	save("server.key", "EC PRIVATE KEY", data)
}

// curl is what curl makes of a request: the body, and the status, 000 without a response.
func (u *user) curl(token string, args ...string) (body, status string) {
	u.T.Helper()
	args = append([]string{"-s", "--noproxy", "*", "-w", "\n%{http_code}", "-K", "-"}, args...)
	command := exec.CommandContext(u.T.Context(), "curl", args...)
	command.Stdin = strings.NewReader(fmt.Sprintf("header = \"Authorization: Bearer %s\"\n", token))
	command.Dir = u.Work
	out, err := command.Output()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		u.T.Fatal(err)
	}
	at := bytes.LastIndexByte(out, '\n')
	return string(out[:at]), string(out[at+1:])
}

const alice, bob = "3f6d1c-of-alice-0123456789", "9a0b2e-of-bob-0123456789"

// TestBatchAPINeedsTLSAndTokens: on an address that other machines reach, the API is not served without both.
func TestBatchAPINeedsTLSAndTokens(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	makeCertificate(t, u.Home, "localhost")
	u.Env = append(u.Env, "GLEITZEIT_SECRET_ALICE="+alice, "GLEITZEIT_SECRET_SHORT=short", "GLEITZEIT_SECRET_SAME="+alice)
	const address, tls = "batch_api: true, batch_api_address: 0.0.0.0", ", batch_api_tls: {cert: server.crt, key: server.key}"
	for settings, want := range map[string]struct {
		code int
		says []string
	}{
		address:       {2, []string{"cannot serve the Batch API on 0.0.0.0: no server.batch_api_tls and no server.batch_api_tokens in the settings", "other machines can reach this address"}},
		address + tls: {2, []string{"no server.batch_api_tokens in the settings"}},
		address + ", batch_api_tokens: {alice: '${secrets.ALICE}'}":                                                         {2, []string{"no server.batch_api_tls in the settings"}},
		address + tls + ", batch_api_tokens: {alice: '${secrets.SHORT}'}":                                                   {2, []string{"that of alice has fewer than 16 characters", "openssl rand -hex 32"}},
		address + tls + ", batch_api_tokens: {alice: '${secrets.ALICE}', bob: '${secrets.SAME}'}":                           {2, []string{"that of bob is that of alice"}},
		address + tls + ", batch_api_tokens: {alice: '${secrets.NOBODY}'}":                                                  {1, []string{`the secret "NOBODY" is not set`}},
		"batch_api: true, batch_api_address: nowhere, batch_api_tls: {cert: a}, batch_api_tokens: {alice: abc, 'a b': abc}": {1, []string{"config.yaml:1:", "must be an IP address", "server.batch_api_tls.cert needs server.batch_api_tls.key", "server.batch_api_tokens.alice must be ${secrets.NAME}", `"a b" does not`}},
		"batch_api: true, batch_api_tls: {cert: none.crt, key: server.key}":                                                 {1, []string{"cannot read the certificate in ", "none.crt: no such file"}},
	} {
		write(t, u.Home+"/config.yaml", "server: {"+settings+"}\n")
		_, said := u.Gleitzeit(want.code, "server", "--no-ui", "--batch-api-port", "0")
		wantLines(t, settings, said, want.says...)
		if strings.Contains(said, alice) || strings.Contains(said, "abc") {
			t.Errorf("%s: it prints a token:\n%s", settings, said)
		}
	}
}

// TestBatchAPIForSeveralUsers: on every address of the machine, with TLS, each user has a token, and sees nothing of others.
func TestBatchAPIForSeveralUsers(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	makeCertificate(t, u.Home, "localhost", "models.example.org")
	write(t, u.Home+"/config.yaml", "server: {batch_api_address: 0.0.0.0, batch_api_tls: {cert: server.crt, key: server.key}, batch_api_tokens: {alice: '${secrets.ALICE}', bob: '${secrets.BOB}'}}\n")
	u.Env = append(u.Env, "GLEITZEIT_SECRET_ALICE="+alice, "GLEITZEIT_SECRET_BOB="+bob)
	s := u.serveAPI()
	at, err := url.Parse(s.url)
	must(t, err)
	if at.Scheme != "https" || at.Hostname() != "localhost" || at.Port() == "0" {
		t.Fatalf("the URL is %s", s.url)
	}
	authority := filepath.Join(u.Home, "authority.crt")
	curl := func(token, path string, args ...string) (body, status string) {
		return u.curl(token, append([]string{"--cacert", authority, s.url + path}, args...)...)
	}
	made := func(body string) (id string) {
		var document struct{ ID string }
		programtest.JSON(t, body, &document)
		return document.ID
	}
	u.File("requests.jsonl", chatLine("a", hello)+chatLine("b", `{"model":"llama3.2","messages":[]}`))
	body, _ := curl(alice, "/files", "-F", "purpose=batch", "-F", "file=@requests.jsonl")
	input := made(body)
	document := fmt.Sprintf(`{"input_file_id":%q,"endpoint":"/v1/chat/completions","completion_window":"24h"}`, input)
	body, _ = curl(alice, "/batches", "-d", document)
	batch := apiBatch{ID: made(body)}
	eventually(t, "the batch ends", func() bool {
		body, _ := curl(alice, "/batches/"+batch.ID)
		programtest.JSON(t, body, &batch)
		return isEnd(batch.Status)
	})
	if batch.Status != "completed" || batch.Output == "" || batch.Error == "" {
		t.Fatalf("the batch is %+v", batch)
	}
	for _, id := range []string{input, batch.Output, batch.Error} {
		for _, path := range []string{"/files/" + id, "/files/" + id + "/content"} {
			for token, want := range map[string]string{alice: "200", s.token: "200", bob: "404", alice + "x": "401", "": "401"} {
				if body, status := curl(token, path); status != want {
					t.Errorf("%s with %q: %s %s", path, token, status, body)
				}
			}
		}
	}
	for path, args := range map[string][]string{
		"/files/" + input: {"-X", "DELETE"}, "/files/" + batch.Output: {"-X", "DELETE"}, "/batches/" + batch.ID: nil,
		"/batches/" + batch.ID + "/cancel": {"-X", "POST"}, "/batches": {"-d", document},
	} {
		body, status := curl(bob, path, args...)
		if status != "404" || strings.Contains(body, "alice") {
			t.Errorf("%s: %s %s", path, status, body)
		}
	}
	for token, want := range map[string]int{alice: 1, bob: 0, s.token: 1} {
		for path, each := range map[string]int{"/files": 3, "/batches": 1} {
			var list struct{ Data []struct{ ID string } }
			body, _ := curl(token, path)
			programtest.JSON(t, body, &list)
			if len(list.Data) != want*each || strings.Contains(body, "owner") {
				t.Errorf("%s with %q: %s", path, token, body)
			}
		}
	}
	if body, status := curl(bob, "/chat/completions", "-d", hello); status != "200" || !strings.Contains(body, "Hello from the scripted model.") {
		t.Errorf("bob calls a model: %s %s", status, body)
	}

	there := "127.0.0.1:" + at.Port()
	for what, c := range map[string]struct {
		args []string
		want string
	}{
		"another name of the certificate": {[]string{"--cacert", authority, "--connect-to", "models.example.org:" + at.Port() + ":" + there, "https://models.example.org:" + at.Port() + "/v1/files"}, "200"},
		"its address":                     {[]string{"--cacert", authority, "https://" + there + "/v1/files"}, "200"},
		"a wrong host":                    {[]string{"--cacert", authority, s.url + "/files", "-H", "Host: evil.example"}, "421"},
		"a page":                          {[]string{"--cacert", authority, s.url + "/files", "-H", "Origin: https://evil.example"}, "403"},
		"its own page without TLS":        {[]string{"--cacert", authority, s.url + "/files", "-H", "Origin: http://" + at.Host}, "403"},
		"an unknown authority":            {[]string{s.url + "/files"}, "000"},
		"an old version of TLS":           {[]string{"--cacert", authority, "--tls-max", "1.1", s.url + "/files"}, "000"},
		"no TLS":                          {[]string{"http://" + there + "/v1/files"}, "400"},
	} {
		if body, status := u.curl(alice, c.args...); status != c.want {
			t.Errorf("%s: %s %s", what, status, body)
		}
	}

	_, said := u.Gleitzeit(1, "batch", "requests.jsonl", "--server", s.url)
	wantLines(t, "standard error", said, "is not trusted: ", "SSL_CERT_FILE")
	u.Env = append(u.Env, "SSL_CERT_FILE="+authority)
	own, _ := u.Gleitzeit(6, "batch", "requests.jsonl", "--server", s.url)
	u.Env = append(u.Env, "OPENAI_API_KEY="+bob)
	others, _ := u.Gleitzeit(6, "batch", "requests.jsonl", "--server", "https://"+there)
	if strings.Count(own, "\n") != 2 || strings.Count(others, "\n") != 2 {
		t.Errorf("the results are\n%s\n%s", own, others)
	}
	var list struct{ Data []apiBatch }
	body, _ = curl(bob, "/batches")
	if programtest.JSON(t, body, &list); len(list.Data) != 1 {
		t.Errorf("the batches of bob are %s", body)
	}
	if printed := s.Stdout.String() + s.Stderr.String(); strings.Contains(printed, alice) || strings.Contains(printed, bob) || strings.Contains(printed, s.token) {
		t.Errorf("the server prints a token:\n%s", printed)
	}
}
