package cluster_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs certificates, as an operator's own does.
type authority struct {
	t           testing.TB
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	path        string // Of its certificate.
}

// pair is where a certificate and its key lie.
type pair struct{ certificate, key string }

func newAuthority(t testing.TB, folder string) *authority {
	t.Helper()
	must(t, os.Mkdir(folder, 0o755))
	a := &authority{t: t, folder: folder}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a.certificate, a.key = template, a.newKey()
	a.certificate = a.sign(template, a.key, "authority")
	a.path = filepath.Join(folder, "authority.crt")
	return a
}

// issue makes a certificate for a server at these addresses, or for a client.
func (a *authority) issue(name string, addresses ...string) pair {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	key := a.newKey()
	a.sign(template, key, name)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	must(a.t, err)
	made := pair{filepath.Join(a.folder, name+".crt"), filepath.Join(a.folder, name+".key")}
	a.write(made.key, "PRIVATE KEY", encoded)
	return made
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	return key
}

func (a *authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey, name string) *x509.Certificate {
	a.t.Helper()
	signed, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	must(a.t, err)
	a.write(filepath.Join(a.folder, name+".crt"), "CERTIFICATE", signed)
	parsed, err := x509.ParseCertificate(signed)
	must(a.t, err)
	return parsed
}

func (a *authority) write(path, kind string, data []byte) {
	a.t.Helper()
	write(a.t, path, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})))
}
