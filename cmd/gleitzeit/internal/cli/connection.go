package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/cluster"
	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/worker"
)

// temporalFlags are for commands that may use another Temporal than the home's engine. They are named as the temporal
// CLI has them.
func (p *program) temporalFlags(command *cobra.Command) *cobra.Command {
	command.Flags().StringVar(&p.temporal.Address, "address", "", "host:port of a Temporal to use instead of the home's engine (default $TEMPORAL_ADDRESS)")
	command.Flags().StringVar(&p.temporal.Namespace, "namespace", "", "namespace there (default $TEMPORAL_NAMESPACE, else default)")
	command.Flags().StringVar(&p.temporal.Profile, "profile", "", "profile of temporal.toml that says how to connect (default $TEMPORAL_PROFILE)")
	return command
}

// elsewhere returns the Temporal that is configured beside the home's engine, nil where none is. The address of that
// very engine, which `config env` gives to other programs, is none.
func (s *session) elsewhere() (*cluster.Cluster, error) {
	found, err := cluster.Find(s.temporal)
	if err != nil || found == nil {
		return nil, err
	}
	if own, err := engine.ReadInfo(s.home); err == nil && own.Address == found.Address && found.Namespace == engine.Namespace {
		return nil, nil
	}
	return found, nil
}

// join starts the home's engine, or joins the one that another process of the home runs.
func (s *session) join(ctx context.Context) error {
	joined, err := engine.Join(ctx, s.options())
	if err != nil {
		return err
	}
	return s.use(ctx, joined)
}

// joinAny uses the Temporal that is configured, else joins the home's engine, and starts it where none runs.
func (s *session) joinAny(ctx context.Context) error {
	found, err := s.elsewhere()
	if err != nil {
		return err
	}
	if found != nil {
		return s.dial(ctx, found)
	}
	return s.join(ctx)
}

// connect uses the Temporal that is configured, else the home's engine where one runs; false means that none does.
func (s *session) connect(ctx context.Context) (bool, error) {
	found, err := s.elsewhere()
	if err != nil {
		return false, err
	}
	if found != nil {
		return true, s.dial(ctx, found)
	}
	return s.connectHome(ctx)
}

// connectHome uses the home's engine where one runs; false means that none does.
func (s *session) connectHome(ctx context.Context) (bool, error) {
	running, err := engine.Connect(ctx, s.options())
	if errors.Is(err, engine.ErrNotRunning) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.use(ctx, running)
}

// reach is connect for commands that can do nothing without a Temporal.
func (s *session) reach(ctx context.Context) error {
	running, err := s.connect(ctx)
	if err == nil && !running {
		err = s.notRunning()
	}
	return err
}

// unreachable is the error of a Temporal that does not answer, nil for any other.
func unreachable(err error) *protocol.Error {
	if known, is := errors.AsType[*protocol.Error](err); is && known.Code == protocol.EngineUnreachable {
		return known
	}
	return nil
}

func (s *session) notRunning() error {
	return protocol.Errorf(protocol.EngineUnreachable, "no engine runs in %s", s.home.Path).
		WithHint("`gleitzeit server` starts one; TEMPORAL_ADDRESS or --address names another Temporal")
}

func (s *session) use(ctx context.Context, e *engine.Engine) error {
	s.engine = e
	dialed, err := e.Client(ctx, worker.ConfigureClient(s.store))
	s.client = dialed
	return err
}

func (s *session) dial(ctx context.Context, to *cluster.Cluster) error {
	s.cluster = to
	dialed, err := to.Dial(ctx, engineLog(s.log), func(o *client.Options) {
		worker.ConfigureClient(s.store)(o)
		o.Identity = identity()
		if host, err := os.Hostname(); err == nil {
			o.Identity += "@" + host
		}
	})
	s.client = dialed
	return err
}

// trouble is what is wrong with an engine in this process; nil where all is well, or the engine is another's.
func (s *session) trouble() error {
	if s.engine == nil {
		return nil
	}
	return s.engine.Err()
}

// place says where runs are looked for.
func (s *session) place() string {
	if s.cluster != nil {
		return s.cluster.Address
	}
	return s.home.Path
}

// starting are the options with which this session starts runs on a queue.
func (s *session) starting(ctx context.Context, queue string) worker.Options {
	return worker.Options{
		Queue: queue, Local: s.cluster == nil,
		NoSearchAttributes: s.cluster != nil && !s.cluster.SearchAttributes(ctx, s.client),
	}
}
