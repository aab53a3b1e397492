package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"

	"go.temporal.io/server/common/rpc/encryption"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// ServerName is the name in the engine's certificate, whatever its address.
const ServerName = "engine.gleitzeit"

// identity is the key pair of a home. Server and clients use the same one, and trust no other.
type identity struct {
	pair tls.Certificate
	pool *x509.CertPool
}

// loadIdentity reads the key pair of the home.
func loadIdentity(h *home.Home) (*identity, error) {
	pair, err := tls.LoadX509KeyPair(h.EngineCertificate(), h.EngineKey())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	return &identity{pair, pool}, nil
}

// ensureIdentity creates the key pair if it is missing or unusable. Only the holder of the engine's lock may call it: two
// callers at once could leave the key of one beside the certificate of the other.
func ensureIdentity(h *home.Home) (*identity, error) {
	if known, err := loadIdentity(h); err == nil {
		return known, nil
	}
	certificate, key, err := newPair()
	if err != nil {
		return nil, err
	}
	if err := home.WriteAtomic(h.EngineKey(), key); err != nil {
		return nil, err
	}
	if err := home.WriteAtomic(h.EngineCertificate(), certificate); err != nil {
		return nil, err
	}
	return loadIdentity(h)
}

func newPair() (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: ServerName},
		DNSNames:     []string{ServerName},
		// The certificate is protected by the file mode of its key, not by dates.
		NotBefore:             time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
}

func (i *identity) server() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{i.pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    i.pool,
		MinVersion:   tls.VersionTLS13,
	}
}

func (i *identity) client() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{i.pair},
		RootCAs:      i.pool,
		ServerName:   ServerName,
		MinVersion:   tls.VersionTLS13,
	}
}

// provider makes the server use mutual TLS on every port.
func (i *identity) provider() encryption.TLSConfigProvider {
	return &encryption.FixedTLSConfigProvider{
		InternodeServerConfig: i.server(),
		InternodeClientConfig: i.client(),
		FrontendServerConfig:  i.server(),
		FrontendClientConfig:  i.client(),
	}
}
