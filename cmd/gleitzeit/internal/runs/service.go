package runs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/webui"
	"github.com/gleitzeit/gleitzeit/worker"
)

// SharedSlots is how many tasks a server or a worker executes at once: most of them wait for a model or a tool, and each
// script is a process.
const SharedSlots = 100

// UIPort is the port of the Web UI of a server without --ui-port.
const UIPort = 8233

// ServiceOptions are the options of a service.
type ServiceOptions struct {
	Queue string
	Slots int           // Tasks that it executes at once.
	Drain time.Duration // How long tasks in flight may take when it stops; 0 is the worker's default.
}

// Service executes what arrives on a task queue.
type Service struct {
	executor *Executor
	worker   *worker.Worker
	failed   chan error
}

// Serve starts to execute what arrives on a task queue. The caller stops it.
func (e *Executor) Serve(o ServiceOptions) (*Service, error) {
	acts, err := e.activities()
	if err != nil {
		return nil, err
	}
	v := &Service{executor: e, failed: make(chan error, 1)}
	v.worker = worker.New(e.session.client, acts, worker.Options{
		Queue: o.Queue, Local: e.session.cluster == nil, Slots: o.Slots, Drain: o.Drain,
		Fatal: func(err error) {
			select {
			case v.failed <- e.session.failed(err, "the worker of queue %q has stopped", o.Queue):
			default:
			}
		},
	})
	if err := v.worker.Start(); err != nil {
		return nil, errors.Join(e.session.failed(err, "cannot start a worker"), e.Close())
	}
	return v, nil
}

const (
	// pollerTimeout is how long a service waits until Temporal knows that it serves its queue: usually milliseconds.
	pollerTimeout = 2 * time.Second
	pollerPoll    = 20 * time.Millisecond
)

// awaitPoller waits until Temporal knows that somebody serves the queue, so that a run submitted as soon as a service is ready
// is not reported as waiting for one. An error is no reason to fail: the worker retries by itself.
func (e *Executor) awaitPoller(queue string) {
	ctx, done := context.WithTimeout(e.living, pollerTimeout)
	defer done()
	ticker := time.NewTicker(pollerPoll)
	defer ticker.Stop()
	for {
		found, err := e.session.Pollers(ctx, queue)
		if err != nil || len(found) > 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Failed returns a channel with the reason why the service has stopped executing tasks.
func (v *Service) Failed() <-chan error { return v.failed }

// Stop waits for the tasks in flight, starts no others, and closes the protocols.
func (v *Service) Stop() error {
	v.worker.Stop()
	return v.executor.Close()
}

// Work starts to serve a task queue, of the home's engine or of a cluster, which is prepared for that. roots are the
// folders beneath which tasks read files.
func (s *Session) Work(ctx context.Context, o ServiceOptions, roots []string) (*Service, error) {
	if len(roots) == 0 && s.cluster != nil {
		roots = s.options.Settings.Roots
		if len(roots) == 0 {
			roots = []string{"."}
		}
	}
	roots, err := Folders(roots)
	if err != nil {
		return nil, err
	}
	if s.cluster != nil {
		said, err := s.cluster.Prepare(ctx, s.client, s.options.Settings.Retention)
		if err != nil {
			return nil, err
		}
		if said != "" {
			s.notify(Warning, "", "%s", said)
		}
	}
	v, err := s.NewExecutor(ctx, roots...).Serve(o)
	if err != nil {
		return nil, err
	}
	v.executor.awaitPoller(o.Queue)
	s.notify(Ready, "", "worker ready: queue %s at %s", o.Queue, s.address())
	return v, nil
}

// Folders returns folders that tasks may read, absolute. A worker of the home's engine has none but those it is given: it
// executes what its own user has started, and each run defines what it may read.
func Folders(wanted []string) ([]string, error) {
	var roots []string
	for _, root := range wanted {
		absolute, err := filepath.Abs(root)
		if err != nil {
			return nil, protocol.Errorf(protocol.ConfigurationError, "cannot find the folder %q: %s", root, err)
		}
		info, err := os.Stat(absolute)
		if err == nil && !info.IsDir() {
			err = errors.New("not a folder")
		}
		if err != nil {
			return nil, protocol.Errorf(protocol.ConfigurationError, "cannot use the folder %q: %s", root, reason(err)).
				WithHint("--root, or `roots` of the configuration, names existing folders")
		}
		roots = append(roots, absolute)
	}
	return roots, nil
}

// reason returns why a path cannot be used, without the path.
func reason(err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		return of.Err
	}
	return err
}

// problemEvery is how often a process that serves looks whether its engine has a problem.
const problemEvery = time.Second

// NotifyProblems notifies of problems of the engine in this process, such as a full disk, until ctx is done: clients only see
// only that nothing answers.
func (e *Executor) NotifyProblems(ctx context.Context) {
	ticker := time.NewTicker(problemEvery)
	defer ticker.Stop()
	notified := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := e.Problem(); err != nil && err.Error() != notified {
				notified = err.Error()
				e.session.notify(Problem, "", "%s", notified)
			}
		}
	}
}

