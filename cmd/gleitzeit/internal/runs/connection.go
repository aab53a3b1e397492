package runs

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/cluster"
	"github.com/gleitzeit/gleitzeit/internal/encryption"
	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/worker"
)

// connection is a home with its store and the Temporal server in use: the home's engine, or a cluster.
type connection struct {
	options Options
	home    *home.Home
	store   resultstore.Store
	keys    *encryption.Keys // Nil: nothing is encrypted.
	log     *slog.Logger

	client  client.Client    // Nil until there is a Temporal server.
	engine  *engine.Engine   // The home's; nil with a cluster.
	cluster *cluster.Cluster // Nil with the home's engine.

	scavengers bool // Whether an engine in this process has Temporal's scavengers.
}

// configured returns the Temporal server that is configured instead of the home's engine, nil where none is. The address
// of that very engine, which `config env` gives to other programs, is none.
func (c *connection) configured() (*cluster.Cluster, error) {
	to := c.options.Temporal
	found, err := cluster.Find(cluster.Options{
		Address: to.Address, Namespace: to.Namespace, Profile: to.Profile, Env: c.options.Env, Environ: c.options.Environ,
	})
	if err != nil || found == nil {
		return nil, err
	}
	if own, err := engine.ReadInfo(c.home); err == nil && own.Address == found.Address && found.Namespace == engine.Namespace {
		return nil, nil
	}
	return found, nil
}

// Remote reports whether runs go to another Temporal server than the home's engine.
func (c *connection) Remote() (bool, error) {
	found, err := c.configured()
	return found != nil, err
}

// Join starts the home's engine, or joins the one that another process of the home runs.
func (c *connection) Join(ctx context.Context) error {
	joined, err := engine.Join(ctx, c.engineOptions())
	if err != nil {
		return err
	}
	return c.use(ctx, joined)
}

// JoinAny uses the Temporal server that is configured, else joins the home's engine, and starts it where none runs.
func (c *connection) JoinAny(ctx context.Context) error {
	found, err := c.configured()
	if err != nil {
		return err
	}
	if found != nil {
		return c.dial(ctx, found)
	}
	return c.Join(ctx)
}

// Connect uses the Temporal server that is configured, else the home's engine; false means that no engine runs.
func (c *connection) Connect(ctx context.Context) (bool, error) {
	found, err := c.configured()
	if err != nil {
		return false, err
	}
	if found != nil {
		return true, c.dial(ctx, found)
	}
	return c.ConnectHome(ctx)
}

// ConnectHome uses the home's engine; false means that none runs.
func (c *connection) ConnectHome(ctx context.Context) (bool, error) {
	running, err := engine.Connect(ctx, c.engineOptions())
	if errors.Is(err, engine.ErrNotRunning) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, c.use(ctx, running)
}

// fullDisk returns the error of the home's engine, in any process, where its disk is full. All that its clients see is that it
// does not answer.
func (c *connection) fullDisk() error {
	if c.cluster != nil {
		return nil
	}
	return engine.FullDisk(c.home)
}

// Reach is Connect for those who can do nothing without a Temporal server.
func (c *connection) Reach(ctx context.Context) error {
	running, err := c.Connect(ctx)
	if err == nil && !running {
		err = c.NotRunning()
	}
	return err
}

// awaitPoll is how often Await looks for a Temporal server that is not there yet.
const awaitPoll = 250 * time.Millisecond

