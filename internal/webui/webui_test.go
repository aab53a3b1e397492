package webui

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// testHome is a home with a key pair, as an engine leaves one. No engine runs in it.
func testHome(t *testing.T) *home.Home {
	t.Helper()
	h, err := home.Open(t.TempDir())
	must(t, err)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{engineName}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	must(t, home.WriteAtomic(h.EngineCertificate(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	must(t, home.WriteAtomic(h.EngineKey(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func nowhere() (string, error) { return "", errors.New("no engine here") }

func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.Engine = nowhere
	s, err := Start(t.Context(), o)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// browser follows links and keeps cookies.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	client := &http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: 10 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func get(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	answer, err := client.Get(url)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(text)
}

func TestTheUIComesThrough(t *testing.T) {
	var said bytes.Buffer
	s := start(t, Options{Home: testHome(t), Log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	client := browser(t)

	status, index := get(t, client, s.URL())
	if status != 200 || !strings.Contains(index, `<div id="svelte">`) {
		t.Fatalf("the link shows, with status %d:\n%.500s", status, index)
	}
	_, script, _ := strings.Cut(index, `<link href="`)
	script, _, _ = strings.Cut(script, `"`)
	if status, text := get(t, client, "http://"+s.Address()+script); status != 200 || len(text) == 0 {
		t.Errorf("the script %s has status %d and %d bytes", script, status, len(text))
	}
	if status, text := get(t, client, "http://"+s.Address()+"/render?content=**b**"); status != 200 || !strings.Contains(text, "<strong>b</strong>") {
		t.Errorf("a rendered text, with status %d:\n%.300s", status, text)
	}
	if status, text := get(t, client, "http://"+s.Address()+"/api/v1/settings"); status != 200 || !strings.Contains(text, `"DisableNewsFetch":true`) {
		t.Errorf("the settings, with status %d:\n%s", status, text)
	}
	if status, text := get(t, client, "http://"+s.Address()+"/api/v1/namespaces"); status != 503 || !strings.Contains(text, "no engine here") {
		t.Errorf("without an engine a call has status %d: %s", status, text)
	}
	if strings.Contains(said.String(), s.token) {
		t.Errorf("the token is in the log:\n%s", said.String())
	}
}

// A browser that holds the cookie still has to prove that a page of this server writes.
func TestWritesNeedTheCSRFToken(t *testing.T) {
	s := start(t, Options{Home: testHome(t)})
	client := browser(t)
	get(t, client, s.URL())
	at, err := url.Parse("http://" + s.Address())
	must(t, err)
	csrf := ""
	for _, cookie := range client.Jar.Cookies(at) {
		if cookie.Name == "_csrf" {
			csrf = cookie.Value
		}
	}
	for _, test := range []struct {
		token  string
		status int
	}{{"", 403}, {"x", 403}, {csrf, 503}} {
		r, err := http.NewRequest(http.MethodPost, "http://"+s.Address()+"/api/v1/namespaces/default/workflows/a", strings.NewReader("{}"))
		must(t, err)
		r.Header.Set("Authorization", "Bearer x")
		r.Header.Set("X-CSRF-Token", test.token)
		answer, err := client.Do(r)
		must(t, err)
		must(t, answer.Body.Close())
		if answer.StatusCode != test.status {
			t.Errorf("with the CSRF token %q: status %d, want %d", test.token, answer.StatusCode, test.status)
		}
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	var said bytes.Buffer
	s := start(t, Options{Home: testHome(t), Port: port, Log: slog.New(slog.NewTextHandler(&said, nil))})
	if s.Address() == taken.Addr().String() || !strings.HasPrefix(s.Address(), "127.0.0.1:") {
		t.Errorf("it is served on %s", s.Address())
	}
	if want := s.Address(); !strings.Contains(said.String(), want) {
		t.Errorf("nobody is told of %s: %s", want, said.String())
	}
	if status, _ := get(t, browser(t), s.URL()); status != 200 {
		t.Errorf("status %d", status)
	}
}

func TestTheWantedPort(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	port := free.Addr().(*net.TCPAddr).Port
	must(t, free.Close())
	if s := start(t, Options{Home: testHome(t), Port: port}); s.Address() != net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) {
		t.Errorf("it is served on %s, want port %d", s.Address(), port)
	}
}

func TestWithoutAKeyPair(t *testing.T) {
	h := testHome(t)
	must(t, os.Remove(h.EngineKey()))
	_, err := Start(t.Context(), Options{Home: h, Engine: nowhere})
	want := "cannot serve the Web UI: cannot read the engine's key pair: open " + h.EngineKey() +
		": no such file or directory (try again, or run without it: --no-ui)"
	if err == nil || err.Error() != want {
		t.Errorf("%v,\nwant %s", err, want)
	}
}
