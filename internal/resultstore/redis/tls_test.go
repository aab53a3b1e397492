package redis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redistest"
)

// TestTLS puts through TLS from a process that trusts the server's certificate; this process does not.
func TestTLS(t *testing.T) {
	certificate, key := selfSigned(t)
	server := redistest.Start(t)
	server.Do("CONFIG", "SET", "tls-cert-file", certificate, "tls-key-file", key, "tls-ca-cert-file", certificate, "tls-auth-clients", "no", "tls-port", freePort(t))
	url := "rediss://127.0.0.1:" + server.Setting("tls-port")

	store, err := Open(t.Context(), url)
	known, ok := errors.AsType[*protocol.Error](err)
	want := "the certificate of the Redis server " + url + "/0 is not trusted: "
	if !ok || known.Kind != protocol.Permanent || !strings.HasPrefix(known.Message, want) || store != nil {
		t.Errorf("%v, %v; want a permanent error %q", store, err, want)
	}

	command, printed := startWriter(t, url, "trusting", 4, "SSL_CERT_FILE="+certificate)
	for printed.Scan() {
	}
	if err := command.Wait(); err != nil {
		t.Error("a process that trusts it:", err)
	}
	holds(t, opened(t, server.URL("", 0)), "trusting", []int{0, 1, 2, 3})
}

// selfSigned writes a certificate for 127.0.0.1, and its key.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", signed), write("key.pem", "EC PRIVATE KEY", encoded)
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
