package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/open"
	"github.com/gleitzeit/gleitzeit/worker"
)

// session is the home folder with what lies in it: the result store, and, where a command needs it, the engine.
type session struct {
	settings *config.Settings
	home     *home.Home
	store    resultstore.Store
	log      *slog.Logger
	engine   *engine.Engine
	client   client.Client
}

// openSession opens home and store. The caller closes the session.
func (p *program) openSession(ctx context.Context) (*session, error) {
	settings, err := config.Load(config.Options{Env: p.Env, Home: p.home})
	if err != nil {
		return nil, err
	}
	opened, err := home.Open(settings.Home)
	if err != nil {
		return nil, err
	}
	store, err := open.Store(ctx, settings.Store)
	if err != nil {
		return nil, err
	}
	return &session{settings: settings, home: opened, store: store, log: p.logger()}, nil
}

// logger is for what goes on inside; what people must know, commands print themselves.
func (p *program) logger() *slog.Logger {
	level := slog.LevelError
	if named, set := p.Env("GLEITZEIT_LOG_LEVEL"); set && named != "" {
		if err := level.UnmarshalText([]byte(named)); err != nil {
			p.say("GLEITZEIT_LOG_LEVEL is %q, and the levels are debug, info, warn and error", named)
		}
	}
	return slog.New(slog.NewTextHandler(p.Err, &slog.HandlerOptions{Level: level}))
}

func (s *session) options() engine.Options {
	return engine.Options{
		Home: s.home, Log: engineLog(s.log), LogLevel: slog.LevelDebug, Identity: fmt.Sprintf("gleitzeit@%d", os.Getpid()),
	}
}

// handlerOptions are what the protocols are told of the settings.
func (s *session) handlerOptions() worker.HandlerOptions {
	ollama := s.settings.Ollama
	return worker.HandlerOptions{LLM: llm.Options{
		URL: ollama.URL, Model: ollama.Model, VisionModel: ollama.VisionModel, MaxConcurrent: ollama.MaxConcurrent,
	}}
}

// join starts the engine, or joins the one that another process of this home runs.
func (s *session) join(ctx context.Context) error {
	joined, err := engine.Join(ctx, s.options())
	if err != nil {
		return err
	}
	return s.use(ctx, joined)
}

// connect uses the engine only where one runs; false means that none does.
func (s *session) connect(ctx context.Context) (bool, error) {
	running, err := engine.Connect(ctx, s.options())
	if errors.Is(err, engine.ErrNotRunning) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.use(ctx, running)
}

func (s *session) use(ctx context.Context, e *engine.Engine) error {
	s.engine = e
	dialed, err := e.Client(ctx, worker.ConfigureClient(s.store))
	s.client = dialed
	return err
}

// close lets go of everything at once; the process is about to exit.
func (s *session) close() {
	if s.client != nil {
		s.client.Close()
	}
	if s.engine != nil {
		s.engine.Close()
	}
	if err := s.store.Close(); err != nil {
		s.log.Error("the result store did not close", "error", err)
	}
}
