package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/cluster"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/open"
	"github.com/gleitzeit/gleitzeit/worker"
)

// session is the home folder with what lies in it: the result store, and, where a command needs it, a Temporal.
type session struct {
	settings *config.Settings
	home     *home.Home
	store    resultstore.Store
	log      *slog.Logger
	passing  string          // The home's folder where it goes with the session, else empty.
	temporal cluster.Options // What may name another Temporal than the home's engine.
	env      func(name string) (string, bool)

	client  client.Client    // Nil until join or connect.
	engine  *engine.Engine   // The home's; nil with a cluster.
	cluster *cluster.Cluster // Nil with the home's engine.
}

// openSession opens home and store, for a command that looks at what other processes do, or leaves something for them.
// The caller closes the session.
func (p *program) openSession(ctx context.Context) (*session, error) {
	settings, err := p.settings()
	if err != nil {
		return nil, err
	}
	if err := settings.RequirePersistentStore(); err != nil {
		return nil, err
	}
	return p.openAt(ctx, settings, settings.Home)
}

// openAt opens a home, which need not be that of the settings, and the store.
func (p *program) openAt(ctx context.Context, settings *config.Settings, folder string) (*session, error) {
	opened, err := home.Open(folder)
	if err != nil {
		return nil, err
	}
	store, err := open.Store(ctx, settings.Store)
	if err != nil {
		return nil, err
	}
	p.advise(store)
	temporal := p.temporal
	temporal.Env, temporal.Environ = p.Env, p.Environ
	return &session{settings: settings, home: opened, store: store, log: p.logger(settings.LogLevel), temporal: temporal, env: p.Env}, nil
}

// logger is for what goes on inside; what people must know, commands print themselves.
func (p *program) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(p.Err, &slog.HandlerOptions{Level: level}))
}

// identity is what Temporal calls this process.
func identity() string { return fmt.Sprintf("gleitzeit@%d", os.Getpid()) }

func (s *session) options() engine.Options {
	return engine.Options{
		Home: s.home, Log: engineLog(s.log), LogLevel: slog.LevelDebug, Identity: identity(),
	}
}

// handlerOptions are what the protocols are told of the settings.
func (s *session) handlerOptions() worker.HandlerOptions {
	tools := s.settings.MCP
	return worker.HandlerOptions{
		LLM: s.modelOptions(),
		MCP: mcp.Options{
			Servers: tools.Servers, Allow: mcp.Allow{All: tools.AllowWorkflowServers, These: tools.AllowedWorkflowServers},
			Env: s.temporal.Env, Log: s.log,
		},
		Python: pythonOptions(s.settings),
		Store:  s.store,
	}
}

func pythonOptions(settings *config.Settings) python.Options {
	p := settings.Python
	return python.Options{
		Interpreter: p.Interpreter, Preload: p.Preload, Env: p.Env, Sandbox: p.Sandbox, Hide: []string{settings.Home},
		Limits: python.Limits{
			Memory: p.Memory, CPU: p.CPU, FileSize: p.FileSize, OpenFiles: p.OpenFiles, Processes: p.Processes, Output: p.Output,
		},
	}
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
	s.vanish()
}
