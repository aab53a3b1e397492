package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/mcp/stdio"
	"github.com/gleitzeit/gleitzeit/activities/mcp/wire"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/mcptask"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// connection is a session with a server, and what belongs to it.
type connection struct {
	session *mcp.ClientSession
	process *stdio.Process // Nil if the server is an address or built in.
	finish  func()         // Releases what else belongs to it; may be nil.
	known   *known
	done    chan struct{} // Closed when the session has ended, on either side.

	tokens   atomic.Int64
	progress sync.Map // Of calls in flight: a protocol.Progress by token.

	toolsLock chan struct{} // A lock on tools whose wait can be cancelled.
	tools     *toolList     // Nil until they have been listed; guarded by toolsLock.
	dropped   *droppedTools // By the list that is being read.
}

// toolList is the list of a server's tools.
type toolList struct {
	tools      []tool
	unreadable map[string]*protocol.Error // Those that cannot be read, by name, with the errors of calls of them.
}

// tool is a tool as the server describes it.
type tool struct {
	*mcp.Tool
	arguments  *jsonschema.Schema // Nil if its schema is invalid.
	output     *jsonschema.Schema // Of the structured content; nil if there is none, or it is invalid.
	repeatable bool               // A second call with the same arguments does no harm.
}

const (
	// closeTimeout is the time limit for closing the session after its program has exited.
	closeTimeout = 2 * time.Second
	// maxPages is the maximum number of pages of a list: a server may repeat its cursors forever.
	maxPages = 1000
)

// dialProgram starts the server's program.
func dialProgram(ctx context.Context, s *server, h handshake) (*connection, error) {
	env, err := s.expand(s.Env)
	if err != nil {
		return nil, err
	}
	p, err := stdio.Start(stdio.Program{
		Server: s.Name, Command: s.Command, Args: s.Args, Cwd: s.Cwd, Env: env, Lookup: s.env, Log: s.log, Secrets: &s.known.calls,
	})
	if err != nil {
		return nil, err
	}
	s.setStarting(p)
	dropped := &droppedTools{}
	messages := wire.NewSession(wire.Report{Stray: p.Stray, Dropped: s.reportDropped(dropped)})
	transport := &mcp.IOTransport{Reader: messages.Reader(p.Stdout()), Writer: messages.Writer(p.Stdin()), MaxLineLength: -1}
	h.starting = p.Unread
	conn, err := open(ctx, transport, h, &s.known)
	if err != nil {
		text := reason(err)
		if ctx.Err() == nil && closed(err) {
			if exit := p.Exit(); exit != "" { // Before End, which makes any program exit.
				text = fmt.Sprintf("its program exited (%s)", exit)
			}
		}
		p.End()
		return nil, startFailure{err, s.known.calls.String(text), p.LastOutput()}
	}
	conn.process, conn.dropped = p, dropped
	return conn, nil
}

// open starts a session over a transport.
func open(ctx context.Context, transport mcp.Transport, h handshake, given *known) (*connection, error) {
	conn := &connection{dropped: &droppedTools{}, done: make(chan struct{}), toolsLock: make(chan struct{}, 1), known: given}
	client := mcp.NewClient(&mcp.Implementation{Name: "gleitzeit", Version: "v1"}, &mcp.ClientOptions{
		Logger: slog.New(slog.DiscardHandler),
		// None: a server that learns that the client has roots uses only those folders, and there are none.
		Capabilities:                &mcp.ClientCapabilities{Extensions: map[string]any{mcptask.Extension: map[string]any{}}},
		ProgressNotificationHandler: conn.reportProgress,
	})
	if err := addTasks(client); err != nil {
		return nil, err
	}
	session, err := h.connect(ctx, client, transport)
	if err != nil {
		return nil, err
	}
	conn.session = session
	go func() {
		_ = session.Wait() // The calls on it return the error.
		close(conn.done)
	}()
	return conn, nil
}

