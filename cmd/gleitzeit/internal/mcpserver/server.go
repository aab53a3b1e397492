// Package mcpserver is Gleitzeit as an MCP server: tools to validate, run, submit, follow and read workflows, and one tool
// a workflow for folders of them. A model drives it: it reads no file but workflows beneath its folders, and runs no
// workflow that a client wrote, unless it was told so. How runs are executed is not its business: see Runs.
package mcpserver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Options say what is served.
type Options struct {
	Version string
	// Folders hold the workflows that may be run.
	Folders []string
	// Tools: each workflow in the folders has a tool of its own.
	Tools bool
	// Any: workflows may lie anywhere, and clients may write them. Whoever is let in can then do what the user can.
	Any bool
	// Folder is where the server was started, absolute: paths are taken from it where Any is set, and workflows that
	// clients write run in it.
	Folder string
	// Specs are the protocols there are.
	Specs []protocol.Spec
	// Tell tells the person who started the server something, a line or several.
	Tell func(text string)
	// Log is for what goes on inside.
	Log *slog.Logger
}

// Server is an MCP server. It may have many sessions.
type Server struct {
	options Options
	runs    Runs
	mcp     *mcp.Server
	folders []folder
	fixed   map[string]bool // Names of the tools that every server has.
	catalog catalog
	leaving atomic.Bool // Contexts end because the server does.
}

const instructions = "Gleitzeit runs workflows of prompts, Python and tools that are written in YAML. list_workflows shows what can be run. " +
	"run_workflow runs one and waits; for long ones use submit_workflow, and follow_run until the run has ended. run_results returns the result of each task."

// New makes a server. Its tools execute by way of runs. Close lets go of the folders.
func New(o Options, runs Runs) (*Server, error) {
	s := &Server{options: o, runs: runs, fixed: map[string]bool{}, catalog: catalog{told: map[string]string{}}}
	for _, path := range o.Folders {
		f, err := openFolder(path)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.folders = append(s.folders, f)
	}
	s.mcp = mcp.NewServer(&mcp.Implementation{Name: "gleitzeit", Title: "Gleitzeit", Version: o.Version}, &mcp.ServerOptions{
		Instructions: instructions, Logger: o.Log,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{ListChanged: true}},
	})
	for _, t := range s.tools() {
		s.add(t)
	}
	if o.Tools {
		s.flows()
		s.mcp.AddReceivingMiddleware(s.freshTools)
	}
	return s, nil
}

// Close lets go of the folders, when nothing is served any more.
func (s *Server) Close() error {
	s.leaving.Store(true)
	var err error
	for _, f := range s.folders {
		err = errors.Join(err, f.root.Close())
	}
	return err
}

// freshTools looks at the folders before clients are told which tools there are.
func (s *Server) freshTools(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
		if method == "tools/list" {
			s.flows()
		}
		return next(ctx, method, request)
	}
}

// lookEvery is how often the folders are looked at, so that clients hear of other tools.
const lookEvery = 2 * time.Second

// watch looks at the folders until ctx is done.
func (s *Server) watch(ctx context.Context) {
	if !s.options.Tools {
		return
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.flows()
		}
	}
}

// ServeStreams serves one client until its input ends or ctx is done; either is no error.
func (s *Server) ServeStreams(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go s.watch(ctx)
	session, err := s.mcp.Connect(ctx, &mcp.IOTransport{Reader: io.NopCloser(in), Writer: unclosed{out}}, nil)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err := <-ended:
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
			err = nil
		}
		return err
	case <-ctx.Done():
		s.leaving.Store(true)
		return nil // The process ends; a read from a terminal or a pipe cannot be interrupted.
	}
}

// unclosed is a writer that others go on to use.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// withCause gives a call a context that says why it ends. The SDK ends that of a call which its client cancels with the
// cause context.Canceled, and those of a session that has ended with what ended it.
func (s *Server) withCause(ctx context.Context) (context.Context, func()) {
	inner, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		if errors.Is(cause, context.Canceled) && !s.leaving.Load() {
			cause = ErrCalledOff
		}
		end(cause)
	})
	return inner, func() { stop(); end(nil) }
}

// tell returns what tells the client how far the run of its call has come, where it wants to know.
func (c *call) tell() func(Step) {
	token := c.request.Params.GetProgressToken()
	if token == nil {
		return func(Step) {}
	}
	return func(step Step) {
		// A client that does not hear it hears the end.
		_ = c.request.Session.NotifyProgress(c.ctx, &mcp.ProgressNotificationParams{
			ProgressToken: token, Message: step.Text, Progress: step.Done, Total: float64(step.Total),
		})
	}
}