// Await is Connect, and waits for a Temporal server that is not there yet until ctx is done.
func (c *connection) Await(ctx context.Context) error {
	ticker := time.NewTicker(awaitPoll)
	defer ticker.Stop()
	for notified := false; ; notified = true {
		running, err := c.Connect(ctx)
		unreachable := c.cluster != nil && AsUnreachable(err) != nil
		switch {
		case running && err == nil:
			return nil
		case err != nil && !unreachable:
			return err
		case notified:
		case unreachable:
			c.notify(Unreachable, "", "%s; waiting for it", err)
		default:
			c.notify(Unreachable, "", "no server runs in %s; waiting for one: `gleitzeit server` starts it", c.home.Path)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// NotRunning is the error of a home without an engine.
func (c *connection) NotRunning() error {
	return protocol.Errorf(protocol.EngineUnreachable, "no server runs in %s", c.home.Path).
		WithHint("`gleitzeit server` in another terminal starts one, and `gleitzeit run FILE` needs none; TEMPORAL_ADDRESS or --address names a Temporal server elsewhere")
}

func (c *connection) engineOptions() engine.Options {
	return engine.Options{Home: c.home, Log: engineLog(c.log), LogLevel: slog.LevelDebug, Identity: identity(), Scavengers: c.scavengers}
}

func (c *connection) use(ctx context.Context, e *engine.Engine) error {
	c.engine = e
	if full := c.fullDisk(); full != nil && !e.Holder() { // The process with the engine reports it itself.
		c.notify(Problem, "", "%s", full)
	}
	configure, err := c.configureClient(worker.ConfigureHomeClient)
	if err != nil {
		return err
	}
	dialed, err := e.Client(ctx, configure)
	c.client = dialed
	return err
}

// configureClient returns what every client of a run needs: the storage of large payloads, and encryption.
func (c *connection) configureClient(storing func(resultstore.Store) func(*client.Options)) (func(*client.Options), error) {
	encrypted, err := c.keys.Interceptors()
	if err != nil {
		return nil, err
	}
	return func(o *client.Options) {
		storing(c.store)(o)
		o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, encrypted...)
	}, nil
}

func (c *connection) dial(ctx context.Context, to *cluster.Cluster) error {
	c.cluster = to
	configure, err := c.configureClient(worker.ConfigureClient)
	if err != nil {
		return err
	}
	dialed, err := to.Dial(ctx, engineLog(c.log), func(o *client.Options) {
		configure(o)
		o.Identity = identity()
		if host, err := os.Hostname(); err == nil {
			o.Identity += "@" + host
		}
	})
	c.client = dialed
	return err
}

// Problem returns what is wrong with an engine in this process; nil where nothing is, or the engine is another's.
func (c *connection) Problem() error {
	if c.engine == nil {
		return nil
	}
	return c.engine.Err()
}

// Place returns where runs are searched: the home folder, or the address of a cluster.
func (c *connection) Place() string {
	if c.cluster != nil {
		return c.cluster.Address
	}
	return c.home.Path
}

// namespace returns the Temporal namespace in use.
func (c *connection) namespace() string {
	if c.cluster != nil {
		return c.cluster.Namespace
	}
	return engine.Namespace
}

// address returns where the Temporal server in use answers.
func (c *connection) address() string {
	if c.cluster != nil {
		return c.cluster.Address
	}
	info, err := engine.ReadInfo(c.home)
	if err != nil {
		return c.home.Path // The holder has just gone; the next one writes it anew.
	}
	return info.Address
}

// failed translates an error of the Temporal client, in an operation that format describes.
func (c *connection) failed(err error, format string, args ...any) error {
	if known, is := errors.AsType[*protocol.Error](err); is {
		return known
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	_, denied := errors.AsType[*serviceerror.PermissionDenied](err)
	_, nowhere := errors.AsType[*serviceerror.NamespaceNotFound](err)
	switch {
	case denied || nowhere:
		return protocol.Errorf(protocol.ConfigurationError, format+": %s", append(args, err)...).
			WithHint("TEMPORAL_NAMESPACE and the other TEMPORAL_* variables say where runs are started, and as whom")
	case cluster.IsUnavailable(err) && c.fullDisk() != nil:
		return c.fullDisk()
	case cluster.IsUnavailable(err):
		return protocol.Errorf(protocol.EngineUnreachable, format+": %s", append(args, err)...)
	}
	return protocol.Errorf(protocol.ConfigurationError, format+": the Temporal server refuses: %s", append(args, err)...)
}

// EngineState is the home's engine, or the Temporal server that is configured.
type EngineState struct {
	Status    string `json:"status"` // running, stopped or unreachable.
	Address   string `json:"address,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	PID       int    `json:"pid,omitempty"` // Of the process that holds the home's engine.
	Version   string `json:"version,omitempty"`
}

// Engine returns the state of the engine; running reports whether it answers.
func (c *connection) Engine(ctx context.Context, running bool) (EngineState, error) {
	switch {
	case !running && c.cluster != nil:
		return EngineState{Status: "unreachable", Address: c.cluster.Address, Namespace: c.cluster.Namespace}, nil
	case !running:
		return EngineState{Status: "stopped"}, nil
	}
	if c.cluster == nil {
		info, err := engine.ReadInfo(c.home)
		return EngineState{"running", info.Address, engine.Namespace, info.PID, info.ServerVersion}, err
	}
	info, err := c.client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	return EngineState{Status: "running", Address: c.cluster.Address, Namespace: c.cluster.Namespace, Version: info.GetServerVersion()}, err
}

// Variable is a variable of the environment.
type Variable struct{ Name, Value string }

// Variables returns those with which the temporal CLI, or any client that reads the SDK's envconfig, reaches the home's
// engine.
func (c *connection) Variables() ([]Variable, error) {
	info, err := engine.ReadInfo(c.home)
	if err != nil {
		return nil, err
	}
	return []Variable{
		{"TEMPORAL_ADDRESS", info.Address},
		{"TEMPORAL_NAMESPACE", engine.Namespace},
		{"TEMPORAL_TLS", "true"},
		{"TEMPORAL_TLS_CLIENT_CERT_PATH", c.home.EngineCertificate()},
		{"TEMPORAL_TLS_CLIENT_KEY_PATH", c.home.EngineKey()},
		{"TEMPORAL_TLS_SERVER_CA_CERT_PATH", c.home.EngineCertificate()},
		{"TEMPORAL_TLS_SERVER_NAME", engine.ServerName},
	}, nil
}

// AsUnreachable returns the error of a Temporal server that does not answer; nil for any other.
func AsUnreachable(err error) *protocol.Error {
	if known, is := errors.AsType[*protocol.Error](err); is && known.Code == protocol.EngineUnreachable {
		return known
	}
	return nil
}

// isNotFound reports whether Temporal does not know the run.
func isNotFound(err error) bool {
	_, unknown := errors.AsType[*serviceerror.NotFound](err)
	return unknown
}