// close ends the session and what belongs to it.
func (conn *connection) close() {
	if conn.process != nil {
		conn.process.End()
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = conn.session.Close() // The connection is given up in any case.
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
	if conn.finish != nil {
		conn.finish()
	}
}

// lastOutput returns the last lines of the stderr of the server's program, to be appended to a message.
func (conn *connection) lastOutput() string {
	if conn.process == nil {
		return ""
	}
	return conn.process.LastOutput()
}

// trackProgress makes the server report the progress of a call. The returned function ends that.
func (conn *connection) trackProgress(params interface{ SetProgressToken(any) }, progress protocol.Progress) (forget func()) {
	token := "gleitzeit-" + strconv.FormatInt(conn.tokens.Add(1), 10)
	params.SetProgressToken(token)
	conn.progress.Store(token, progress)
	return func() { conn.progress.Delete(token) }
}

func (conn *connection) reportProgress(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
	stored, known := conn.progress.Load(fmt.Sprint(request.Params.ProgressToken))
	if !known {
		return
	}
	if progress, is := stored.(protocol.Progress); is {
		progress(conn.known.calls.String(progressText(request.Params)))
	}
}

// progressText returns the progress of a call as text: "3 of 5: reading".
func progressText(p *mcp.ProgressNotificationParams) string {
	text := strconv.FormatFloat(p.Progress, 'f', -1, 64)
	if p.Total > 0 {
		text += " of " + strconv.FormatFloat(p.Total, 'f', -1, 64)
	}
	if p.Message != "" {
		text += ": " + p.Message
	}
	return text
}

// listTools returns the server's tools, from memory unless refresh is set.
func (conn *connection) listTools(ctx context.Context, refresh bool) (*toolList, error) {
	select {
	case conn.toolsLock <- struct{}{}:
		defer func() { <-conn.toolsLock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if conn.tools != nil && !refresh {
		return conn.tools, nil
	}
	list := &toolList{}
	if conn.session.InitializeResult().Capabilities.Tools == nil {
		conn.tools = list
		return list, nil
	}
	conn.dropped.take() // By a list that was not read to its end.
	params := &mcp.ListToolsParams{}
	for range maxPages {
		page, err := conn.session.ListTools(ctx, params)
		if err != nil {
			return nil, err
		}
		for _, described := range page.Tools {
			list.tools = append(list.tools, tool{described, argumentSchema(described), outputSchema(described), repeatable(described.Annotations)})
		}
		if page.NextCursor == "" {
			list.unreadable = conn.dropped.take()
			conn.tools = list
			return list, nil
		}
		params = &mcp.ListToolsParams{Cursor: page.NextCursor}
	}
	return nil, errTooManyPages("tools")
}

func errTooManyPages(what string) error {
	return protocol.Errorf(protocol.TaskResultInvalid, "the list of %s has more than %d pages", what, maxPages)
}

// repeatable reports whether a tool can be called again when the outcome of the first call is unknown.
func repeatable(annotations *mcp.ToolAnnotations) bool {
	return annotations != nil && (annotations.ReadOnlyHint || annotations.IdempotentHint)
}

// argumentSchema compiles the schema of a tool's arguments, with the digits that the server wrote.
func argumentSchema(described *mcp.Tool) *jsonschema.Schema {
	if exact, is := described.Meta[wire.SchemaKey].(string); is {
		delete(described.Meta, wire.SchemaKey)
		described.InputSchema = json.RawMessage(exact)
	}
	return compiled(described.InputSchema)
}

// compiled returns a schema of a tool; nil if it is invalid. Then only the server checks what it is for.
func compiled(described any) *jsonschema.Schema {
	schema, err := json.Marshal(described)
	if err != nil {
		return nil
	}
	compiled, err := jsonschema.Compile(schema)
	if err != nil {
		return nil
	}
	return compiled
}

func outputSchema(described *mcp.Tool) *jsonschema.Schema {
	if described.OutputSchema == nil {
		return nil
	}
	return compiled(described.OutputSchema)
}

// findTool returns the tool with the name, and the tools of the server. A list without the tool is requested again, because
// lists change. A tool that cannot be read is an error.
func (conn *connection) findTool(ctx context.Context, name string) (found tool, all []tool, err error) {
	var list *toolList
	for _, refresh := range []bool{false, true} {
		if list, err = conn.listTools(ctx, refresh); err != nil {
			return tool{}, nil, err
		}
		for _, t := range list.tools {
			if t.Name == name {
				return t, list.tools, nil
			}
		}
	}
	if failure := list.unreadable[name]; failure != nil {
		return tool{}, nil, failure
	}
	return tool{}, list.tools, nil
}