// ServerOptions are the options of a server.
type ServerOptions struct {
	ServiceOptions
	UIPort int // Of the Web UI, on loopback.
	// ExactUIPort: a port that is taken is an error; otherwise it is another one.
	ExactUIPort bool
	NoUI        bool
	// Front makes the pages that come before Temporal's, until ctx is done; nil: there are none.
	Front func(ctx context.Context, v *Server) Front
}

// Front makes a handler that answers some requests before Temporal's pages get them.
type Front = webui.Front

// Server keeps the home's engine running, executes what arrives on a task queue, and adopts runs whose process has died.
type Server struct {
	session  *Session
	lock     *home.Serving
	executor *Executor
	service  *Service
	ui       *webui.Server      // Nil without a Web UI.
	adopting context.CancelFunc // Ends what the server does beside executing.
	adopted  chan struct{}
	pruned   chan struct{}
	Info     ServerInfo
}

// ServerInfo has the addresses of a server.
type ServerInfo struct {
	Engine        string // host:port of the Temporal frontend.
	ServerVersion string // Of Temporal.
	Namespace     string
	UI            string // A link with the token that lets its holder in; empty without a Web UI.
}

// StartServer starts a server of the home. The caller stops it.
func (s *Session) StartServer(ctx context.Context, o ServerOptions) (v *Server, err error) {
	lock, err := s.home.Serve()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Release())
		}
	}()
	s.scavengers = true
	if err := s.Join(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	v = &Server{session: s, lock: lock, executor: s.NewExecutor(running), adopting: stop, adopted: make(chan struct{}), pruned: make(chan struct{})}
	if v.service, err = v.executor.Serve(o.ServiceOptions); err != nil {
		stop()
		return nil, err
	}
	v.executor.awaitPoller(o.Queue)
	if err := v.open(ctx, running, o); err != nil {
		stop()
		return nil, errors.Join(err, v.service.Stop())
	}
	go func() {
		defer close(v.adopted)
		v.executor.Adopt(running)
	}()
	go func() {
		defer close(v.pruned)
		pruneRegularly(running, s)
	}()
	go v.executor.NotifyProblems(running)
	return v, nil
}

// open serves the Web UI, with the pages before it until running is done, and announces the addresses of the server.
func (v *Server) open(ctx, running context.Context, o ServerOptions) (err error) {
	s := v.session
	info, err := engine.ReadInfo(s.home)
	if err != nil {
		return err
	}
	v.Info = ServerInfo{Engine: info.Address, ServerVersion: info.ServerVersion, Namespace: engine.Namespace}
	if !o.NoUI {
		var front Front
		if o.Front != nil {
			front = o.Front(running, v)
		}
		v.ui, err = webui.Start(ctx, webui.Options{
			Front: front, Home: s.home, Port: o.UIPort, ExactPort: o.ExactUIPort, Log: s.log, Payloads: worker.ExternalStorage(s.store), Codecs: s.keys.Codecs(),
			Engine: func() (string, error) {
				info, err := engine.ReadInfo(s.home)
				return info.Address, err
			},
		})
		if err != nil {
			return err
		}
		v.Info.UI = v.ui.URL()
	}
	announced := home.Server{PID: os.Getpid(), Engine: info.Address}
	if v.ui != nil {
		announced.UI = v.ui.Address()
	}
	if err := v.lock.Announce(announced); err != nil {
		return errors.Join(err, v.stopUI(ctx))
	}
	return nil
}

func (v *Server) stopUI(ctx context.Context) error {
	if v.ui == nil {
		return nil
	}
	return v.ui.Stop(ctx)
}

// AnnounceBatchAPI announces the base URL of the Batch API to commands of the home.
func (v *Server) AnnounceBatchAPI(url string) error {
	return v.lock.Announce(home.Server{PID: os.Getpid(), Engine: v.Info.Engine, BatchAPI: url})
}

// Executor returns what executes runs in this server.
func (v *Server) Executor() *Executor { return v.executor }

// Failed returns a channel with the reason why the server has stopped executing tasks.
func (v *Server) Failed() <-chan error { return v.service.Failed() }

// stopTimeout bounds what a server takes to stop its Web UI and its engine; another process takes the engine over then.
const stopTimeout = 15 * time.Second

// Stop waits for the tasks in flight, releases open runs, and stops the engine.
func (v *Server) Stop() error {
	v.adopting()
	v.service.worker.Stop()
	<-v.adopted
	<-v.pruned
	v.executor.Wait()
	err := v.executor.Close()
	ctx, done := context.WithTimeout(context.Background(), stopTimeout)
	defer done()
	return errors.Join(err, v.stopUI(ctx), v.session.engine.Stop(ctx))
}

// Release releases the lock of the server, so that another server of the home can start.
func (v *Server) Release() error { return v.lock.Release() }
