package runs

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/worker"
)

// ConfigOptions returns the sources of settings, and the providers of models that they may name.
func ConfigOptions(env func(string) (string, bool), home string) config.Options {
	return config.Options{Env: env, Home: home, Providers: llm.Providers()}
}

// handlerOptions returns the options of the protocols from the settings.
func handlerOptions(settings *config.Settings, env func(string) (string, bool), store resultstore.Store, log *slog.Logger) worker.HandlerOptions {
	tools := settings.MCP
	if !python.CanFork {
		log.Info("this system cannot fork processes: each Python script starts an interpreter of its own, which takes longer")
	}
	return worker.HandlerOptions{
		LLM: modelOptions(settings, env),
		MCP: mcp.Options{
			Servers: tools.Servers, Allow: allowance(settings),
			Env: env, Secrets: Secrets(settings, env, nil), Log: log,
		},
		Python:    PythonOptions(settings),
		Documents: DocumentReader(settings, env),
		Store:     store,
	}
}

// allowance returns which servers of workflows may be used.
func allowance(settings *config.Settings) mcp.Allow {
	return mcp.Allow{All: settings.MCP.AllowWorkflowServers, Patterns: settings.MCP.AllowedWorkflowServers}
}

// DocumentReader returns what reads documents as the settings say. What the PDF reader compiles is kept in the home folder.
func DocumentReader(settings *config.Settings, env func(string) (string, bool)) *reader.Reader {
	documents.SetCache(home.CacheIn(settings.Home))
	converters := map[string]reader.Converter{}
	for _, c := range settings.Converters {
		if c.IsMethod() {
			converters[c.Extension] = &reader.Method{Words: c.Words}
			continue
		}
		command := &reader.Command{Words: c.Words, Environment: child.Environment(env)}
		if settings.Python.Sandbox == python.SandboxBwrap {
			command.Sandbox = func(ctx context.Context, program, folder string) ([]string, error) {
				return python.SandboxCommand(ctx, program, folder, hidden(settings))
			}
		}
		converters[c.Extension] = command
	}
	return reader.New(converters)
}

// PythonOptions returns the options of python/v1 from the settings.
func PythonOptions(settings *config.Settings) python.Options {
	p := settings.Python
	return python.Options{
		Interpreter: p.Interpreter, Interpreters: p.Interpreters, Preload: p.Preload, Env: p.Env, Sandbox: p.Sandbox, Grace: p.Grace, HiddenFolders: hidden(settings),
		Limits: python.Limits{
			Memory: p.Memory, CPU: p.CPU, FileSize: p.FileSize, OpenFiles: p.OpenFiles, Processes: p.Processes, Output: p.Output, Temp: p.Temp,
		},
	}
}

