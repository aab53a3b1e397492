// Package cluster connects to a Temporal server outside this program. It reads the connection like the temporal CLI, from flags,
// TEMPORAL_* variables and the profiles of temporal.toml. It knows no home folder and starts nothing.
package cluster

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// dialTimeout bounds the first connection.
const dialTimeout = 10 * time.Second

// Options of a connection. Flags take precedence over variables, and variables over the profile.
type Options struct {
	Env     func(name string) (string, bool)
	Environ func() []string // All variables, each NAME=value, because TEMPORAL_GRPC_META_* may have any name.

	// From flags; empty if not set.
	Address   string // host:port.
	Namespace string
	Profile   string // Of temporal.toml.
}

// Cluster is a configured Temporal server.
type Cluster struct {
	Address   string // host:port.
	Namespace string
	options   client.Options
}

// Find returns the configured Temporal server; nil if no address is set. It does not connect.
func Find(o Options) (*Cluster, error) {
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{
		ConfigFileProfile: o.Profile, EnvLookup: lookup{o.Environ, o.Env},
	})
	if err != nil {
		return nil, misconfigured(err)
	}
	if o.Address != "" {
		profile.Address = o.Address
	}
	if o.Namespace != "" {
		profile.Namespace = o.Namespace
	}
	if profile.Address == "" {
		return nil, o.checkUnused()
	}
	if profile.Namespace == "" {
		profile.Namespace = client.DefaultNamespace
	}
	options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		return nil, misconfigured(err)
	}
	return &Cluster{Address: profile.Address, Namespace: profile.Namespace, options: options}, nil
}

// checkUnused reports flags that have no effect because no address is configured: they say that another server is meant than the home's.
func (o Options) checkUnused() error {
	const remedy = "name the server: --address, TEMPORAL_ADDRESS, or a profile with an address"
	switch {
	case o.Profile != "":
		return protocol.Errorf(protocol.InvalidParams, "--profile %q has no effect: it has no address of a Temporal server", o.Profile).WithHint(remedy)
	case o.Namespace != "" && o.Namespace != client.DefaultNamespace:
		return protocol.Errorf(protocol.InvalidParams, "--namespace %q has no effect: no address of a Temporal server is configured, and the engine of the home has the namespace %q",
			o.Namespace, client.DefaultNamespace).WithHint(remedy)
	}
	return nil
}

func misconfigured(err error) error {
	return protocol.Errorf(protocol.ConfigurationError, "invalid configuration of the Temporal connection: %s", err).WithCause(err).
		WithHint("it is read from TEMPORAL_ADDRESS and the other TEMPORAL_* variables, and from temporal.toml, like that of the temporal CLI")
}

// Dial returns a client. configure, which may be nil, can set all options except address, namespace, TLS and credentials. The
// caller closes the client.
func (c *Cluster) Dial(ctx context.Context, logger *slog.Logger, configure func(*client.Options)) (client.Client, error) {
	options := c.options
	options.Logger = log.NewStructuredLogger(logger)
	if configure != nil {
		configure(&options)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialed, err := client.DialContext(ctx, options)
	if _, denied := errors.AsType[*serviceerror.PermissionDenied](err); denied {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the Temporal server at %s denies access: %s", c.Address, err).WithCause(err).
			WithHint("set TEMPORAL_API_KEY, the TEMPORAL_TLS_* variables or a profile to authenticate, and TEMPORAL_NAMESPACE to a namespace with access")
	}
	if err != nil && ctx.Err() == nil && !IsUnavailable(err) {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the Temporal server at %s refuses the connection: %s", c.Address, err).WithCause(err).
			WithHint("check TEMPORAL_NAMESPACE and the other TEMPORAL_* variables, or the profile")
	}
	if err != nil {
		return nil, protocol.Errorf(protocol.EngineUnreachable, "the Temporal server at %s cannot be reached: %s", c.Address, err).WithCause(err).
			WithHint("check TEMPORAL_ADDRESS, --address or the profile; `temporal operator cluster health` reads the same settings")
	}
	return dialed, nil
}

// lookup is the environment for envconfig.
type lookup struct {
	environ func() []string
	env     func(name string) (string, bool)
}

func (l lookup) Environ() []string { return l.environ() }

func (l lookup) LookupEnv(name string) (string, bool) { return l.env(name) }
