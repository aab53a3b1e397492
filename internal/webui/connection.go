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
	engineName = "engine.gleitzeit"      // The name in the engine's certificate.
	target     = "passthrough:///engine" // Resolved by the dialer.
	maxMessage = 64 << 20                // Of a response: a page of a history may be larger than the 4 MiB of gRPC.
)

// dial prepares the connection to the engine. It connects at the first request, and reconnects to the current address of the
// engine when the connection is lost.
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

// mutualTLS requires the key pair of the home on both sides.
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
