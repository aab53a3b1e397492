package engine

import (
	"context"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	target        = "passthrough:///engine" // Resolved by the dialer.
	serviceName   = "temporal.api.workflowservice.v1.WorkflowService"
	healthTimeout = time.Second // Of one request; another program may listen on a dead engine's port.
)

// Client returns an SDK client of the engine that survives a take-over. configure, which may be nil, can set all options
// except address, TLS and namespace. The caller closes the client.
func (e *Engine) Client(ctx context.Context, configure func(*client.Options)) (client.Client, error) {
	own, err := loadIdentity(e.home)
	if err != nil {
		return nil, failed(e.home, "cannot read its key pair", err)
	}
	options := client.Options{Identity: e.options.Identity, Logger: log.NewStructuredLogger(e.log)}
	if configure != nil {
		configure(&options)
	}
	options.HostPort = target
	options.Namespace = Namespace
	options.ConnectionOptions.TLS = own.client()
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions,
		grpc.WithContextDialer(dialer(e.home)), fastReconnect())
	return e.dial(ctx, options)
}

// dial retries until an engine answers: the process that ran it may have ended meanwhile, and another one, perhaps this, takes
// it over.
func (e *Engine) dial(ctx context.Context, options client.Options) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	for {
		dialed, err := client.DialContext(ctx, options)
		if err == nil {
			return dialed, nil
		}
		held, heldErr := e.isHeld()
		if heldErr != nil || !held && !e.joined() {
			return nil, failed(e.home, "it does not answer", err)
		}
		select {
		case <-ctx.Done():
			return nil, failed(e.home, "it does not answer", err)
		case <-time.After(lockPoll):
		}
	}
}

// joined reports whether this process runs the engine, or waits to take it over.
func (e *Engine) joined() bool {
	select {
	case <-e.waiting:
		return e.Holder()
	default:
		return true
	}
}

// fastReconnect makes clients reconnect fast after a take-over.
func fastReconnect() grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{
			BaseDelay: 20 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 200 * time.Millisecond,
		},
		MinConnectTimeout: time.Second,
	})
}

// isServing reports whether an engine answers at the address in the home.
func (e *Engine) isServing(ctx context.Context) bool {
	info, err := ReadInfo(e.home)
	if err != nil {
		return false
	}
	own, err := loadIdentity(e.home)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	return e.waitServing(ctx, own, info.Address, false) == nil
}

// waitServing waits until the server at the address reports that it is serving, with waitReady also for the connection.
func (e *Engine) waitServing(ctx context.Context, own *identity, address string, waitReady bool) error {
	connection, err := grpc.NewClient("passthrough:///"+address, fastReconnect(),
		grpc.WithTransportCredentials(credentials.NewTLS(own.client())))
	if err != nil {
		return err
	}
	defer func() {
		if err := connection.Close(); err != nil {
			e.log.Debug("closing a connection to the engine", "error", err)
		}
	}()
	health := grpc_health_v1.NewHealthClient(connection)
	for {
		request := &grpc_health_v1.HealthCheckRequest{Service: serviceName}
		answer, err := health.Check(ctx, request, grpc.WaitForReady(waitReady))
		if err != nil || answer.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// setBuildID sets the build id of the SDK. Without it the SDK hashes the whole program, which takes longer than a start.
func setBuildID() {
	id := "gleitzeit"
	if info, ok := debug.ReadBuildInfo(); ok {
		id += "@" + info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				id += "+" + setting.Value
			}
		}
	}
	worker.SetBinaryChecksum(id)
}
