// Package mcpserver is Gleitzeit as an MCP server: tools that validate, run, submit, follow and read workflows, and
// optionally a tool for each workflow of some folders. Models use it: it reads no files but workflows beneath its folders,
// and does not run workflows that a client wrote, unless the options allow both. Runs executes the runs.
package mcpserver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/mcptask"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Options configure a server.
type Options struct {
	Version string
	// Folders contain the workflows that clients may run.
	Folders []string
	// Tools adds a tool for each workflow in the folders.
	Tools bool
	// Any allows workflows from anywhere, and workflows that clients write. Clients can then do whatever the user can.
	Any bool
	// Folder is the absolute path of the server's working directory. If Any is set, relative paths start there, and workflows
	// that clients write run there.
	Folder string
	// Specs are the protocols that workflows may use.
	Specs []protocol.Spec
	// Tell shows a text of one or more lines to the user who started the server.
	Tell func(text string)
	// Log is for internal events.
	Log *slog.Logger
}

// Server is an MCP server. It may have many sessions.
type Server struct {
	options Options
	runs    Runs
	mcp     *mcp.Server
	library *library
	catalog *catalog
	tasks   sync.Map    // By the id of a run that is a task: the resultForm of its result.
	calls   *openCalls  // Those of the client of ServeStreams.
	closing atomic.Bool // Contexts end because the server stops.
}

const instructions = "Gleitzeit runs workflows of prompts, Python and tools that are written in YAML. list_workflows shows what can be run. " +
	"run_workflow runs one and waits; for long ones use submit_workflow, and follow_run until the run has ended. run_results returns the result of each task."

// New returns a server whose tools execute runs by runs. Close closes the folders.
func New(o Options, runs Runs) (*Server, error) {
	library, err := openLibrary(o)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, runs: runs, library: library, calls: newOpenCalls()}
	s.mcp = mcp.NewServer(&mcp.Implementation{Name: "gleitzeit", Title: "Gleitzeit", Version: o.Version}, &mcp.ServerOptions{
		Instructions: instructions, Logger: o.Log,
		Capabilities: &mcp.ServerCapabilities{
			Tools: &mcp.ToolCapabilities{ListChanged: true}, Extensions: map[string]any{mcptask.Extension: document{}},
		},
	})
	s.catalog = &catalog{
		library: library, report: s.report, publish: o.Tools, mcp: s.mcp, reserved: map[string]bool{}, handler: s.workflowHandler,
		reported: map[string]string{},
	}
	for _, t := range tools(o.Any) {
		s.catalog.reserved[t.name] = true
		s.addTool(t)
	}
	if o.Tools {
		s.catalog.refresh()
		s.mcp.AddReceivingMiddleware(s.refreshTools)
	}
	if err := s.addTaskMethods(); err != nil {
		return nil, errors.Join(err, library.close())
	}
	return s, nil
}

// report shows a text to the user, unless the server stops.
func (s *Server) report(text string) {
	if !s.closing.Load() {
		s.options.Tell(text)
	}
}

// Close closes the folders, after everything has been served.
func (s *Server) Close() error {
	s.closing.Store(true)
	return s.library.close()
}

// refreshTools updates the tools of workflows before a client lists the tools.
func (s *Server) refreshTools(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
		if method == "tools/list" {
			s.catalog.refresh()
		}
		return next(ctx, method, request)
	}
}

// refreshInterval is how often the tools of workflows are updated, so that clients are notified of changes.
const refreshInterval = 2 * time.Second

// watch updates the tools of workflows until ctx is done.
func (s *Server) watch(ctx context.Context) {
	if !s.options.Tools {
		return
	}
	ticker := time.NewTicker(refreshInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.catalog.refresh()
		}
	}
}

// ServeStreams serves one client until its input ends or ctx is done. Neither is an error. Calls that have been read when the
// input ends are answered, unless they wait for the end of a run.
func (s *Server) ServeStreams(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go s.watch(ctx)
	session, err := s.mcp.Connect(ctx, &lineTransport{in, out, s.calls, s.report}, nil)
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
		s.closing.Store(true)
		return nil // The process ends; a read from a terminal or a pipe cannot be interrupted.
	}
}

// withCause returns a context for a call that has the cause of its end. The SDK ends the context of a call that the client
// cancels with the cause context.Canceled, and the contexts of a session that has ended with the cause of that.
func (s *Server) withCause(ctx context.Context) (context.Context, func()) {
	inner, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		if errors.Is(cause, context.Canceled) && !s.closing.Load() {
			cause = ErrCallCancelled
		}
		end(cause)
	})
	return inner, func() { stop(); end(nil) }
}