// hidden returns the folders and files that a sandbox hides: those with data of other runs, and with secrets.
func hidden(settings *config.Settings) []string {
	paths := append([]string{settings.Home}, settings.Secrets.EnvFiles...)
	for _, path := range []string{settings.Secrets.Dir, settings.KeyFile} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

func modelOptions(settings *config.Settings, env func(string) (string, bool)) llm.Options {
	return llm.Options{
		Provider: settings.Provider, Providers: settings.Providers,
		// Of this process, for a look at a server that wants one.
		Secret: Secrets(settings, env, nil).Require,
	}
}

// Secrets returns the sources of secrets. environ may be nil where they are not listed.
func Secrets(settings *config.Settings, env func(string) (string, bool), environ func() []string) secretsource.Sources {
	return secretsource.Sources{Env: env, Environ: environ, Dir: settings.Secrets.Dir, EnvFiles: settings.Secrets.EnvFiles}
}

// Specs returns the protocols that workflows are checked against. Of those of another machine no tool servers are known;
// those of this one come from the settings, which must be readable: without them each server would be an unknown one.
func Specs(o config.Options, remote bool) ([]protocol.Spec, error) {
	if remote {
		return worker.RemoteSpecs(), nil
	}
	settings, err := config.Load(o)
	if err != nil {
		return nil, err
	}
	specs := worker.Specs(settings.Provider, settings.MCP.Servers...)
	for i := range specs {
		if specs[i].Name == mcp.Spec().Name {
			specs[i].AllowServer = allowance(settings).Check
		}
	}
	return specs, nil
}

// TaskFailure is why the method of a task cannot be called.
type TaskFailure struct {
	Task          int // Its number in the plan.
	Message, Hint string
}

// OnlineSpecs is Specs with what the tool servers that the plan needs say of their tools, and why others are not
// available. They are started for that, and stopped.
func OnlineSpecs(ctx context.Context, o Options, p *plan.Plan) (specs []protocol.Spec, failures []TaskFailure, err error) {
	specs, unavailable, err := worker.OnlineSpecs(ctx, handlerOptions(o.Settings, o.Env, nil, o.Log), p)
	for _, u := range unavailable {
		failures = append(failures, TaskFailure{Task: u.First, Message: view.BriefOutput(u.Error.Message), Hint: u.Error.Hint})
	}
	return specs, failures, err
}

// Provider is what serves one protocol in this process.
type Provider struct {
	Spec    protocol.Spec
	handler protocol.Handler
}

// OpenProviders returns the providers of the settings. They need no home folder, and none is made. The caller closes them.
func OpenProviders(o Options) (all []Provider, closeAll func() error, err error) {
	handlers, closeAll, err := worker.Handlers(handlerOptions(o.Settings, o.Env, nil, o.Log))
	if err != nil {
		return nil, nil, err
	}
	for _, h := range handlers {
		if slices.ContainsFunc(h.Spec.Methods, func(m protocol.Method) bool { return !m.Waits }) { // People have no server.
			all = append(all, Provider{h.Spec, h.Handler})
		}
	}
	return all, closeAll, nil
}

// checkTime limits how long servers are asked whether calls can succeed.
const checkTime = 5 * time.Second

// CheckCalls returns why no call of a task can succeed, or none for one of its models: no server of a model is there, or none has it. It is
// asked once, before thousands of items fail for one reason. What cannot be known before is no error.
func CheckCalls(ctx context.Context, o Options, task *plan.Task) (err error) {
	handlers, closeAll, err := worker.Handlers(handlerOptions(o.Settings, o.Env, nil, o.Log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var keys redaction.Set
	sources := Secrets(o.Settings, o.Env, nil)
	for _, h := range handlers {
		checker, is := h.Handler.(protocol.CallChecker)
		if _, found := h.Spec.Find(task.Method); !is || !found {
			continue
		}
		request := protocol.Request{Method: task.Method, Parameters: task.Parameters, Secrets: &keys, Secret: sources.Require}
		if task.FanOut == nil || len(task.FanOut.Models) == 0 {
			return checker.CheckCall(ctx, request)
		}
		return checkModels(ctx, checker, request, task.FanOut.Models)
	}
	return nil
}

// checkModels checks the calls of each of several models. It returns one error, with all that is missing.
func checkModels(ctx context.Context, checker protocol.CallChecker, request protocol.Request, models []string) error {
	var failure *protocol.Error
	parameters := request.Parameters
	for _, model := range models {
		request.Parameters = parameters.With("model", value.String(model))
		err := checker.CheckCall(ctx, request)
		if err == nil {
			continue
		}
		of := protocol.AsError(err, protocol.ProviderNotAvailable)
		switch {
		case failure == nil:
			failure = of
		case failure.Message != of.Message: // A server that is not there is not there for all.
			failure.Message += "; " + of.Message
		}
	}
	if failure == nil {
		return nil
	}
	return failure
}

// CallModel calls a method of models here and now, without a run. It shares the servers with the runs here, in the order of priorities.
// The keys of servers do not leave it, also where a server repeats one.
func CallModel(ctx context.Context, e *Executor, request protocol.Request) (protocol.Result, error) {
	models, err := e.Models()
	if err != nil {
		return protocol.Result{}, err
	}
	var keys redaction.Set
	sources := Secrets(e.session.options.Settings, e.session.options.Env, nil)
	request.Secrets = &keys
	request.Secret = func(name string) (string, error) {
		key, err := sources.Require(name)
		if err == nil {
			keys.Add("[secrets."+name+"]", key)
		}
		return key, err
	}
	write, rest := request.Stream, ""
	if write != nil {
		request.Stream = func(piece []byte) error {
			var clean string
			if clean, rest = keys.Split(rest + string(piece)); clean == "" {
				return nil
			}
			return write([]byte(clean))
		}
	}
	result, err := models.handler.Handle(ctx, request, nil)
	if rest != "" {
		err = cmp.Or(err, write([]byte(keys.String(rest))))
	}
	if err != nil {
		failure := *protocol.AsError(err, protocol.TaskExecutionFailed)
		failure.Message, failure.Hint = keys.String(failure.Message), keys.String(failure.Hint)
		return protocol.Result{}, &failure
	}
	result.Value = keys.Value(result.Value)
	return result, nil
}

// Servers returns the servers of the settings; false for a protocol that needs none.
func (p Provider) Servers() ([]protocol.Server, bool) {
	reporter, is := p.handler.(protocol.ServerReporter)
	if !is {
		return nil, false
	}
	return reporter.Servers(), true
}

// Probe asks each server that is wanted for its state; false for a protocol that needs none.
func (p Provider) Probe(ctx context.Context, wanted func(protocol.Server) bool) ([]protocol.ServerState, bool) {
	reporter, is := p.handler.(protocol.ServerReporter)
	if !is {
		return nil, false
	}
	return reporter.Probe(ctx, wanted), true
}

// Load returns what each server works on for this process; nil where nobody knows.
func (p Provider) Load() []protocol.ServerLoad {
	if reporter, is := p.handler.(protocol.LoadReporter); is {
		return reporter.Load()
	}
	return nil
}

// Health returns why calls cannot succeed now; nil where they can.
func (p Provider) Health(ctx context.Context) *protocol.Error {
	if err := p.handler.Health(ctx); err != nil {
		return protocol.AsError(err, protocol.ProviderNotAvailable)
	}
	return nil
}

// ProviderHealth is how the provider of a protocol is.
type ProviderHealth struct {
	Name      string // Of the protocol.
	Error     *protocol.Error
	Unchecked []string // The servers of which it says nothing.
}

// Unchecked names the servers that Health does not check.
func (p Provider) Unchecked() []string {
	if reporter, is := p.handler.(protocol.ServerReporter); is {
		return reporter.Unchecked()
	}
	return nil
}

// ProvidersHealth asks every protocol whether calls can succeed now, all at once. It starts no server.
func ProvidersHealth(ctx context.Context, s *Session) ([]ProviderHealth, error) {
	providers, closeAll, err := OpenProviders(s.options)
	if err != nil {
		return nil, err
	}
	states := make([]ProviderHealth, len(providers))
	var asked sync.WaitGroup
	for i, p := range providers {
		asked.Go(func() { states[i] = ProviderHealth{p.Spec.Name, p.Health(ctx), p.Unchecked()} })
	}
	asked.Wait()
	return states, closeAll()
}

// DefaultSpecs returns the protocols without what any settings add.
func DefaultSpecs() []protocol.Spec { return worker.Specs("") }
