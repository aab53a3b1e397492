package webui

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

const (
	namespace  = "default"               // Of every run.
	engineName = "engine.gleitzeit"      // Which the engine's certificate is made out to.
	target     = "passthrough:///engine" // Resolved by the dialer.
	maxMessage = 64 << 20                // Of an answer: a page of a history may be larger than the 4 MiB of gRPC.
)

// dial prepares the connection to the engine. It is made when the first request needs it, and made anew, to wherever
// the engine is then, when it is lost.
func dial(h *home.Home, address func() (string, error)) (*grpc.ClientConn, error) {
	mutual, err := mutualTLS(h)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(target,
		grpc.WithTransportCredentials(credentials.NewTLS(mutual)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			now, err := address()
			if err != nil {
				return nil, err
			}
			var plain net.Dialer
			return plain.DialContext(ctx, "tcp", now)
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 20 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 200 * time.Millisecond,
			},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
}

// mutualTLS makes both sides prove that they have the key pair of the home.
func mutualTLS(h *home.Home) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(h.EngineCertificate(), h.EngineKey())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ServerName:   engineName,
		MinVersion:   tls.VersionTLS13,
	}, nil
}
