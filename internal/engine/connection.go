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
	healthTimeout = time.Second // Of one question; something else may listen on a dead engine's port.
)

// Client returns an SDK client of the engine that survives a take-over. configure, which may be nil, sets what it wants
// but the address, the TLS and the namespace. The caller closes the client.
func (e *Engine) Client(ctx context.Context, configure func(*client.Options)) (client.Client, error) {
	own, err := loadIdentity(e.home)
	if err != nil {
		return nil, e.failed("cannot read its key pair", err)
	}
	options := client.Options{Identity: e.options.Identity, Logger: log.NewStructuredLogger(e.log)}
	if configure != nil {
		configure(&options)
	}
	options.HostPort = target
	options.Namespace = Namespace
	options.ConnectionOptions.TLS = own.client()
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions,
		grpc.WithContextDialer(dialer(e.home)), connectSoon())
	return e.dial(ctx, options)
}

// dial tries until an engine answers: the process that had it may be gone since it was asked last, and another one, perhaps
// this, takes it over.
func (e *Engine) dial(ctx context.Context, options client.Options) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	for {
		dialed, err := client.DialContext(ctx, options)
		if err == nil {
			return dialed, nil
		}
		held, unknown := e.somebodyHolds()
		if unknown != nil || !held && !e.joined() {
			return nil, e.failed("it does not answer", err)
		}
		select {
		case <-ctx.Done():
			return nil, e.failed("it does not answer", err)
		case <-time.After(lockPoll):
		}
	}
}

// joined tells whether this process runs the engine, or takes it over.
func (e *Engine) joined() bool {
	select {
	case <-e.waiting:
		return e.Holder()
	default:
		return true
	}
}

// connectSoon makes connections come back soon after a take-over.
func connectSoon() grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{
			BaseDelay: 20 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 200 * time.Millisecond,
		},
		MinConnectTimeout: time.Second,
	})
}

// answers tells whether an engine serves at the address that the home names.
func (e *Engine) answers(ctx context.Context) bool {
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
	return e.ask(ctx, own, info.Address, false) == nil
}

// ask waits until the server at the address says that it serves; with patient also until it can be connected to.
func (e *Engine) ask(ctx context.Context, own *identity, address string, patient bool) error {
	connection, err := grpc.NewClient("passthrough:///"+address, connectSoon(),
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
		answer, err := health.Check(ctx, request, grpc.WaitForReady(patient))
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

// setBuildID tells the SDK who we are. Without it the SDK hashes the whole program, which takes longer than a start.
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
